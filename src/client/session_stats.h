// SPDX-License-Identifier: Apache-2.0
// Counters of one core's sessions. Written by its reactor only, read by whoever answers /stats and /metrics: relaxed
// loads and stores, no read-modify-write.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "access/rate_limits.h"
#include "base/bucket_histogram.h"
#include "codec/grpc/grpc_status.h"
#include "codec/http2/http2_session.h"
#include "compat/dialect.h"
#include "reactor/connection.h"

namespace ringcast::session {

enum class TransportKind : uint8_t { websocket, sse, poll, socketio, count_ };
std::string_view to_string(TransportKind transport);

// One writer: a plain load and store is enough, and costs no locked instruction.
class Counter {
 public:
  void add(uint64_t count = 1) { value_.store(get() + count, std::memory_order_relaxed); }
  void subtract(uint64_t count = 1) { value_.store(get() - count, std::memory_order_relaxed); }
  void set(uint64_t value) { value_.store(value, std::memory_order_relaxed); }
  uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

// The errors that clients are sent, counted by a code each; the order is the metrics' order.
enum class ErrorCount : uint8_t {
  bad_request,
  unauthorized,
  forbidden,
  not_found,
  method_not_allowed,
  too_large,
  timeout,
  full,
  draining,
  rate_limited,
  misdirected,
  unsupported,
  bad_action,  // WebSocket: an `error` event
  protocol,    // WebSocket: 1002, 1003, 1007, 1009
  other,
  count_
};
std::string_view to_string(ErrorCount code);
ErrorCount error_count_of(uint16_t status);
// Of a WebSocket that is opened only to be refused.
ErrorCount error_count_of_close(uint16_t code);

// Why somebody was not let in, or not kept.
enum class AuthFailure : uint8_t {
  no_credentials,  // none where some were needed
  bad_key,         // no API key of ours, where no tokens are taken
  bad_token,
  token_expired,  // when it was shown
  token_revoked,  // when it was shown, or while its connection was open
  token_ended,    // while its connection was open, without another in time
  needs_key,      // a user's token, or a key that rules limit, for a call that needs an unlimited one
  count_
};
std::string_view to_string(AuthFailure reason);
AuthFailure auth_failure_of(std::string_view error_code);

struct SessionStats {
  Counter open[static_cast<size_t>(TransportKind::count_)];        // now; polls: waiting
  Counter opened[static_cast<size_t>(TransportKind::count_)];      // ever; polls: asked
  Counter spoken[kDialects];                                       // open now, by dialect
  Counter events_out[static_cast<size_t>(TransportKind::count_)];  // messages queued for members
  // How long they lasted; polls: waited. Tenths of a second.
  BucketHistogram lasted[static_cast<size_t>(TransportKind::count_)];
  // WebSockets and streams that ended.
  Counter closed[static_cast<size_t>(TransportKind::count_)][static_cast<size_t>(reactor::CloseCause::count_)];
  Counter requests[6];  // by status class; [0] is not used
  Counter errors[static_cast<size_t>(ErrorCount::count_)];
  Counter auth_failures[static_cast<size_t>(AuthFailure::count_)];
  Counter http_connections;  // accepted
  Counter upgrades;
  Counter messages_in;       // publishes asked for, over any transport
  Counter message_bytes_in;  // of their payloads
  Counter actions;           // WebSocket text frames
  Counter echoed;
  Counter reconnects;  // WebSockets and streams that came with a cursor
  Counter resumed;     // joins with a cursor that lost nothing
  Counter gaps;
  Counter replayed;  // messages sent from history
  Counter dropped;   // frames taken from the outboxes of slow consumers
  Counter lagged;    // `lagged` events
  Counter slow_closed;
  Counter heartbeats;
  Counter heartbeat_timeouts;
  Counter stalls;        // publishers that had to wait for credit
  Counter over_limit;    // connections beyond the limits
  Counter proxy_errors;  // connections without the PROXY header that they must have, or from where none is taken
  Counter rate_limited[access::kScopes][access::kCharges];  // what was refused for a limit
  Counter kicked;
  Counter socketio_sessions;                                             // of Engine.IO, open now
  Counter socketio_sessions_ever;                                        // and ever
  Counter socketio_refused;                                              // handshakes beyond the limits
  Counter socketio_upgrades;                                             // from polling to a WebSocket
  Counter socketio_away;                                                 // clients that may come back
  Counter socketio_recovered;                                            // that came back
  Counter socketio_unrecovered;                                          // that tried to, and began anew
  Counter socketio_in;                                                   // messages of Engine.IO from clients
  Counter http2_connections, http2_connections_ever;                     // open now, and ever
  Counter http2_memory;                                                  // bytes of nghttp2
  Counter http2_refused;                                                 // streams beyond http2_streams_total
  Counter http2_faults[static_cast<size_t>(codec::Http2Fault::count_)];  // connections given up
  Counter grpc_calls[static_cast<size_t>(codec::GrpcStatus::count_)];    // answered, by status
  Counter cpu_ns;  // of this core's thread, as it was at the last interval

  Counter& error(ErrorCount code) { return errors[static_cast<size_t>(code)]; }
  Counter& limited(access::Scope scope, access::Charge charge) {
    return rate_limited[static_cast<size_t>(scope)][static_cast<size_t>(charge)];
  }
  Counter& closed_by(TransportKind transport, reactor::CloseCause cause) {
    return closed[static_cast<size_t>(transport)][static_cast<size_t>(cause)];
  }
  Counter& auth_failure(AuthFailure reason) { return auth_failures[static_cast<size_t>(reason)]; }
  Counter& open_now(TransportKind transport) { return open[static_cast<size_t>(transport)]; }
  Counter& opened_ever(TransportKind transport) { return opened[static_cast<size_t>(transport)]; }
  Counter& out(TransportKind transport) { return events_out[static_cast<size_t>(transport)]; }
};

}  // namespace ringcast::session
