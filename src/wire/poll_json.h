// SPDX-License-Identifier: Apache-2.0
// The answer to a long poll, {"events":[…],"cursor":"…","gaps":[…]}, built up to a limit of bytes.
// Lives on the stack or in the session while an answer is being collected; writes to a string of the caller's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace ringcast::wire {

inline constexpr size_t kPollAnswerBytesMax = 256 << 10;

class PollAnswer {
 public:
  explicit PollAnswer(std::string& out, size_t bytes_max = kPollAnswerBytesMax);
  PollAnswer(const PollAnswer&) = delete;  // what owns it often owns `out`, too
  PollAnswer& operator=(const PollAnswer&) = delete;

  // False when the answer would grow beyond the limit: nothing was added, and the event belongs into the next answer.
  // The first event is always taken, or a message above the limit would never arrive.
  bool add_event(std::string_view json);
  void add_gap(std::string_view room, uint64_t oldest);
  void finish(std::string_view cursor);

  size_t events() const { return events_; }
  bool empty() const { return events_ == 0 && gaps_.empty(); }

 private:
  std::string& out_;
  std::string gaps_;
  size_t begin_;
  size_t bytes_max_;
  size_t events_ = 0;
};

}  // namespace ringcast::wire
