// SPDX-License-Identifier: Apache-2.0
#include "opener.h"

#include <algorithm>
#include <cstring>

namespace ringcast::ringload {
namespace {

constexpr uint64_t kConnectsPerTurn = 128;  // their answers want to be read in between

std::string_view error_text(const io::Event& event) {
  return event.error != 0 ? ::strerrordesc_np(event.error) : io::to_string(event.reason);
}

}  // namespace

void Opener::plan() {
  all_.resize(all_.run.members_of(all_.worker), all_.run.publishers_of(all_.worker));
  for (uint32_t i = 0; i < all_.size(); ++i) {
    Connection& connection = all_[i];
    connection.publisher = i >= all_.members;
    if (connection.publisher) {
      connection.id = all_.run.global_of(all_.worker, i - all_.members);
      connection.role = static_cast<uint8_t>(all_.options.publisher_role());
      connection.room = all_.run.room_of_stream(connection.id);
      connection.speaks = all_.dialect_of(connection).post_target.empty() ? Speaks::websocket : Speaks::post;
    } else {
      connection.id = all_.run.global_of(all_.worker, i);
      connection.room = all_.run.room_of_member(connection.id);
      connection.role = static_cast<uint8_t>(all_.run.role_index_of_member(connection.id));
      const Role& role = all_.role_of(connection);
      connection.slow = role.kind == RoleKind::slow;
      connection.speaks = role.transport == Transport::sse    ? Speaks::sse
                          : role.transport == Transport::poll ? Speaks::poll
                          : role.transport >= Transport::http ? Speaks::http
                                                              : Speaks::websocket;
    }
  }
  const double part = static_cast<double>(all_.size()) / all_.options.all_connections();
  const double rate = all_.options.connect_rate * part;
  // By count, not by time: the last connect is the end.
  connects_ = Schedule::constant(rate, static_cast<int64_t>(static_cast<double>(all_.size()) / rate * 1e9) + 1);
}

void Opener::start_load() {
  uint32_t cuttable = 0;
  uint32_t renewable = 0;
  for (uint32_t i = 0; i < all_.members; ++i) {
    const RoleKind kind = all_.role_of(all_[i]).kind;
    cuttable += kind == RoleKind::resume;
    renewable += kind != RoleKind::resume && kind != RoleKind::slow;
  }
  const Options& options = all_.options;
  churn_ = Schedule::constant(options.churn_per_minute / 100 / 60 * renewable, options.load_ns());
  // Everybody has a position by the end of the warm-up.
  const double cut_rate = options.cut_percent / 100 * cuttable / (static_cast<double>(options.duration_ns) * 1e-9);
  cuts_ = Schedule({{options.load_ns() - options.duration_ns - options.ramp_down_ns, 0, 0},
                    {options.duration_ns, cut_rate, cut_rate}});
}

int64_t Opener::next_due(int64_t latest, bool loading) const {
  int64_t due = latest;
  if (connects_done_ < all_.size()) due = std::min(due, connects_.time_of(connects_done_));
  if (!all_.reopen.empty()) due = std::min(due, all_.reopen.front().first);
  if (!loading) return due;
  const int64_t start = all_.run.publish_from_ns.load(std::memory_order_relaxed);
  if (churn_done_ < churn_.count()) due = std::min(due, start + churn_.time_of(churn_done_));
  if (cuts_done_ < cuts_.count()) due = std::min(due, start + cuts_.time_of(cuts_done_));
  return due;
}

void Opener::connect_due() {
  if (connects_done_ < all_.size()) {
    const uint64_t due = std::min<uint64_t>(connects_.due_by(all_.now), all_.size());
    const uint64_t end = std::min(due, connects_done_ + kConnectsPerTurn);
    for (; connects_done_ < end; ++connects_done_) {
      all_.progress.started.add();
      connect(all_[connects_done_]);
    }
  }
  while (!all_.reopen.empty() && all_.reopen.front().first <= all_.now) {
    Connection& connection = all_[all_.reopen.front().second];
    all_.reopen.pop_front();
    connect(connection);
  }
}

// The next ready member that `wanted` accepts; none when nobody is.
template <class Wanted>
Connection* Opener::next_member(uint32_t& next, Wanted&& wanted) {
  for (uint32_t tried = 0; tried < all_.members; ++tried) {
    Connection& connection = all_[next++ % all_.members];
    if (connection.state == State::ready && wanted(all_.role_of(connection).kind)) return &connection;
  }
  return nullptr;
}

void Opener::churn_due() {
  const uint64_t due = churn_.due_by(all_.now - all_.run.publish_from_ns.load(std::memory_order_relaxed));
  for (; churn_done_ < due; ++churn_done_) {
    Connection* connection =
        next_member(churn_next_, [](RoleKind kind) { return kind != RoleKind::slow && kind != RoleKind::resume; });
    if (connection != nullptr) renew(*connection);
  }
}

// The close frame is answered; the end of the old connection begins the new one.
void Opener::renew(Connection& connection) {
  tally_.write_off(connection);
  if (connection.speaks == Speaks::websocket) {
    const codec::MaskKey mask{};
    codec::append_close_frame(all_.write_to(connection), 1000, {}, &mask);
    all_.progress.ready.subtract();
    connection.state = State::closing;
    connection.since_ns = all_.now;
  } else {
    all_.close(connection, io::CloseMode::graceful);
    all_.reopen_at(all_.now, connection);
  }
}

// Cuts members without a word; they come back with the position of what came last, and their checkers go on as if
// nothing had been.
void Opener::cuts_due() {
  const uint64_t due = cuts_.due_by(all_.now - all_.run.publish_from_ns.load(std::memory_order_relaxed));
  for (; cuts_done_ < due; ++cuts_done_) {
    Connection* connection = next_member(cuts_next_, [](RoleKind kind) { return kind == RoleKind::resume; });
    if (connection == nullptr || connection->position == 0) continue;
    all_.close(*connection, io::CloseMode::reset);
    connection->resuming = true;
    all_.reopen_at(all_.now + all_.options.away_ns, *connection);
  }
}

void Opener::connect(Connection& connection) {
  connection.since_ns = all_.run.now_ns();
  if (all_.http2 == nullptr) return open(connection);
  connection.state = State::connecting;
  Connection& carrier = all_.http2->carrier_of(connection);
  if (all_.http2->is_up(carrier)) return on_connected(connection);
  if (carrier.state != State::idle && carrier.state != State::ended) return;
  carrier.id = connection.id;
  open(carrier);
}

void Opener::open(Connection& connection) {
  const io::SocketAddress& target = all_.options.targets[connection.id % all_.options.targets.size()];
  const io::SocketAddress* source =
      all_.options.sources.empty() ? nullptr : &all_.options.sources[connection.id % all_.options.sources.size()];
  const auto socket = all_.backend().connect(target, source, all_.index_of(connection));
  if (!socket) return all_.lost(connection, ErrorKind::no_socket, socket.error().message);
  connection.socket = *socket;
  connection.state = State::connecting;
}

void Opener::on_connected(Connection& connection) {
  connection.state = State::opening;
  if (all_.http2 == nullptr) {
    all_.backend().start_receive(connection.socket, all_.index_of(connection));
    connection.http = std::make_unique<codec::HttpResponseParser>();
  }
  if (connection.speaks == Speaks::post || connection.speaks == Speaks::http) {
    on_upgraded(connection);  // nothing is sent until there is a request to make
    return;
  }
  const Dialect& dialect = all_.dialect_of(connection);
  const std::string& target = connection.publisher  ? dialect.publisher_target
                              : connection.resuming ? dialect.resume_target
                                                    : dialect.target;
  requests_.get(connection, target);
}

void Opener::on_upgraded(Connection& connection) {
  all_.measures.connect.record(static_cast<uint64_t>(all_.now - connection.since_ns));
  const Dialect& dialect = all_.dialect_of(connection);
  if (connection.speaks != Speaks::websocket) {
    const bool waits = !connection.publisher && connection.speaks == Speaks::sse && !dialect.joined.empty();
    if (!waits && connection.speaks != Speaks::poll) return on_joined(connection);
    connection.state = State::joining;
    return;
  }
  if (!dialect.hello.empty()) requests_.send_text(connection, dialect.hello);
  connection.state = State::greeting;
  if (dialect.hello_answer.empty()) advance_greeting(connection, {});
}

void Opener::advance_greeting(Connection& connection, std::string_view text) {
  const Dialect& dialect = all_.dialect_of(connection);
  if (connection.state == State::greeting) {
    if (text.find(dialect.hello_answer) == std::string_view::npos) return;
    const std::string& join = connection.publisher ? dialect.publisher_join : dialect.join;
    if (!join.empty()) requests_.send_join(connection, join);
    connection.state = State::joining;
    // A member that sends no join joined with the upgrade's path; publishers do not.
    const bool waits = !dialect.joined.empty() && !(connection.publisher && join.empty());
    if (!waits) on_joined(connection);
    return;
  }
  if (text.find(dialect.joined) != std::string_view::npos) on_joined(connection);
}

void Opener::on_joined(Connection& connection) {
  all_.measures.ready.record(static_cast<uint64_t>(all_.now - connection.since_ns));
  all_.progress.ready_latency.record(static_cast<uint64_t>(all_.now - connection.since_ns));
  connection.state = State::ready;
  connection.since_ns = all_.now;
  // Who comes later goes on where it was, or begins with what comes first. Before it is counted: the last one to be
  // ready ends the phase.
  const bool first_time = all_.run.phase.load(std::memory_order_relaxed) == Phase::connecting;
  all_.progress.ready.add();
  if (connection.resuming) {
    ++all_.measures.resumed;
  } else if (!first_time) {
    ++all_.measures.renewed;
  }
  if (connection.publisher || !first_time) return;
  tally_.expect_next(connection);
}

void Opener::on_ended(Connection& connection, const io::Event& event) {
  using io::CloseReason;
  if (connection.slow) ++all_.measures.slow_closed;
  if (connection.slow || connection.state == State::closing) return all_.lost(connection, ErrorKind::count_, {});
  switch (event.reason) {
    case CloseReason::connect_failed: all_.lost(connection, ErrorKind::connect_failed, error_text(event)); break;
    case CloseReason::peer_closed: all_.lost(connection, ErrorKind::closed_by_server, "end of stream"); break;
    default: all_.lost(connection, ErrorKind::reset_by_server, error_text(event)); break;
  }
}

}  // namespace ringcast::ringload
