// SPDX-License-Identifier: Apache-2.0
// What the log says of connections: that they open and end, join and leave, send requests, are refused or too slow.
// Clients cause it as often as they like, so of each kind only some lines a second are written, and the next one says
// how many were held back. One per gate, its thread only. Nothing is made for a level that is not logged.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/log.h"
#include "client/clients.h"
#include "client/session_stats.h"
#include "reactor/connection.h"

namespace ringcast::session {

class ConnectionLog {
 public:
  // `address_of` finds a client's address (a system call); it is called for lines that are written only.
  ConnectionLog(Clients& clients, std::function<IpAddress(const Client&)> address_of)
      : clients_(clients), find_address_(std::move(address_of)) {}

  // Polls, which come and go with each request, are logged as requests only.
  void opened(const Client& client, TransportKind transport);
  void ended(const Client& client, TransportKind transport, uint32_t deciseconds, reactor::CloseCause cause);
  // `members`: of the room, this client included.
  void joined(const Client& client, std::string_view key, uint32_t members);
  // By the core that owns the room, which may not be the client's: `members` are left.
  void left(const hub::Address& who, std::string_view key, std::string_view user, std::string_view reason,
            uint32_t members);
  void published(const Client& client, std::string_view key, size_t bytes);
  // With its query left out, which may hold a token.
  void request(const Client& client, std::string_view method, std::string_view path);
  // `status`: of HTTP or a close frame; 0: the connection goes on. What settings or the state of the server decide is
  // logged as info, with those settings; mistakes in what was sent as debug.
  void refused(const Client& client, uint16_t status, std::string_view code, std::string_view why);
  // A mistake whose answer does not say what is wrong: the only place where it is said, so at info.
  void not_explained(const Client& client, uint16_t status, std::string_view code, std::string_view why);
  // Messages that a slow client does not get.
  void dropped(const Client& client, uint64_t messages);
  // A connection that is ended because its client reads too slowly.
  void slow(const Client& client, reactor::CloseCause cause, uint64_t unsent_bytes);

 private:
  struct Line;
  std::string address_of(const Client& client) const;
  uint64_t open_clients() const;

  Clients& clients_;
  std::function<IpAddress(const Client&)> find_address_;
  LogSampler opened_, ended_, refused_, not_explained_, slow_;
  // Debugging wants more of them.
  static constexpr uint32_t kDebugBurst = 200;
  LogSampler joined_, left_, dropped_, requests_{kDebugBurst}, mistakes_{kDebugBurst}, published_{kDebugBurst};
};

}  // namespace ringcast::session
