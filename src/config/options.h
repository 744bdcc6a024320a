// SPDX-License-Identifier: Apache-2.0
// Every setting of the server as one plain value, and how it is put together: file, then environment, then flags.
// Made at start and at each reload by the main thread; read-only afterwards, so any thread may read a finished one.
// Names, units, defaults, ranges and help stand in one table (options_table.h); this struct only holds the values.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "access/rules.h"
#include "base/error.h"
#include "base/log.h"
#include "client/routes.h"
#include "config/size_duration.h"
#include "hooks/endpoints.h"
#include "hub/policy.h"
#include "inlets/options.h"
#include "io/backend.h"

namespace ringcast::io {
class SocketAddress;
}

namespace ringcast::config {

enum class Permission : uint8_t { automatic, yes, no };  // automatic: yes without authentication, else by rule
enum class ForwardedHeader : uint8_t { x_forwarded_for, forwarded };
enum class UnixSocketMode : uint8_t { owner, group, everybody };
enum class SocketIoApplication : uint8_t { chat, response, none };
enum class SocketIoTransports : uint8_t { all, polling, websocket };
enum class TlsClientAuth : uint8_t { admin, all };  // who is asked for a certificate once there is tls_client_ca
enum class TlsVersion : uint8_t { v1_2, v1_3 };
enum class LogFormat : uint8_t { text, json };

// What can be set per room pattern. In `[[rooms]]` a key that is not given has the value of the top level.
struct RoomOptions {
  uint64_t history_messages;
  uint64_t history_size_max;  // bytes
  Duration history_ttl;
  uint64_t first_id;  // 0: from the clock
  Duration empty_room_ttl;
  bool last_value;
  std::vector<std::string> final_when;  // "status=completed"
  hub::SlowPolicy slow_consumer;
  bool presence;
  uint64_t presence_members_max;  // above it, no presence events until it is below 80 % of it again
  Duration presence_interval;
  Duration presence_leave_grace;
  Duration presence_poll_grace;
  bool shared;         // with `broker`: by all nodes
  std::string mirror;  // the Redis channel that copies go to; empty: none

  friend bool operator==(const RoomOptions&, const RoomOptions&) = default;
};

// A `[[rooms]]` section. What a pattern means is the hub's business (hub::glob_match).
struct RoomRule {
  std::string match;
  RoomOptions options;

  friend bool operator==(const RoomRule&, const RoomRule&) = default;
};
inline constexpr size_t kRoomRulesMax = 250;  // what hub::RoomPolicies has room for
inline constexpr size_t kRoomPatternSizeMax = 128;

// A `[[permissions]]` section: what may be done in the rooms that a pattern fits (access::Rules).
struct PermissionRule {
  std::string match;
  access::Operations allow = 0;
  std::vector<std::string> users;  // empty: all
  std::vector<std::string> keys;   // names of API keys, which may then do no more than such rules say

  friend bool operator==(const PermissionRule&, const PermissionRule&) = default;
};
inline constexpr size_t kSocketIoNamespacesMax = 100;
inline constexpr size_t kPermissionRulesMax = 250;

// A `[[routes]]` section: what is spoken at a path, and what is set for the connections that come there.
struct RouteRule {
  std::string path;  // "{}" stands for one or more characters
  session::Dialect dialect = session::Dialect::native;
  session::NativeTransport transport = session::NativeTransport::websocket;
  std::vector<std::string> with, without, join;
  bool without_subprotocol = false;  // not for clients that offer ringcast.v1
  session::RouteSettings settings;

  friend bool operator==(const RouteRule&, const RouteRule&) = default;
};

struct Options {
  Options();  // the defaults of the table

  // Presets
  std::vector<std::string> presets;  // what they set is below, as if it stood in the file
  bool token_hub_any_path;
  bool sse_broker_topics;
  bool sse_broker_metrics;

  // Listening
  std::vector<std::string> listen;  // as given; see listen_addresses()
  uint64_t port;
  std::string admin_listen;
  std::vector<std::string> proxy_listen;  // beside `listen`: connections begin with a PROXY header
  UnixSocketMode unix_socket_mode;
  std::vector<std::string> trusted_proxies;
  ForwardedHeader forwarded_header;
  bool insecure;
  uint64_t backlog;
  uint64_t send_buffer_size;  // as getsockopt shows it
  Duration tcp_user_timeout;

