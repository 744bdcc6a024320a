// SPDX-License-Identifier: Apache-2.0
// A session against nghttp2's own client: answers through windows that grow in steps, streams that are reset, bounds.
#include "codec/http2/http2_session.h"

#include <gtest/gtest.h>
#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace ringcast::codec {
namespace {

// What byte `at` of the answer to a stream is.
char pattern(uint32_t stream, uint64_t at) {
  return static_cast<char>('a' + (stream * 7 + at) % 26);
}

class Server final : public Http2Listener {
 public:
  explicit Server(const Http2Limits& limits = {}) : session(limits, *this, 0) {}

  uint32_t on_request(uint32_t stream, std::string_view head) override {
    heads[stream] = head;
    streams[stream] = {.size = answer_size, .last = ends};
    if (auto at = heads[stream].find("/size/"); at != std::string::npos)
      streams[stream].size = std::stoul(heads[stream].substr(at + 6));
    EXPECT_TRUE(
        session.respond(stream, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n", false) ||
        short_of_memory);
    return stream;
  }
  void on_body(uint32_t tag, std::span<const uint8_t> bytes, uint32_t counted) override {
    bodies[tag].append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    session.consumed(tag, counted);
  }
  void on_end(uint32_t tag) override { complete.push_back(tag); }
  void on_stream_closed(uint32_t tag) override { closed.push_back(tag); }
  Http2Available available(uint32_t tag) override {
    const Stream& stream = streams.at(tag);
    return {stream.size - stream.sent, stream.last, trailers};
  }
  void on_trailers_sent(uint32_t tag) override { trailed.push_back(tag); }
  bool write_data(std::string_view header, uint32_t tag, uint32_t bytes, bool last) override {
    out += header;
    Stream& stream = streams.at(tag);
    for (uint32_t i = 0; i < bytes; ++i) out += pattern(tag, stream.sent + i);
    stream.sent += bytes;
    ++stream.frames;
    stream.done = last;
    return --room > 0;
  }
  bool write_frame(std::string_view bytes) override {
    out += bytes;
    return --room > 0;
  }

  struct Stream {
    uint64_t size = 0;
    bool last = true;
    uint64_t sent = 0;
    uint32_t frames = 0;
    bool done = false;
  };
  std::map<uint32_t, Stream> streams;
  std::map<uint32_t, std::string> heads, bodies;
  std::vector<uint32_t> closed, complete, trailed;
  std::string trailers;
  std::string out;
  uint64_t answer_size = 100;
  bool ends = true;
  bool short_of_memory = false;  // it may be this answer for which there is none
  int room = INT32_MAX;          // frames
  Http2Session session;
};

class Peer {
 public:
  explicit Peer(uint32_t window = 65535) {
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
        callbacks, [](nghttp2_session*, uint8_t, int32_t stream, const uint8_t* data, size_t size, void* user) {
          auto& peer = *static_cast<Peer*>(user);
          peer.received[static_cast<uint32_t>(stream)].append(reinterpret_cast<const char*>(data), size);
          peer.unconsumed[stream] += size;
          return 0;
        });
    nghttp2_session_callbacks_set_on_stream_close_callback(
        callbacks, [](nghttp2_session*, int32_t stream, uint32_t code, void* user) {
          static_cast<Peer*>(user)->ended[static_cast<uint32_t>(stream)] = code;
          return 0;
        });
    nghttp2_session_callbacks_set_on_frame_recv_callback(
        callbacks, [](nghttp2_session*, const nghttp2_frame* frame, void* user) {
          if (frame->hd.type == NGHTTP2_GOAWAY)
            static_cast<Peer*>(user)->goaway = static_cast<int64_t>(frame->goaway.error_code);
          return 0;
        });
    nghttp2_session_callbacks_set_on_header_callback(
        callbacks, [](nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name, size_t name_size,
                      const uint8_t* value, size_t value_size, uint8_t, void* user) {
          if (frame->headers.cat != NGHTTP2_HCAT_HEADERS) return 0;
          std::string& to = static_cast<Peer*>(user)->trailers[static_cast<uint32_t>(frame->hd.stream_id)];
          to.append(reinterpret_cast<const char*>(name), name_size).append(": ");
          to.append(reinterpret_cast<const char*>(value), value_size).append("\n");
          return 0;
        });
    nghttp2_option* option = nullptr;
    nghttp2_option_new(&option);
    nghttp2_option_set_no_auto_window_update(option, 1);
    nghttp2_session_client_new2(&session, callbacks, this, option);
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    const nghttp2_settings_entry settings{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, window};
    nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, &settings, 1);
  }
  ~Peer() { nghttp2_session_del(session); }

