// SPDX-License-Identifier: Apache-2.0
// Limits per address, user and key, for which clients proxies speak, hosts and origins, over one and two cores.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "codec/http1/http_syntax.h"
#include "gate_harness.h"

namespace ringcast::session {
namespace {

using access::Charge;
using access::Scope;
using testing::HasSubstr;
using testing::Not;
using namespace std::chrono_literals;

constexpr access::nanoseconds kMinute = std::chrono::minutes(1);

access::AddressSet proxies(std::vector<std::string> entries) {
  return *access::AddressSet::parse(entries);
}

void connections_max(World& world, Scope scope, uint32_t most) {
  world.options().limits.connections_max[static_cast<size_t>(scope)] = most;
}

std::string for_(std::string_view address) {
  return "X-Forwarded-For: " + std::string(address) + "\r\n";
}

TEST(Proxies, AStreamCountsForItsClientAndNotForTheProxy) {
  World world({.cores = 2});
  connections_max(world, Scope::address, 2);
  world.options().trusted_proxies = proxies({"192.0.2.0/24"});
  const auto open = [&](uint16_t core, std::string_view client) {
    const World::Wire wire = world.connect(core, "192.0.2.1:1");
    return std::pair(wire, world.ask(wire, get("/events?rooms=a", for_(client))));
  };
  const auto first = open(0, "203.0.113.7");
  EXPECT_EQ(status_of(first.second), 200);
  EXPECT_EQ(status_of(open(1, "203.0.113.7, 192.0.2.9").second), 200) << "through two trusted proxies";
  const std::string refused = open(1, "198.51.100.1, 203.0.113.7").second;
  EXPECT_EQ(status_of(refused), 429) << "what a client claims does not count";
  EXPECT_THAT(refused, HasSubstr("too_many_connections"));
  EXPECT_THAT(refused, HasSubstr("203.0.113.7"));
  EXPECT_NE(header_of(refused, "Retry-After"), "");
  EXPECT_EQ(status_of(open(0, "203.0.113.8").second), 200);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(status_of(open(0, "127.0.0.1").second), 200) << "loopback has no limit";
  world.end(first.first, io::CloseReason::peer_reset);
  EXPECT_EQ(status_of(open(0, "203.0.113.7").second), 200) << "a place that gets free is given";
  EXPECT_EQ(status_of(open(0, "203.0.113.7").second), 429);
}

TEST(Proxies, APollGivesItsPlaceBackWhenItIsAnswered) {
  World world;
  connections_max(world, Scope::address, 1);
  world.options().trusted_proxies = proxies({"192.0.2.1"});
  const World::Wire wire = world.connect(0, "192.0.2.1:1");
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(status_of(world.ask(wire, get("/poll?rooms=a", for_("203.0.113.7")))), 200);
  }
  EXPECT_EQ(status_of(world.ask(wire, get("/events?rooms=a,,b", for_("203.0.113.7")))), 400);
  EXPECT_EQ(status_of(world.ask(wire, get("/poll?rooms=a", for_("203.0.113.7")))), 200) << "nor does a bad request";
}

TEST(Proxies, NobodyElseIsBelieved) {
  World world;
  connections_max(world, Scope::address, 1);
  world.options().trusted_proxies = proxies({"192.0.2.1"});
  const World::Wire first = world.connect(0, "198.51.100.1:1");
  EXPECT_EQ(status_of(world.ask(first, get("/events?rooms=a", for_("203.0.113.7")))), 200);
  const World::Wire second = world.connect(0, "198.51.100.1:2");
  const std::string refused = world.ask(second, get("/events?rooms=a", for_("203.0.113.8")));
  EXPECT_EQ(status_of(refused), 429);
  EXPECT_THAT(refused, HasSubstr("198.51.100.1"));
}

TEST(Proxies, HiddenMalformedAndTheOtherField) {
  World world;
  connections_max(world, Scope::address, 1);
  world.options().trusted_proxies = proxies({"192.0.2.1", "192.0.2.2"});
  const auto ask = [&](std::string fields) {
    return world.ask(world.connect(0, "192.0.2.1:1"), get("/events?rooms=a", fields));
  };
  EXPECT_EQ(status_of(ask(for_("unknown"))), 200) << "counts as the proxy";
  EXPECT_THAT(ask(for_("unknown")), HasSubstr("192.0.2.1"));
  EXPECT_THAT(ask("X-Other: 1\r\n"), HasSubstr("192.0.2.1")) << "no field: the proxy itself";
  const std::string bad = ask(for_("not an address"));
  EXPECT_EQ(status_of(bad), 400);
  EXPECT_THAT(bad, HasSubstr("bad_forwarded"));
  EXPECT_EQ(status_of(ask(for_("not an address, 203.0.113.7"))), 200) << "beyond the client nothing is looked at";
  EXPECT_THAT(ask("Forwarded: for=203.0.113.9\r\n"), HasSubstr("192.0.2.1")) << "the other field is not read";

  world.options().forwarded_field = codec::ForwardedField::forwarded;
  EXPECT_EQ(status_of(ask("Forwarded: for=\"[2001:db8::7]:80\";proto=https, for=192.0.2.2\r\n")), 200);
  EXPECT_THAT(ask("Forwarded: for=\"[2001:db8::8]\"\r\n"), HasSubstr("2001:db8::8")) << "the same network of 64 bits";
  EXPECT_EQ(status_of(ask("Forwarded: for=\"[2001:db8:0:1::8]\"\r\n")), 200);
}

TEST(Proxies, ThePROXYHeaderSaysWhoComes) {
  World world({.cores = 2});
  connections_max(world, Scope::address, 1);
  world.options().trusted_proxies = proxies({"127.0.0.1"});
  const auto open = [&](std::string_view header) {
    const World::Wire wire = world.connect(1, "127.0.0.1:1", kProxyListeners);
    return std::pair(wire, world.ask(wire, std::string(header) + get("/rooms")));
  };
  const auto first = open("PROXY TCP4 203.0.113.7 198.51.100.1 4711 80\r\n");
  EXPECT_EQ(status_of(first.second), 200);
  const std::string refused = open("PROXY TCP4 203.0.113.7 198.51.100.1 4712 80\r\n").second;
  EXPECT_EQ(status_of(refused), 429);
  EXPECT_THAT(refused, HasSubstr("203.0.113.7"));
  EXPECT_EQ(status_of(open("PROXY UNKNOWN\r\n").second), 200);
  EXPECT_EQ(status_of(open("PROXY UNKNOWN\r\n").second), 200) << "the proxy itself is on loopback";
  const auto none = open("");
  EXPECT_EQ(none.second, "");
  EXPECT_TRUE(world.peer(none.first).reset);

  // In pieces, with what follows in the same piece as its end.
  const World::Wire slow = world.connect(1, "127.0.0.1:1", kProxyListeners);
  const std::string whole = "PROXY TCP4 203.0.113.9 198.51.100.1 4711 80\r\n" + get("/rooms");
  for (size_t at = 0; at < 44; at += 11) EXPECT_EQ(world.ask(slow, std::string_view(whole).substr(at, 11)), "");
  EXPECT_EQ(status_of(world.ask(slow, std::string_view(whole).substr(44))), 200);

  const World::Wire stranger = world.connect(1, "198.51.100.1:1", kProxyListeners);
  EXPECT_TRUE(world.peer(stranger).reset) << "anybody could claim to be anybody";
  EXPECT_EQ(world.gate(1).stats().proxy_errors.get(), 2u);
  // One that goes in the middle of its header leaves nothing behind.
  const World::Wire brief = world.connect(1, "127.0.0.1:1", kProxyListeners);
  world.send(brief, "PROXY TC");
  world.end(brief, io::CloseReason::peer_reset);
}

TEST(Limits, ConnectionsPerUserOverAllCores) {
  World world({.cores = 2});
  connections_max(world, Scope::user, 2);
  const auto open = [&](uint16_t core, std::string_view query) {
    const World::Wire wire = world.connect(core);
    return std::pair(wire,
                     world.ask(wire, get("/events?rooms=a&" + std::string(query), "Accept: text/event-stream\r\n")));
  };
  const auto first = open(0, "user=alice");
  EXPECT_THAT(first.second, HasSubstr("connection_id"));
  EXPECT_THAT(open(1, "user=alice").second, HasSubstr("connection_id"));
  const std::string refused = open(1, "user=alice").second;
  EXPECT_EQ(status_of(refused), 200) << "EventSource would stop for good";
  EXPECT_THAT(refused, HasSubstr("event: problem"));
  EXPECT_THAT(refused, HasSubstr("too_many_connections"));
  EXPECT_THAT(open(1, "user=bob").second, HasSubstr("connection_id"));
  EXPECT_THAT(open(1, "user=alice&tenant=other").second, HasSubstr("connection_id")) << "another tenant's alice";
  for (int i = 0; i < 4; ++i) EXPECT_THAT(open(0, "").second, HasSubstr("connection_id")) << "nobody is nobody's";
  world.end(first.first, io::CloseReason::peer_reset);
  EXPECT_THAT(open(0, "user=alice").second, HasSubstr("connection_id"));
  EXPECT_EQ(world.gate(1).stats().limited(Scope::user, Charge::connections).get(), 1u);
}

TEST(Limits, ConnectsOfAUser) {
  World world({.cores = 2});
  world.options().limits.rate(Scope::user, Charge::connects) = {.amount = 6, .period = kMinute, .burst = 20s};
  const auto poll = [&](uint16_t core) { return world.ask(world.connect(core), get("/poll?rooms=a&user=alice")); };
  EXPECT_EQ(status_of(poll(0)), 200);
  EXPECT_EQ(status_of(poll(1)), 200);
  const std::string refused = poll(1);
  EXPECT_EQ(status_of(refused), 429);
  EXPECT_EQ(header_of(refused, "Retry-After"), "10");
  EXPECT_THAT(body_of(refused), HasSubstr("rate_limited"));
  EXPECT_THAT(body_of(refused), HasSubstr("6 connects a minute"));
  EXPECT_THAT(body_of(refused), HasSubstr("alice"));
  EXPECT_EQ(status_of(world.ask(world.connect(0), get("/poll?rooms=a&user=bob"))), 200);
  world.pass(10s);
  EXPECT_EQ(status_of(poll(0)), 200);
  EXPECT_EQ(status_of(poll(0)), 429);
}

TEST(Limits, ConnectsOfAnAddressAndOfAKey) {
  World world({.cores = 2});
  world.options().api_keys = access::ApiKeys({"shop:0123456789abcdef0123"});
  world.options().limits.rate(Scope::address, Charge::connects) = {.amount = 6, .period = kMinute, .burst = 20s};
  world.options().limits.rate(Scope::key, Charge::connects) = {.amount = 6, .period = kMinute, .burst = 10s};
  const auto poll = [&](uint16_t core, std::string_view address, std::string_view fields = {}) {
    return world.ask(world.connect(core, address), get("/poll?rooms=a", fields));
  };
  EXPECT_EQ(status_of(poll(0, "203.0.113.7:1")), 200);
  EXPECT_EQ(status_of(poll(1, "203.0.113.7:2")), 200);
  const std::string refused = poll(0, "203.0.113.7:3");
  EXPECT_EQ(status_of(refused), 429);
  EXPECT_THAT(body_of(refused), HasSubstr("203.0.113.7"));
  EXPECT_EQ(status_of(poll(0, "203.0.113.8:1")), 200);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(status_of(poll(0, "127.0.0.1:1")), 200);
  constexpr std::string_view kKey = "X-API-Key: 0123456789abcdef0123\r\n";
  EXPECT_EQ(status_of(poll(0, "203.0.113.7:4", kKey)), 200) << "counts for its key";
  EXPECT_EQ(status_of(poll(1, "127.0.0.1:1", kKey)), 429);
  EXPECT_EQ(world.gate(1).stats().limited(Scope::key, Charge::connects).get(), 1u);
}

TEST(Limits, BytesOfAnAddress) {
  World world({.cores = 2});
  world.options().limits.rate(Scope::address, Charge::bytes) = {.amount = 100, .period = 1s, .burst = 1s};
  const auto say = [&](uint16_t core) {
    const std::string body = R"({"room":"r","content":")" + std::string(60, 'x') + "\"}";
    return world.ask(world.connect(core, "203.0.113.7:1"), post("/messages", body));
  };
  EXPECT_EQ(status_of(say(0)), 200);
  const std::string refused = say(1);
  EXPECT_EQ(status_of(refused), 429);
  EXPECT_NE(header_of(refused, "Retry-After"), "");
  EXPECT_THAT(body_of(refused), HasSubstr("100 bytes a second"));
  world.pass(1s);
  EXPECT_EQ(status_of(say(1)), 200);
}

