// SPDX-License-Identifier: Apache-2.0
// The way in: bytes become texts, whatever the transport; texts become payloads; payloads are counted.
#include <charconv>
#include <cstring>
#include <utility>

#include "base/assert.h"
#include "wire/websocket_handshake.h"
#include "worker.h"

namespace ringcast::ringload {
namespace {

constexpr uint32_t kMessageMax = 16 * 1024 * 1024;

std::string_view view_of(std::span<const uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

void Worker::on_bytes(Connection& connection, std::span<uint8_t> bytes) {
  if (connection.speaks != Speaks::websocket) return read_http(connection, bytes);
  if (connection.state == State::opening) return on_head(connection, bytes);
  read_websocket(connection, bytes);
}

void Worker::on_head(Connection& connection, std::span<uint8_t> rest) {
  std::span<const uint8_t> input = rest;
  std::span<const uint8_t> body;
  switch (connection.http->next(input, body)) {
    case wire::HttpResponseEvent::need_more: return;
    case wire::HttpResponseEvent::headers_complete: break;
    default: return lost(connection, ErrorKind::bad_answer, connection.http->error().message);
  }
  const wire::HttpResponse& response = connection.http->response();
  if (response.status != 101) return lost(connection, ErrorKind::refused, "status " + std::to_string(response.status));
  wire::WebSocketAnswer answer;
  wire::HttpError error;
  if (!wire::check_websocket_response(response, key_, options_.deflate, answer, error))
    return lost(connection, ErrorKind::bad_answer, error.message);
  connection.deflate = answer.deflate;
  connection.http.reset();
  on_upgraded(connection);
  read_websocket(connection, rest.last(input.size()));
}

// Most frames lie whole in what was read; the decoder, with its memory and its checks of UTF-8, is for the others.
bool Worker::read_whole_frame(Connection& connection, std::span<uint8_t>& bytes) {
  if (bytes.size() < 2) return false;
  const uint8_t opcode = bytes[0];
  if (opcode != 0x81 && opcode != 0x82) return false;  // FIN, text or binary, no RSV bit
  size_t header = 2;
  uint64_t length = bytes[1];
  if (length == 126) {
    if (bytes.size() < 4) return false;
    length = static_cast<uint64_t>(bytes[2]) << 8 | bytes[3];
    header = 4;
    if (length < 126) return false;
  } else if (length > 126) {
    return false;  // masked, or larger than what is read at once
  }
  if (bytes.size() - header < length) return false;
  const std::string_view text = view_of(bytes.subspan(header, length));
  bytes = bytes.subspan(header + length);
  on_text(connection, text);
  return true;
}

void Worker::read_websocket(Connection& connection, std::span<uint8_t> bytes) {
  while (connection.socket.valid() && connection.state != State::ended) {
    const bool begins = connection.decoder == nullptr || connection.decoder->between_messages();
    if (begins && read_whole_frame(connection, bytes)) continue;
    if (connection.decoder == nullptr) {
      if (bytes.empty()) return;
      connection.decoder = std::make_unique<wire::WebSocketDecoder>(wire::WebSocketDecoder::Options{
          .role = wire::WebSocketRole::client, .deflate = connection.deflate, .message_max = kMessageMax});
    }
    const wire::WebSocketEvent event = connection.decoder->next(bytes);
    if (event.kind != wire::WebSocketEventKind::need_more) {
      on_frame(connection, event);
      continue;
    }
    if (connection.decoder->memory() == 0) connection.decoder.reset();
    return;
  }
}

void Worker::on_frame(Connection& connection, const wire::WebSocketEvent& event) {
  using Kind = wire::WebSocketEventKind;
  switch (event.kind) {
    case Kind::need_more: return;
    case Kind::pong:
      if (std::exchange(connection.probing, false)) progress_.probes.subtract();
      return;
    case Kind::text:
    case Kind::binary: return on_text(connection, view_of(event.payload));
    case Kind::ping:
      wire::append_masked_frame(write_to(connection), {.opcode = wire::WebSocketOpcode::pong}, view_of(event.payload),
                                wire::MaskKey{});
      return;
    case Kind::close:
      if (connection.slow) ++measures_.slow_closed;
      if (connection.slow || connection.state == State::closing) return lost(connection, ErrorKind::count_, {});
      return lost(connection, ErrorKind::closed_by_server, "close code " + std::to_string(event.code));
    case Kind::error: return lost(connection, ErrorKind::bad_answer, event.text);
  }
}

void Worker::read_http(Connection& connection, std::span<const uint8_t> bytes) {
  while (connection.http != nullptr) {
    std::span<const uint8_t> body;
    switch (connection.http->next(bytes, body)) {
      case wire::HttpResponseEvent::need_more: return;
      case wire::HttpResponseEvent::error:
        return lost(connection, ErrorKind::bad_answer, connection.http->error().message);
      case wire::HttpResponseEvent::body: on_body(connection, body); break;
      case wire::HttpResponseEvent::headers_complete: {
        const uint16_t status = connection.http->response().status;
        if (status < 200 || status > 299) {
          note(ErrorKind::refused, "status " + std::to_string(status));
          if (connection.speaks == Speaks::sse || connection.speaks == Speaks::poll)
            return lost(connection, ErrorKind::count_, {});
        }
        if (connection.streaming == nullptr && connection.speaks != Speaks::post)
          connection.streaming = std::make_unique<Streaming>();
        if (connection.state == State::opening) on_upgraded(connection);
        break;
      }
      case wire::HttpResponseEvent::complete: {
        const bool kept = connection.http->response().keep_alive;
        if (connection.speaks == Speaks::sse) return lost(connection, ErrorKind::closed_by_server, "end of stream");
        connection.http->reset();
        on_answer(connection);
        if (!kept) return lost(connection, ErrorKind::closed_by_server, "no keep-alive");
        if (bytes.empty()) return;
        break;
      }
    }
  }
}

void Worker::on_body(Connection& connection, std::span<const uint8_t> body) {
  if (connection.speaks == Speaks::poll) connection.streaming->body += view_of(body);
  if (connection.speaks != Speaks::sse) return;
  std::string_view input = view_of(body);
  while (connection.streaming != nullptr) {
    switch (connection.streaming->sse.next(input)) {
      case wire::SseParser::Status::need_more: return;
      case wire::SseParser::Status::too_large: return lost(connection, ErrorKind::bad_answer, "event too large");
      case wire::SseParser::Status::event: on_text(connection, connection.streaming->sse.event().data); break;
    }
  }
}

// A whole answer of a poll, a plain request or a POST is there.
void Worker::on_answer(Connection& connection) {
  if (connection.speaks == Speaks::http) {
    if (connection.under_way == 0) return;
    connection.under_way = 0;
    progress_.deliveries.add();
    record_latency(connection,
                   {.intended_ns = static_cast<int64_t>(connection.position), .sent_ns = connection.since_ns});
    connection.since_ns = now_;
    if (loading_ && options_.saturating()) echo_again_.push_back(index_of(connection));
    return;
  }
  if (connection.speaks != Speaks::poll) return;
  Streaming& streaming = *connection.streaming;
  const std::string_view body = streaming.body;
  const Dialect& dialect = dialect_of(connection);
  const size_t at = body.rfind(dialect.cursor_after);
  if (at != std::string_view::npos && !dialect.cursor_after.empty()) {
    const size_t begin = at + dialect.cursor_after.size();
    streaming.cursor = body.substr(begin, body.find('"', begin) - begin);
    // One room: its cursor is the position.
    std::from_chars(streaming.cursor.data(), streaming.cursor.data() + streaming.cursor.size(), connection.position);
  }
  if (connection.state == State::joining) on_joined(connection);
  on_text(connection, body);
  streaming.body.clear();
  send_request(connection, dialect.resume_target);
}

void Worker::note_position(Connection& connection, std::string_view text) {
  if (connection.speaks == Speaks::poll) return;  // its cursor is kept with the answer
  const std::string_view before = dialect_of(connection).cursor_after;
  if (!text.starts_with(before)) return;
  std::from_chars(text.data() + before.size(), text.data() + text.size(), connection.position);
}

void Worker::on_text(Connection& connection, std::string_view text) {
  const std::string_view separator = dialect_of(connection).separator;
  if (separator.empty()) return on_message(connection, text);
  while (!text.empty() && connection.state != State::ended) {
    const size_t end = std::min(text.find(separator), text.size());
    if (end > 0) on_message(connection, text.substr(0, end));
    text.remove_prefix(std::min(end + separator.size(), text.size()));
  }
}

void Worker::on_message(Connection& connection, std::string_view text) {
  if (role_of(connection).kind == RoleKind::resume) note_position(connection, text);
  Payload payload;
  size_t from = hint_;
  if (run_.codec.at(text, from, payload)) {
    deliver(connection, payload);
    from += run_.codec.length();
  } else {
    from = 0;
    if (run_.codec.find(text, from, payload)) {
      hint_ = from - run_.codec.length();
      deliver(connection, payload);
    }
  }
  if (connection.speaks == Speaks::poll) {
    while (run_.codec.find(text, from, payload)) deliver(connection, payload);
    return;
  }
  if (from < text.size()) return;
  // No payload: something that the server says of its own.
  const Dialect& dialect = dialect_of(connection);
  if (!dialect.ping.empty() && text == dialect.ping) return send_text(connection, dialect.pong);
  if (connection.state == State::greeting || connection.state == State::joining) advance_greeting(connection, text);
  if (!dialect.gap.empty() && text.find(dialect.gap) != std::string_view::npos) ++measures_.gaps;
  if (!dialect.error.empty() && text.find(dialect.error) != std::string_view::npos)
    note(ErrorKind::server_error, text.substr(0, 200));
}

void Worker::deliver(Connection& connection, const Payload& payload) {
  // What still comes behind our close frame is nobody's.
  if (connection.publisher || connection.state == State::closing) return;
  const bool echo = role_of(connection).kind == RoleKind::echo;
  if (echo ? payload.stream != connection.id
           : payload.stream >= run_.streams.size() || run_.room_of_stream(payload.stream) != connection.room) {
    return note(ErrorKind::bad_answer, "a payload of another room or connection");
  }
  const uint32_t slot = echo ? 0 : payload.stream % options_.publishers;
  SequenceChecker& checker = checkers_[size_t{index_of(connection)} * checkers_per_member_ + slot];
  if (connection.slow) {
    if (checker.take(payload.sequence, measures_.slow) != SequenceChecker::Verdict::duplicate)
      progress_.slow_reads.add();
    return;
  }
  const auto verdict = checker.take(payload.sequence, measures_.sequence);
  progress_.deliveries.add();
  if (verdict == SequenceChecker::Verdict::duplicate) return progress_.duplicates.add();
  // What a cut connection missed waited for its return, not for the server.
  const bool replayed = connection.resuming && payload.intended_ns < connection.since_ns;
  if (!replayed) record_latency(connection, payload);
  if (share_window_ > 0) return count_member_share(connection, payload);
  if (!echo) return;
  connection.since_ns = now_;
  if (connection.under_way > 0) --connection.under_way;
  if (loading_ && options_.saturating()) echo_again_.push_back(index_of(connection));
}

void Worker::record_latency(const Connection& connection, const Payload& payload) {
  const auto latency = static_cast<uint64_t>(std::max<int64_t>(0, now_ - payload.intended_ns));
  progress_.latency.record(latency);
  if (payload.intended_ns < measure_from_) return;
  measures_.latency.record(latency);
  if (!measures_.of_role.empty()) measures_.of_role[connection.role].record(latency);
  // Where nothing is scheduled, both are the same.
  if (!options_.saturating())
    measures_.uncorrected.record(static_cast<uint64_t>(std::max<int64_t>(0, now_ - payload.sent_ns)));
}

void Worker::count_member_share(const Connection& connection, const Payload& payload) {
  auto& [sequence, members] =
      shares_[size_t{payload.stream} * share_window_ + (payload.sequence & (share_window_ - 1))];
  if (sequence != payload.sequence) {
    if (sequence != UINT64_MAX && sequence > payload.sequence) return;
    sequence = payload.sequence;
    members = 0;
  }
  if (++members != run_.members_in_room(connection.room, index_)) return;
  if (payload.intended_ns >= measure_from_)
    measures_.end_to_end.record(static_cast<uint64_t>(std::max<int64_t>(0, now_ - payload.intended_ns)));
  run_.member_share_done(payload.stream, payload.sequence);
}

}  // namespace ringcast::ringload
