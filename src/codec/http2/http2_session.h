// SPDX-License-Identifier: Apache-2.0
// One HTTP/2 connection, server side, without sockets or clocks: nghttp2 inside, with bounds around it. Requests come
// out as HTTP/1.1 text, which the parser for HTTP/1.x then checks as it checks any; responses go in as such text. The
// bytes of bodies stay where they are: the listener says how many there are and moves them when their frame's header
// is written.
// Owned by one connection; its core's thread only. The listener may call anything here but feed(), write() and the
// destructor.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

struct nghttp2_session;

namespace ringcast::codec {

struct Http2Limits {
  uint32_t streams_max = 100;                // at once
  uint32_t headers_max = 16 << 10;           // bytes of a request's fields, as HTTP/1.1 writes them
  uint32_t memory_max = 512 << 10;           // bytes that nghttp2 may allocate
  uint32_t resets_per_second = 50;           // streams that the peer resets, or has reset by its faults
  uint32_t control_frames_per_second = 100;  // PING, SETTINGS, PRIORITY and empty DATA
  // How many seconds' worth of the last two may come at once.
  static constexpr uint32_t kBurstSeconds = 4;
};

// Why a connection is given up; the order is the metrics' order.
enum class Http2Fault : uint8_t {
  none,
  protocol,        // not HTTP/2, or against its rules
  headers,         // far more fields than are allowed
  resets,          // more streams reset than resets_per_second
  control_frames,  // more of them than control_frames_per_second
  memory,          // more than memory_max
  count_
};
std::string_view to_string(Http2Fault fault);

// What a stream has to send.
struct Http2Available {
  uint64_t bytes = 0;
  bool last = false;               // and nothing after these
  std::string_view trailers = {};  // but these: lines as those of a head, each with its end
};

class Http2Listener {
 public:
  static constexpr uint32_t kRefused = UINT32_MAX;

  virtual ~Http2Listener() = default;
  // A request's head, to the empty line. Returns what the stream is called here from now on, or kRefused.
  virtual uint32_t on_request(uint32_t stream, std::string_view head) = 0;
  // What follows the head, as HTTP/1.1 would have it. `counted` bytes of it count against the stream's window until
  // Http2Session::consumed().
  virtual void on_body(uint32_t tag, std::span<const uint8_t> bytes, uint32_t counted) = 0;
  // The request is complete.
  virtual void on_end(uint32_t tag) = 0;
  // The stream is over, by whichever side.
  virtual void on_stream_closed(uint32_t tag) = 0;
  virtual Http2Available available(uint32_t tag) = 0;
  // A DATA frame: its header, then the next `bytes` of what the stream has; `last`: they end it. False: write() is to
  // return before the next frame.
  virtual bool write_data(std::string_view header, uint32_t tag, uint32_t bytes, bool last) = 0;
  // The trailers of a stream were written, which ends it.
  virtual void on_trailers_sent(uint32_t tag) = 0;
  // Any other frame.
  virtual bool write_frame(std::string_view bytes) = 0;
};

class Http2Session {
 public:
  // `now_ms` of any monotonic clock. A session that cannot be made has a fault.
  Http2Session(const Http2Limits& limits, Http2Listener& listener, int64_t now_ms);
  ~Http2Session();
  Http2Session(const Http2Session&) = delete;
  Http2Session& operator=(const Http2Session&) = delete;

  // From the connection preface on. After it: write(), then look at finished().
  void feed(std::span<const uint8_t> bytes, int64_t now_ms);
  // Frames go to the listener until there are none or it has no room. False: there may be more.
  bool write();
  // Everything has been said: the connection may be closed once what was written has left.
  bool finished() const;
  Http2Fault fault() const { return fault_; }

  // The head of a response as HTTP/1.1 text, to the empty line. An informational one (1xx) may go before. `last`: there
  // is no body. False: the peer has gone from the stream.
  bool respond(uint32_t stream, std::string_view head, bool last);
  // The stream has more to send, or its end.
  void resume(uint32_t stream);
  // The listener has done with the stream: its end has been written, or, `cut`, the peer is to know that there was
  // none. What of its request still comes is not awaited.
  void forget(uint32_t stream, bool cut);
  // So much of a body has been taken.
  void consumed(uint32_t stream, uint32_t bytes);
  // No new streams; those that are open go on.
  void go_away();

  // Streams that have bytes and a window too small for them to be worth a frame. They are tried again when a window
  // grows, and by this.
  bool starved() const { return !starved_.empty(); }
  void serve_starved();

  size_t memory() const { return memory_.used; }

 private:
  struct Callbacks;
  struct Memory {
    size_t used = 0;
    size_t max = 0;
    bool refused = false;
  };
  // Tokens that come back by the second.
  struct Bucket {
    double tokens = 0;
    int64_t since_ms = 0;
  };
  struct Head {
    std::string method, path, authority, cookie, text;
    uint64_t received = 0;  // bytes of fields
    bool has_length = false;
  };

  bool take(Bucket& bucket, uint32_t per_second);
  void give_up(Http2Fault fault);
  void reset(uint32_t stream, uint32_t code);
  bool add_field(std::string_view name, std::string_view value);
  std::string_view finish_head(bool with_body);
  void begin_request(int32_t stream, bool ends);
  void end_request(int32_t stream);

  Http2Limits limits_;
  Http2Listener& listener_;
  Memory memory_;
  nghttp2_session* session_ = nullptr;
  Http2Fault fault_ = Http2Fault::none;
  int64_t now_ms_;
  Bucket resets_, control_frames_;
  Head head_;                      // of the request that is being read: one at a time
  std::vector<uint32_t> starved_;  // streams
  bool retry_ = false;             // a window has grown
  bool small_ = false;             // frames of any size, once
  bool full_ = false;              // the listener has no room
  uint32_t open_ = 0;              // streams that have a tag
};

}  // namespace ringcast::codec
