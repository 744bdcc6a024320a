// SPDX-License-Identifier: Apache-2.0
// What waits to be sent on one connection: segments of shared blocks, in order. Owned by the connection, touched by its
// reactor only. A connection with at most one whole segment needs no memory beyond itself; more take a Backlog from a
// per-thread pool, given back as soon as it is not needed.
#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <span>

#include "base/block.h"

namespace ringcast::reactor {

inline constexpr uint32_t kNoChannel = UINT32_MAX;
// A segment of no channel that is one frame, whatever it holds: a response's head with the first frames behind it.
inline constexpr uint32_t kOpening = UINT32_MAX - 1;

// A run of whole frames. `channel` and `first_id` say where they come from, so that dropped ones can be named. One with
// a channel but no counted frames is a notice about that channel: never dropped, but taken back by take_notice().
struct Segment {
  Hold* hold = nullptr;
  uint32_t offset = 0;
  uint32_t length = 0;
  uint32_t frames = 0;            // counted against the message limit; 0 for replay and control frames
  uint32_t channel = kNoChannel;  // local channel; kNoChannel, kOpening: never dropped
  uint64_t first_id = 0;          // ids are contiguous within a segment; 0: ephemeral
};
static_assert(sizeof(Segment) == 32);

// Length of the frame that begins at `bytes` (which holds at least one whole frame): frames are self-delimiting, so
// boundaries inside a run are looked for only when somebody is slow. Given by the session that knows the wire form;
// null: the segment is one frame.
using FrameLength = uint32_t (*)(std::span<const uint8_t> bytes);

struct Dropped {
  uint32_t channel = kNoChannel;
  uint32_t frames = 0;
  uint64_t first_id = 0;  // of the first and last with an id; 0: none had
  uint64_t last_id = 0;
  uint32_t at = 0;  // for insert(): where the frames were
};

class Outbox {
 public:
  Outbox() = default;
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;
  ~Outbox() { clear(); }

  bool empty() const { return first_.length == 0; }
  uint64_t bytes() const { return backlog_ == nullptr ? first_.length : bytes_of_all(); }
  uint32_t messages() const { return backlog_ == nullptr ? first_.frames : messages_of_all(); }

