// SPDX-License-Identifier: Apache-2.0
// hub_cost SCENARIO small|large: sets a hub up and then takes the same steps in ringcast_measured(), the function whose
// instructions check.py has callgrind count. What differs between small and large must not be paid for.
#include <string>

#include "hub/owner/history.h"
#include "hub_fixture.h"
#include "scenarios.h"

namespace {

using namespace std::chrono_literals;
using namespace ringcast::hub;

constexpr uint32_t kSteps = 1000;

std::string room(uint32_t number) {
  return channel_key("", "room-" + std::to_string(number));
}

// Not Cluster::run(), which checks every channel.
void publish(Cluster& cluster, const std::string& key) {
  cluster.publish(0, key, "payload");
  cluster.tick(0);
}

// `rooms` have had messages; then some of them are published to. `kept`: messages that the histories may keep in all.
void publishing(uint32_t rooms, uint32_t kept) {
  Cluster::Options options;
  options.hub.history_bytes_max = kept * (History::kOverhead + 16);
  Cluster cluster(options);
  for (uint32_t i = 0; i < rooms; ++i) publish(cluster, room(i));
  ringcast_measured([&] {
    for (uint32_t i = 0; i < kSteps; ++i) publish(cluster, room(i % 10));
  });
}

// Ten members of one room, while others are members of rooms where nothing happens.
void members(uint32_t idle) {
  Cluster cluster({});
  for (uint32_t i = 0; i < 10 + idle; ++i) {
    cluster.open(0, i);
    cluster.join(0, i, i < 10 ? room(0) : room(1 + i / 2));
    cluster.tick(0);
  }
  ringcast_measured([&] {
    for (uint32_t i = 0; i < kSteps; ++i) publish(cluster, room(0));
  });
}

// The list of the busiest rooms is kept and asked for, while members of the busiest and of another room come and go.
void busiest(uint32_t rooms) {
  Cluster cluster({});
  for (uint32_t i = 0; i < rooms; ++i) {
    cluster.open(0, i);
    cluster.join(0, i, room(i));
    cluster.tick(0);
  }
  const auto come_and_go = [&](uint32_t which) {
    cluster.open(0, rooms);
    cluster.join(0, rooms, room(which));
    cluster.tick(0);
    cluster.hub(0).query({.kind = QueryKind::busiest, .limit = 100});
    cluster.tick(0);
    cluster.hub(0).close({rooms, 1}, false);
    cluster.tick(0);
    cluster.sink(0).answers.clear();
  };
  ringcast_measured([&] {
    for (uint32_t i = 0; i < 50; ++i) come_and_go(i % 2 == 0 ? 0 : i);
  });
}

// Of the users of one room some have gone, and may still come back.
void grace(uint32_t gone) {
  constexpr uint32_t users = 5'000;
  Cluster::Options options;
  options.rooms.presence = true;
  options.rooms.leave_grace = options.inbox.leave_grace = 60s;
  Cluster cluster(options);
  cluster.sink(0).users.resize(users);
  for (uint32_t i = 0; i < users; ++i) {
    const std::string user = "user-" + std::to_string(i);
    cluster.sink(0).users[i] = user;
    cluster.open(0, i);
    cluster.join(0, i, room(0), user);
    cluster.join(0, i, channel_key("", "@" + user), user);
    cluster.tick(0);
  }
  for (uint32_t i = 0; i < gone; ++i) {
    cluster.hub(0).close({i, 1}, true);
    cluster.tick(0);
  }
  ringcast_measured([&] {
    for (uint32_t i = 0; i < 100; ++i) cluster.hub(0).sweep();
  });
}

// Takes the tick's part of a list: what the reactor does before it looks at anything else.
void list(Cluster& cluster, const Query& query) {
  cluster.hub(0).query(query);
  ringcast_measured([&] { cluster.tick(0); });
}

void list_rooms(uint32_t rooms) {
  Cluster cluster({});
  for (uint32_t i = 0; i < rooms; ++i) publish(cluster, room(i));
  list(cluster, {.kind = QueryKind::rooms, .limit = 100});
}

void list_users(uint32_t users) {
  Cluster cluster({});
  for (uint32_t i = 0; i < users; ++i) {
    const std::string user = "user-" + std::to_string(i);
    cluster.open(0, i);
    cluster.join(0, i, channel_key("", "@" + user), user);
    cluster.tick(0);
  }
  list(cluster, {.kind = QueryKind::users, .limit = 100});
}

void list_members(uint32_t users) {
  Cluster::Options options;
  options.rooms.presence = true;
  options.rooms.presence_events_max = 0;
  Cluster cluster(options);
  for (uint32_t i = 0; i < users; ++i) {
    cluster.open(0, i);
    cluster.join(0, i, room(0), "user-" + std::to_string(i));
    cluster.tick(0);
  }
  list(cluster, {.kind = QueryKind::members, .key = room(0), .limit = 100});
}

// `with_room`: those of a room that the last ones are in; else all of them from the first on.
void list_connections(uint32_t open, bool with_room) {
  Cluster cluster({});
  for (uint32_t i = 0; i < open; ++i) cluster.open(0, i);
  for (uint32_t i = open - 10; i < open; ++i) cluster.join(0, i, room(0));
  cluster.tick(0);
  const std::string key = with_room ? room(0) : std::string();
  list(cluster, {.kind = QueryKind::connections, .key = key, .limit = 100});
}

// Rooms of two members have had a message each.
void cool(uint32_t rooms) {
  Cluster cluster({});
  for (uint32_t i = 0; i < 2 * rooms; ++i) {
    cluster.open(0, i);
    cluster.join(0, i, room(i / 2));
    cluster.tick(0);
  }
  for (uint32_t i = 0; i < rooms; ++i) publish(cluster, room(i));
  cluster.wait(1s);
  ringcast_measured([&] { cluster.hub(0).sweep(); });
}

// Keys that were given long ago, and one that is new.
void end_keys(uint32_t keys) {
  Cluster::Options options;
  options.hub.idempotency_window = 1s;
  Cluster cluster(options);
  for (uint32_t i = 0; i < keys; ++i) {
    const std::string key = std::to_string(i);
    cluster.publish(0, {.key = room(0), .payload = "payload", .idempotency_key = key});
    cluster.tick(0);
  }
  cluster.wait(2s);
  ringcast_measured([&] {
    cluster.publish(0, {.key = room(0), .payload = "payload", .idempotency_key = "new"});
    cluster.tick(0);
  });
}

// What rooms have kept is over at once. A sweep looks at as many rooms in both.
void end_histories(uint32_t messages) {
  Cluster::Options options;
  options.rooms.history_ttl = 1s;
  Cluster cluster(options);
  for (uint32_t i = 0; i < messages; ++i) publish(cluster, room(i % 250));
  cluster.wait(2s);
  ringcast_measured([&] { cluster.hub(0).sweep(); });
}

const Scenario kScenarios[] = {
    {"publish-at-a-full-history", [] { publishing(20'000, 1'000'000); }, [] { publishing(20'000, 20); }},
    {"publish-with-many-rooms", [] { publishing(10, 1'000'000); }, [] { publishing(100'000, 1'000'000); }},
    {"publish-with-many-idle-members", [] { members(10); }, [] { members(30'000); }},
    {"busiest-of-many-rooms", [] { busiest(200); }, [] { busiest(50'000); }},
    {"sweep-with-many-in-grace", [] { grace(1); }, [] { grace(5'000); }},
    {"tick-of-a-list-of-rooms", [] { list_rooms(5'000); }, [] { list_rooms(100'000); }},
    {"tick-of-a-list-of-users", [] { list_users(5'000); }, [] { list_users(50'000); }},
    {"tick-of-a-list-of-members", [] { list_members(5'000); }, [] { list_members(50'000); }},
    {"tick-of-a-list-of-connections", [] { list_connections(5'000, false); }, [] { list_connections(100'000, false); }},
    {"tick-of-a-search-for-connections", [] { list_connections(5'000, true); },
     [] { list_connections(100'000, true); }},
    {"sweep-after-a-burst-in-many-rooms", [] { cool(2'500); }, [] { cool(25'000); }},
    {"publish-after-many-keys-have-ended", [] { end_keys(50); }, [] { end_keys(50'000); }},
    {"sweep-of-histories-that-have-ended", [] { end_histories(5'000); }, [] { end_histories(100'000); }},
};

}  // namespace

int main(int argc, char** argv) {
  return run_scenario(kScenarios, argc, argv);
}
