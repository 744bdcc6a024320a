// SPDX-License-Identifier: Apache-2.0
// A long poll: GET /poll joins its channels, collects what comes after the cursor, and answers at the end of the tick
// that brought something, or at its timeout; then the connection goes back to HTTP.
// One per core, touched by its reactor only. Everything of a poll lies in one object that lives as long as it waits.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "client/client.h"
#include "hub/sink.h"
#include "reactor/reactor.h"
#include "reactor/turn_queue.h"
#include "transport/transport.h"

namespace ringcast::session {

class Gate;
struct Request;

class PollSession final : public Transport {
 public:
  explicit PollSession(Gate& gate);

  TransportKind kind() const override { return TransportKind::poll; }
  bool goes_back(const Client&) const override { return true; }
  void open(Client& client, Connection& connection, const Request& request) override;
  size_t on_bytes(Client& client, Connection& connection, std::span<uint8_t> bytes) override;
  void on_peer_gone(Client& client, Connection& connection) override;
  bool ends_with_peer() const override { return true; }
  void on_drained(Client& client, Connection& connection) override;
  void on_slow(Client& client, Connection& connection, reactor::CloseCause cause) override;
  void on_timer(Client& client, Connection& connection) override;
  void on_joined(Client& client, Connection& connection, const hub::Joined& joined) override;
  void on_replay(Client& client, Connection& connection, std::string_view key, std::span<const Slice> canonical,
                 uint64_t first_id, uint32_t count, uint64_t gap_oldest) override;
  void on_left(Client& client, Connection& connection, std::string_view key, hub::LeftReason reason) override;
  void on_kicked(Client& client, Connection& connection) override;
  void end_token(Client& client, Connection& connection, TokenEnd how) override;
  void drain(Client& client, Connection& connection) override;
  bool send_canonical(Client& client, Connection& connection, std::string_view canonical) override;
  void on_closed(Client& client, reactor::CloseCause cause) override;
  void deliver(std::string_view key, const hub::Delivery& delivery) override;
  // After the hub's own tick and before the flush: polls that have something are answered.
  void on_tick() override;

 private:
  struct Poll;
  enum class Refusal : uint8_t;

  void open_posted(Client& client, Connection& connection, const Request& request);
  void begin(Client& client, Connection& connection, const Request& request, std::unique_ptr<Poll> made,
             uint64_t timeout_s);
  void add_refused(const Client& client, Poll& poll, std::string_view room, std::string_view code,
                   std::string_view message);
  void refuse_channel(const Client& client, Poll& poll, uint32_t at, Refusal refusal);
  void add(Client& client, Poll& poll, uint32_t channel, std::string_view json, uint64_t id);
  void add_by_time(Client& client, Poll& poll, std::string_view canonical, std::string_view json, bool replayed);
  void write_notifications(const Poll& poll, std::string& body) const;
  void later(Client& client, Poll& poll);
  void answer(Client& client, Connection& connection, Poll& poll);
  void refuse(Client& client, Connection& connection, Refusal refusal);

  Gate& gate_;
  reactor::TurnQueue later_;
  std::string text_;
};

}  // namespace ringcast::session
