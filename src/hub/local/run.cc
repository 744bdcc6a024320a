// SPDX-License-Identifier: Apache-2.0
#include "hub/local/run.h"

#include <algorithm>

#include "base/assert.h"

namespace ringcast::hub {

void Run::add(const RunPiece& piece) {
  if (!pieces_.empty()) {
    RunPiece& last = pieces_.back();
    const bool ids_follow =
        piece.first_id == 0 ? last.first_id == 0 : last.first_id != 0 && last.first_id + last.frames == piece.first_id;
    if (ids_follow && piece.slice.continues(last.slice)) {
      last.slice.length += piece.slice.length;
      last.frames += piece.frames;
      return;
    }
  }
  piece.slice.hold->acquire();
  pieces_.push_back(piece);
}

void Run::add(const RunEntry& entry) {
  entry.canonical.hold->acquire();
  entries_.push_back(entry);
}

void Run::copy_from(const Run& other) {
  for (const RunPiece& piece : other.pieces_) add(piece);
  for (const RunEntry& entry : other.entries_) add(entry);
}

void Run::clear() {
  for (const RunPiece& piece : pieces_) piece.slice.hold->release();
  for (const RunEntry& entry : entries_) entry.canonical.hold->release();
  pieces_.clear();
  entries_.clear();
}

uint32_t Group::insert(uint32_t slot) {
  if (!slots_.empty() && slots_.back() > slot) ++disorder_;
  // By an eighth: doubling would leave a large room's list half empty.
  if (slots_.size() == slots_.capacity()) slots_.reserve(slots_.size() + slots_.size() / 8 + 4);
  slots_.push_back(slot);
  const auto place = static_cast<uint32_t>(slots_.size() - 1);
  if (!run_.empty()) specials_.push_back({place, {}});
  return place;
}

uint32_t Group::remove(uint32_t place, bool deliver_first, uint32_t channel, Sink& sink) {
  const size_t special = special_at(place);
  if (deliver_first) {
    deliver(channel, special == SIZE_MAX ? run_ : specials_[special].run, {&slots_[place], 1}, sink);
  }
  if (special != SIZE_MAX) {
    if (special + 1 != specials_.size()) specials_[special] = std::move(specials_.back());
    specials_.pop_back();
  }
  const uint32_t last = static_cast<uint32_t>(slots_.size() - 1);
  uint32_t moved = kNoIndex;
  if (place != last) {
    slots_[place] = moved = slots_[last];
    ++disorder_;
    const size_t other = special_at(last);
    if (other != SIZE_MAX) specials_[other].place = place;
  }
  slots_.pop_back();
  if (slots_.empty()) clear();
  return moved;
}

size_t Group::special_at(uint32_t place) const {
  for (size_t i = 0; i < specials_.size(); ++i) {
    if (specials_[i].place == place) return i;
  }
  return SIZE_MAX;
}

template <class Item>
void Group::add_to_all(const Item& item, uint32_t excluded) {
  run_.add(item);
  for (Special& special : specials_) {
    if (special.place != excluded) special.run.add(item);
  }
}

void Group::arrive(const Arrival& arrival, uint32_t excluded, Encoder& encoder, std::string& scratch) {
  if (form == kSilentForm || slots_.empty()) return;
  if (excluded != kNoIndex && special_at(excluded) == SIZE_MAX) {
    specials_.push_back({excluded, {}});
    specials_.back().run.copy_from(run_);
  }
  if (encoder.wants_entries(form)) {
    add_to_all(RunEntry{arrival.canonical, arrival.id}, excluded);
    return;
  }
  if (arrival.compressed.hold != nullptr && encoder.takes_compressed(form)) {
    add_to_all(RunPiece{arrival.compressed, 1, arrival.id}, excluded);
    return;
  }
  scratch.clear();
  const Derived derived = encoder.derive(form, arrival.canonical.view(), arrival.id, scratch);
  switch (derived.kind) {
    case Derived::Kind::nothing: return;
    case Derived::Kind::part: {
      RINGCAST_ASSERT(derived.offset + derived.length <= arrival.canonical.length);
      const Slice part{arrival.canonical.hold, arrival.canonical.offset + derived.offset, derived.length};
      add_to_all(RunPiece{part, derived.frames, arrival.id}, excluded);
      return;
    }
    case Derived::Kind::written: add_to_all(RunPiece{derived_.append(scratch), derived.frames, arrival.id}, excluded);
  }
}

void Group::deliver(uint32_t channel, const Run& run, std::span<const uint32_t> members, Sink& sink) const {
  if (run.empty() || members.empty()) return;
  sink.deliver(Delivery{channel, form, run.pieces(), run.entries(), members});
}

void Group::settle_run(uint32_t channel, Sink& sink) {
  if (specials_.empty()) {
    deliver(channel, run_, slots_, sink);
  } else {
    // Spans between the special members, which get their own.
    std::sort(specials_.begin(), specials_.end(), [](const Special& a, const Special& b) { return a.place < b.place; });
    uint32_t from = 0;
    for (const Special& special : specials_) {
      deliver(channel, run_, {slots_.data() + from, special.place - from}, sink);
      deliver(channel, special.run, {slots_.data() + special.place, 1}, sink);
      from = special.place + 1;
    }
    deliver(channel, run_, {slots_.data() + from, slots_.size() - from}, sink);
    specials_.clear();
  }
  run_.clear();
}

void Group::sort_members() {
  std::sort(slots_.begin(), slots_.end());
  disorder_ = 0;
}

void Group::clear() {
  run_.clear();
  specials_.clear();
  derived_.reset();
  disorder_ = 0;
}

Group& Fan::group(FormId form) {
  for (auto& group : groups_) {
    if (group->form == form) return *group;
  }
  groups_.push_back(std::make_unique<Group>(form));
  return *groups_.back();
}

Slice Fan::take(Hold*& current, Block* block, uint32_t offset, uint32_t length) {
  if (current != nullptr && current->block() == block) {
    block->release();  // this core holds it already
  } else {
    if (current != nullptr) current->release();
    current = Hold::adopt(block);
  }
  return {current, offset, length};
}

void Fan::cool() {
  for (const auto& group : groups_) group->cool();
  if (canonical_ != nullptr) std::exchange(canonical_, nullptr)->release();
  if (compressed_ != nullptr) std::exchange(compressed_, nullptr)->release();
  warm = fresh = false;
}

void Fan::reset() {
  groups_.clear();  // with what they have coming, where presence was held back
  cool();
  dirty = leaves = held = queued = false;
  held_bytes = 0;
  presence_from_ns = 0;
}

}  // namespace ringcast::hub