TEST(Limits, MessagesAndBytesOfAKeyOverHttp) {
  World world({.cores = 2});
  world.options().api_keys = access::ApiKeys({"shop:0123456789abcdef0123", "till:abcdef0123456789abcd"});
  world.options().limits.rate(Scope::key, Charge::messages) = {.amount = 2, .period = 1s, .burst = 1s};
  world.options().limits.rate(Scope::key, Charge::bytes) = {.amount = 200, .period = 1s, .burst = 1s};
  const auto say = [&](uint16_t core, std::string_view json, std::string_view key) {
    const World::Wire wire = world.connect(core);
    return world.ask(wire, post("/messages", json, "X-API-Key: " + std::string(key) + "\r\n"));
  };
  constexpr std::string_view kShop = "0123456789abcdef0123", kTill = "abcdef0123456789abcd";
  EXPECT_EQ(status_of(say(0, R"([{"content":"a"},{"content":"b"}])", kShop)), 200);
  const std::string refused = say(1, R"({"content":"c"})", kShop);
  EXPECT_EQ(status_of(refused), 429);
  EXPECT_THAT(body_of(refused), HasSubstr("2 messages a second"));
  EXPECT_EQ(status_of(say(1, R"({"content":"d"})", kTill)), 200) << "another key";
  const std::string large = R"({"content":")" + std::string(190, 'x') + "\"}";
  world.pass(1s);
  EXPECT_EQ(status_of(say(0, large, kShop)), 200);
  const std::string bytes = say(0, R"({"content":"e"})", kShop);
  EXPECT_EQ(status_of(bytes), 429);
  EXPECT_THAT(body_of(bytes), HasSubstr("200 bytes a second"));
  world.pass(2s);
  const World::Wire reader = world.connect();
  EXPECT_EQ(status_of(world.ask(reader, get("/rooms", "X-API-Key: 0123456789abcdef0123\r\n"))), 200);
  EXPECT_EQ(status_of(world.ask(reader, get("/rooms", "X-API-Key: 0123456789abcdef0123\r\n"))), 200);
  EXPECT_EQ(status_of(world.ask(reader, get("/rooms", "X-API-Key: 0123456789abcdef0123\r\n"))), 429);
  EXPECT_EQ(status_of(world.ask(reader, get("/health"))), 200) << "and the connection goes on";
}

