// SPDX-License-Identifier: Apache-2.0
#include "client/routes.h"

#include <algorithm>

#include "base/assert.h"
#include "codec/http1/url.h"

namespace ringcast::session {

using codec::HttpMethod;

bool match_path(std::string_view pattern, std::string_view path, std::string_view& first, std::string_view& second) {
  first = second = {};
  const size_t hole = pattern.find("{}");
  if (hole == std::string_view::npos) return pattern == path;
  const std::string_view before = pattern.substr(0, hole);
  std::string_view after = pattern.substr(hole + 2);
  if (!path.starts_with(before)) return false;
  std::string_view rest = path.substr(before.size());

  const size_t other = after.find("{}");
  if (other == std::string_view::npos) {
    if (!rest.ends_with(after)) return false;
    rest.remove_suffix(after.size());
    first = rest;
    return !first.empty();
  }
  RINGCAST_ASSERT(other + 2 == after.size());  // two holes, the second at the end
  const std::string_view between = after.substr(0, other);
  const size_t at = rest.rfind(between);
  if (at == std::string_view::npos) return false;
  first = rest.substr(0, at);
  second = rest.substr(at + between.size());
  return !first.empty() && !second.empty();
}

namespace {

using std::chrono::minutes;
using std::chrono::seconds;

// Whether the raw query has a parameter of that name. Names of ours need no escapes, but may come with some.
bool has_parameter(std::string_view query, std::string_view name) {
  std::string decoded;
  while (!query.empty()) {
    const std::string_view part = query.substr(0, query.find('&'));
    std::string_view given = part.substr(0, part.find('='));
    if (given.find('%') != std::string_view::npos) {
      decoded.clear();
      codec::append_normalized_escapes(decoded, given);
      given = decoded;
    }
    if (given == name) return true;
    query.remove_prefix(std::min(part.size() + 1, query.size()));
  }
  return false;
}

bool fits(const Route& route, std::string_view query, Routes::Asks asks) {
  const auto given = [&](const std::string& name) { return has_parameter(query, name); };
  return std::all_of(route.with.begin(), route.with.end(), given) &&
         std::none_of(route.without.begin(), route.without.end(), given) &&
         !(route.without_protocol && asks.offers_protocol) && (!route.upgrades_only || asks.upgrades);
}

}  // namespace

Endpoint endpoint_of(Dialect dialect, NativeTransport transport) {
  static constexpr Endpoint kNativeEndpoints[] = {Endpoint::websocket, Endpoint::events, Endpoint::poll};
  if (transport == NativeTransport::post) {
    return table_of(dialect).read == nullptr ? Endpoint::messages : Endpoint::send;
  }
  switch (dialect) {
    case Dialect::native:
    case Dialect::room_chat: return kNativeEndpoints[static_cast<size_t>(transport)];
    case Dialect::token_hub:
    case Dialect::chat_hub: return Endpoint::websocket;
    case Dialect::notifications: return Endpoint::poll;
    case Dialect::socket_io: return Endpoint::engine_io;
    case Dialect::order_status:
    case Dialect::feed:
    case Dialect::broker:
    case Dialect::gateway:
    case Dialect::chat_room: break;
  }
  return Endpoint::events;
}

bool is_posted(Dialect dialect) {
  switch (dialect) {
    case Dialect::native:
    case Dialect::feed:
    case Dialect::room_chat:
    case Dialect::broker:
    case Dialect::gateway:
    case Dialect::chat_room: return true;
    default: return false;
  }
}

Routes::Routes(const Options& options) {
  using enum Endpoint;
  const auto get = HttpMethod::get;
  const auto post = HttpMethod::post;
  const auto del = HttpMethod::delete_;

  routes_.reserve(options.configured.size() + 64);
  for (const Route& route : options.configured) {
    routes_.push_back(route);
    routes_.back().index = static_cast<uint8_t>(routes_.size() - 1);
    routes_.back().pattern.clear();
    codec::append_normalized_escapes(routes_.back().pattern, route.pattern);
  }
  if (!options.socketio_path.empty()) add_engine_io(options.socketio_path, engine_io);
  if (options.engine_io_echo) add_engine_io("/engine.io/", engine_io_echo);
  if (options.token_hub_any_path) add_token_hub();
  add_dialects();
  add(get, "/ws", websocket, Access::client);
  if (options.echo) add(get, "/echo", echo, Access::client);
  add(get, "/events", events, Access::client);
  add(get, "/poll", poll, Access::client);
  add(post, "/events", events, Access::client);
  add(post, "/poll", poll, Access::client);
  add(post, "/messages", messages, Access::user);

  // Exact paths before patterns, longer patterns before shorter ones.
  add(get, "/rooms", rooms, Access::key);
  add(get, "/members", members, Access::user);
  add(get, "/history", history, Access::user);
  add(get, "/rooms/{}/members", members, Access::user);
  add(get, "/rooms/{}/history", history, Access::user);
  add(post, "/rooms/{}/close", close_room, Access::key);
  add(del, "/rooms/{}/members/{}", remove_member, Access::key);
  add(del, "/rooms/{}", purge, Access::key);

  add(get, "/users", users, Access::key);
  add(del, "/users/{}/connections", disconnect_user, Access::key);
  add(del, "/users/{}/tokens", revoke_user, Access::key);
  add(del, "/tokens/{}", revoke_token, Access::key);
  add(get, "/users/{}", user, Access::key);
  add(get, "/connections", connections, Access::key);
  add(del, "/connections/{}", disconnect, Access::key);

  add(get, "/stats", stats, Access::status);
  add(get, "/stats/history", stats_history, Access::status);
  add(get, "/stats/stream", stats_stream, Access::key);
  add(get, "/metrics", metrics, Access::key);
  add(get, "/health", health, Access::status);
  add(get, "/ready", ready, Access::status);
  add(get, "", file, Access::open);  // fits no path: see file_route()
}

// The paths of docs/dialects.md; those with conditions stand before the native ones of the same path.
void Routes::add_dialects() {
  using enum Endpoint;
  const auto get = HttpMethod::get;
  const auto post = HttpMethod::post;
  const auto dialect = [&](std::string_view path, Dialect spoken) -> Route& {
    return add(get, path, endpoint_of(spoken), Access::client, spoken);
  };

  Route& order = dialect("/events/order-status/{}", Dialect::order_status);
  order.join = {"order-status/{}"};

  Route& chat = dialect("/ws", Dialect::chat_hub);
  chat.with = {"username"};
  chat.join = {"lobby", "@me"};
  chat.settings.message_max = 512;
  chat.settings.heartbeat_interval = seconds(54);
  chat.settings.heartbeat_timeout = seconds(6);  // both make a pong wait of 60 s
  chat.settings.write_timeout = seconds(10);

  Route& feed = dialect("/events", Dialect::feed);
  feed.without = {"rooms", "room", "channels", "channel", "topics", "topic"};
  feed.join = {"general"};
  feed.settings.heartbeat_interval = seconds(15);
  feed.settings.slow = hub::SlowPolicy::drop_oldest;

  for (const std::string_view path : {"/sse/stream", "/api/v1/notifications/stream"}) {
    Route& broker = dialect(path, Dialect::broker);
    broker.join = {"@me", "*"};
    broker.settings.heartbeat_interval = seconds(30);
    broker.settings.write_timeout = minutes(5);
  }
  add(post, "/api/test/send", send, Access::user, Dialect::broker);
  add(get, "/sse/stats", broker_stats, Access::status, Dialect::broker);

  Route& gateway = dialect("/woolive/sse", Dialect::gateway);
  gateway.join = {"@me", "*"};
  gateway.settings.heartbeat_interval = seconds(30);
  gateway.settings.outbox_messages_max = 50;
  gateway.settings.slow = hub::SlowPolicy::drop_newest;
  add(post, "/api/send", send, Access::user, Dialect::gateway);

  Route& room = dialect("/sse", Dialect::chat_room);
  room.join = {"lobby", "@me"};
  room.settings.heartbeat_interval = seconds(30);
  add(post, "/send", send, Access::user, Dialect::chat_room);

  add(get, "/api/stats", online, Access::status, Dialect::chat_hub);
  dialect("/notifications/poll", Dialect::notifications).join = {"@me"};
}

// The server there looks at the token and at no path.
void Routes::add_token_hub() {
  for (const std::string_view path : {"/", "/{}"}) {
    Route& hub = add(HttpMethod::get, path, Endpoint::websocket, Access::client, Dialect::token_hub);
    hub.without_protocol = hub.upgrades_only = true;
    hub.join = {"@me", "*"};
    hub.settings.heartbeat_interval = seconds(30);
  }
}

// Whatever is asked there, the protocol has its own answer to it.
void Routes::add_engine_io(std::string_view path, Endpoint endpoint) {
  std::string bare(path);
  if (bare.size() > 1 && bare.back() == '/') bare.pop_back();
  for (const std::string& at : {bare, bare + '/'}) {
    for (const HttpMethod method :
         {HttpMethod::get, HttpMethod::post, HttpMethod::put, HttpMethod::patch, HttpMethod::delete_}) {
      add(method, at, endpoint, Access::client, Dialect::socket_io);
    }
  }
}

Route& Routes::add(HttpMethod method, std::string_view pattern, Endpoint endpoint, Access access, Dialect dialect) {
  RINGCAST_ASSERT(routes_.size() < kRoutesMax - 1);
  routes_.push_back({method, std::string(pattern), endpoint, access, dialect, static_cast<uint8_t>(routes_.size())});
  return routes_.back();
}

Routes::Match Routes::match(HttpMethod method, std::string_view path, std::string_view query, Asks asks) const {
  Match match;
  const HttpMethod asked = method == HttpMethod::head ? HttpMethod::get : method;
  for (const Route& route : routes_) {
    std::string_view first, second;
    if (!match_path(route.pattern, path, first, second) || !fits(route, query, asks)) continue;
    if (route.method == asked) {
      match.route = &route;
      match.first = first;
      match.second = second;
      match.allow.clear();
      return match;
    }
    const std::string_view name = to_string(route.method);
    if (match.allow.find(name) != std::string::npos) continue;
    if (!match.allow.empty()) match.allow += ", ";
    match.allow += name;
    if (route.method == HttpMethod::get) match.allow += ", HEAD";
  }
  return match;
}

}  // namespace ringcast::session
