// SPDX-License-Identifier: Apache-2.0
// What hooks (hooks.h) are notified of: connections that end, and the rooms that they join and leave. Only where there
// are hooks, and for WebSockets and streams. One per core, its reactor's thread only.
#pragma once

#include <string_view>

#include "client/clients.h"
#include "client/session_stats.h"
#include "hub/hub.h"

namespace ringcast::session {

struct HookNotice;

class Announcer {
 public:
  explicit Announcer(Clients& clients) : clients_(clients) {}

  void joined(const Client& client, TransportKind transport, std::string_view key);
  void left(const Client& client, TransportKind transport, std::string_view key, std::string_view reason);
  // Every channel that it is in at the hub.
  void left_all(const Client& client, TransportKind transport, const hub::Hub& hub);
  void disconnected(const Client& client, TransportKind transport, std::string_view reason);

 private:
  void notify(const HookNotice& notice, const Client& client, TransportKind transport);

  Clients& clients_;
};

}  // namespace ringcast::session
