// SPDX-License-Identifier: Apache-2.0
#include "hub/owner/credit_return.h"

#include <algorithm>

namespace ringcast::hub {

void CreditReturn::on_publish(const Mail& mail) {
  auto& [publishes, bytes] = received_[mail.from];
  ++publishes;
  bytes += mail.length;
  received_any_ = true;
}

void CreditReturn::tick() {
  const uint16_t cores = context_.options.cores;
  if (received_any_) {
    Batch batch;
    batch.received = received_;
    batch.marks.resize(cores);
    for (uint16_t core = 0; core < cores; ++core) batch.marks[core] = context_.post.enqueued(core);
    batches_.push_back(std::move(batch));
    std::fill(received_.begin(), received_.end(), std::pair<uint32_t, uint64_t>{});
    received_any_ = false;
  }
  while (!batches_.empty()) {
    const Batch& batch = batches_.front();
    for (uint16_t core = 0; core < cores; ++core) {
      if (context_.post.past_overflow(core) < batch.marks[core]) return;
    }
    for (uint16_t core = 0; core < cores; ++core) {
      const auto& [publishes, bytes] = batch.received[core];
      if (publishes != 0) give_back(core, publishes, bytes);
    }
    batches_.pop_front();
  }
}

void CreditReturn::give_back(uint16_t core, uint32_t publishes, uint64_t bytes) {
#ifdef RINGCAST_BROKEN_CREDIT
  // For the simulation's own test: a build that loses a credit now and then.
  if (publishes > 1) --publishes;
#endif
  Mail mail = Context::mail(Kind::credit);
  mail.value = publishes;
  mail.extra = bytes;
  context_.post.send(core, mail);
}

}  // namespace ringcast::hub
