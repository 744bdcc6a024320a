// SPDX-License-Identifier: Apache-2.0
#include "app/settings.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <string>

#include "base/keyed_hash.h"
#include "cluster/sentinel.h"
#include "cluster/settings.h"
#include "io/descriptor_table.h"

namespace ringcast::app {

namespace {

uint32_t narrow(uint64_t value) {
  return static_cast<uint32_t>(std::min<uint64_t>(value, UINT32_MAX));
}

std::chrono::milliseconds ms(config::Duration value) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(value);
}

constexpr uint64_t kHandshakesWaiting = 8;  // for each of those that may be in flight
constexpr uint64_t kMemoryUnknown = uint64_t{1} << 30;

// sysconf() asks sysinfo(2), which a filter may refuse.
uint64_t physical_memory() {
  const long pages = sysconf(_SC_PHYS_PAGES);
  if (pages > 0) return static_cast<uint64_t>(pages) * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  std::ifstream file("/proc/meminfo");
  uint64_t kilobytes = 0;
  for (std::string word; file >> word;) {
    if (word == "MemTotal:") file >> kilobytes;
  }
  return kilobytes != 0 ? kilobytes << 10 : kMemoryUnknown;
}

uint64_t cgroup_memory() {
  std::ifstream file("/sys/fs/cgroup/memory.max");
  uint64_t bytes = 0;
  return file >> bytes ? bytes : UINT64_MAX;  // "max", or no such file
}

hub::RoomPolicy policy_of(const config::RoomOptions& room) {
  hub::RoomPolicy policy;
  policy.history_messages = narrow(room.history_messages);
  policy.history_bytes = room.history_size_max;
  policy.history_ttl = std::chrono::duration_cast<std::chrono::seconds>(room.history_ttl);
  policy.empty_ttl = std::chrono::duration_cast<std::chrono::seconds>(room.empty_room_ttl);
  policy.first_id = room.first_id;
  policy.slow = room.slow_consumer;
  policy.last_value = room.last_value;
  for (const std::string& item : room.final_when) {
    const size_t equals = item.find('=');
    const std::string member = item.substr(0, equals);
    if (policy.final_when.empty() || policy.final_when.back().member != member)
      policy.final_when.push_back({member, {}});
    policy.final_when.back().texts.push_back(item.substr(equals + 1));
  }
  policy.presence = room.presence;
  policy.presence_events_max = narrow(room.presence_members_max);
  policy.presence_interval = ms(room.presence_interval);
  policy.leave_grace = ms(room.presence_leave_grace);
  policy.poll_leave_grace = ms(room.presence_poll_grace);
  policy.shared = room.shared;
  policy.mirror = room.mirror;
  return policy;
}

bool allowed(config::Permission permission, const config::Options& options) {
  return permission == config::Permission::automatic ? !options.has_authentication()
                                                     : permission == config::Permission::yes;
}

// Sockets that one reactor may hold.
uint64_t per_reactor(const Machine& machine, uint16_t reactors) {
  const uint64_t share = machine.own_tables ? machine.descriptors : machine.descriptors / reactors;
  const uint64_t usable = share - share / 20;
  return usable > kDescriptorsKept ? usable - kDescriptorsKept : 1;
}

}  // namespace

Machine Machine::here() {
  Machine machine;
  cpu_set_t cpus;
  if (sched_getaffinity(0, sizeof cpus, &cpus) == 0) machine.cpus = static_cast<uint16_t>(CPU_COUNT(&cpus));
  machine.memory_bytes = std::min(physical_memory(), cgroup_memory());
  machine.descriptors = io::descriptor_limit();
  machine.own_tables = io::can_own_descriptor_table();
  return machine;
}

uint16_t reactor_count(const config::Options& options, const Machine& machine) {
  return options.reactors == 0 ? machine.cpus : static_cast<uint16_t>(options.reactors);
}