TEST(Limits, WhatWasRefusedWasNotPublished) {
  World world;
  world.options().limits.rate(Scope::address, Charge::messages) = {.amount = 1, .period = 1s, .burst = 1s};
  const World::Wire wire = world.connect(0, "203.0.113.7:1");
  EXPECT_EQ(status_of(world.ask(wire, post("/messages", R"({"room":"r","content":"one"})"))), 200);
  EXPECT_EQ(status_of(world.ask(wire, post("/messages", R"({"room":"r","content":"two"})"))), 429);
  const std::string history = world.ask(world.connect(), get("/history?room=r"));
  EXPECT_THAT(history, HasSubstr("one"));
  EXPECT_THAT(history, Not(HasSubstr("two")));
}

TEST(Hosts, OthersAreMisdirected) {
  World world;
  world.options().hosts = {"example.org", "*.example.net", "[::1]:3000"};
  const auto ask = [&](std::string_view host, std::string_view path = "/rooms") {
    return status_of(world.ask(world.connect(),
                               "GET " + std::string(path) + " HTTP/1.1\r\nHost: " + std::string(host) + "\r\n\r\n"));
  };
  for (const char* good : {"example.org", "EXAMPLE.org:8080", "a.example.net", "a.b.example.net:1", "[::1]:3000"}) {
    EXPECT_EQ(ask(good), 200) << good;
  }
  for (const char* bad : {"example.com", "a.example.org", "example.net", "[::1]", "[::1]:3001", "127.0.0.1:3000"}) {
    EXPECT_EQ(ask(bad), 421) << bad;
    EXPECT_EQ(ask(bad, "/ready"), 200);
  }
  const std::string answer = world.ask(world.connect(), "GET / HTTP/1.1\r\nHost: evil.test\r\n\r\n");
  EXPECT_THAT(body_of(answer), HasSubstr("misdirected"));
  EXPECT_THAT(body_of(answer), HasSubstr("evil.test"));
}

