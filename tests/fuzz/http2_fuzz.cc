// SPDX-License-Identifier: Apache-2.0
// The bytes are what a client of HTTP/2 sends behind its preface. What comes out must be requests that the parser for
// HTTP/1.x can look at, in one piece; what is kept stays within its bound; once there is a fault nothing more comes.
#include <map>
#include <string>
#include <string_view>

#include "codec/http1/http_request_parser.h"
#include "codec/http2/http2_session.h"
#include "cuts.h"

namespace {

using namespace ringcast::codec;
using ringcast::fuzz::require;

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr Http2Limits kLimits{.streams_max = 8, .headers_max = 2048, .memory_max = 256 << 10};

class Server final : public Http2Listener {
 public:
  uint32_t on_request(uint32_t stream, std::string_view head) override {
    require(session.fault() == Http2Fault::none);
    require(head.ends_with("\r\n\r\n") && head.find("\r\n\r\n") == head.size() - 4);
    HttpRequestParser parser(HttpLimits{});
    const HttpParseResult result = parser.feed({reinterpret_cast<const uint8_t*>(head.data()), head.size()});
    require(result.status == HttpParseStatus::error || result.consumed == head.size());
    if (stream % 7 == 3) return kRefused;
    const uint32_t tag = next_++;
    open[tag] = {stream, 3000 * (tag % 3), tag % 4 == 1};
    require(session.respond(stream, "HTTP/1.1 200 OK\r\nConnection: close\r\nX-Tag: 1\r\n\r\n", tag % 3 == 0));
    if (tag % 3 == 0) close(tag);
    return tag;
  }
  void on_body(uint32_t tag, std::span<const uint8_t>, uint32_t counted) override {
    const auto at = open.find(tag);
    if (at != open.end()) session.consumed(at->second.stream, counted);
  }
  void on_end(uint32_t tag) override {
    const auto at = open.find(tag);
    if (at == open.end()) return;
    require(!at->second.complete);
    at->second.complete = true;
  }
  void on_stream_closed(uint32_t tag) override { open.erase(tag); }
  Http2Available available(uint32_t tag) override {
    const auto at = open.find(tag);
    if (at == open.end()) return {};
    return {at->second.left, true, at->second.trailed ? "X-End: 1\r\n" : ""};
  }
  bool write_data(std::string_view header, uint32_t tag, uint32_t bytes, bool last) override {
    require(header.size() == 9);
    const auto at = open.find(tag);
    require(at != open.end() && bytes <= at->second.left);
    require(last == (bytes == at->second.left && !at->second.trailed));
    at->second.left -= bytes;
    return true;
  }
  void on_trailers_sent(uint32_t tag) override {
    const auto at = open.find(tag);
    require(at != open.end() && at->second.trailed && at->second.left == 0);
  }
  bool write_frame(std::string_view bytes) override {
    require(!bytes.empty());
    return true;
  }
  void close(uint32_t tag) {
    const auto at = open.find(tag);
    if (at == open.end()) return;
    session.forget(at->second.stream, false);
    open.erase(at);
  }

  struct Stream {
    uint32_t stream;
    uint64_t left;
    bool trailed;
    bool complete = false;
  };
  std::map<uint32_t, Stream> open;
  Http2Session session{kLimits, *this, 0};

 private:
  uint32_t next_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::span<const uint8_t> input(data, size), cuts;
  if (!ringcast::fuzz::take_cuts(input, cuts)) return 0;
  Server server;
  server.session.feed({reinterpret_cast<const uint8_t*>(kPreface.data()), kPreface.size()}, 0);
  int64_t now = 0;
  for (const auto& piece : ringcast::fuzz::cut(input, cuts)) {
    server.session.feed(piece, ++now);
    require(server.session.memory() <= kLimits.memory_max);
    if (now % 5 == 0) server.session.serve_starved();
    server.session.write();
    if (now % 11 == 0 && !server.open.empty()) server.close(server.open.begin()->first);
    if (server.session.finished()) break;
  }
  return 0;
}
