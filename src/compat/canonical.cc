// SPDX-License-Identifier: Apache-2.0
#include "compat/canonical.h"

#include <span>

#include "base/assert.h"
#include "codec/text/base64.h"
#include "codec/websocket/websocket_frame.h"

namespace ringcast::session {
namespace {

constexpr uint8_t kOpcodeMask = 0x0f;

struct FrameView {
  uint8_t opcode = 0;
  uint32_t header = 0;
  uint32_t payload = 0;
};

// A frame of ours: unmasked, complete.
FrameView frame_at(std::string_view bytes, size_t at) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(bytes[at + i]); };
  RINGCAST_ASSERT(bytes.size() >= at + 2);
  FrameView frame;
  frame.opcode = byte(0) & kOpcodeMask;
  const uint8_t length = byte(1) & 0x7f;
  if (length < 126) {
    frame.header = 2;
    frame.payload = length;
  } else if (length == 126) {
    frame.header = 4;
    frame.payload = static_cast<uint32_t>(byte(2)) << 8 | byte(3);
  } else {
    frame.header = 10;
    frame.payload = static_cast<uint32_t>(byte(6)) << 24 | static_cast<uint32_t>(byte(7)) << 16 |
                    static_cast<uint32_t>(byte(8)) << 8 | byte(9);
  }
  RINGCAST_ASSERT(bytes.size() - at >= uint64_t{frame.header} + frame.payload);
  return frame;
}

}  // namespace

std::string_view event_type_of(std::string_view json) {
  constexpr std::string_view kId = "{\"id\":";
  constexpr std::string_view kType = "\"event_type\":\"";
  size_t at = 1;
  if (json.starts_with(kId)) {
    at = json.find(',', kId.size());
    if (at == std::string_view::npos) return {};
    ++at;
  }
  if (json.substr(at, kType.size()) != kType) return {};
  const size_t begin = at + kType.size();
  const size_t end = json.find('"', begin);  // event types hold nothing that JSON escapes
  return end == std::string_view::npos ? std::string_view() : json.substr(begin, end - begin);
}

Canonical read_canonical(std::string_view bytes) {
  const FrameView text = frame_at(bytes, 0);
  Canonical message;
  message.json = bytes.substr(text.header, text.payload);
  message.event = event_type_of(message.json);
  const size_t next = size_t{text.header} + text.payload;
  if (next < bytes.size()) {
    const FrameView frame = frame_at(bytes, next);
    RINGCAST_ASSERT(frame.opcode == static_cast<uint8_t>(codec::WebSocketOpcode::binary));
    message.is_binary = true;
    message.binary = bytes.substr(next + frame.header, frame.payload);
    message.binary_frame_at = static_cast<uint32_t>(next);
  }
  return message;
}

std::string_view textual_json(const Canonical& message, std::string& scratch) {
  if (!message.is_binary) return message.json;
  scratch.assign(message.json.substr(0, message.json.size() - 1));
  scratch += ",\"data\":\"";
  codec::append_base64(scratch,
                       std::span(reinterpret_cast<const uint8_t*>(message.binary.data()), message.binary.size()));
  scratch += "\"}";
  return scratch;
}

}  // namespace ringcast::session
