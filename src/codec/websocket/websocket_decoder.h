// SPDX-License-Identifier: Apache-2.0
// Incremental WebSocket decoder (RFC 6455, permessage-deflate of RFC 7692): bytes in, messages and control frames out.
// Part of a connection: 24 bytes, plus a Partial that exists only while a frame or a fragmented message is incomplete.
// The owner's thread only; compressed messages are inflated in memory that all decoders of a thread share.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "codec/text/utf8.h"
#include "codec/websocket/websocket_frame.h"

namespace ringcast::codec {

// Which end this decoder serves. A server takes masked frames only, a client unmasked ones only.
enum class WebSocketRole : uint8_t { server, client };

enum class WebSocketEventKind : uint8_t {
  need_more,  // the input is used up
  text,       // a whole message, valid UTF-8
  binary,     // a whole message
  ping,       // to be answered with a pong of the same payload
  pong,
  close,  // `code` (1005 when the frame has none) and the reason as payload; whatever follows is ignored
  error,  // the connection must be failed with close code `code`; `text` says why. Whatever follows is ignored
};

struct WebSocketEvent {
  WebSocketEventKind kind = WebSocketEventKind::need_more;
  bool compressed = false;  // the message came compressed
  uint16_t code = 0;
  std::span<uint8_t> payload;  // may be written to; valid until the next next() on this thread
  std::string_view text;       // of an error; static storage
};

class WebSocketDecoder {
 public:
  struct Options {
    WebSocketRole role = WebSocketRole::server;
    bool deflate = false;              // permessage-deflate was negotiated
    uint32_t message_max = 64 * 1024;  // bytes of a message, fragments together (1009 beyond)
    uint32_t inflated_max = 0;         // of a decompressed one; 0: message_max
  };

  explicit WebSocketDecoder(const Options& options);
  WebSocketDecoder(WebSocketDecoder&&) noexcept;
  WebSocketDecoder& operator=(WebSocketDecoder&&) noexcept;
  ~WebSocketDecoder();

  // Takes bytes off the front of `input`, which is unmasked in place. A payload is a view into the input where the
  // whole unfragmented frame lies in it, else into memory of the decoder, which is freed by the call that follows the
  // message's last event; so call until need_more.
  WebSocketEvent next(std::span<uint8_t>& input);

  // Bytes held for an incomplete message, for accounting. 0 when idle.
  size_t memory() const;
  // Neither a frame nor a fragmented message is incomplete: the next byte begins a message or a control frame.
  bool between_messages() const;
  bool failed() const { return state_ == State::failed; }
  bool closed() const { return state_ == State::closed; }
  void set_message_max(uint32_t bytes) { message_max_ = bytes; }

 private:
  struct Partial;
  struct Header;
  enum class State : uint8_t { open, closed, failed };

  enum class HeaderStatus : uint8_t { complete, cut, bad };

  // A fault is reported as soon as its first offending byte is there, so that it does not matter how the bytes are cut.
  HeaderStatus read_header(std::span<const uint8_t> bytes, Header& header, WebSocketEvent& fault);
  HeaderStatus complete_cut_header(std::span<uint8_t>& input, Header& header, WebSocketEvent& fault);
  WebSocketEvent begin_payload(const Header& header, std::span<uint8_t>& input);
  WebSocketEvent take_payload(std::span<uint8_t>& input);
  WebSocketEvent take_control(WebSocketOpcode opcode, std::span<uint8_t> payload);
  // `checked`: the validator that has seen all of a text already; null when nobody has looked at it.
  WebSocketEvent finish_message(WebSocketOpcode opcode, bool compressed, std::span<uint8_t> payload,
                                const Utf8Validator* checked);
  WebSocketEvent fail(uint16_t code, std::string_view text);
  Partial& partial();
  void drop_handed_out();

  std::unique_ptr<Partial> partial_;
  uint32_t message_max_;
  uint32_t inflated_max_;
  WebSocketRole role_;
  bool deflate_;
  State state_ = State::open;
};
static_assert(sizeof(WebSocketDecoder) <= 32);

}  // namespace ringcast::codec
