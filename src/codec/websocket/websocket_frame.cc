// SPDX-License-Identifier: Apache-2.0
#include "codec/websocket/websocket_frame.h"

#include <cstring>

#include "base/assert.h"

namespace ringcast::codec {
namespace {

constexpr uint8_t kFin = 0x80;
constexpr uint8_t kRsv1 = 0x40;
constexpr uint8_t kMasked = 0x80;

void append_payload(std::string& out, FrameHead head, std::string_view payload, const MaskKey* mask) {
  uint8_t header[kFrameHeaderMax];
  const size_t header_size = write_frame_header(header, head, payload.size(), mask);
  out.append(reinterpret_cast<const char*>(header), header_size);
  const size_t start = out.size();
  out.append(payload);
  if (mask != nullptr) unmask({reinterpret_cast<uint8_t*>(out.data()) + start, payload.size()}, *mask);
}

}  // namespace

size_t write_frame_header(uint8_t* out, FrameHead head, uint64_t payload_size, const MaskKey* mask) {
  RINGCAST_ASSERT(!is_control(head.opcode) || (head.fin && !head.compressed && payload_size <= kControlPayloadMax));
  out[0] =
      static_cast<uint8_t>((head.fin ? kFin : 0) | (head.compressed ? kRsv1 : 0) | static_cast<uint8_t>(head.opcode));
  const uint8_t mask_bit = mask != nullptr ? kMasked : 0;
  size_t at = 2;
  if (payload_size < 126) {
    out[1] = static_cast<uint8_t>(mask_bit | payload_size);
  } else {
    const int length_bytes = payload_size <= 0xFFFF ? 2 : 8;
    out[1] = static_cast<uint8_t>(mask_bit | (length_bytes == 2 ? 126 : 127));
    for (int shift = 8 * (length_bytes - 1); shift >= 0; shift -= 8) {
      out[at++] = static_cast<uint8_t>(payload_size >> shift);
    }
  }
  if (mask != nullptr) {
    std::memcpy(out + at, mask->data(), mask->size());
    at += mask->size();
  }
  return at;
}

void append_frame(std::string& out, FrameHead head, std::string_view payload) {
  append_payload(out, head, payload, nullptr);
}

void append_masked_frame(std::string& out, FrameHead head, std::string_view payload, MaskKey key) {
  append_payload(out, head, payload, &key);
}

void append_close_frame(std::string& out, uint16_t code, std::string_view reason, const MaskKey* mask) {
  char payload[kControlPayloadMax];
  size_t size = 0;
  if (code != kCloseNoStatus) {
    RINGCAST_ASSERT(is_valid_close_code(code));
    if (reason.size() > kCloseReasonMax) {
      size_t cut = kCloseReasonMax;
      while (cut > 0 && (static_cast<unsigned char>(reason[cut]) & 0xC0) == 0x80) --cut;
      reason = reason.substr(0, cut);
    }
    payload[0] = static_cast<char>(code >> 8);
    payload[1] = static_cast<char>(code & 0xFF);
    if (!reason.empty()) std::memcpy(payload + 2, reason.data(), reason.size());
    size = 2 + reason.size();
  }
  append_payload(out, {.opcode = WebSocketOpcode::close}, {payload, size}, mask);
}

bool is_valid_close_code(uint16_t code) {
  if (code >= 3000) return code <= 4999;
  return code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006;
}

}  // namespace ringcast::codec
