// SPDX-License-Identifier: Apache-2.0
#include "transport/websocket/held_messages.h"

#include <algorithm>
#include <utility>

#include "base/erase_at.h"

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

HeldLine& HeldMessages::add(hub::ConnectionId id, std::string_view key, uint16_t owner) {
  asking_.push_back({id, std::string(key), owner, HeldLine::State::asking, 0, {}});
  by_connection_[pack(id)].lines.push_back(std::prev(asking_.end()));
  return asking_.back();
}

// As many as the connection publishes to at once, undecided_messages_max at most.
HeldMessages::Lines::iterator HeldMessages::place_of(const HeldLine& line) {
  const std::vector<Lines::iterator>& of_connection = by_connection_.at(pack(line.id)).lines;
  return *std::find_if(of_connection.begin(), of_connection.end(), [&](const auto& one) { return &*one == &line; });
}

void HeldMessages::set_state(HeldLine& line, HeldLine::State state) {
  if (line.state == state) return;
  if (line.owner >= allowed_.size()) allowed_.resize(size_t{line.owner} + 1);
  const Lines::iterator place = place_of(line);
  Lines& from = lines_of(line);
  line.state = state;
  Lines& to = lines_of(line);
  to.splice(to.end(), from, place);
}

void HeldMessages::note_taken(hub::ConnectionId id) {
  const auto held = by_connection_.find(pack(id));
  --held.value().messages;
}

void HeldMessages::remove(HeldLine& line) {
  const auto held = by_connection_.find(pack(line.id));
  std::vector<Lines::iterator>& of_connection = held.value().lines;
  const Lines::iterator place = place_of(line);
  Lines& lines = lines_of(line);
  std::erase(of_connection, place);
  if (of_connection.empty()) erase_at(by_connection_, held);
  lines.erase(place);
}

}  // namespace ringcast::session
