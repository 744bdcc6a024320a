// SPDX-License-Identifier: Apache-2.0
// A stream is what the hub delivers to and what the reactor keeps in a slot: an outbox, a timer, limits, reasons for
// pauses and for its end. 80 bytes in a slab; what it speaks is the session's, kept beside it under the same slot.
// Touched by its reactor only.
//
// A stream is one of three things:
// - with a socket of its own: a connection (reactor/connection.h). It is its own stream; nothing is paid for the
//   difference.
// - carried: it shares a connection with others, as those of HTTP/2 do, and a Carrier pulls what its outbox holds.
// - detached: nothing is sent on it; what is delivered to it goes other ways (a session of Engine.IO).
#pragma once

#include <cstdint>
#include <string_view>

#include "base/timing_wheel.h"
#include "io/backend.h"
#include "reactor/outbox.h"

namespace ringcast::reactor {

// Names a stream on one core. A freed slot gets a new generation, so a stale id finds nothing.
struct StreamId {
  uint32_t slot = UINT32_MAX;
  uint32_t generation = 0;
  friend bool operator==(StreamId, StreamId) = default;
};

// Why a stream ended: named, counted, exported. The order is the metrics' order.
enum class CloseCause : uint8_t {
  done,  // answered and not kept alive, or closed by the session in the ordinary way
  peer_closed,
  peer_reset,
  peer_timeout,  // TCP_USER_TIMEOUT
  io_error,
  bad_request,      // HTTP syntax or limits
  protocol_error,   // WebSocket 1002, 1003, 1007, 1009
  request_timeout,  // the request was not complete in time
  idle_timeout,     // keep-alive
  heartbeat_timeout,
  slow_consumer,
  unread_total,  // one of the largest outboxes when slow readers together held too much
  refused,       // limits, draining, authentication
  rate_limited,  // went on sending after it was asked to wait
  kicked,        // by an administrator
  token_expired,
  drained,
  shutdown,
  connect_failed,
  tls_failed,  // its handshake, or a record
  count_
};
std::string_view to_string(CloseCause cause);

enum class PauseReason : uint8_t { credit = 1, answer = 2, slow_output = 4, closing = 8, rate = 16, turn = 32 };

// What many streams have in common: where their frames end, and how much may wait for them.
struct OutputRules {
  FrameLength frame_length = nullptr;
  uint32_t bytes_max = 0;
  uint32_t messages_max = 0;
  friend bool operator==(const OutputRules&, const OutputRules&) = default;
};

struct Stream {
  // Set by the reactor, read by sessions.
  Outbox outbox;
  io::Socket socket;  // not valid: carried or detached
  uint32_t slot = 0;
  uint32_t generation = 0;
  TimerNode timer;
  uint32_t unread_bytes = 0;  // this stream's part of the reactor's count
  // Set by sessions.
  uint32_t begun_decisecond = 0;  // when it began to speak what it speaks
  // Set by the reactor.
  uint16_t output = 0;  // Reactor::output_of
  uint16_t listener = 0;
  uint8_t pauses = 0;  // PauseReason set; reading goes on when it is empty
  // Set by sessions.
  CloseCause close_cause = CloseCause::done;
  bool want_drained : 1 = false;      // on_drained when the outbox gets empty
  bool unlimited_output : 1 = false;  // the limits do not apply (HTTP answers, bounded by their own limits)
  // Set by the reactor.
  bool receiving : 1 = false;  // start_receive was called
  bool dirty : 1 = false;      // in this tick's flush list, or in a line for later ones
  // The socket was full: waits for `writable`, with an empty outbox where SendOp::waits. Carried: what is queued waits
  // for its carrier.
  bool blocked : 1 = false;
  bool corked : 1 = false;
  bool closing : 1 = false;  // FIN once the outbox is empty; bytes that arrive are discarded
  bool fin_sent : 1 = false;
  bool peer_gone : 1 = false;    // FIN or failure was seen
  bool input_ended : 1 = false;  // and all that had arrived before was delivered
  bool noted_slow : 1 = false;
  bool due : 1 = false;   // its timer has fired, and on_timer() was not called yet
  bool dead : 1 = false;  // closed; the slot is freed at the end of the tick

  bool carried : 1 = false;

  StreamId id() const { return {slot, generation}; }
};
static_assert(sizeof(Stream) == 80, "paid for every connection");

// What carries streams without sockets of their own: it writes what they have to send to a connection that several of
// them share, and hands what arrives for them to the reactor's Handler. One per reactor (Reactor::set_carrier), its
// thread only.
//
// A tick with output goes like this:
//   Reactor::flush()              finds a carried stream with something queued
//     Carrier::on_output(stream)  notes it
//     Carrier::flush()            for each connection with room: Reactor::pull(stream, ...) onto the connection, then
//                                 Reactor::settle(stream)
//   the connection's outbox leaves with this tick's other sends
class Carrier {
 public:
  virtual ~Carrier() = default;
  // There is output, or the stream is `closing` with nothing left to send, which the carrier has to pass on and to
  // answer with Reactor::close(). Not called again for a stream that is `blocked`: the carrier knows of it. Only notes
  // it; no call of the reactor may be made but mark_carrier_busy().
  virtual void on_output(Stream& stream) = 0;
  // All reasons to pause reading are gone: what was held back by flow control may come. As on_output().
  virtual void on_reading(Stream& stream) = 0;
  // The stream was closed, by either side; nothing of it is pulled any more. `reset`: its peer is to learn that it was
  // cut off. As on_output().
  virtual void on_closed(Stream& stream, io::CloseMode mode) = 0;
  // Within the flush, after Reactor::mark_carrier_busy(): writes out what it noted.
  virtual void flush() = 0;
  // How far the stream's peer has got, in bytes of this stream; see io::Delivery.
  virtual io::Delivery delivery(const Stream& stream) const = 0;
};

}  // namespace ringcast::reactor
