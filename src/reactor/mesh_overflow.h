// SPDX-License-Identifier: Apache-2.0
// What does not fit into a mailbox ring: a FIFO of mails in chunks, and the pool that the chunks of one member share.
// Owned by that member's Mailboxes, its thread only. Empty in ordinary traffic, and then it holds no memory of its own.
#pragma once

#include <cstdint>
#include <utility>

#include "base/assert.h"
#include "base/free_list.h"
#include "reactor/mail.h"

namespace ringcast::reactor {

struct MailChunk {
  static constexpr uint32_t kMails = 63;
  Mail mails[kMails];
  MailChunk* next = nullptr;
};

using MailChunkPool = FreeList<MailChunk, &MailChunk::next>;

class MailQueue {
 public:
  explicit MailQueue(MailChunkPool& pool) : pool_(&pool) {}
  MailQueue(MailQueue&& other) noexcept
      : pool_(other.pool_),
        first_(std::exchange(other.first_, nullptr)),
        last_(std::exchange(other.last_, nullptr)),
        first_used_(std::exchange(other.first_used_, 0)),
        last_used_(std::exchange(other.last_used_, 0)),
        size_(std::exchange(other.size_, 0)) {}
  MailQueue& operator=(MailQueue&&) = delete;
  ~MailQueue() {
    while (!empty()) pop();
  }

  bool empty() const { return size_ == 0; }
  uint32_t size() const { return size_; }

  void push(const Mail& mail) {
    if (last_ == nullptr || last_used_ == MailChunk::kMails) add_chunk();
    last_->mails[last_used_++] = mail;
    ++size_;
  }

  const Mail& front() const {
    RINGCAST_ASSERT(size_ != 0);
    return first_->mails[first_used_];
  }

  void pop() {
    RINGCAST_ASSERT(size_ != 0);
    --size_;
    if (++first_used_ != MailChunk::kMails && size_ != 0) return;
    MailChunk* done = std::exchange(first_, first_->next);
    if (first_ == nullptr) last_ = nullptr;
    first_used_ = 0;
    pool_->give_back(done);
  }

 private:
  void add_chunk() {
    MailChunk* chunk = pool_->take();
    (last_ == nullptr ? first_ : last_->next) = chunk;
    last_ = chunk;
    last_used_ = 0;
  }

  MailChunkPool* pool_;
  MailChunk* first_ = nullptr;
  MailChunk* last_ = nullptr;
  uint32_t first_used_ = 0;  // mails already taken from the first chunk
  uint32_t last_used_ = 0;
  uint32_t size_ = 0;
};

}  // namespace ringcast::reactor
