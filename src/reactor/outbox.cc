// SPDX-License-Identifier: Apache-2.0
#include "reactor/outbox.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "base/free_list.h"

namespace ringcast::reactor {

struct Outbox::Backlog {
  std::vector<Segment> rest;  // behind `head`
  uint64_t bytes = 0;         // of these
  uint32_t messages = 0;
  uint32_t head = 0;
  uint32_t begun_at = UINT32_MAX;  // offset, in the first segment, of the frame that is partly sent; else UINT32_MAX
  Backlog* next_free = nullptr;
  static constexpr uint32_t kConsumedMin = 16;

  uint32_t count() const { return static_cast<uint32_t>(rest.size()) - head; }
  void insert(uint32_t index, const Segment& segment) {
    rest.insert(rest.begin() + head + index, segment);
    add(segment);
  }
  void add(const Segment& segment) {
    bytes += segment.length;
    messages += segment.frames;
  }
  // Consumed segments make way once they are the half: each is moved over once at most. Memory that a larger backlog
  // took goes as well.
  void drop_consumed() {
    if (count() != 0 && (head < kConsumedMin || head < count())) return;
    rest.erase(rest.begin(), rest.begin() + head);
    head = 0;
    if (rest.capacity() <= Pool::kCapacityKept || rest.size() > rest.capacity() / 4) return;
    std::vector<Segment> smaller;
    smaller.reserve(rest.size() * 2);
    smaller.assign(rest.begin(), rest.end());
    rest.swap(smaller);
  }
  void subtract(const Segment& segment) {
    bytes -= segment.length;
    messages -= segment.frames;
  }