  // Acquires the hold. Extends the last segment where the bytes lie right behind it and come from the same channel.
  void append(const Segment& segment) {
    if (first_.length == 0) {
      segment.hold->acquire();
      first_ = segment;
      return;
    }
    append_behind(segment);
  }
  // Goes before everything; only while nothing of what is queued has been sent.
  void prepend(const Segment& segment);
  // Goes where dropped frames were (Dropped::at of the latest drop_oldest(); the last of several first), so that what
  // reports them comes between the frames around them.
  void insert(uint32_t at, const Segment& segment);
  // Takes the channel's notice out, if one waits whole and unsent. What it said is valid until `hold` is released,
  // which is the caller's to do. Returns where it was, or kNoNotice.
  static constexpr uint32_t kNoNotice = UINT32_MAX;
  uint32_t take_notice(uint32_t channel, Slice& said);
  // The same, if no frame of the channel is behind it.
  uint32_t take_last_notice(uint32_t channel, Slice& said);
  // The connection has left the channel, whose number may soon mean another: what is queued of it, notices too, still
  // counts against the limits and is sent, but cannot be dropped any more.
  void forget_channel(uint32_t channel);
  void forget_channels();  // it has left all
  // Fills up to `max` pieces, returns how many. `wanted` is how many bytes they hold.
  int gather(iovec* out, int max, uint64_t& wanted) const;
  // The first `bytes`, of no channel any more, go behind what `to` has: the same slices. They stay here until
  // consume().
  void copy_to(Outbox& to, uint64_t bytes) const;
  bool single() const { return backlog_ == nullptr; }
  const Segment& first() const { return first_; }
  // The first `bytes` were taken by the kernel. `frame_length` is called only where that ends inside a segment.
  void consume(uint64_t bytes, FrameLength frame_length) {
    if (bytes == 0) return;
    if (bytes == first_.length && backlog_ == nullptr) {
      first_.hold->release();
      first_.length = 0;
      first_.frames = 0;
      return;
    }
    consume_part(bytes, frame_length);
  }
  // Whether what is first is an opening of which nothing has been sent.
  bool opening_unsent() const { return !empty() && first_.channel == kOpening && begun_rest(nullptr) == 0; }
  // How much of a frame that has begun is still to be sent.
  uint32_t begun_rest(FrameLength frame_length) const;
  // Drops everything but the rest of a frame that has begun.
  void discard_unsent(FrameLength frame_length);
  // Drops whole unsent frames, oldest first, of channels that `may_drop(channel)` allows, until at most `bytes_max` and
  // `messages_max` remain; each stretch goes to `report(Dropped)`. Returns whether enough could be dropped.
  template <class MayDrop, class Report>
  bool drop_oldest(uint64_t bytes_max, uint32_t messages_max, FrameLength frame_length, MayDrop may_drop,
                   Report report) {
    uint32_t index = 0;
    while (index < segments() && (bytes() > bytes_max || messages() > messages_max)) {
      const Segment& at = segment(index);
      if (at.channel == kNoChannel || at.frames == 0 || !may_drop(at.channel)) {
        ++index;
        continue;
      }
      const Dropped dropped = drop_from(index, bytes_max, messages_max, frame_length);
      if (dropped.frames != 0) {
        report(dropped);
      } else {
        ++index;  // nothing but a frame that has begun
      }
    }
    return bytes() <= bytes_max && messages() <= messages_max;
  }
  // The same from the newest backwards. Behind a frame of several segments lies what ends it, uncounted and of no
  // channel: where `ends(slice)` says so of what follows a dropped frame, it goes as well.
  template <class MayDrop, class Ends, class Report>
  bool drop_newest(uint64_t bytes_max, uint32_t messages_max, FrameLength frame_length, MayDrop may_drop, Ends ends,
                   Report report) {
    for (uint32_t index = segments(); index != 0 && (bytes() > bytes_max || messages() > messages_max);) {
      const Segment& at = segment(--index);
      if (at.channel >= kOpening || at.frames == 0 || !may_drop(at.channel)) continue;
      const uint32_t before = segments();
      const Dropped dropped = drop_back_of(index, bytes_max, messages_max, frame_length);
      if (dropped.frames == 0) continue;
      report(dropped);
      const uint32_t behind = segments() == before ? index + 1 : index;
      if (behind >= segments()) continue;
      const Segment& next = segment(behind);
      if (next.channel == kNoChannel && next.frames == 0 && ends(Slice{next.hold, next.offset, next.length})) {
        remove(behind);
      }
    }
    return bytes() <= bytes_max && messages() <= messages_max;
  }
  void clear();
  // For tests: segments that there is memory for.
  size_t capacity() const;
  // Now and then: memory in this thread's pool that nobody has needed since the last time.
  static void trim_pool();

 private:
  struct Backlog;
  uint64_t bytes_of_all() const;
  uint32_t messages_of_all() const;
  void append_behind(const Segment& segment);
  void consume_part(uint64_t bytes, FrameLength frame_length);
  // Drops frames of segment `index` from its first unsent frame on, until the limits hold or it is used up.
  Dropped drop_from(uint32_t index, uint64_t bytes_max, uint32_t messages_max, FrameLength frame_length);
  // From its last frame backwards, but for one that has begun.
  Dropped drop_back_of(uint32_t index, uint64_t bytes_max, uint32_t messages_max, FrameLength frame_length);
  uint32_t segments() const;
  Segment& segment(uint32_t index);
  Backlog& backlog();
  void pop_first();
  void remove(uint32_t index);
  void drop_backlog_if_idle();

  Segment first_;               // length 0: nothing is queued
  Backlog* backlog_ = nullptr;  // segments after the first, and where the frame in progress began
};
static_assert(sizeof(Outbox) == 40, "paid for every connection");

}  // namespace ringcast::reactor
