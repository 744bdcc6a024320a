// SPDX-License-Identifier: Apache-2.0
#include "codec/websocket/websocket_decoder.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/assert.h"
#include "codec/text/utf8.h"
#include "codec/websocket/deflate.h"

namespace ringcast::codec {
namespace {

constexpr uint16_t kProtocolError = 1002;
constexpr uint16_t kInvalidPayload = 1007;
constexpr uint16_t kTooBig = 1009;

// What a compressed message may take on the wire: deflate makes incompressible bytes a little longer, by less than
// this.
constexpr uint64_t compressed_max(uint64_t message_max) {
  return message_max + message_max / 8 + 64;
}

}  // namespace

struct WebSocketDecoder::Header {
  WebSocketOpcode opcode = WebSocketOpcode::text;
  bool fin = false;
  bool compressed = false;  // RSV1
  bool masked = false;
  size_t size = 0;  // of the header itself
  uint64_t payload_size = 0;
  MaskKey key{};
};

// What there is to remember between two calls; nothing of it exists while a connection is idle between messages.
struct WebSocketDecoder::Partial {
  // The frame being read.
  std::array<uint8_t, kFrameHeaderMax> header_bytes;
  uint8_t header_size = 0;
  bool in_payload = false;
  Header frame;
  uint64_t payload_taken = 0;
  std::array<uint8_t, kControlPayloadMax> control;  // a control frame may come between the fragments of a message

  // The message being put together.
  bool in_message = false;
  bool message_done = false;  // handed out; to be freed by the next call
  bool message_compressed = false;
  WebSocketOpcode message_opcode = WebSocketOpcode::text;
  Utf8Validator utf8;
  std::vector<uint8_t> message;  // grows with what arrives, never by what a header announces

