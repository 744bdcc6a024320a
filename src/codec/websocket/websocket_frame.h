// SPDX-License-Identifier: Apache-2.0
// Writing WebSocket frames (RFC 6455 section 5.2), for both ends: servers send unmasked, clients masked.
// Pure functions; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "codec/websocket/unmask.h"

namespace ringcast::codec {

enum class WebSocketOpcode : uint8_t { continuation = 0, text = 1, binary = 2, close = 8, ping = 9, pong = 10 };
constexpr bool is_control(WebSocketOpcode opcode) {
  return static_cast<uint8_t>(opcode) >= 8;
}

inline constexpr size_t kControlPayloadMax = 125;
inline constexpr size_t kCloseReasonMax = kControlPayloadMax - 2;
inline constexpr size_t kFrameHeaderMax = 14;  // with the mask key; 10 without

struct FrameHead {
  WebSocketOpcode opcode = WebSocketOpcode::text;
  bool fin = true;
  bool compressed = false;  // RSV1, RFC 7692 section 6: on the first frame of a message only
};

constexpr size_t frame_header_size(uint64_t payload_size, bool masked = false) {
  return (payload_size < 126 ? 2 : payload_size <= 0xFFFF ? 4 : 10) + (masked ? 4 : 0);
}

// Returns the length written: frame_header_size(payload_size, mask != nullptr).
size_t write_frame_header(uint8_t* out, FrameHead head, uint64_t payload_size, const MaskKey* mask = nullptr);

// A whole frame.
void append_frame(std::string& out, FrameHead head, std::string_view payload);
void append_masked_frame(std::string& out, FrameHead head, std::string_view payload, MaskKey key);

// A close frame. `code` must be one that may be sent, or 1005 for a frame without any; the reason is cut at the end of
// a character where it is longer than kCloseReasonMax.
void append_close_frame(std::string& out, uint16_t code, std::string_view reason = {}, const MaskKey* mask = nullptr);

// RFC 6455 section 7.4: codes that may appear in a close frame. 1004, 1005, 1006 and 1015 may not; 1016–2999 are
// reserved; 3000–4999 are free for libraries and applications.
bool is_valid_close_code(uint16_t code);

inline constexpr uint16_t kCloseNoStatus = 1005;  // what the receiver of an empty close frame reports

}  // namespace ringcast::codec
