// SPDX-License-Identifier: Apache-2.0
#include "inlets/inlet.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/log.h"

namespace ringcast::inlets {

using session::ForeignTask;

namespace {

constexpr Time kBackoffMin = std::chrono::milliseconds(100), kBackoffMax = std::chrono::seconds(2);
constexpr Time kStuckPause = std::chrono::milliseconds(1);
constexpr Time kLogPause = std::chrono::seconds(1);

std::string_view text_of(hub::PublishError error) {
  switch (error) {
    case hub::PublishError::none: break;
    case hub::PublishError::draining: return "the server drains";
    case hub::PublishError::channels_full: return "channels_max is reached";
    case hub::PublishError::unavailable: return "the broker cannot be reached";
    case hub::PublishError::unknown: return "the broker was lost before it answered";
  }
  return "";
}

}  // namespace

Inlet::Inlet(const InletOptions& options, const InletLimits& limits, Mapping mapping, Source& source, Publish publish,
             Rights rights, InletStats& stats)
    : options_(options),
      limits_(limits),
      mapping_(std::move(mapping)),
      source_(source),
      publish_(std::move(publish)),
      rights_(std::move(rights)),
      stats_(stats),
      entries_(options.in_flight_max) {
  for (uint32_t place = options.in_flight_max; place-- > 0;) free_.push_back(place);
}

void Inlet::step(Time now, bool reads) {
  now_ = now;
  reads_ = reads;
  stuck_ = false;
  if (now >= retry_at_) retry();
  send_some();
  for (; !answered_.empty(); answered_.pop_front()) source_.settled(answered_.front());
  source_.work(*this, now, reads);
  send_some();
  const bool full = reads && room() == 0;
  if (full && !was_full_) stats_.held_back.add();
  was_full_ = full;
  set_gauges();
}

Time Inlet::due() const {
  Time due = std::min(source_.due(), retry_at_);
  if (stuck_) due = std::min(due, now_ + kStuckPause);
  if (!answered_.empty()) due = now_;
  if (!reads_) return due;
  const Time wait =
      std::max(message_bucket_.wait(limits_.messages, 1, now_), byte_bucket_.wait(limits_.bytes, 1, now_));
  return wait.count() > 0 ? std::min(due, now_ + wait) : due;
}

uint32_t Inlet::room() const {
  if (!reads_ || stuck_ || !failed_.empty() || in_flight_bytes_ >= options_.in_flight_size_max) return 0;
  if (byte_bucket_.wait(limits_.bytes, 1, now_).count() > 0) return 0;
  auto room = static_cast<uint32_t>(free_.size());
  if (limits_.messages.limited()) {
    access::TokenBucket bucket = message_bucket_;
    room = static_cast<uint32_t>(bucket.take_up_to(limits_.messages, room, now_));
  }
  return room;
}

uint64_t Inlet::room_bytes() const {
  return options_.in_flight_size_max - std::min(options_.in_flight_size_max, in_flight_bytes_);
}

void Inlet::take(const Received& received) {
  RINGCAST_ASSERT(!free_.empty());
  stats_.received.add();
  stats_.received_bytes.add(received.body.size());
  message_bucket_.take(limits_.messages, 1, now_);
  byte_bucket_.take(limits_.bytes, received.body.size(), now_);
  const auto grant = rights_();
  auto task = mapping_.map(received, grant.get());
  if (!task) return unmapped(received, task.error());
  enter(received, *std::move(task), false);
}

void Inlet::unmapped(const Received& received, const Error& why) {
  const Reason reason = Mapping::reason_of(why);
  stats_.unmapped[static_cast<size_t>(reason)].add();
  if (logged_at_.count() == 0 || now_ - logged_at_ >= kLogPause) {
    log_warning("inlet_unmapped", {{"inlet", options_.name},
                                   {"reason", to_string(reason)},
                                   {"why", why.message},
                                   {"channel", received.channel},
                                   {"id", received.id},
                                   {"not_logged_before", unlogged_}});
    logged_at_ = now_;
    unlogged_ = 0;
  } else {
    ++unlogged_;
  }
  if (options_.dead_letter.empty()) {
    answered_.push_back(received.token);
  } else {
    enter(received, mapping_.dead_letter(received, why), true);
  }
}

void Inlet::enter(const Received& received, std::unique_ptr<ForeignTask> task, bool dead_letter) {
  task->local = limits_.local;
  if (limits_.local) task->idempotency_key.clear();
  const uint32_t place = free_.back();
  free_.pop_back();
  Entry& entry = entries_[place];
  entry = {.used = true, .dead_letter = dead_letter, .token = received.token, .order = ++last_order_};
  entry.bytes = task->bytes();
  entry.task = std::move(task);
  ++in_flight_;
  in_flight_bytes_ += entry.bytes;
  if (!limits_.one_at_a_time) return enqueue(place);
  entry.channel = entry.task->key;
  auto& queue = queues_[entry.channel];
  queue.push_back(place);
  if (queue.size() == 1) enqueue(place);
}

void Inlet::enqueue(uint32_t place) {
  to_send_.push_back(place);
  if (!stuck_) send_some();
}

void Inlet::send_some() {
  while (!to_send_.empty()) {
    const uint32_t place = to_send_.front();
    Entry& entry = entries_[place];
    stuck_ = !publish_(entry.task, place);
    if (stuck_) return;
    entry.under_way = true;
    to_send_.pop_front();
  }
}

void Inlet::settled(uint32_t place, std::unique_ptr<ForeignTask> task, const hub::Published& published) {
  Entry& entry = entries_[place];
  RINGCAST_ASSERT(entry.used && entry.under_way);
  entry.under_way = false;
  if (entry.forgotten) return release(place);
  // Without a key it could be published twice: of types without ids, what may be lost is not doubled.
  if (published.error == hub::PublishError::unknown && task->idempotency_key.empty()) {
    missed(1, text_of(published.error));
    answered_.push_back(entry.token);
    return release(place);
  }
  if (published.error != hub::PublishError::none) {
    stats_.retries.add();
    if (failed_.empty()) {
      backoff_ = std::clamp(backoff_ * 2, kBackoffMin, kBackoffMax);
      retry_at_ = now_ + backoff_;
      if (backoff_ == kBackoffMin) {
        log_warning("inlet_waits", {{"inlet", options_.name}, {"why", text_of(published.error)}});
      }
    }
    entry.task = std::move(task);
    failed_.push_back(place);
    return;
  }
  if (backoff_.count() != 0 && failed_.empty()) {
    backoff_ = Time(0);
    log_info("inlet_goes_on", {{"inlet", options_.name}});
  }
  stats_.published.add();
  if (published.duplicate) stats_.duplicates.add();
  if (entry.dead_letter) stats_.dead_letters.add();
  answered_.push_back(entry.token);
  release(place);
}

void Inlet::release(uint32_t place) {
  Entry& entry = entries_[place];
  --in_flight_;
  in_flight_bytes_ -= entry.bytes;
  const std::string channel = std::move(entry.channel);
  entry = {};
  free_.push_back(place);
  if (limits_.one_at_a_time) next_of(channel);
}

void Inlet::next_of(const std::string& channel) {
  const auto found = queues_.find(channel);
  if (found == queues_.end()) return;
  found->second.pop_front();
  if (found->second.empty()) {
    queues_.erase(found);
  } else {
    enqueue(found->second.front());
  }
}

// In the order in which they came, and before what has not been sent yet.
void Inlet::retry() {
  retry_at_ = kNever;
  std::sort(failed_.begin(), failed_.end(),
            [&](uint32_t a, uint32_t b) { return entries_[a].order > entries_[b].order; });
  for (const uint32_t place : failed_) to_send_.push_front(place);
  failed_.clear();
}

void Inlet::forget() {
  source_.forget();
  answered_.clear();
  to_send_.clear();
  failed_.clear();
  queues_.clear();
  retry_at_ = kNever;
  for (uint32_t place = 0; place < entries_.size(); ++place) {
    Entry& entry = entries_[place];
    if (!entry.used) continue;
    entry.channel.clear();
    entry.forgotten = true;
    if (!entry.under_way) release(place);
  }
  set_gauges();
}

void Inlet::connected() {
  stats_.connects.add();
  stats_.up.set(1);
  why_.clear();
  log_info("inlet_connected", {{"inlet", options_.name}});
}

void Inlet::disconnected(std::string_view why) {
  if (stats_.up.get() != 0) stats_.disconnects.add();
  stats_.up.set(0);
  if (std::exchange(why_, std::string(why)) == why) return;  // it goes on trying
  log_warning("inlet_disconnected", {{"inlet", options_.name}, {"why", why}});
}

void Inlet::missed(uint64_t count, std::string_view why) {
  stats_.missed.add(count);
  if (missed_logged_at_.count() != 0 && now_ - missed_logged_at_ < kLogPause) return;
  log_warning("inlet_missed", {{"inlet", options_.name}, {"messages", stats_.missed.get()}, {"why", why}});
  missed_logged_at_ = now_;
}

void Inlet::set_gauges() {
  stats_.in_flight.set(in_flight_);
  stats_.in_flight_bytes.set(in_flight_bytes_);
}

}  // namespace ringcast::inlets
