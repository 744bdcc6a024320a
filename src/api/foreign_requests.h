// SPDX-License-Identifier: Apache-2.0
// What threads of the host program ask of this core (embedding API): publishes and questions that come as mail with a
// task, run here as if a connection had asked. One per gate, its thread only; tasks are made elsewhere.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "base/slab.h"
#include "client/clients.h"
#include "hub/encoder.h"
#include "hub/types.h"
#include "reactor/mail.h"

namespace ringcast::session {

// Owned by the mail that carries it, then by the core. Of the two functions the one that fits is called once, on the
// reactor's thread; never when the server stops before. `published` gets the task back, as it was but for that
// function.
struct ForeignTask {
  enum class Kind : uint8_t { publish, query };
  Kind kind = Kind::publish;
  bool final = false;
  bool local = false;  // without an id, and on this server alone
  hub::PayloadKind payload_kind = hub::PayloadKind::none;
  hub::QueryKind query = hub::QueryKind::user;
  uint32_t limit = 0;
  uint32_t ack_timeout_ms = 0;  // send_to_connection: how long an acknowledgement is waited for; 0: not at all
  std::string key, user, event, payload, idempotency_key;
  std::string tenant, after_name;
  std::string connection;  // send_to_connection: the public name
  std::function<void(std::unique_ptr<ForeignTask>, const hub::Published&)> published;
  std::function<void(const hub::Answer&)> answered;

  uint32_t bytes() const;  // what it counts of the thread's credit
};

inline constexpr uint8_t kForeignMail = 0xE0;  // value: a ForeignTask. Beside the hub's kinds, which count from 0
// The slot in ids that stand for a task instead of a connection; `generation` is the task's place.
inline constexpr uint32_t kForeignSlot = UINT32_MAX - 1;

reactor::Mail foreign_mail(std::unique_ptr<ForeignTask> task);
// For mail that nobody will read any more: gives back what it owns.
void discard_mail(const reactor::Mail& mail);

class ForeignRequests {
 public:
  ForeignRequests(Clients& clients, hub::Encoder& encoder) : clients_(clients), encoder_(encoder) {}

  // False when the mail is somebody else's.
  bool on_mail(const reactor::Mail& mail);
  static bool is_foreign(hub::ConnectionId id) { return id.slot == kForeignSlot; }
  void published(const hub::Published& published);
  void answered(const hub::Answer& answer);
  void on_credit();

 private:
  struct Pending {
    std::unique_ptr<ForeignTask> task;
    uint16_t from = 0;  // who gets credit back with the answer
    uint32_t bytes = 0;
  };
  struct Waiting {
    std::unique_ptr<ForeignTask> task;
    uint16_t from;
  };
  bool publish(std::unique_ptr<ForeignTask>& task);  // false: no credit, the task stays
  void ask(std::unique_ptr<ForeignTask> task, uint16_t from);

  Clients& clients_;
  hub::Encoder& encoder_;
  static constexpr uint32_t kAsksMax = 65'536;

  Slab<Pending> pending_{1u << 20, 64};
  uint32_t asking_ = 0;          // of them, those that wait for a client
  std::deque<Waiting> waiting_;  // bounded by the threads' credit
  std::string payload_;
};

}  // namespace ringcast::session
