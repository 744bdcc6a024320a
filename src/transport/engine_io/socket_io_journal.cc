// SPDX-License-Identifier: Apache-2.0
#include "transport/engine_io/socket_io_journal.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "codec/json/json_writer.h"

namespace ringcast::session {

namespace {

constexpr uint32_t kTrimmedPerCall = 16 << 10;
constexpr uint64_t kNone = UINT64_MAX;

bool take_part(std::string_view& text, char end, uint64_t max, uint64_t& value) {
  const auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || value > max) return false;
  text.remove_prefix(static_cast<size_t>(at - text.data()));
  if (end == '\0') return text.empty();
  if (!text.starts_with(end)) return false;
  text.remove_prefix(1);
  return true;
}

}  // namespace

size_t SocketIoEvent::bytes() const {
  size_t all = sizeof *this + json.size() + at.size();
  for (const std::string& attachment : attachments) all += sizeof attachment + attachment.size();
  return all;
}

void append_socket_io_offset(std::string& json, const SocketIoOffset& offset) {
  json.back() = ',';  // where it ended
  json += '"';
  codec::append_uint(json, offset.core);
  json += '.';
  codec::append_uint(json, offset.number);
  json += '.';
  codec::append_uint(json, offset.id);
  json += "\"]";
}

std::optional<SocketIoOffset> parse_socket_io_offset(std::string_view text) {
  SocketIoOffset offset;
  uint64_t core = 0;
  if (!take_part(text, '.', UINT16_MAX, core) || !take_part(text, '.', kNone - 1, offset.number) ||
      !take_part(text, '\0', kNone - 1, offset.id)) {
    return std::nullopt;
  }
  offset.core = static_cast<uint16_t>(core);
  return offset;
}

SocketIoJournal::Channel* SocketIoJournal::channel_at(uint32_t channel) {
  if (channel == kNoIndex || !channels_.holds(channel) || !channels_[channel].known) return nullptr;
  return &channels_[channel];
}

uint64_t SocketIoJournal::add(Kind kind, uint32_t channel, uint64_t id, uint64_t before) {
  const uint64_t number = last() + 1;
  Entry entry;
  entry.kind = kind;
  entry.channel = channel;
  entry.id = id;
  if (has(before) && number - before <= UINT32_MAX) entry.back = static_cast<uint32_t>(number - before);
  entry.decisecond = now_;
  entries_.push_back(entry);
  fit();
  return number;
}

uint64_t SocketIoJournal::add_own(Trace& trace, Kind kind, uint32_t channel, uint64_t id) {
  trace.own = add(kind, channel, id, trace.own);
  if (kind != Kind::join) trace.sent = trace.own;
  return trace.own;
}

void SocketIoJournal::join(Trace& trace, uint32_t channel, std::string_view key, uint64_t id, uint64_t newest) {
  const uint64_t hash = siphash_1_3(key_, key);
  Channel* known = channel_at(channel);
  if (known == nullptr) {
    known = &channels_.add(channel);
    *known = {.hash = hash, .known = true};
  } else if (known->hash != hash) {
    *known = {.hash = hash, .known = true};
  }
  known->id = newest;
  add_own(trace, Kind::join, channel, id);
}

uint64_t SocketIoJournal::position(uint32_t channel, uint64_t first_id) const {
  if (first_id != 0) return first_id - 1;
  const Channel* const known = channel_at(channel);
  return known == nullptr ? 0 : known->id;
}

uint64_t SocketIoJournal::run(uint32_t channel, uint64_t first_id, uint64_t last_id) {
  Channel* const known = channel_at(channel);
  const uint64_t tail = known == nullptr ? 0 : known->tail;
  const bool same = !entries_.empty() && entries_.back().kind == Kind::run && entries_.back().channel == channel;
  if (!same) add(Kind::run, channel, 0, 0);
  const uint64_t number = last();
  if (entries_.empty()) return number;  // there is room for nothing
  Entry& entry = entries_.back();
  entry.decisecond = now_;
  if (known == nullptr || first_id == 0) return number;
  if (entry.id == 0) {
    entry.id = first_id;
    if (has(tail) && number - tail <= UINT32_MAX) entry.back = static_cast<uint32_t>(number - tail);
    known->tail = number;
  }
  known->run = number;
  known->id = std::max(known->id, last_id);
  return number;
}

SocketIoOffset SocketIoJournal::own(Trace& trace, uint32_t channel, uint64_t id) {
  return offset(add_own(trace, Kind::event, channel, id), id);
}

SocketIoOffset SocketIoJournal::keep(Trace& trace, SocketIoEvent event) {
  const uint64_t number = add_own(trace, Kind::kept, kNoIndex, 0);
  kept_bytes_ += event.bytes();
  kept_.push_back({number, std::move(event)});
  fit();
  return offset(number, 0);
}

