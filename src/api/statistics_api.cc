// SPDX-License-Identifier: Apache-2.0
#include "api/statistics_api.h"

#include <memory>
#include <utility>

#include "api/metrics.h"
#include "api/request.h"
#include "api/request_state.h"
#include "api/responder.h"
#include "api/statistics_history.h"
#include "client/flow.h"
#include "client/guard.h"
#include "client/hub_errors.h"
#include "codec/http1/http_response.h"
#include "codec/json/json_writer.h"
#include "codec/native/names.h"
#include "codec/sse/sse.h"
#include "tls/stats.h"

namespace ringcast::session {

using reactor::CloseCause;
using reactor::Connection;

namespace {

constexpr std::chrono::seconds kPeriod{1};

codec::SseFraming framing_of(const Client& client) {
  return client.bare() ? codec::SseFraming::bare : codec::SseFraming::chunked;
}

void append_tls(codec::JsonWriter& json, const Shared& shared) {
  const auto sum = [&](auto get) {
    uint64_t all = 0;
    for (const CoreView& core : shared.cores) all += get(*core.tls);
    return all;
  };
  const auto read = [](const std::atomic<uint64_t>& counter) { return counter.load(std::memory_order_relaxed); };
  json.key("tls").begin_object();
  json.uint("connections", sum([&](const tls::TlsStats& stats) { return read(stats.open); }));
  json.uint("handshakes_waiting", sum([&](const tls::TlsStats& stats) { return read(stats.waiting); }));
  json.uint("full_total", sum([&](const tls::TlsStats& stats) { return read(stats.full[0]) + read(stats.full[1]); }));
  json.uint("resumed_total",
            sum([&](const tls::TlsStats& stats) { return read(stats.resumed[0]) + read(stats.resumed[1]); }));
  json.uint("failed_total", sum([&](const tls::TlsStats& stats) {
              return read(stats.failed) + read(stats.timed_out) + read(stats.aborted) + read(stats.plain_http);
            }));
  json.end_object();
}

void append_cluster(codec::JsonWriter& json, const hub::BrokerStats& broker) {
  json.key("broker").begin_object();
  json.boolean("up", broker.up.load(std::memory_order_relaxed));
  json.uint("nodes", broker.nodes.load(std::memory_order_relaxed));
  json.uint("channels", broker.channels.load(std::memory_order_relaxed));
  json.uint("ordered_total", broker.ordered.load(std::memory_order_relaxed));
  json.uint("queued_bytes", broker.queued_bytes.load(std::memory_order_relaxed));
  json.uint("round_trip_us", broker.probe_us.load(std::memory_order_relaxed));
  json.uint("losses_total", broker.losses.load(std::memory_order_relaxed)).end_object();
}

// Of what may be off: what is off is not there.
void append_parts(codec::JsonWriter& json, const Totals& all, const Shared& shared, bool http2, bool names) {
  if (http2) {
    json.key("http2").begin_object().uint("connections", all.http2_connections).uint("streams", all.http2_streams);
    json.uint("streams_total", all.http2_streams_ever).end_object();
  }
  if (!shared.cores.empty() && shared.cores.front().tls != nullptr) append_tls(json, shared);
  if (shared.broker != nullptr) append_cluster(json, *shared.broker);
  if (shared.inlets != nullptr) shared.inlets->append_statistics(json.key("inlets"), names);
  if (shared.mirror != nullptr) shared.mirror->append_statistics(json.key("mirror"), names);
}

}  // namespace

void StatisticsApi::answer_status(Client& client, Connection& connection, const Request& request) {
  if (request.route.endpoint == Endpoint::ready && flow_.drain_phase() >= DrainPhase::unready) {
    return responder_.refuse(client, connection, 503, "draining", "this server is about to stop");
  }
  const hub::BrokerStats* const broker = clients_.shared().broker;
  if (request.route.endpoint == Endpoint::ready && broker != nullptr &&
      !broker->ever_up.load(std::memory_order_relaxed)) {
    return responder_.refuse(client, connection, 503, kBrokerUnavailable, "the broker has not been reached yet");
  }
  responder_.respond(client, connection, {200, "text/plain; charset=utf-8", "OK\n"});
}

void StatisticsApi::answer_history(Client& client, Connection& connection) {
  const StatisticsHistory* const history = clients_.shared().history;
  if (history == nullptr) {
    return responder_.refuse(client, connection, 404, "not_found", "no samples of the statistics are taken here");
  }
  const std::shared_ptr<const std::string> answer = history->answer();
  responder_.respond(client, connection, {200, kJson, *answer});
}

void StatisticsApi::answer_metrics(Client& client, Connection& connection) {
  body_.clear();
  append_metrics(body_, clients_.shared(), clients_.options(), clients_.reactor().wall_us(),
                 static_cast<int>(flow_.drain_phase()));
  responder_.respond(client, connection, {200, "text/plain; version=0.0.4; charset=utf-8", body_});
}

// Names of rooms are often those of orders or people. Without keys, as on the developer's own machine, who is there
// sees them, unless a page from elsewhere asks.
bool StatisticsApi::sees_rooms(Client& client, const Request& request) const {
  if (request.identity.is_server()) return request.identity.grant == nullptr;
  if (!clients_.options().api_keys.empty() || guard_.tokens()) return false;
  if (responder_.state(client).origin == access::OriginVerdict::forbidden) return false;
  const IpAddress address = responder_.address_of(client);
  return !address.is_set() || address.is_loopback();  // a unix socket has none
}

void StatisticsApi::ask(Client& client, const Request& request) {
  responder_.state(client).sees_rooms = request.route.endpoint == Endpoint::stats && sees_rooms(client, request);
  ask_busiest(client, request.identity.tenant, request.route.endpoint);
}

// Two questions: the rooms, then the position of `general`.
void StatisticsApi::ask_busiest(Client& client, std::string tenant, Endpoint endpoint) {
  RequestState& current = responder_.state(client);
  current.endpoint = endpoint;
  current.name = std::move(tenant);
  current.partial.clear();
  hub::Query query{hub::QueryKind::busiest};
  query.tenant = current.name;
  query.limit = current.sees_rooms ? clients_.options().stats_rooms_max : 0;
  query.from = client.id;
  query.correlation = flow_.await(client);
  clients_.hub().query(query);
}

bool StatisticsApi::on_answer(Client& client, Connection& connection, const hub::Answer& answer) {
  const Endpoint endpoint = responder_.state(client).endpoint;
  if (endpoint == Endpoint::broker_stats) return answer_broker_stats(client, connection, answer), true;
  if (endpoint == Endpoint::stats) return answer_stats(client, connection, answer), true;
  return false;
}

void StatisticsApi::answer_stats(Client& client, Connection& connection, const hub::Answer& answer) {
  RequestState& current = responder_.state(client);
  if (answer.kind == hub::QueryKind::busiest) {
    current.occupied_rooms = answer.count;
    codec::JsonWriter rooms(current.partial);
    rooms.begin_object();
    std::string quoted;
    for (const hub::Row& row : answer.rows) {
      // The writer takes keys as they are.
      quoted.clear();
      codec::append_json_string(quoted, row.name);
      rooms.uint(std::string_view(quoted).substr(1, quoted.size() - 2), row.a);
    }
    rooms.end_object();
    responder_.continue_later(client);
    return;
  }
  flow_.proceed(client);
  const Shared& shared = clients_.shared();
  Totals all;
  for (const CoreView& core : shared.cores) all.add(core);

  body_.clear();
  codec::JsonWriter json(body_);
  json.begin_object();
  json.uint("total_clients", all.clients()).raw("rooms", current.partial);
  json.uint("active_connections", all.clients()).uint("online_users", all.online_users);
  json.uint("buffered_events", all.history_messages);
  // A room that nobody has used yet begins at the clock when it is used.
  json.uint("next_event_id", (answer.found || answer.newest != 0 ? answer.newest : clients_.reactor().wall_us()) + 1);
  json.key("transports").begin_object();
  for (size_t i = 0; i < static_cast<size_t>(TransportKind::count_); ++i) {
    json.uint(to_string(static_cast<TransportKind>(i)), all.open[i]);
  }
  json.end_object();
  json.uint("channels", all.channels).uint("occupied_rooms", current.occupied_rooms);
  json.uint("memberships", all.memberships);
  json.uint("resident_bytes", shared.resident_bytes == nullptr ? 0 : shared.resident_bytes());
  json.uint("history_bytes", all.history_bytes).uint("connections", all.sockets);
  json.uint("messages_total", all.published).uint("deliveries_total", all.delivered);
  json.uint("bytes_in_total", all.bytes_in).uint("bytes_out_total", all.bytes_out);
  json.uint("errors_total", all.errors)
      .uint("resumed_total", all.resumed)
      .uint("gaps_total", all.gaps)
      .uint("slow_closed_total", all.slow_closed);
  const uint64_t now = clients_.reactor().wall_us();
  json.uint("timestamp_ms", now / 1000);
  json.uint("uptime_seconds", now > shared.started_wall_us ? (now - shared.started_wall_us) / 1'000'000 : 0);
  json.string("version", shared.version).string("io", shared.engine);
  for (const EngineView& engine : shared.engines) {
    if (engine.fallback.empty()) continue;
    json.string("io_fallback", engine.fallback);
    break;
  }
  json.boolean("draining", flow_.drain_phase() != DrainPhase::running);
  append_parts(json, all, shared, clients_.options().http2.on, current.sees_rooms);
  json.key("cores").begin_array();
  for (size_t i = 0; i < shared.cores.size(); ++i) {
    Totals one;
    one.add(shared.cores[i]);
    json.begin_object().uint("core", i).uint("clients", one.clients()).uint("memberships", one.memberships);
    json.uint("channels", one.channels).uint("published", one.published).uint("delivered", one.delivered);
    json.uint("cpu_us", shared.cores[i].sessions->cpu_ns.get() / 1000).uint("history_bytes", one.history_bytes);
    json.uint("queued_bytes", one.queued_bytes).uint("ticks", one.ticks).end_object();
  }
  json.end_array().end_object();
  if (current.stream) return send_stats(client, connection);
  responder_.respond(client, connection, {200, kJson, body_});
}

// What clients of a chat hub ask for.
void StatisticsApi::answer_online(Client& client, Connection& connection) {
  Totals all;
  for (const CoreView& core : clients_.shared().cores) all.add(core);
  body_.clear();
  codec::JsonWriter(body_).begin_object().uint("online_users", all.clients()).end_object();
  responder_.respond(client, connection, {200, kJson, body_});
}

// What clients of a broker ask for.
void StatisticsApi::answer_broker_stats(Client& client, Connection& connection, const hub::Answer& answer) {
  flow_.proceed(client);
  Totals all;
  for (const CoreView& core : clients_.shared().cores) all.add(core);
  body_.clear();
  codec::JsonWriter json(body_);
  json.begin_object().uint("TotalClients", all.open[static_cast<size_t>(TransportKind::sse)]);
  json.uint("TotalUsers", all.online_users).uint("TotalTopics", answer.count);
  json.boolean("IsRunning", !flow_.draining()).end_object();
  responder_.respond(client, connection, {200, kJson, body_});
}

void StatisticsApi::go_on(Client& client) {
  RequestState& current = responder_.state(client);
  key_.assign(current.name);
  key_ += hub::kTenantEnd;
  key_ += codec::kDefaultRoom;
  hub::Query query{hub::QueryKind::history};
  query.key = key_;
  query.tenant = current.name;
  query.after = codec::kMessageIdMax;  // nothing but the numbers
  query.limit = 1;
  query.from = client.id;
  query.correlation = client.correlation;
  clients_.hub().query(query);
}

// --- the stream ---

bool StatisticsApi::is_stream(const Client& client) {
  return client.extra != nullptr && static_cast<const RequestState&>(*client.extra).stream;
}

void StatisticsApi::open_stream(Client& client, Connection& connection, const Request& request) {
  std::vector<codec::HttpHeader> headers{{"Cache-Control", kStreamCacheControl}, {"X-Accel-Buffering", "no"}};
  responder_.append_cors(headers, client);
  body_.clear();
  codec::append_response_head(body_,
                              {.framing = client.bare() ? codec::BodyFraming::until_close : codec::BodyFraming::chunked,
                               .keep_alive = client.head_only && client.keep_alive,
                               .version_minor = static_cast<uint8_t>(client.http10 ? 0 : 1),
                               .content_type = "text/event-stream",
                               .date = clients_.http_date(),
                               .headers = headers});
  if (client.head_only) return responder_.respond_raw(client, connection, 200, body_);
  clients_.stats().requests[2].add();
  clients_.reactor().send_copy(connection, body_);
  responder_.state(client).stream = true;
  responder_.state(client).sees_rooms = sees_rooms(client, request);
  ask_busiest(client, request.identity.tenant, Endpoint::stats);
}

void StatisticsApi::on_timer(Client& client) {
  if (!client.waiting) ask_busiest(client, responder_.state(client).name, Endpoint::stats);
}

// body_ has the figures.
void StatisticsApi::send_stats(Client& client, Connection& connection) {
  if (connection.dead || connection.closing) return;
  if (connection.outbox.empty()) {
    out_.clear();
    codec::append_sse_event(out_, framing_of(client), std::string_view(), "stats", body_);
    clients_.reactor().send_copy(connection, out_);
  }
  clients_.reactor().arm_timer(connection, kPeriod);
}

void StatisticsApi::end_stream(Client& client, Connection& connection, CloseCause cause) {
  out_.clear();
  codec::append_sse_end(out_, framing_of(client));
  clients_.reactor().send_copy(connection, out_);
  flow_.close_gently(client, cause);
}

}  // namespace ringcast::session
