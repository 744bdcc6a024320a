// SPDX-License-Identifier: Apache-2.0
#include "hooks/endpoint_queue.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/clock.h"
#include "hooks/answer.h"
#include "hooks/body.h"

namespace ringcast::hooks {

namespace {

constexpr size_t kBatchBytesMax = 256 << 10;
// A decision has somebody waiting for it: it is tried once more, soon, and only within its time.
constexpr uint32_t kDecisionRetries = 1;
constexpr RetryPlan kDecisionPlan{milliseconds(100), milliseconds(200)};

}  // namespace

CallIds::CallIds() {
  std::random_device random;
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (int i = 0; i < 16; ++i) prefix_ += kDigits[random() & 15];
  prefix_ += '-';
}

struct EndpointQueue::Exchange {
  Exchange(EndpointQueue& in, CURLM* multi) : queue(in), transfer(multi, in.options_, this) {}

  EndpointQueue& queue;
  Transfer transfer;
  std::unique_ptr<Call> call;  // of a decision; a batch has none
  std::string id, body;
  uint64_t events = 1;
  uint64_t dropped = 0;  // what its body says was lost before
  uint32_t tried = 0;
  bool running = false;
  SteadyTime due{};                         // of the next try, when it is not running
  SteadyTime deadline = SteadyTime::max();  // of a decision
};

EndpointQueue::EndpointQueue(CURLM* multi, const EndpointOptions& options, CallIds& ids, uint32_t payload_max,
                             Decided decided)
    : multi_(multi),
      options_(options),
      ids_(ids),
      payload_max_(payload_max),
      decided_(std::move(decided)),
      shown_(shown_url(options.url)) {}

EndpointQueue::~EndpointQueue() = default;

void EndpointQueue::notify(const std::string& event_json) {
  if (notifications_.size() + asked_.size() >= options_.queue_max) {
    // The newest go: those that wait are older than whatever the receiver could ask for otherwise.
    return drop(1);
  }
  notifications_.push_back(event_json);
  count_waiting();
}

void EndpointQueue::drop(uint64_t events) {
  stats_.dropped.add(events);
  lost_ += events;
  complain("webhook_dropped", "too many events wait for this endpoint", events);
}

void EndpointQueue::ask(std::unique_ptr<Call> call, SteadyTime now) {
  if (notifications_.size() + asked_.size() >= options_.queue_max) {
    return undecided(std::move(call), "too many events wait for this endpoint");
  }
  asked_.push_back({std::move(call), now + options_.timeout});
  count_waiting();
}

void EndpointQueue::advance(SteadyTime now) {
  while (!asked_.empty() && asked_.front().deadline <= now) {
    undecided(std::move(asked_.front().call), "it did not come to the call within the time");
    asked_.pop_front();
  }
  while (!asked_.empty() && decisions_under_way_ < options_.concurrency) {
    Asked asked = std::move(asked_.front());
    asked_.pop_front();
    start_decision(std::move(asked));
  }
  if (!batch_under_way_ && !notifications_.empty()) start_batch();
  for (const auto& exchange : exchanges_) {
    if (!exchange->running && exchange->due <= now) run(*exchange, now);
  }
  count_waiting();
}

void EndpointQueue::start_batch() {
  auto exchange = std::make_unique<Exchange>(*this, multi_);
  exchange->id = ids_.next();
  exchange->events = 0;
  exchange->body = "{\"events\":[";
  while (!notifications_.empty() && exchange->events < options_.batch_max &&
         (exchange->events == 0 || exchange->body.size() + notifications_.front().size() < kBatchBytesMax)) {
    if (exchange->events++ != 0) exchange->body += ',';
    exchange->body += notifications_.front();
    notifications_.pop_front();
  }
  exchange->body += ']';
  exchange->dropped = std::exchange(lost_, 0);
  if (exchange->dropped != 0) exchange->body += ",\"dropped\":" + std::to_string(exchange->dropped);
  exchange->body += '}';
  batch_under_way_ = true;
  exchanges_.push_back(std::move(exchange));
}

void EndpointQueue::start_decision(Asked asked) {
  auto exchange = std::make_unique<Exchange>(*this, multi_);
  exchange->id = ids_.next();
  append_event(exchange->body, *asked.call, exchange->id);
  exchange->call = std::move(asked.call);
  exchange->deadline = asked.deadline;
  ++decisions_under_way_;
  exchanges_.push_back(std::move(exchange));
}

void EndpointQueue::run(Exchange& exchange, SteadyTime now) {
  milliseconds timeout = options_.timeout;
  if (exchange.call != nullptr) {
    const auto left = std::chrono::duration_cast<milliseconds>(exchange.deadline - now);
    timeout = std::clamp(left, milliseconds(1), timeout);
  }
  stats_.calls.add();
  if (exchange.tried++ != 0) stats_.retries.add();
  stats_.in_flight.set(stats_.in_flight.get() + 1);
  exchange.running = true;
  exchange.transfer.start(exchange.call == nullptr ? std::string_view("events") : to_string(exchange.call->event),
                          exchange.id, exchange.body, timeout);
}

void EndpointQueue::finish(Exchange& exchange, CURLcode code, SteadyTime now) {
  const TransferEnd end = exchange.transfer.finish(code);
  exchange.running = false;
  exchange.queue.ended(exchange, end, now);
}

void EndpointQueue::ended(Exchange& exchange, const TransferEnd& end, SteadyTime now) {
  stats_.in_flight.set(stats_.in_flight.get() - 1);
  stats_.latency_us.record(end.latency_us);
  const bool decision = exchange.call != nullptr;
  switch (outcome_of(end.status)) {
    case Outcome::delivered:
      if (!decision) {
        stats_.delivered.add(exchange.events);
        return remove(exchange);
      }
      if (auto answer = read_answer(exchange.call->event, exchange.transfer.answer(), payload_max_); answer) {
        decide(std::move(exchange.call), *std::move(answer));
      } else {
        undecided(std::move(exchange.call), answer.error().message);
      }
      return remove(exchange);
    case Outcome::again: {
      const RetryPlan plan = decision ? kDecisionPlan : RetryPlan{options_.retry_delay, options_.retry_delay_max};
      const SteadyTime due = now + retry_delay(plan, exchange.tried, end.retry_after, static_cast<uint32_t>(random_()));
      if (!may_retry(exchange, due)) return give_up(exchange, end);
      exchange.due = due;
      return;
    }
    case Outcome::refused:
      // The one answer besides 2xx that says something about the question: no.
      if (decision && end.status == 403) {
        Decision refusal;
        if (auto answer = read_answer(exchange.call->event, exchange.transfer.answer(), payload_max_); answer)
          refusal = *std::move(answer);
        refusal.allow = false;
        refusal.answered = true;
        decide(std::move(exchange.call), std::move(refusal));
        return remove(exchange);
      }
      return give_up(exchange, end);
  }
}

bool EndpointQueue::may_retry(const Exchange& exchange, SteadyTime due) const {
  if (exchange.call == nullptr) return exchange.tried <= options_.retries;
  return exchange.tried <= std::min(options_.retries, kDecisionRetries) && due < exchange.deadline;
}

void EndpointQueue::give_up(Exchange& exchange, const TransferEnd& end) {
  const std::string why = end.status == 0 ? end.why : "the answer was " + std::to_string(end.status);
  if (exchange.call != nullptr) {
    undecided(std::move(exchange.call), why);
  } else {
    stats_.failed.add(exchange.events);
    lost_ += exchange.events + exchange.dropped;  // the next call says both
    complain("webhook_failed", why, exchange.events);
  }
  remove(exchange);
}

void EndpointQueue::undecided(std::unique_ptr<Call> call, std::string_view why) {
  complain("webhook_undecided", why, 1);
  stats_.unanswered.add();
  Decision decision;
  decision.allow = options_.allow_on_failure;
  decided_(std::move(call), std::move(decision));
}

void EndpointQueue::decide(std::unique_ptr<Call> call, Decision decision) {
  (decision.allow ? stats_.allowed : stats_.denied).add();
  decided_(std::move(call), std::move(decision));
}

void EndpointQueue::remove(const Exchange& exchange) {
  const auto found =
      std::find_if(exchanges_.begin(), exchanges_.end(), [&](const auto& one) { return one.get() == &exchange; });
  RINGCAST_ASSERT(found != exchanges_.end());
  // A decision's call has gone with its answer, so it is known by its deadline.
  if (exchange.deadline == SteadyTime::max()) {
    batch_under_way_ = false;
  } else {
    --decisions_under_way_;
  }
  exchanges_.erase(found);
}

SteadyTime EndpointQueue::due() const {
  // With room for them decisions and batches have been started already.
  SteadyTime due = asked_.empty() ? SteadyTime::max() : asked_.front().deadline;
  for (const auto& exchange : exchanges_) {
    if (!exchange->running) due = std::min(due, exchange->due);
  }
  if ((!batch_under_way_ && !notifications_.empty()) ||
      (!asked_.empty() && decisions_under_way_ < options_.concurrency))
    due = SteadyTime::min();
  return due;
}

size_t EndpointQueue::abandon() {
  size_t lost = notifications_.size();
  for (const auto& exchange : exchanges_) lost += exchange->call == nullptr ? exchange->events : 0;
  stats_.dropped.add(lost);
  exchanges_.clear();
  notifications_.clear();
  asked_.clear();
  return lost;
}

void EndpointQueue::complain(std::string_view event, std::string_view why, uint64_t events) {
  const auto held_back = sampler_.pass(SystemClock::system_now().monotonic_ns);
  if (!held_back) return;
  log_warning(event, {{"url", shown_}, {"why", why}, {"events", events}, {"held_back", *held_back}});
}

void EndpointQueue::count_waiting() {
  stats_.waiting.set(notifications_.size() + asked_.size());
}

}  // namespace ringcast::hooks
