// Where a host program takes part (embedding API). Implemented above; called on each core's reactor thread.
#pragma once

#include <string_view>

namespace ringcast::session {

struct HookClient {
  std::string_view connection;  // the public name
  std::string_view user;
  std::string_view tenant;
};

class Hooks {
 public:
  virtual ~Hooks() = default;
  // A WebSocket's action that the server does not know; true: taken.
  virtual bool on_action(const HookClient& client, std::string_view text) = 0;
};

}  // namespace ringcast::session
