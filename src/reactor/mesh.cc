// SPDX-License-Identifier: Apache-2.0
#include "reactor/mesh.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "reactor/mesh_producer.h"

namespace ringcast::reactor {

Mesh::Mesh(const MeshOptions& options)
    : options_(options),
      states_(size_t{options.members} + options.producers_max),
      senders_end_(options.members),
      producer_attached_(options.producers_max) {
  pairs_.reserve(states_.size() * options.members);
  for (size_t from = 0; from < states_.size(); ++from) {
    const uint32_t slots = from < options.members ? options.ring_slots : options.producer_ring_slots;
    for (size_t to = 0; to < options.members; ++to) {
      pairs_.push_back(from == to ? nullptr : std::make_unique<Pair>(slots));
    }
  }
}

Result<std::unique_ptr<Mesh>> Mesh::create(const MeshOptions& options) {
  RINGCAST_ASSERT(options.members > 0 && options.members + options.producers_max <= UINT16_MAX);
  std::unique_ptr<Mesh> mesh(new Mesh(options));
  if (options.wake_hook.call == nullptr) {
    mesh->targets_.reserve(options.members);
    for (MemberId member = 0; member < options.members; ++member) {
      Result<io::WakeTarget> target = io::WakeTarget::create();
      if (!target) return tl::unexpected<Error>(target.error());
      mesh->targets_.push_back(std::move(*target));
    }
  }
  return mesh;
}

const io::WakeTarget& Mesh::wake_target(MemberId member) const {
  RINGCAST_ASSERT(member < targets_.size());
  return targets_[member];
}

void Mesh::wake(MemberId member) noexcept {
  if (is_producer(member)) {
    // A foreign thread sleeps on its flag itself, which is 0 by now.
    syscall(SYS_futex, &states_[member].sleeping, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
  } else if (options_.wake_hook.call != nullptr) {
    options_.wake_hook.call(options_.wake_hook.context, member);
  } else {
    targets_[member].wake();
  }
}

// The memory behind the sleep protocol, for a full member.
struct Mailboxes::SleepOps {
  Mailboxes& boxes;

  std::atomic<uint32_t>& sleeping(MemberId member) { return boxes.mesh_.states_[member].sleeping; }

  // Relaxed: ordered by the fence, and before the waiting flags by their release.
  void store_sleeping(bool value) { sleeping(boxes.own_).store(value, std::memory_order_relaxed); }
  void store_waiting() {
    for (MemberId to : boxes.dirty_) {
      RINGCAST_ASSERT(!boxes.outbound_[to].overflow.empty());  // or mail was sent after publish()
      boxes.outbound_[to].pair->waiting.store(1, std::memory_order_release);
    }
  }
  void fence(SleepFence) { full_fence(); }
  bool any_mail() {
    if (!boxes.self_.empty()) return true;
    const MemberId senders_end = boxes.mesh_.senders_end();
    for (MemberId from = 0; from < senders_end; ++from) {
      if (from != boxes.own_ && !boxes.inbound_[from]->ring.empty()) return true;
    }
    return false;
  }
  bool any_room() {
    return std::any_of(boxes.dirty_.begin(), boxes.dirty_.end(),
                       [this](MemberId to) { return boxes.outbound_[to].pair->ring.has_room(); });
  }
  bool load_sleeping(MemberId member) { return sleeping(member).load(std::memory_order_relaxed) != 0; }
  bool exchange_sleeping(MemberId member) { return sleeping(member).exchange(0, std::memory_order_acq_rel) != 0; }
  bool load_waiting(MemberId from) { return boxes.inbound_[from]->waiting.load(std::memory_order_relaxed) != 0; }
  // Acquire: the producer's `sleeping`, stored before it set this flag, is visible now.
  bool exchange_waiting(MemberId from) {
    return boxes.inbound_[from]->waiting.exchange(0, std::memory_order_acq_rel) != 0;
  }
  void wake(MemberId member) {
    ++boxes.stats_.wakeups;
    boxes.mesh_.wake(member);
  }
};

Mailboxes::Mailboxes(Mesh& mesh, MemberId own) : mesh_(mesh), own_(own), self_(pool_) {
  RINGCAST_ASSERT(own < mesh.members());
  outbound_.reserve(mesh.members());
  for (MemberId to = 0; to < mesh.members(); ++to) {
    outbound_.emplace_back(to == own ? nullptr : &mesh.pair(own, to), pool_);
  }
  const auto senders_max = static_cast<MemberId>(mesh.states_.size());
  for (MemberId from = 0; from < senders_max; ++from) {
    inbound_.push_back(from == own ? nullptr : &mesh.pair(from, own));
  }
  dirty_.reserve(mesh.members());
  published_.reserve(2 * inbound_.size());
  drained_.reserve(inbound_.size());
}

void Mailboxes::send_to_full(MemberId to, Outbound& out, const Mail& mail) {
  if (out.overflow.empty()) {
    // The ring is full of mail that the receiver cannot see yet: let it begin now instead of at the end of the tick.
    publish_ring(to, out);
    wake_published();
    if (out.pair->ring.try_push(mail)) return;
  }
  // No bound of its own: publishes have credit, and of other mail there is as much as clients have memberships and
  // questions. A hundred thousand may go in one tick.
  out.overflow.push(mail);
  ++stats_.overflowed;
  stats_.overflow_peak = std::max(stats_.overflow_peak, ++stats_.overflow_depth);
}

void Mailboxes::publish_ring(MemberId to, Outbound& out) {
  const uint32_t count = out.pair->ring.publish();
  if (count == 0) return;
  out.delivered += count;
  published_.push_back(to);
}

void Mailboxes::wake_published() {
  if (published_.empty()) return;
  SleepOps ops{*this};
  wake_consumers(ops, published_);
  published_.clear();
}

bool Mailboxes::publish() {
  const uint32_t depth_before = stats_.overflow_depth;
  size_t kept = 0;
  for (MemberId to : dirty_) {
    Outbound& out = outbound_[to];
    for (; !out.overflow.empty() && out.pair->ring.try_push(out.overflow.front()); out.overflow.pop()) {
      --stats_.overflow_depth;
    }
    publish_ring(to, out);
    out.dirty = !out.overflow.empty();
    if (out.dirty) dirty_[kept++] = to;
  }
  dirty_.resize(kept);
  wake_published();
  return stats_.overflow_depth < depth_before;
}

void Mailboxes::after_drain() {
  SleepOps ops{*this};
  wake_producers(ops, drained_);
  drained_.clear();
}

bool Mailboxes::prepare_sleep() {
  RINGCAST_ASSERT(published_.empty());  // credit returned and not published would be slept over
  SleepOps ops{*this};
  return reactor::prepare_sleep(ops);
}

void Mailboxes::finish_sleep() {
  SleepOps ops{*this};
  reactor::finish_sleep(ops);
}

void Mailboxes::return_credit(MemberId producer, uint32_t publishes, uint32_t bytes) {
  RINGCAST_ASSERT(mesh_.is_producer(producer) && producer < inbound_.size());
  std::atomic<uint64_t>& returned = inbound_[producer]->credit_returned;
  ProducerCredit credit = ProducerCredit::unpack(returned.load(std::memory_order_relaxed));
  credit.publishes += publishes;
  credit.bytes += bytes;
  returned.store(credit.pack(), std::memory_order_release);
  // The fence of wake_consumers() stands between this store and the look at the flag; partner: A in Producer::wait.
  if (published_.empty() || published_.back() != producer) published_.push_back(producer);
}

uint64_t Mailboxes::mailbox_depth() const {
  uint64_t depth = self_.size();
  const MemberId senders_end = mesh_.senders_end();
  for (MemberId from = 0; from < senders_end; ++from) {
    if (from != own_) depth += inbound_[from]->ring.depth();
  }
  return depth;
}

}  // namespace ringcast::reactor
