// HttpSession: /stats, /metrics, /health and /ready. Counters of other cores are read where they are: each has one
// writer, and a figure may be a moment old.

#include <algorithm>
#include <utility>

#include "session/gate.h"
#include "session/http_session.h"
#include "session/metrics.h"
#include "session/request.h"
#include "wire/json_writer.h"
#include "wire/names.h"

namespace ringcast::session {

using runtime::Connection;

void HttpSession::answer_status(Client& client, Connection& connection, const Request& request) {
  if (request.route.endpoint == Endpoint::ready && gate_.drain_phase() >= DrainPhase::unready) {
    return refuse(client, connection, 503, "draining", "this server is about to stop");
  }
  respond(client, connection, {200, "text/plain; charset=utf-8", "OK\n"});
}

void HttpSession::answer_metrics(Client& client, Connection& connection) {
  body_.clear();
  append_metrics(body_, gate_.shared(), gate_.reactor().wall_us(), static_cast<int>(gate_.drain_phase()));
  respond(client, connection, {200, "text/plain; version=0.0.4; charset=utf-8", body_});
}

// Two questions: the rooms, then the position of `general`.
void HttpSession::ask_stats(Client& client, std::string tenant, Endpoint endpoint) {
  HttpState& current = state(client);
  current.endpoint = endpoint;
  current.name = std::move(tenant);
  current.partial.clear();
  hub::Query query{hub::QueryKind::rooms};
  query.tenant = current.name;
  query.limit = std::max<uint32_t>(gate_.options().stats_rooms_max, 1);
  query.from = client.id;
  query.correlation = gate_.await(client);
  gate_.hub().query(query);
}

void HttpSession::answer_stats(Client& client, Connection& connection, const hub::Answer& answer) {
  HttpState& current = state(client);
  if (answer.kind == hub::QueryKind::rooms) {
    wire::JsonWriter rooms(current.partial);
    rooms.begin_object();
    if (gate_.options().stats_rooms_max != 0) {
      std::string quoted;
      for (const hub::Row& row : answer.rows) {
        // The writer takes keys as they are.
        quoted.clear();
        wire::append_json_string(quoted, row.name);
        rooms.uint(std::string_view(quoted).substr(1, quoted.size() - 2), row.a);
      }
    }
    rooms.end_object();
    continuing_.push_back(client.id);
    return;
  }
  gate_.proceed(client);
  const Shared& shared = gate_.shared();
  Totals all;
  for (const CoreView& core : shared.cores) all.add(core);

  body_.clear();
  wire::JsonWriter json(body_);
  json.begin_object();
  json.uint("total_clients", all.clients()).raw("rooms", current.partial);
  json.uint("active_connections", all.clients()).uint("online_users", all.online_users);
  json.uint("buffered_events", all.history_messages);
  // A room that nobody has used yet begins at the clock when it is used.
  json.uint("next_event_id", (answer.found || answer.newest != 0 ? answer.newest : gate_.reactor().wall_us()) + 1);
  json.key("transports").begin_object();
  for (size_t i = 0; i < static_cast<size_t>(Transport::count_); ++i) {
    json.uint(to_string(static_cast<Transport>(i)), all.open[i]);
  }
  json.end_object();
  json.uint("channels", all.channels).uint("memberships", all.memberships);
  json.uint("resident_bytes", shared.resident_bytes == nullptr ? 0 : shared.resident_bytes());
  json.uint("history_bytes", all.history_bytes).uint("connections", all.sockets);
  json.uint("messages_total", all.published).uint("deliveries_total", all.delivered);
  json.uint("bytes_in_total", all.bytes_in).uint("bytes_out_total", all.bytes_out);
  json.uint("resumed_total", all.resumed).uint("gaps_total", all.gaps).uint("slow_closed_total", all.slow_closed);
  const uint64_t now = gate_.reactor().wall_us();
  json.uint("timestamp_ms", now / 1000);
  json.uint("uptime_seconds", now > shared.started_wall_us ? (now - shared.started_wall_us) / 1'000'000 : 0);
  json.string("version", shared.version).string("io", shared.engine);
  for (const EngineView& engine : shared.engines) {
    if (engine.fallback.empty()) continue;
    json.string("io_fallback", engine.fallback);
    break;
  }
  json.boolean("draining", gate_.drain_phase() != DrainPhase::running);
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
  respond(client, connection, {200, kJson, body_});
}

// R8's figure.
void HttpSession::answer_online(Client& client, Connection& connection) {
  Totals all;
  for (const CoreView& core : gate_.shared().cores) all.add(core);
  body_.clear();
  wire::JsonWriter(body_).begin_object().uint("online_users", all.clients()).end_object();
  respond(client, connection, {200, kJson, body_});
}

// R5's figures.
void HttpSession::answer_broker_stats(Client& client, Connection& connection, const hub::Answer& answer) {
  gate_.proceed(client);
  Totals all;
  for (const CoreView& core : gate_.shared().cores) all.add(core);
  body_.clear();
  wire::JsonWriter json(body_);
  json.begin_object().uint("TotalClients", all.open[static_cast<size_t>(Transport::sse)]);
  json.uint("TotalUsers", all.online_users).uint("TotalTopics", answer.count);
  json.boolean("IsRunning", !gate_.draining()).end_object();
  respond(client, connection, {200, kJson, body_});
}

void HttpSession::ask_position(Client& client) {
  HttpState& current = state(client);
  key_.assign(current.name);
  key_ += hub::kTenantEnd;
  key_ += wire::kDefaultRoom;
  hub::Query query{hub::QueryKind::history};
  query.key = key_;
  query.tenant = current.name;
  query.after = wire::kMessageIdMax;  // nothing but the numbers
  query.limit = 1;
  query.from = client.id;
  query.correlation = client.correlation;
  gate_.hub().query(query);
}

}  // namespace ringcast::session