access::RateLimits rate_limits(const config::Options& options, uint16_t cores) {
  using access::Charge;
  using access::Scope;
  access::RateLimits out;
  const auto set = [&](Scope scope, Charge charge, uint64_t amount) {
    const auto period = charge == Charge::connects ? std::chrono::seconds(60) : std::chrono::seconds(1);
    out.rate(scope, charge) = {amount, period, options.rate_burst};
  };
  set(Scope::user, Charge::connects, options.user_connects_per_minute);
  set(Scope::address, Charge::connects, options.address_connects_per_minute);
  set(Scope::key, Charge::connects, options.key_connects_per_minute);
  set(Scope::connection, Charge::messages, options.connection_messages_per_second);
  set(Scope::user, Charge::messages, options.user_messages_per_second);
  set(Scope::address, Charge::messages, options.address_messages_per_second);
  set(Scope::key, Charge::messages, options.key_messages_per_second);
  set(Scope::connection, Charge::bytes, options.connection_bytes_per_second);
  set(Scope::user, Charge::bytes, options.user_bytes_per_second);
  set(Scope::address, Charge::bytes, options.address_bytes_per_second);
  set(Scope::key, Charge::bytes, options.key_bytes_per_second);
  out.connections_max[static_cast<size_t>(Scope::address)] = narrow(options.connections_per_address_max);
  out.connections_max[static_cast<size_t>(Scope::user)] = narrow(options.connections_per_user_max);
  out.strikes_max = narrow(options.rate_strikes_max);
  out.subjects_max = narrow(std::max<uint64_t>(1, options.rate_subjects_max / cores));
  out.ipv6_prefix = static_cast<unsigned>(options.address_prefix_bits);
  return out;
}

session::SessionOptions session_options(const config::Options& options, const Machine& machine) {
  session::SessionOptions out;
  out.request_line_max = narrow(options.request_line_size_max);
  out.headers_bytes_max = narrow(options.headers_size_max);
  out.headers_max = narrow(options.headers_max);
  out.body_max = narrow(options.body_size_max);
  out.request_timeout = ms(options.request_timeout);
  out.keep_alive_timeout = ms(options.keep_alive_timeout);
  out.close_timeout = ms(options.close_timeout);
  const uint64_t all = per_reactor(machine, reactor_count(options, machine)) * reactor_count(options, machine);
  out.connections_max = narrow(options.connections_max == 0 ? all : std::min(options.connections_max, all));
  out.limits = rate_limits(options, reactor_count(options, machine));
  out.rooms_per_websocket_max = narrow(options.rooms_per_websocket_max);
  out.rooms_per_stream_max = narrow(options.rooms_per_stream_max);
  out.outbox_bytes_max = narrow(options.outbox_size_max);
  out.outbox_messages_max = narrow(options.outbox_messages_max);
  out.message_max = narrow(options.message_size_max);
  out.inflated_max = narrow(options.inflated_size_max == 0 ? options.message_size_max : options.inflated_size_max);
  out.json_depth_max = narrow(options.json_depth_max);
  out.batch_items_max = narrow(options.batch_items_max);
  out.deflate = options.deflate;
  out.deflate_from = narrow(options.deflate_size_min);
  out.decision_timeout = ms(options.decision_timeout);
  out.undecided_messages_max = narrow(options.undecided_messages_max);
  out.vacated_grace = ms(options.vacated_grace);
  out.poll_timeout = ms(options.poll_timeout);
  out.poll_timeout_max = ms(options.poll_timeout_max);
  out.poll_answer_max = narrow(options.poll_answer_size_max);
  out.list_limit_default = narrow(options.list_limit);
  out.list_limit_max = narrow(options.list_limit_max);
  out.stats_rooms_max = narrow(options.stats_rooms_max);
  out.heartbeat_interval = ms(options.heartbeat_interval);
  out.heartbeat_timeout = ms(options.heartbeat_timeout);
  out.retry = ms(options.retry);
  out.retry_jitter_percent = narrow(options.retry_jitter_percent);
  out.origins = options.origins;
  out.cors_credentials = options.cors_credentials;
  out.cors_max_age = std::chrono::duration_cast<std::chrono::seconds>(options.cors_max_age);
  out.hosts = options.hosts;
  // Checked when the options were loaded.
  if (auto trusted = access::AddressSet::parse(options.trusted_proxies)) out.trusted_proxies = std::move(*trusted);
  out.forwarded_field = options.forwarded_header == config::ForwardedHeader::forwarded
                            ? codec::ForwardedField::forwarded
                            : codec::ForwardedField::x_forwarded_for;
  out.api_keys = access::ApiKeys(options.api_keys);
  out.token_cookie = options.token_cookie;
  out.token_required = options.token_required;
  out.token_notice_s =
      static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(options.token_notice).count());
  out.broker_topics = options.sse_broker_topics;
  out.broker_metrics = options.sse_broker_metrics;
  out.content_security_policy = options.content_security_policy;
  out.file_cache_bytes = options.static_cache_size / reactor_count(options, machine);
  out.file_bytes_max = options.static_file_size_max;
  out.status_open = options.status_open;
  out.tenants = options.tenants;
  out.clients_may_broadcast = allowed(options.clients_may_broadcast, options);
  out.clients_may_direct = allowed(options.clients_may_direct, options);
  out.admin_apart = !options.admin_listen.empty();
  const auto transports = options.socketio_transports;
  out.socketio.application = options.socketio_echo
                                 ? session::SocketIoApplication::echo
                                 : static_cast<session::SocketIoApplication>(options.socketio_application);
  out.socketio.polling = transports != config::SocketIoTransports::websocket;
  out.socketio.websocket = transports != config::SocketIoTransports::polling;
  out.socketio.ping_interval = ms(options.socketio_ping_interval);
  out.socketio.ping_timeout = ms(options.socketio_ping_timeout);
  out.socketio.connect_timeout = ms(options.socketio_connect_timeout);
  out.socketio.payload_max = narrow(std::min(options.socketio_payload_size_max, options.body_size_max));
  out.socketio.attachments_max = narrow(options.socketio_attachments_max);
  out.socketio.sessions_max = narrow(options.socketio_sessions_max);
  out.socketio.unconnected_max = narrow(std::min(options.socketio_unconnected_max, options.socketio_sessions_max));
  if (!options.socketio_namespaces.empty()) out.socketio.namespaces = options.socketio_namespaces;
  // What the test suites expect to be there.
  if (options.socketio_echo && options.socketio_namespaces.empty()) out.socketio.namespaces = {"/", "/custom"};
  out.socketio.room = options.socketio_room;
  out.socketio.recovery = ms(options.socketio_recovery);
  out.socketio.recovery_messages_max = narrow(options.socketio_recovery_messages_max);
  out.socketio.recovery_size_max = options.socketio_recovery_size_max;
  out.socketio.recovery_memory_max = options.socketio_recovery_memory_max;
  out.http2 = {.on = options.http2,
               .streams_max = narrow(options.http2_streams_max),
               .memory_max = narrow(options.http2_memory_max),
               .resets_per_second = narrow(options.http2_resets_per_second),
               .control_frames_per_second = narrow(options.http2_control_frames_per_second)};
  out.echo = options.echo;
  out.drain_period = ms(options.drain_period);
  out.retry_after = ms(options.retry_after);
  return out;
}

