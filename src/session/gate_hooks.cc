// Gate: what hooks are told of connections, their rooms, and rooms as such.

#include "session/gate.h"
#include "session/hooks.h"
#include "session/occupancy.h"

namespace ringcast::session {

namespace {

std::string_view transport_of(const Client& client) {
  return client.kind == Kind::websocket ? "websocket" : "sse";
}

HookClient hook_client(const Client& client, std::string_view name) {
  return {.connection = name,
          .user = client.user(),
          .tenant = client.tenant(),
          .transport = transport_of(client),
          .address = {}};
}

}  // namespace

void Gate::tell_joined(const Client& client, std::string_view key, bool joined, std::string_view reason) {
  const HookEvent event = joined ? HookEvent::join : HookEvent::leave;
  const std::string_view room = hub::name_of(key);
  if (hub::is_inbox(room) || hub::is_broadcast(room) || !shared_.hooks->wants(event, room)) return;
  std::string name;
  append_name(name, client);
  shared_.hooks->notify({.event = event,
                         .core = core(),
                         .time_us = reactor_.wall_us(),
                         .client = hook_client(client, name),
                         .room = room,
                         .reason = reason});
}

void Gate::tell_left_all(const Client& client) {
  if (!shared_.hooks->wants(HookEvent::leave, {})) return;
  std::vector<std::string> keys;
  hub_->append_joined(client.id, keys);
  for (const std::string& key : keys) tell_joined(client, key, false, "disconnected");
}

void Gate::tell_disconnected(const Client& client, std::string_view reason) {
  if (!shared_.hooks->wants(HookEvent::disconnect, {})) return;
  std::string name;
  append_name(name, client);
  shared_.hooks->notify({.event = HookEvent::disconnect,
                         .core = core(),
                         .time_us = reactor_.wall_us(),
                         .client = hook_client(client, name),
                         .room = {},
                         .reason = reason});
}

void Gate::occupancy(std::string_view key, bool occupied) {
  occupancy_->changed(key, occupied);
}

}  // namespace ringcast::session
