// SPDX-License-Identifier: Apache-2.0
// Questions of this core that somebody else decides (hooks.h), and their answers, which come as mail or not at all:
// then their time runs out. One per gate, its thread only, but for decision_mail(), which any thread may call.
#pragma once

#include <tsl/robin_map.h>

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>

#include "client/clients.h"
#include "client/hooks.h"
#include "reactor/connection.h"
#include "reactor/mail.h"

namespace ringcast::session {

inline constexpr uint8_t kDecisionMail = 0xE1;  // value: what decision_mail() made

// The answer to a ticket, for Producer::send(ticket.core, mail, decision_bytes(decision)). Owns the decision.
reactor::Mail decision_mail(Ticket ticket, HookDecision decision);
uint32_t decision_bytes(const HookDecision& decision);
// Mail that nobody will read any more.
void discard_decision(const reactor::Mail& mail);

// What a client is sent for a refusal, where hooks had no words of their own. `what`: "this message".
void complete_refusal(HookDecision& refusal, std::string_view what);

class DecisionListener;

class Decisions {
 public:
  enum class About : uint8_t { connect, message_over_http, message_over_websocket, message_over_socketio };

  Decisions(Clients& clients, DecisionListener& listener) : clients_(clients), listener_(listener) {}

  Ticket open(About about, reactor::ConnectionId id);
  // Decided at once: nothing more comes of the ticket.
  void close(Ticket ticket) { open_.erase(ticket.number); }

  // False when the mail is somebody else's.
  bool on_mail(const reactor::Mail& mail);
  void on_interval();  // those whose time is over
  size_t size() const { return open_.size(); }

 private:
  struct Question {
    About about;
    reactor::ConnectionId id;
  };
  struct Due {
    std::chrono::nanoseconds at;
    uint64_t number;
  };
  void answer(uint64_t number, HookDecision decision);

  Clients& clients_;
  DecisionListener& listener_;
  tsl::robin_map<uint64_t, Question> open_;  // bounded by connections and by what each may have undecided
  std::deque<Due> due_;                      // in the order of asking
  uint64_t last_ = 0;
};

class DecisionListener {
 public:
  virtual ~DecisionListener() = default;
  // The answer to the ticket `number`, or that none has come in time (HookDecision::passing). The connection may be
  // gone.
  virtual void decided(Decisions::About about, reactor::ConnectionId id, uint64_t number, HookDecision decision) = 0;
};

}  // namespace ringcast::session
