// SPDX-License-Identifier: Apache-2.0
// Connection: one connection of the generator, and what it needs only now and then, kept elsewhere.
// In a vector of its worker, found by its index (the backend's Owner); that thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "codec/http1/http_response_parser.h"
#include "codec/sse/sse_parser.h"
#include "codec/websocket/websocket_decoder.h"
#include "io/backend.h"

namespace ringcast::ringload {

// Bytes on their way out; taken from a pool while there are any.
struct Outgoing {
  std::string bytes;
  size_t sent = 0;
  bool blocked = false;  // the backend reports when it is writable
  bool queued = false;   // on the list of the next flush
};

// What an SSE stream or long poll keeps between its reads.
struct Streaming {
  codec::SseParser sse;
  std::string body;      // of a poll's answer
  std::string cursor;    // of the last answer
  std::string unsent;    // polls of a session: what is to be POSTed
  bool posting = false;  // … and the answer to that is awaited
};

struct Connection {
  enum class State : uint8_t {
    idle,
    connecting,
    opening,   // the request is out, its answer is not there
    greeting,  // waits for the server's hello
    joining,   // waits for `joined`
    ready,
    closing,  // our close frame is out
    ended,
  };
  enum class Speaks : uint8_t { websocket, sse, poll, http, post };

  io::Socket socket;
  State state = State::idle;
  Speaks speaks = Speaks::websocket;
  bool publisher = false;
  bool deflate = false;
  bool slow = false;      // its role; does not keep up while the load is on
  bool held = false;      // slow: is not read from now
  bool probing = false;   // has sent a ping behind its last message
  bool resuming = false;  // was cut; says where it stopped when it comes back
  uint8_t role = 0;       // of a publisher: the one whose dialect it speaks
  uint32_t id = 0;        // member or publisher, over all workers
  uint32_t room = 0;
  uint32_t under_way = 0;  // echo: messages without an answer; http: a request
  // connect() began; later: the last answer, or the request's time; slow: when what was read is within its rate
  int64_t since_ns = 0;
  uint64_t sent = 0;         // messages published, the next sequence number
  uint64_t written_off = 0;  // publishers: given up on
  uint64_t position = 0;     // resume: of the last message; http: when the request was intended
  Outgoing* out = nullptr;
  std::unique_ptr<codec::HttpResponseParser> http;   // while HTTP is spoken
  std::unique_ptr<codec::WebSocketDecoder> decoder;  // while a message is incomplete
  std::unique_ptr<Streaming> streaming;
};
static_assert(sizeof(Connection) <= 112, "paid for every connection");

}  // namespace ringcast::ringload
