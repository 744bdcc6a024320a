// SPDX-License-Identifier: Apache-2.0
#include "hub/owner/histories.h"

namespace ringcast::hub {

MessageLog& Histories::log_of(uint32_t index) {
  MessageLog& log = channels_[index].make_log();
  if (!log.history.empty() && newest_ != index) {
    unlink(log, index);
    append(log, index);
  }
  return log;
}

void Histories::unlink(MessageLog& log, uint32_t index) {
  RINGCAST_ASSERT(log.older != kNoIndex || oldest_ == index);
  (log.older == kNoIndex ? oldest_ : channels_[log.older].log()->newer) = log.newer;
  (log.newer == kNoIndex ? newest_ : channels_[log.newer].log()->older) = log.older;
  log.older = log.newer = kNoIndex;
}

void Histories::append(MessageLog& log, uint32_t index) {
  log.older = newest_;
  log.newer = kNoIndex;
  (newest_ == kNoIndex ? oldest_ : channels_[newest_].log()->newer) = index;
  newest_ = index;
}

void Histories::keep(uint32_t index, const Slice& slice, bool final, uint64_t time_s) {
  const Channel& channel = channels_[index];
  if (channels_.policy(channel).history_messages == 0) return;
  History& history = channel.log()->history;
  if (history.empty()) append(*channel.log(), index);
  bytes_ += slice.length + History::kOverhead;
  history.push(Kept{slice, static_cast<uint32_t>(time_s), final});
  add(context_.stats.history_messages);
  trim(index);
  trim_total();
  note_bytes();
}

void Histories::pop_oldest(uint32_t index) {
  MessageLog& log = *channels_[index].log();
  const uint64_t before = log.history.bytes();
  log.history.pop_oldest();
  bytes_ -= before - log.history.bytes();
  if (log.history.empty()) {
    unlink(log, index);
    log.history.clear();
    log.writer.reset();  // the block that the next messages would go to counts nowhere
  }
  subtract(context_.stats.history_messages);
  add(context_.stats.evicted_messages);
}

uint32_t Histories::trim(uint32_t index) {
  const Channel& channel = channels_[index];
  if (channel.log() == nullptr) return 0;
  uint32_t trimmed = 0;
  const RoomPolicy& rules = channels_.policy(channel);
  const History& history = channel.log()->history;
  const uint64_t now_s = context_.wall_s();
  while (!history.empty() && (history.size() > rules.history_messages || history.bytes() > rules.history_bytes ||
                              history.at(0).time_s + static_cast<uint64_t>(rules.history_ttl.count()) <= now_s)) {
    pop_oldest(index);
    ++trimmed;
  }
  if (trimmed != 0) note_bytes();
  return trimmed;
}

// A publish takes away about as many bytes as it adds, however many channels there are.
void Histories::trim_total() {
  while (bytes_ > context_.options.history_bytes_max) pop_oldest(oldest_);
}

void Histories::drop(uint32_t index) {
  const Channel& channel = channels_[index];
  if (channel.log() == nullptr) return;
  while (!channel.log()->history.empty()) pop_oldest(index);
  channel.log()->writer.reset();
  note_bytes();
}

}  // namespace ringcast::hub
