// SPDX-License-Identifier: Apache-2.0
#include "receiver.h"

#include <charconv>
#include <utility>

#include "codec/websocket/websocket_handshake.h"

namespace ringcast::ringload {
namespace {

constexpr uint32_t kMessageMax = 16 * 1024 * 1024;

std::string_view view_of(std::span<const uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

void Receiver::on_bytes(Connection& connection, std::span<uint8_t> bytes) {
  if (connection.speaks != Speaks::websocket) return read_http(connection, bytes);
  if (connection.state == State::opening) return on_head(connection, bytes);
  read_websocket(connection, bytes);
}

void Receiver::on_head(Connection& connection, std::span<uint8_t> rest) {
  std::span<const uint8_t> input = rest;
  std::span<const uint8_t> body;
  switch (connection.http->next(input, body)) {
    case codec::HttpResponseEvent::need_more: return;
    case codec::HttpResponseEvent::headers_complete: break;
    default: return all_.lost(connection, ErrorKind::bad_answer, connection.http->error().message);
  }
  const codec::HttpResponse& response = connection.http->response();
  if (response.status != 101)
    return all_.lost(connection, ErrorKind::refused, "status " + std::to_string(response.status));
  codec::WebSocketAnswer answer;
  codec::HttpError error;
  if (!codec::check_websocket_response(response, requests_.key(), all_.options.deflate, answer, error))
    return all_.lost(connection, ErrorKind::bad_answer, error.message);
  connection.deflate = answer.deflate;
  connection.http.reset();
  opener_.on_upgraded(connection);
  read_websocket(connection, rest.last(input.size()));
}

// Most frames lie whole in what was read; the decoder, with its memory and its checks of UTF-8, is for the others.
bool Receiver::read_whole_frame(Connection& connection, std::span<uint8_t>& bytes) {
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

void Receiver::read_websocket(Connection& connection, std::span<uint8_t> bytes) {
  while (connection.socket.valid() && connection.state != State::ended) {
    const bool begins = connection.decoder == nullptr || connection.decoder->between_messages();
    if (begins && read_whole_frame(connection, bytes)) continue;
    if (connection.decoder == nullptr) {
      if (bytes.empty()) return;
      connection.decoder = std::make_unique<codec::WebSocketDecoder>(codec::WebSocketDecoder::Options{
          .role = codec::WebSocketRole::client, .deflate = connection.deflate, .message_max = kMessageMax});
    }
    const codec::WebSocketEvent event = connection.decoder->next(bytes);
    if (event.kind != codec::WebSocketEventKind::need_more) {
      on_frame(connection, event);
      continue;
    }
    if (connection.decoder->memory() == 0) connection.decoder.reset();
    return;
  }
}

void Receiver::on_frame(Connection& connection, const codec::WebSocketEvent& event) {
  using Kind = codec::WebSocketEventKind;
  switch (event.kind) {
    case Kind::need_more: return;
    case Kind::pong:
      if (std::exchange(connection.probing, false)) all_.progress.probes.subtract();
      return;
    case Kind::text:
    case Kind::binary: return on_text(connection, view_of(event.payload));
    case Kind::ping:
      codec::append_masked_frame(all_.write_to(connection), {.opcode = codec::WebSocketOpcode::pong},
                                 view_of(event.payload), codec::MaskKey{});
      return;
    case Kind::close:
      if (connection.slow) ++all_.measures.slow_closed;
      if (connection.slow || connection.state == State::closing) return all_.lost(connection, ErrorKind::count_, {});
      return all_.lost(connection, ErrorKind::closed_by_server, "close code " + std::to_string(event.code));
    case Kind::error: return all_.lost(connection, ErrorKind::bad_answer, event.text);
  }
}

void Receiver::read_http(Connection& connection, std::span<const uint8_t> bytes) {
  while (connection.http != nullptr) {
    std::span<const uint8_t> body;
    switch (connection.http->next(bytes, body)) {
      case codec::HttpResponseEvent::need_more: return;
      case codec::HttpResponseEvent::error:
        return all_.lost(connection, ErrorKind::bad_answer, connection.http->error().message);
      case codec::HttpResponseEvent::body: on_body(connection, body); break;
      case codec::HttpResponseEvent::headers_complete: on_status(connection, connection.http->response().status); break;
      case codec::HttpResponseEvent::complete: {
        const bool kept = connection.http->response().keep_alive;
        connection.http->reset();
        on_complete(connection);
        if (connection.state == State::ended) return;
        if (!kept) return all_.lost(connection, ErrorKind::closed_by_server, "no keep-alive");
        if (bytes.empty()) return;
        break;
      }
    }
  }
}

void Receiver::on_status(Connection& connection, uint16_t status) {
  if (status < 200 || status > 299) {
    all_.note(ErrorKind::refused, "status " + std::to_string(status));
    if (connection.speaks == Speaks::sse || connection.speaks == Speaks::poll)
      return all_.lost(connection, ErrorKind::count_, {});
  }
  if (connection.streaming == nullptr && connection.speaks != Speaks::post)
    connection.streaming = std::make_unique<Streaming>();
  if (connection.state == State::opening) opener_.on_upgraded(connection);
}

void Receiver::on_complete(Connection& connection) {
  if (connection.speaks == Speaks::sse) return all_.lost(connection, ErrorKind::closed_by_server, "end of stream");
  on_answer(connection);
}

void Receiver::on_body(Connection& connection, std::span<const uint8_t> body) {
  if (connection.speaks == Speaks::poll) connection.streaming->body += view_of(body);
  if (connection.speaks != Speaks::sse) return;
  std::string_view input = view_of(body);
  while (connection.streaming != nullptr) {
    switch (connection.streaming->sse.next(input)) {
      case codec::SseParser::Status::need_more: return;
      case codec::SseParser::Status::too_large: return all_.lost(connection, ErrorKind::bad_answer, "event too large");
      case codec::SseParser::Status::event: on_text(connection, connection.streaming->sse.event().data); break;
    }
  }
}

// A whole answer of a poll, a plain request or a POST is there.
void Receiver::on_answer(Connection& connection) {
  if (connection.speaks == Speaks::http) {
    tally_.answer(connection);
    return;
  }
  if (connection.speaks != Speaks::poll) return;
  const Dialect& dialect = all_.dialect_of(connection);
  if (!dialect.send_target.empty()) return on_session_answer(connection);
  Streaming& streaming = *connection.streaming;
  const std::string_view body = streaming.body;
  const size_t at = body.rfind(dialect.cursor_after);
  if (at != std::string_view::npos && !dialect.cursor_after.empty()) {
    const size_t begin = at + dialect.cursor_after.size();
    streaming.cursor = body.substr(begin, body.find('"', begin) - begin);
    // One room: its cursor is the position.
    std::from_chars(streaming.cursor.data(), streaming.cursor.data() + streaming.cursor.size(), connection.position);
  }
  if (connection.state == State::joining) opener_.on_joined(connection);
  on_text(connection, body);
  streaming.body.clear();
  requests_.get(connection, dialect.resume_target);
}

// One request at a time, so that a member needs one connection: a handshake, then polls, and POSTs between them.
void Receiver::on_session_answer(Connection& connection) {
  Streaming& streaming = *connection.streaming;
  const Dialect& dialect = all_.dialect_of(connection);
  const std::string body = std::exchange(streaming.body, {});
  if (streaming.cursor.empty()) {
    const size_t at = body.find(dialect.cursor_after);
    if (at == std::string::npos)
      return all_.lost(connection, ErrorKind::bad_answer, "no session: " + body.substr(0, 200));
    const size_t begin = at + dialect.cursor_after.size();
    streaming.cursor = body.substr(begin, body.find('"', begin) - begin);
    connection.state = State::greeting;
    if (!dialect.hello.empty()) requests_.send_text(connection, dialect.hello);
    if (dialect.hello_answer.empty()) opener_.advance_greeting(connection, {});
  } else if (!std::exchange(streaming.posting, false)) {
    on_text(connection, body);
  }
  if (connection.streaming == nullptr) return;  // it has ended meanwhile
  if (!streaming.unsent.empty()) return requests_.post_unsent(connection);
  requests_.get(connection, dialect.resume_target);
}

void Receiver::note_position(Connection& connection, std::string_view text) {
  if (connection.speaks == Speaks::poll) return;  // its cursor is kept with the answer
  const std::string_view before = all_.dialect_of(connection).cursor_after;
  if (!text.starts_with(before)) return;
  std::from_chars(text.data() + before.size(), text.data() + text.size(), connection.position);
}

void Receiver::on_text(Connection& connection, std::string_view text) {
  const std::string_view separator = all_.dialect_of(connection).separator;
  if (separator.empty()) return on_message(connection, text);
  while (!text.empty() && connection.state != State::ended) {
    const size_t end = std::min(text.find(separator), text.size());
    if (end > 0) on_message(connection, text.substr(0, end));
    text.remove_prefix(std::min(end + separator.size(), text.size()));
  }
}

void Receiver::on_message(Connection& connection, std::string_view text) {
  if (all_.role_of(connection).kind == RoleKind::resume) note_position(connection, text);
  Payload payload;
  size_t from = hint_;
  if (all_.run.codec.at(text, from, payload)) {
    tally_.deliver(connection, payload);
    from += all_.run.codec.length();
  } else {
    from = 0;
    if (all_.run.codec.find(text, from, payload)) {
      hint_ = from - all_.run.codec.length();
      tally_.deliver(connection, payload);
    }
  }
  if (connection.speaks == Speaks::poll && all_.dialect_of(connection).send_target.empty()) {
    while (all_.run.codec.find(text, from, payload)) tally_.deliver(connection, payload);
    return;
  }
  if (from < text.size()) return;
  // No payload: something that the server says of its own.
  const Dialect& dialect = all_.dialect_of(connection);
  if (!dialect.ping.empty() && text == dialect.ping) return requests_.send_text(connection, dialect.pong);
  if (connection.state == State::greeting || connection.state == State::joining)
    opener_.advance_greeting(connection, text);
  if (!dialect.gap.empty() && text.find(dialect.gap) != std::string_view::npos) ++all_.measures.gaps;
  if (!dialect.error.empty() && text.find(dialect.error) != std::string_view::npos)
    all_.note(ErrorKind::server_error, text.substr(0, 200));
}

}  // namespace ringcast::ringload
