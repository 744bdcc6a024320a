// SPDX-License-Identifier: Apache-2.0
#include "reactor/mesh_producer.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <ctime>
#include <utility>

namespace ringcast::reactor {

Result<Producer> Mesh::attach_producer() {
  std::lock_guard lock(producers_mutex_);
  for (MemberId slot = 0; slot < options_.producers_max; ++slot) {
    if (producer_attached_[slot]) continue;
    const auto id = static_cast<MemberId>(options_.members + slot);
    // What the last owner sent may still be on its way. The lock orders the owners' own fields; depth() the rest.
    bool in_use = false;
    for (MemberId to = 0; to < options_.members; ++to) in_use |= pair(id, to).ring.depth() != 0;
    if (in_use) continue;
    producer_attached_[slot] = true;
    // Before the first mail's tail, and so before fence B: a sleeper that comes after that looks at this slot too.
    if (senders_end() <= id) senders_end_.store(static_cast<MemberId>(id + 1), std::memory_order_release);
    return Producer(*this, id);
  }
  return fail("too_many_producers", "more than " + std::to_string(options_.producers_max) +
                                        " threads publish at the same time (producers_max)");
}

void Mesh::retire_producer(MemberId id) noexcept {
  std::lock_guard lock(producers_mutex_);
  producer_attached_[static_cast<size_t>(id - options_.members)] = false;
}

void Mesh::stop_producers() noexcept {
  producers_stopped_.store(true, std::memory_order_release);
  full_fence();  // partner: A in Producer::wait, which looks at the flag again behind it
  for (size_t id = options_.members; id < states_.size(); ++id) {
    if (states_[id].sleeping.exchange(0, std::memory_order_acq_rel) != 0) wake(static_cast<MemberId>(id));
  }
}

// The memory behind the sleep protocol, for a thread that waits for one core.
struct Producer::SleepOps {
  Producer& producer;
  MemberId to;
  uint32_t bytes;

  Mesh& mesh() { return *producer.mesh_; }
  Mesh::Pair& pair() { return mesh().pair(producer.id_, to); }

  void store_sleeping(bool value) { mesh().states_[producer.id_].sleeping.store(value, std::memory_order_relaxed); }
  void store_waiting() { pair().waiting.store(1, std::memory_order_release); }
  void fence(SleepFence) { full_fence(); }
  bool any_mail() { return producer.stopped(); }
  bool any_room() { return producer.has_credit(to, bytes) && pair().ring.has_room(); }
  bool load_sleeping(MemberId member) { return mesh().states_[member].sleeping.load(std::memory_order_relaxed) != 0; }
  bool exchange_sleeping(MemberId member) {
    return mesh().states_[member].sleeping.exchange(0, std::memory_order_acq_rel) != 0;
  }
  void wake(MemberId member) {
    ++producer.wakeups_;
    mesh().wake(member);
  }
};

Producer::Producer(Producer&& other) noexcept
    : mesh_(std::exchange(other.mesh_, nullptr)), id_(other.id_), wakeups_(other.wakeups_) {}

Producer& Producer::operator=(Producer&& other) noexcept {
  Producer moved(std::move(other));
  std::swap(mesh_, moved.mesh_);
  std::swap(id_, moved.id_);
  std::swap(wakeups_, moved.wakeups_);
  return *this;
}

Producer::~Producer() {
  if (mesh_ != nullptr) mesh_->retire_producer(id_);
}

ProducerCredit Producer::in_flight(MemberId to) const {
  Mesh::Pair& pair = mesh_->pair(id_, to);
  const ProducerCredit taken = ProducerCredit::unpack(pair.credit_taken);
  const ProducerCredit returned = ProducerCredit::unpack(pair.credit_returned.load(std::memory_order_acquire));
  return {taken.publishes - returned.publishes, taken.bytes - returned.bytes};
}

bool Producer::has_credit(MemberId to, uint32_t bytes) const {
  const ProducerCredit used = in_flight(to);
  if (used.publishes == 0) return true;  // also a message that is larger than all the credit
  const MeshOptions& options = mesh_->options_;
  return used.publishes < options.producer_publishes_max && uint64_t{used.bytes} + bytes <= options.producer_bytes_max;
}

SendResult Producer::try_send(MemberId to, const Mail& mail, uint32_t bytes) {
  RINGCAST_ASSERT(to < mesh_->members());
  if (stopped()) return SendResult::stopped;
  Mesh::Pair& pair = mesh_->pair(id_, to);
  Mail stamped = mail;
  stamped.from = id_;
  if (!has_credit(to, bytes) || !pair.ring.try_push(stamped)) return SendResult::would_block;
  ProducerCredit taken = ProducerCredit::unpack(pair.credit_taken);
  ++taken.publishes;
  taken.bytes += bytes;
  pair.credit_taken = taken.pack();
  pair.ring.publish();
  SleepOps ops{*this, to, bytes};
  wake_consumers(ops, {&to, 1});
  return SendResult::sent;
}

SendResult Producer::send(MemberId to, const Mail& mail, uint32_t bytes,
                          std::optional<std::chrono::nanoseconds> timeout) {
  std::optional<std::chrono::steady_clock::time_point> deadline;
  if (timeout) deadline = std::chrono::steady_clock::now() + *timeout;
  for (;;) {
    const SendResult result = try_send(to, mail, bytes);
    if (result != SendResult::would_block) return result;
    if (!wait(to, bytes, deadline)) return SendResult::timed_out;
  }
}

bool Producer::wait(MemberId to, uint32_t bytes, std::optional<std::chrono::steady_clock::time_point> deadline) {
  SleepOps ops{*this, to, bytes};
  bool in_time = true;
  if (!prepare_sleep(ops)) return true;
  std::atomic<uint32_t>& sleeping = mesh_->states_[id_].sleeping;
  // One who sets the flag to 0 between the look and the call makes the call return at once (EAGAIN); a signal may end
  // it early. Either way the caller tries again.
  if (!deadline) {
    syscall(SYS_futex, &sleeping, FUTEX_WAIT_PRIVATE, 1, nullptr, nullptr, 0);
  } else {
    const std::chrono::nanoseconds left = *deadline - std::chrono::steady_clock::now();
    in_time = left.count() > 0;
    const timespec relative{static_cast<time_t>(left.count() / 1'000'000'000), left.count() % 1'000'000'000};
    if (in_time) syscall(SYS_futex, &sleeping, FUTEX_WAIT_PRIVATE, 1, &relative, nullptr, 0);
  }
  finish_sleep(ops);
  return in_time;
}

}  // namespace ringcast::reactor
