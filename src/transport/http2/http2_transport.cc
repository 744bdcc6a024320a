// SPDX-License-Identifier: Apache-2.0
#include "transport/http2/http2_transport.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/erase_at.h"
#include "client/client_address.h"
#include "transport/gate.h"
#include "transport/http1/http_session.h"
#include "transport/http2/grpc_call.h"

namespace ringcast::session {

using reactor::CloseCause;
using reactor::Stream;

namespace {

// What waits on the connection itself: the rest stays in the outboxes of the streams, under their limits.
constexpr uint64_t kConnectionBytes = 64 << 10;
// Of calls whose time is over, at an interval.
constexpr size_t kLateCallsMax = 1000;

CloseCause cause_of(codec::Http2Fault fault) {
  using codec::Http2Fault;
  if (fault == Http2Fault::resets || fault == Http2Fault::control_frames) return CloseCause::rate_limited;
  return fault == Http2Fault::headers ? CloseCause::bad_request : CloseCause::protocol_error;
}

std::string_view view_of(const reactor::Segment& segment) {
  return {reinterpret_cast<const char*>(segment.hold->data() + segment.offset), segment.length};
}

}  // namespace

// A connection and what is under way on it.
class Http2Transport::Http2Connection final : public Extra, public codec::Http2Listener {
 public:
  Http2Connection(Http2Transport& transport, const Client& client, const codec::Http2Limits& limits, int64_t now_ms)
      : id(client.id),
        peer(transport.gate_.addresses().peer(client)),
        transport_(transport),
        gate_(transport.gate_),
        session(limits, *this, now_ms) {}

  uint32_t on_request(uint32_t number, std::string_view head) override {
    const Client* const parent = gate_.find(id);
    if (parent == nullptr || gate_.connection(*parent).closing) return kRefused;
    Client* const client = gate_.open_carried(*parent, peer);
    if (client == nullptr) {
      gate_.stats().http2_refused.add();
      return kRefused;
    }
    const ConnectionId stream = client->id;
    Carried& carried = transport_.carried_[stream.slot];
    carried.shared = this;
    carried.number = number;
    carried.place = static_cast<uint32_t>(slots.size());
    slots.push_back(stream.slot);
    had_streams = true;
    idle = false;
    gate_.reactor().cancel_timer(gate_.reactor().at(id.slot));
    std::string text(head);
    carried.call = GrpcCall::begin(head, gate_.options().body_max);
    if (carried.call != nullptr) {
      transport_.begin_call(stream, carried);
    } else {
      gate_.on_bytes(stream, {reinterpret_cast<uint8_t*>(text.data()), text.size()});
    }
    return stream.slot;
  }

  void on_body(uint32_t slot, std::span<const uint8_t> bytes, uint32_t counted) override {
    Stream& stream = gate_.reactor().at(slot);
    if (Carried* const carried = transport_.find(slot); carried != nullptr && carried->call != nullptr) {
      // The message is kept here, within its own limit.
      if (counted != 0) transport_.take_message(stream, *carried, bytes);
      return session.consumed(carried->number, counted);
    }
    if (!stream.dead) {
      if (counted == 0) {
        framing_.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        gate_.on_bytes(stream.id(), {reinterpret_cast<uint8_t*>(framing_.data()), framing_.size()});
      } else {
        // They lie in what came for the connection, which is ours to change until its handler returns.
        gate_.on_bytes(stream.id(), {const_cast<uint8_t*>(bytes.data()), bytes.size()});
      }
    }
    Carried* const carried = transport_.find(slot);
    if (carried == nullptr) return;  // the session sees to the window
    if (stream.pauses == 0) return session.consumed(carried->number, counted);
    carried->unread += counted;
  }

  void on_end(uint32_t slot) override {
    Carried* const carried = transport_.find(slot);
    if (carried != nullptr && carried->call != nullptr) transport_.end_message(gate_.reactor().at(slot), *carried);
  }