  struct Pool {
    static constexpr uint32_t kKept = 4096;
    static constexpr size_t kCapacityKept = 64;
    FreeList<Backlog, &Backlog::next_free> free{kKept};
    void give(Backlog* backlog) {
      if (backlog->rest.capacity() > kCapacityKept) {
        delete backlog;
        return;
      }
      backlog->rest.clear();
      backlog->bytes = 0;
      backlog->messages = 0;
      backlog->head = 0;
      backlog->begun_at = UINT32_MAX;
      free.give_back(backlog);
    }
    static Pool& of_this_thread() {
      thread_local Pool pool;
      return pool;
    }
  };
};

namespace {

// Length of the frame of the segment that begins at `at`.
uint32_t length_at(const Segment& segment, uint32_t at, FrameLength frame_length) {
  const uint32_t rest = segment.offset + segment.length - at;
  if (frame_length == nullptr || segment.channel == kOpening) return rest;
  return frame_length({segment.hold->data() + at, rest});
}

bool follows(const Segment& before, const Segment& next) {
  return before.hold == next.hold && before.offset + before.length == next.offset && before.channel == next.channel &&
         before.channel != kOpening && (before.frames == 0) == (next.frames == 0) &&
         (next.first_id == 0
              ? before.first_id == 0
              : before.first_id != 0 && before.frames != 0 && before.first_id + before.frames == next.first_id);
}

}  // namespace

Outbox::Backlog& Outbox::backlog() {
  if (backlog_ == nullptr) backlog_ = Backlog::Pool::of_this_thread().free.take();
  return *backlog_;
}

void Outbox::trim_pool() {
  Backlog::Pool::of_this_thread().free.trim();
}

void Outbox::drop_backlog_if_idle() {
  if (backlog_ == nullptr || backlog_->count() != 0 || backlog_->begun_at != UINT32_MAX) return;
  Backlog::Pool::of_this_thread().give(std::exchange(backlog_, nullptr));
}

uint64_t Outbox::bytes_of_all() const {
  return first_.length + backlog_->bytes;
}

uint32_t Outbox::messages_of_all() const {
  return first_.frames + backlog_->messages;
}

size_t Outbox::capacity() const {
  return backlog_ == nullptr ? 0 : backlog_->rest.capacity();
}

uint32_t Outbox::segments() const {
  return empty() ? 0 : 1 + (backlog_ == nullptr ? 0 : backlog_->count());
}

Segment& Outbox::segment(uint32_t index) {
  return index == 0 ? first_ : backlog_->rest[backlog_->head + index - 1];
}

void Outbox::append_behind(const Segment& next) {
  const uint32_t behind = segments() - 1;
  Segment& last = segment(behind);
  if (!follows(last, next)) {
    next.hold->acquire();
    backlog().rest.push_back(next);
    backlog_->add(next);
    return;
  }
  last.length += next.length;
  last.frames += next.frames;
  if (behind != 0) backlog_->add(next);
}

void Outbox::prepend(const Segment& before) {
  if (empty()) return append(before);
  RINGCAST_ASSERT(backlog_ == nullptr || backlog_->begun_at == UINT32_MAX);
  before.hold->acquire();
  backlog().insert(0, first_);
  first_ = before;
}

void Outbox::insert(uint32_t at, const Segment& notice) {
  if (at >= segments()) return append(notice);
  if (at == 0) return prepend(notice);
  notice.hold->acquire();
  backlog().insert(at - 1, notice);
}

uint32_t Outbox::take_notice(uint32_t channel, Slice& said) {
  const bool begun = backlog_ != nullptr && backlog_->begun_at != UINT32_MAX;
  for (uint32_t index = begun ? 1 : 0; index < segments(); ++index) {
    const Segment& notice = segment(index);
    if (notice.channel != channel || notice.frames != 0) continue;
    said = {notice.hold, notice.offset, notice.length};
    said.hold->acquire();
    remove(index);
    return index;
  }
  return kNoNotice;
}

uint32_t Outbox::take_last_notice(uint32_t channel, Slice& said) {
  const uint32_t begun = backlog_ != nullptr && backlog_->begun_at != UINT32_MAX ? 1 : 0;
  for (uint32_t index = segments(); index > begun;) {
    const Segment& at = segment(--index);
    if (at.channel != channel) continue;
    if (at.frames != 0) return kNoNotice;
    said = {at.hold, at.offset, at.length};
    said.hold->acquire();
    remove(index);
    return index;
  }
  return kNoNotice;
}

void Outbox::forget_channel(uint32_t channel) {
  for (uint32_t index = 0; index < segments(); ++index) {
    if (segment(index).channel == channel) segment(index).channel = kNoChannel;
  }
}

void Outbox::forget_channels() {
  for (uint32_t index = 0; index < segments(); ++index) {
    if (segment(index).channel != kOpening) segment(index).channel = kNoChannel;
  }
}

int Outbox::gather(iovec* out, int max, uint64_t& wanted) const {
  wanted = 0;
  if (empty()) return 0;
  const auto fill = [&](iovec& piece, const Segment& from) {
    piece.iov_base = const_cast<uint8_t*>(from.hold->data() + from.offset);
    piece.iov_len = from.length;
    wanted += from.length;
  };
  fill(out[0], first_);
  int count = 1;
  if (backlog_ != nullptr) {
    for (uint32_t i = backlog_->head; i < backlog_->rest.size() && count < max; ++i) {
      fill(out[count++], backlog_->rest[i]);
    }
  }
  return count;
}

void Outbox::copy_to(Outbox& to, uint64_t bytes) const {
  RINGCAST_ASSERT(bytes <= this->bytes());
  const auto copy = [&](const Segment& from) {
    const auto length = static_cast<uint32_t>(std::min<uint64_t>(from.length, bytes));
    to.append({.hold = from.hold, .offset = from.offset, .length = length});
    bytes -= length;
  };
  if (bytes != 0) copy(first_);
  uint32_t next = backlog_ == nullptr ? 0 : backlog_->head;
  while (bytes != 0) copy(backlog_->rest[next++]);
}

void Outbox::pop_first() {
  first_.hold->release();
  first_.length = 0;
  first_.frames = 0;
  if (backlog_ == nullptr) return;
  backlog_->begun_at = UINT32_MAX;
  if (backlog_->count() != 0) {
    first_ = backlog_->rest[backlog_->head++];
    backlog_->subtract(first_);
    backlog_->drop_consumed();
  }
  drop_backlog_if_idle();
}

void Outbox::consume_part(uint64_t bytes, FrameLength frame_length) {
  RINGCAST_ASSERT(bytes <= this->bytes());
  while (!empty() && bytes >= first_.length) {
    bytes -= first_.length;
    pop_first();
  }
  if (bytes == 0) return;
  const auto taken = static_cast<uint32_t>(bytes);
  const uint32_t sent_to = first_.offset + taken;
  const uint32_t segment_end = first_.offset + first_.length;
  Backlog& rest = backlog();
  uint32_t at = rest.begun_at == UINT32_MAX ? first_.offset : rest.begun_at;
  while (at < sent_to) {
    const uint32_t length = length_at(first_, at, frame_length);
    RINGCAST_ASSERT(length != 0 && at + length <= segment_end);
    if (at + length > sent_to) break;
    at += length;
    if (first_.frames != 0) {
      --first_.frames;
      if (first_.first_id != 0) ++first_.first_id;
    }
  }
  first_.offset = sent_to;
  first_.length -= taken;
  rest.begun_at = at == sent_to ? UINT32_MAX : at;
  drop_backlog_if_idle();
}

uint32_t Outbox::begun_rest(FrameLength frame_length) const {
  if (empty() || backlog_ == nullptr || backlog_->begun_at == UINT32_MAX) return 0;
  const uint32_t at = backlog_->begun_at;
  return at + length_at(first_, at, frame_length) - first_.offset;
}

void Outbox::discard_unsent(FrameLength frame_length) {
  if (empty()) return;
  const uint32_t rest = begun_rest(frame_length);
  while (segments() > 1) remove(segments() - 1);
  if (rest == 0) {
    clear();
    return;
  }
  first_.length = rest;
  first_.frames = first_.frames == 0 ? 0 : 1;
}

void Outbox::remove(uint32_t index) {
  if (index == 0) return pop_first();
  const Segment& gone = segment(index);
  backlog_->subtract(gone);
  gone.hold->release();
  if (index == 1) {
    ++backlog_->head;
    backlog_->drop_consumed();
  } else {
    backlog_->rest.erase(backlog_->rest.begin() + backlog_->head + index - 1);
  }
  drop_backlog_if_idle();
}

Dropped Outbox::drop_from(uint32_t index, uint64_t bytes_max, uint32_t messages_max, FrameLength frame_length) {
  Segment& from = segment(index);
  const uint32_t keep = index == 0 ? begun_rest(frame_length) : 0;  // bytes of the begun frame stay
  const uint32_t end = from.offset + from.length;
  const uint32_t begun_frames = keep == 0 ? 0 : 1;
  Dropped dropped;
  uint32_t at = from.offset + keep;
  uint64_t id = from.first_id == 0 ? 0 : from.first_id + begun_frames;
  uint64_t bytes = this->bytes();
  uint32_t messages = this->messages();
  while (at < end && (bytes > bytes_max || messages > messages_max)) {
    const uint32_t length = length_at(from, at, frame_length);
    RINGCAST_ASSERT(length != 0 && at + length <= end);
    at += length;
    bytes -= length;
    --messages;
    ++dropped.frames;
    if (id != 0) {
      if (dropped.first_id == 0) dropped.first_id = id;
      dropped.last_id = id++;
    }
  }
  if (dropped.frames == 0) return dropped;
  dropped.channel = from.channel;
  dropped.at = keep == 0 ? index : index + 1;
  const Segment behind{from.hold, at, end - at, from.frames - begun_frames - dropped.frames, from.channel, id};
  if (keep == 0 && at == end) {
    remove(index);
    return dropped;
  }
  if (keep == 0) {
    if (index != 0) backlog_->subtract(from);
    from = behind;
    if (index != 0) backlog_->add(from);
    return dropped;
  }
  // The begun frame stays in front, what is left of the run goes behind it as a segment of its own.
  from.length = keep;
  from.frames = begun_frames;
  if (behind.length != 0) {
    behind.hold->acquire();
    backlog().insert(0, behind);
  }
  return dropped;
}

Dropped Outbox::drop_back_of(uint32_t index, uint64_t bytes_max, uint32_t messages_max, FrameLength frame_length) {
  Segment& from = segment(index);
  const uint32_t keep = index == 0 ? begun_rest(frame_length) : 0;
  const uint32_t end = from.offset + from.length;
  std::vector<uint32_t> begins;
  for (uint32_t at = from.offset + keep; at < end; at += length_at(from, at, frame_length)) begins.push_back(at);
  const uint32_t begun_frames = keep == 0 ? 0 : 1;
  RINGCAST_ASSERT(from.frames == begun_frames + begins.size());
  uint64_t bytes = this->bytes();
  uint32_t messages = this->messages();
  uint32_t cut = end;
  Dropped dropped{.channel = from.channel};
  while (!begins.empty() && (bytes > bytes_max || messages > messages_max)) {
    bytes -= cut - begins.back();
    --messages;
    ++dropped.frames;
    cut = begins.back();
    begins.pop_back();
  }
  if (dropped.frames == 0) return dropped;
  if (from.first_id != 0) {
    dropped.last_id = from.first_id + from.frames - 1;
    dropped.first_id = dropped.last_id - dropped.frames + 1;
  }
  dropped.at = UINT32_MAX;  // the notice of them goes to the end
  if (cut == from.offset) {
    remove(index);
    return dropped;
  }
  if (index != 0) backlog_->subtract(from);
  from.length = cut - from.offset;
  from.frames -= dropped.frames;
  if (index != 0) backlog_->add(from);
  return dropped;
}

void Outbox::clear() {
  if (!empty()) {
    first_.hold->release();
    if (backlog_ != nullptr) {
      for (uint32_t i = backlog_->head; i < backlog_->rest.size(); ++i) backlog_->rest[i].hold->release();
    }
  }
  first_ = Segment{};
  if (backlog_ != nullptr) Backlog::Pool::of_this_thread().give(std::exchange(backlog_, nullptr));
}

}  // namespace ringcast::reactor
