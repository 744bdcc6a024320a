// ringcast::Hooks: where the host program takes part. All are called on a reactor's thread: they must return at once
// (hand longer work to a thread of your own), must not throw, and see one client at a time per core but several cores
// at the same time.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace ringcast {

struct Client {
  std::string connection;  // its public id
  std::string user;        // "anonymous" without one
  std::string tenant;
};

struct Hooks {
  // A WebSocket's text message whose `action` is none of the server's own; `text` is the JSON as it came (at most
  // `message_size_max` bytes). True: taken; false: the client is told `unknown_action`.
  std::function<bool(const Client& client, std::string_view text)> on_action;
};

}  // namespace ringcast
