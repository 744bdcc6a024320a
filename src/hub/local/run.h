// SPDX-License-Identifier: Apache-2.0
// A channel's members on one core and what they are about to get: per wire form the dense list of members and the run
// of this tick. Settled once per tick, so the work per member does not depend on how many messages the tick had.
// One core's; Fans come from a pool and exist only for channels with several members or with a run in progress.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "base/slab.h"
#include "hub/encoder.h"
#include "hub/sink.h"

namespace ringcast::hub {

inline constexpr FormId kSilentForm = kForms - 1;  // members that count and receive nothing

// One message on its way to local members.
struct Arrival {
  Slice canonical;
  Slice compressed;  // hold null: none
  uint64_t id = 0;   // 0: ephemeral
};

// Frames of one form collected in this tick. Keeps a use of every hold it refers to.
class Run {
 public:
  Run() = default;
  Run(Run&&) = default;
  Run& operator=(Run&& other) noexcept {
    clear();  // its holds are counted
    pieces_.swap(other.pieces_);
    entries_.swap(other.entries_);
    return *this;
  }
  ~Run() { clear(); }
  bool empty() const { return pieces_.empty() && entries_.empty(); }
  void add(const RunPiece& piece);
  void add(const RunEntry& entry);
  void copy_from(const Run& other);
  void clear();
  std::span<const RunPiece> pieces() const { return pieces_; }
  std::span<const RunEntry> entries() const { return entries_; }

 private:
  std::vector<RunPiece> pieces_;
  std::vector<RunEntry> entries_;
};

class Group {
 public:
  explicit Group(FormId form) : form(form) {}
  FormId form;

  size_t size() const { return slots_.size(); }
  uint32_t slot_at(size_t place) const { return slots_[place]; }
  // Adds at the end and returns the place; what the run already holds is not for this member.
  uint32_t insert(uint32_t slot);
  // Gives the member what it has coming (unless it is gone), takes it out; returns the slot that moved to `place`, or
  // kNoIndex.
  uint32_t remove(uint32_t place, bool deliver, uint32_t channel, Sink& sink);
  // Too many members with runs of their own: settle before the next arrival or insert.
  bool crowded() const { return specials_.size() >= kSpecialsMax; }
  // `excluded`: the place of a member that does not get this message, or kNoIndex.
  void arrive(const Arrival& arrival, uint32_t excluded, Encoder& encoder, std::string& scratch);
  // Hands the run to everybody; `moved(slot, place)` for members that changed places.
  template <class Moved>
  void settle(uint32_t channel, Sink& sink, Moved moved) {
    settle_run(channel, sink);
    if (disorder_ <= 64 || disorder_ < slots_.size() / 8) return;
    sort_members();
    for (uint32_t place = 0; place < slots_.size(); ++place) moved(slots_[place], place);
  }
  bool idle() const { return run_.empty() && specials_.empty(); }
  void clear();
  // Between ticks: keeps no block for the messages to come, and no lists as long as its busiest tick's.
  void cool() {
    RINGCAST_ASSERT(idle());
    derived_.reset();
    run_ = Run();
    std::vector<Special>().swap(specials_);
  }

 private:
  // A member whose run differs from the others': it came in the middle, or is excluded from a message.
  struct Special {
    uint32_t place;
    Run run;
  };
  static constexpr size_t kSpecialsMax = 64;
  size_t special_at(uint32_t place) const;
  void settle_run(uint32_t channel, Sink& sink);
  void deliver(uint32_t channel, const Run& run, std::span<const uint32_t> members, Sink& sink) const;
  void sort_members();
  template <class Item>
  void add_to_all(const Item& item, uint32_t excluded);

  std::vector<uint32_t> slots_;  // connections, dense
  Run run_;
  std::vector<Special> specials_;
  BlockWriter derived_{1024};
  uint32_t disorder_ = 0;  // members out of accept order; walking them in order is a fifth cheaper in large rooms
};

class Fan {
 public:
  ~Fan() { reset(); }
  Group& group(FormId form);  // made when missing
  const std::vector<std::unique_ptr<Group>>& groups() const { return groups_; }
  uint32_t members() const {
    size_t all = 0;
    for (const auto& group : groups_) all += group->size();
    return static_cast<uint32_t>(all);
  }
  // Takes over the reference that came with a mail; the owner core fills one block after another, so consecutive
  // messages share a hold and lie next to each other.
  Slice take_canonical(Block* block, uint32_t offset, uint32_t length) {
    return take(canonical_, block, offset, length);
  }
  Slice take_compressed(Block* block, uint32_t offset, uint32_t length) {
    return take(compressed_, block, offset, length);
  }
  // A quiet channel does not hold on to its last message: that would keep the whole block, in which other channels'
  // messages lie as well.
  void cool();
  bool dirty = false;   // in this tick's list
  bool leaves = false;  // has something coming in this tick
  bool held = false;    // what it has coming is presence alone, which waits (Local::holds_back())
  bool queued = false;  // among those that are looked at when the time is over
  bool warm = false;    // may hold blocks
  bool fresh = false;   // had messages since it was last looked at
  uint32_t held_bytes = 0;
  int64_t presence_from_ns = 0;  // presence that comes earlier waits until then
  void reset();

 private:
  static Slice take(Hold*& current, Block* block, uint32_t offset, uint32_t length);
  std::vector<std::unique_ptr<Group>> groups_;
  Hold* canonical_ = nullptr;
  Hold* compressed_ = nullptr;
};

}  // namespace ringcast::hub
