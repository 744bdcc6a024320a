// SPDX-License-Identifier: Apache-2.0
// What sessions are set to: every limit, time and flag that a connection meets, as plain values. Filled from the
// server's options at assembly; a reload makes a new one and hands it to each gate on its own thread. Read-only then.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "access/address_set.h"
#include "access/api_keys.h"
#include "access/rate_limits.h"
#include "codec/http1/forwarded.h"

namespace ringcast::access {
class Authority;
}

namespace ringcast::session {

using std::chrono::milliseconds;

// What is done with the events of Socket.IO clients.
enum class SocketIoApplication : uint8_t { chat, response, none, echo };

struct SocketIoOptions {
  SocketIoApplication application = SocketIoApplication::chat;
  bool polling = true;
  bool websocket = true;
  milliseconds ping_interval{25'000};
  milliseconds ping_timeout{20'000};
  milliseconds connect_timeout{45'000};  // for the first namespace
  uint32_t payload_max = 1'000'000;
  uint32_t attachments_max = 16;
  uint32_t sessions_max = 100'000;    // of the process
  uint32_t unconnected_max = 10'000;  // of those, without a namespace yet
  std::vector<std::string> namespaces{"/"};
  std::string room = "lobby";                 // that everybody of a namespace is in
  milliseconds recovery{0};                   // how long a client may be away and come back; 0: no time
  uint32_t recovery_messages_max = 1000;      // that one client may have missed
  uint64_t recovery_size_max = 1'000'000;     // their bytes
  uint64_t recovery_memory_max = 64'000'000;  // of the process
};

struct Http2Options {
  bool on = true;
  uint32_t streams_max = 100;                // of a connection
  uint32_t memory_max = 512 << 10;           // bytes of nghttp2, of a connection
  uint32_t resets_per_second = 50;           // of a connection
  uint32_t control_frames_per_second = 100;  // of a connection
};

// A certificate of the server, for metrics.
struct CertificateView {
  std::string name;
  int64_t not_after = 0;  // seconds since 1970
};

struct SessionOptions {
  // Requests.
  uint32_t request_line_max = 8 << 10;
  uint32_t headers_bytes_max = 16 << 10;
  uint32_t headers_max = 64;
  uint32_t body_max = 1 << 20;
  milliseconds request_timeout{10'000};
  milliseconds keep_alive_timeout{75'000};
  milliseconds close_timeout{5'000};

  // Connections.
  uint32_t connections_max = 0;  // of the whole process; 0: what the reactors can hold
  access::RateLimits limits;     // per connection, user, address and key; loopback addresses have none
  uint32_t rooms_per_websocket_max = 100;
  uint32_t rooms_per_stream_max = 32;
  uint32_t outbox_bytes_max = 1 << 20;
  uint32_t outbox_messages_max = 256;

  // Messages.
  uint32_t message_max = 64 << 10;
  uint32_t inflated_max = 64 << 10;
  uint32_t json_depth_max = 32;
  uint32_t batch_items_max = 1000;
  bool deflate = true;
  uint32_t deflate_from = 1024;

  // What others decide and are notified of (hooks.h).
  milliseconds decision_timeout{30'000};  // a question that is not answered by then is refused for the moment
  uint32_t undecided_messages_max = 16;   // of a WebSocket
  milliseconds vacated_grace{10'000};     // a room has had no members for so long when that is reported

  // Polls and lists.
  milliseconds poll_timeout{30'000};
  milliseconds poll_timeout_max{120'000};
  uint32_t poll_answer_max = 256 << 10;
  uint32_t list_limit_default = 100;
  uint32_t list_limit_max = 1000;
  uint32_t stats_rooms_max = 100;

  // Heartbeats.
  milliseconds heartbeat_interval{25'000};
  milliseconds heartbeat_timeout{10'000};
  milliseconds retry{3'000};
  uint32_t retry_jitter_percent = 50;

  // Access.
  std::vector<std::string> origins;        // allowed besides the request's own host; "*" allows all
  access::ApiKeys api_keys;                // empty: no authentication
  access::Authority* authority = nullptr;  // none: no tokens, no rules
  std::string token_cookie;                // the cookie that may hold a token; empty: none
  bool token_required = true;              // once there are tokens, who has none is refused; else is anonymous
  uint64_t token_notice_s = 60;            // `token_expiring` comes so long before the end; 0: never
  bool cors_credentials = false;           // listed pages may send cookies and credentials
  std::chrono::seconds cors_max_age{600};  // a browser remembers a preflight so long
  std::vector<std::string> hosts;          // that requests may ask for; empty: any
  access::AddressSet trusted_proxies;      // proxies whose word about the client's address counts
  codec::ForwardedField forwarded_field = codec::ForwardedField::x_forwarded_for;  // and where
  bool status_open = true;            // /stats, /health and /ready without a key
  bool admin_apart = false;           // the server calls are answered on kAdminListener only
  bool tenants = true;                // tenant= is taken from the query where there is no authentication
  bool clients_may_broadcast = true;  // WebSocket clients publishing to `*`
  bool clients_may_direct = true;     // and to somebody else's inbox

  bool broker_topics = true;    // topics= of an SSE broker, and publishing by `topic`
  bool broker_metrics = false;  // its metrics, beside ours
  // Of the operator's own files; empty: none is sent.
  std::string content_security_policy;
  uint64_t file_cache_bytes = 64 << 20;  // of one core
  uint64_t file_bytes_max = 16 << 20;    // of one file
  SocketIoOptions socketio;
  Http2Options http2;
  std::vector<CertificateView> certificates;  // of TLS

  bool echo = false;  // GET /echo

  milliseconds drain_period{10'000};  // over which connections are sent away
  milliseconds retry_after{2'000};    // what refused clients are sent, jittered like `retry`
};

}  // namespace ringcast::session
