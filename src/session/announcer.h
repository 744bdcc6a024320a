// SPDX-License-Identifier: Apache-2.0
// What hooks (hooks.h) are notified of: connections that end, and the rooms that they join and leave. Only where there
// are hooks, and for WebSockets and streams. One per core, its reactor's thread only.
#pragma once

#include <string_view>

#include "session/client.h"

namespace ringcast::session {

class Gate;
struct HookClient;

class Announcer {
 public:
  explicit Announcer(Gate& gate) : gate_(gate) {}

  void joined(const Client& client, std::string_view key);
  void left(const Client& client, std::string_view key, std::string_view reason);
  void left_all(const Client& client);
  void disconnected(const Client& client, std::string_view reason);

 private:
  HookClient hook_client(const Client& client, std::string_view name) const;
  void notify(const Client& client, std::string_view key, bool joined, std::string_view reason);

  Gate& gate_;
};

}  // namespace ringcast::session
