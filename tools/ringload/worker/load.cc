// SPDX-License-Identifier: Apache-2.0
#include "load.h"

#include <algorithm>

namespace ringcast::ringload {
namespace {

constexpr uint64_t kPublishesPerTurn = 1024;  // receiving must have its turn
constexpr int64_t kLookAgainNs = 500'000'000;

}  // namespace

void Load::plan() {
  for (uint32_t i = 0; i < all_.members; ++i) {
    if (all_.role_of(all_[i]).asks()) askers_.push_back(i);
  }
}

void Load::start() {
  running_ = true;
  const Schedule shape(all_.options.shape);
  if (all_.publishers > 0 && all_.options.in_flight == 0) {
    const double rooms = static_cast<double>(all_.publishers) / all_.options.publishers;
    publishing_.schedule = shape.scaled(all_.options.rate * rooms);
  }
  if (askers_.empty()) return;
  if (!all_.options.saturating()) {
    const double all = all_.run.members_that_ask();
    const double rate = all_.options.scenario == Scenario::echo ? all_.options.rate
                        : all_.options.echo_rate > 0            ? all_.options.echo_rate
                                                                : all;
    asking_.schedule = shape.scaled(rate * static_cast<double>(askers_.size()) / all);
    return;
  }
  for (const uint32_t i : askers_) {
    const uint32_t depth = all_[i].speaks == Speaks::http ? 1 : all_.options.depth;
    for (uint32_t k = 0; k < depth; ++k) echo_again_.push_back(i);
  }
}

int64_t Load::next_due(int64_t now, int64_t latest) const {
  if (!echo_again_.empty()) return now;
  if (!running_) return latest;
  int64_t due = latest;
  const int64_t start = all_.run.publish_from_ns.load(std::memory_order_relaxed);
  for (const Pace* pace : {&publishing_, &asking_}) {
    if (pace == &asking_ && askers_busy_) continue;
    if (pace->done < pace->schedule.count()) due = std::min(due, start + pace->schedule.time_of(pace->done));
  }
  return due;
}

void Load::answered(const Connection& connection) {
  if (running_ && all_.options.saturating()) echo_again_.push_back(all_.index_of(connection));
}

// What was due until the end is still sent, however late this is noticed, and what waits for an answer to make room for
// it too, for as long as an answer may take.
bool Load::all_sent() {
  if (!running_ || all_.options.saturating() || all_.run.interrupted.load(std::memory_order_relaxed)) return true;
  due();
  const auto done = [](const Pace& pace) { return pace.done >= pace.schedule.count(); };
  if (done(publishing_) && done(asking_)) return true;
  if (give_up_at_ == 0) give_up_at_ = all_.now + all_.options.answer_timeout_ns;
  return all_.now > give_up_at_;
}

void Load::end() {
  running_ = false;
  // The pong says that the server has read everything before it, however long it was kept from running.
  for (Connection& connection : all_) {
    if (connection.speaks != Speaks::websocket || connection.state != State::ready || connection.sent == 0) continue;
    codec::append_masked_frame(all_.write_to(connection), {.opcode = codec::WebSocketOpcode::ping}, {},
                               codec::MaskKey{});
    connection.probing = true;
    all_.progress.probes.add();
  }
  all_.progress.load_ended.add();
}

void Load::due() {
  if (all_.options.in_flight > 0) {
    fill_pipes();
  } else if (all_.publishers > 0) {
    publish_due();
  }
  if (askers_.empty()) return;
  if (all_.options.saturating()) {
    echo_due();
  } else {
    ask_due();
  }
}

void Load::publish_due() {
  const int64_t start = all_.run.publish_from_ns.load(std::memory_order_relaxed);
  const int64_t sent = all_.run.now_ns();
  Pace& pace = publishing_;
  const uint64_t due = std::min(pace.schedule.due_by(sent - start), pace.done + kPublishesPerTurn);
  while (pace.done < due) {
    Connection& connection = all_[all_.members + pace.next];
    if (connection.state == State::ready && all_.is_full(connection)) return;
    const int64_t intended = start + pace.schedule.time_of(pace.done++);
    pace.next = (pace.next + 1) % all_.publishers;
    if (connection.state != State::ready) continue;
    if (intended >= all_.measure_from)
      all_.measures.lag.record(static_cast<uint64_t>(std::max<int64_t>(0, sent - intended)));
    requests_.publish(connection, connection.id, intended, sent);
  }
}

// A request that finds all connections busy waits for one, and its latency with it.
void Load::ask_due() {
  const int64_t start = all_.run.publish_from_ns.load(std::memory_order_relaxed);
  const int64_t sent = all_.run.now_ns();
  Pace& pace = asking_;
  const uint64_t due = std::min(pace.schedule.due_by(sent - start), pace.done + kPublishesPerTurn);
  while (pace.done < due) {
    Connection* connection = nullptr;
    bool busy = false;
    for (size_t tried = 0; tried < askers_.size() && connection == nullptr; ++tried) {
      Connection& next = all_[askers_[pace.next]];
      pace.next = (pace.next + 1) % static_cast<uint32_t>(askers_.size());
      if (next.state != State::ready) continue;
      if (next.speaks == Speaks::http ? next.under_way > 0 : all_.is_full(next)) {
        busy = true;
      } else {
        connection = &next;
      }
    }
    if (connection == nullptr && busy) {
      askers_busy_ = true;
      return;
    }
    const int64_t intended = start + pace.schedule.time_of(pace.done++);
    if (connection == nullptr) continue;
    if (connection->speaks == Speaks::http) {
      request(*connection, intended);
      continue;
    }
    if (intended >= all_.measure_from)
      all_.measures.lag.record(static_cast<uint64_t>(std::max<int64_t>(0, sent - intended)));
    if (connection->under_way++ == 0) connection->since_ns = sent;
    requests_.publish(*connection, connection->id, intended, sent);
  }
}

void Load::fill_pipes() {
  // Pairs with Run::member_share_done().
  const bool completed = all_.run.completions[all_.worker].exchange(false, std::memory_order_acq_rel);
  if (publishing_.done > 0 && !completed && all_.now < look_again_at_) return;
  look_again_at_ = all_.now + kLookAgainNs;
  publishing_.done = 1;
  for (uint32_t i = 0; i < all_.publishers; ++i) {
    Connection& connection = all_[all_.members + i];
    if (connection.state != State::ready) continue;
    const uint64_t done = all_.run.streams[connection.id].completed.load(std::memory_order_relaxed);
    uint64_t under_way = connection.sent - std::min(connection.sent, done + connection.written_off);
    if (under_way < all_.options.in_flight) {
      connection.since_ns = all_.now;
    } else if (all_.now - connection.since_ns > all_.options.answer_timeout_ns) {
      // Some member will never have it. The others' load goes on.
      all_.note(ErrorKind::answer_timeout, "a publish did not reach its last member");
      connection.written_off += under_way;
      connection.since_ns = all_.now;
      under_way = 0;
    }
    for (; under_way < all_.options.in_flight && !all_.is_full(connection); ++under_way) {
      const int64_t now = all_.run.now_ns();
      requests_.publish(connection, connection.id, now, now);
    }
  }
}

// Closed loop: an answer allows the next.
void Load::echo_due() {
  std::vector<uint32_t> again;
  again.swap(echo_again_);
  const int64_t now = all_.run.now_ns();
  for (const uint32_t index : again) {
    Connection& connection = all_[index];
    if (connection.state != State::ready || connection.under_way >= all_.options.depth) continue;
    if (connection.speaks == Speaks::http) {
      request(connection, now);
      continue;
    }
    if (connection.under_way++ == 0) connection.since_ns = now;
    requests_.publish(connection, connection.id, now, now);
  }
}

void Load::request(Connection& connection, int64_t intended_ns) {
  connection.under_way = 1;
  connection.since_ns = all_.run.now_ns();
  connection.position = static_cast<uint64_t>(intended_ns);
  all_.progress.published.add();
  requests_.ask(connection);
}

}  // namespace ringcast::ringload
