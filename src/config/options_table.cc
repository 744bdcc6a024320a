// SPDX-License-Identifier: Apache-2.0
#include "config/options_table.h"

#include <type_traits>

#include "base/assert.h"

namespace ringcast::config {
namespace {

template <class T>
Value to_value(const T& field) {
  if constexpr (std::is_enum_v<T>) {
    return static_cast<uint64_t>(field);
  } else {
    return field;
  }
}

template <class T>
void from_value(T& field, Value value) {
  if constexpr (std::is_enum_v<T>) {
    field = static_cast<T>(std::get<uint64_t>(value));
  } else {
    field = std::get<T>(std::move(value));
  }
}

template <auto Member>
struct Access;

template <class T, T Options::*Member>
struct Access<Member> {
  static constexpr bool kPerRoom = false;
  static Value get(const Options& options, const RoomOptions&) { return to_value(options.*Member); }
  static void set(Options& options, RoomOptions&, Value value) { from_value(options.*Member, std::move(value)); }
};

template <class T, T RoomOptions::*Member>
struct Access<Member> {
  static constexpr bool kPerRoom = true;
  static Value get(const Options&, const RoomOptions& room) { return to_value(room.*Member); }
  static void set(Options&, RoomOptions& room, Value value) { from_value(room.*Member, std::move(value)); }
};

struct Row : Setting {
  constexpr Row zero_is(std::string_view meaning) const {
    Row row = *this;
    row.zero = meaning;
    return row;
  }
  constexpr Row reloads() const {
    Row row = *this;
    row.reloadable = true;
    return row;
  }
};

template <auto Member>
constexpr Row row(std::string_view group, Kind kind, std::string_view key, std::string_view default_text, uint64_t min,
                  uint64_t max, std::string_view help) {
  Row row{};
  row.key = key;
  row.group = group;
  row.kind = kind;
  row.default_text = default_text;
  row.min = min;
  row.max = max;
  row.help = help;
  row.per_room = Access<Member>::kPerRoom;
  row.get = &Access<Member>::get;
  row.set = &Access<Member>::set;
  return row;
}

template <auto Member>
constexpr Row choice(std::string_view group, std::string_view key, std::string_view default_text,
                     std::string_view choices, std::string_view help) {
  Row row = config::row<Member>(group, Kind::choice, key, default_text, 0, 0, help);
  row.choices = choices;
  return row;
}

template <auto Member>
constexpr Row boolean(std::string_view group, std::string_view key, bool value, std::string_view help) {
  return row<Member>(group, Kind::boolean, key, value ? "true" : "false", 0, 1, help);
}

// A limit that is off by default, "unlimited".
template <auto Member>
constexpr Row rate(Kind kind, std::string_view key, uint64_t max, std::string_view help) {
  return row<Member>("Rates", kind, key, "0", 1, max, help).zero_is("unlimited").reloads();
}
constexpr uint64_t kRateMax = 100'000'000;

constexpr uint64_t kKiB = 1024, kMiB = 1024 * kKiB, kGiB = 1024 * kMiB, kTiB = 1024 * kGiB;
constexpr uint64_t kMs = 1'000'000, kSecond = 1000 * kMs, kMinute = 60 * kSecond, kHour = 60 * kMinute;
constexpr uint64_t kDay = 24 * kHour;
// Ids stay below 2^53 (exact in JavaScript); half of that leaves room to count on.
constexpr uint64_t kFirstIdMax = uint64_t{1} << 52;

constexpr auto kCount = Kind::count;
constexpr auto kSize = Kind::size;
constexpr auto kDuration = Kind::duration;
using O = Options;
using R = RoomOptions;

constexpr std::string_view kPresets = "Presets", kListening = "Listening", kTls = "TLS", kReactors = "Reactors",
                           kAccess = "Access", kTokens = "Tokens", kWebhooks = "Webhooks", kPages = "Pages",
                           kSocketIo = "Socket.IO", kHttp2 = "HTTP/2", kConnections = "Connections",
                           kRequests = "Requests and messages", kRates = "Rates", kRooms = "Rooms",
                           kCluster = "Cluster", kHeartbeats = "Heartbeats", kDrain = "Drain", kLogs = "Logs";

constexpr Row kSettings[] = {
    row<&O::presets>(kPresets, Kind::list, "presets", "", 1, 64,
                     "names of systems whose clients are served as they expect it; --presets lists them")
        .zero_is("none"),
    boolean<&O::token_hub_any_path>(kPresets, "token_hub_any_path", false,
                                    "every path is a token hub's for WebSockets without the subprotocol ringcast.v1"),
    boolean<&O::sse_broker_topics>(kPresets, "sse_broker_topics", true,
                                   "SSE brokers take topics=, and messages may be published to a topic")
        .reloads(),
    boolean<&O::sse_broker_metrics>(kPresets, "sse_broker_metrics", false,
                                    "/metrics has the names of the SSE broker module as well")
        .reloads(),

    row<&O::listen>(kListening, Kind::list, "listen", "", 1, 128,
                    "addresses to listen on: 127.0.0.1, [::1]:3000, *:3000, unix:/run/ringcast.sock")
        .zero_is("127.0.0.1 and [::1]; with an API key and without tls_listen all addresses"),
    row<&O::port>(kListening, kCount, "port", "3000", 1, 65535, "port of the addresses that name none")
        .zero_is("any free port, said at start"),
    row<&O::admin_listen>(kListening, Kind::text, "admin_listen", "", 1, 128,
                          "address of a listener of its own for the server calls, metrics and health")
        .zero_is("they are on the main port"),
    row<&O::proxy_listen>(kListening, Kind::list, "proxy_listen", "", 1, 128,
                          "addresses for proxies that speak the PROXY protocol (v1 or v2); like listen")
        .zero_is("none"),
    choice<&O::unix_socket_mode>(kListening, "unix_socket_mode", "0666", "0600|0660|0666",
                                 "who may connect to unix sockets: their owner, also its group, everybody"),
    row<&O::trusted_proxies>(
        kListening, Kind::list, "trusted_proxies", "", 1, 64,
        "proxies that are trusted to give the client's address: 192.0.2.1, 10.0.0.0/8, 2001:db8::/32, unix")
        .zero_is("none")
        .reloads(),
    choice<&O::forwarded_header>(kListening, "forwarded_header", "x_forwarded_for", "x_forwarded_for|forwarded",
                                 "field in which trusted proxies name the client; the other one is not looked at")
        .reloads(),
    boolean<&O::insecure>(kListening, "insecure", false, "allow a public address without authentication"),
    row<&O::backlog>(kListening, kCount, "backlog", "4096", 1, 65535,
                     "connections that the kernel queues per listener (clamped by net.core.somaxconn)"),
    row<&O::send_buffer_size>(kListening, kSize, "send_buffer_size", "256KiB", 16 * kKiB, 64 * kMiB,
                              "kernel send buffer of a connection, as getsockopt shows it"),
    row<&O::tcp_user_timeout>(kListening, kDuration, "tcp_user_timeout", "35s", kSecond, kHour,
                              "a peer that acknowledges nothing, or takes nothing, for so long is dead"),

    row<&O::tls_listen>(kTls, Kind::list, "tls_listen", "", 1, 128,
                        "addresses to listen on with TLS, each with its port: *:443, 127.0.0.1:3443")
        .zero_is("none"),
    row<&O::tls_certificate>(kTls, Kind::list, "tls_certificate", "", 1, 4096,
                             "files (PEM) of certificates, each with its chain; the client's name (SNI) chooses, the "
                             "first is for all others. Read again on SIGHUP")
        .zero_is("none")
        .reloads(),
    row<&O::tls_key>(kTls, Kind::list, "tls_key", "", 1, 4096,
                     "files (PEM) of their private keys, in the same order. Read again on SIGHUP")
        .zero_is("none")
        .reloads(),
    boolean<&O::admin_tls>(kTls, "admin_tls", false, "admin_listen speaks TLS, too"),
    row<&O::tls_client_ca>(kTls, Kind::text, "tls_client_ca", "", 1, 4096,
                           "file (PEM) of the authorities that sign clients' certificates. Read again on SIGHUP")
        .zero_is("clients are not asked for one"),
    choice<&O::tls_client_auth>(kTls, "tls_client_auth", "admin", "admin|all",
                                "with tls_client_ca: only the admin port asks for certificates, or all TLS ports"),
    choice<&O::tls_min_version>(kTls, "tls_min_version", "1.2", "1.2|1.3", "older versions of TLS are refused")
        .reloads(),
    row<&O::tls_ticket_key_file>(kTls, Kind::text, "tls_ticket_key_file", "", 1, 4096,
                                 "file of keys of 80 random bytes each for session tickets, shared by servers behind "
                                 "one name; new tickets are made with the first. Read again on SIGHUP")
        .zero_is("the server's own, which change every 4 hours")
        .reloads(),
    row<&O::tls_handshake_timeout>(kTls, kDuration, "tls_handshake_timeout", "10s", 100 * kMs, kHour,
                                   "time for a handshake, and before that for the wait for its turn")
        .reloads(),
    row<&O::tls_handshakes_max>(kTls, kCount, "tls_handshakes_max", "1024", 1, 1'000'000,
                                "handshakes at a time; eight times as many wait for their turn, more are refused")
        .reloads(),
    row<&O::tls_handshakes_per_second>(kTls, kCount, "tls_handshakes_per_second", "0", 1, 1'000'000,
                                       "handshakes begun in a second; others wait for their turn")
        .zero_is("unlimited")
        .reloads(),

    choice<&O::io>(kReactors, "io", "auto", "auto|uring|epoll", "kernel engine; auto is io_uring where it works"),
    row<&O::reactors>(kReactors, kCount, "reactors", "0", 1, 256, "reactor threads; may be more than cores")
        .zero_is("one for each usable CPU"),
    boolean<&O::pin_cpus>(kReactors, "pin_cpus", false, "bind each reactor to a CPU"),
    row<&O::spin>(kReactors, kDuration, "spin", "0s", 1'000, 10 * kMs, "look for work so long before sleeping")
        .zero_is("sleep at once"),
    row<&O::receive_buffer_size>(kReactors, kSize, "receive_buffer_size", "2KiB", 512, 64 * kKiB,
                                 "one receive buffer of a reactor"),
    row<&O::receive_buffers>(kReactors, kCount, "receive_buffers", "1024", 16, 32768,
                             "receive buffers per reactor, a power of two"),
    row<&O::mesh_ring_slots>(kReactors, kCount, "mesh_ring_slots", "256", 16, 65536,
                             "what the ring between two reactors holds, a power of two"),
    row<&O::mesh_credit_messages>(kReactors, kCount, "mesh_credit_messages", "1024", 1, 1'048'576,
                                  "publishes in flight between two reactors"),
    row<&O::mesh_credit_size>(kReactors, kSize, "mesh_credit_size", "1MiB", kKiB, kGiB,
                              "bytes in flight between two reactors; a larger message goes alone"),

    row<&O::hosts>(kAccess, Kind::list, "hosts", "", 1, 256,
                   "Host fields that are answered: example.org, *.example.org, example.org:8080; others get 421")
        .zero_is("any")
        .reloads(),
    row<&O::origins>(kAccess, Kind::list, "origins", "", 1, 256,
                     "allowed Origin headers: https://example.org, https://*.example.org, *")
        .zero_is("the same host, or none")
        .reloads(),
    boolean<&O::cors_credentials>(kAccess, "cors_credentials", false,
                                  "pages of the listed origins may send cookies and client certificates")
        .reloads(),
    row<&O::cors_max_age>(kAccess, kDuration, "cors_max_age", "10min", kSecond, kDay,
                          "browsers remember the answer to a preflight so long")
        .zero_is("not at all")
        .reloads(),
    row<&O::api_keys>(kAccess, Kind::list, "api_keys", "", 16, 256,
                      "keys that open the server calls, each with or without a name: SECRET, billing:SECRET")
        .zero_is("none")
        .reloads(),
    boolean<&O::status_open>(kAccess, "status_open", true, "/stats, /health and /ready answer without a key").reloads(),
    boolean<&O::tenants>(kAccess, "tenants", true, "without authentication, take the tenant from tenant="),
    choice<&O::clients_may_broadcast>(kAccess, "clients_may_broadcast", "auto", "auto|yes|no",
                                      "clients may publish to *; auto: only without authentication")
        .reloads(),
    choice<&O::clients_may_direct>(kAccess, "clients_may_direct", "auto", "auto|yes|no",
                                   "clients may write to another user's inbox; auto: only without authentication")
        .reloads(),

    row<&O::jwt_keys>(kTokens, Kind::list, "jwt_keys", "", 7, 512,
                      "keys that tokens of users are signed with: HS256:/run/secret, RS256/KEY_ID:/etc/key.pem; "
                      "HS, RS and ES 256, 384, 512, EdDSA")
        .zero_is("none; without jwks there are no tokens")
        .reloads(),
    row<&O::jwks>(kTokens, Kind::text, "jwks", "", 1, 2048,
                  "file or http(s) URL of a JSON Web Key Set with further keys")
        .zero_is("none"),
    row<&O::jwks_refresh>(kTokens, kDuration, "jwks_refresh", "5min", kSecond, kDay,
                          "a JWKS from a URL is fetched again after so long; sooner for a token with an unknown key"),
    row<&O::jwks_ca_file>(kTokens, Kind::text, "jwks_ca_file", "", 1, 4096,
                          "certificates (PEM) that the server of a JWKS is verified with")
        .zero_is("the system's"),
    row<&O::jwt_issuers>(kTokens, Kind::list, "jwt_issuers", "", 1, 256, "a token's iss is one of these")
        .zero_is("it is not looked at")
        .reloads(),
    row<&O::jwt_audiences>(kTokens, Kind::list, "jwt_audiences", "", 1, 256, "a token's aud names one of these")
        .zero_is("it is not looked at")
        .reloads(),
    row<&O::jwt_leeway>(kTokens, kDuration, "jwt_leeway", "30s", kSecond, kHour,
                        "how far the clocks of issuer and server may differ (exp, nbf)")
        .zero_is("not at all")
        .reloads(),
    boolean<&O::jwt_expiry_required>(kTokens, "jwt_expiry_required", true, "refuse tokens without exp").reloads(),
    row<&O::jwt_user_claim>(kTokens, Kind::text, "jwt_user_claim", "sub", 1, 64, "the claim that names the user")
        .reloads(),
    row<&O::jwt_tenant_claim>(kTokens, Kind::text, "jwt_tenant_claim", "tenant", 1, 64,
                              "the claim that names the tenant")
        .reloads(),
    row<&O::jwt_name_claim>(kTokens, Kind::text, "jwt_name_claim", "name", 1, 64,
                            "the claim by which token hubs and chat hubs show the user")
        .reloads(),
    boolean<&O::token_required>(kTokens, "token_required", true,
                                "refuse clients without a token once there are keys; else they are anonymous")
        .reloads(),
    row<&O::token_cookie>(kTokens, Kind::text, "token_cookie", "", 1, 64, "name of a cookie that may hold the token")
        .zero_is("none")
        .reloads(),
    row<&O::token_size_max>(kTokens, kSize, "token_size_max", "4KiB", 64, 64 * kKiB, "a token").reloads(),
    row<&O::token_notice>(kTokens, kDuration, "token_notice", "60s", kSecond, kDay,
                          "token_expiring is sent so long before a connection's token ends")
        .zero_is("it is not sent")
        .reloads(),
    row<&O::revocations_file>(kTokens, Kind::text, "revocations_file", "", 1, 4096,
                              "file of revoked tokens and users; read again on SIGHUP")
        .zero_is("none")
        .reloads(),
    row<&O::revocations_max>(kTokens, kCount, "revocations_max", "100000", 1, 10'000'000,
                             "revocations of the file, and as many again of DELETE /tokens and /users/.../tokens"),

    row<&O::decision_timeout>(kWebhooks, kDuration, "decision_timeout", "30s", 100 * kMs, kHour,
                              "a question of a webhook or the host program that is not answered by then is refused")
        .reloads(),
    row<&O::undecided_messages_max>(kWebhooks, kCount, "undecided_messages_max", "16", 1, 10'000,
                                    "messages of a WebSocket that wait for a decision")
        .reloads(),
    row<&O::vacated_grace>(kWebhooks, kDuration, "vacated_grace", "10s", 1 * kMs, kHour,
                           "a room is reported as vacated when it has had no members for so long")
        .reloads(),

    boolean<&O::page>(kPages, "page", true, "serve the chat and live-stats page at /"),
    row<&O::web_root>(kPages, Kind::text, "web_root", "", 1, 4096,
                      "directory of files to serve instead of that page; /client/ stays")
        .zero_is("the built-in page"),
    row<&O::static_dir>(kPages, Kind::text, "static_dir", "", 1, 4096, "directory of files to serve as well")
        .zero_is("none"),
    row<&O::static_prefix>(kPages, Kind::text, "static_prefix", "/static/", 1, 8,
                           "where the files of static_dir are: /static/, or / (and /static/)"),
    row<&O::static_file_size_max>(kPages, kSize, "static_file_size_max", "16MiB", kKiB, kGiB,
                                  "a file of web_root or static_dir"),
    row<&O::static_cache_size>(kPages, kSize, "static_cache_size", "64MiB", 1, 16 * kGiB,
                               "files kept in memory as long as they do not change")
        .zero_is("none"),
    row<&O::content_security_policy>(kPages, Kind::text, "content_security_policy", "", 1, 4096,
                                     "Content-Security-Policy of the files of web_root and static_dir")
        .zero_is("not sent")
        .reloads(),
    boolean<&O::echo>(kPages, "echo", false, "/echo: a WebSocket that sends everything back"),

    row<&O::socketio_path>(kSocketIo, Kind::text, "socketio_path", "/socket.io/", 2, 128,
                           "path at which Socket.IO is spoken")
        .zero_is("nowhere"),
    choice<&O::socketio_application>(kSocketIo, "socketio_application", "chat", "chat|response|none",
                                     "what is done with events: the chat of docs/socketio.md, each message sent back "
                                     "as response, or your application alone, by webhook or hook"),
    boolean<&O::socketio_echo>(kSocketIo, "socketio_echo", false,
                               "what the protocols' public test suites talk to: Engine.IO at /engine.io/, and at "
                               "socketio_path an application that sends back"),
    choice<&O::socketio_transports>(kSocketIo, "socketio_transports", "all", "all|polling|websocket",
                                    "what may carry a session; all has polling, and the upgrade to a WebSocket"),
    row<&O::socketio_namespaces>(kSocketIo, Kind::list, "socketio_namespaces", "", 1, 64,
                                 "namespaces that may be connected to: /, /admin")
        .zero_is("/"),
    row<&O::socketio_room>(kSocketIo, Kind::text, "socketio_room", "lobby", 1, 64,
                           "room that everybody of a namespace is in"),
    row<&O::socketio_client_dir>(kSocketIo, Kind::text, "socketio_client_dir", "", 1, 4096,
                                 "directory of the client's bundle, socket.io-client/dist, served below /socket.io/")
        .zero_is("none"),
    row<&O::socketio_ping_interval>(kSocketIo, kDuration, "socketio_ping_interval", "25s", 100 * kMs, kHour,
                                    "time between the answer to a ping and the next ping")
        .reloads(),
    row<&O::socketio_ping_timeout>(kSocketIo, kDuration, "socketio_ping_timeout", "20s", 100 * kMs, kHour,
                                   "a session whose client does not answer a ping for so long is over")
        .reloads(),
    row<&O::socketio_connect_timeout>(kSocketIo, kDuration, "socketio_connect_timeout", "45s", 100 * kMs, kHour,
                                      "a session without a namespace for so long is over")
        .reloads(),
    row<&O::socketio_payload_size_max>(
        kSocketIo, kSize, "socketio_payload_size_max", "1MB", kKiB, 64 * kMiB,
        "one polling request, one frame, one event with its attachments; at most body_size_max")
        .reloads(),
    row<&O::socketio_attachments_max>(kSocketIo, kCount, "socketio_attachments_max", "16", 0, 1000,
                                      "binary attachments of an event")
        .reloads(),
    row<&O::socketio_sessions_max>(kSocketIo, kCount, "socketio_sessions_max", "100000", 1, 10'000'000,
                                   "sessions in all, those without a connection at the moment included"),
    row<&O::socketio_unconnected_max>(kSocketIo, kCount, "socketio_unconnected_max", "10000", 1, 10'000'000,
                                      "sessions that have not connected to a namespace yet")
        .reloads(),
    row<&O::socketio_recovery>(kSocketIo, kDuration, "socketio_recovery", "0s", kSecond, kHour,
                               "connection state recovery: how long a client may be away and come back to its rooms, "
                               "its socket id and what it missed; events get an offset as their last argument")
        .zero_is("off"),
    row<&O::socketio_recovery_messages_max>(kSocketIo, kCount, "socketio_recovery_messages_max", "1000", 1, 1'000'000,
                                            "messages that a client may have missed; one that missed more begins anew")
        .reloads(),
    row<&O::socketio_recovery_size_max>(kSocketIo, kSize, "socketio_recovery_size_max", "1MB", kKiB, 64 * kMiB,
                                        "bytes of what a client may have missed; at most outbox_size_max counts")
        .reloads(),
    row<&O::socketio_recovery_memory_max>(kSocketIo, kSize, "socketio_recovery_memory_max", "64MB", kMiB, 64 * kGiB,
                                          "memory of recovery in all: the order of what was sent, clients that are "
                                          "away; the oldest is forgotten first")
        .reloads(),

    boolean<&O::http2>(kHttp2, "http2", true, "HTTP/2: by ALPN on TLS, by prior knowledge elsewhere"),
    row<&O::http2_streams_max>(kHttp2, kCount, "http2_streams_max", "100", 1, 10'000,
                               "streams of one connection at once"),
    row<&O::http2_streams_total>(kHttp2, kCount, "http2_streams_total", "100000", 1, 10'000'000,
                                 "streams of all connections at once; more are refused (REFUSED_STREAM)"),
    row<&O::http2_memory_max>(kHttp2, kSize, "http2_memory_max", "512KiB", 64 * kKiB, 64 * kMiB,
                              "what HTTP/2 keeps for one connection beside its streams; one that needs more is closed"),
    row<&O::http2_resets_per_second>(
        kHttp2, kCount, "http2_resets_per_second", "50", 1, 1'000'000,
        "streams that a client resets, or has reset by its faults; four seconds' worth at once, then it is closed"),
    row<&O::http2_control_frames_per_second>(kHttp2, kCount, "http2_control_frames_per_second", "100", 1, 1'000'000,
                                             "PING, SETTINGS, PRIORITY and empty DATA frames of a client; likewise"),

    row<&O::connections_max>(kConnections, kCount, "connections_max", "0", 1, 100'000'000, "connections in all")
        .zero_is("the descriptor limit less 5 %"),
    row<&O::connections_per_address_max>(kConnections, kCount, "connections_per_address_max", "0", 1, 100'000'000,
                                         "connections from one address; loopback is not counted")
        .zero_is("unlimited")
        .reloads(),
    row<&O::connections_per_user_max>(kConnections, kCount, "connections_per_user_max", "0", 1, 100'000'000,
                                      "WebSockets, streams and polls of one user")
        .zero_is("unlimited")
        .reloads(),
    row<&O::rooms_per_websocket_max>(kConnections, kCount, "rooms_per_websocket_max", "100", 1, 65535,
                                     "rooms that a WebSocket may be in")
        .reloads(),
    row<&O::rooms_per_stream_max>(kConnections, kCount, "rooms_per_stream_max", "32", 1, 32,
                                  "channels of an SSE stream or a poll")
        .reloads(),
    row<&O::outbox_size_max>(kConnections, kSize, "outbox_size_max", "1MiB", kKiB, kGiB,
                             "bytes waiting for a connection beyond what its socket took"),
    row<&O::outbox_messages_max>(kConnections, kCount, "outbox_messages_max", "256", 1, 1'048'576,
                                 "messages waiting for a connection; a replay does not count"),
    row<&O::slow_readers_size_max>(kConnections, kSize, "slow_readers_size_max", "0", kMiB, kTiB,
                                   "bytes waiting for all connections; then one of the largest outboxes is closed")
        .zero_is("an eighth of memory"),
    row<&O::close_timeout>(kConnections, kDuration, "close_timeout", "5s", 100 * kMs, 10 * kMinute,
                           "a closing connection whose client reads nothing for so long is reset")
        .reloads(),

    rate<&O::user_connects_per_minute>(kCount, "user_connects_per_minute", kRateMax,
                                       "WebSockets, streams and polls that a user opens"),
    rate<&O::address_connects_per_minute>(kCount, "address_connects_per_minute", kRateMax,
                                          "the same from one address; loopback is not counted"),
    rate<&O::key_connects_per_minute>(kCount, "key_connects_per_minute", kRateMax, "the same with one API key"),
    rate<&O::connection_messages_per_second>(kCount, "connection_messages_per_second", kRateMax,
                                             "messages from one WebSocket"),
    rate<&O::user_messages_per_second>(kCount, "user_messages_per_second", kRateMax,
                                       "messages and server calls of one user, over all connections"),
    rate<&O::address_messages_per_second>(kCount, "address_messages_per_second", kRateMax,
                                          "the same from one address; loopback is not counted"),
    rate<&O::key_messages_per_second>(kCount, "key_messages_per_second", kRateMax, "the same with one API key"),
    rate<&O::connection_bytes_per_second>(kSize, "connection_bytes_per_second", kTiB, "their bytes, of one WebSocket"),
    rate<&O::user_bytes_per_second>(kSize, "user_bytes_per_second", kTiB, "their bytes, of one user"),
    rate<&O::address_bytes_per_second>(kSize, "address_bytes_per_second", kTiB, "their bytes, from one address"),
    rate<&O::key_bytes_per_second>(kSize, "key_bytes_per_second", kTiB, "their bytes, with one API key"),
    row<&O::rate_burst>(kRates, kDuration, "rate_burst", "10s", 100 * kMs, kHour,
                        "what may come at once: as much as the rate allows in so long, at least one")
        .reloads(),
    row<&O::rate_strikes_max>(kRates, kCount, "rate_strikes_max", "10", 1, 1'000'000,
                              "a WebSocket is closed when so many of its messages in a row were refused")
        .reloads(),
    row<&O::rate_subjects_max>(kRates, kCount, "rate_subjects_max", "1000000", 1000, 100'000'000,
                               "users, addresses and keys whose rates are remembered; the longest idle go first")
        .reloads(),
    row<&O::address_prefix_bits>(kRates, kCount, "address_prefix_bits", "64", 16, 128,
                                 "IPv6 addresses that share so many bits count as one")
        .reloads(),

    row<&O::message_size_max>(kRequests, kSize, "message_size_max", "64KiB", 1, 64 * kMiB,
                              "a message, from a WebSocket or published"),
    row<&O::inflated_size_max>(kRequests, kSize, "inflated_size_max", "0", 1, 64 * kMiB, "a message once decompressed")
        .zero_is("message_size_max"),
    row<&O::request_line_size_max>(kRequests, kSize, "request_line_size_max", "8KiB", 64, kMiB, "a request line"),
    row<&O::headers_size_max>(kRequests, kSize, "headers_size_max", "16KiB", 256, kMiB, "all headers of a request"),
    row<&O::headers_max>(kRequests, kCount, "headers_max", "64", 8, 1024, "headers of a request"),
    row<&O::body_size_max>(kRequests, kSize, "body_size_max", "1MiB", 1, kGiB, "the body of a request"),
    row<&O::request_timeout>(kRequests, kDuration, "request_timeout", "10s", 100 * kMs, kHour,
                             "time for the head of a request, and for its body unless 500 bytes of it arrive a second")
        .reloads(),
    row<&O::keep_alive_timeout>(kRequests, kDuration, "keep_alive_timeout", "75s", 100 * kMs, kHour,
                                "a connection that has read its answers is kept for the next request")
        .reloads(),
    boolean<&O::deflate>(kRequests, "deflate", true, "offer permessage-deflate on WebSockets"),
    row<&O::deflate_size_min>(kRequests, kSize, "deflate_size_min", "1KiB", 1, 64 * kMiB,
                              "frames below it are sent uncompressed"),
    row<&O::poll_timeout>(kRequests, kDuration, "poll_timeout", "30s", kSecond, 120 * kSecond,
                          "a long poll without timeout= waits so long")
        .reloads(),
    row<&O::poll_timeout_max>(kRequests, kDuration, "poll_timeout_max", "120s", kSecond, kHour,
                              "the longest timeout= of a long poll")
        .reloads(),
    row<&O::poll_answer_size_max>(kRequests, kSize, "poll_answer_size_max", "256KiB", kKiB, 64 * kMiB,
                                  "one answer of a long poll; at least one event"),
    row<&O::json_depth_max>(kRequests, kCount, "json_depth_max", "32", 4, 256, "nesting of JSON that clients send"),
    row<&O::batch_items_max>(kRequests, kCount, "batch_items_max", "1000", 1, 100'000, "messages of one POST"),
    row<&O::list_limit>(kRequests, kCount, "list_limit", "100", 1, 10'000, "items of a list without limit=").reloads(),
    row<&O::list_limit_max>(kRequests, kCount, "list_limit_max", "1000", 1, 10'000, "the largest limit= of a list")
        .reloads(),
    row<&O::stats_rooms_max>(kRequests, kCount, "stats_rooms_max", "100", 1, 10'000, "rooms listed by /stats")
        .reloads(),

    row<&R::history_messages>(kRooms, kCount, "history_messages", "1000", 1, 1'000'000, "messages kept per room")
        .zero_is("no history"),
    row<&R::history_size_max>(kRooms, kSize, "history_size_max", "1MiB", kKiB, 4 * kGiB,
                              "bytes kept per room and per inbox"),
    row<&R::history_ttl>(kRooms, kDuration, "history_ttl", "24h", kSecond, 3650 * kDay,
                         "age up to which a message is kept"),
    row<&R::first_id>(kRooms, kCount, "first_id", "0", 1, kFirstIdMax,
                      "first id of a new room; fixed ids mean something else after a restart")
        .zero_is("from the clock, so that ids rise over a restart"),
    row<&R::empty_room_ttl>(kRooms, kDuration, "empty_room_ttl", "60s", kSecond, 3650 * kDay,
                            "an empty room without history is kept so long")
        .zero_is("gone at once"),
    boolean<&R::last_value>(kRooms, "last_value", false, "who joins without a cursor gets the newest message first"),
    row<&R::final_when>(kRooms, Kind::list, "final_when", "", 3, 256,
                        "data with such a member is a room's last message: status=completed")
        .zero_is("only what is published as final"),
    choice<&R::slow_consumer>(kRooms, "slow_consumer", "disconnect", "disconnect|drop_oldest|drop_newest",
                              "what happens to a member that falls behind"),
    boolean<&R::presence>(kRooms, "presence", true, "send member_joined, member_left and status"),
    row<&R::presence_members_max>(kRooms, kCount, "presence_members_max", "1000", 1, 100'000'000,
                                  "no presence events in a room with more members, until it has 20 % fewer"),
    row<&R::presence_interval>(kRooms, kDuration, "presence_interval", "100ms", 10 * kMs, 10 * kSecond,
                               "presence events of a room are sent so often at most, then those of that time together")
        .zero_is("each at once"),
    row<&R::presence_leave_grace>(kRooms, kDuration, "presence_leave_grace", "6s", 100 * kMs, kHour,
                                  "a member whose connection is lost has left after so long")
        .zero_is("at once"),
    row<&R::presence_poll_grace>(kRooms, kDuration, "presence_poll_grace", "10s", 100 * kMs, kHour,
                                 "the same for members that poll")
        .zero_is("at once"),
    boolean<&R::shared>(kRooms, "shared", true, "with broker: one room over all nodes, else one on each"),
    row<&R::mirror>(kRooms, Kind::text, "mirror", "", 1, 128,
                    "a Redis channel that gets a copy of each message: room:{} with the room's name, {tenant} with its "
                    "tenant's")
        .zero_is("none"),
    row<&O::inbox_messages>(kRooms, kCount, "inbox_messages", "100", 1, 1'000'000, "messages kept per inbox")
        .zero_is("no history"),
    row<&O::history_total_size_max>(kRooms, kSize, "history_total_size_max", "0", kMiB, kTiB,
                                    "history in all; the least recently published goes first")
        .zero_is("a quarter of memory"),
    row<&O::channels_max>(kRooms, kCount, "channels_max", "4000000", 1, 100'000'000, "rooms and inboxes in all"),
    row<&O::replay_chunk_size>(kRooms, kSize, "replay_chunk_size", "64KiB", 4 * kKiB, kMiB,
                               "what one step of a replay holds; at least one message"),
    row<&O::idempotency_window>(kRooms, kDuration, "idempotency_window", "5min", kSecond, kDay,
                                "an idempotency_key is remembered so long"),
    row<&O::idempotency_keys_max>(kRooms, kCount, "idempotency_keys_max", "1000000", 1, 100'000'000,
                                  "idempotency keys in all; the oldest go first"),
    row<&O::forgotten_positions_max>(kRooms, kCount, "forgotten_positions_max", "250000", 1, 100'000'000,
                                     "rooms and inboxes that are gone whose ids go on when they come back"),

    row<&O::broker>(
        kCluster, Kind::text, "broker", "", 1, 512,
        "redis://USER:PASSWORD@HOST:PORT/DATABASE that orders the rooms of several nodes; rediss:// over TLS; "
        "redis+sentinel://HOST:PORT,HOST:PORT?master=NAME as Sentinels know it")
        .zero_is("this node is alone"),
    row<&O::broker_ca_file>(kCluster, Kind::text, "broker_ca_file", "", 1, 4096,
                            "certificates (PEM) that a broker over TLS is verified with")
        .zero_is("the system's"),
    row<&O::broker_prefix>(kCluster, Kind::text, "broker_prefix", "ringcast", 1, 64,
                           "what keys and channels there begin with; the same on all nodes of a cluster"),
    row<&O::node_name>(kCluster, Kind::text, "node_name", "", 1, 64, "this node as the broker's CLIENT LIST shows it")
        .zero_is("the host's name"),
    row<&O::broker_timeout>(kCluster, kDuration, "broker_timeout", "1s", 100 * kMs, kMinute,
                            "a publish or a join waits so long for a broker that is away"),
    row<&O::broker_queue_size_max>(kCluster, kSize, "broker_queue_size_max", "64MiB", kMiB, kTiB,
                                   "publishes that have no outcome yet; more are refused"),
    row<&O::broker_lease>(kCluster, kDuration, "broker_lease", "10s", kSecond, 5 * kMinute,
                          "users of a node that is not heard of for so long leave"),
    row<&O::broker_revocations_ttl>(kCluster, kDuration, "broker_revocations_ttl", "90d", kSecond, 3650 * kDay,
                                    "a revocation is kept there so long; at least as long as tokens are good"),
    row<&O::mirror_url>(kCluster, Kind::text, "mirror_url", "", 1, 512,
                        "redis://USER:PASSWORD@HOST:PORT that gets the copies of mirror")
        .zero_is("that of broker"),
    row<&O::mirror_queue_size_max>(kCluster, kSize, "mirror_queue_size_max", "8MiB", 64 * kKiB, kTiB,
                                   "copies that Redis has not taken yet; more are dropped and counted"),

    row<&O::heartbeat_interval>(kHeartbeats, kDuration, "heartbeat_interval", "25s", kSecond, kHour,
                                "a connection that was silent so long gets a heartbeat"),
    row<&O::heartbeat_timeout>(kHeartbeats, kDuration, "heartbeat_timeout", "10s", 100 * kMs, kHour,
                               "a WebSocket that does not react to it within this is closed"),
    row<&O::retry>(kHeartbeats, kDuration, "retry", "3000ms", 100 * kMs, kHour, "retry: of SSE streams").reloads(),
    row<&O::retry_jitter_percent>(kHeartbeats, kCount, "retry_jitter_percent", "50", 0, 90,
                                  "how far retry: varies up and down from connection to connection")
        .reloads(),
    row<&O::retry_after>(kHeartbeats, kDuration, "retry_after", "2s", kSecond, kHour,
                         "how long refused clients are asked to wait (Retry-After), varied likewise")
        .reloads(),

    row<&O::drain_delay>(kDrain, kDuration, "drain_delay", "2s", 100 * kMs, 10 * kMinute,
                         "/ready answers 503 so long before the listeners close")
        .zero_is("close at once")
        .reloads(),
    row<&O::drain_period>(kDrain, kDuration, "drain_period", "10s", 100 * kMs, kHour,
                          "clients are asked to reconnect elsewhere, spread over so long")
        .zero_is("all at once")
        .reloads(),

    choice<&O::log_level>(kLogs, "log_level", "info", "debug|info|warning|error|off", "the least that is logged")
        .reloads(),
    choice<&O::log_format>(kLogs, "log_format", "text", "text|json", "form of a log line"),
    row<&O::log_file>(kLogs, Kind::text, "log_file", "", 1, 4096, "file that the log is appended to")
        .zero_is("standard error"),
};

}  // namespace

// Rows are copied out of Row, which adds nothing but the two builders, so that a span of Setting can be handed out.
std::span<const Setting> settings() {
  static const std::vector<Setting> all(std::begin(kSettings), std::end(kSettings));
  return all;
}

const Setting* find_setting(std::string_view key) {
  for (const Setting& setting : settings()) {
    if (setting.key == key) return &setting;
  }
  return nullptr;
}

Options::Options() {
  for (const Setting& setting : settings()) {
    auto value = parse_value(setting, setting.default_text);
    RINGCAST_ASSERT(value.has_value());
    setting.set(*this, room_defaults, *std::move(value));
  }
}

}  // namespace ringcast::config
