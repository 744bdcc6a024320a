// SPDX-License-Identifier: Apache-2.0
// The mesh: how cores talk. An SPSC ring of mails for each ordered pair of members; nothing else is shared but flags.
// Mesh: made and destroyed by the main thread, shared by all. Mailboxes: one member's endpoint, its thread only.
// Producer: a foreign thread's outbound half (embedding API), that thread only; see mesh_producer.h.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "base/assert.h"
#include "base/error.h"
#include "base/spsc_ring.h"
#include "io/backend.h"
#include "reactor/mail.h"
#include "reactor/mesh_overflow.h"
#include "reactor/sleep_protocol.h"

namespace ringcast::reactor {

class Producer;

// Called in place of a WakeTarget, by whichever thread wakes; for simulation, where nothing really sleeps.
struct WakeHook {
  void (*call)(void* context, MemberId member) noexcept = nullptr;
  void* context = nullptr;
};

struct MeshOptions {
  uint16_t members = 1;                    // reactors, then bridges; their ids are 0 .. members-1
  uint16_t producers_max = 64;             // foreign threads that publish at the same time; ids from `members` on
  uint32_t ring_slots = 256;               // of each pair; a power of two
  uint32_t producer_ring_slots = 64;       // of each pair from a foreign thread; a power of two
  uint32_t producer_publishes_max = 1024;  // credit of a foreign thread per core
  uint32_t producer_bytes_max = 1u << 20;  // likewise; a larger message goes alone
  WakeHook wake_hook;
};

class Mesh {
 public:
  // Opens the wake descriptors: before any reactor unshares its descriptor table.
  [[nodiscard]] static Result<std::unique_ptr<Mesh>> create(const MeshOptions& options);
  Mesh(const Mesh&) = delete;
  Mesh& operator=(const Mesh&) = delete;

  uint16_t members() const { return options_.members; }
  const MeshOptions& options() const { return options_; }
  // What member's backend must listen to. Not with a wake hook.
  const io::WakeTarget& wake_target(MemberId member) const;
  // Makes a member return from its wait; any thread.
  void wake(MemberId member) noexcept;

  // An outbound endpoint for the calling thread; fails when producers_max are in use. Any thread; takes a lock.
  [[nodiscard]] Result<Producer> attach_producer();
  // Blocked producers return, and later calls fail. Any thread.
  void stop_producers() noexcept;
  // With no other thread left: hands out what is still in the rings.
  template <class Fn>
  void discard(Fn&& fn) {
    for (const auto& pair : pairs_) {
      if (pair) pair->ring.drain(fn);
    }
  }

 private:
  friend class Mailboxes;
  friend class Producer;

  struct Pair {
    explicit Pair(uint32_t slots) : ring(slots) {}
    SpscRing<Mail> ring;
    // 1: the producer may be asleep with overflow for this ring. Set by the producer, taken by the consumer.
    alignas(kCacheLine) std::atomic<uint32_t> waiting{0};
    // From a foreign thread: what the consumer has given back of its credit, see ProducerCredit. Written by the
    // consumer.
    alignas(kCacheLine) std::atomic<uint64_t> credit_returned{0};
    uint64_t credit_taken = 0;  // the producer's; kept for the next user of the slot, because credit outlives a thread
  };

  struct alignas(kCacheLine) MemberState {
    std::atomic<uint32_t> sleeping{0};
  };

  explicit Mesh(const MeshOptions& options);
  Pair& pair(MemberId from, MemberId to) { return *pairs_[size_t{from} * options_.members + to]; }
  void retire_producer(MemberId id) noexcept;
  bool is_producer(MemberId id) const { return id >= options_.members; }
  // Members that may send: producer slots count from their first use on.
  MemberId senders_end() const { return senders_end_.load(std::memory_order_acquire); }

  const MeshOptions options_;
  std::vector<std::unique_ptr<Pair>> pairs_;  // [from][to]; none from a member to itself
  std::vector<MemberState> states_;
  std::vector<io::WakeTarget> targets_;
  std::atomic<MemberId> senders_end_;
  std::atomic<bool> producers_stopped_{false};
  std::mutex producers_mutex_;
  std::vector<bool> producer_attached_;
};

// Single writer, the member itself; others get copies made by it.
struct MailboxStats {
  uint64_t sent = 0;            // mails accepted by send(), to oneself included
  uint64_t received = 0;        // mails handed out by drain()
  uint64_t overflowed = 0;      // of those sent: went through an overflow queue
  uint64_t wakeups = 0;         // members woken
  uint32_t overflow_depth = 0;  // mails waiting in overflow queues now
  uint32_t overflow_peak = 0;
};

class Mailboxes {
 public:
  Mailboxes(Mesh& mesh, MemberId own);
  Mailboxes(const Mailboxes&) = delete;
  Mailboxes& operator=(const Mailboxes&) = delete;

  MemberId own() const { return own_; }
  uint16_t members() const { return mesh_.members(); }

