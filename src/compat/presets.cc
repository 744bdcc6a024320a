// SPDX-License-Identifier: Apache-2.0
#include "compat/presets.h"

#include <algorithm>
#include <iterator>

namespace ringcast::session {
namespace {

// Room rights are given where clients have tokens and the operator has set none; see finish() of the configuration.
constexpr Preset kPresets[] = {
    {"order_status", "the order-status stream over SSE",
     R"(
[[rooms]]
match = "order-status/*"
last_value = true
final_when = {status = ["completed", "failed"]}
)"},
    {"token_hub", "the token hub over WebSocket",
     R"(
origins = ["*"]

[[routes]]
path = "/ws"
dialect = "token-hub"
without_subprotocol = true
join = ["@me", "*"]
heartbeat_interval = "30s"

[[permissions]]
match = "**"
allow = ["subscribe", "publish", "presence", "history"]
)"},
    {"resumable_stream", "the resumable stream over SSE",
     R"(
[[routes]]
path = "/messages"
transport = "post"
dialect = "feed"

[[rooms]]
match = "general"
first_id = 1
slow_consumer = "drop_oldest"

[[permissions]]
match = "general"
allow = ["subscribe", "publish", "presence", "history"]
)"},
    {"room_chat", "the room chat over WebSocket",
     R"(
origins = ["*"]

[[routes]]
path = "/ws"
without = ["username"]
join = ["@me", "*"]
single_room = true

[[routes]]
path = "/messages"
transport = "post"
dialect = "room-chat"

[[permissions]]
match = "**"
allow = ["subscribe", "publish", "presence", "history"]
)"},
    {"sse_broker", "the SSE broker module",
     R"(
sse_broker_metrics = true

[[routes]]
path = "/sse/stream"
dialect = "broker"
join = ["@me", "*"]
heartbeat_interval = "30s"
write_timeout = "5min"
outbox_messages_max = 256

[[routes]]
path = "/api/v1/notifications/stream"
dialect = "broker"
join = ["@me", "*"]
heartbeat_interval = "30s"
write_timeout = "5min"
outbox_messages_max = 256

[[routes]]
path = "/messages"
transport = "post"
dialect = "feed"

[[permissions]]
match = "**"
allow = ["subscribe", "history"]
)"},
    {"push_gateway", "the push gateway over SSE",
     R"(
token_cookie = "token"

[[routes]]
path = "/messages"
transport = "post"
dialect = "feed"

[[permissions]]
match = "**"
allow = ["broadcast"]
)"},
    {"sse_chat", "the chat room over SSE",
     R"(
origins = ["*"]

[[rooms]]
match = "lobby"
presence_leave_grace = "0s"

[[permissions]]
match = "lobby"
allow = ["subscribe", "publish", "presence", "history"]
)"},
    {"hub_chat", "the chat hub over WebSocket",
     R"(
origins = ["*"]
static_prefix = "/"

[[routes]]
path = "/ws"
dialect = "chat-hub"
without_subprotocol = true
join = ["lobby", "@me"]
message_size_max = 512
heartbeat_interval = "54s"
heartbeat_timeout = "6s"
write_timeout = "10s"

[[rooms]]
match = "lobby"
presence_leave_grace = "0s"

[[permissions]]
match = "**"
allow = ["subscribe", "publish", "presence", "history"]
)"},
    {"socketio_chat", "the Socket.IO chat",
     R"(
origins = ["*"]
static_prefix = "/"
socketio_application = "chat"

[[permissions]]
match = "**"
allow = ["subscribe", "publish", "presence", "history"]
)"},
    {"notification_poll", "polled notifications",
     R"(
poll_timeout = "30s"
)"},
};

}  // namespace

std::span<const Preset> presets() {
  return kPresets;
}

const Preset* find_preset(std::string_view name) {
  const auto* const at =
      std::find_if(std::begin(kPresets), std::end(kPresets), [&](const Preset& preset) { return preset.name == name; });
  return at == std::end(kPresets) ? nullptr : at;
}

}  // namespace ringcast::session
