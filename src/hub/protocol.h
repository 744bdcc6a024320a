// SPDX-License-Identifier: Apache-2.0
// What cores send each other: the kinds of mail, the meaning of a mail's fields per kind, and how variable-length
// payloads are laid out. Both ends assert what they rely on.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "base/block.h"
#include "hub/types.h"
#include "reactor/mail.h"

namespace ringcast::hub {

using reactor::Mail;

enum class Kind : uint8_t {
  // core → owner core
  publish,  // payload: PublishRecord; connection/generation: who is notified, value: correlation; extra: when (ns)
  join,     // payload: key, user, Status, Moment; channel/number: local channel and generation; membership, extra: join
            // number;
            // connection/generation; id: cursor
  replay_next,  // channel/generation: owner's channel; id: position; membership, number: join number; value/extra:
                // local
                // channel
                // and generation; payload: key, user, Status, Moment
  leave,        // channel/number: owner's channel and generation; value: epoch; payload: user; connection/generation:
                // whose, and extra: 1 + LeftReason; 0: a join that was given up
  status,  // channel/number: owner's channel and generation; payload: user; value: Status. To the owner of an inbox:
           // the user's; to that of a room: as it is shown there, and extra: its Moment
  ask,     // payload: AskRecord; value: gather slot; to every core or to the owner
  // owner core → core
  joined,  // membership, number: join number; channel/generation: owner's channel; connection: its epoch; id: position;
           // value: replayed; extra: members << 32 | kJoined…, of an inbox: Moment << 32 | kJoined…
  replay,  // membership, number; block: a range; id: first id; value: count; extra: gap's oldest; flags. The last mail
  // of a piece has no block; with kLive: connection/generation: owner's channel, offset: its epoch, length: Status and
  // kJoinedStated; of an inbox value: Moment
  published,  // connection/generation; value: correlation; id; extra: receivers; flags: duplicate, error
  deliver,    // channel/number: local channel and generation; block: canonical; id; connection/generation + membership:
              // excluded connection and its core; value/extra: compressed block and offset << 32 | length; flags
  measure,    // value: when the publish was taken whose `deliver` came just before
  gap,        // channel/number: local channel and generation; value: the oldest id that its members get from now on
  evict,  // channel/number: local channel and generation; payload: user (empty: everybody); value: LeftReason or kick
  user_status,  // channel/number: local channel (an inbox) and generation; value: Status; extra: Moment
  credit,       // value: publishes; extra: bytes
  answer,       // payload: rows; value: gather slot and its generation; id, extra: numbers; flags
  // core → itself
  go_on,  // there is more to do than one tick does: the next one is not to be waited for
};

namespace flag {
inline constexpr uint8_t kSilent = 1;       // join
inline constexpr uint8_t kHasCursor = 2;    // join
inline constexpr uint8_t kDeflate = 4;      // join, leave: this member takes compressed frames
inline constexpr uint8_t kBrief = 8;        // join, replay_next: of a form that comes and goes by nature (polls)
inline constexpr uint8_t kKnown = 16;       // join, replay_next: Status is what the user's inbox says, at Moment
inline constexpr uint8_t kNoReplay = 32;    // join
inline constexpr uint8_t kAcknowledge = 1;  // publish
inline constexpr uint8_t kExcludeName = 2;  // publish: its record has one
inline constexpr uint8_t kLive = 1;         // joined, replay: the member was added in this step
inline constexpr uint8_t kGapAhead = 2;     // replay: extra says where history now begins
inline constexpr uint8_t kFailed = 4;       // joined: channels_full, or value: a JoinError
inline constexpr uint8_t kFirst = 8;        // joined: replay follows in further mail
inline constexpr uint8_t kMore = 16;        // replay: last range of this piece, but there is more
inline constexpr uint8_t kLast = 32;        // replay: last range of this piece
inline constexpr uint8_t kEnded = 64;       // replay: ends with a final message, which takes the member out
inline constexpr uint8_t kFinal = 1;        // deliver
inline constexpr uint8_t kExclude = 2;      // deliver
inline constexpr uint8_t kCompressed = 4;   // deliver
inline constexpr uint8_t kMayWait = 8;      // deliver: presence, which may wait for more of it
inline constexpr uint8_t kGrace = 1;        // leave: hold presence back
inline constexpr uint8_t kPoll = 2;         // leave: of a poll, whose grace is its own
inline constexpr uint8_t kLeaveSilent = 8;  // leave: it was a silent member
inline constexpr uint8_t kFound = 1;        // answer
inline constexpr uint8_t kCut = 2;          // answer: more rows exist
inline constexpr uint8_t kUnavailable = 4;  // answer
}  // namespace flag

inline constexpr uint64_t kKick = 0xff;  // an evict's value: close the connections; else a LeftReason

// In Mail::extra of `joined`, low half.
inline constexpr uint64_t kJoinedGap = 1, kJoinedReset = 2, kJoinedEnded = 4, kJoinedNoHistory = 8;
inline constexpr uint32_t kJoinedStatusShift = 4, kJoinedStatusMask = 3;  // the user's Status: of an inbox, as shown
inline constexpr uint32_t kJoinedStated = 64;  // of an inbox: its user has had another status than `online`

// Statuses of a user reach a room's owner by the cores of all the user's connections, each as fast as it can: the later
// one holds. A moment is the number of status changes that the owner core of the user's inbox has counted, of any user.
// What that core has sent another one is known there as of the last moment heard from it.
using Moment = uint32_t;
inline constexpr Moment kNoMoment = 0, kFirstMoment = 1;
// They wrap around; nothing that is under way is older than so many changes.
inline bool is_before(Moment a, Moment b) {
  constexpr Moment kUnderWayMax = 1u << 24;
  return b - a - 1 < kUnderWayMax;
}

// For mail that nobody will read any more: gives back the blocks that it refers to.
inline void discard_mail(const Mail& mail) {
  if (mail.block != nullptr) mail.block->release();
  if (static_cast<Kind>(mail.kind) == Kind::deliver && (mail.flags & flag::kCompressed) != 0) {
    reinterpret_cast<Block*>(mail.value)->release();
  }
}

// Variable-length payloads: fixed header, then strings, each after its length.
class RecordWriter {
 public:
  explicit RecordWriter(std::string& out) : out_(out) { out_.clear(); }
  template <class T>
  RecordWriter& number(T value) {
    static_assert(std::is_trivially_copyable_v<T>);
    out_.append(reinterpret_cast<const char*>(&value), sizeof value);
    return *this;
  }
  RecordWriter& text(std::string_view value) {
    number(static_cast<uint32_t>(value.size()));
    out_.append(value);
    return *this;
  }