  // TLS
  std::vector<std::string> tls_listen;  // as given; see tls_listen_addresses()
  std::vector<std::string> tls_certificate;
  std::vector<std::string> tls_key;  // in the order of the certificates
  bool admin_tls;
  std::string tls_client_ca;
  TlsClientAuth tls_client_auth;
  TlsVersion tls_min_version;
  std::string tls_ticket_key_file;
  Duration tls_handshake_timeout;
  uint64_t tls_handshakes_max;
  uint64_t tls_handshakes_per_second;  // 0: unlimited

  // Reactors
  io::Engine io;
  uint64_t reactors;  // 0: one for each CPU that this process may use
  bool pin_cpus;
  Duration spin;
  uint64_t receive_buffer_size;
  uint64_t receive_buffers;
  uint64_t mesh_ring_slots;
  uint64_t mesh_credit_messages;
  uint64_t mesh_credit_size;

  // Access
  std::vector<std::string> hosts;
  std::vector<std::string> origins;
  bool cors_credentials;
  Duration cors_max_age;
  std::vector<std::string> api_keys;
  bool status_open;
  bool tenants;
  Permission clients_may_broadcast;
  Permission clients_may_direct;
  std::vector<PermissionRule> permissions;

  // Tokens
  std::vector<std::string> jwt_keys;  // "ALG:FILE" or "ALG/KID:FILE"
  std::string jwks;                   // a file or an http(s) URL
  Duration jwks_refresh;
  std::string jwks_ca_file;  // empty: the system's
  std::vector<std::string> jwt_issuers;
  std::vector<std::string> jwt_audiences;
  Duration jwt_leeway;
  bool jwt_expiry_required;
  std::string jwt_user_claim;
  std::string jwt_tenant_claim;
  std::string jwt_name_claim;
  bool token_required;
  std::string token_cookie;
  uint64_t token_size_max;
  Duration token_notice;  // 0: none
  std::string revocations_file;
  uint64_t revocations_max;

  // Webhooks
  std::vector<hooks::EndpointOptions> webhooks;
  Duration decision_timeout;
  uint64_t undecided_messages_max;
  Duration vacated_grace;

  // Pages
  bool page;
  std::string web_root;
  std::string static_dir;
  std::string static_prefix;  // "/static/" or "/"
  uint64_t static_file_size_max;
  uint64_t static_cache_size;  // of all reactors
  std::string content_security_policy;
  bool echo;

  // Socket.IO
  std::string socketio_path;  // empty: it is not spoken
  SocketIoApplication socketio_application;
  bool socketio_echo;
  SocketIoTransports socketio_transports;
  std::vector<std::string> socketio_namespaces;  // empty: "/"
  std::string socketio_room;
  std::string socketio_client_dir;
  Duration socketio_ping_interval;
  Duration socketio_ping_timeout;
  Duration socketio_connect_timeout;
  uint64_t socketio_payload_size_max;
  uint64_t socketio_attachments_max;
  uint64_t socketio_sessions_max;
  uint64_t socketio_unconnected_max;
  Duration socketio_recovery;
  uint64_t socketio_recovery_messages_max;
  uint64_t socketio_recovery_size_max;
  uint64_t socketio_recovery_memory_max;

  // HTTP/2
  bool http2;
  uint64_t http2_streams_max;
  uint64_t http2_streams_total;
  uint64_t http2_memory_max;
  uint64_t http2_resets_per_second;
  uint64_t http2_control_frames_per_second;

  // Connections
  uint64_t connections_max;              // 0: descriptors - 5 %
  uint64_t connections_per_address_max;  // 0: unlimited
  uint64_t connections_per_user_max;     // 0: unlimited
  uint64_t rooms_per_websocket_max;
  uint64_t rooms_per_stream_max;
  uint64_t outbox_size_max;
  uint64_t outbox_messages_max;
  uint64_t slow_readers_size_max;  // 0: an eighth of memory
  Duration close_timeout;

  // Rates; 0: unlimited
  uint64_t user_connects_per_minute;
  uint64_t address_connects_per_minute;
  uint64_t key_connects_per_minute;
  uint64_t connection_messages_per_second;
  uint64_t user_messages_per_second;
  uint64_t address_messages_per_second;
  uint64_t key_messages_per_second;
  uint64_t connection_bytes_per_second;
  uint64_t user_bytes_per_second;
  uint64_t address_bytes_per_second;
  uint64_t key_bytes_per_second;
  Duration rate_burst;
  uint64_t rate_strikes_max;
  uint64_t rate_subjects_max;
  uint64_t address_prefix_bits;

