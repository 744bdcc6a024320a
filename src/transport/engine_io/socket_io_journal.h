// SPDX-License-Identifier: Apache-2.0
// Connection state recovery: the order in which events were sent to the members of a core. A member is in several
// rooms, each with ids of its own, and says of all that it got only the offset of the last event; the journal knows
// where it was in each room then. It has positions, not messages: those come from the rooms' histories. Only events for
// a single member are kept here.
//
// Every run that members of a room get has a number, and so has every event for a member alone. Runs of one room that
// follow one another have the same. An offset is a core, a number, and the id up to which the room of that number is
// complete with the event. One per core, its reactor's thread only; no I/O.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/keyed_hash.h"
#include "base/slab.h"
#include "base/slot_array.h"

namespace ringcast::session {

// An event for one member alone, as it is sent but for its offset.
struct SocketIoEvent {
  std::string json;
  std::vector<std::string> attachments;
  std::string at;  // an ISO 8601 timestamp
  size_t bytes() const;
};

struct SocketIoOffset {
  uint16_t core = 0;
  uint64_t number = 0;
  uint64_t id = 0;
  friend bool operator==(const SocketIoOffset&, const SocketIoOffset&) = default;
};
// As the last argument of an event: `json` is an array that is not empty.
void append_socket_io_offset(std::string& json, const SocketIoOffset& offset);
std::optional<SocketIoOffset> parse_socket_io_offset(std::string_view text);

class SocketIoJournal {
 public:
  // Part of a member.
  struct Trace {
    uint64_t opened = 0;  // the number before its first
    uint64_t own = 0;     // its last entry
    uint64_t sent = 0;    // the last of those that an event had
  };
  // Where a member was in a room when it went.
  struct Room {
    uint32_t channel = kNoIndex;
    uint64_t id = 0;    // the last that this core had delivered
    uint64_t run = 0;   // with which number
    uint64_t lost = 0;  // before this number there is a gap
  };
  struct Missed {
    std::vector<uint64_t> positions;           // in the order of the rooms
    std::vector<const SocketIoEvent*> events;  // until something is added
  };

  SocketIoJournal(uint16_t core, const HashKey& key) : core_(core), key_(key) {}

  // Tenths of a second; before anything is added in a later one.
  void set_time(uint32_t decisecond) { now_ = decisecond; }
  // Beyond so many bytes the oldest entries go.
  void set_limit(uint64_t bytes_max) { bytes_max_ = bytes_max; }
  uint64_t last() const { return first_ + entries_.size() - 1; }
  uint64_t bytes() const { return entries_.size() * sizeof(Entry) + kept_bytes_; }

  void open(Trace& trace) const { trace = {.opened = last()}; }
  // The member is in a room from behind `id` on, whose newest message is `newest`.
  void join(Trace& trace, uint32_t channel, std::string_view key, uint64_t id, uint64_t newest);
  // A run for the members of a room; its ids, 0 where it has none. Returns its number. An event in it that has no id is
  // at the one before it, the first ones at position().
  uint64_t run(uint32_t channel, uint64_t first_id, uint64_t last_id);
  uint64_t position(uint32_t channel, uint64_t first_id) const;
  // A message of a room for one member alone; `id` 0: an event without one.
  SocketIoOffset own(Trace& trace, uint32_t channel, uint64_t id);
  // An event of no room.
  SocketIoOffset keep(Trace& trace, SocketIoEvent event);
  // The members of the room have missed something, and get what follows `id`.
  void lose(uint32_t channel, uint64_t id);
  SocketIoOffset offset(uint64_t number, uint64_t id) const { return {core_, number, id}; }

  // When a member goes.
  Room cut(uint32_t channel) const;
  // What a member that went with these rooms has missed, whose last event had this offset; empty: it got none. Nothing:
  // that is not known any more, or takes more than `steps` to find out.
  std::optional<Missed> find_missed(const Trace& trace, const std::vector<Room>& rooms, std::string_view offset,
                                    uint32_t steps) const;

  // Forgets entries of before `decisecond`; a bounded share per call.
  void trim(uint32_t decisecond);
  // Goes over some of the rooms; forgets those of which nothing is kept where `is_channel(number)` is false.
  template <class IsChannel>
  void sweep(IsChannel&& is_channel) {
    for (uint32_t n = 0; n < kSweptPerCall && channels_.end() != 0; ++n) {
      if (sweep_at_ >= channels_.end()) sweep_at_ = 0;
      const uint32_t at = sweep_at_++;
      if (!channels_.holds(at) || !channels_[at].known || channels_[at].tail >= first_ || is_channel(at)) continue;
      channels_.remove(at);
    }
  }

 private:
  enum class Kind : uint32_t { run, join, event, kept };
  struct Entry {
    uint64_t id = 0;  // run: the first; join: behind which it begins
    uint32_t channel = kNoIndex;
    uint32_t back = 0;  // how far back the room's run before it is, or the member's entry; 0: there is none
    uint32_t decisecond : 30 = 0;
    Kind kind : 2 = Kind::run;
  };
  static_assert(sizeof(Entry) <= 24);
  struct Channel {
    uint64_t hash = 0;  // of its key: the number may come to mean another room
    uint64_t id = 0;
    uint64_t run = 0;
    uint64_t lost = 0;
    uint64_t tail = 0;  // its last run with ids
    bool known = false;
  };
  static constexpr uint32_t kSweptPerCall = 4096;

  Entry& at(uint64_t number) { return entries_[static_cast<size_t>(number - first_)]; }
  const Entry& at(uint64_t number) const { return entries_[static_cast<size_t>(number - first_)]; }
  bool has(uint64_t number) const { return number >= first_ && number <= last(); }
  Channel* channel_at(uint32_t channel);
  const Channel* channel_at(uint32_t channel) const { return const_cast<SocketIoJournal*>(this)->channel_at(channel); }
  uint64_t add(Kind kind, uint32_t channel, uint64_t id, uint64_t before);
  uint64_t add_own(Trace& trace, Kind kind, uint32_t channel, uint64_t id);
  void pop();
  void fit();

  uint16_t core_;
  HashKey key_;
  uint32_t now_ = 0;
  uint64_t bytes_max_ = UINT64_MAX;
  uint64_t first_ = 1;  // the number of the first entry
  std::deque<Entry> entries_;
  struct Kept {
    uint64_t number;
    SocketIoEvent event;
  };
  std::deque<Kept> kept_;
  uint64_t kept_bytes_ = 0;
  SlotArray<Channel> channels_;  // by the hub's local number
  uint32_t sweep_at_ = 0;
};

}  // namespace ringcast::session
