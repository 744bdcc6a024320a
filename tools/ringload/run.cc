// SPDX-License-Identifier: Apache-2.0
#include "run.h"

#include <bit>
#include <ctime>

#include "base/assert.h"

namespace ringcast::ringload {

int64_t monotonic_ns() {
  timespec time;
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

Run::Run(const Options& run_options)
    : options(run_options),
      codec(static_cast<uint32_t>(monotonic_ns() >> 10), options.marker),
      epoch_ns(monotonic_ns()),
      streams(options.publishes() ? options.publishing_connections() : 0),
      progress(std::make_unique<Progress[]>(options.threads)),
      completions(std::make_unique<std::atomic<bool>[]>(options.threads)),
      role_pattern_(role_pattern(options.roles)),
      members_with_role_(options.roles.size()),
      members_(size_t{options.threads} * options.rooms),
      slow_members_(options.rooms),
      room_workers_(options.rooms) {
  for (uint32_t member = 0; member < options.connections; ++member) {
    ++members_with_role_[role_index_of_member(member)];
    if (role_of_member(member).counted())
      ++members_[size_t{member % workers()} * options.rooms + room_of_member(member)];
    slow_members_[member % options.rooms] += role_of_member(member).kind == RoleKind::slow;
  }
  for (uint32_t room = 0; room < options.rooms; ++room) {
    for (uint32_t worker = 0; worker < workers(); ++worker) room_workers_[room] += members_in_room(room, worker) > 0;
  }
  if (options.in_flight > 0) {
    window_ = std::bit_ceil(options.in_flight);
    shares_ = std::make_unique<std::atomic<uint64_t>[]>(size_t{window_} * streams.size());
  }
}

uint32_t Run::members_that_ask() const {
  uint32_t members = 0;
  for (size_t i = 0; i < options.roles.size(); ++i) members += options.roles[i].asks() ? members_with_role_[i] : 0;
  return members;
}

void Run::enter(Phase next) {
  phase.store(next, std::memory_order_release);
  for (const io::WakeTarget& wake : wakes) wake.wake();
}

void Run::member_share_done(uint32_t stream, uint64_t sequence) {
  std::atomic<uint64_t>& slot = shares_[size_t{stream} * window_ + (sequence & (window_ - 1))];
  uint64_t seen = slot.load(std::memory_order_relaxed);
  uint64_t next = 0;
  do {
    // A message that was given up on may still complete; its slot belongs to a later one by then.
    if (seen >> 16 > sequence + 1) return;
    next = seen >> 16 == sequence + 1 ? seen + 1 : (sequence + 1) << 16 | 1;
  } while (!slot.compare_exchange_weak(seen, next, std::memory_order_relaxed));
  if ((next & 0xFFFF) != room_workers_[room_of_stream(stream)]) return;
  streams[stream].completed.fetch_add(1, std::memory_order_relaxed);
  const uint32_t owner = stream % workers();
  // Pairs with the exchange in Worker::fill_pipes(): a thread that sees the flag sees the count as well.
  if (!completions[owner].exchange(true, std::memory_order_acq_rel)) wakes[owner].wake();
}

}  // namespace ringcast::ringload
