// SPDX-License-Identifier: Apache-2.0
#include "echo_client.h"

#include "codec/websocket/websocket_frame.h"
#include "codec/websocket/websocket_handshake.h"

namespace ringcast::simulation {

namespace {

constexpr codec::MaskKey kEchoMask{0x11, 0x22, 0x44, 0x88};
constexpr std::string_view kEchoNonce = "AAECAwQFBgcICQoLDA0ODw==";

}  // namespace

void EchoClient::on_connected() {
  response_ = std::make_unique<codec::HttpResponseParser>();
  decoder_.reset();
  awaited_.clear();
  closing_ = drained_ = false;
  note("connects to /echo");
  std::string request;
  codec::append_websocket_request(request, {.host = "sim", .target = "/echo"}, kEchoNonce);
  send(request);
}

void EchoClient::on_bytes(std::span<uint8_t> bytes) {
  if (decoder_) return frames(bytes);
  std::span<const uint8_t> input = bytes;
  std::span<const uint8_t> data;
  for (;;) {
    const auto event = response_->next(input, data);
    if (event == codec::HttpResponseEvent::need_more) return;
    if (event == codec::HttpResponseEvent::error) violated("http", response_->error().message);
    if (event != codec::HttpResponseEvent::headers_complete) continue;
    if (response_->response().status != 101) {
      if (!world_.draining()) violated("handshake", std::to_string(response_->response().status));
      return cut(false);
    }
    decoder_.emplace(codec::WebSocketDecoder::Options{.role = codec::WebSocketRole::client, .message_max = 1 << 20});
    return frames(bytes.subspan(bytes.size() - input.size()));
  }
}

void EchoClient::frames(std::span<uint8_t> bytes) {
  for (;;) {
    const codec::WebSocketEvent event = decoder_->next(bytes);
    switch (event.kind) {
      case codec::WebSocketEventKind::need_more: return;
      case codec::WebSocketEventKind::text:
      case codec::WebSocketEventKind::binary: {
        const bool binary = event.kind == codec::WebSocketEventKind::binary;
        const std::string payload(event.payload.begin(), event.payload.end());
        if (awaited_.empty()) violated("echo", name_ + " gets what it has not sent");
        if (awaited_.front() != std::pair(binary, payload)) {
          violated("echo", name_ + " gets " + std::to_string(payload.size()) + " bytes instead of the " +
                               std::to_string(awaited_.front().second.size()) + " it sent");
        }
        awaited_.pop_front();
        break;
      }
      case codec::WebSocketEventKind::ping: {
        std::string pong;
        codec::append_masked_frame(pong, {.opcode = codec::WebSocketOpcode::pong}, {}, kEchoMask);
        send(pong);
        break;
      }
      case codec::WebSocketEventKind::pong: break;
      case codec::WebSocketEventKind::close:
        note("is closed with " + std::to_string(event.code));
        // The answer to its own close comes behind all that it sent before.
        if (event.code == 1000 && !awaited_.empty()) {
          violated("echo", std::to_string(awaited_.size()) + " messages are missing before the close");
        }
        if (event.code != 1000) {
          drained_ = true;
          if (!closing_) say_goodbye();
        }
        return;
      case codec::WebSocketEventKind::error: violated("frames", std::string(event.text));
    }
  }
}

void EchoClient::on_end() {
  decoder_.reset();
  awaited_.clear();
}

void EchoClient::say() {
  static constexpr uint32_t kSizes[] = {0, 1, 12, 125, 126, 300, 1000, 5000, 20000};
  const bool binary = random().percent(30);
  const auto size = static_cast<size_t>(kSizes[random().below(std::size(kSizes))]);
  // 0x7f is the length of a frame of 64 bits, 0x7e of 16, 0 that of an empty one.
  static constexpr char kFills[] = {0x7f, 0x7e, 0, 'H', 'a'};
  std::string payload(size, kFills[random().below(std::size(kFills))]);
  note("says " + std::to_string(size));
  awaited_.emplace_back(binary, payload);
  const codec::FrameHead head{.opcode = binary ? codec::WebSocketOpcode::binary : codec::WebSocketOpcode::text};
  std::string bytes;
  codec::append_masked_frame(bytes, head, payload, kEchoMask);
  send(bytes);
}

void EchoClient::say_goodbye() {
  if (!decoder_ || closing_) return cut(false);
  note("says goodbye");
  closing_ = true;
  std::string bytes;
  codec::append_close_frame(bytes, 1000, {}, &kEchoMask);
  // What follows a close is discarded.
  if (random().percent(50)) codec::append_masked_frame(bytes, {.opcode = codec::WebSocketOpcode::ping}, {}, kEchoMask);
  send(bytes);
  reading_ = true;
}

void EchoClient::do_something() {
  if (!decoder_) {
    if (random().percent(3)) cut(random().percent(50));
    return;
  }
  if (closing_) return;
  const uint64_t choice = random().below(100);
  if (choice < 80) {
    for (uint64_t i = random().between(1, 4); i > 0; --i) say();
  } else if (choice < 85) {
    set_reading(false);
  } else if (choice < 92) {
    set_reading(true);
  } else if (choice < 98) {
    if (random().percent(50)) say();
    say_goodbye();
  } else {
    cut(random().percent(50));
  }
}

void EchoClient::check_at_rest() const {
  if (pipe_ == nullptr || drained_ || closing_) return;
  if (!decoder_) violated("stuck", name_ + " is not let in");
  if (!awaited_.empty()) violated("echo", name_ + " waits for " + std::to_string(awaited_.size()) + " messages");
}

}  // namespace ringcast::simulation
