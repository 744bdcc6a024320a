// SPDX-License-Identifier: Apache-2.0
#include "requests.h"

#include <utility>
#include <vector>

#include "codec/websocket/websocket_handshake.h"

namespace ringcast::ringload {

Requests::Requests(Connections& all) : all_(all) {
  std::minstd_rand random(all.worker + 1);
  codec::WebSocketNonce nonce;
  for (uint8_t& byte : nonce) byte = static_cast<uint8_t>(random());
  const auto key = codec::websocket_key(nonce);
  key_.assign(key.data(), key.size());
}

// The room whose name the connection says.
uint32_t Requests::joined_room(const Connection& connection) const {
  return all_.options.spread > 0 && !connection.publisher ? connection.id % all_.options.spread : connection.room;
}

std::string Requests::room_name(uint32_t room) const {
  return all_.options.room_prefix + std::to_string(room);
}

std::string Requests::user_name(const Connection& connection) const {
  return (connection.publisher ? "publisher-" : "user-") + std::to_string(connection.id);
}

void Requests::get(Connection& connection, std::string_view target) {
  const std::string room = room_name(joined_room(connection));
  const std::string user = user_name(connection);
  scratch_.clear();
  const std::string cursor = connection.streaming ? connection.streaming->cursor : std::to_string(connection.position);
  append_filled(scratch_, target, {.room = room, .user = user, .cursor = cursor});
  if (all_.http2 != nullptr) {
    all_.progress.requests.add();
    Http2Request request{.method = "GET", .target = scratch_};
    if (connection.speaks == Speaks::sse) request.fields.emplace_back("accept", "text/event-stream");
    return request_stream(connection, std::move(request));
  }
  std::vector<codec::HttpHeader> headers;
  for (const auto& [name, value] : all_.dialect_of(connection).headers) headers.push_back({name, value});
  std::string& out = all_.write_to(connection);
  if (connection.speaks == Speaks::websocket) {
    const std::string_view extensions = all_.options.deflate ? codec::kDeflateOffer : std::string_view();
    codec::append_websocket_request(
        out, {.host = all_.options.host, .target = scratch_, .extensions = extensions, .headers = headers}, key_);
    return;
  }
  all_.progress.requests.add();
  out += "GET ";
  out += scratch_;
  out += " HTTP/1.1\r\nHost: ";
  out += all_.options.host;
  if (connection.speaks == Speaks::sse) out += "\r\nAccept: text/event-stream";
  for (const codec::HttpHeader& header : headers)
    out.append("\r\n").append(header.name).append(": ").append(header.value);
  out += "\r\n\r\n";
}

// A fixed key: unpredictable ones (RFC 6455 section 5.3) protect proxies from hostile pages, of which there are none
// here.
void Requests::send_text(Connection& connection, std::string_view text) {
  if (connection.speaks == Speaks::poll) {
    std::string& unsent = connection.streaming->unsent;
    if (!unsent.empty()) unsent += all_.dialect_of(connection).separator;
    unsent += text;
    return;
  }
  codec::append_masked_frame(all_.write_to(connection), {.opcode = codec::WebSocketOpcode::text}, text,
                             codec::MaskKey{});
}

void Requests::send_join(Connection& connection, std::string_view join) {
  payload_scratch_.clear();
  append_filled(payload_scratch_, join, {.room = room_name(joined_room(connection)), .user = user_name(connection)});
  send_text(connection, payload_scratch_);
}

void Requests::post_unsent(Connection& connection) {
  Streaming& streaming = *connection.streaming;
  scratch_.clear();
  append_filled(scratch_, all_.dialect_of(connection).send_target,
                {.room = {}, .user = {}, .payload = {}, .cursor = streaming.cursor});
  post(connection, scratch_, "text/plain;charset=UTF-8", std::exchange(streaming.unsent, {}));
  streaming.posting = true;
  all_.progress.requests.add();
}

void Requests::post(Connection& connection, std::string_view target, std::string_view type, std::string body) {
  if (all_.http2 != nullptr) {
    Http2Request request{.method = "POST", .target = target, .body = std::move(body)};
    request.fields.emplace_back("content-type", type);
    return request_stream(connection, std::move(request));
  }
  std::string& out = all_.write_to(connection);
  out.append("POST ").append(target).append(" HTTP/1.1\r\nHost: ").append(all_.options.host);
  out.append("\r\nContent-Type: ").append(type);
  for (const auto& [name, value] : all_.dialect_of(connection).headers)
    out.append("\r\n").append(name).append(": ").append(value);
  out.append("\r\nContent-Length: ").append(std::to_string(body.size())).append("\r\n\r\n").append(body);
}

void Requests::request_stream(Connection& connection, Http2Request request) {
  for (const auto& [name, value] : all_.dialect_of(connection).headers) request.fields.emplace_back(name, value);
  all_.http2->request(connection, std::move(request));
}

void Requests::ask(Connection& connection) {
  const Dialect& dialect = all_.dialect_of(connection);
  const bool call = all_.role_of(connection).transport == Transport::grpc;
  if (!call && dialect.post_target.empty()) return get(connection, dialect.target);
  payload_scratch_.clear();
  all_.run.codec.append(payload_scratch_,
                        {.stream = connection.id,
                         .sequence = connection.sent++,
                         .intended_ns = static_cast<int64_t>(connection.position),
                         .sent_ns = connection.since_ns},
                        all_.options.payload_size);
  all_.progress.requests.add();
  return call ? call_publish(connection) : post_payload(connection, dialect);
}

// A length-prefixed message (gRPC over HTTP/2, "Length-Prefixed-Message") with the fields `room` and `content`.
void Requests::call_publish(Connection& connection) {
  const auto append_field = [](std::string& out, uint32_t number, std::string_view text) {
    out += static_cast<char>(number << 3 | 2);
    for (size_t length = text.size();; length >>= 7) {
      out += static_cast<char>((length & 0x7f) | (length > 0x7f ? 0x80 : 0));
      if (length <= 0x7f) break;
    }
    out += text;
  };
  scratch_.clear();
  append_field(scratch_, 1, room_name(connection.room));
  append_field(scratch_, 7, payload_scratch_);
  Http2Request request{.method = "POST", .target = "/ringcast.v1.Ringcast/Publish"};
  request.body.push_back('\0');
  for (int shift = 24; shift >= 0; shift -= 8) request.body.push_back(static_cast<char>(scratch_.size() >> shift));
  request.body += scratch_;
  request.fields = {{"content-type", "application/grpc"}, {"te", "trailers"}};
  request_stream(connection, std::move(request));
}

void Requests::post_payload(Connection& connection, const Dialect& dialect) {
  const std::string room = room_name(connection.room);
  const Placeholders values{.room = room, .payload = payload_scratch_};
  scratch_.clear();
  append_filled(scratch_, dialect.post_target, values);
  std::string body;
  append_filled(body, dialect.post_body, values);
  post(connection, scratch_, dialect.post_type, std::move(body));
}

void Requests::publish(Connection& connection, uint32_t stream, int64_t intended_ns, int64_t sent_ns) {
  payload_scratch_.clear();
  all_.run.codec.append(
      payload_scratch_,
      {.stream = stream, .sequence = connection.sent++, .intended_ns = intended_ns, .sent_ns = sent_ns},
      all_.options.payload_size);
  if (connection.publisher) all_.run.streams[stream].published.store(connection.sent, std::memory_order_relaxed);
  all_.progress.published.add();
  const Dialect& dialect = all_.dialect_of(connection);
  if (connection.speaks == Speaks::post) return post_payload(connection, dialect);
  scratch_.clear();
  append_filled(scratch_, dialect.publish, {.room = room_name(connection.room), .payload = payload_scratch_});
  send_text(connection, scratch_);
}

}  // namespace ringcast::ringload
