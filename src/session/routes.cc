#include "session/routes.h"

#include "base/assert.h"

namespace ringcast::session {

using wire::HttpMethod;

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

Routes::Routes(const Options& options) {
  using enum Endpoint;
  const auto get = HttpMethod::get;
  const auto post = HttpMethod::post;
  const auto del = HttpMethod::delete_;

  add(get, "/ws", websocket, Access::client);
  if (options.echo) add(get, "/echo", echo, Access::client);
  add(get, "/events", events, Access::client);
  add(get, "/poll", poll, Access::client);
  add(post, "/messages", messages, Access::key);

  // Exact paths before patterns, longer patterns before shorter ones.
  add(get, "/rooms", rooms, Access::key);
  add(get, "/members", members, Access::key);
  add(get, "/history", history, Access::key);
  add(get, "/rooms/{}/members", members, Access::key);
  add(get, "/rooms/{}/history", history, Access::key);
  add(post, "/rooms/{}/close", close_room, Access::key);
  add(del, "/rooms/{}/members/{}", remove_member, Access::key);
  add(del, "/rooms/{}", purge, Access::key);

  add(get, "/users", users, Access::key);
  add(del, "/users/{}/connections", disconnect_user, Access::key);
  add(get, "/users/{}", user, Access::key);
  add(get, "/connections", connections, Access::key);
  add(del, "/connections/{}", disconnect, Access::key);

  add(get, "/stats", stats, Access::status);
  add(get, "/metrics", metrics, Access::key);
  add(get, "/health", health, Access::status);
  add(get, "/ready", ready, Access::status);
  add(get, "", file, Access::open);  // fits no path: see file_route()
}

void Routes::add(HttpMethod method, std::string_view pattern, Endpoint endpoint, Access access) {
  RINGCAST_ASSERT(routes_.size() < 255);
  routes_.push_back(
      {method, std::string(pattern), endpoint, access, Dialect::native, static_cast<uint8_t>(routes_.size())});
}

Routes::Match Routes::match(HttpMethod method, std::string_view path) const {
  Match match;
  const HttpMethod asked = method == HttpMethod::head ? HttpMethod::get : method;
  for (const Route& route : routes_) {
    std::string_view first, second;
    if (!match_path(route.pattern, path, first, second)) continue;
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
