// SPDX-License-Identifier: Apache-2.0
// `ringcast subscribe`.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <csignal>
#include <string>
#include <thread>
#include <vector>

#include "app/commands/arguments.h"
#include "app/commands/commands.h"
#include "base/keyed_hash.h"
#include "codec/http1/http_response_parser.h"
#include "codec/http1/url.h"
#include "codec/json/json_members.h"
#include "codec/json/json_writer.h"
#include "codec/native/names.h"
#include "codec/sse/sse_parser.h"
#include "codec/text/base64.h"
#include "codec/websocket/websocket_decoder.h"
#include "codec/websocket/websocket_handshake.h"

namespace ringcast::app {

namespace {

constexpr long kSilenceS = 90;  // longer than three heartbeats as they are by default
constexpr uint32_t kMessageMax = 64 << 20;
constexpr std::chrono::milliseconds kRetryMax{30'000};

struct SubscribeWish {
  std::vector<std::string> rooms;
  std::string user, tenant, since;
  uint64_t count = 0;  // messages; 0: no end
  bool websocket = false;
};

// What the server may end a connection with for good; else it is worth coming again (docs/protocol.md, close codes).
bool is_lasting(uint64_t code) {
  switch (code) {
    case 1001:
    case 1006:
    case 1011:
    case 1013:
    case 4008:
    case 4029: return false;
    default: return true;
  }
}

uint64_t number_of(std::string_view json) {
  uint64_t value = 0;
  std::from_chars(json.data(), json.data() + json.size(), value);
  return value;
}

std::string target_of(const SubscribeWish& wish, std::string_view path, std::string_view since) {
  std::string target(path);
  char separator = '?';
  const auto add = [&](std::string_view key, const std::vector<std::string>& values) {
    if (values.empty()) return;
    target += separator;
    target += key;
    for (size_t i = 0; i < values.size(); ++i) {
      target += i == 0 ? '=' : ',';
      codec::append_percent_encoded(target, values[i]);
    }
    separator = '&';
  };
  const auto one = [](std::string_view text) {
    return text.empty() ? std::vector<std::string>() : std::vector<std::string>{std::string(text)};
  };
  add("rooms", wish.rooms);
  add("user", one(wish.user));
  add("tenant", one(wish.tenant));
  add("since", one(since));
  return target;
}

// And none of what the server has to say for itself.
bool is_message(std::string_view type) {
  return !codec::is_reserved_event_type(type) || type == "direct";
}

// Prints events and knows when there were enough of them.
class Printer {
 public:
  Printer(uint64_t count, std::FILE* out) : count_(count), out_(out) {}

  void print(std::string_view json, bool is_message) {
    if (enough()) return;
    fmt::print(out_, "{}\n", json);
    std::fflush(out_);
    if (is_message && count_ != 0 && --count_ == 0) enough_ = true;
  }
  bool enough() const { return enough_; }

 private:
  uint64_t count_;
  bool enough_ = false;
  std::FILE* out_;
};

// --- SSE ---

class Stream {
 public:
  Stream(const Access& access, const SubscribeWish& wish, std::FILE* out, std::FILE* err)
      : transfer_(access), wish_(wish), printer_(wish.count, out), err_(err) {}

  int run() {
    for (std::chrono::milliseconds pause{0};;) {
      const uint64_t events = events_;
      if (const Exit exit = once()) return *exit;
      // A connection that brought something makes up for those that did not.
      if (events_ != events) pause = {};
      const std::chrono::milliseconds asked(parser_.retry_ms().value_or(1000));
      pause = std::min(std::max(asked, 2 * pause), kRetryMax);
      fmt::print(err_, "ringcast: {}; again in {} ms\n", ended_, pause.count());
      std::this_thread::sleep_for(pause);
    }
  }

 private:
  Exit once() {
    std::vector<std::string> headers{"Accept: text/event-stream", "Cache-Control: no-cache"};
    if (!parser_.last_event_id().empty()) {
      headers.push_back("Last-Event-ID: " + std::string(parser_.last_event_id()));
    }
    parser_.reconnect();
    closed_ = 0;
    const auto answer = transfer_.stream(target_of(wish_, "/events", wish_.since), headers, kSilenceS,
                                         [this](std::string_view part) { return take(part); });
    if (printer_.enough()) return 0;
    if (too_large_) return refuse(err_, 1, "the server has sent an event that is too large");
    if (closed_ == 1000) return 0;
    if (closed_ != 0 && is_lasting(closed_)) return 1;  // said by the server's own `problem`
    if (!answer) {
      if (events_ == 0) return refuse(err_, 1, answer.error().message);
      ended_ = answer.error().message;
      return std::nullopt;
    }
    if (answer->status == 204) return 0;  // its rooms have had their final messages
    if (answer->status != 200) return refuse(err_, 1, fmt::format("{}: {}", answer->status, answer->body));
    ended_ = "the stream has ended";
    return std::nullopt;
  }

  // False: it may end.
  bool take(std::string_view part) {
    for (;;) {
      switch (parser_.next(part)) {
        case codec::SseParser::Status::need_more: return true;
        case codec::SseParser::Status::too_large: too_large_ = true; return false;
        case codec::SseParser::Status::event: break;
      }
      const codec::SseEvent& event = parser_.event();
      ++events_;
      if (event.type == "close") closed_ = number_of(codec::json_member(event.data, "code"));
      printer_.print(event.data, is_message(event.type) || event.type == "binary");
      if (printer_.enough()) return false;
    }
  }

  Transfer transfer_;
  const SubscribeWish& wish_;
  Printer printer_;
  std::FILE* err_;
  codec::SseParser parser_{kMessageMax};
  std::string ended_;
  uint64_t events_ = 0;
  uint64_t closed_ = 0;  // with this code
  bool too_large_ = false;
};

// --- WebSocket ---

class Socket {
 public:
  Socket(const Access& access, const SubscribeWish& wish, std::FILE* out, std::FILE* err)
      : transfer_(access), wish_(wish), printer_(wish.count, out), err_(err) {}

  int run() {
    if (auto connected = transfer_.connect(); !connected) return refuse(err_, 1, connected.error().message);
    if (const Exit exit = upgrade()) return *exit;
    for (;;) {
      if (const Exit exit = take()) return *exit;
      if (const Exit exit = receive()) return *exit;
    }
  }

 private:
  Exit receive() {
    const auto received = transfer_.receive(buffer_, kSilenceS);
    if (!received) return refuse(err_, 1, received.error().message);
    if (*received == 0) return refuse(err_, 1, "the server has closed the connection");
    bytes_.assign(buffer_.begin(), buffer_.begin() + static_cast<ptrdiff_t>(*received));
    return std::nullopt;
  }

  Exit upgrade() {
    const HashKey random = HashKey::random();
    codec::WebSocketNonce nonce{};
    std::copy_n(reinterpret_cast<const uint8_t*>(&random), nonce.size(), nonce.begin());
    const auto key = codec::websocket_key(nonce);
    const std::string host = transfer_.host();
    const std::string target = transfer_.prefix() + target_of(wish_, "/ws", wish_.since);
    const std::vector<std::string> lines = transfer_.credentials();
    std::vector<codec::HttpHeader> headers;
    for (const std::string& line : lines) {
      const size_t colon = line.find(": ");
      headers.push_back({std::string_view(line).substr(0, colon), std::string_view(line).substr(colon + 2)});
    }
    std::string request;
    const std::string_view key_text(key.data(), key.size());
    codec::append_websocket_request(
        request, {.host = host, .target = target, .protocols = "ringcast.v1", .headers = headers}, key_text);
    if (auto sent = transfer_.send(request); !sent) return refuse(err_, 1, sent.error().message);

    codec::HttpResponseParser parser;
    std::string body;
    for (;;) {
      if (const Exit exit = receive()) return exit;
      std::span<const uint8_t> rest(bytes_), data;
      for (bool more = true; more;) {
        switch (parser.next(rest, data)) {
          case codec::HttpResponseEvent::need_more: more = false; break;
          case codec::HttpResponseEvent::headers_complete: break;
          case codec::HttpResponseEvent::body:
            body.append(reinterpret_cast<const char*>(data.data()), data.size());
            break;
          case codec::HttpResponseEvent::error: return refuse(err_, 1, parser.error().message);
          case codec::HttpResponseEvent::complete: {
            codec::WebSocketAnswer answer;
            codec::HttpError error;
            if (check_websocket_response(parser.response(), key_text, false, answer, error)) {
              bytes_.erase(bytes_.begin(), bytes_.end() - static_cast<ptrdiff_t>(rest.size()));
              return std::nullopt;
            }
            if (parser.response().status == 101) return refuse(err_, 1, error.message);
            return refuse(err_, 1, fmt::format("{}: {}", parser.response().status, body));
          }
        }
      }
    }
  }

  Exit take() {
    for (std::span<uint8_t> rest(bytes_);;) {
      const codec::WebSocketEvent event = decoder_.next(rest);
      const std::string_view payload(reinterpret_cast<const char*>(event.payload.data()), event.payload.size());
      switch (event.kind) {
        case codec::WebSocketEventKind::need_more: return std::nullopt;
        case codec::WebSocketEventKind::text: {
          std::string type;
          codec::append_unquoted(type, codec::json_member(payload, "event_type"));
          printer_.print(payload, is_message(type));  // "binary" only announces one
          break;
        }
        case codec::WebSocketEventKind::binary: print_binary(event.payload); break;
        case codec::WebSocketEventKind::ping: answer({codec::WebSocketOpcode::pong}, payload); break;
        case codec::WebSocketEventKind::pong: break;
        case codec::WebSocketEventKind::close:
          if (event.code == 1000) return 0;
          return refuse(err_, 1, fmt::format("closed with {} {}", event.code, payload));
        case codec::WebSocketEventKind::error: return refuse(err_, 1, std::string(event.text));
      }
      if (printer_.enough()) {
        std::string close;
        const codec::MaskKey mask{};
        codec::append_close_frame(close, 1000, {}, &mask);
        (void)transfer_.send(close);
        return 0;
      }
    }
  }

  // RFC 6455 section 5.3 wants the mask for proxies' sake; a pong holds nothing that somebody else has chosen.
  void answer(codec::FrameHead head, std::string_view payload) {
    std::string frame;
    codec::append_masked_frame(frame, head, payload, codec::MaskKey{});
    (void)transfer_.send(frame);  // a broken connection shows when it is read
  }

  void print_binary(std::span<const uint8_t> payload) {
    std::string line = R"({"event_type":"binary_data","data":")";
    codec::append_base64(line, payload);
    printer_.print(line + "\"}", true);
  }

  Transfer transfer_;
  const SubscribeWish& wish_;
  Printer printer_;
  std::FILE* err_;
  std::array<uint8_t, 16384> buffer_{};
  std::vector<uint8_t> bytes_;
  codec::WebSocketDecoder decoder_{{.role = codec::WebSocketRole::client, .message_max = kMessageMax}};
};

}  // namespace

int run_subscribe(int argc, const char* const* argv, std::FILE* out, std::FILE* err) {
  SubscribeWish wish;
  Arguments arguments("subscribe", "Prints events as they come, the JSON of each on a line.");
  CLI::App& app = arguments.app();
  app.add_option("-r,--room", wish.rooms, "hear this room, @me or *; may be repeated")->allow_extra_args(false);
  app.add_option("-u,--user", wish.user, "as this user; with a token it is always the token's");
  app.add_option("--tenant", wish.tenant, "in this tenant; with a token it is always the token's");
  app.add_option("-s,--since", wish.since, "go on after this position: an id, or room=id,room=id");
  app.add_option("-n,--count", wish.count, "end after so many messages [never]");
  app.add_flag("-w,--websocket", wish.websocket,
               "over a WebSocket instead of Server-Sent Events; ends when the connection does");
  if (const Exit exit = arguments.parse(argc, argv, out, err)) return *exit;

  std::signal(SIGPIPE, SIG_IGN);  // a server that goes away is an error of the transfer
  return wish.websocket ? Socket(arguments.access, wish, out, err).run()
                        : Stream(arguments.access, wish, out, err).run();
}

}  // namespace ringcast::app
