// SPDX-License-Identifier: Apache-2.0
#include "receiver.h"

#include <charconv>

#include "codec/text/base64.h"

namespace ringcast::simulation {

namespace {

// More messages than a room gets in a whole run: a range beyond it is wrong, and not one to walk through.
constexpr uint64_t kJumpMax = 10'000;

// Where the value of a field begins.
size_t value_at(std::string_view json, std::string_view name) {
  std::string field = "\"";
  field += name;
  field += "\":";
  const size_t found = json.find(field);
  return found == std::string_view::npos ? found : found + field.size();
}

}  // namespace

std::string_view json_text(std::string_view json, std::string_view name) {
  const size_t at = value_at(json, name);
  if (at == std::string_view::npos || json[at] != '"') return {};
  return json.substr(at + 1, json.find('"', at + 1) - at - 1);
}

std::optional<uint64_t> json_number(std::string_view json, std::string_view name) {
  const size_t at = value_at(json, name);
  if (at == std::string_view::npos) return std::nullopt;
  uint64_t value = 0;
  const auto read = std::from_chars(json.data() + at, json.data() + json.size(), value);
  return read.ec == std::errc() ? std::optional(value) : std::nullopt;
}

bool json_flag(std::string_view json, std::string_view name) {
  const size_t at = value_at(json, name);
  return at != std::string_view::npos && json.substr(at, 4) == "true";
}

void Receiver::begin(std::string_view room, uint64_t position, std::optional<uint64_t> cursor) {
  Channel& channel = channels_[std::string(room)];
  channel = Channel{};
  channel.next = position + 1;
  channel.gap_due = cursor.has_value() && *cursor != position;
}

void Receiver::end(std::string_view room) {
  const auto found = channels_.find(room);
  if (found == channels_.end()) violated("stray", "left " + std::string(room) + " without being in it");
  channels_.erase(found);
}

std::optional<uint64_t> Receiver::position(std::string_view room) const {
  const auto found = channels_.find(room);
  return found == channels_.end() ? std::nullopt : std::optional(found->second.next - 1);
}

std::vector<std::string> Receiver::rooms() const {
  std::vector<std::string> out;
  for (const auto& entry : channels_) out.push_back(entry.first);
  return out;
}

Receiver::Channel& Receiver::at(std::string_view room, std::string_view why) {
  const auto found = channels_.find(room);
  if (found == channels_.end()) violated("stray", std::string(why) + " of " + std::string(room) + ", not joined");
  return found->second;
}

void Receiver::check_holes(std::string_view room, const Channel& channel) {
  if (channel.holes.empty()) return;
  const auto own = channels_excluded_.find(room);
  const size_t allowed = own == channels_excluded_.end() ? 0 : own->second.unanswered;
  if (channel.holes.size() > allowed) {
    violated("sequence", std::string(room) + " " + std::to_string(*channel.holes.begin()) + " is missing before " +
                             std::to_string(channel.next - 1));
  }
}

void Receiver::message(std::string_view room, uint64_t id, std::string_view token) {
  Channel& channel = at(room, "message");
  ledger_.saw(key(room), id, token);
  if (channel.gap_due) violated("gap", "no report of what is missing before " + std::to_string(id));
  if (id < channel.next) {
    violated("sequence",
             std::string(room) + " " + std::to_string(id) + " came where " + std::to_string(channel.next) + " was due");
  }
  if (id - channel.next > kJumpMax) violated("sequence", std::string(room) + " jumps to " + std::to_string(id));
  for (; channel.next < id; ++channel.next) {
    const auto own = channels_excluded_.find(room);
    if (own == channels_excluded_.end() || own->second.ids.erase(channel.next) == 0) channel.holes.insert(channel.next);
  }
  ++channel.next;
  check_holes(room, channel);
}

void Receiver::message_of_bytes(std::string_view room, uint64_t id, std::string_view base64) {
  std::string bytes;
  if (!codec::base64_decode(base64, bytes)) violated("content", std::string(base64));
  message(room, id, bytes);
}

void Receiver::gap(std::string_view json) {
  const std::string_view room = json_text(json, "room");
  Channel& channel = at(room, "gap");
  channel.gap_due = false;
  const uint64_t oldest = json_number(json, "oldest").value_or(0);
  if (oldest < channel.next) {
    violated("gap",
             std::string(room) + " goes back to " + std::to_string(oldest) + " from " + std::to_string(channel.next));
  }
  channel.next = oldest;
}

void Receiver::lagged(std::string_view json) {
  const std::string_view room = json_text(json, "room");
  const uint64_t from = json_number(json, "from").value_or(0);
  const uint64_t to = json_number(json, "to").value_or(0);
  const uint64_t missed = json_number(json, "missed").value_or(0);
  // It lies where the messages were, so before `left` if the room has been left since.
  Channel& channel = at(room, "lagged");
  if (from == 0) return;
  if (from < channel.next) {
    violated("lagged", std::string(room) + " lacks " + std::to_string(from) + " which came already");
  }
  if (to < from || missed == 0 || missed > kJumpMax || to - channel.next > kJumpMax) {
    violated("lagged", std::string(json) + " where " + std::to_string(channel.next) + " was due");
  }
  for (; channel.next < from; ++channel.next) {
    const auto own = channels_excluded_.find(room);
    if (own == channels_excluded_.end() || own->second.ids.erase(channel.next) == 0) channel.holes.insert(channel.next);
  }
  channel.next = to + 1;
  check_holes(room, channel);
}

void Receiver::ephemeral(std::string_view room) {
  at(room, "event");
}

void Receiver::excluded_answered(std::string_view room, std::optional<uint64_t> id) {
  Excluded& own = channels_excluded_[std::string(room)];
  if (own.unanswered == 0) violated("ack", "an answer too many in " + std::string(room));
  --own.unanswered;
  const auto found = channels_.find(room);
  if (id) {
    if (found == channels_.end() || (found->second.holes.erase(*id) == 0 && *id >= found->second.next)) {
      own.ids.insert(*id);
    }
  }
  if (found != channels_.end()) check_holes(room, found->second);
}

void Receiver::check_caught_up() const {
  for (const auto& [room, channel] : channels_) {
    if (channel.gap_due) violated("gap", "no report of what is missing in " + room);
    if (!channel.holes.empty()) violated("sequence", room + " lacks " + std::to_string(*channel.holes.begin()));
    uint64_t next = channel.next;
    const auto own = channels_excluded_.find(room);
    while (own != channels_excluded_.end() && own->second.ids.count(next) != 0) ++next;
    const uint64_t highest = ledger_.highest(key(room));
    if (next <= highest) {
      violated("delivery", room + " stands at " + std::to_string(next - 1) + ", and " + std::to_string(highest) +
                               " was acknowledged or seen by others");
    }
  }
}

}  // namespace ringcast::simulation
