// SPDX-License-Identifier: Apache-2.0
#include "client/routes.h"

#include <gtest/gtest.h>

namespace ringcast::session {
namespace {

using codec::HttpMethod;

struct Case {
  HttpMethod method;
  const char* path;
  Endpoint endpoint;
  const char* first;
  const char* second;
};

TEST(Routes, FindsEachEndpoint) {
  const Routes routes({.echo = true});
  const Case cases[] = {
      {HttpMethod::get, "/ws", Endpoint::websocket, "", ""},
      {HttpMethod::get, "/echo", Endpoint::echo, "", ""},
      {HttpMethod::get, "/events", Endpoint::events, "", ""},
      {HttpMethod::head, "/events", Endpoint::events, "", ""},
      {HttpMethod::get, "/poll", Endpoint::poll, "", ""},
      {HttpMethod::post, "/events", Endpoint::events, "", ""},
      {HttpMethod::post, "/poll", Endpoint::poll, "", ""},
      {HttpMethod::post, "/messages", Endpoint::messages, "", ""},
      {HttpMethod::get, "/rooms", Endpoint::rooms, "", ""},
      {HttpMethod::get, "/members", Endpoint::members, "", ""},
      {HttpMethod::get, "/history", Endpoint::history, "", ""},
      {HttpMethod::get, "/rooms/a/members", Endpoint::members, "a", ""},
      {HttpMethod::get, "/rooms/a%2Fb/history", Endpoint::history, "a%2Fb", ""},
      {HttpMethod::get, "/rooms/a/b/history", Endpoint::history, "a/b", ""},
      {HttpMethod::post, "/rooms/a/close", Endpoint::close_room, "a", ""},
      {HttpMethod::delete_, "/rooms/a", Endpoint::purge, "a", ""},
      {HttpMethod::delete_, "/rooms/a/members/bob", Endpoint::remove_member, "a", "bob"},
      {HttpMethod::delete_, "/rooms/x/members/y/members/bob", Endpoint::remove_member, "x/members/y", "bob"},
      {HttpMethod::get, "/users", Endpoint::users, "", ""},
      {HttpMethod::get, "/users/bob", Endpoint::user, "bob", ""},
      {HttpMethod::delete_, "/users/bob/connections", Endpoint::disconnect_user, "bob", ""},
      {HttpMethod::get, "/connections", Endpoint::connections, "", ""},
      {HttpMethod::delete_, "/connections/00ff", Endpoint::disconnect, "00ff", ""},
      {HttpMethod::get, "/stats", Endpoint::stats, "", ""},
      {HttpMethod::get, "/stats/history", Endpoint::stats_history, "", ""},
      {HttpMethod::get, "/stats/stream", Endpoint::stats_stream, "", ""},
      {HttpMethod::get, "/metrics", Endpoint::metrics, "", ""},
      {HttpMethod::get, "/health", Endpoint::health, "", ""},
      {HttpMethod::get, "/ready", Endpoint::ready, "", ""},
  };
  for (const Case& expected : cases) {
    const Routes::Match match = routes.match(expected.method, expected.path);
    ASSERT_NE(match.route, nullptr) << expected.path;
    EXPECT_EQ(match.route->endpoint, expected.endpoint) << expected.path;
    EXPECT_EQ(match.first, expected.first) << expected.path;
    EXPECT_EQ(match.second, expected.second) << expected.path;
    EXPECT_EQ(&routes[match.route->index], match.route);
  }
}

TEST(Routes, TheQueryDecidesBetweenDialectsOfOnePath) {
  const Routes routes({});
  const auto dialect = [&](std::string_view path, std::string_view query) {
    return routes.match(HttpMethod::get, path, query).route->dialect;
  };
  EXPECT_EQ(dialect("/ws", ""), Dialect::native);
  EXPECT_EQ(dialect("/ws", "user=a"), Dialect::native);
  EXPECT_EQ(dialect("/ws", "token=a"), Dialect::native);
  EXPECT_EQ(dialect("/ws", "username=a"), Dialect::chat_hub);
  EXPECT_EQ(dialect("/ws", "username"), Dialect::chat_hub);
  EXPECT_EQ(dialect("/ws", "xusername=a"), Dialect::native);
  EXPECT_EQ(dialect("/events", ""), Dialect::feed);
  EXPECT_EQ(dialect("/events", "rooms=a"), Dialect::native);
  EXPECT_EQ(dialect("/events/order-status/7", "rooms=a"), Dialect::order_status);
}

TEST(Routes, AnEscapedParameterNameIsThatParameter) {
  const Routes routes{{}};
  EXPECT_EQ(routes.match(HttpMethod::get, "/ws", "us%65rname=a").route->dialect, Dialect::chat_hub);
  EXPECT_EQ(routes.match(HttpMethod::get, "/events", "r%6foms=b").route->dialect, Dialect::native);
}

TEST(Routes, ATokenHubMayTakeEveryUpgrade) {
  const Routes routes({.token_hub_any_path = true});
  const auto dialect = [&](std::string_view path, Routes::Asks asks) {
    const Routes::Match match = routes.match(HttpMethod::get, path, "token=a", asks);
    return match.route == nullptr ? Dialect::native : match.route->dialect;
  };
  for (const char* path : {"/", "/ws", "/any/path", "/stats"}) {
    EXPECT_EQ(dialect(path, {.upgrades = true}), Dialect::token_hub) << path;
    EXPECT_EQ(dialect(path, {.offers_protocol = true, .upgrades = true}), Dialect::native) << path;
    EXPECT_EQ(dialect(path, {}), Dialect::native) << path;
  }
}

TEST(Routes, AConfiguredPathMayBeEscaped) {
  const Routes routes{{.configured = {{HttpMethod::get, "/caf%c3%a9%2D1", Endpoint::events, Access::client}}}};
  EXPECT_NE(routes.match(HttpMethod::get, "/caf%C3%A9-1").route, nullptr);
}

TEST(Routes, WhatTheDialectsSet) {
  using std::chrono::minutes;
  using std::chrono::seconds;
  const Routes routes({});
  const auto settings = [&](std::string_view path, std::string_view query = {}) {
    return routes.match(HttpMethod::get, path, query).route->settings;
  };
  EXPECT_EQ(settings("/woolive/sse").outbox_messages_max, 50u);
  EXPECT_EQ(settings("/woolive/sse").slow, hub::SlowPolicy::drop_newest);
  EXPECT_EQ(settings("/events").slow, hub::SlowPolicy::drop_oldest);
  const RouteSettings chat = settings("/ws", "username=a");
  EXPECT_EQ(chat.message_max, 512u);
  EXPECT_EQ(chat.heartbeat_interval, seconds(54));
  EXPECT_EQ(chat.heartbeat_interval + chat.heartbeat_timeout, seconds(60));
  EXPECT_EQ(chat.write_timeout, seconds(10));
  EXPECT_EQ(settings("/events").heartbeat_interval, seconds(15));
  EXPECT_EQ(settings("/sse/stream").heartbeat_interval, seconds(30));
  EXPECT_EQ(settings("/api/v1/notifications/stream").write_timeout, minutes(5));
  EXPECT_EQ(settings("/woolive/sse").heartbeat_interval, seconds(30));
  EXPECT_EQ(settings("/sse", "username=a").heartbeat_interval, seconds(30));
  EXPECT_EQ(settings("/sse/stream").write_timeout, minutes(5));
  EXPECT_EQ(settings("/api/v1/notifications/stream").heartbeat_interval, seconds(30));
  EXPECT_EQ(settings("/ws", "user=a"), RouteSettings());
  EXPECT_EQ(settings("/events/order-status/7"), RouteSettings());
  EXPECT_EQ(settings("/notifications/poll"), RouteSettings());
  using Join = std::vector<std::string>;
  const auto join = [&](std::string_view path, std::string_view query = {}) {
    return routes.match(HttpMethod::get, path, query).route->join;
  };
  EXPECT_EQ(join("/ws", "username=a"), (Join{"lobby", "@me"}));
  EXPECT_EQ(join("/events"), Join{"general"});
  EXPECT_EQ(join("/events/order-status/7"), Join{"order-status/{}"});
  EXPECT_EQ(join("/sse/stream"), (Join{"@me", "*"}));
  EXPECT_EQ(join("/woolive/sse"), (Join{"@me", "*"}));
  EXPECT_EQ(join("/sse", "username=a"), (Join{"lobby", "@me"}));
  EXPECT_EQ(join("/notifications/poll"), Join{"@me"});
}

TEST(Routes, ConfiguredRowsComeFirst) {
  Route row{HttpMethod::get, "/events", Endpoint::events, Access::client};
  row.join = {"news"};
  row.settings.outbox_messages_max = 7;
  const Routes routes({.configured = {row}});
  const Routes::Match match = routes.match(HttpMethod::get, "/events", "");
  EXPECT_EQ(match.route->dialect, Dialect::native);
  EXPECT_EQ(match.route->settings.outbox_messages_max, 7u);
  EXPECT_EQ(&routes[match.route->index], match.route);
}

TEST(Routes, NamesTheMethodsOfAKnownPath) {
  const Routes routes({});
  EXPECT_EQ(routes.match(HttpMethod::post, "/ws").allow, "GET, HEAD");
  EXPECT_EQ(routes.match(HttpMethod::get, "/messages").allow, "POST");
  EXPECT_EQ(routes.match(HttpMethod::get, "/rooms/a").allow, "DELETE");
  EXPECT_EQ(routes.match(HttpMethod::put, "/rooms/a/members").allow, "GET, HEAD, DELETE");
  for (const char* path : {"/ws", "/messages", "/rooms/a"}) {
    EXPECT_EQ(routes.match(HttpMethod::trace, path).route, nullptr) << path;
  }
}

TEST(Routes, KnowsNothingElse) {
  const Routes routes({});
  for (const char* path : {"/", "/wss", "/ws/", "/room", "/users/", "*", "/echo"}) {
    const Routes::Match match = routes.match(HttpMethod::get, path);
    EXPECT_EQ(match.route, nullptr) << path;
    EXPECT_EQ(match.allow, "") << path;
  }
  EXPECT_EQ(routes.file_route().endpoint, Endpoint::file);
}

TEST(Routes, EchoIsThereOnlyWhenAskedFor) {
  EXPECT_EQ(Routes({.echo = false}).match(HttpMethod::get, "/echo").route, nullptr);
  EXPECT_NE(Routes({.echo = true}).match(HttpMethod::get, "/echo").route, nullptr);
}

TEST(Routes, ServerCallsNeedTheKey) {
  const Routes routes({.echo = true});
  const auto access = [&](HttpMethod method, const char* path) { return routes.match(method, path).route->access; };
  for (const char* path : {"/ws", "/echo", "/events", "/poll"})
    EXPECT_EQ(access(HttpMethod::get, path), Access::client);
  for (const char* path : {"/stats", "/health", "/ready"}) EXPECT_EQ(access(HttpMethod::get, path), Access::status);
  for (const char* path : {"/rooms", "/users", "/users/bob", "/connections", "/metrics", "/stats/stream"}) {
    EXPECT_EQ(access(HttpMethod::get, path), Access::key) << path;
  }
  // A user's token opens these as far as its permissions go.
  for (const char* path : {"/members", "/history", "/rooms/a/members", "/rooms/a/history"}) {
    EXPECT_EQ(access(HttpMethod::get, path), Access::user) << path;
  }
  for (const char* path : {"/rooms/a", "/rooms/a/members/bob", "/users/bob/connections", "/users/bob/tokens",
                           "/tokens/x", "/connections/00"}) {
    EXPECT_EQ(access(HttpMethod::delete_, path), Access::key) << path;
  }
  EXPECT_EQ(access(HttpMethod::post, "/messages"), Access::user);
  EXPECT_EQ(access(HttpMethod::post, "/rooms/a/close"), Access::key);
}

TEST(MatchPath, HolesTakeAtLeastOneCharacter) {
  std::string_view first, second;
  EXPECT_FALSE(match_path("/a/{}", "/a/", first, second));
  EXPECT_FALSE(match_path("/a/{}/b", "/a//b", first, second));
  EXPECT_FALSE(match_path("/a/{}/b", "/a/b", first, second));
  EXPECT_FALSE(match_path("/a/{}/b/{}", "/a/x/b/", first, second));
  EXPECT_FALSE(match_path("/a/{}/b/{}", "/a//b/y", first, second));
  ASSERT_TRUE(match_path("/a/{}/b/{}", "/a/x/b/y", first, second));
  EXPECT_EQ(first, "x");
  EXPECT_EQ(second, "y");
}

}  // namespace
}  // namespace ringcast::session