  uint32_t get(const std::string& path, const std::vector<std::pair<std::string, std::string>>& more = {}) {
    std::vector<std::pair<std::string, std::string>> fields{
        {":method", "GET"}, {":path", path}, {":scheme", "http"}, {":authority", "localhost"}};
    fields.insert(fields.end(), more.begin(), more.end());
    std::vector<nghttp2_nv> out;
    for (auto& [name, value] : fields) {
      out.push_back({reinterpret_cast<uint8_t*>(name.data()), reinterpret_cast<uint8_t*>(value.data()), name.size(),
                     value.size(), NGHTTP2_NV_FLAG_NONE});
    }
    return static_cast<uint32_t>(nghttp2_submit_request(session, nullptr, out.data(), out.size(), nullptr, nullptr));
  }
  void consume(int32_t stream, size_t bytes) {
    bytes = std::min(bytes, unconsumed[stream]);
    unconsumed[stream] -= bytes;
    nghttp2_session_consume(session, stream, bytes);
  }
  void send(Server& server) {
    const uint8_t* bytes = nullptr;
    for (ssize_t size; (size = nghttp2_session_mem_send(session, &bytes)) > 0;)
      server.session.feed({bytes, static_cast<size_t>(size)}, 0);
  }
  // Everything that either has to say, until neither has.
  void exchange(Server& server, int64_t now_ms = 0) {
    for (;;) {
      const uint8_t* bytes = nullptr;
      const ssize_t size = nghttp2_session_mem_send(session, &bytes);
      ASSERT_GE(size, 0);
      if (size > 0) server.session.feed({bytes, static_cast<size_t>(size)}, now_ms);
      server.session.write();
      if (size == 0 && server.out.empty()) return;
      nghttp2_session_mem_recv(session, reinterpret_cast<const uint8_t*>(server.out.data()), server.out.size());
      server.out.clear();
    }
  }

  nghttp2_session* session = nullptr;
  std::map<uint32_t, std::string> received, trailers;
  std::map<int32_t, size_t> unconsumed;
  std::map<uint32_t, uint32_t> ended;
  int64_t goaway = -1;
};

TEST(Http2Session, RequestsComeOutAsText) {
  Server server;
  Peer peer;
  const uint32_t stream =
      peer.get("/events?rooms=a", {{"cookie", "a=b"}, {"accept", "text/event-stream"}, {"cookie", "c=d"}});
  peer.exchange(server);
  EXPECT_EQ(server.heads[stream],
            "GET /events?rooms=a HTTP/1.1\r\nhost: localhost\r\ncookie: a=b; c=d\r\nconnection: close\r\n"
            "accept: text/event-stream\r\n\r\n");
  EXPECT_EQ(peer.received[stream].size(), 100u);
  EXPECT_EQ(peer.ended.at(stream), 0u);
}

TEST(Http2Session, BesideOthersAStreamLeavesThemPartOfTheWindow) {
  Server server;
  server.answer_size = 1 << 20;
  Peer peer(1 << 20);  // each stream may have far more than the connection
  const uint32_t greedy = peer.get("/"), other = peer.get("/size/8000");
  peer.send(server);  // both, before either is answered
  peer.exchange(server);
  EXPECT_EQ(peer.received[other].size(), 8000u) << "there was room for it";
  EXPECT_LE(server.streams.at(greedy).sent, 65535u * 3 / 4 + 16384u);

  Server alone_server;
  alone_server.answer_size = 1 << 20;
  Peer alone(1 << 20);
  const uint32_t only = alone.get("/");
  alone.exchange(alone_server);
  EXPECT_EQ(alone.received[only].size(), 65535u) << "alone it may fill the window";
}

TEST(Http2Session, TinyWindowsAreUsedSeldom) {
  Server server;
  server.answer_size = 500;
  server.ends = false;
  Peer peer(1);
  const uint32_t stream = peer.get("/");
  peer.exchange(server);
  EXPECT_TRUE(server.session.starved());
  EXPECT_EQ(server.streams.at(stream).frames, 0u);
  for (int i = 0; i < 200; ++i) {
    nghttp2_submit_window_update(peer.session, NGHTTP2_FLAG_NONE, static_cast<int32_t>(stream), 1);
    peer.exchange(server);
  }
  EXPECT_EQ(server.streams.at(stream).frames, 0u);
  server.session.serve_starved();
  peer.exchange(server);
  EXPECT_EQ(server.streams.at(stream).frames, 1u);
  EXPECT_EQ(peer.received[stream].size(), 201u);
  nghttp2_submit_window_update(peer.session, NGHTTP2_FLAG_NONE, static_cast<int32_t>(stream), 1000);
  peer.exchange(server);
  EXPECT_EQ(peer.received[stream].size(), 500u) << "all that there is goes at once";
}

