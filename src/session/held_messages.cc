// SPDX-License-Identifier: Apache-2.0
#include "session/held_messages.h"

#include <algorithm>
#include <utility>

namespace ringcast::session {

HeldMessage::HeldMessage(const hub::Publish& publish, AckNote* with)
    : user(publish.user),
      connection(publish.connection),
      event(publish.event),
      payload(publish.payload),
      idempotency_key(publish.idempotency_key),
      kind(publish.kind),
      exclude(publish.exclude),
      ephemeral(publish.ephemeral) {
  if (with != nullptr) note = std::move(*with);
}

hub::Publish HeldMessage::to_publish(std::string_view key) const {
  hub::Publish publish;
  publish.key = key;
  publish.user = user;
  publish.connection = connection;
  publish.event = event;
  publish.kind = kind;
  publish.payload = payload;
  publish.idempotency_key = idempotency_key;
  publish.exclude = exclude;
  publish.ephemeral = ephemeral;
  return publish;
}

void HeldMessage::change(HookDecision& decision) {
  if (decision.event) event = std::move(*decision.event);
  if (!decision.payload) return;
  payload = std::move(*decision.payload);
  kind = decision.kind;
}

HeldLine* HeldMessages::find(hub::ConnectionId id, std::string_view key) {
  const auto held = by_connection_.find(pack(id));
  if (held == by_connection_.end()) return nullptr;
  for (const Lines::iterator line : held->second.lines) {
    if (line->key == key) return &*line;
  }
  return nullptr;
}

HeldLine* HeldMessages::find(hub::ConnectionId id, uint64_t ticket) {
  const auto held = by_connection_.find(pack(id));
  if (held == by_connection_.end()) return nullptr;
  for (const Lines::iterator line : held->second.lines) {
    if (line->state == HeldLine::State::asking && line->ticket == ticket) return &*line;
  }
  return nullptr;
}

uint32_t HeldMessages::count(hub::ConnectionId id) const {
  const auto held = by_connection_.find(pack(id));
  return held == by_connection_.end() ? 0 : held->second.messages;
}

HeldLine& HeldMessages::add(hub::ConnectionId id, std::string_view key) {
  lines_.push_back({id, std::string(key), HeldLine::State::asking, 0, {}});
  by_connection_[pack(id)].lines.push_back(std::prev(lines_.end()));
  return lines_.back();
}

void HeldMessages::note_taken(hub::ConnectionId id) {
  const auto held = by_connection_.find(pack(id));
  --held.value().messages;
}

void HeldMessages::remove(HeldLine& line) {
  const auto held = by_connection_.find(pack(line.id));
  std::vector<Lines::iterator>& of_connection = held.value().lines;
  const auto at =
      std::find_if(of_connection.begin(), of_connection.end(), [&](const auto& one) { return &*one == &line; });
  const Lines::iterator in_lines = *at;
  of_connection.erase(at);
  if (of_connection.empty()) by_connection_.erase(held);
  lines_.erase(in_lines);
}

}  // namespace ringcast::session