  // Never fails, never waits: what the ring cannot take queues in front of everything sent there later. The receiver
  // sees it after publish(). `from` is filled in. To oneself: comes with the next drain().
  void send(MemberId to, const Mail& mail) {
    RINGCAST_ASSERT(to < outbound_.size());
    Outbound& out = outbound_[to];
    ++out.enqueued;
    ++stats_.sent;
    Mail stamped = mail;
    stamped.from = own_;
    if (out.pair == nullptr) {
      ++out.delivered;
      self_.push(stamped);
      return;
    }
    if (!out.dirty) {
      out.dirty = true;
      dirty_.push_back(to);
    }
    if (!out.overflow.empty() || !out.pair->ring.try_push(stamped)) send_to_full(to, out, stamped);
  }

  // Calls fn(const Mail&) for everything that was there when its ring's turn came. fn may send. Returns how many.
  template <class Fn>
  uint32_t drain(Fn&& fn);

  // The end of a tick: makes all that was sent visible, as far as the rings have room, and wakes who sleeps. True when
  // something has left the overflow: somebody may have waited for that (credit), and nobody else will wake us for it.
  bool publish();

  // Before a wait without published work: true says wait; false says there is something to do at once. Follows
  // publish(); finish_sleep() follows the wait.
  bool prepare_sleep();
  void finish_sleep();

  // Gives a foreign thread credit back; it sees that after publish(). `producer` is the `from` of its mail.
  void return_credit(MemberId producer, uint32_t publishes, uint32_t bytes);

  // Mails sent to a member so far, how many of them have left the overflow (a mail that was the n-th to be enqueued has
  // when that reaches n), and how many the member can see.
  uint64_t enqueued_total(MemberId to) const { return outbound_[to].enqueued; }
  uint64_t past_overflow_total(MemberId to) const { return outbound_[to].enqueued - outbound_[to].overflow.size(); }
  uint64_t delivered_total(MemberId to) const { return outbound_[to].delivered; }
  bool has_self() const { return !self_.empty(); }  // mail to oneself is waiting
  uint32_t overflow_depth(MemberId to) const { return outbound_[to].overflow.size(); }
  const MailboxStats& stats() const { return stats_; }
  // Now and then: memory for overflow that nobody has needed since the last time.
  void trim() { pool_.trim(); }
  // Mails that wait for this member in its rings and from itself.
  uint64_t mailbox_depth() const;

  // When the mesh goes down, with no other thread left: hands out what never reached a ring, so that references in it
  // can be given back. Then drain() every member.
  template <class Fn>
  void abandon(Fn&& fn);

 private:
  struct Outbound {
    Outbound(Mesh::Pair* pair, MailChunkPool& pool) : pair(pair), overflow(pool) {}
    Mesh::Pair* pair;  // null: oneself
    MailQueue overflow;
    uint64_t enqueued = 0;
    uint64_t delivered = 0;
    bool dirty = false;  // in dirty_: something is staged or in overflow
  };
  struct SleepOps;

  void send_to_full(MemberId to, Outbound& out, const Mail& mail);
  void publish_ring(MemberId to, Outbound& out);
  void wake_published();
  void after_drain();

  Mesh& mesh_;
  const MemberId own_;
  MailChunkPool pool_{64};
  MailQueue self_;
  std::vector<Outbound> outbound_;    // [to]
  std::vector<Mesh::Pair*> inbound_;  // [from]; null: oneself
  std::vector<MemberId> dirty_;
  std::vector<MemberId> published_;  // whose rings (or credit) changed since the last wake_published()
  std::vector<MemberId> drained_;
  bool draining_ = false;
  MailboxStats stats_;
};

template <class Fn>
uint32_t Mailboxes::drain(Fn&& fn) {
  RINGCAST_ASSERT(!draining_);
  draining_ = true;
  uint32_t taken = 0;
  for (uint32_t left = self_.size(); left != 0; --left, ++taken) {
    const Mail mail = self_.front();  // a copy: fn may send to itself
    self_.pop();
    fn(mail);
  }
  const MemberId senders_end = mesh_.senders_end();
  for (MemberId from = 0; from < senders_end; ++from) {
    if (from == own_) continue;
    const uint32_t count = inbound_[from]->ring.drain([&](const Mail& mail) {
      RINGCAST_ASSERT(mail.from == from);
      fn(mail);
    });
    if (count == 0) continue;
    taken += count;
    drained_.push_back(from);
  }
  stats_.received += taken;
  draining_ = false;
  if (!drained_.empty()) after_drain();
  return taken;
}

template <class Fn>
void Mailboxes::abandon(Fn&& fn) {
  for (; !self_.empty(); self_.pop()) fn(self_.front());
  for (Outbound& out : outbound_) {
    if (out.pair != nullptr) out.pair->ring.publish();
    for (; !out.overflow.empty(); out.overflow.pop()) fn(out.overflow.front());
    out.dirty = false;
  }
  dirty_.clear();
  stats_.overflow_depth = 0;
}

}  // namespace ringcast::reactor