 private:
  std::string& out_;
};

class RecordReader {
 public:
  explicit RecordReader(std::string_view bytes) : rest_(bytes) {}
  template <class T>
  T number() {
    RINGCAST_ASSERT(rest_.size() >= sizeof(T));
    T value;
    std::memcpy(&value, rest_.data(), sizeof value);
    rest_.remove_prefix(sizeof value);
    return value;
  }
  std::string_view text() {
    const auto length = number<uint32_t>();
    RINGCAST_ASSERT(rest_.size() >= length);
    const std::string_view value = rest_.substr(0, length);
    rest_.remove_prefix(length);
    return value;
  }
  bool done() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

// A mail's payload, given back when this goes out of scope.
class Payload {
 public:
  explicit Payload(const Mail& mail) : block_(mail.block), offset_(mail.offset), length_(mail.length) {}
  Payload(const Payload&) = delete;
  Payload& operator=(const Payload&) = delete;
  ~Payload() {
    if (block_ != nullptr) block_->release();
  }
  std::string_view view() const {
    if (block_ == nullptr) return {};
    return {reinterpret_cast<const char*>(block_->data()) + offset_, length_};
  }

 private:
  Block* block_;
  uint32_t offset_;
  uint32_t length_;
};

}  // namespace ringcast::hub
