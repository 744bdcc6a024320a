// SPDX-License-Identifier: Apache-2.0
#include "transport/frame_length.h"

#include <string_view>

#include "base/assert.h"
#include "codec/websocket/websocket_frame.h"

namespace ringcast::session {
namespace {

std::string_view as_text(std::span<const uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

uint32_t up_to_end_of(std::span<const uint8_t> bytes, std::string_view terminator) {
  const size_t at = as_text(bytes).find(terminator);
  return static_cast<uint32_t>(at == std::string_view::npos ? bytes.size() : at + terminator.size());
}

uint64_t single_frame(std::span<const uint8_t> bytes) {
  RINGCAST_ASSERT(bytes.size() >= 2);
  const uint8_t length = bytes[1] & 0x7f;
  if (length < 126) return 2u + length;
  if (length == 126) {
    RINGCAST_ASSERT(bytes.size() >= 4);
    return 4u + (static_cast<uint32_t>(bytes[2]) << 8 | bytes[3]);
  }
  RINGCAST_ASSERT(bytes.size() >= 10);
  uint64_t size = 0;
  for (size_t i = 2; i < 10; ++i) size = size << 8 | bytes[i];
  return 10 + size;
}

bool has_opcode(uint8_t first_byte, codec::WebSocketOpcode opcode) {
  return (first_byte & 0x0f) == static_cast<uint8_t>(opcode);
}

}  // namespace

uint32_t websocket_single_frame_length(std::span<const uint8_t> bytes) {
  return static_cast<uint32_t>(single_frame(bytes));
}

uint32_t websocket_frame_length(std::span<const uint8_t> bytes) {
  const uint64_t first = single_frame(bytes);
  // These members get binary frames in pairs only, so one that follows a text frame belongs to it.
  if (has_opcode(bytes[0], codec::WebSocketOpcode::text) && first < bytes.size() &&
      has_opcode(bytes[first], codec::WebSocketOpcode::binary)) {
    return static_cast<uint32_t>(first + single_frame(bytes.subspan(first)));
  }
  return static_cast<uint32_t>(first);
}

uint32_t sse_chunk_length(std::span<const uint8_t> bytes) {
  uint64_t size = 0;
  size_t at = 0;
  for (; at < bytes.size() && bytes[at] != '\r'; ++at) {
    const uint8_t c = bytes[at];
    size = size << 4 | static_cast<uint8_t>(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
  }
  return static_cast<uint32_t>(at + 2 + size + 2);
}

uint32_t sse_event_length(std::span<const uint8_t> bytes) {
  return up_to_end_of(bytes, "\n\n");
}

reactor::FrameLength frame_length_of(WireForm wire) {
  switch (wire) {
    case WireForm::websocket:
    case WireForm::websocket_deflate: return websocket_frame_length;
    case WireForm::websocket_raw: return websocket_single_frame_length;
    case WireForm::sse:
    case WireForm::sse_multi: return sse_chunk_length;
    case WireForm::sse_plain:
    case WireForm::sse_multi_plain: return sse_event_length;
    case WireForm::poll:
    case WireForm::socket_io: break;
  }
  return nullptr;
}

}  // namespace ringcast::session
