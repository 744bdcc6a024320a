// SPDX-License-Identifier: Apache-2.0
#include "hooks/sender.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <bit>

#include "base/log.h"
#include "hooks/body.h"

namespace ringcast::hooks {

namespace {
// Answers that a core did not take are offered again after this long.
constexpr milliseconds kAnswerPause{5};
constexpr milliseconds kSleepMax{10'000};
}  // namespace

Result<std::unique_ptr<Sender>> Sender::create(SenderOptions options, Answer answer) {
  static const CURLcode initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
  CURLM* const multi = initialised == CURLE_OK ? curl_multi_init() : nullptr;
  if (multi == nullptr) return fail("webhooks_failed", "libcurl cannot be used");
  auto calls = Calls::create(options.cores, options.ring_slots);
  if (!calls) {
    curl_multi_cleanup(multi);
    return tl::unexpected<Error>(std::move(calls.error()));
  }
  return std::unique_ptr<Sender>(new Sender(std::move(options), std::move(answer), *std::move(calls), multi));
}

Sender::Sender(SenderOptions options, Answer answer, std::unique_ptr<Calls> calls, CURLM* multi)
    : options_(std::move(options)),
      endpoints_(options_.endpoints),
      answer_(std::move(answer)),
      calls_(std::move(calls)),
      overflow_(std::make_unique<Count[]>(options_.cores * endpoints_.size())),
      overflow_taken_(options_.cores * endpoints_.size()),
      multi_(multi) {
  for (size_t i = 0; i < endpoints_.size(); ++i) {
    queues_.push_back(std::make_unique<EndpointQueue>(multi_, endpoints_[i], ids_, options_.payload_max,
                                                      [this](std::unique_ptr<Call> call, Decision decision) {
                                                        decided_.emplace_back(std::move(call), std::move(decision));
                                                      }));
  }
}

Sender::~Sender() {
  stop();
  calls_->drain([](Call* call) { delete call; });
  queues_.clear();
  curl_multi_cleanup(multi_);
}

void Sender::start() {
  // A new thread has its maker's mask: of the signals none is for this one.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void Sender::stop() {
  stopping_.store(true, std::memory_order_release);
  calls_->wake();
  if (thread_.joinable()) thread_.join();
}

bool Sender::offer(uint16_t core, std::unique_ptr<Call>& call) noexcept {
  call->endpoints = endpoints_.wanted(call->event, call->room);
  if (call->endpoints == 0) return true;
  if (calls_->offer(core, call.get())) {
    static_cast<void>(call.release());
    return true;
  }
  if (is_decision(call->event)) return false;
  for (size_t i = 0; i < endpoints_.size(); ++i) {
    if ((call->endpoints >> i & 1) != 0) overflow_[core * endpoints_.size() + i].add();
  }
  return false;
}

void Sender::run() {
  pthread_setname_np(pthread_self(), "webhooks");
  SteadyTime end = SteadyTime::max();
  for (;;) {
    SteadyTime now = std::chrono::steady_clock::now();
    calls_->drain([&](Call* call) { take(std::unique_ptr<Call>(call), now); });
    // After the drain that follows the order to stop nothing more comes.
    if (stopping_.load(std::memory_order_acquire) && end == SteadyTime::max()) {
      end = now + options_.farewell;
      calls_->drain([&](Call* call) { take(std::unique_ptr<Call>(call), now); });
    }
    take_overflow();
    for (const auto& queue : queues_) queue->advance(now);
    perform(now);
    hand_over();
    if (end != SteadyTime::max() && (idle() || now >= end)) break;
    sleep(now);
  }
  for (size_t i = 0; i < queues_.size(); ++i) {
    const size_t lost = queues_[i]->abandon();
    if (lost != 0) {
      log_warning("webhook_dropped", {{"url", shown_url(endpoints_[i].url)},
                                      {"why", "the server stops and the endpoint has not taken them"},
                                      {"events", lost}});
    }
  }
}

void Sender::take(std::unique_ptr<Call> call, SteadyTime now) {
  if (is_decision(call->event)) {
    const size_t first = static_cast<size_t>(std::countr_zero(call->endpoints));
    queues_[first]->ask(std::move(call), now);
    return;
  }
  std::string json;
  append_event(json, *call, ids_.next());
  for (size_t i = 0; i < queues_.size(); ++i) {
    if ((call->endpoints >> i & 1) != 0) queues_[i]->notify(json);
  }
}

void Sender::take_overflow() {
  for (size_t i = 0; i < overflow_taken_.size(); ++i) {
    const uint64_t lost = overflow_[i].get();
    if (lost != overflow_taken_[i]) queues_[i % queues_.size()]->drop(lost - std::exchange(overflow_taken_[i], lost));
  }
}

void Sender::perform(SteadyTime now) {
  int running = 0;
  curl_multi_perform(multi_, &running);
  int left = 0;
  while (const CURLMsg* const message = curl_multi_info_read(multi_, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    const CURLcode code = message->data.result;
    EndpointQueue::finish(*static_cast<EndpointQueue::Exchange*>(Transfer::owner_of(message->easy_handle)), code, now);
  }
}

void Sender::hand_over() {
  const bool stopping = stopping_.load(std::memory_order_acquire);
  while (!decided_.empty()) {
    auto& [call, decision] = decided_.front();
    if (!stopping && !answer_(*call, decision)) return;
    decided_.pop_front();
  }
}

void Sender::sleep(SteadyTime now) {
  milliseconds wait = decided_.empty() ? kSleepMax : kAnswerPause;
  if (stopping_.load(std::memory_order_acquire)) wait = std::min(wait, milliseconds(50));
  for (const auto& queue : queues_) {
    const SteadyTime due = queue->due();
    if (due <= now) return;
    if (due - now < wait) wait = std::chrono::ceil<milliseconds>(due - now);
  }
  if (!calls_->prepare_sleep()) return;
  curl_waitfd woken{calls_->descriptor(), CURL_WAIT_POLLIN, 0};
  curl_multi_poll(multi_, &woken, 1, static_cast<int>(wait.count()), nullptr);
  calls_->finish_sleep();
}

bool Sender::idle() const {
  return decided_.empty() &&
         std::all_of(queues_.begin(), queues_.end(), [](const auto& queue) { return queue->idle(); });
}

}  // namespace ringcast::hooks
