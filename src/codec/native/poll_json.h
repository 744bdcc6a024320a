// SPDX-License-Identifier: Apache-2.0
// The answer to a long poll, {"events":[…],"cursor":"…","gaps":[…]}, built up to a limit of bytes. A poll that names
// its positions by channel gets them back like that, as "positions":{…} instead of the cursor. Lives on the stack or in
// the session while an answer is being collected; writes to a string of the caller's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "codec/native/event_json.h"

namespace ringcast::codec {

inline constexpr size_t kPollAnswerBytesMax = 256 << 10;

class PollAnswer {
 public:
  explicit PollAnswer(std::string& out, size_t bytes_max = kPollAnswerBytesMax);
  PollAnswer(const PollAnswer&) = delete;  // what owns it often owns `out`, too
  PollAnswer& operator=(const PollAnswer&) = delete;

  // False when the answer would grow beyond the limit: nothing was added, and the event belongs into the next answer.
  // The first event is always taken, or a message above the limit would never arrive.
  bool add_event(std::string_view json);
  // What ends a subscription: taken beyond the limit, because no later answer would have it.
  void add_notice(std::string_view json);
  void add_gap(std::string_view room, uint64_t oldest, std::string_view reason = {});
  void finish(std::string_view cursor);
  void finish(std::span<const ChannelPosition> positions);

  size_t events() const { return events_; }
  bool empty() const { return events_ == 0 && gaps_.empty(); }

 private:
  void append_gaps();

  std::string& out_;
  std::string gaps_;
  size_t begin_;
  size_t bytes_max_;
  size_t events_ = 0;
};

}  // namespace ringcast::codec