  void on_trailers_sent(uint32_t slot) override {
    transport_.find(slot)->ended = true;
    unsettled.push_back(slot);
  }

  void on_stream_closed(uint32_t slot) override {
    Carried* const carried = transport_.find(slot);
    if (carried == nullptr || carried->ended) return;
    gate_.close_now(gate_.at(slot), CloseCause::peer_reset);
  }

  codec::Http2Available available(uint32_t slot) override {
    const Stream& stream = gate_.reactor().at(slot);
    if (stream.dead || stream.corked) return {};
    const Carried& carried = *transport_.find(slot);
    if (carried.call != nullptr) return {stream.outbox.bytes(), true, carried.call->trailers()};
    return {stream.outbox.bytes(), stream.closing};
  }

  bool write_data(std::string_view header, uint32_t slot, uint32_t bytes, bool last) override {
    reactor::Reactor& reactor = gate_.reactor();
    reactor::Connection& connection = reactor.at(id.slot);
    reactor.send_copy(connection, header);
    const uint32_t pulled = reactor.pull(reactor.at(slot), bytes, connection);
    RINGCAST_ASSERT(pulled == bytes);
    Carried& carried = *transport_.find(slot);
    carried.pulled += bytes;
    carried.last = reactor.now();
    carried.ended = last;
    unsettled.push_back(slot);
    return connection.outbox.bytes() < kConnectionBytes;
  }

  bool write_frame(std::string_view bytes) override {
    reactor::Connection& connection = gate_.reactor().at(id.slot);
    gate_.reactor().send_copy(connection, bytes);
    return connection.outbox.bytes() < kConnectionBytes;
  }

  ConnectionId id;
  IpAddress peer;
  std::vector<uint32_t> slots;      // of its streams
  std::vector<uint32_t> unsettled;  // of those that have had their turn
  size_t memory = 0;                // as it is counted in all
  bool had_streams = false;
  bool idle = false;  // it has none now, and the timer knows it
  bool touched = false;
  bool starving = false;
  CloseCause cause = CloseCause::done;  // of the end, if nothing worse happens

 private:
  Http2Transport& transport_;
  Gate& gate_;
  std::string framing_;