TEST(Http2Session, WritingStopsWhereThereIsNoRoom) {
  Server server;
  server.answer_size = 50'000;
  Peer peer;
  const uint32_t stream = peer.get("/");
  server.room = 3;
  peer.send(server);
  EXPECT_FALSE(server.session.write());
  EXPECT_LT(server.streams.at(stream).sent, 50'000u);
  for (int i = 0; i < 100 && !server.streams.at(stream).done; ++i) {
    server.room = 1;
    server.session.write();
  }
  EXPECT_EQ(server.streams.at(stream).sent, 50'000u);
}

TEST(Http2Session, TrailersComeBehindAllOfTheBody) {
  for (const int room : {1, 2, 1000}) {
    Server server;
    server.answer_size = 300'000;
    server.trailers = "X-Status: 0\r\nX-Words: all of it\r\n";
    Peer peer(20'000);
    const uint32_t stream = peer.get("/"), empty = peer.get("/size/0");
    for (int i = 0; i < 2000 && peer.ended.size() < 2; ++i) {
      server.room = room;
      peer.exchange(server);
      peer.consume(static_cast<int32_t>(stream), 10'000);
    }
    EXPECT_EQ(peer.received[stream].size(), 300'000u);
    EXPECT_FALSE(server.streams.at(stream).done) << "it is the trailers that end it";
    EXPECT_EQ(peer.ended.at(stream), 0u);
    EXPECT_EQ(peer.ended.at(empty), 0u);
    EXPECT_EQ(peer.trailers[stream], "x-status: 0\nx-words: all of it\n");
    EXPECT_EQ(peer.trailers[empty], "x-status: 0\nx-words: all of it\n");
    EXPECT_EQ(server.trailed.size(), 2u);
    EXPECT_EQ(server.complete.size(), 2u);
  }
}

TEST(Http2Session, MemoryIsBounded) {
  Server server({.streams_max = 100'000, .memory_max = 96 << 10});
  server.ends = false;
  server.short_of_memory = true;
  Peer peer;
  for (int i = 0; i < 2000; ++i) peer.get("/");
  peer.exchange(server);
  EXPECT_EQ(server.session.fault(), Http2Fault::memory);
  EXPECT_LE(server.session.memory(), size_t{96 << 10});
}

TEST(Http2Session, GoingAwayEndsBehindTheLastStream) {
  Server server;
  server.ends = false;
  Peer peer;
  const uint32_t stream = peer.get("/");
  peer.exchange(server);
  server.session.go_away();
  peer.exchange(server);
  EXPECT_EQ(peer.goaway, 0);
  EXPECT_FALSE(server.session.finished());
  server.streams.at(stream).last = true;
  server.session.resume(stream);
  peer.exchange(server);
  EXPECT_TRUE(server.session.finished());
  EXPECT_EQ(server.session.fault(), Http2Fault::none);
}

// Clients with random windows take what they get in random portions and reset some streams: those that live get every
// byte, once and in order, and what the session keeps stays within its bound and goes back.
TEST(Http2Session, FlowControlLosesNothing) {
  for (uint32_t seed = 0; seed < 40; ++seed) {
    std::mt19937 random(seed);
    const auto below = [&](uint32_t end) { return static_cast<uint32_t>(random() % end); };
    Server server({.resets_per_second = 1000});
    Peer peer(1 + below(seed % 2 == 0 ? 3000 : 100'000));
    const size_t idle = [&] {
      peer.exchange(server);
      return server.session.memory();
    }();
    std::map<uint32_t, uint64_t> open;  // and the size of its answer
    for (int step = 0; step < 300; ++step) {
      if (open.size() < 20 && below(3) == 0) {
        const uint64_t size = below(40'000);
        open[peer.get("/size/" + std::to_string(size))] = size;
      }
      if (!open.empty() && below(20) == 0) {
        const auto victim = std::next(open.begin(), below(static_cast<uint32_t>(open.size())));
        nghttp2_submit_rst_stream(peer.session, NGHTTP2_FLAG_NONE, static_cast<int32_t>(victim->first), NGHTTP2_CANCEL);
        open.erase(victim);
      }
      for (auto& [stream, bytes] : peer.unconsumed) {
        if (bytes != 0 && below(2) == 0) peer.consume(stream, 1 + below(20'000));
      }
      if (below(4) == 0) server.session.serve_starved();
      server.room = 1 + static_cast<int>(below(10));
      peer.exchange(server, step);
    }
    server.room = INT32_MAX;
    for (int rounds = 0; rounds < 20'000; ++rounds) {
      const bool all =
          std::all_of(open.begin(), open.end(), [&](const auto& each) { return peer.ended.contains(each.first); });
      if (all) break;
      for (auto& [stream, bytes] : peer.unconsumed) peer.consume(stream, bytes);
      server.session.serve_starved();
      peer.exchange(server, 1000 + rounds);
    }
    for (const auto& [stream, size] : open) {
      const std::string& got = peer.received[stream];
      ASSERT_EQ(got.size(), size) << "seed " << seed << " stream " << stream;
      for (uint64_t at = 0; at < size; ++at) ASSERT_EQ(got[at], pattern(stream, at)) << "seed " << seed << " at " << at;
    }
    EXPECT_EQ(server.session.fault(), Http2Fault::none) << "seed " << seed;
    EXPECT_LT(server.session.memory(), idle + 4096) << "seed " << seed;
  }
}

}  // namespace
}  // namespace ringcast::codec
