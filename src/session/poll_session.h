// SPDX-License-Identifier: Apache-2.0
// A long poll: GET /poll joins its channels, collects what comes after the cursor, and answers at the end of the tick
// that brought something, or at its timeout; then the connection goes back to HTTP.
// One per core, touched by its reactor only. Everything of a poll lies in one object that lives as long as it waits.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hub/sink.h"
#include "runtime/reactor.h"
#include "session/client.h"

namespace ringcast::session {

class Gate;
struct Request;

class PollSession {
 public:
  using Connection = runtime::Connection;

  explicit PollSession(Gate& gate);

  void open(Client& client, Connection& connection, const Request& request);
  size_t on_bytes(Client& client, Connection& connection, std::span<uint8_t> bytes);
  void on_peer_gone(Client& client, Connection& connection, io::CloseReason reason);
  void on_drained(Client& client, Connection& connection);
  void on_slow(Client& client, Connection& connection, runtime::CloseCause cause);
  void on_timer(Client& client, Connection& connection);
  void on_joined(Client& client, Connection& connection, const hub::Joined& joined);
  void on_replay(Client& client, Connection& connection, std::string_view key, std::span<const Slice> canonical,
                 uint64_t first_id, uint32_t count, uint64_t gap_oldest, bool more);
  void on_left(Client& client, Connection& connection, std::string_view key, hub::LeftReason reason);
  void on_kicked(Client& client, Connection& connection);
  void drain(Client& client, Connection& connection);
  bool send_canonical(Client& client, Connection& connection, std::string_view canonical);
  void on_closed(Client& client);
  void deliver(std::string_view key, const hub::Delivery& delivery);
  // After the hub's own tick and before the flush: polls that have something are answered.
  void on_tick();

 private:
  struct Poll;

  void add(Client& client, Poll& poll, uint32_t channel, std::string_view json, uint64_t id);
  void add_by_time(Client& client, Poll& poll, std::string_view canonical, std::string_view json, bool replayed);
  void write_notifications(const Poll& poll, std::string& body) const;
  void later(Client& client, Poll& poll);
  void force(Client& client);
  void answer(Client& client, Connection& connection, Poll& poll);

  Gate& gate_;
  std::vector<ConnectionId> later_;
  std::string text_;
};

}  // namespace ringcast::session
