// SPDX-License-Identifier: Apache-2.0
// The load: what the schedule wants now, or as much as may be under way; and how a payload is sent.
#include <algorithm>

#include "base/assert.h"
#include "worker.h"

namespace ringcast::ringload {
namespace {

constexpr uint64_t kPublishesPerTurn = 1024;    // receiving must have its turn
constexpr size_t kUnsentMax = size_t{1} << 20;  // of one publisher; the schedule waits, which its lag shows

}  // namespace

void Worker::start_load() {
  loading_ = true;
  measure_from_ = run_.measure_from_ns.load(std::memory_order_relaxed);
  uint32_t cuttable = 0;
  uint32_t renewable = 0;
  for (uint32_t i = 0; i < members_; ++i) {
    const RoleKind kind = role_of(connections_[i]).kind;
    cuttable += kind == RoleKind::resume;
    renewable += kind != RoleKind::resume && kind != RoleKind::slow;
  }
  churn_ = Schedule::constant(options_.churn_per_minute / 100 / 60 * renewable, options_.load_ns());
  // Everybody has a position by the end of the warm-up.
  const double cut_rate = options_.cut_percent / 100 * cuttable / (static_cast<double>(options_.duration_ns) * 1e-9);
  cuts_ = Schedule({{options_.load_ns() - options_.duration_ns - options_.ramp_down_ns, 0, 0},
                    {options_.duration_ns, cut_rate, cut_rate}});
  hold_slow_readers();
  const Schedule shape(options_.shape);
  if (publishers_ > 0 && options_.in_flight == 0) {
    const double rooms = static_cast<double>(publishers_) / options_.publishers;
    publishing_.schedule = shape.scaled(options_.rate * rooms);
  }
  if (askers_.empty()) return;
  if (!options_.saturating()) {
    const double all = run_.members_that_ask();
    const double rate = options_.scenario == Scenario::echo ? options_.rate
                        : options_.echo_rate > 0            ? options_.echo_rate
                                                            : all;
    asking_.schedule = shape.scaled(rate * static_cast<double>(askers_.size()) / all);
    return;
  }
  for (const uint32_t i : askers_) {
    const uint32_t depth = connections_[i].speaks == Speaks::http ? 1 : options_.depth;
    for (uint32_t k = 0; k < depth; ++k) echo_again_.push_back(i);
  }
}

// What was due until the end is still sent, however late this is noticed, and what waits for an answer to make room for
// it too, for as long as an answer may take.
bool Worker::all_sent() {
  if (!loading_ || options_.saturating() || run_.interrupted.load(std::memory_order_relaxed)) return true;
  load_due();
  const auto done = [](const Pace& pace) { return pace.done >= pace.schedule.count(); };
  if (done(publishing_) && done(asking_)) return true;
  if (give_up_at_ == 0) give_up_at_ = now_ + options_.answer_timeout_ns;
  return now_ > give_up_at_;
}

void Worker::end_load() {
  loading_ = false;
  release_slow_readers();
  // The pong says that the server has read everything before it, however long it was kept from running.
  for (Connection& connection : connections_) {
    if (connection.speaks != Speaks::websocket || connection.state != State::ready || connection.sent == 0) continue;
    wire::append_masked_frame(write_to(connection), {.opcode = wire::WebSocketOpcode::ping}, {}, wire::MaskKey{});
    connection.probing = true;
    progress_.probes.add();
  }
  progress_.load_ended.add();
}

void Worker::load_due() {
  if (options_.in_flight > 0) {
    fill_pipes();
  } else if (publishers_ > 0) {
    publish_due();
  }
  if (askers_.empty()) return;
  if (options_.saturating()) {
    echo_due();
  } else {
    ask_due();
  }
}

void Worker::publish_due() {
  const int64_t start = run_.publish_from_ns.load(std::memory_order_relaxed);
  const int64_t sent = run_.now_ns();
  Pace& pace = publishing_;
  const uint64_t due = std::min(pace.schedule.due_by(sent - start), pace.done + kPublishesPerTurn);
  while (pace.done < due) {
    Connection& connection = connections_[members_ + pace.next];
    if (connection.state == State::ready && out_of_room(connection)) return;
    const int64_t intended = start + pace.schedule.time_of(pace.done++);
    pace.next = (pace.next + 1) % publishers_;
    if (connection.state != State::ready) continue;
    if (intended >= measure_from_) measures_.lag.record(static_cast<uint64_t>(std::max<int64_t>(0, sent - intended)));
    publish(connection, connection.id, intended, sent);
  }
}

// A request that finds all connections busy waits for one, and its latency with it.
void Worker::ask_due() {
  const int64_t start = run_.publish_from_ns.load(std::memory_order_relaxed);
  const int64_t sent = run_.now_ns();
  Pace& pace = asking_;
  const uint64_t due = std::min(pace.schedule.due_by(sent - start), pace.done + kPublishesPerTurn);
  while (pace.done < due) {
    Connection* connection = nullptr;
    bool busy = false;
    for (size_t tried = 0; tried < askers_.size() && connection == nullptr; ++tried) {
      Connection& next = connections_[askers_[pace.next]];
      pace.next = (pace.next + 1) % static_cast<uint32_t>(askers_.size());
      if (next.state != State::ready) continue;
      if (next.speaks == Speaks::http ? next.under_way > 0 : out_of_room(next)) {
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
    if (intended >= measure_from_) measures_.lag.record(static_cast<uint64_t>(std::max<int64_t>(0, sent - intended)));
    if (connection->under_way++ == 0) connection->since_ns = sent;
    publish(*connection, connection->id, intended, sent);
  }
}

void Worker::fill_pipes() {
  // Pairs with Run::member_share_done().
  const bool completed = run_.completions[index_].exchange(false, std::memory_order_acq_rel);
  if (publishing_.done > 0 && !completed && now_ < sweep_at_) return;
  publishing_.done = 1;
  for (uint32_t i = 0; i < publishers_; ++i) {
    Connection& connection = connections_[members_ + i];
    if (connection.state != State::ready) continue;
    const uint64_t done = run_.streams[connection.id].completed.load(std::memory_order_relaxed);
    uint64_t under_way = connection.sent - std::min(connection.sent, done + connection.written_off);
    if (under_way < options_.in_flight) {
      connection.since_ns = now_;
    } else if (now_ - connection.since_ns > options_.answer_timeout_ns) {
      // Some member will never have it. The others' load goes on.
      note(ErrorKind::answer_timeout, "a publish did not reach its last member");
      connection.written_off += under_way;
      connection.since_ns = now_;
      under_way = 0;
    }
    for (; under_way < options_.in_flight && !out_of_room(connection); ++under_way) {
      const int64_t now = run_.now_ns();
      publish(connection, connection.id, now, now);
    }
  }
}

// Closed loop: an answer allows the next.
void Worker::echo_due() {
  std::vector<uint32_t> again;
  again.swap(echo_again_);
  const int64_t now = run_.now_ns();
  for (const uint32_t index : again) {
    Connection& connection = connections_[index];
    if (connection.state != State::ready || connection.under_way >= options_.depth) continue;
    if (connection.speaks == Speaks::http) {
      request(connection, now);
      continue;
    }
    if (connection.under_way++ == 0) connection.since_ns = now;
    publish(connection, connection.id, now, now);
  }
}

bool Worker::out_of_room(const Connection& connection) const {
  return connection.out != nullptr && connection.out->bytes.size() - connection.out->sent > kUnsentMax;
}

void Worker::publish(Connection& connection, uint32_t stream, int64_t intended_ns, int64_t sent_ns) {
  payload_scratch_.clear();
  run_.codec.append(payload_scratch_,
                    {.stream = stream, .sequence = connection.sent++, .intended_ns = intended_ns, .sent_ns = sent_ns},
                    options_.payload_size);
  if (connection.publisher) run_.streams[stream].published.store(connection.sent, std::memory_order_relaxed);
  progress_.published.add();
  const Dialect& dialect = dialect_of(connection);
  const std::string room = room_name(connection.room);
  const Placeholders values{.room = room, .payload = payload_scratch_};
  if (connection.speaks != Speaks::post) {
    scratch_.clear();
    append_filled(scratch_, dialect.publish, values);
    return send_text(connection, scratch_);
  }
  std::string& out = write_to(connection);
  out += "POST ";
  append_filled(out, dialect.post_target, values);
  out.append(" HTTP/1.1\r\nHost: ").append(options_.host).append("\r\nContent-Type: ").append(dialect.post_type);
  for (const auto& [name, value] : dialect.headers) out.append("\r\n").append(name).append(": ").append(value);
  scratch_.clear();
  append_filled(scratch_, dialect.post_body, values);
  out.append("\r\nContent-Length: ").append(std::to_string(scratch_.size())).append("\r\n\r\n").append(scratch_);
}

void Worker::request(Connection& connection, int64_t intended_ns) {
  connection.under_way = 1;
  connection.since_ns = run_.now_ns();
  connection.position = static_cast<uint64_t>(intended_ns);
  progress_.published.add();
  send_request(connection, dialect_of(connection).target);
}

// A fixed key: unpredictable ones (RFC 6455 section 5.3) protect proxies from hostile pages, of which there are none
// here.
void Worker::send_text(Connection& connection, std::string_view text) {
  wire::append_masked_frame(write_to(connection), {.opcode = wire::WebSocketOpcode::text}, text, wire::MaskKey{});
}

}  // namespace ringcast::ringload
