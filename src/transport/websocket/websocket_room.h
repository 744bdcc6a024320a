// SPDX-License-Identifier: Apache-2.0
// Which channel an action of a WebSocket is about. Pure functions; the client's core only.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "client/client.h"
#include "hub/hub.h"

namespace ringcast::session {

// The room that the client has joined last, as a key; empty: none.
std::string_view current_room(const hub::Hub& hub, const Client& client);
// Forgets it when that was what the client has left.
void note_left(const hub::Hub& hub, Client& client);
// `room` as an action names it ("@me" is the client's inbox; empty: its current room). Sets `key`, or says what is
// wrong.
[[nodiscard]] std::optional<Error> resolve_room(const hub::Hub& hub, const Client& client, std::string_view room,
                                                std::string& key);

}  // namespace ringcast::session
