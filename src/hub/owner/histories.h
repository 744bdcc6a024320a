// SPDX-License-Identifier: Apache-2.0
// The histories of a core's channels: what each may keep by its policy, and all of them together by
// HubOptions::history_bytes_max, the least recently published losing first. One per owner; its reactor's thread only.
#pragma once

#include <cstdint>

#include "hub/context.h"
#include "hub/owner/channels.h"

namespace ringcast::hub {

class Histories {
 public:
  Histories(Context& context, Channels& channels) : context_(context), channels_(channels) {}

  // For the next message of the channel, which becomes the most recently published one.
  MessageLog& log_of(uint32_t index);
  // Appends the message with the channel's newest id; the limits may take it away again at once.
  void keep(uint32_t index, const Slice& slice, bool final, uint64_t time_s);
  // Takes away what the channel's policy does not allow any more: how many messages went.
  uint32_t trim(uint32_t index);
  void drop(uint32_t index);
  uint64_t bytes() const { return bytes_; }

 private:
  void pop_oldest(uint32_t index);
  void trim_total();
  void unlink(MessageLog& log, uint32_t index);
  void append(MessageLog& log, uint32_t index);
  void note_bytes() { context_.stats.history_bytes.store(bytes_, std::memory_order_relaxed); }

  Context& context_;
  Channels& channels_;
  uint64_t bytes_ = 0;
  uint32_t oldest_ = kNoIndex;  // channels with a history, by MessageLog::older and newer
  uint32_t newest_ = kNoIndex;
};

}  // namespace ringcast::hub