  bool idle() const { return header_size == 0 && !in_payload && !in_message; }
};

WebSocketDecoder::WebSocketDecoder(const Options& options)
    : message_max_(options.message_max),
      inflated_max_(options.inflated_max),
      role_(options.role),
      deflate_(options.deflate) {}
WebSocketDecoder::WebSocketDecoder(WebSocketDecoder&&) noexcept = default;
WebSocketDecoder& WebSocketDecoder::operator=(WebSocketDecoder&&) noexcept = default;
WebSocketDecoder::~WebSocketDecoder() = default;

size_t WebSocketDecoder::memory() const {
  return partial_ == nullptr ? 0 : sizeof(Partial) + partial_->message.capacity();
}

bool WebSocketDecoder::between_messages() const {
  return state_ == State::open && (partial_ == nullptr || partial_->idle());
}

WebSocketDecoder::Partial& WebSocketDecoder::partial() {
  if (partial_ == nullptr) partial_ = std::make_unique<Partial>();
  return *partial_;
}

void WebSocketDecoder::drop_handed_out() {
  if (partial_ == nullptr) return;
  if (partial_->message_done) {
    partial_->message_done = false;
    std::vector<uint8_t>().swap(partial_->message);
  }
  if (partial_->idle()) partial_.reset();
}

WebSocketEvent WebSocketDecoder::next(std::span<uint8_t>& input) {
  drop_handed_out();
  while (state_ == State::open && !input.empty()) {
    WebSocketEvent event;
    if (partial_ != nullptr && partial_->in_payload) {
      event = take_payload(input);
    } else {
      Header header;
      HeaderStatus status;
      if (partial_ != nullptr && partial_->header_size > 0) {
        status = complete_cut_header(input, header, event);
      } else {
        status = read_header(input, header, event);
        if (status == HeaderStatus::cut) {
          Partial& kept = partial();
          std::memcpy(kept.header_bytes.data(), input.data(), input.size());
          kept.header_size = static_cast<uint8_t>(input.size());
          input = {};
        } else if (status == HeaderStatus::complete) {
          input = input.subspan(header.size);
        }
      }
      if (status == HeaderStatus::cut) break;
      if (status == HeaderStatus::complete) event = begin_payload(header, input);
    }
    if (event.kind != WebSocketEventKind::need_more) return event;
  }
  if (state_ != State::open) input = {};
  return {};
}

WebSocketDecoder::HeaderStatus WebSocketDecoder::complete_cut_header(std::span<uint8_t>& input, Header& header,
                                                                     WebSocketEvent& fault) {
  Partial& kept = *partial_;
  HeaderStatus status = HeaderStatus::cut;
  while (status == HeaderStatus::cut && !input.empty()) {
    kept.header_bytes[kept.header_size++] = input.front();
    input = input.subspan(1);
    status = read_header({kept.header_bytes.data(), kept.header_size}, header, fault);
  }
  if (status == HeaderStatus::complete) kept.header_size = 0;
  return status;
}

WebSocketDecoder::HeaderStatus WebSocketDecoder::read_header(std::span<const uint8_t> bytes, Header& header,
                                                             WebSocketEvent& fault) {
  const auto refuse = [&](uint16_t code, std::string_view text) {
    fault = fail(code, text);
    return HeaderStatus::bad;
  };
  const bool in_message = partial_ != nullptr && partial_->in_message;
  const uint8_t first = bytes[0];
  header.fin = (first & 0x80) != 0;
  header.compressed = (first & 0x40) != 0;
  const uint8_t opcode = first & 0x0F;
  if ((first & 0x30) != 0) return refuse(kProtocolError, "a reserved bit (RSV2 or RSV3) is set");
  if ((opcode > 2 && opcode < 8) || opcode > 10) return refuse(kProtocolError, "a reserved opcode");
  header.opcode = static_cast<WebSocketOpcode>(opcode);
  if (is_control(header.opcode)) {
    if (!header.fin) return refuse(kProtocolError, "a control frame is fragmented");
    if (header.compressed) return refuse(kProtocolError, "a control frame has RSV1 set");
  } else if (header.opcode == WebSocketOpcode::continuation) {
    if (!in_message) return refuse(kProtocolError, "a continuation frame without a message begun");
    if (header.compressed) return refuse(kProtocolError, "RSV1 is set on a continuation frame");
  } else {
    if (in_message) return refuse(kProtocolError, "a new message within a fragmented one");
    if (header.compressed && !deflate_) return refuse(kProtocolError, "RSV1 is set, but no extension was negotiated");
  }

  if (bytes.size() < 2) return HeaderStatus::cut;
  const uint8_t second = bytes[1];
  header.masked = (second & 0x80) != 0;
  if (header.masked != (role_ == WebSocketRole::server)) {
    return refuse(kProtocolError,
                  header.masked ? "a frame from a server is masked" : "a frame from a client is not masked");
  }
  const uint8_t short_length = second & 0x7F;
  if (is_control(header.opcode) && short_length > kControlPayloadMax) {
    return refuse(kProtocolError, "a control frame is longer than 125 bytes");
  }
  const size_t length_bytes = short_length < 126 ? 0 : short_length == 126 ? 2 : 8;
  if (bytes.size() < 2 + length_bytes) return HeaderStatus::cut;
  header.payload_size = short_length;
  if (length_bytes > 0) {
    header.payload_size = 0;
    for (size_t i = 0; i < length_bytes; ++i) header.payload_size = header.payload_size << 8 | bytes[2 + i];
    if ((header.payload_size >> 63) != 0) return refuse(kProtocolError, "the highest bit of a 64-bit length is set");
    if (header.payload_size < (length_bytes == 2 ? 126u : 0x10000u)) {
      return refuse(kProtocolError, "a length is not in its shortest form");
    }
  }
  if (!is_control(header.opcode)) {
    const bool compressed = in_message ? partial_->message_compressed : header.compressed;
    const uint64_t limit = compressed ? compressed_max(message_max_) : message_max_;
    const uint64_t before = in_message ? partial_->message.size() : 0;
    if (before > limit || header.payload_size > limit - before) return refuse(kTooBig, "the message is too big");
  }

  header.size = 2 + length_bytes + (header.masked ? 4 : 0);
  if (bytes.size() < header.size) return HeaderStatus::cut;
  if (header.masked) std::memcpy(header.key.data(), bytes.data() + 2 + length_bytes, header.key.size());
  return HeaderStatus::complete;
}

// `input` begins with the payload. Takes what is there of it: in place when the frame is whole and stands alone.
WebSocketEvent WebSocketDecoder::begin_payload(const Header& header, std::span<uint8_t>& input) {
  const bool whole = header.payload_size <= input.size();
  const bool stands_alone = is_control(header.opcode) || (header.fin && header.opcode != WebSocketOpcode::continuation);
  if (whole && stands_alone) {
    const std::span<uint8_t> payload = input.first(static_cast<size_t>(header.payload_size));
    input = input.subspan(payload.size());
    if (header.masked) unmask(payload, header.key);
    if (is_control(header.opcode)) return take_control(header.opcode, payload);
    return finish_message(header.opcode, header.compressed, payload, nullptr);
  }
  Partial& part = partial();
  part.frame = header;
  part.payload_taken = 0;
  part.in_payload = true;
  if (!is_control(header.opcode) && header.opcode != WebSocketOpcode::continuation) {
    part.in_message = true;
    part.message_opcode = header.opcode;
    part.message_compressed = header.compressed;
    part.utf8.reset();
  }
  return take_payload(input);
}

WebSocketEvent WebSocketDecoder::take_payload(std::span<uint8_t>& input) {
  Partial& part = *partial_;
  const Header& frame = part.frame;
  const std::span<uint8_t> bytes =
      input.first(static_cast<size_t>(std::min<uint64_t>(frame.payload_size - part.payload_taken, input.size())));
  input = input.subspan(bytes.size());
  if (frame.masked) unmask(bytes, frame.key, static_cast<size_t>(part.payload_taken % 4));
  const bool control = is_control(frame.opcode);
  if (control) {
    if (!bytes.empty()) std::memcpy(part.control.data() + part.payload_taken, bytes.data(), bytes.size());
  } else {
    if (part.message_opcode == WebSocketOpcode::text && !part.message_compressed && !part.utf8.feed(bytes)) {
      return fail(kInvalidPayload, "a text message is not valid UTF-8");
    }
    part.message.insert(part.message.end(), bytes.begin(), bytes.end());
  }
  part.payload_taken += bytes.size();
  if (part.payload_taken < frame.payload_size) return {};
  part.in_payload = false;
  if (control) {
    const std::span<uint8_t> payload(part.control.data(), static_cast<size_t>(frame.payload_size));
    return take_control(frame.opcode, payload);
  }
  if (!frame.fin) return {};
  part.in_message = false;
  part.message_done = true;
  return finish_message(part.message_opcode, part.message_compressed, part.message, &part.utf8);
}

WebSocketEvent WebSocketDecoder::take_control(WebSocketOpcode opcode, std::span<uint8_t> payload) {
  if (opcode == WebSocketOpcode::ping) return {.kind = WebSocketEventKind::ping, .payload = payload};
  if (opcode == WebSocketOpcode::pong) return {.kind = WebSocketEventKind::pong, .payload = payload};
  WebSocketEvent event{.kind = WebSocketEventKind::close, .code = kCloseNoStatus};
  if (payload.size() == 1) return fail(kProtocolError, "a close frame with half a code");
  if (payload.size() >= 2) {
    event.code = static_cast<uint16_t>(payload[0] << 8 | payload[1]);
    event.payload = payload.subspan(2);
    if (!is_valid_close_code(event.code)) return fail(kProtocolError, "a close code that may not be sent");
    if (!is_utf8(event.payload)) return fail(kInvalidPayload, "a close reason is not valid UTF-8");
  }
  state_ = State::closed;
  return event;
}

WebSocketEvent WebSocketDecoder::finish_message(WebSocketOpcode opcode, bool compressed, std::span<uint8_t> payload,
                                                const Utf8Validator* checked) {
  const bool text = opcode == WebSocketOpcode::text;
  if (compressed) {
    const size_t inflated_max = inflated_max_ != 0 ? inflated_max_ : message_max_;
    switch (inflate_message(payload, inflated_max, payload)) {
      case InflateStatus::ok: break;
      case InflateStatus::too_big: return fail(kTooBig, "the decompressed message is too big");
      case InflateStatus::corrupt: return fail(kInvalidPayload, "a compressed message cannot be decompressed");
    }
    checked = nullptr;
  }
  if (text && !(checked != nullptr ? checked->complete() : is_utf8(payload))) {
    return fail(kInvalidPayload, "a text message is not valid UTF-8");
  }
  return {.kind = text ? WebSocketEventKind::text : WebSocketEventKind::binary,
          .compressed = compressed,
          .payload = payload};
}

WebSocketEvent WebSocketDecoder::fail(uint16_t code, std::string_view text) {
  state_ = State::failed;
  partial_.reset();
  return {.kind = WebSocketEventKind::error, .code = code, .text = text};
}

}  // namespace ringcast::codec