constexpr std::string_view kPage = "Origin: https://page.test\r\n";

TEST(Cors, ListedPagesReadEverythingAndErrorsToo) {
  World world;
  world.options().origins = {"https://page.test"};
  const auto ask = [&](std::string_view target, std::string_view fields = kPage) {
    return world.ask(world.connect(), get(target, fields));
  };
  for (const char* target : {"/rooms", "/stats", "/health", "/poll?rooms=a", "/nothing", "/poll", "/events?rooms=a"}) {
    const std::string answer = ask(target);
    EXPECT_EQ(header_of(answer, "Access-Control-Allow-Origin"), "https://page.test") << target;
    EXPECT_EQ(header_of(answer, "Vary"), "Origin") << target;
    EXPECT_EQ(header_of(answer, "Access-Control-Allow-Credentials"), "") << target;
    EXPECT_THAT(header_of(answer, "Access-Control-Expose-Headers"), HasSubstr("Retry-After"));
    const std::string own = ask(target, "");
    EXPECT_EQ(header_of(own, "Access-Control-Allow-Origin"), "") << target;
    EXPECT_EQ(header_of(own, "Vary"), "Origin") << target << ": a cache must keep them apart";
  }
  const std::string other = ask("/rooms", "Origin: https://other.test\r\n");
  EXPECT_EQ(status_of(other), 403);
  EXPECT_EQ(header_of(other, "Access-Control-Allow-Origin"), "");
  EXPECT_EQ(status_of(ask("/health", "Origin: https://other.test\r\n")), 200);
}

