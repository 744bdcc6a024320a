// SPDX-License-Identifier: Apache-2.0
#include "client/announcer.h"

#include "client/hooks.h"

namespace ringcast::session {

void Announcer::joined(const Client& client, TransportKind transport, std::string_view key) {
  notify({.event = HookEvent::join, .room = hub::name_of(key)}, client, transport);
}

void Announcer::left(const Client& client, TransportKind transport, std::string_view key, std::string_view reason) {
  notify({.event = HookEvent::leave, .room = hub::name_of(key), .reason = reason}, client, transport);
}

void Announcer::left_all(const Client& client, TransportKind transport, const hub::Hub& hub) {
  if (!clients_.hooks()->wants(HookEvent::leave, {})) return;
  std::vector<std::string> keys;
  hub.append_joined(client.id, keys);
  for (const std::string& key : keys) left(client, transport, key, "disconnected");
}

void Announcer::disconnected(const Client& client, TransportKind transport, std::string_view reason) {
  notify({.event = HookEvent::disconnect, .reason = reason}, client, transport);
}

void Announcer::notify(const HookNotice& notice, const Client& client, TransportKind transport) {
  if (hub::is_inbox(notice.room) || hub::is_broadcast(notice.room)) return;
  if (!clients_.hooks()->wants(notice.event, notice.room)) return;
  std::string name;
  clients_.append_name(name, client);
  HookNotice whole = notice;
  whole.core = clients_.core();
  whole.time_us = clients_.reactor().wall_us();
  whole.client = {.connection = name,
                  .user = client.user(),
                  .tenant = client.tenant(),
                  .transport = to_string(transport),
                  .address = {}};
  clients_.hooks()->notify(whole);
}

}  // namespace ringcast::session
