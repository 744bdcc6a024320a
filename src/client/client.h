// SPDX-License-Identifier: Apache-2.0
// What a connection speaks, beside the reactor's Connection and under the same slot: identity, kind, flags. Everything
// that is needed only now and then (a request being read, an opening handshake, a waiting poll) hangs off `extra`.
// Owned by the Gate of its core; that core's thread only.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/slab.h"
#include "client/who.h"
#include "codec/websocket/websocket_decoder.h"
#include "hub/types.h"
#include "reactor/connection.h"

namespace ringcast::session {

using reactor::ConnectionId;

// An immutable short text (at most 65,535 bytes) in one allocation and one pointer: names live as long as connections,
// and a std::string would cost four times as much in each of them.
class CompactString {
 public:
  CompactString() = default;
  explicit CompactString(std::string_view text) { assign(text); }
  void assign(std::string_view text) {
    if (text.empty()) return bytes_.reset();
    RINGCAST_ASSERT(text.size() <= UINT16_MAX);
    std::unique_ptr<char[]> bytes(new char[kPrefix + text.size()]);  // `text` may lie in the old one
    const auto size = static_cast<uint16_t>(text.size());
    std::memcpy(bytes.get(), &size, kPrefix);
    std::memcpy(bytes.get() + kPrefix, text.data(), text.size());
    bytes_ = std::move(bytes);
  }
  std::string_view view() const {
    if (bytes_ == nullptr) return {};
    uint16_t size;
    std::memcpy(&size, bytes_.get(), kPrefix);
    return {bytes_.get() + kPrefix, size};
  }
  bool empty() const { return bytes_ == nullptr; }
  void clear() { bytes_.reset(); }

 private:
  static constexpr size_t kPrefix = sizeof(uint16_t);
  std::unique_ptr<char[]> bytes_;
};

// What a connection speaks; the number of its Protocol at the gate.
// `engine_io` carries a session of Engine.IO; `socket_io` is a member of a namespace, without a socket. `http2` carries
// streams, which are clients of their own and speak `http`, `sse` or `poll`.
enum class Kind : uint8_t { none, http, websocket, sse, poll, engine_io, socket_io, http2 };
inline constexpr size_t kKinds = 8;

enum class Phase : uint8_t {
  opening,  // the first joins are not all answered yet; the connection is corked
  open,
  closing,  // our side has said its last word; nothing more is sent
};

// State of the moment, made and downcast by the session of the client's kind; gone when not needed.
struct Extra {
  virtual ~Extra() = default;
  std::unique_ptr<Extra> below;  // HTTP's, while a poll of that connection waits: kept by the HTTP session
};

struct Client {
  ConnectionId id;
  Kind kind : 4 = Kind::none;
  Phase phase : 4 = Phase::open;
  hub::FormId form = 0;
  uint8_t route = 0;  // index into the route table: dialect and overrides

  // Kept by the gate.
  bool hub_open : 1 = false;            // Hub::open was called and Hub::close not yet
  bool stalled : 1 = false;             // in the line of those that wait for credit
  bool ready : 1 = false;               // in the line of those whose buffered input is to be read
  bool over_limit : 1 = false;          // beyond the connections in all: only gets the refusal
  bool over_address : 1 = false;        // beyond those of its address: likewise
  bool admitted : 1 = false;            // counted against the process-wide limit
  bool by_address : 1 = false;          // counted against its address, request by request no more
  bool by_route : 1 = false;            // counted against its route
  bool standing : 1 = false;            // Admission knows it
  bool proxy_header : 1 = false;        // a PROXY header is expected
  bool proxied : 1 = false;             // ClientAddresses knows what it said
  bool metered : 1 = false;             // Meters counts what it sends
  bool announced : 1 = false;           // hooks hear of its rooms and of its end
  bool notified : 1 = false;            // that the server is draining
  bool carried : 1 = false;             // a stream of HTTP/2: for one request
  bool peer_done : 1 = false;           // its FIN was seen; answers may still go out
  bool loopback : 1 = false;            // the peer is on this machine
  bool waiting : 1 = false;             // Gate::await: an answer of the hub is outstanding
  bool has_buffered_input : 1 = false;  // bytes received while reading was paused wait at the gate
  bool greeted : 1 = false;             // its dialect has said that it has come, and will say that it leaves
  bool clean_leave : 1 = false;         // leaves without presence grace (said goodbye, or was kicked)

  // HTTP, of the request in progress.
  bool keep_alive : 1 = false;
  bool head_only : 1 = false;
  bool http10 : 1 = false;
  bool wants_stream : 1 = false;      // Accept names text/event-stream
  bool between_requests : 1 = false;  // at least one was answered, none has begun since

  uint8_t preface : 2 = 0;  // bytes of HTTP/2's that have come, too few to be sure

  // WebSocket, SSE.
  bool anonymous : 1 = false;
  bool echo_endpoint : 1 = false;
  bool raw_binary : 1 = false;
  bool resumes : 1 = false;  // came with a cursor: what is replayed is what it missed
  bool deflate : 1 = false;
  bool awaiting_pong : 1 = false;
  bool heartbeat_event : 1 = false;
  bool has_aside : 1 = false;  // acks outstanding, or a room named for binary frames
  bool close_sent : 1 = false;
  bool close_received : 1 = false;

  uint32_t correlation = 0;       // of the answer that `waiting` is about
  uint32_t heard_decisecond = 0;  // when bytes last came, since the gate's start

  Who who;
  std::unique_ptr<Extra> extra;
  [[no_unique_address]] codec::WebSocketDecoder decoder{codec::WebSocketDecoder::Options{}};
  uint32_t room = kNoIndex;  // WebSocket: the room joined last, as the hub's channel; lies in the decoder's padding

  // Bodies without a length end with their stream or connection instead of being chunked.
  bool bare() const { return http10 || carried; }
  std::string_view inbox_key() const { return who.inbox_key(); }
  std::string_view tenant() const { return who.tenant(); }
  std::string_view user() const { return who.user(); }
  template <class T>
  T& extra_as() {
    RINGCAST_ASSERT(extra != nullptr);
    return static_cast<T&>(*extra);
  }
};
static_assert(sizeof(Client) <= 64, "paid for every connection");

}  // namespace ringcast::session
