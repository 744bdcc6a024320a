// SPDX-License-Identifier: Apache-2.0
#include "transport/websocket/websocket_room.h"

#include "codec/native/names.h"

namespace ringcast::session {

std::string_view current_room(const hub::Hub& hub, const Client& client) {
  return hub.is_in(client.id, client.room) ? hub.key_of(client.room) : std::string_view();
}

void note_left(const hub::Hub& hub, Client& client) {
  if (!hub.is_in(client.id, client.room)) client.room = kNoIndex;
}

std::optional<Error> resolve_room(const hub::Hub& hub, const Client& client, std::string_view room, std::string& key) {
  if (room.empty()) {
    key.assign(current_room(hub, client));
    if (key.empty()) return Error{"no_room", "name a room or join one first"};
    return std::nullopt;
  }
  if (room == codec::kOwnInbox) {
    if (client.anonymous) return Error{"forbidden", "who is anonymous has no inbox"};
    key.assign(client.inbox_key());
    return std::nullopt;
  }
  key.assign(client.tenant());
  key += hub::kTenantEnd;
  key += room;
  return std::nullopt;
}

}  // namespace ringcast::session
