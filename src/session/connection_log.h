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
#include "runtime/connection.h"
#include "session/clients.h"
#include "session/session_stats.h"

namespace ringcast::session {

class ConnectionLog {
 public:
  // `address_of` finds a client's address (a system call); it is called for lines that are written only.
  ConnectionLog(Clients& clients, std::function<IpAddress(const Client&)> address_of)
      : clients_(clients), find_address_(std::move(address_of)) {}

  // Polls, which come and go with each request, are logged as requests only.
  void opened(const Client& client, TransportKind transport);
  void ended(const Client& client, TransportKind transport, uint32_t deciseconds, runtime::CloseCause cause);
  void joined(const Client& client, std::string_view key);
  void left(const Client& client, std::string_view key, std::string_view reason);
  // With its query left out, which may hold a token.
  void request(const Client& client, std::string_view method, std::string_view path);
  // `status`: of HTTP or a close frame; 0: the connection goes on. What settings or the state of the server decide is
  // logged as info, with those settings; mistakes in what was sent as debug.
  void refused(const Client& client, uint16_t status, std::string_view code, std::string_view why);
  // A connection that is ended because its client reads too slowly.
  void slow(const Client& client, runtime::CloseCause cause, uint64_t unsent_bytes);

 private:
  struct Line;
  std::string address_of(const Client& client) const;

  Clients& clients_;
  std::function<IpAddress(const Client&)> find_address_;
  LogSampler opened_, ended_, refused_, slow_;
  // Debugging wants more of them.
  static constexpr uint32_t kDebugBurst = 200;
  LogSampler joined_{kDebugBurst}, left_{kDebugBurst}, requests_{kDebugBurst}, mistakes_{kDebugBurst};
};

}  // namespace ringcast::session