  // Requests and messages
  uint64_t message_size_max;
  uint64_t inflated_size_max;  // 0: message_size_max
  uint64_t request_line_size_max;
  uint64_t headers_size_max;
  uint64_t headers_max;
  uint64_t body_size_max;
  Duration request_timeout;
  Duration keep_alive_timeout;
  bool deflate;
  uint64_t deflate_size_min;
  Duration poll_timeout;
  Duration poll_timeout_max;
  uint64_t poll_answer_size_max;
  uint64_t json_depth_max;
  uint64_t batch_items_max;
  uint64_t list_limit;
  uint64_t list_limit_max;
  uint64_t stats_rooms_max;

  // Rooms
  RoomOptions room_defaults;
  std::vector<RoomRule> rooms;    // first match wins
  std::vector<RouteRule> routes;  // before the built-in ones; first match wins
  uint64_t inbox_messages;
  uint64_t history_total_size_max;  // 0: a quarter of memory
  uint64_t channels_max;
  uint64_t replay_chunk_size;
  Duration idempotency_window;
  uint64_t idempotency_keys_max;
  uint64_t forgotten_positions_max;

  // Cluster
  std::string broker;          // empty: none
  std::string broker_ca_file;  // empty: the system's
  std::string broker_prefix;
  std::string node_name;  // empty: the host's
  Duration broker_timeout;
  uint64_t broker_queue_size_max;
  Duration broker_lease;
  Duration broker_revocations_ttl;
  std::string mirror_url;  // empty: the broker's Redis
  uint64_t mirror_queue_size_max;
  std::vector<inlets::InletOptions> inlets;

  // Heartbeats
  Duration heartbeat_interval;
  Duration heartbeat_timeout;
  Duration retry;
  uint64_t retry_jitter_percent;
  Duration retry_after;

  // Drain
  Duration drain_delay;
  Duration drain_period;

  // Logs
  LogLevel log_level;
  LogFormat log_format;
  std::string log_file;  // empty: standard error

  // Does anything stand between a stranger and the rooms?
  bool has_authentication() const { return !api_keys.empty() || has_tokens(); }
  bool has_tls() const { return !tls_listen.empty() || admin_tls; }
  bool has_mirror() const {
    return !room_defaults.mirror.empty() ||
           std::any_of(rooms.begin(), rooms.end(), [](const RoomRule& rule) { return !rule.options.mirror.empty(); });
  }
  bool has_tokens() const { return !jwt_keys.empty() || !jwks.empty(); }

  friend bool operator==(const Options&, const Options&) = default;
};

// Where to listen, resolved: `listen` with the port added where an entry has none; when it is empty, all addresses with
// authentication and without `tls_listen`, else 127.0.0.1 and [::1].
[[nodiscard]] Result<std::vector<io::SocketAddress>> listen_addresses(const Options& options);

// Those of `proxy_listen`.
[[nodiscard]] Result<std::vector<io::SocketAddress>> proxy_listen_addresses(const Options& options);

// Those of `tls_listen`, which have a port each.
[[nodiscard]] Result<std::vector<io::SocketAddress>> tls_listen_addresses(const Options& options);

// For commands beside the server itself, which have settings but do not check a start.
inline constexpr std::string_view kCheckAlone =
    "command line: --check-config takes no command: ringcast --check-config";

// What the command line asks for.
struct Invocation {
  enum class Action : uint8_t { run, print, check };  // check: Server::check()
  Action action = Action::run;
  Options options;
  std::string config_file;  // empty without one
  std::string text;         // print: what to write to standard output before ending with 0
};

// Reads file, environment and flags, in rising precedence, and checks the whole. `environment` is a null-terminated
// array as in environ(7). The error is one line: where it came from, key, value, what is allowed.
// A reload calls it again with the same arguments.
[[nodiscard]] Result<Invocation> load_options(int argc, const char* const* argv, const char* const* environment);

// Valid TOML with every setting, which loads back to the same options. With secrets hidden it is for reading: where one
// was, the text below stands, and loading it is refused.
enum class Secrets : uint8_t { hidden, shown };
inline constexpr std::string_view kHiddenSecret = "(hidden; --show-secrets)";
std::string print_config(const Options& options, Secrets secrets);

// What differs from the defaults, for the log: keys and values for people, secrets hidden; sections by their number.
std::vector<std::pair<std::string, std::string>> changed_settings(const Options& options);

// Which settings differ, by key (`rooms` for any [[rooms]] section). Authentication cannot be turned on or off by a
// reload: where the server listens was decided with it.
struct OptionsChange {
  std::vector<std::string> reloadable;     // take effect with a reload
  std::vector<std::string> needs_restart;  // stay as they were until a restart
};
OptionsChange diff_reloadable(const Options& running, const Options& loaded);
// `running` with the reloadable settings of `loaded`.
Options apply_reloadable(const Options& running, const Options& loaded);

}  // namespace ringcast::config
