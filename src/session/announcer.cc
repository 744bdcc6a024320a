// SPDX-License-Identifier: Apache-2.0
#include "session/announcer.h"

#include "session/gate.h"
#include "session/hooks.h"
#include "session/transport.h"

namespace ringcast::session {

HookClient Announcer::hook_client(const Client& client, std::string_view name) const {
  return {.connection = name,
          .user = client.user(),
          .tenant = client.tenant(),
          .transport = to_string(gate_.transport_of(client)->kind()),
          .address = {}};
}

void Announcer::joined(const Client& client, std::string_view key) {
  notify(client, key, true, {});
}

void Announcer::left(const Client& client, std::string_view key, std::string_view reason) {
  notify(client, key, false, reason);
}

void Announcer::notify(const Client& client, std::string_view key, bool joined, std::string_view reason) {
  const HookEvent event = joined ? HookEvent::join : HookEvent::leave;
  const std::string_view room = hub::name_of(key);
  if (hub::is_inbox(room) || hub::is_broadcast(room) || !gate_.hooks()->wants(event, room)) return;
  std::string name;
  gate_.append_name(name, client);
  gate_.hooks()->notify({.event = event,
                         .core = gate_.core(),
                         .time_us = gate_.reactor().wall_us(),
                         .client = hook_client(client, name),
                         .room = room,
                         .reason = reason});
}

void Announcer::left_all(const Client& client) {
  if (!gate_.hooks()->wants(HookEvent::leave, {})) return;
  std::vector<std::string> keys;
  gate_.hub().append_joined(client.id, keys);
  for (const std::string& key : keys) left(client, key, "disconnected");
}

void Announcer::disconnected(const Client& client, std::string_view reason) {
  if (!gate_.hooks()->wants(HookEvent::disconnect, {})) return;
  std::string name;
  gate_.append_name(name, client);
  gate_.hooks()->notify({.event = HookEvent::disconnect,
                         .core = gate_.core(),
                         .time_us = gate_.reactor().wall_us(),
                         .client = hook_client(client, name),
                         .room = {},
                         .reason = reason});
}

}  // namespace ringcast::session
