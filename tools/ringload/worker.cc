// SPDX-License-Identifier: Apache-2.0
#include "worker.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "io/descriptor_table.h"

namespace ringcast::ringload {
namespace {

constexpr int64_t kLongestWaitNs = 100'000'000;
constexpr int64_t kSweepEveryNs = 500'000'000;
constexpr size_t kOutgoingKept = 64 * 1024;  // capacity of a buffer in the pool

}  // namespace

Worker::Worker(Run& run, uint32_t index)
    : run_(run), options_(run.options), index_(index), progress_(run.progress[index]), random_(index + 1) {}

Result<void> Worker::run() {
  progress_.thread.store(::gettid(), std::memory_order_relaxed);
  std::vector<int> kept;
  for (const io::WakeTarget& wake : run_.wakes) kept.push_back(wake.fd());
  if (auto owned = io::own_descriptor_table(kept); !owned) return owned;
  io::BackendOptions backend_options;
  backend_options.receive_buffer_size = 16 * 1024;  // runs of many frames arrive as they were sent
  backend_options.receive_buffer_count = 256;
  auto backend = io::make_backend(options_.engine, backend_options, run_.wakes[index_]);
  if (!backend) return tl::unexpected<Error>(backend.error());
  backend_ = std::move(*backend);
  engine_ = backend_->name();
  plan_connections();
  loop();
  finish();
  return {};
}

void Worker::loop() {
  for (;;) {
    const Phase phase = run_.phase.load(std::memory_order_acquire);
    if (phase == Phase::stopping) return;
    if (phase == Phase::publishing && !loading_) start_load();
    if (phase == Phase::draining && progress_.load_ended.get() == 0 && all_sent()) end_load();
    now_ = run_.now_ns();
    const int64_t wait_ns = std::clamp<int64_t>(next_due(now_) - now_, 0, kLongestWaitNs);
    const std::span<const io::Event> events = backend_->wait(io::Nanoseconds(wait_ns));
    now_ = run_.now_ns();
    if (events.empty()) progress_.idle_waits.add();
    askers_busy_ = askers_busy_ && events.empty();
    for (const io::Event& event : events) {
      if (event.owner != io::kNoOwner) handle(event);
    }
    connect_due();
    if (loading_) {
      churn_due();
      cuts_due();
      load_due();
    }
    slow_readers_due();
    if (now_ >= sweep_at_) sweep();
    flush();
  }
}

int64_t Worker::next_due(int64_t now) const {
  int64_t due = now + kLongestWaitNs;
  if (connects_done_ < connections_.size()) due = std::min(due, connects_.time_of(connects_done_));
  if (!echo_again_.empty()) due = now;
  if (!reopen_.empty()) due = std::min(due, reopen_.front().first);
  if (!loading_) return due;
  const int64_t start = run_.publish_from_ns.load(std::memory_order_relaxed);
  for (const Pace* pace : {&publishing_, &asking_}) {
    if (pace == &asking_ && askers_busy_) continue;
    if (pace->done < pace->schedule.count()) due = std::min(due, start + pace->schedule.time_of(pace->done));
  }
  if (churn_done_ < churn_.count()) due = std::min(due, start + churn_.time_of(churn_done_));
  if (cuts_done_ < cuts_.count()) due = std::min(due, start + cuts_.time_of(cuts_done_));
  if (!releases_.empty()) due = std::min(due, releases_.top().first);
  return due;
}

void Worker::handle(const io::Event& event) {
  Connection& connection = connections_[event.owner];
  switch (event.kind) {
    case io::EventKind::accepted: break;
    case io::EventKind::connected: on_connected(connection); break;
    case io::EventKind::bytes:
      progress_.bytes_in.add(event.bytes.size());
      if (connection.slow && loading_) count_slow_read(connection, event.bytes.size());
      on_bytes(connection, event.bytes);
      break;
    case io::EventKind::writable:
      if (connection.out == nullptr) break;
      connection.out->blocked = false;
      if (!connection.out->queued) dirty_.push_back(event.owner);
      connection.out->queued = true;
      break;
    case io::EventKind::closed: on_ended(connection, event); break;
  }
}

Outgoing& Worker::outgoing(Connection& connection) {
  if (connection.out == nullptr) {
    if (outgoing_free_.empty()) outgoing_free_.push_back(&outgoing_.emplace_back());
    connection.out = outgoing_free_.back();
    outgoing_free_.pop_back();
  }
  return *connection.out;
}

std::string& Worker::write_to(Connection& connection) {
  Outgoing& out = outgoing(connection);
  if (!out.queued && !out.blocked) {
    out.queued = true;
    dirty_.push_back(index_of(connection));
  }
  return out.bytes;
}

void Worker::drop_outgoing(Connection& connection) {
  if (connection.out == nullptr) return;
  Outgoing& out = *connection.out;
  out.bytes.clear();
  if (out.bytes.capacity() > kOutgoingKept) out.bytes.shrink_to_fit();
  out.sent = 0;
  out.blocked = out.queued = false;
  outgoing_free_.push_back(connection.out);
  connection.out = nullptr;
}

void Worker::flush() {
  if (dirty_.empty()) return;
  ops_.clear();
  op_owners_.clear();
  iovs_.resize(dirty_.size());
  for (const uint32_t index : dirty_) {
    Connection& connection = connections_[index];
    if (connection.out == nullptr || !connection.out->queued) continue;
    Outgoing& out = *connection.out;
    out.queued = false;
    if (out.blocked || out.bytes.size() == out.sent) continue;
    iovec& iov = iovs_[ops_.size()];
    iov = {out.bytes.data() + out.sent, out.bytes.size() - out.sent};
    ops_.push_back({.socket = connection.socket, .iov_count = 1, .iov = &iov});
    op_owners_.push_back(index);
  }
  dirty_.clear();
  backend_->flush(ops_);
  for (size_t i = 0; i < ops_.size(); ++i) {
    Connection& connection = connections_[op_owners_[i]];
    if (ops_[i].result < 0) {
      lost(connection, ErrorKind::reset_by_server, "a send failed");
      continue;
    }
    progress_.bytes_out.add(static_cast<uint64_t>(ops_[i].result));
    Outgoing& out = *connection.out;
    out.sent += static_cast<size_t>(ops_[i].result);
    if (out.sent == out.bytes.size()) {
      drop_outgoing(connection);
    } else {
      out.blocked = true;
    }
  }
}

// What takes too long. Twice a second: timeouts are seconds.
void Worker::sweep() {
  sweep_at_ = now_ + kSweepEveryNs;
  for (Connection& connection : connections_) {
    if (connection.state > State::idle && connection.state < State::ready) {
      if (now_ - connection.since_ns > options_.connect_timeout_ns)
        lost(connection, ErrorKind::connect_timeout, "not ready in time");
    } else if (connection.state == State::closing) {
      if (now_ - connection.since_ns > options_.answer_timeout_ns) lost(connection, ErrorKind::count_, {});
    } else if (connection.under_way > 0 && now_ - connection.since_ns > options_.answer_timeout_ns) {
      note(ErrorKind::answer_timeout, "an echo or answer did not come");
      connection.under_way = 0;
      connection.since_ns = now_;
      if (loading_ && options_.saturating()) echo_again_.push_back(index_of(connection));
    }
  }
}

void Worker::close(Connection& connection, io::CloseMode mode) {
  drop_outgoing(connection);
  if (connection.socket.valid()) backend_->close(connection.socket, mode);
  connection.socket = {};
  if (connection.state == State::ready) progress_.ready.subtract();
  connection.state = State::ended;
  if (std::exchange(connection.probing, false)) progress_.probes.subtract();
  connection.http.reset();
  connection.decoder.reset();
  connection.streaming.reset();
  connection.under_way = 0;
  connection.held = false;
}

// ErrorKind::count_: no error.
void Worker::lost(Connection& connection, ErrorKind kind, std::string_view example) {
  if (kind != ErrorKind::count_) {
    note(kind, example);
  }
  const bool renew = connection.state == State::closing;
  close(connection, io::CloseMode::graceful);
  if (renew) {
    reopen_.push_back({now_, index_of(connection)});
  } else {
    progress_.down.add();
  }
}

void Worker::note(ErrorKind kind, std::string_view example) {
  const auto index = static_cast<size_t>(kind);
  progress_.errors[index].add();
  if (measures_.examples[index].empty()) measures_.examples[index] = example;
}

void Worker::finish() {
  for (uint32_t member = 0; member < members_ && checkers_per_member_ > 0; ++member) {
    for (uint32_t i = 0; i < checkers_per_member_; ++i) {
      const Connection& connection = connections_[member];
      const RoleKind kind = role_of(connection).kind;
      const SequenceChecker& checker = checkers_[size_t{member} * checkers_per_member_ + i];
      if (kind == RoleKind::echo) {
        if (i == 0) checker.finish(connection.sent, measures_.sequence);
      } else if (role_of(connection).in_room()) {
        const Stream& stream = run_.streams[size_t{connection.room} * options_.publishers + i];
        checker.finish(stream.published.load(), connection.slow ? measures_.slow : measures_.sequence);
      }
    }
  }
  // RST: a million sockets in TIME_WAIT would take the ports of the next run.
  for (Connection& connection : connections_) {
    if (connection.socket.valid()) close(connection, io::CloseMode::reset);
  }
  backend_->wait(io::Nanoseconds::zero());
}

}  // namespace ringcast::ringload
