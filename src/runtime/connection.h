// SPDX-License-Identifier: Apache-2.0
// A connection as the reactor sees it: socket, outbox, timer, reasons for pauses. 80 bytes in a slab; what it speaks
// is the session's, kept beside it under the same slot. Touched by its reactor only.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/timing_wheel.h"
#include "io/backend.h"
#include "runtime/outbox.h"

namespace ringcast::runtime {

// Names a connection on one core. A freed slot gets a new generation, so a stale id finds nothing.
struct ConnectionId {
  uint32_t slot = UINT32_MAX;
  uint32_t generation = 0;
  friend bool operator==(ConnectionId, ConnectionId) = default;
};

// Why a connection ended: named, counted, exported. The order is the metrics' order.
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
  rate_limited,  // went on sending after having been told to wait
  kicked,        // by an administrator
  token_expired,
  drained,
  shutdown,
  connect_failed,
  count_
};
std::string_view to_string(CloseCause cause);

enum class PauseReason : uint8_t { credit = 1, answer = 2, slow_output = 4, closing = 8, rate = 16, turn = 32 };

// What many connections have in common: where their frames end, and how much may wait for them.
struct OutputRules {
  FrameLength frame_length = nullptr;
  uint32_t bytes_max = 0;
  uint32_t messages_max = 0;
  friend bool operator==(const OutputRules&, const OutputRules&) = default;
};

struct Connection {
  // Set by the reactor, read by sessions.
  Outbox outbox;
  io::Socket socket;
  uint32_t slot = 0;
  uint32_t generation = 0;
  TimerNode timer;
  uint32_t unread_bytes = 0;  // this connection's part of the reactor's count
  // Set by sessions.
  uint32_t begun_decisecond = 0;  // when it became the stream that it is
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
  bool blocked : 1 = false;    // the socket was full: waits for `writable`
  bool corked : 1 = false;
  bool closing : 1 = false;  // FIN once the outbox is empty; bytes that arrive are discarded
  bool fin_sent : 1 = false;
  bool peer_gone : 1 = false;    // FIN or failure was seen
  bool input_ended : 1 = false;  // and all that had arrived before was delivered
  bool noted_slow : 1 = false;
  bool due : 1 = false;   // its timer has fired, and nobody has been told yet
  bool dead : 1 = false;  // closed; the slot is freed at the end of the tick

  ConnectionId id() const { return {slot, generation}; }
};
static_assert(sizeof(Connection) == 80, "paid for every connection");

}  // namespace ringcast::runtime
