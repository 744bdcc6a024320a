// What waits to be sent on one connection: segments of shared blocks, in order. Owned by the connection, touched by its
// reactor only. A connection with at most one segment needs no memory beyond itself; more take a Backlog from a pool.
#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <span>

#include "base/block.h"

namespace ringcast::runtime {

inline constexpr uint32_t kNoChannel = UINT32_MAX;

// A run of whole frames. `channel` and `first_id` say where they come from, so that dropped ones can be named.
struct Segment {
  Hold* hold = nullptr;
  uint32_t offset = 0;
  uint32_t length = 0;
  uint32_t frames = 0;            // counted against the message limit; 0 for replay and control frames
  uint32_t channel = kNoChannel;  // local channel; kNoChannel: control frames, never dropped
  uint64_t first_id = 0;          // ids are contiguous within a segment; 0: ephemeral
};
static_assert(sizeof(Segment) == 32);

// Length of the frame that begins at `bytes` (which holds at least one whole frame): frames are self-delimiting, so
// boundaries inside a run are found only when somebody is slow. Given by the session that knows the wire form.
using FrameLength = uint32_t (*)(std::span<const uint8_t> bytes);

struct Dropped {
  uint32_t channel = kNoChannel;
  uint32_t frames = 0;
  uint64_t first_id = 0;  // of the identified ones; 0 if none
  uint64_t last_id = 0;
};

class Outbox {
 public:
  Outbox() = default;
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;
  ~Outbox() { clear(); }

  bool empty() const { return bytes_ == 0; }
  uint32_t bytes() const { return bytes_; }
  uint32_t messages() const { return messages_; }

  // Acquires the hold. Extends the last segment where the bytes lie right behind it and come from the same channel.
  void append(const Segment& segment);
  // Goes before everything; only while nothing of what is queued has been sent.
  void prepend(const Segment& segment);
  // Fills up to `max` pieces; the caller checks total() against what was taken.
  int gather(iovec* out, int max) const;
  // The first `bytes` were taken by the kernel.
  void consume(uint64_t bytes, FrameLength frame_length);
  // Drops everything but the rest of a frame that has begun.
  void discard_unsent(FrameLength frame_length);
  // Drops whole unsent frames, oldest first, of channels that `may_drop` allows until at most `bytes_max` and
  // `messages_max` remain; reports per channel through `report`. Returns whether enough could be dropped.
  template <class MayDrop, class Report>
  bool drop_oldest(uint64_t bytes_max, uint32_t messages_max, FrameLength frame_length, MayDrop may_drop,
                   Report report);
  void clear();

 private:
  struct Backlog;
  Segment* begin();
  uint32_t count() const;
  bool drop_some(size_t index, uint64_t bytes_over, uint32_t messages_over, FrameLength frame_length, Dropped& dropped);
  uint32_t begun_rest(FrameLength frame_length) const;
  size_t segments() const;
  Segment& segment(size_t index);
  Backlog* backlog();

  Segment first_;
  Backlog* backlog_ = nullptr;  // segments after the first, and where the frame in progress began
  uint32_t bytes_ = 0;
  uint32_t messages_ = 0;
};

template <class MayDrop, class Report>
bool Outbox::drop_oldest(uint64_t bytes_max, uint32_t messages_max, FrameLength frame_length, MayDrop may_drop,
                         Report report) {
  for (size_t i = 0; i < segments() && (bytes_ > bytes_max || messages_ > messages_max);) {
    Segment& at = segment(i);
    if (at.channel == kNoChannel || at.frames == 0 || !may_drop(at.channel)) {
      ++i;
      continue;
    }
    Dropped dropped;
    const uint64_t bytes_over = bytes_ > bytes_max ? bytes_ - bytes_max : 0;
    const uint32_t messages_over = messages_ > messages_max ? messages_ - messages_max : 0;
    const bool removed = drop_some(i, bytes_over, messages_over, frame_length, dropped);
    if (dropped.frames != 0) report(dropped);
    if (!removed) ++i;
  }
  return bytes_ <= bytes_max && messages_ <= messages_max;
}

}  // namespace ringcast::runtime
