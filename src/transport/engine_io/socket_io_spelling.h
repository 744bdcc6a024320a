// SPDX-License-Identifier: Apache-2.0
// What a client of Socket.IO is sent for a message of ringcast: the name of an event and its one argument
// (docs/socketio.md has the table). Pure functions; any thread.
#pragma once

#include <string>
#include <string_view>

#include "compat/canonical.h"

namespace ringcast::session {

struct SocketIoSpelled {
  std::string json;             // ["message",{…}]
  std::string_view attachment;  // of a binary message; it stands as attachment 0 in `json`
  bool binary = false;
};

// `everyone`: the message is of the room that everybody of a namespace is in, or of all. False: it is not shown.
bool spell_socket_io(const Canonical& message, bool everyone, SocketIoSpelled& out);

}  // namespace ringcast::session