session::Routes::Options route_options(const config::Options& options) {
  session::Routes::Options out;
  out.echo = options.echo;
  out.token_hub_any_path = options.token_hub_any_path;
  out.socketio_path = options.socketio_path;
  out.engine_io_echo = options.socketio_echo;
  for (const config::RouteRule& rule : options.routes) {
    const bool posts = rule.transport == session::NativeTransport::post;
    session::Route route{posts ? codec::HttpMethod::post : codec::HttpMethod::get, rule.path,
                         endpoint_of(rule.dialect, rule.transport),
                         posts ? session::Access::user : session::Access::client, rule.dialect};
    route.with = rule.with;
    route.without = rule.without;
    route.without_protocol = rule.without_subprotocol;
    route.join = rule.join;
    route.settings = rule.settings;
    out.configured.push_back(std::move(route));
  }
  return out;
}

hub::RoomPolicies room_policies(const config::Options& options) {
  hub::RoomPolicies policies;
  const hub::RoomPolicy base = policy_of(options.room_defaults);
  policies.set_default(base);
  hub::RoomPolicy inbox = base;
  inbox.history_messages = narrow(options.inbox_messages);
  inbox.presence = false;
  policies.set_inbox(std::move(inbox));
  for (const config::RoomRule& rule : options.rooms) policies.add(rule.match, policy_of(rule.options));
  return policies;
}

