// SPDX-License-Identifier: Apache-2.0
#include "ringcast/publisher.h"

#include <functional>
#include <string_view>
#include <utility>

#include "embed/publisher_state.h"
#include "embed/task.h"

namespace ringcast {

using embed::TaskPtr;
using reactor::SendResult;

namespace {

PublishStatus status_of(SendResult result) {
  switch (result) {
    case SendResult::sent: return PublishStatus::sent;
    case SendResult::would_block: return PublishStatus::would_block;
    case SendResult::timed_out: return PublishStatus::timed_out;
    case SendResult::stopped: return PublishStatus::stopped;
  }
  return PublishStatus::stopped;
}

}  // namespace

uint16_t Publisher::State::core_of(std::string_view key) const {
  return static_cast<uint16_t>(std::hash<std::string_view>{}(key) % life->cores);
}

PublishResult Publisher::State::send(TaskPtr task, std::optional<std::chrono::nanoseconds> timeout, bool wait) {
  if (life->stopping.load(std::memory_order_acquire)) return {PublishStatus::stopped, {}};
  const uint16_t core = core_of(task->key);
  const uint32_t bytes = task->bytes();
  const reactor::Mail mail = session::foreign_mail(std::move(task));
  const SendResult result = wait ? producer.send(core, mail, bytes, timeout) : producer.try_send(core, mail, bytes);
  if (result != SendResult::sent) session::discard_mail(mail);
  return {status_of(result), {}};
}

Publisher::Publisher(std::unique_ptr<State> state) : state_(std::move(state)) {}
Publisher::Publisher(Publisher&&) noexcept = default;
Publisher& Publisher::operator=(Publisher&&) noexcept = default;
Publisher::~Publisher() = default;

PublishResult Publisher::try_publish(const Message& message) {
  auto task = embed::publish_task(message, state_->life->limits);
  if (!task) return {PublishStatus::invalid, task.error().message};
  return state_->send(std::move(*task), {}, false);
}

PublishResult Publisher::publish(const Message& message, std::optional<std::chrono::nanoseconds> timeout) {
  auto task = embed::publish_task(message, state_->life->limits);
  if (!task) return {PublishStatus::invalid, task.error().message};
  return state_->send(std::move(*task), timeout, true);
}

std::future<Receipt> Publisher::publish_with_receipt(const Message& message) {
  auto promise = std::make_shared<std::promise<Receipt>>();
  std::future<Receipt> future = promise->get_future();
  const auto refuse = [&](const std::string& why) {
    promise->set_exception(std::make_exception_ptr(std::runtime_error(why)));
    return std::move(future);
  };
  auto task = embed::publish_task(message, state_->life->limits);
  if (!task) return refuse(task.error().message);
  (*task)->published = [promise](const TaskPtr&, const hub::Published& published) {
    switch (published.error) {
      case hub::PublishError::none: return promise->set_value({published.id, published.receivers, published.duplicate});
      case hub::PublishError::draining:
        return promise->set_exception(std::make_exception_ptr(std::runtime_error("the server drains")));
      case hub::PublishError::channels_full:
        return promise->set_exception(std::make_exception_ptr(std::runtime_error("channels_max is reached")));
      case hub::PublishError::unavailable:
        return promise->set_exception(std::make_exception_ptr(std::runtime_error("the broker cannot be reached")));
      case hub::PublishError::unknown:
        return promise->set_exception(std::make_exception_ptr(
            std::runtime_error("the broker was lost: whether this was published is not known")));
    }
  };
  const PublishResult sent = state_->send(std::move(*task), {}, true);
  return sent ? std::move(future) : refuse("the server has stopped");
}

}  // namespace ringcast
