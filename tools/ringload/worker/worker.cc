// SPDX-License-Identifier: Apache-2.0
#include "worker.h"

#include <unistd.h>

#include <algorithm>

namespace ringcast::ringload {
namespace {

constexpr int64_t kLongestWaitNs = 100'000'000;
constexpr int64_t kSweepEveryNs = 500'000'000;

}  // namespace

Result<void> Worker::run() {
  all_.progress.thread.store(::gettid(), std::memory_order_relaxed);
  if (auto opened = all_.open(); !opened) return opened;
  engine_ = all_.backend().name();
  opener_.plan();
  if (all_.http2 != nullptr) all_.http2->set_listener(receiver_);
  load_.plan();
  tally_.plan();
  loop();
  tally_.finish();
  all_.reset_all();
  return {};
}

void Worker::loop() {
  for (;;) {
    const Phase phase = run_.phase.load(std::memory_order_acquire);
    if (phase == Phase::stopping) return;
    if (phase == Phase::publishing && !load_.running()) start_load();
    if (phase == Phase::draining && all_.progress.load_ended.get() == 0 && load_.all_sent()) end_load();
    all_.now = run_.now_ns();
    const int64_t wait_ns = std::clamp<int64_t>(next_due(all_.now) - all_.now, 0, kLongestWaitNs);
    const std::span<const io::Event> events = all_.backend().wait(io::Nanoseconds(wait_ns));
    all_.now = run_.now_ns();
    if (events.empty()) all_.progress.idle_waits.add();
    load_.on_turn(events.empty());
    for (const io::Event& event : events) {
      if (event.owner != io::kNoOwner) handle(event);
    }
    opener_.connect_due();
    if (load_.running()) {
      opener_.churn_due();
      opener_.cuts_due();
      load_.due();
    }
    slow_readers_.due();
    if (all_.now >= sweep_at_) sweep();
    all_.flush();
  }
}

void Worker::start_load() {
  all_.measure_from = run_.measure_from_ns.load(std::memory_order_relaxed);
  opener_.start_load();
  slow_readers_.hold();
  load_.start();
}

void Worker::end_load() {
  slow_readers_.release();
  load_.end();
}

int64_t Worker::next_due(int64_t now) const {
  const int64_t due = opener_.next_due(now + kLongestWaitNs, load_.running());
  return slow_readers_.next_due(load_.next_due(now, due));
}

void Worker::handle(const io::Event& event) {
  Connection& connection = all_[event.owner];
  if (all_.http2 != nullptr && all_.http2->carries(connection)) return handle_carrier(connection, event);
  switch (event.kind) {
    case io::EventKind::accepted: break;
    case io::EventKind::connected: opener_.on_connected(connection); break;
    case io::EventKind::bytes:
      all_.progress.bytes_in.add(event.bytes.size());
      if (connection.slow && load_.running()) slow_readers_.count(connection, event.bytes.size());
      receiver_.on_bytes(connection, event.bytes);
      break;
    case io::EventKind::writable: all_.on_writable(connection); break;
    case io::EventKind::closed: opener_.on_ended(connection, event); break;
  }
}

// Members are not read slowly there: the streams of those that are slow get no window.
void Worker::handle_carrier(Connection& carrier, const io::Event& event) {
  switch (event.kind) {
    case io::EventKind::accepted: break;
    case io::EventKind::connected:
      all_.backend().start_receive(carrier.socket, event.owner);
      all_.http2->begin(carrier);
      break;
    case io::EventKind::bytes:
      all_.progress.bytes_in.add(event.bytes.size());
      all_.http2->take(carrier, event.bytes);
      break;
    case io::EventKind::writable: all_.on_writable(carrier); break;
    case io::EventKind::closed: opener_.on_ended(carrier, event); break;
  }
}

// What takes too long. Twice a second: timeouts are seconds.
void Worker::sweep() {
  using State = Connection::State;
  sweep_at_ = all_.now + kSweepEveryNs;
  for (Connection& connection : all_) {
    const int64_t since = all_.now - connection.since_ns;
    if (connection.state > State::idle && connection.state < State::ready) {
      if (since > all_.options.connect_timeout_ns)
        all_.lost(connection, ErrorKind::connect_timeout, "not ready in time");
    } else if (connection.state == State::closing) {
      if (since > all_.options.answer_timeout_ns) all_.lost(connection, ErrorKind::count_, {});
    } else if (connection.under_way > 0 && since > all_.options.answer_timeout_ns) {
      all_.note(ErrorKind::answer_timeout, "an echo or answer did not come");
      connection.under_way = 0;
      connection.since_ns = all_.now;
      load_.answered(connection);
    }
  }
}

}  // namespace ringcast::ringload