hub::HubOptions hub_options(const config::Options& options, const Machine& machine) {
  hub::HubOptions out;
  out.cores = reactor_count(options, machine);
  out.channels_max = narrow(std::max<uint64_t>(1, options.channels_max / out.cores));
  const uint64_t history =
      options.history_total_size_max == 0 ? machine.memory_bytes / 4 : options.history_total_size_max;
  out.history_bytes_max = history / out.cores;
  out.idempotency_keys_max = narrow(options.idempotency_keys_max / out.cores);
  out.idempotency_window = std::chrono::duration_cast<std::chrono::seconds>(options.idempotency_window);
  out.forgotten_positions_max = narrow(std::max<uint64_t>(1, options.forgotten_positions_max / out.cores));
  out.credit_publishes = narrow(options.mesh_credit_messages);
  out.credit_bytes = options.mesh_credit_size;
  out.replay_chunk = narrow(options.replay_chunk_size);
  out.busiest_rooms = narrow(options.stats_rooms_max);
  return out;
}

io::BackendOptions backend_options(const config::Options& options) {
  io::BackendOptions out;
  out.receive_buffer_size = narrow(options.receive_buffer_size);
  out.receive_buffer_count = narrow(options.receive_buffers);
  out.descriptors_exhausted_answer =
      "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: 76\r\n"
      "Retry-After: 2\r\nConnection: close\r\n\r\n"
      "{\"error\":{\"code\":\"full\",\"message\":\"no more connections fit on this server\"}}\n";
  return out;
}

io::ListenerOptions listener_options(const config::Options& options) {
  io::ListenerOptions out;
  out.backlog = static_cast<int>(options.backlog);
  out.user_timeout = ms(options.tcp_user_timeout);
  out.send_buffer_bytes = static_cast<int>(options.send_buffer_size);
  constexpr unsigned kModes[] = {0600, 0660, 0666};
  out.unix_mode = kModes[static_cast<size_t>(options.unix_socket_mode)];
  return out;
}

reactor::ReactorOptions reactor_options(const config::Options& options, const Machine& machine) {
  reactor::ReactorOptions out;
  // Somewhat more than are admitted, so that those beyond the limit get an answer.
  out.connections_max = narrow(machine.descriptors);
  // A member for each session and namespace.
  const uint64_t namespaces =
      std::max<uint64_t>(1, options.socketio_namespaces.size()) + (options.socketio_echo ? 1 : 0);
  const uint64_t members = options.socketio_sessions_max * namespaces / reactor_count(options, machine) + 1;
  out.detached_max = options.socketio_path.empty() ? 0 : narrow(members);
  if (options.http2) out.carried_max = narrow(options.http2_streams_total / reactor_count(options, machine) + 1);
  out.outbox_bytes_max = narrow(options.outbox_size_max);
  out.outbox_messages_max = narrow(options.outbox_messages_max);
  const uint64_t unread = options.slow_readers_size_max == 0 ? machine.memory_bytes / 8 : options.slow_readers_size_max;
  out.unread_bytes_max = unread / reactor_count(options, machine);
  out.spin = options.spin;
  return out;
}

reactor::MeshOptions mesh_options(const config::Options& options, const Machine& machine) {
  reactor::MeshOptions out;
  out.members = reactor_count(options, machine);
  if (!options.broker.empty()) ++out.members;  // the bridge is the last one
  out.ring_slots = narrow(options.mesh_ring_slots);
  return out;
}

cluster::BridgeOptions bridge_options(const config::Options& options) {
  cluster::BridgeOptions out;
  const cluster::BrokerAddress address = *cluster::parse_broker(options.broker);  // it was checked
  if (address.sentinels.empty()) {
    out.link.resolve = [address] { return cluster::resolve(address); };
  } else {
    const auto watch = std::make_shared<cluster::MasterWatch>(address);
    out.link.resolve = [watch] { return watch->master(); };
    out.link.moved = [watch](const io::SocketAddress& at) { return watch->moved_from(at); };
  }
  out.link.user = address.user;
  out.link.password = address.password;
  out.link.database = address.database;
  char host[HOST_NAME_MAX + 1] = "";
  ::gethostname(host, sizeof host - 1);
  out.link.name = "ringcast:" + (options.node_name.empty() ? std::string(host) : options.node_name);
  out.link.reply_bytes_max = std::max<size_t>(out.link.reply_bytes_max, 4 * options.message_size_max);
  out.prefix = options.broker_prefix;
  const HashKey random = HashKey::random();
  out.node = random.low;
  out.link.seed = random.high;
  out.wait = options.broker_timeout;
  out.queue_bytes_max = options.broker_queue_size_max;
  out.message_bytes_max = narrow(options.message_size_max);
  out.idempotency_window = ms(options.idempotency_window);
  out.lease = ms(options.broker_lease);
  out.revocations.kept_ms = ms(options.broker_revocations_ttl).count();
  return out;
}