void SocketIoJournal::lose(uint32_t channel, uint64_t id) {
  Channel* const known = channel_at(channel);
  if (known == nullptr) return;
  const uint64_t hash = known->hash;
  *known = {.hash = hash, .id = id, .lost = last() + 1, .known = true};
}

SocketIoJournal::Room SocketIoJournal::cut(uint32_t channel) const {
  const Channel* const known = channel_at(channel);
  if (known == nullptr) return {.channel = channel, .lost = kNone};
  return {.channel = channel, .id = known->id, .run = known->run, .lost = known->lost};
}

std::optional<SocketIoJournal::Missed> SocketIoJournal::find_missed(const Trace& trace, const std::vector<Room>& rooms,
                                                                    std::string_view offset_text,
                                                                    uint32_t steps) const {
  uint64_t got = trace.opened;  // the number of the last event that it got
  uint64_t got_id = 0;
  bool exact = false;
  if (!offset_text.empty()) {
    const auto offset = parse_socket_io_offset(offset_text);
    if (!offset) return std::nullopt;
    // One of before it was opened here: it got nothing since.
    if (offset->core == core_ && offset->number > trace.opened) {
      if (offset->number > last()) return std::nullopt;
      got = offset->number;
      got_id = offset->id;
      exact = true;
    }
  }
  // Its own entry says which room the event was of.
  const uint64_t from = exact ? got : got + 1;
  const bool covered = from >= first_;
  if (trace.sent > got && !covered) return std::nullopt;

  // What concerned this member alone, the newest first.
  struct Own {
    uint64_t first = kNone;  // message for it alone
    uint64_t floor = kNone;  // behind which it has joined
  };
  std::vector<Own> own(rooms.size());
  const auto place_of = [&](uint32_t channel) {
    return static_cast<size_t>(
        std::find_if(rooms.begin(), rooms.end(), [&](const Room& room) { return room.channel == channel; }) -
        rooms.begin());
  };
  Missed missed;
  for (uint64_t number = trace.own; number > got && has(number);) {
    if (steps-- == 0) return std::nullopt;
    const Entry& entry = at(number);
    if (entry.kind == Kind::kept) {
      const auto kept = std::lower_bound(kept_.begin(), kept_.end(), number,
                                         [](const Kept& kept_event, uint64_t at) { return kept_event.number < at; });
      if (kept == kept_.end() || kept->number != number) return std::nullopt;
      missed.events.push_back(&kept->event);
    } else if (const size_t place = place_of(entry.channel); place != rooms.size() && own[place].floor == kNone) {
      if (entry.kind == Kind::join) {
        own[place].floor = entry.id;
      } else if (entry.id != 0) {
        own[place].first = std::min(own[place].first, entry.id);
      }
    }
    if (entry.back == 0) break;
    number -= entry.back;
  }
  std::reverse(missed.events.begin(), missed.events.end());

  uint32_t got_in = kNoIndex;  // the room of that event
  if (exact && has(got) && got_id != 0) got_in = at(got).channel;
  for (size_t i = 0; i < rooms.size(); ++i) {
    const Room& room = rooms[i];
    if (room.lost != 0 && (got + 1 < room.lost || room.lost == kNone)) return std::nullopt;
    if (got_in != kNoIndex && got_in == room.channel && own[i].floor == kNone) {
      missed.positions.push_back(got_id);
      continue;
    }
    uint64_t position = room.id;
    if (room.run == got && exact && got_id != 0) {
      position = got_id;  // what its number meant is forgotten, and nothing has come since
    } else if (room.run > got || (room.run == got && exact)) {
      // Without an id the event says nothing about the run that it was in.
      if (!covered) return std::nullopt;
      uint64_t first = kNone;
      for (uint64_t number = room.run; number > got || (number == got && exact && got_id == 0);) {
        if (steps-- == 0) return std::nullopt;
        first = std::min(first, at(number).id);
        if (at(number).back == 0) break;
        number -= at(number).back;
      }
      if (first != kNone) position = std::min(position, first - 1);
    }
    if (own[i].first != kNone) position = std::min(position, own[i].first - 1);
    if (own[i].floor != kNone) position = std::max(position, own[i].floor);
    missed.positions.push_back(position);
  }
  return missed;
}

void SocketIoJournal::pop() {
  if (!kept_.empty() && kept_.front().number == first_) {
    kept_bytes_ -= kept_.front().event.bytes();
    kept_.pop_front();
  }
  entries_.pop_front();
  ++first_;
}

void SocketIoJournal::fit() {
  while (!entries_.empty() && bytes() > bytes_max_) pop();
}

void SocketIoJournal::trim(uint32_t decisecond) {
  fit();
  for (uint32_t n = 0; n < kTrimmedPerCall && !entries_.empty() && entries_.front().decisecond < decisecond; ++n) pop();
}

}  // namespace ringcast::session
