// SPDX-License-Identifier: Apache-2.0
// Packets of Engine.IO 4, as they lie in a WebSocket frame or, several at a time, in the body of a polling request
// (a payload). Pure functions over borrowed bytes, and a reader on the caller's stack; any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace ringcast::codec {

// The digit that a packet begins with.
enum class EngineIoType : uint8_t { open, close, ping, pong, message, upgrade, noop };

struct EngineIoPacket {
  EngineIoType type = EngineIoType::noop;
  bool binary = false;  // always a message; `data` is its bytes
  std::string_view data;
};

// Between the packets of a payload.
inline constexpr char kEngineIoSeparator = '\x1e';

// A text frame, or a text packet of a payload. False: it is none.
bool parse_engine_io_text(std::string_view text, EngineIoPacket& packet);

// Takes a payload apart. A payload holds at least one packet; an empty one, also between two separators, is bad.
class EngineIoPayloadReader {
 public:
  enum class Status : uint8_t { packet, end, bad };

  explicit EngineIoPayloadReader(std::string_view payload) : rest_(payload) {}
  // The packet's data is a view of the payload or of this reader, valid until the next call.
  Status next(EngineIoPacket& packet);
  // What has not been read yet.
  std::string_view rest() const { return more_ ? rest_ : std::string_view(); }

 private:
  std::string_view rest_;
  bool more_ = true;
  std::string binary_;  // decoded from base64
};

// A text packet, as a frame's text and as a packet of a payload.
void append_engine_io_text(std::string& out, EngineIoType type, std::string_view data);
// A binary message as a packet of a payload. A binary frame is the bytes themselves.
void append_engine_io_binary(std::string& out, std::string_view bytes);

// What an open packet says.
struct EngineIoOpening {
  std::string_view sid;
  bool websocket_upgrade = false;
  uint64_t ping_interval_ms = 0;
  uint64_t ping_timeout_ms = 0;
  uint64_t payload_max = 0;
};
// {"sid":…,"upgrades":…,"pingInterval":…,"pingTimeout":…,"maxPayload":…}
void append_engine_io_opening(std::string& out, const EngineIoOpening& opening);

}  // namespace ringcast::codec
