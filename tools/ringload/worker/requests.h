// SPDX-License-Identifier: Apache-2.0
// Requests: what a worker's connections say, in their dialects: the opening request, texts, published payloads. They
// leave with the next flush of Connections. Worker's thread only.
#pragma once

#include <string>
#include <string_view>

#include "connections.h"

namespace ringcast::ringload {

class Requests {
 public:
  explicit Requests(Connections& all);

  // A GET, or the handshake of a WebSocket, of `target` with its placeholders filled in.
  void get(Connection& connection, std::string_view target);
  // Over a WebSocket, or kept for the next POST of a session that polls.
  void send_text(Connection& connection, std::string_view text);
  // `join` with its placeholders filled in, as send_text().
  void send_join(Connection& connection, std::string_view join);
  void post_unsent(Connection& connection);
  // A plain request: a GET, or a POST where the dialect has a path for it.
  void ask(Connection& connection);
  // The connection's next message of that stream: a text or a POST.
  void publish(Connection& connection, uint32_t stream, int64_t intended_ns, int64_t sent_ns);

  std::string_view key() const { return key_; }  // Sec-WebSocket-Key

 private:
  using Speaks = Connection::Speaks;

  void post(Connection& connection, std::string_view target, std::string_view type, std::string body);
  void post_payload(Connection& connection, const Dialect& dialect);
  void call_publish(Connection& connection);
  void request_stream(Connection& connection, Http2Request request);
  uint32_t joined_room(const Connection& connection) const;
  std::string room_name(uint32_t room) const;
  std::string user_name(const Connection& connection) const;

  Connections& all_;
  std::string key_;
  std::string scratch_;
  std::string payload_scratch_;
};

}  // namespace ringcast::ringload
