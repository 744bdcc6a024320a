// SPDX-License-Identifier: Apache-2.0
// Receiver: the way in: bytes become texts, whatever the transport; texts become payloads, which are counted, or what
// the server says of its own. Worker's thread only.
#pragma once

#include <span>
#include <string_view>

#include "connections.h"
#include "opener.h"
#include "requests.h"
#include "tally.h"

namespace ringcast::ringload {

class Receiver final : public Http2Listener {
 public:
  Receiver(Connections& all, Requests& requests, Tally& tally, Opener& opener)
      : all_(all), requests_(requests), tally_(tally), opener_(opener) {}

  void on_bytes(Connection& connection, std::span<uint8_t> bytes);
  void on_carried(Connection& connection) override { opener_.on_connected(connection); }
  void on_status(Connection& connection, uint16_t status) override;
  void on_body(Connection& connection, std::span<const uint8_t> body) override;
  void on_complete(Connection& connection) override;

 private:
  using State = Connection::State;
  using Speaks = Connection::Speaks;

  void on_head(Connection& connection, std::span<uint8_t> rest);
  void read_websocket(Connection& connection, std::span<uint8_t> bytes);
  bool read_whole_frame(Connection& connection, std::span<uint8_t>& bytes);
  void on_frame(Connection& connection, const codec::WebSocketEvent& event);
  void read_http(Connection& connection, std::span<const uint8_t> bytes);
  void on_answer(Connection& connection);
  void on_session_answer(Connection& connection);
  void note_position(Connection& connection, std::string_view text);
  void on_text(Connection& connection, std::string_view text);
  void on_message(Connection& connection, std::string_view text);

  Connections& all_;
  Requests& requests_;
  Tally& tally_;
  Opener& opener_;
  size_t hint_ = 0;  // where the last payload lay in its text: the next one most often lies there too
};

}  // namespace ringcast::ringload