Result<std::optional<tls::ClientOptions>> broker_tls(const config::Options& options) {
  const cluster::BrokerAddress address = *cluster::parse_broker(options.broker);
  if (!address.tls) return std::optional<tls::ClientOptions>();
  tls::ClientOptions out;
  out.server_name = address.host;
  out.ca_file = options.broker_ca_file;
  if (auto context = tls::ClientContext::create(out); !context)
    return fail("bad_file", "broker_ca_file: " + context.error().message);
  return std::optional(std::move(out));
}

inlets::InletsPlan inlets_plan(const config::Options& options, uint16_t cores) {
  inlets::InletsPlan out;
  out.inlets = options.inlets;
  out.cores = cores;
  out.limits.json = {narrow(options.json_depth_max), narrow(options.message_size_max), 1};
  out.limits.body_bytes_max = options.body_size_max;
  const access::RateLimits rates = rate_limits(options, cores);
  out.messages = rates.rate(access::Scope::key, access::Charge::messages);
  out.bytes = rates.rate(access::Scope::key, access::Charge::bytes);
  if (options.broker.empty()) return out;
  out.broker = *cluster::parse_broker(options.broker);  // it was checked
  out.prefix = options.broker_prefix;
  const HashKey random = HashKey::random();
  out.node = std::to_string(random.low) + "-" + std::to_string(random.high);
  out.lease = options.broker_lease;
  return out;
}

inlets::MirrorPlan mirror_plan(const config::Options& options, uint16_t members) {
  inlets::MirrorPlan out;
  // It was checked.
  out.address = *cluster::parse_broker(options.mirror_url.empty() ? options.broker : options.mirror_url);
  out.queue_bytes_max = options.mirror_queue_size_max;
  out.members = members;
  return out;
}

session::EncoderOptions encoder_options(const config::Options& options) {
  session::EncoderOptions out;
  out.deflate = options.deflate;
  out.deflate_from = narrow(options.deflate_size_min);
  return out;
}

tls::HandshakeLimits handshake_limits(const config::Options& options, uint16_t reactors) {
  const auto share = [&](uint64_t of_all) { return narrow((of_all + reactors - 1) / reactors); };
  tls::HandshakeLimits out;
  out.in_flight_max = share(options.tls_handshakes_max);
  out.waiting_max = share(kHandshakesWaiting * options.tls_handshakes_max);
  out.per_second = share(options.tls_handshakes_per_second);
  out.timeout = options.tls_handshake_timeout;
  return out;
}

tls::TlsOptions tls_options(const config::Options& options, uint16_t reactors) {
  tls::TlsOptions out;
  out.handshakes = handshake_limits(options, reactors);
  out.plain_http_answer =
      "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: 78\r\n"
      "Connection: close\r\n\r\n"
      "{\"error\":{\"code\":\"tls_required\",\"message\":\"this port speaks TLS: use https\"}}\n";
  return out;
}

Result<std::shared_ptr<const tls::Material>> tls_material(const config::Options& options) {
  if (!options.has_tls()) return nullptr;
  // Else refused when they were loaded; but a reload keeps the listeners.
  if (options.tls_certificate.empty() || options.tls_certificate.size() != options.tls_key.size()) {
    return fail("bad_certificate",
                "tls_certificate, tls_key: TLS goes on until a restart and needs a certificate and its key");
  }
  const tls::MaterialFiles files{options.tls_certificate, options.tls_key, options.tls_client_ca,
                                 options.tls_ticket_key_file};
  const int version = options.tls_min_version == config::TlsVersion::v1_3 ? TLS1_3_VERSION : TLS1_2_VERSION;
  std::vector<std::string> protocols{"http/1.1", "http/1.0"};
  if (options.http2) protocols.insert(protocols.begin(), "h2");
  return tls::load_material(files, version, std::move(protocols), std::time(nullptr));
}

}  // namespace ringcast::app