TEST(Cors, Preflight) {
  World world;
  world.options().origins = {"https://page.test"};
  world.options().cors_credentials = true;
  world.options().cors_max_age = std::chrono::seconds(77);
  const World::Wire wire = world.connect();
  const auto ask = [&](std::string_view path, std::string_view origin) {
    return world.ask(wire, "OPTIONS " + std::string(path) + " HTTP/1.1\r\nHost: a\r\nOrigin: " + std::string(origin) +
                               "\r\nAccess-Control-Request-Method: POST\r\n\r\n");
  };
  const std::string allowed = ask("/messages", "https://page.test");
  EXPECT_EQ(status_of(allowed), 204);
  EXPECT_EQ(header_of(allowed, "Access-Control-Allow-Origin"), "https://page.test");
  EXPECT_EQ(header_of(allowed, "Access-Control-Allow-Methods"), "POST, OPTIONS");
  // Ours, and what EventSource polyfills, libraries over fetch() and tracing add (their own case: any will
  // do).
  for (const char* field :
       {"Accept", "Authorization", "Cache-Control", "Content-Type", "Last-Event-ID", "Pragma", "X-API-Key",
        "X-Requested-With", "X-Request-ID", "Traceparent", "Tracestate", "Baggage", "Sentry-Trace"}) {
    EXPECT_TRUE(codec::list_has_token(header_of(allowed, "Access-Control-Allow-Headers"), field)) << field;
  }
  EXPECT_EQ(header_of(allowed, "Access-Control-Allow-Credentials"), "true");
  EXPECT_EQ(header_of(allowed, "Access-Control-Max-Age"), "77");
  EXPECT_EQ(header_of(allowed, "Vary"), "Origin");
  const std::string other = ask("/messages", "https://other.test");
  EXPECT_EQ(status_of(other), 204);
  EXPECT_EQ(header_of(other, "Access-Control-Allow-Origin"), "");
  EXPECT_EQ(header_of(other, "Access-Control-Allow-Methods"), "");
}

}  // namespace
}  // namespace ringcast::session
