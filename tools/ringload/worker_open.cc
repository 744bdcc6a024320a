// SPDX-License-Identifier: Apache-2.0
// Connecting: the ramp, churn, the opening request, and what some servers want said before a member is in its room.
#include <algorithm>
#include <cstring>

#include "base/assert.h"
#include "wire/websocket_handshake.h"
#include "worker.h"

namespace ringcast::ringload {
namespace {

constexpr uint64_t kConnectsPerTurn = 128;  // their answers want to be read in between

std::string_view error_text(const io::Event& event) {
  return event.error != 0 ? ::strerrordesc_np(event.error) : io::to_string(event.reason);
}

}  // namespace

void Worker::plan_connections() {
  members_ = run_.members_of(index_);
  publishers_ = run_.publishers_of(index_);
  connections_ = std::vector<Connection>(members_ + publishers_);
  for (uint32_t i = 0; i < connections_.size(); ++i) {
    Connection& connection = connections_[i];
    connection.publisher = i >= members_;
    if (connection.publisher) {
      connection.id = run_.global_of(index_, i - members_);
      connection.role = static_cast<uint8_t>(options_.publisher_role());
      connection.room = run_.room_of_stream(connection.id);
      connection.speaks = dialect_of(connection).post_target.empty() ? Speaks::websocket : Speaks::post;
    } else {
      connection.id = run_.global_of(index_, i);
      connection.room = run_.room_of_member(connection.id);
      connection.role = static_cast<uint8_t>(run_.role_index_of_member(connection.id));
      const Role& role = role_of(connection);
      connection.slow = role.kind == RoleKind::slow;
      connection.speaks = role.transport == Transport::sse    ? Speaks::sse
                          : role.transport == Transport::poll ? Speaks::poll
                          : role.transport == Transport::http ? Speaks::http
                                                              : Speaks::websocket;
      if (role.asks()) askers_.push_back(i);
    }
  }
  checkers_per_member_ = options_.publishes() ? options_.publishers : askers_.empty() ? 0 : 1;
  if (options_.roles.size() > 1) measures_.of_role.assign(options_.roles.size(), Histogram(Measures::kHighestNs));
  checkers_.resize(size_t{members_} * checkers_per_member_);
  if (options_.in_flight > 0 && options_.publishes()) {
    share_window_ = std::bit_ceil(options_.in_flight);
    shares_.assign(size_t{share_window_} * run_.streams.size(), {UINT64_MAX, 0});
  }
  const double part = static_cast<double>(connections_.size()) / options_.all_connections();
  const double rate = options_.connect_rate * part;
  // By count, not by time: the last connect is the end.
  connects_ = Schedule::constant(rate, static_cast<int64_t>(static_cast<double>(connections_.size()) / rate * 1e9) + 1);
  wire::WebSocketNonce nonce;
  for (uint8_t& byte : nonce) byte = static_cast<uint8_t>(random_());
  const auto key = wire::websocket_key(nonce);
  key_.assign(key.data(), key.size());
}

void Worker::connect_due() {
  if (connects_done_ < connections_.size()) {
    const uint64_t due = std::min<uint64_t>(connects_.due_by(now_), connections_.size());
    const uint64_t end = std::min(due, connects_done_ + kConnectsPerTurn);
    for (; connects_done_ < end; ++connects_done_) {
      progress_.started.add();
      connect(connections_[connects_done_]);
    }
  }
  while (!reopen_.empty() && reopen_.front().first <= now_) {
    Connection& connection = connections_[reopen_.front().second];
    reopen_.pop_front();
    connect(connection);
  }
}

// The next ready member that `wanted` accepts; none when nobody is.
template <class Wanted>
Connection* Worker::next_member(uint32_t& next, Wanted&& wanted) {
  for (uint32_t tried = 0; tried < members_; ++tried) {
    Connection& connection = connections_[next++ % members_];
    if (connection.state == State::ready && wanted(role_of(connection).kind)) return &connection;
  }
  return nullptr;
}

void Worker::churn_due() {
  const uint64_t due = churn_.due_by(now_ - run_.publish_from_ns.load(std::memory_order_relaxed));
  for (; churn_done_ < due; ++churn_done_) {
    Connection* connection =
        next_member(churn_next_, [](RoleKind kind) { return kind != RoleKind::slow && kind != RoleKind::resume; });
    if (connection != nullptr) renew(*connection);
  }
}

// The close frame is answered; the end of the old connection begins the new one.
void Worker::renew(Connection& connection) {
  for (uint32_t i = 0; i < checkers_per_member_; ++i) {
    SequenceChecker& checker = checkers_[size_t{index_of(connection)} * checkers_per_member_ + i];
    measures_.sequence.lost += checker.missing();
    // An echo that is under way is not missing: nobody is there any more to whom it could come back.
    if (role_of(connection).kind == RoleKind::echo) {
      checker.expect_from(connection.sent);
    } else {
      checker.expect_any();
    }
  }
  if (connection.speaks == Speaks::websocket) {
    const wire::MaskKey mask{};
    wire::append_close_frame(write_to(connection), 1000, {}, &mask);
    progress_.ready.subtract();
    connection.state = State::closing;
    connection.since_ns = now_;
  } else {
    close(connection, io::CloseMode::graceful);
    reopen_.push_back({now_, index_of(connection)});
  }
}

// Cuts members without a word; they come back with the position of what came last, and their checkers go on as if
// nothing had been.
void Worker::cuts_due() {
  const uint64_t due = cuts_.due_by(now_ - run_.publish_from_ns.load(std::memory_order_relaxed));
  for (; cuts_done_ < due; ++cuts_done_) {
    Connection* connection = next_member(cuts_next_, [](RoleKind kind) { return kind == RoleKind::resume; });
    if (connection == nullptr || connection->position == 0) continue;
    close(*connection, io::CloseMode::reset);
    connection->resuming = true;
    reopen_.push_back({now_ + options_.away_ns, index_of(*connection)});
  }
}

void Worker::connect(Connection& connection) {
  const io::SocketAddress& target = options_.targets[connection.id % options_.targets.size()];
  const io::SocketAddress* source =
      options_.sources.empty() ? nullptr : &options_.sources[connection.id % options_.sources.size()];
  connection.since_ns = run_.now_ns();
  const auto socket = backend_->connect(target, source, index_of(connection));
  if (!socket) {
    note(ErrorKind::no_socket, socket.error().message);
    progress_.down.add();
    connection.state = State::ended;
    return;
  }
  connection.socket = *socket;
  connection.state = State::connecting;
}

// The room whose name the connection says.
uint32_t Worker::joined_room(const Connection& connection) const {
  return options_.spread > 0 && !connection.publisher ? connection.id % options_.spread : connection.room;
}

std::string Worker::room_name(uint32_t room) const {
  return options_.room_prefix + std::to_string(room);
}

std::string Worker::user_name(const Connection& connection) const {
  return (connection.publisher ? "publisher-" : "user-") + std::to_string(connection.id);
}

void Worker::on_connected(Connection& connection) {
  backend_->start_receive(connection.socket, index_of(connection));
  connection.state = State::opening;
  connection.http = std::make_unique<wire::HttpResponseParser>();
  if (connection.speaks == Speaks::post || connection.speaks == Speaks::http) {
    on_upgraded(connection);  // nothing is sent until there is a request to make
    return;
  }
  const Dialect& dialect = dialect_of(connection);
  const std::string& target = connection.publisher  ? dialect.publisher_target
                              : connection.resuming ? dialect.resume_target
                                                    : dialect.target;
  send_request(connection, target);
}

void Worker::send_request(Connection& connection, std::string_view target) {
  const std::string room = room_name(joined_room(connection));
  const std::string user = user_name(connection);
  scratch_.clear();
  const std::string cursor = connection.streaming ? connection.streaming->cursor : std::to_string(connection.position);
  append_filled(scratch_, target, {.room = room, .user = user, .cursor = cursor});
  std::vector<wire::HttpHeader> headers;
  for (const auto& [name, value] : dialect_of(connection).headers) headers.push_back({name, value});
  std::string& out = write_to(connection);
  if (connection.speaks == Speaks::websocket) {
    const std::string_view extensions = options_.deflate ? wire::kDeflateOffer : std::string_view();
    wire::append_websocket_request(
        out, {.host = options_.host, .target = scratch_, .extensions = extensions, .headers = headers}, key_);
    return;
  }
  progress_.requests.add();
  out += "GET ";
  out += scratch_;
  out += " HTTP/1.1\r\nHost: ";
  out += options_.host;
  if (connection.speaks == Speaks::sse) out += "\r\nAccept: text/event-stream";
  for (const wire::HttpHeader& header : headers)
    out.append("\r\n").append(header.name).append(": ").append(header.value);
  out += "\r\n\r\n";
}

// The upgrade, or the head of a stream's answer, is there.
void Worker::on_upgraded(Connection& connection) {
  measures_.connect.record(static_cast<uint64_t>(now_ - connection.since_ns));
  const Dialect& dialect = dialect_of(connection);
  if (connection.speaks != Speaks::websocket) {
    const bool waits = !connection.publisher && connection.speaks == Speaks::sse && !dialect.joined.empty();
    if (!waits && connection.speaks != Speaks::poll) return on_joined(connection);
    connection.state = State::joining;
    return;
  }
  if (!dialect.hello.empty()) send_text(connection, dialect.hello);
  connection.state = State::greeting;
  if (dialect.hello_answer.empty()) advance_greeting(connection, {});
}

void Worker::advance_greeting(Connection& connection, std::string_view text) {
  const Dialect& dialect = dialect_of(connection);
  if (connection.state == State::greeting) {
    if (text.find(dialect.hello_answer) == std::string_view::npos) return;
    const std::string& join = connection.publisher ? dialect.publisher_join : dialect.join;
    if (!join.empty()) {
      payload_scratch_.clear();
      append_filled(payload_scratch_, join,
                    {.room = room_name(joined_room(connection)), .user = user_name(connection)});
      send_text(connection, payload_scratch_);
    }
    connection.state = State::joining;
    // A member that sends no join joined with the upgrade's path; publishers do not.
    const bool waits = !dialect.joined.empty() && !(connection.publisher && join.empty());
    if (!waits) on_joined(connection);
    return;
  }
  if (text.find(dialect.joined) != std::string_view::npos) on_joined(connection);
}

void Worker::on_joined(Connection& connection) {
  measures_.ready.record(static_cast<uint64_t>(now_ - connection.since_ns));
  progress_.ready_latency.record(static_cast<uint64_t>(now_ - connection.since_ns));
  connection.state = State::ready;
  connection.since_ns = now_;
  // Who comes later goes on where it was, or begins with what comes first. Before it is counted: the last one to be
  // ready ends the phase.
  const bool first_time = run_.phase.load(std::memory_order_relaxed) == Phase::connecting;
  progress_.ready.add();
  if (connection.resuming) {
    ++measures_.resumed;
  } else if (!first_time) {
    ++measures_.renewed;
  }
  if (connection.publisher || !first_time) return;
  for (uint32_t i = 0; i < checkers_per_member_; ++i) {
    checkers_[size_t{index_of(connection)} * checkers_per_member_ + i].expect_from(connection.sent);
  }
}

void Worker::on_ended(Connection& connection, const io::Event& event) {
  using io::CloseReason;
  if (connection.slow) ++measures_.slow_closed;
  if (connection.slow || connection.state == State::closing) return lost(connection, ErrorKind::count_, {});
  switch (event.reason) {
    case CloseReason::connect_failed: lost(connection, ErrorKind::connect_failed, error_text(event)); break;
    case CloseReason::peer_closed: lost(connection, ErrorKind::closed_by_server, "end of stream"); break;
    default: lost(connection, ErrorKind::reset_by_server, error_text(event)); break;
  }
}

}  // namespace ringcast::ringload
