// SPDX-License-Identifier: Apache-2.0
// Frames against wslay: its frame reader and a plain model of RFC 6455 section 5.4 above it must find the same messages
// and control frames as our decoder, and a fault where ours finds one. The byte after the cuts chooses the role.
#include <wslay/wslay.h>

#include <cstring>
#include <string>

#include "codec/text/utf8.h"
#include "codec/websocket/websocket_decoder.h"
#include "cuts.h"

namespace {

using namespace ringcast::codec;
using namespace ringcast::fuzz;

constexpr uint64_t kMessageMax = 2000;

using Events = std::vector<std::string>;

struct Model {
  bool server = true;
  Events events;
  bool ended = false;
  bool in_message = false;
  bool text = false;
  std::string message;
  Utf8Validator utf8;

  void fault() {
    events.emplace_back("fault");
    ended = true;
  }

  void control(uint8_t opcode, const std::string& payload) {
    if (opcode != 8) {
      events.push_back((opcode == 9 ? "ping " : "pong ") + payload);
      return;
    }
    int code = 1005;
    if (payload.size() == 1) return fault();
    if (payload.size() >= 2) {
      code = static_cast<uint8_t>(payload[0]) * 256 + static_cast<uint8_t>(payload[1]);
      const bool defined = (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014);
      if ((!defined && (code < 3000 || code > 4999)) || !is_utf8(std::string_view(payload).substr(2))) return fault();
    }
    events.push_back("close " + std::to_string(code) + " " + (payload.size() > 2 ? payload.substr(2) : ""));
    ended = true;
  }

  void frame(uint8_t fin, uint8_t rsv, uint8_t opcode, bool masked, const std::string& payload) {
    if (rsv != 0 || masked != server) return fault();
    if (opcode == 8 || opcode == 9 || opcode == 10) {
      if (fin == 0 || payload.size() > 125) return fault();
      return control(opcode, payload);
    }
    if (opcode > 2 || (opcode == 0) != in_message) return fault();
    if (opcode != 0) {
      in_message = true;
      text = opcode == 1;
      message.clear();
      utf8.reset();
    }
    message += payload;
    const std::span<const uint8_t> bytes(reinterpret_cast<const uint8_t*>(payload.data()), payload.size());
    if (message.size() > kMessageMax || (text && !utf8.feed(bytes))) return fault();
    if (fin == 0) return;
    in_message = false;
    if (text && !is_utf8(message)) return fault();
    events.push_back((text ? "text " : "binary ") + message);
  }
};

struct Source {
  std::span<const uint8_t> left;
};

ssize_t receive(uint8_t* out, size_t size, int, void* user_data) {
  auto& source = *static_cast<Source*>(user_data);
  if (source.left.empty()) return -1;
  const size_t taken = std::min(size, source.left.size());
  std::memcpy(out, source.left.data(), taken);
  source.left = source.left.subspan(taken);
  return static_cast<ssize_t>(taken);
}

// `cut_off`: the input ends within a frame.
Events model_events(std::span<const uint8_t> input, bool server, bool& cut_off) {
  wslay_frame_callbacks callbacks{};
  callbacks.recv_callback = receive;
  Source source{input};
  wslay_frame_context_ptr context = nullptr;
  require(wslay_frame_context_init(&context, &callbacks, &source) == 0);
  Model model;
  model.server = server;
  cut_off = false;
  while (!model.ended && !cut_off) {
    std::string payload;
    wslay_frame_iocb frame{};
    do {
      const ssize_t result = wslay_frame_recv(context, &frame);
      if (result < 0) {
        if (result == WSLAY_ERR_PROTO) {
          model.fault();
        } else {
          cut_off = true;
        }
        break;
      }
      payload.append(reinterpret_cast<const char*>(frame.data), frame.data_length);
    } while (payload.size() < frame.payload_length && payload.size() <= kMessageMax);
    if (!model.ended && !cut_off) model.frame(frame.fin, frame.rsv, frame.opcode, frame.mask != 0, payload);
  }
  wslay_frame_context_free(context);
  return model.events;
}

Events decoder_events(std::vector<std::vector<uint8_t>> pieces, bool server) {
  WebSocketDecoder decoder(
      {.role = server ? WebSocketRole::server : WebSocketRole::client, .message_max = kMessageMax});
  Events events;
  for (std::vector<uint8_t>& piece : pieces) {
    std::span<uint8_t> input = piece;
    while (true) {
      const WebSocketEvent event = decoder.next(input);
      const std::string payload(text_of(event.payload));
      if (event.kind == WebSocketEventKind::need_more) break;
      switch (event.kind) {
        case WebSocketEventKind::text: events.push_back("text " + payload); break;
        case WebSocketEventKind::binary: events.push_back("binary " + payload); break;
        case WebSocketEventKind::ping: events.push_back("ping " + payload); break;
        case WebSocketEventKind::pong: events.push_back("pong " + payload); break;
        case WebSocketEventKind::close: events.push_back("close " + std::to_string(event.code) + " " + payload); break;
        case WebSocketEventKind::error: events.emplace_back("fault"); break;
        case WebSocketEventKind::need_more: break;
      }
    }
  }
  return events;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::span<const uint8_t> input(data, size);
  std::span<const uint8_t> cuts;
  if (!take_cuts(input, cuts) || input.empty()) return 0;
  const bool server = (input.front() & 1) == 0;
  input = input.subspan(1);
  bool cut_off = false;
  Events expected = model_events(input, server, cut_off);
  Events seen = decoder_events(cut(input, cuts), server);
  // Ours faults within a frame already, the model when it has all of it.
  if (cut_off && seen.size() == expected.size() + 1 && seen.back() == "fault") seen.pop_back();
  require(seen == expected);
  return 0;
}
