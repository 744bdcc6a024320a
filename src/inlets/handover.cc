// SPDX-License-Identifier: Apache-2.0
#include "inlets/handover.h"

#include <sys/eventfd.h>
#include <unistd.h>

namespace ringcast::inlets {

namespace {
constexpr size_t kNewsMax = 16;
}

Handover::Handover(size_t size_max) : size_max_(size_max), wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

void Handover::wake() {
  const uint64_t one = 1;
  static_cast<void>(!::write(wake_.get(), &one, sizeof one));
}

void Handover::report(Source::Host& host) {
  uint64_t count = 0;
  static_cast<void>(!::read(wake_.get(), &count, sizeof count));
  std::vector<std::pair<News, std::string>> news;
  uint64_t missed = 0;
  {
    const std::lock_guard lock(mutex_);
    news.swap(news_);
    missed = std::exchange(missed_, 0);
  }
  for (const auto& [what, why] : news) {
    if (what == News::connected) {
      host.connected();
    } else {
      host.disconnected(why);
    }
  }
  if (missed != 0) host.missed(missed, "they came faster than they can be published");
}

void Handover::want(bool reads, uint32_t grant, uint64_t bytes) {
  reading_ = reads;
  const std::lock_guard lock(mutex_);
  const auto here = static_cast<uint32_t>(queue_.size() + at_hand_.size());
  grant = grant > here ? grant - here : 0;
  if (reads != reads_ || (grant != 0) != (grant_ != 0)) {
    changes_ = true;
    changed_.notify_all();
    room_.notify_all();
  }
  if (reads_ && !reads) give_back();
  reads_ = reads;
  grant_ = grant;
  bytes_ = bytes;
}

void Handover::give_back() {
  for (const std::deque<Parcel>* parcels : {&at_hand_, &queue_}) {
    for (const Parcel& parcel : *parcels) returned_.push_back(parcel.token);
  }
  at_hand_.clear();
  queue_.clear();
}

bool Handover::take(Parcel& out) {
  if (at_hand_.empty()) {
    const std::lock_guard lock(mutex_);
    at_hand_.swap(queue_);
    room_.notify_all();
  }
  if (at_hand_.empty()) return false;
  out = std::move(at_hand_.front());
  at_hand_.pop_front();
  return true;
}

void Handover::settle(uint64_t token) {
  const std::lock_guard lock(mutex_);
  settled_.push_back(token);
  ++unacknowledged_;
  if (settled_.size() == 1) {
    changes_ = true;
    changed_.notify_all();
  }
}

void Handover::forget() {
  at_hand_.clear();
  const std::lock_guard lock(mutex_);
  queue_.clear();
  ++epoch_;
  changes_ = true;
  changed_.notify_all();
  room_.notify_all();
}

bool Handover::flushed() const {
  const std::lock_guard lock(mutex_);
  return unacknowledged_ == 0;
}

void Handover::close() {
  const std::lock_guard lock(mutex_);
  closed_ = changes_ = true;
  changed_.notify_all();
  room_.notify_all();
}

Handover::Order Handover::order() {
  const std::lock_guard lock(mutex_);
  changes_ = false;
  Order out{.closed = closed_, .reads = reads_, .epoch = epoch_, .grant = grant_, .bytes = bytes_};
  out.settled.swap(settled_);
  out.returned.swap(returned_);
  return out;
}

void Handover::wait(std::chrono::milliseconds most) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, most, [this] { return changes_; });
}

void Handover::acknowledged(size_t count) {
  const std::lock_guard lock(mutex_);
  unacknowledged_ -= count;
  if (unacknowledged_ == 0) wake();
}

void Handover::connected() {
  const std::lock_guard lock(mutex_);
  add_news(News::connected, {});
}

void Handover::disconnected(std::string why) {
  const std::lock_guard lock(mutex_);
  add_news(News::disconnected, std::move(why));
}

void Handover::add_news(News what, std::string why) {
  if (news_.size() >= kNewsMax) news_.pop_back();  // what is true at the end counts
  news_.emplace_back(what, std::move(why));
  wake();
}

void Handover::missed(uint64_t count) {
  const std::lock_guard lock(mutex_);
  missed_ += count;
  wake();
}

bool Handover::put(Parcel parcel) {
  std::unique_lock lock(mutex_);
  const auto gone = [&] { return closed_ || !reads_ || parcel.epoch != epoch_; };
  room_.wait(lock, [&] { return gone() || queue_.size() < size_max_; });
  if (gone()) return false;
  if (grant_ != 0) --grant_;
  queue_.push_back(std::move(parcel));
  if (queue_.size() == 1) wake();
  return true;
}

}  // namespace ringcast::inlets