 public:
  codec::Http2Session session;
};

Http2Transport::Http2Transport(Gate& gate) : gate_(gate) {
  gate.reactor().set_carrier(this);
}
Http2Transport::~Http2Transport() = default;

void Http2Transport::take(Client& client, Connection& connection, std::string_view begun) {
  const SessionOptions& options = gate_.options();
  const codec::Http2Limits limits{.streams_max = options.http2.streams_max,
                                  .headers_max = options.request_line_max + options.headers_bytes_max,
                                  .memory_max = options.http2.memory_max,
                                  .resets_per_second = options.http2.resets_per_second,
                                  .control_frames_per_second = options.http2.control_frames_per_second};
  client.kind = Kind::http2;
  connection.unlimited_output = false;
  // It holds what the streams were asked for, and no more: they have the limits.
  gate_.reactor().set_output(connection, {nullptr, UINT32_MAX, UINT32_MAX});
  auto made = std::make_unique<Http2Connection>(*this, client, limits, gate_.reactor().now().count() / 1'000'000);
  Http2Connection& shared = *made;
  client.extra = std::move(made);
  gate_.stats().http2_connections.add();
  gate_.stats().http2_connections_ever.add();
  std::string bytes(begun);
  if (!bytes.empty()) on_bytes(client, connection, {reinterpret_cast<uint8_t*>(bytes.data()), bytes.size()});
  touch(shared);
}

size_t Http2Transport::on_bytes(Client& client, Connection&, std::span<uint8_t> bytes) {
  auto& shared = client.extra_as<Http2Connection>();
  shared.session.feed(bytes, gate_.reactor().now().count() / 1'000'000);
  touch(shared);
  return bytes.size();
}

void Http2Transport::on_peer_gone(Client& client, Connection& connection) {
  gate_.close_now(client, connection.close_cause);
}

void Http2Transport::on_drained(Client& client, Connection&) {
  touch(client.extra_as<Http2Connection>());
}

void Http2Transport::on_slow(Client& client, Connection&, CloseCause cause) {
  gate_.close_now(client, cause, io::CloseMode::reset);
}

// Armed while there are no streams.
void Http2Transport::on_timer(Client& client, Connection& connection) {
  auto& shared = client.extra_as<Http2Connection>();
  if (!shared.slots.empty()) return;
  const std::chrono::milliseconds patience = gate_.options().keep_alive_timeout;
  if (shared.idle && gate_.reactor().still_reading(connection, patience)) {
    return gate_.reactor().arm_timer(connection, patience);
  }
  shared.cause = shared.idle ? CloseCause::idle_timeout : CloseCause::request_timeout;
  shared.session.go_away();
  touch(shared);
}

void Http2Transport::drain(Client& client, Connection&) {
  auto& shared = client.extra_as<Http2Connection>();
  shared.cause = CloseCause::drained;
  shared.session.go_away();
  touch(shared);
}

void Http2Transport::on_closed(Client& client, CloseCause cause) {
  auto& shared = client.extra_as<Http2Connection>();
  close_streams(shared, cause);
  gate_.stats().http2_connections.subtract();
  gate_.stats().http2_memory.subtract(shared.memory);
  client.extra.reset();
}

void Http2Transport::close_streams(Http2Connection& shared, CloseCause cause) {
  const std::vector<uint32_t> slots = shared.slots;
  for (const uint32_t slot : slots) {
    if (find(slot) != nullptr) gate_.close_now(gate_.at(slot), cause);
  }
}

// Windows that are too small for frames are used all the same, if seldom.
void Http2Transport::on_interval() {
  end_late_calls();
  if (starving_.empty()) return;
  for (const ConnectionId id : std::exchange(starving_, {})) {
    Client* const client = gate_.find(id);
    if (client == nullptr) continue;
    auto& shared = client->extra_as<Http2Connection>();
    shared.starving = false;
    shared.session.serve_starved();
    touch(shared);
  }
}

// --- streams ---

Http2Transport::Carried* Http2Transport::find(uint32_t slot) {
  const auto at = carried_.find(slot);
  return at == carried_.end() ? nullptr : &at.value();
}

void Http2Transport::touch(Http2Connection& shared) {
  if (shared.touched) return;
  shared.touched = true;
  touched_.push_back(shared.id);
  gate_.reactor().mark_carrier_busy();
}

void Http2Transport::on_output(Stream& stream) {
  note(stream.id());
}

void Http2Transport::on_reading(Stream& stream) {
  Carried* const carried = find(stream.slot);
  if (carried == nullptr || carried->unread == 0) return;
  carried->shared->session.consumed(carried->number, std::exchange(carried->unread, 0));
  touch(*carried->shared);
}

void Http2Transport::on_closed(Stream& stream, io::CloseMode) {
  const auto at = carried_.find(stream.slot);
  if (at == carried_.end()) return;
  const Carried carried = std::move(at.value());
  erase_at(carried_, at);
  if (carried.deadline.count() != 0) deadlines_.erase({carried.deadline, stream.slot});
  if (carried.call != nullptr && !carried.answered) count(codec::GrpcStatus::cancelled);
  Http2Connection& shared = *carried.shared;
  const uint32_t last = shared.slots.back();
  shared.slots[carried.place] = last;
  shared.slots.pop_back();
  if (last != stream.slot) find(last)->place = carried.place;
  shared.session.consumed(carried.number, carried.unread);
  shared.session.forget(carried.number, !carried.ended);
  touch(shared);
}

io::Delivery Http2Transport::delivery(const Stream& stream) const {
  const auto at = carried_.find(stream.slot);
  if (at == carried_.end()) return {};
  return {.unacknowledged = stream.outbox.bytes(),
          .acknowledged = at->second.pulled,
          .since_acknowledgement = gate_.reactor().now() - at->second.last};
}

// The answer of a stream begins with its head, as HTTP/1.1 writes it, in one piece.
void Http2Transport::send_heads(Stream& stream, Carried& carried) {
  if (carried.call != nullptr) return answer_call(stream, carried);
  while (!carried.answered && !stream.outbox.empty() && !stream.corked) {
    const std::string_view queued = view_of(stream.outbox.first());
    const size_t end = queued.find("\r\n\r\n");
    RINGCAST_ASSERT(end != std::string_view::npos);
    const std::string head(queued.substr(0, end + 4));
    stream.outbox.consume(head.size(), gate_.reactor().output_of(stream).frame_length);
    const bool informs = head[sizeof("HTTP/1.1 ") - 1] == '1';
    const bool last = !informs && stream.closing && stream.outbox.empty();
    if (!carried.shared->session.respond(carried.number, head, last)) {
      return gate_.reactor().close(stream, CloseCause::peer_reset);
    }
    carried.answered = !informs;
    carried.ended = last;
  }
  // There is nothing to say: the client took too long, say.
  if (!carried.answered && stream.closing && stream.outbox.empty()) {
    gate_.reactor().close(stream, stream.close_cause, io::CloseMode::reset);
  }
}

// --- calls of gRPC ---

void Http2Transport::feed(reactor::StreamId stream, std::string text) {
  if (!text.empty()) gate_.on_bytes(stream, {reinterpret_cast<uint8_t*>(text.data()), text.size()});
}

void Http2Transport::begin_call(reactor::StreamId stream, Carried& carried) {
  GrpcCall& call = *carried.call;
  if (call.timeout()) {
    if (call.timeout()->count() <= 0) call.refuse(codec::GrpcStatus::deadline_exceeded, "the time of the call is over");
    carried.deadline = gate_.reactor().now() + *call.timeout();
    deadlines_.insert({carried.deadline, stream.slot});
  }
  if (call.refused()) return note(stream);
  if (call.pushes()) gate_.http().state(gate_.at(stream.slot)).pushes = true;
  feed(stream, call.take_head());
}

void Http2Transport::take_message(const Stream& stream, Carried& carried, std::span<const uint8_t> bytes) {
  if (stream.dead || carried.answered || carried.call->refused()) return;
  carried.call->take(bytes);
  if (carried.call->refused()) return note(stream.id());
  Client& client = gate_.at(stream.slot);
  if (client.extra != nullptr) client.extra_as<RequestState>().held_bytes = carried.call->received();
}

void Http2Transport::end_message(const Stream& stream, Carried& carried) {
  if (stream.dead || stream.closing || carried.answered || carried.call->refused()) return;
  std::string text = carried.call->end();
  if (carried.call->refused()) return note(stream.id());
  feed(stream.id(), std::move(text));
}

void Http2Transport::answer_call(Stream& stream, Carried& carried) {
  GrpcCall& call = *carried.call;
  if (!call.refused()) {
    if (stream.corked || (stream.outbox.empty() && !stream.closing)) return;
    std::string http;
    http.reserve(stream.outbox.bytes());
    while (!stream.outbox.empty()) {
      const std::string_view piece = view_of(stream.outbox.first());
      http += piece;
      stream.outbox.consume(piece.size(), nullptr);
    }
    if (http.empty()) {
      call.refuse(codec::GrpcStatus::deadline_exceeded, "the call was not complete in time");
    } else {
      call.answer(http);
    }
  }
  const bool last = !call.has_message();
  if (!carried.shared->session.respond(carried.number, call.head(), last)) {
    return gate_.reactor().close(stream, CloseCause::peer_reset);
  }
  count(call.status());
  carried.answered = true;
  carried.ended = last;
  if (last) return;
  const OwnedSlice slice = gate_.reactor().copy(call.message());
  stream.outbox.append({.hold = slice->hold, .offset = slice->offset, .length = slice->length});
  call.forget_message();
}

void Http2Transport::end_late_calls() {
  const io::Nanoseconds now = gate_.reactor().now();
  for (size_t i = 0; i < kLateCallsMax && !deadlines_.empty() && deadlines_.begin()->first <= now; ++i) {
    const uint32_t slot = deadlines_.begin()->second;
    deadlines_.erase(deadlines_.begin());
    Carried& carried = *find(slot);
    carried.deadline = io::Nanoseconds::zero();
    if (carried.answered) continue;
    carried.call->refuse(codec::GrpcStatus::deadline_exceeded, "the time of the call is over");
    Stream& stream = gate_.reactor().at(slot);
    stream.close_cause = CloseCause::request_timeout;
    note(stream.id());
  }
}

void Http2Transport::note(reactor::StreamId stream) {
  noted_.push_back(stream);
  gate_.reactor().mark_carrier_busy();
}

void Http2Transport::count(codec::GrpcStatus status) {
  gate_.stats().grpc_calls[static_cast<size_t>(status)].add();
}

void Http2Transport::flush() {
  reactor::Reactor& reactor = gate_.reactor();
  for (size_t i = 0; i < noted_.size(); ++i) {
    Stream* const stream = reactor.find(noted_[i]);
    if (stream == nullptr) continue;
    Carried* const carried = find(stream->slot);
    if (carried == nullptr) continue;
    Http2Connection& shared = *carried->shared;
    if (carried->answered) {
      shared.session.resume(carried->number);
    } else {
      send_heads(*stream, *carried);
    }
    shared.unsettled.push_back(stream->slot);
    touch(shared);
  }
  noted_.clear();
  for (size_t i = 0; i < touched_.size(); ++i) {
    Client* const client = gate_.find(touched_[i]);
    if (client != nullptr && client->kind == Kind::http2) write(client->extra_as<Http2Connection>());
  }
  touched_.clear();
}

void Http2Transport::write(Http2Connection& shared) {
  shared.touched = false;
  reactor::Reactor& reactor = gate_.reactor();
  Connection& connection = reactor.at(shared.id.slot);
  if (connection.closing) return;
  const bool room = connection.outbox.bytes() < kConnectionBytes;
  const bool all = room && shared.session.write();
  settle(shared);
  const codec::Http2Fault fault = shared.session.fault();
  gate_.stats().http2_memory.add(shared.session.memory());
  gate_.stats().http2_memory.subtract(std::exchange(shared.memory, shared.session.memory()));
  if (!all && fault == codec::Http2Fault::none) {
    connection.want_drained = true;
    return;
  }
  Client& client = gate_.at(shared.id.slot);
  if (fault != codec::Http2Fault::none) {
    gate_.stats().http2_faults[static_cast<size_t>(fault)].add();
    close_streams(shared, cause_of(fault));
    return gate_.close_gently(client, cause_of(fault));
  }
  if (shared.session.finished()) return gate_.close_gently(client, shared.cause);
  if (shared.session.starved() && !shared.starving) {
    shared.starving = true;
    starving_.push_back(shared.id);
  }
  if (shared.slots.empty() && !shared.idle && shared.had_streams) {
    shared.idle = true;
    reactor.arm_timer(connection, gate_.options().keep_alive_timeout);
  }
}

void Http2Transport::settle(Http2Connection& shared) {
  for (size_t i = 0; i < shared.unsettled.size(); ++i) {
    const uint32_t slot = shared.unsettled[i];
    const Carried* const carried = find(slot);
    if (carried == nullptr || carried->shared != &shared) continue;
    Stream& stream = gate_.reactor().at(slot);
    if (carried->ended) {
      gate_.reactor().close(stream, stream.close_cause);
    } else {
      gate_.reactor().settle(stream);
    }
  }
  shared.unsettled.clear();
}

}  // namespace ringcast::session
