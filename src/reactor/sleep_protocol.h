// SPDX-License-Identifier: Apache-2.0
// How members of the mesh sleep without missing anything: the order of the stores, fences and looks, and nothing else.
// No state of its own: `Ops` does the memory accesses, over real atomics in mesh.cc and over modelled memory in the
// unit test, which runs these very functions through all their interleavings.
//
// A member that wants to sleep is a consumer (mail may come) and a producer (its overflow may get room) at once:
//
//   sleeper                         who publishes mail              who takes mail
//   sleeping := 1                   tail := t (release)             head := h (release)
//   waiting[pair] := 1 (release)    fence B                         fence C
//   fence A                         sleeping seen?                  waiting[pair] seen?
//   mail in a ring? room in one?      exchange it with 0, wake        exchange it with 0, then as on the left
//
// Of two fences one comes first. A before B: the publisher sees sleeping. B before A: the sleeper sees the mail. A and
// C alike for the waiting flag and the room. So nobody sleeps with mail in a ring, or with overflow of its own and room
// for it. A flag left over from a sleep that did not take place costs a surplus wake-up, which is harmless.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>

#if defined(__SANITIZE_THREAD__)
#define RINGCAST_THREAD_SANITIZER
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define RINGCAST_THREAD_SANITIZER
#endif
#endif

namespace ringcast::reactor {

using MemberId = uint16_t;

enum class SleepFence : uint8_t { before_recheck, after_tails, after_heads };

// Says whether the caller may wait now. When not, it is marked as awake again.
template <class Ops>
bool prepare_sleep(Ops& ops) {
  ops.store_sleeping(true);
  // For each pair with overflow. Release, so that whoever takes the flag sees `sleeping`: a consumer may take it on
  // behalf of an earlier head, whose fence came before all this.
  ops.store_waiting();
  ops.fence(SleepFence::before_recheck);  // A; partners: B in wake_consumers, C in wake_producers
  if (!ops.any_mail() && !ops.any_room()) return true;
  ops.store_sleeping(false);
  return false;
}

// After every wait, whatever ended it.
template <class Ops>
void finish_sleep(Ops& ops) {
  ops.store_sleeping(false);
}

template <class Ops>
void wake_if_sleeping(Ops& ops, MemberId member) {
  // The exchange lets one of several producers pay for the wake-up; the load before it keeps the line shared.
  if (ops.load_sleeping(member) && ops.exchange_sleeping(member)) ops.wake(member);
}

// After the tails of the rings to `consumers` were published.
template <class Ops>
void wake_consumers(Ops& ops, std::span<const MemberId> consumers) {
  ops.fence(SleepFence::after_tails);  // B; partner: A in the consumer's prepare_sleep
  for (MemberId consumer : consumers) wake_if_sleeping(ops, consumer);
}

// After the heads of the rings from `producers` were published.
template <class Ops>
void wake_producers(Ops& ops, std::span<const MemberId> producers) {
  ops.fence(SleepFence::after_heads);  // C; partner: A in the producer's prepare_sleep
  for (MemberId producer : producers) {
    if (ops.load_waiting(producer) && ops.exchange_waiting(producer)) wake_if_sleeping(ops, producer);
  }
}

// The fence of this protocol. ThreadSanitizer does not know fences (and the compilers warn of them): there a locked
// read-modify-write stands in, which is as strong on the machines that it runs on.
inline void full_fence() noexcept {
#ifdef RINGCAST_THREAD_SANITIZER
  static std::atomic<uint32_t> word{0};
  word.fetch_add(0, std::memory_order_seq_cst);
#else
  std::atomic_thread_fence(std::memory_order_seq_cst);
#endif
}

}  // namespace ringcast::reactor
