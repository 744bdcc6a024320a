// SPDX-License-Identifier: Apache-2.0
// Hubs of one to three cores: joining, replay, limits, final messages, presence, questions.
#include "hub/hub.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <list>
#include <map>
#include <random>

#include "hub/owner/history.h"
#include "hub_fixture.h"

namespace ringcast::hub {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class HubTest : public testing::TestWithParam<uint16_t> {
 protected:
  Cluster::Options options() const {
    Cluster::Options options;
    options.cores = GetParam();
    return options;
  }
  uint16_t last() const { return static_cast<uint16_t>(GetParam() - 1); }
  static void publish_all(Cluster& cluster, std::string_view key, int count) {
    for (int i = 1; i <= count; ++i) {
      ASSERT_EQ(cluster.publish(0, key, std::to_string(i)), PublishResult::accepted);
      cluster.run();
    }
  }
};

INSTANTIATE_TEST_SUITE_P(Cores, HubTest, testing::Values(1, 2, 3));

TEST_P(HubTest, MembersOfAllCoresGetEachMessageOnce) {
  Cluster cluster(options());
  for (uint16_t core = 0; core < GetParam(); ++core) {
    cluster.open(core, 0);
    cluster.open(core, 1, kEntries);
    cluster.join(core, 0, "\nroom");
    cluster.join(core, 1, "\nroom");
  }
  cluster.open(0, 5);
  cluster.join(0, 5, "other\nroom");
  cluster.run();
  publish_all(cluster, "\nroom", 2);
  for (uint16_t core = 0; core < GetParam(); ++core) {
    EXPECT_EQ(cluster.take(core, 0), "{joined}<1:1><2:2>");
    EXPECT_EQ(cluster.take(core, 1), "{joined}<1:1><2:2>");
  }
  EXPECT_EQ(cluster.take(0, 5), "{joined}");  // another tenant
  EXPECT_EQ(cluster.sink(0).outcomes.back().receivers, 2u * GetParam());
}

TEST_P(HubTest, AJoinWithACursorGoesOverToLiveWithoutASeam) {
  Cluster cluster(options());
  publish_all(cluster, "\nroom", 20);
  cluster.open(last(), 0);
  cluster.join_after(last(), 0, "\nroom", 4);
  // Messages keep coming between the pieces.
  for (int i = 21; i <= 30; ++i) {
    ASSERT_EQ(cluster.publish(0, "\nroom", std::to_string(i)), PublishResult::accepted);
    for (uint16_t core = 0; core < GetParam(); ++core) cluster.tick(core);
  }
  cluster.run();
  std::string expected = "{joined}";
  for (int i = 5; i <= 30; ++i) expected += '<' + std::to_string(i) + ':' + std::to_string(i) + '>';
  EXPECT_EQ(cluster.take(last(), 0), expected);
}

TEST_P(HubTest, ACursorThatHistoryDoesNotReachIsAGap) {
  Cluster::Options few = options();
  few.rooms.history_messages = 3;
  Cluster cluster(few);
  publish_all(cluster, "\nroom", 6);
  for (uint32_t slot = 0; slot < 4; ++slot) cluster.open(last(), slot);
  cluster.join_after(last(), 0, "\nroom", 2);
  cluster.join_after(last(), 1, "\nroom", 3);
  cluster.join_after(last(), 2, "\nroom", 6);
  cluster.join_after(last(), 3, "\nroom", 99);
  cluster.run();
  EXPECT_EQ(cluster.take(last(), 0), "{joined gap}<4:4><5:5><6:6>");
  EXPECT_EQ(cluster.take(last(), 1), "{joined}<4:4><5:5><6:6>");
  EXPECT_EQ(cluster.take(last(), 2), "{joined}");
  EXPECT_EQ(cluster.take(last(), 3), "{joined gap reset}<4:4><5:5><6:6>");
}

TEST_P(HubTest, AReplayOvertakenByTheRingGoesOnWithAGap) {
  Cluster::Options few = options();
  few.rooms.history_messages = 6;
  few.hub.replay_chunk = 1;  // one message a piece
  Cluster cluster(few);
  publish_all(cluster, "\nroom", 6);
  const uint16_t owner = cluster.hub(0).owner_of("\nroom");
  cluster.open(owner, 0);
  cluster.join_after(owner, 0, "\nroom", 0);
  // The first piece and the next request are done before the rest of the history goes.
  for (int i = 7; i <= 18; ++i) ASSERT_EQ(cluster.publish(owner, "\nroom", std::to_string(i)), PublishResult::accepted);
  cluster.run();
  const std::string got = cluster.take(owner, 0);
  EXPECT_THAT(got, HasSubstr("{joined}<1:1>{gap 13}<13:13><14:14>"));
  EXPECT_THAT(got, HasSubstr("<17:17><18:18>"));
}

TEST_P(HubTest, HistoryIsBoundedByCountBytesAndAge) {
  Cluster::Options small = options();
  small.rooms.history_bytes = 3 * (History::kOverhead + 8);
  small.rooms.history_ttl = 10s;
  Cluster cluster(small);
  publish_all(cluster, "\nroom", 9);
  Answer answer = cluster.ask(last(), {.kind = QueryKind::history, .key = "\nroom"});
  EXPECT_EQ(answer.newest, 9u);
  EXPECT_EQ(answer.oldest, 7u);
  ASSERT_EQ(answer.rows.size(), 3u);
  EXPECT_EQ(answer.rows[0].text, "<7:7>");
  cluster.advance(11s);
  answer = cluster.ask(last(), {.kind = QueryKind::history, .key = "\nroom"});
  EXPECT_TRUE(answer.found);
  EXPECT_TRUE(answer.rows.empty());
}

TEST_P(HubTest, LeastRecentlyPublishedHistoryGoesFirst) {
  Cluster::Options small = options();
  small.hub.history_bytes_max = 4 * (History::kOverhead + 6);
  Cluster cluster(small);
  const std::string a = cluster.room_at(0);
  std::string b = a;
  for (int i = 0; b == a || cluster.hub(0).owner_of(b) != 0; ++i) b = channel_key("", "b" + std::to_string(i));
  publish_all(cluster, a, 2);
  publish_all(cluster, b, 2);
  publish_all(cluster, a, 1);  // now b is the one published to least recently
  EXPECT_EQ(cluster.ask(0, {.kind = QueryKind::history, .key = a}).rows.size(), 3u);
  EXPECT_EQ(cluster.ask(0, {.kind = QueryKind::history, .key = b}).rows.size(), 1u);
}

TEST_P(HubTest, AMessageThatNoHistoryHasRoomForIsDelivered) {
  Cluster::Options small = options();
  small.hub.history_bytes_max = History::kOverhead + 2;
  Cluster cluster(small);
  cluster.open(0, 0);
  cluster.join(0, 0, "\nroom");
  cluster.run();
  publish_all(cluster, "\nroom", 3);
  EXPECT_EQ(cluster.take(0, 0), "{joined}<1:1><2:2><3:3>");
  const Answer& answer = cluster.ask(last(), {.kind = QueryKind::history, .key = "\nroom"});
  EXPECT_EQ(answer.newest, 3u);
  EXPECT_TRUE(answer.rows.empty());
}

// Rooms whose history was used up by the others, come back into the order and leave it again.
TEST_P(HubTest, TheHistoryOfAllRoomsGoesInTheOrderOfTheirLastMessages) {
  constexpr size_t kKept = 12;
  Cluster::Options small = options();
  small.hub.history_bytes_max = kKept * (History::kOverhead + 10);
  Cluster cluster(small);
  std::vector<std::string> rooms;
  for (int i = 0; rooms.size() < 30; ++i) {
    std::string key = channel_key("", "of-all" + std::to_string(i));
    if (cluster.hub(0).owner_of(key) == 0) rooms.push_back(std::move(key));
  }
  std::mt19937 random(7);
  std::list<std::pair<size_t, size_t>> model;  // rooms with how many messages, the least recently published first
  size_t kept = 0;
  std::vector<uint64_t> ids(rooms.size());
  for (int step = 0; step < 2000; ++step) {
    const size_t room = random() % (step % 200 < 100 ? 4 : rooms.size());
    std::string payload = "payload";  // 10 bytes in all
    payload.resize(7 - std::to_string(++ids[room]).size());
    cluster.publish(0, rooms[room], payload);
    cluster.run();
    auto at = std::find_if(model.begin(), model.end(), [&](const auto& entry) { return entry.first == room; });
    if (at == model.end()) at = model.insert(model.end(), {room, 0});
    model.splice(model.end(), model, at);
    ++at->second;
    if (++kept > kKept) {
      --kept;
      if (--model.front().second == 0) model.pop_front();
    }
    if (step % 50 == 0) {
      const Answer& answer = cluster.ask(0, {.kind = QueryKind::rooms, .limit = 100});
      ASSERT_EQ(answer.rows.size(), std::count_if(ids.begin(), ids.end(), [](uint64_t id) { return id != 0; }));
      for (const Row& row : answer.rows) {
        const auto in_model = std::find_if(model.begin(), model.end(),
                                           [&](const auto& entry) { return name_of(rooms[entry.first]) == row.name; });
        ASSERT_EQ(row.c, in_model == model.end() ? 0 : in_model->second) << row.name << " at step " << step;
      }
    }
  }
  EXPECT_EQ(cluster.hub(0).stats().history_messages.load(), kKept);
}

// However many there are: no step that all reactors' clients wait for.
TEST_P(HubTest, ASweepLooksAtAPartOfTheRooms) {
  constexpr uint32_t kRooms = 30'000, kPart = kRooms / 100;
  Cluster::Options many = options();
  many.rooms.history_messages = 0;
  Cluster cluster(many);
  for (uint32_t i = 0, made = 0; made < kRooms; ++i) {
    const std::string key = channel_key("", "idle" + std::to_string(i));
    if (cluster.hub(0).owner_of(key) != 0) continue;
    cluster.publish(0, key, "x");
    cluster.tick(0);
    ++made;
  }
  HubStats& stats = cluster.hub(0).stats();
  ASSERT_EQ(stats.channels.load(), kRooms);
  cluster.advance(61s);
  EXPECT_EQ(stats.evicted_channels.load(), kPart);
  for (uint32_t n = 1; n < 100; ++n) {
    cluster.hub(0).sweep();
    ASSERT_EQ(stats.evicted_channels.load(), (n + 1) * kPart);
  }
  EXPECT_EQ(stats.channels.load(), 0u);
}

// Members come and go at random, in rooms of two tenants: against counting them all.
TEST_P(HubTest, TheBusiestRoomsAreThoseWithTheMostMembers) {
  constexpr uint32_t kListed = 4, kConnections = 120, kRooms = 40;
  Cluster::Options few = options();
  few.hub.busiest_rooms = kListed;
  few.rooms.empty_ttl = 1s;
  Cluster cluster(few);
  std::mt19937 random(5);
  std::vector<std::string> joined(kConnections);
  for (int round = 0; round < 300; ++round) {
    const bool emptying = round % 50 > 40;
    for (int step = 0; step < 20; ++step) {
      const uint32_t slot = random() % kConnections;
      const auto core = static_cast<uint16_t>(slot % GetParam());
      if (!joined[slot].empty()) {
        cluster.hub(core).close({slot, 1}, false);
        joined[slot].clear();
      } else if (!emptying) {
        // A few rooms have most of the members, and which ones changes.
        const uint32_t number = (random() % 3 != 0 ? random() % 6 + round / 20 : random()) % kRooms;
        joined[slot] = channel_key(slot % 3 == 0 ? "tenant" : "", "busy" + std::to_string(number));
        cluster.open(core, slot);
        cluster.join(core, slot, joined[slot]);
      }
    }
    cluster.run();
    cluster.advance(100ms);  // looks at all of them: there are fewer than a sweep's least
    std::map<std::string, uint64_t> model;
    for (const std::string& key : joined) {
      if (!key.empty()) ++model[key];
    }
    for (const char* tenant : {"", "tenant", "nobody"}) {
      std::vector<uint64_t> most;
      for (const auto& [key, members] : model) {
        if (tenant_of(key) == tenant) most.push_back(members);
      }
      std::sort(most.begin(), most.end(), std::greater<>());
      const Answer& answer = cluster.ask(last(), {.kind = QueryKind::busiest, .tenant = tenant, .limit = kListed});
      ASSERT_EQ(answer.count, most.size()) << tenant << " in round " << round;
      most.resize(std::min<size_t>(most.size(), kListed));
      ASSERT_EQ(answer.rows.size(), most.size());
      for (size_t i = 0; i < most.size(); ++i) {
        ASSERT_EQ(answer.rows[i].a, most[i]) << tenant << " in round " << round;
        ASSERT_EQ(answer.rows[i].a, model.at(channel_key(tenant, answer.rows[i].name)));
      }
      ASSERT_EQ(cluster.ask(last(), {.kind = QueryKind::busiest, .tenant = tenant, .limit = 0}).rows.size(), 0u);
    }
  }
}

// As after a reload of stats_rooms_max.
TEST_P(HubTest, AsManyOfTheBusiestRoomsComeAsAreAskedFor) {
  constexpr uint32_t kRooms = 20;
  Cluster::Options few = options();
  few.hub.busiest_rooms = 2;
  Cluster cluster(few);
  uint32_t slot = 0;
  for (uint32_t room = 1; room <= kRooms; ++room) {
    for (uint32_t member = 0; member < room; ++member, ++slot) {
      cluster.open(last(), slot);
      cluster.join(last(), slot, channel_key("", "busy" + std::to_string(room)));
    }
  }
  cluster.run();
  cluster.ask(last(), {.kind = QueryKind::busiest, .limit = 2});  // only two per core are left in the lists
  for (const uint32_t limit : {12u, 3u, 20u}) {
    cluster.ask(last(), {.kind = QueryKind::busiest, .limit = limit});
    cluster.advance(100ms);  // looks at all of them: there are fewer than a sweep's least
    const Answer& answer = cluster.ask(last(), {.kind = QueryKind::busiest, .limit = limit});
    EXPECT_EQ(answer.count, kRooms);
    ASSERT_EQ(answer.rows.size(), limit);
    for (uint32_t i = 0; i < limit; ++i) EXPECT_EQ(answer.rows[i].a, kRooms - i) << limit;
  }
}

TEST_P(HubTest, AnIdempotencyKeyGivesTheFirstIdAgain) {
  Cluster cluster(options());
  cluster.publish(0, {.key = "\nroom", .user = "alice", .payload = "x", .idempotency_key = "k"});
  cluster.publish(0, {.key = "\nroom", .user = "alice", .payload = "x", .idempotency_key = "k"});
  cluster.publish(0, {.key = "\nroom", .user = "bob", .payload = "x", .idempotency_key = "k"});
  cluster.run();
  const std::vector<Published>& outcomes = cluster.sink(0).outcomes;
  ASSERT_EQ(outcomes.size(), 3u);
  EXPECT_EQ(outcomes[0].id, 1u);
  EXPECT_FALSE(outcomes[0].duplicate);
  EXPECT_EQ(outcomes[1].id, 1u);
  EXPECT_TRUE(outcomes[1].duplicate);
  EXPECT_EQ(outcomes[2].id, 2u);
}

// A fan that kept the block of its last message would keep what other rooms wrote into it.
TEST_P(HubTest, QuietRoomsHoldNoBlocks) {
  Cluster cluster(options());
  std::vector<std::string> rooms;
  for (int i = 0; i < 20; ++i) rooms.push_back("\nquiet" + std::to_string(i));
  for (uint32_t slot = 0; slot < 2; ++slot) {  // a fan is for several members
    cluster.open(last(), slot);
    for (const std::string& room : rooms) cluster.join(last(), slot, room);
  }
  cluster.run();
  const int64_t before = Block::live_bytes();
  for (const std::string& room : rooms) {
    for (int i = 0; i < 16; ++i) {
      cluster.publish(last(), {.key = room, .payload = std::string(4096, 'x'), .ephemeral = true});
      cluster.run();
    }
  }
  EXPECT_GT(Block::live_bytes() - before, int64_t{10} * BlockWriter::kLargest);
  cluster.advance(1s);  // they had messages in this second
  cluster.advance(1s);
  EXPECT_LT(Block::live_bytes() - before,
            int64_t{GetParam() + 2} * BlockWriter::kLargest);  // those that writers have begun
  cluster.take(last(), 0);
  cluster.publish(last(), {.key = rooms[3], .payload = "again", .ephemeral = true});
  cluster.run();
  EXPECT_EQ(cluster.take(last(), 0), "<0:again>");
}

TEST_P(HubTest, AFinalMessageTakesTheMembersOut) {
  Cluster cluster(options());
  for (uint16_t core = 0; core < GetParam(); ++core) {
    cluster.open(core, 0);
    cluster.join(core, 0, "\nroom");
  }
  cluster.run();
  cluster.publish(0, {.key = "\nroom", .payload = "end", .final = true});
  cluster.publish(0, "\nroom", "late");
  cluster.run();
  for (uint16_t core = 0; core < GetParam(); ++core) {
    EXPECT_EQ(cluster.take(core, 0), "{joined}<1:end>{final}");
    EXPECT_FALSE(cluster.hub(core).is_member({0, 1}, "\nroom"));
    EXPECT_EQ(cluster.hub(core).stats().memberships.load(), 0u);
  }
  EXPECT_EQ(cluster.sink(0).outcomes.back().receivers, 0u);
}

TEST_P(HubTest, AnEndedRoomSaysSoToWhoHasSeenTheEnd) {
  Cluster cluster(options());
  cluster.publish(0, {.key = "\nroom", .payload = "end", .final = true});
  cluster.run();
  cluster.open(last(), 0);
  cluster.open(last(), 1);
  cluster.join_after(last(), 0, "\nroom", 1);
  cluster.join_after(last(), 1, "\nroom", 0);
  cluster.run();
  EXPECT_EQ(cluster.take(last(), 0), "{joined ended}");
  EXPECT_EQ(cluster.take(last(), 1), "{joined}<1:end>{final}");
}

TEST_P(HubTest, ALastValueRoomBeginsWithItsNewestMessage) {
  Cluster cluster(options());
  RoomPolicy policy;
  policy.last_value = true;
  policy.first_id = 1;
  cluster.policies().add("state", policy);
  cluster.open(last(), 0);
  cluster.join(last(), 0, "\nstate");
  cluster.run();
  publish_all(cluster, "\nstate", 3);
  cluster.open(last(), 1);
  cluster.join(last(), 1, "\nstate");
  cluster.open(last(), 2);
  cluster.join_after(last(), 2, "\nstate", 3);
  cluster.run();
  EXPECT_EQ(cluster.take(last(), 1).substr(0, 8), "{joined}");
  EXPECT_THAT(cluster.take(last(), 2), testing::Not(HasSubstr("<3:")));
}

TEST_P(HubTest, ALeaveThatRacesItsJoinLeavesNobodyBehind) {
  Cluster cluster(options());
  publish_all(cluster, "\nroom", 4);
  for (uint32_t slot = 0; slot < 3; ++slot) cluster.open(last(), slot);
  cluster.join(last(), 0, "\nroom");
  EXPECT_TRUE(cluster.hub(last()).leave({0, 1}, "\nroom", false));
  cluster.join_after(last(), 1, "\nroom", 0);
  cluster.hub(last()).close({1, 1}, false);
  cluster.join(last(), 2, "\nroom");
  EXPECT_TRUE(cluster.hub(last()).leave({2, 1}, "\nroom", false));
  cluster.join(last(), 2, "\nroom");  // and at once again
  cluster.run();
  publish_all(cluster, "\nroom", 1);
  EXPECT_EQ(cluster.take(last(), 0), "");
  EXPECT_EQ(cluster.take(last(), 1), "");
  EXPECT_EQ(cluster.take(last(), 2), "{joined}<5:1>");
  EXPECT_EQ(cluster.sink(0).outcomes.back().receivers, 1u);
}

TEST_P(HubTest, ThePublisherMayBeLeftOut) {
  Cluster cluster(options());
  for (uint32_t slot = 0; slot < 2; ++slot) {
    cluster.open(last(), slot);
    cluster.join(last(), slot, "\nroom");
  }
  cluster.run();
  cluster.publish(last(), {.key = "\nroom", .payload = "x", .exclude = {last(), {0, 1}}});
  cluster.publish(last(), "\nroom", "y");
  cluster.run();
  EXPECT_EQ(cluster.take(last(), 0), "{joined}<2:y>");
  EXPECT_EQ(cluster.take(last(), 1), "{joined}<1:x><2:y>");
}

TEST_P(HubTest, CompressedBytesGoToThoseWhoTakeThem) {
  Cluster cluster(options());
  cluster.open(last(), 0);
  cluster.open(last(), 1, kDeflated);
  cluster.join(last(), 0, "\nroom");
  cluster.join(last(), 1, "\nroom");
  cluster.run();
  cluster.publish(0, "\nroom", "short");
  cluster.publish(0, "\nroom", "long enough to be worth it");
  cluster.run();
  EXPECT_EQ(cluster.take(last(), 0), "{joined}<1:short><2:long enough to be worth it>");
  EXPECT_EQ(cluster.take(last(), 1), "{joined}<1:short>z<2:long enough to be worth it>");
}

TEST_P(HubTest, PresenceTellsFirstInAndLastOutAfterTheGrace) {
  Cluster::Options with = options();
  with.rooms.presence = true;
  with.rooms.leave_grace = 1000ms;
  Cluster cluster(with);
  cluster.open(0, 0);
  cluster.join(0, 0, "\nroom", "watcher");
  cluster.run();
  for (uint32_t slot = 1; slot < 3; ++slot) {
    cluster.open(last(), slot);
    cluster.join(last(), slot, "\nroom", "alice");
  }
  cluster.run();
  EXPECT_EQ(cluster.take(0, 0), "{joined}(joined alice)");
  EXPECT_EQ(cluster.ask(last(), {.kind = QueryKind::members, .key = "\nroom"}).rows.size(), 2u);
  cluster.hub(last()).close({1, 1}, true);
  cluster.hub(last()).close({2, 1}, true);
  cluster.run();
  EXPECT_EQ(cluster.take(0, 0), "");
  cluster.advance(1100ms);
  EXPECT_EQ(cluster.take(0, 0), "(left alice)");
  cluster.open(last(), 3);
  cluster.join(last(), 3, "\nroom", "bob");
  cluster.run();
  cluster.hub(last()).leave({3, 1}, "\nroom", false);  // said so: no grace
  cluster.run();
  EXPECT_EQ(cluster.take(0, 0), "(joined bob)(left bob)");
}

TEST_P(HubTest, PresenceOfARoomThatHasJustSentSomeWaitsForMore) {
  Cluster::Options with = options();
  with.rooms.presence = true;
  with.rooms.presence_interval = 500ms;
  with.rooms.leave_grace = 0ms;
  Cluster cluster(with);
  const auto join = [&](uint32_t slot, std::string_view user) {
    cluster.open(last(), slot);
    cluster.join(last(), slot, "\nroom", user);
    cluster.run();
  };
  const auto leave = [&](uint32_t slot) {
    cluster.hub(last()).close({slot, 1}, false);
    cluster.run();
  };
  for (const uint32_t slot : {0u, 9u}) {  // two, since one alone on its core gets all at once
    cluster.open(0, slot);
    cluster.join(0, slot, "\nroom", "watcher");
    cluster.run();
    EXPECT_EQ(cluster.take(0, slot), "{joined}");
  }
  join(1, "alice");
  EXPECT_EQ(cluster.take(0, 0), "(joined alice)");  // the first at once
  join(2, "bob");
  leave(1);
  cluster.advance(400ms);
  EXPECT_EQ(cluster.take(0, 0), "");
  join(3, "carol");
  cluster.advance(100ms);
  EXPECT_EQ(cluster.take(0, 0), "(joined bob)(left alice)(joined carol)");
  EXPECT_EQ(cluster.take(last(), 3), "{joined}");  // nobody hears of what was before, or of itself
  // What waits is not overtaken by what is said.
  leave(2);
  EXPECT_EQ(cluster.take(0, 0), "");
  cluster.publish(0, "\nroom", "hello");
  cluster.run();
  EXPECT_EQ(cluster.take(0, 0), "(left bob)<1:hello>");
  EXPECT_EQ(cluster.take(last(), 3), "(left bob)<1:hello>");
  // Nor lost by those who go, or kept by a room that is gone.
  leave(3);
  cluster.hub(0).leave({0, 1}, "\nroom", false);
  EXPECT_EQ(cluster.take(0, 0), "(left carol)");
  cluster.hub(0).leave({9, 1}, "\nroom", false);
  cluster.run();
  cluster.advance(1000ms);
  join(4, "dave");
  EXPECT_EQ(cluster.take(last(), 4), "{joined}");
}

TEST_P(HubTest, PresenceWaitsOnlyUntilItIsALot) {
  Cluster::Options with = options();
  with.rooms.presence = true;
  with.rooms.presence_interval = 10s;
  with.rooms.leave_grace = 0ms;
  Cluster cluster(with);
  cluster.open(0, 0);
  cluster.join(0, 0, "\nroom", "watcher");
  const std::string user(1000, 'u');
  for (uint32_t slot = 1; slot <= 20; ++slot) {
    cluster.open(0, slot);
    cluster.join(0, slot, "\nroom", user + std::to_string(slot));
    cluster.run();
  }
  const std::string got = cluster.take(0, 0);
  EXPECT_EQ(std::count(got.begin(), got.end(), '('), 1 + 2 * 9);  // 8 KiB have no room for a ninth
}

// Members × times that something is sent, not members × joins.
TEST(Hub, TenThousandJoinsOfOneRoomCostNoMoreThanTheirBatches) {
  constexpr uint32_t kJoins = 10'000;
  constexpr auto kBetween = std::chrono::microseconds(200);
  const auto join_all = [&](std::chrono::milliseconds interval, uint32_t members_max) {
    Cluster::Options with;
    with.rooms.presence = true;
    with.rooms.presence_interval = interval;
    with.rooms.presence_events_max = members_max;
    Cluster cluster(with);
    cluster.sink(0).records = false;
    for (uint32_t slot = 0; slot < kJoins; ++slot) {
      cluster.open(0, slot);
      cluster.join(0, slot, "\nroom", "user-" + std::to_string(slot));
      if (slot % 5 == 4) cluster.wait(std::chrono::duration_cast<std::chrono::milliseconds>(5 * kBetween));
      cluster.tick(0);
    }
    return cluster.sink(0).handed;
  };
  EXPECT_EQ(join_all(0ms, 1000), 1000u * 999 / 2);
  // A batch has 64 joins at most (Group::crowded()), or those of 100 ms.
  constexpr uint64_t kBatches = kJoins / 64 + kJoins * kBetween / 100ms + 1;
  EXPECT_LE(join_all(100ms, 1000), kJoins + 1000 / 64 * 1000 / 2);
  EXPECT_LE(join_all(100ms, kJoins), kJoins + kBatches * kJoins / 2 + 2 * kJoins);
}

// Users who go and come back at random, in rooms with different times of grace: each leave is shown when the grace of
// the last one ends, and not if it does not.
TEST_P(HubTest, EachGraceEndsWhenItIsDue) {
  constexpr uint32_t kUsers = 40;
  constexpr std::chrono::milliseconds kStep = 100ms;
  const std::string rooms[] = {"\nroom", "\nslow-room"};
  const int graces[] = {7, 31};  // in steps
  Cluster::Options with = options();
  with.rooms.presence = true;
  with.rooms.leave_grace = kStep * graces[0];
  Cluster cluster(with);
  RoomPolicy slow = with.rooms;
  slow.leave_grace = kStep * graces[1];
  cluster.policies().add("slow-*", slow);
  for (uint32_t room = 0; room < 2; ++room) {
    cluster.open(0, room);
    cluster.join(0, room, rooms[room], "watcher");
  }
  cluster.run();
  for (uint32_t room = 0; room < 2; ++room) cluster.take(0, room);
  std::mt19937 random(11);
  struct User {
    bool in = false;
    int ends[2] = {-1, -1};
  };
  std::vector<User> users(kUsers);
  for (int step = 0; step < 2000; ++step) {
    for (uint32_t i = 0; i < kUsers; ++i) {
      if (random() % 10 != 0) continue;
      User& user = users[i];
      const ConnectionId connection{2 + i, 1};
      if (user.in) {
        cluster.hub(0).close(connection, true);
        for (int room = 0; room < 2; ++room) user.ends[room] = step + graces[room];
      } else {
        cluster.open(0, 2 + i);
        for (int room = 0; room < 2; ++room) {
          cluster.join(0, 2 + i, rooms[room], "user" + std::to_string(i) + ".");
          user.ends[room] = -1;
        }
      }
      user.in = !user.in;
      cluster.run();
    }
    for (uint32_t room = 0; room < 2; ++room) cluster.take(0, room);
    cluster.advance(kStep);
    for (uint32_t room = 0; room < 2; ++room) {
      const std::string got = cluster.take(0, room);
      for (uint32_t i = 0; i < kUsers; ++i) {
        const bool due = users[i].ends[room] == step + 1;
        ASSERT_EQ(got.find("(left user" + std::to_string(i) + ".)") != std::string::npos, due) << got << step;
      }
    }
  }
}

// A grace that does not run any more is not kept until it would have ended.
TEST_P(HubTest, WhoGoesAndComesBackOverAndOverIsKeptOnce) {
  Cluster::Options with = options();
  with.rooms.presence = true;
  with.rooms.leave_grace = with.inbox.leave_grace = 1h;
  Cluster cluster(with);
  uint64_t kept = 0;
  for (int i = 0; i < 2000; ++i) {
    cluster.open(0, 0);
    cluster.join(0, 0, "\nroom", "alice");
    cluster.join(0, 0, "\n@alice", "alice");
    cluster.run();
    cluster.hub(0).close({0, 1}, true);
    cluster.advance(5ms);
    uint64_t now = 0;
    for (uint16_t core = 0; core < GetParam(); ++core) now += cluster.hub(core).stats().graces.load();
    kept = std::max(kept, now);
  }
  EXPECT_LE(kept, 8u);
}

TEST_P(HubTest, PresenceEventsCountWhoTheyAreAbout) {
  Cluster::Options with = options();
  with.rooms.presence = true;
  with.rooms.leave_grace = 0ms;
  Cluster cluster(with);
  for (uint32_t slot = 0; slot < 3; ++slot) {
    cluster.open(last(), slot);
    cluster.join(last(), slot, "\nroom", "user" + std::to_string(slot));
    cluster.run();
  }
  cluster.publish(0, "\nroom", "x");
  cluster.open(0, 3);
  cluster.hub(0).join({.connection = {3, 1}, .key = "\nroom", .has_cursor = true, .cursor = 0, .user = "behind"});
  cluster.run();
  cluster.hub(last()).leave({2, 1}, "\nroom", false);
  cluster.run();
  // The first one joined an empty room, where nobody hears of it.
  EXPECT_EQ(cluster.encoder().members, (std::vector<uint32_t>{2, 3, 4, 3}));
}

TEST_P(HubTest, AStatusIsTheUsersInEveryRoomAndOnEveryConnection) {
  Cluster::Options with = options();
  with.rooms.presence = true;
  with.inbox.leave_grace = with.rooms.leave_grace = 0ms;
  Cluster cluster(with);
  cluster.open(0, 0);
  for (const char* room : {"\none", "\ntwo", "\nthree"}) cluster.join(0, 0, room, "watcher");
  cluster.open(0, 1);
  cluster.open(last(), 2);
  for (const auto& [core, slot] : {std::pair<uint16_t, uint32_t>{0, 1}, {last(), 2}}) {
    cluster.join(core, slot, "\n@alice", "alice");
  }
  cluster.join(last(), 2, "\none", "alice");
  cluster.run();
  cluster.take(0, 0);
  // Said by one connection, it holds in the room of the other; and in one joined right behind it, from the beginning.
  cluster.hub(0).set_status({1, 1}, Status::away);
  cluster.join(0, 1, "\ntwo", "alice");
  cluster.run();
  const std::string heard = cluster.take(0, 0);
  EXPECT_THAT(heard, HasSubstr("(status alice away)"));
  EXPECT_THAT(heard, HasSubstr("(joined alice away)"));
  // A connection that comes later knows it from its inbox, whichever answer is first.
  cluster.open(last(), 3);
  cluster.join(last(), 3, "\nthree", "alice");
  cluster.join(last(), 3, "\n@alice", "alice");
  cluster.run();
  for (const char* room : {"\none", "\ntwo", "\nthree"}) {
    const Answer& members = cluster.ask(0, {.kind = QueryKind::members, .key = room});
    ASSERT_EQ(members.rows.size(), 2u);
    EXPECT_EQ(members.rows[0].a, static_cast<uint64_t>(Status::away)) << room;
  }
  // The last one said wins, for all; and it ends with the last connection.
  cluster.hub(last()).set_status({3, 1}, Status::busy);
  cluster.run();
  for (const char* room : {"\none", "\ntwo", "\nthree"}) {
    EXPECT_EQ(cluster.ask(0, {.kind = QueryKind::members, .key = room}).rows[0].a, static_cast<uint64_t>(Status::busy))
        << room;
  }
  cluster.hub(0).close({1, 1}, false);
  cluster.hub(last()).close({2, 1}, false);
  cluster.hub(last()).close({3, 1}, false);
  cluster.run();
  cluster.take(0, 0);
  cluster.open(0, 4);
  cluster.join(0, 4, "\n@alice", "alice");
  cluster.join(0, 4, "\none", "alice");
  cluster.run();
  EXPECT_EQ(cluster.take(0, 0), "(joined alice)");
}

TEST_P(HubTest, WhoComesBackWithinTheGraceIsShownAsTheInboxSays) {
  Cluster::Options with = options();
  with.rooms.presence = true;
  with.rooms.leave_grace = 5s;
  with.inbox.leave_grace = 0ms;
  Cluster cluster(with);
  cluster.open(0, 0);
  cluster.join(0, 0, "\nroom", "watcher");
  cluster.open(0, 1);
  cluster.join(0, 1, "\n@alice", "alice");
  cluster.open(last(), 2);
  cluster.join(last(), 2, "\n@alice", "alice");
  cluster.join(last(), 2, "\nroom", "alice");
  cluster.run();
  cluster.take(0, 0);
  const auto shown = [&] {
    const Answer& members = cluster.ask(0, {.kind = QueryKind::members, .key = "\nroom"});
    return members.rows.empty() ? UINT64_MAX : members.rows[0].a;
  };
  // A change while the user is in the room by a grace only, and then a join of the one who knows it.
  cluster.hub(last()).close({2, 1}, true);
  cluster.run();
  cluster.hub(0).set_status({1, 1}, Status::away);
  cluster.run();
  EXPECT_EQ(shown(), static_cast<uint64_t>(Status::online));
  cluster.join(0, 1, "\nroom", "alice");
  cluster.run();
  EXPECT_EQ(shown(), static_cast<uint64_t>(Status::away));
  EXPECT_EQ(cluster.take(0, 0), "(status alice away)");
  // One who does not know it yet changes nothing that is right.
  cluster.open(last(), 3);
  cluster.hub(0).leave({1, 1}, "\nroom", true);
  cluster.run();
  cluster.join(last(), 3, "\nroom", "alice");
  cluster.run();
  cluster.join(last(), 3, "\n@alice", "alice");
  cluster.run();
  EXPECT_EQ(shown(), static_cast<uint64_t>(Status::away));
  EXPECT_EQ(cluster.take(0, 0), "");
  // The inbox has forgotten it before the room has.
  cluster.hub(0).close({1, 1}, true);
  cluster.hub(last()).close({3, 1}, true);
  cluster.run();
  cluster.open(last(), 4);
  cluster.join(last(), 4, "\nroom", "alice");
  cluster.join(last(), 4, "\n@alice", "alice");
  cluster.run();
  EXPECT_EQ(shown(), static_cast<uint64_t>(Status::online));
  EXPECT_EQ(cluster.take(0, 0), "(status alice)");
}

// At any moment of a join: the inbox that is joined may have messages to show first.
TEST_P(HubTest, AStatusThatComesWhileTheInboxIsJoinedIsShown) {
  for (const bool by_itself : {false, true}) {
    for (int ticks = 0; ticks < 24; ++ticks) {
      Cluster::Options with = options();
      with.rooms.presence = true;
      Cluster cluster(with);
      for (int i = 0; i < 8; ++i) cluster.publish(0, "\n@alice", "missed");
      cluster.open(0, 1);
      cluster.join(0, 1, "\n@alice", "alice");
      cluster.run();
      cluster.open(last(), 2);
      cluster.hub(last()).join({.connection = {2, 1}, .key = "\n@alice", .has_cursor = true, .user = "alice"});
      cluster.join(last(), 2, "\nroom", "alice");
      for (int i = 0; i < ticks; ++i) cluster.tick(static_cast<uint16_t>(i % (last() + 1)));
      if (by_itself) {
        cluster.hub(last()).set_status({2, 1}, Status::busy);
      } else {
        cluster.hub(0).set_status({1, 1}, Status::busy);
      }
      cluster.run();
      const Answer& members = cluster.ask(0, {.kind = QueryKind::members, .key = "\nroom"});
      ASSERT_EQ(members.rows.size(), 1u);
      EXPECT_EQ(members.rows[0].a, static_cast<uint64_t>(Status::busy)) << by_itself << " after " << ticks << " ticks";
    }
  }
}

// In the meantime the user has gone, and the status and the inbox with it; the connection that remains updates the
// room.
TEST_P(HubTest, AStatusThatEndedWhileTheInboxWasJoinedIsNotShownOn) {
  for (int ticks = 0; ticks < 12; ++ticks) {
    Cluster::Options with = options();
    with.rooms.presence = true;
    with.inbox.leave_grace = with.rooms.leave_grace = 0ms;
    with.inbox.history_ttl = with.inbox.empty_ttl = 2s;
    Cluster cluster(with);
    for (int i = 0; i < 8; ++i) cluster.publish(0, "\n@alice", "missed");
    cluster.open(0, 1);
    cluster.join(0, 1, "\n@alice", "alice");
    cluster.join(0, 1, "\nroom", "alice");
    cluster.run();
    cluster.open(last(), 2);
    cluster.hub(last()).join({.connection = {2, 1}, .key = "\nroom", .user = "alice"});
    cluster.hub(last()).join({.connection = {2, 1}, .key = "\n@alice", .has_cursor = true, .user = "alice"});
    cluster.sink(last()).users.resize(3, "alice");
    cluster.sink(last()).users[2] = "alice";
    for (int i = 0; i < ticks; ++i) cluster.tick(static_cast<uint16_t>(i % (last() + 1)));
    cluster.pause(last(), last() != 0);
    cluster.hub(0).set_status({1, 1}, Status::away);
    cluster.run();
    cluster.hub(0).close({1, 1}, false);
    for (int i = 0; i < 8; ++i) cluster.advance(1s);
    cluster.pause(last(), false);
    cluster.run();
    const Answer inbox = cluster.ask(0, {.kind = QueryKind::user, .key = "\n@alice"});
    const Answer& members = cluster.ask(0, {.kind = QueryKind::members, .key = "\nroom"});
    ASSERT_EQ(inbox.rows.size(), 1u);
    ASSERT_EQ(members.rows.size(), 1u);
    EXPECT_EQ(members.rows[0].a, inbox.rows[0].a) << "after " << ticks << " ticks";
  }
}

// Connections come and go on all cores while their user's status changes, and mail takes its time: in the end every
// room shows what the inbox has.
TEST_P(HubTest, RoomsShowWhatTheInboxSays) {
  for (uint32_t seed = 1; seed <= 1500; ++seed) {
    std::mt19937 random(seed);
    const auto below = [&](uint32_t bound) { return static_cast<uint32_t>(random() % bound); };
    Cluster::Options with = options();
    with.rooms.presence = true;
    with.rooms.leave_grace = std::chrono::milliseconds(below(2) * 1000);
    with.inbox.leave_grace = std::chrono::milliseconds(below(2) * 1000);
    Cluster cluster(with);
    const std::vector<std::string> rooms{"\none", "\ntwo"};
    const auto core_of = [&](uint32_t slot) { return static_cast<uint16_t>(slot % (last() + 1u)); };
    std::vector<uint32_t> generations(4, 0);
    for (uint16_t core = 0; core <= last(); ++core) cluster.sink(core).users.assign(4, "alice");
    for (int step = 0; step < 80; ++step) {
      const uint32_t slot = below(4);
      Hub& hub = cluster.hub(core_of(slot));
      const ConnectionId id{slot, generations[slot]};
      const auto join = [&](std::string_view key, ConnectionId connection) {
        hub.join({.connection = connection, .key = key, .user = "alice"});
      };
      const uint32_t choice = below(8);
      if (choice < 3) {
        cluster.tick(static_cast<uint16_t>(below(last() + 1u)));
      } else if (!hub.is_open(id)) {
        const ConnectionId fresh{slot, ++generations[slot]};
        hub.open(fresh, kPlain);
        if (below(2) == 0) join(rooms[below(2)], fresh);
        join("\n@alice", fresh);
      } else if (choice == 3) {
        hub.leave(id, rooms[below(2)], below(2) == 0);
      } else if (choice == 4) {
        hub.close(id, below(2) == 0);
      } else if (choice == 5) {
        join(rooms[below(2)], id);
      } else {
        hub.set_status(id, static_cast<Status>(below(3)));
      }
    }
    cluster.run();
    const Answer inbox = cluster.ask(0, {.kind = QueryKind::user, .key = "\n@alice"});
    for (const std::string& room : rooms) {
      const Answer& members = cluster.ask(0, {.kind = QueryKind::members, .key = room});
      if (members.rows.empty() || members.rows[0].b == 0) continue;  // by the time of grace
      ASSERT_EQ(inbox.rows.size(), 1u) << seed;
      ASSERT_EQ(members.rows[0].a, inbox.rows[0].a) << "seed " << seed << room;
    }
  }
}

TEST_P(HubTest, UsersAreOnlineWhileTheirInboxHasConnections) {
  Cluster cluster(options());
  cluster.open(last(), 0);
  cluster.hub(last()).join({.connection = {0, 1}, .key = "\n@alice", .user = "alice", .silent = true});
  cluster.run();
  EXPECT_EQ(cluster.ask(0, {.kind = QueryKind::users}).rows.size(), 1u);
  cluster.publish(0, "\n@alice", "x");
  cluster.run();
  EXPECT_EQ(cluster.take(last(), 0), "{joined}");  // counted, and sent nothing
  cluster.hub(last()).close({0, 1}, false);
  cluster.run();
  EXPECT_TRUE(cluster.ask(0, {.kind = QueryKind::users}).rows.empty());
}

TEST_P(HubTest, RoomsAreListedInPagesOverAllCores) {
  Cluster cluster(options());
  for (const char* room : {"\nc", "\na", "\nd", "\nb", "t\nz", "\n@inbox"}) publish_all(cluster, room, 1);
  Answer answer = cluster.ask(last(), {.kind = QueryKind::rooms, .limit = 3});
  ASSERT_EQ(answer.rows.size(), 3u);
  EXPECT_EQ(answer.rows[0].name, "a");
  EXPECT_EQ(answer.rows[2].name, "c");
  EXPECT_TRUE(answer.more);
  answer = cluster.ask(last(), {.kind = QueryKind::rooms, .after_name = "c", .limit = 3});
  ASSERT_EQ(answer.rows.size(), 1u);
  EXPECT_EQ(answer.rows[0].name, "d");
  EXPECT_FALSE(answer.more);
}

// Longer than a core looks at in a tick.
constexpr int kLong = 5000;

TEST_P(HubTest, LongListsAreCompleteThoughRoomsComeAndGo) {
  Cluster cluster(options());
  const auto room = [](int number) { return channel_key("", "r" + std::to_string(100'000 + number)); };
  for (int i = 0; i < kLong; ++i) {
    cluster.publish(0, room(2 * i), "x");
    if (i % 500 == 0) cluster.run();
  }
  cluster.run();
  std::vector<std::string> names;
  std::string after;
  for (bool more = true; more;) {
    const size_t before = cluster.sink(last()).answers.size();
    cluster.hub(last()).query({.kind = QueryKind::rooms, .after_name = after, .limit = 999});
    for (int i = 0; i < 3; ++i) {
      for (uint16_t core = 0; core < GetParam(); ++core) {
        cluster.publish(core, room(2 * static_cast<int>(names.size()) + 999), "x");  // one that was not there
        cluster.tick(core);
      }
    }
    cluster.run();
    ASSERT_EQ(cluster.sink(last()).answers.size(), before + 1);
    const Answer& answer = cluster.sink(last()).answers.back();
    ASSERT_FALSE(answer.rows.empty());
    for (const Row& row : answer.rows) names.push_back(row.name);
    more = answer.more;
    after = names.back();
    EXPECT_TRUE(!more || answer.rows.size() == 999u);
  }
  EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
  EXPECT_EQ(std::adjacent_find(names.begin(), names.end()), names.end());
  for (int i = 0; i < kLong; ++i) {
    ASSERT_TRUE(std::binary_search(names.begin(), names.end(), std::string(name_of(room(2 * i))))) << i;
  }
}

TEST_P(HubTest, LongListsOfMembersHaveEachOneWhoStays) {
  Cluster::Options with = options();
  with.rooms.presence = true;
  Cluster cluster(with);
  const std::string room = "\nroom";
  for (uint32_t slot = 0; slot < kLong; ++slot) {
    cluster.open(0, slot);
    cluster.join(0, slot, room, "user-" + std::to_string(100'000 + slot));
    if (slot % 500 == 0) cluster.run();
  }
  cluster.run();
  cluster.hub(last()).query({.kind = QueryKind::members, .key = room, .limit = 10'000});
  for (uint16_t core = 0; core < GetParam(); ++core) cluster.tick(core);
  // Every other one leaves while the list is put together, from the front on.
  for (uint32_t slot = 0; slot < kLong; slot += 2) cluster.hub(0).close({slot, 1}, false);
  cluster.run();
  ASSERT_EQ(cluster.sink(last()).answers.size(), 1u);
  const Answer& answer = cluster.sink(last()).answers.back();
  EXPECT_FALSE(answer.more);
  std::vector<std::string> names;
  for (const Row& row : answer.rows) names.push_back(row.name);
  EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
  EXPECT_EQ(std::adjacent_find(names.begin(), names.end()), names.end());
  for (uint32_t slot = 1; slot < kLong; slot += 2) {
    ASSERT_TRUE(std::binary_search(names.begin(), names.end(), "user-" + std::to_string(100'000 + slot))) << slot;
  }
  EXPECT_EQ(cluster.ask(last(), {.kind = QueryKind::members, .key = room, .limit = 10'000}).rows.size(), kLong / 2);
}

// One that is asked for behind a long list does not wait for it.
TEST_P(HubTest, ShortListsOvertakeLongOnes) {
  Cluster::Options with = options();
  with.rooms.presence = true;
  Cluster cluster(with);
  const std::string room = cluster.room_at(last());
  cluster.open(0, 0);
  cluster.join(0, 0, room, "alice");
  for (int i = 0; i < kLong * GetParam(); ++i) {
    cluster.publish(0, channel_key("", std::to_string(i)), "x");
    if (i % 500 == 0) cluster.run();
  }
  cluster.run();
  for (int i = 0; i < 3; ++i) cluster.hub(last()).query({.kind = QueryKind::rooms, .limit = 1});
  cluster.hub(last()).query({.kind = QueryKind::members, .key = room});
  cluster.run();
  ASSERT_EQ(cluster.sink(last()).answers.size(), 4u);
  EXPECT_EQ(cluster.sink(last()).answers[0].kind, QueryKind::members);
}

TEST_P(HubTest, ConnectionsAreListedInPages) {
  Cluster cluster(options());
  for (uint16_t core = 0; core < GetParam(); ++core) {
    for (uint32_t slot = 0; slot < kLong; ++slot) cluster.open(core, slot);
    for (uint32_t slot = 2; slot < kLong; slot += 1000) cluster.join(core, slot, "\nroom", "bob");
  }
  cluster.run();
  const auto pages = [&](Query query) {
    std::vector<std::string> names;
    for (bool more = true; more;) {
      const std::string after = names.empty() ? std::string() : names.back();
      query.after_name = after;
      const Answer& answer = cluster.ask(last(), query);
      for (const Row& row : answer.rows) names.push_back(row.name);
      more = answer.more;
    }
    EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
    EXPECT_EQ(std::adjacent_find(names.begin(), names.end()), names.end());
    return names;
  };
  EXPECT_EQ(pages({.kind = QueryKind::connections, .limit = 777}).size(), size_t{kLong} * GetParam());
  const std::vector<std::string> in_room = pages({.kind = QueryKind::connections, .key = "\nroom", .limit = 2});
  ASSERT_EQ(in_room.size(), 5u * GetParam());
  EXPECT_EQ(in_room[1], "0000.000003ea.00000001");
  EXPECT_EQ(pages({.kind = QueryKind::connections, .user = "bob", .limit = 100}), in_room);
  // Names that nobody has been given.
  for (const auto& [after, first] : {std::pair{"0", "0000.00000000.00000001"},
                                     {"0000", "0000.00000000.00000001"},
                                     {"0000.", "0000.00000000.00000001"},
                                     {"0000.0000000", "0000.00000000.00000001"},
                                     {"0000.000003e9.f", "0000.000003ea.00000001"},
                                     {"0000.zzzzzzzz.1", "0001.00000000.00000001"}}) {
    const Answer& answer = cluster.ask(0, {.kind = QueryKind::connections, .after_name = after, .limit = 1});
    ASSERT_EQ(answer.rows.size(), GetParam() == 1 && first[3] == '1' ? 0u : 1u) << after;
    for (const Row& row : answer.rows) EXPECT_EQ(row.name, first);
  }
  EXPECT_TRUE(cluster.ask(0, {.kind = QueryKind::connections, .after_name = "z"}).rows.empty());
}

TEST_P(HubTest, AdministratorsPurgeCloseAndThrowOut) {
  Cluster cluster(options());
  for (uint32_t slot = 0; slot < 3; ++slot) cluster.open(last(), slot);
  cluster.hub(last()).join({.connection = {0, 1}, .key = "\n@alice", .user = "alice"});
  cluster.join(last(), 1, "\nroom", "bob");
  cluster.join(last(), 2, "\nroom", "carol");
  publish_all(cluster, "\nroom", 2);
  EXPECT_TRUE(cluster.ask(0, {.kind = QueryKind::purge, .key = "\nroom"}).found);
  EXPECT_TRUE(cluster.ask(0, {.kind = QueryKind::history, .key = "\nroom"}).rows.empty());
  EXPECT_EQ(cluster.ask(0, {.kind = QueryKind::disconnect_user, .key = "\n@alice"}).count, 1u);
  EXPECT_THAT(cluster.take(last(), 0), HasSubstr("{kicked}"));
  cluster.ask(0, {.kind = QueryKind::close_room, .key = "\nroom"});
  EXPECT_THAT(cluster.take(last(), 1), HasSubstr("{closed}"));
  EXPECT_THAT(cluster.take(last(), 2), HasSubstr("{closed}"));
  EXPECT_FALSE(cluster.ask(0, {.kind = QueryKind::disconnect, .address = {9, {0, 1}}}).found);
}

TEST_P(HubTest, WhileDrainingNothingIsPublished) {
  Cluster cluster(options());
  cluster.hub(last()).set_draining(true);
  EXPECT_EQ(cluster.publish(last(), "\nroom", "x"), PublishResult::accepted);
  cluster.run();
  ASSERT_EQ(cluster.sink(last()).outcomes.size(), 1u);
  EXPECT_EQ(cluster.sink(last()).outcomes[0].error, PublishError::draining);
  EXPECT_TRUE(cluster.hub(last()).credit_all_back());
}

TEST_P(HubTest, ChannelsAreBoundedAndForgotten) {
  Cluster::Options small = options();
  small.cores = 1;
  small.hub.channels_max = 1;
  small.rooms.history_messages = 0;
  small.rooms.empty_ttl = 1s;
  Cluster cluster(small);
  cluster.open(0, 0);
  cluster.open(0, 1);
  cluster.join(0, 0, "\na");
  cluster.join(0, 1, "\nb");
  cluster.run();
  EXPECT_EQ(cluster.take(0, 1), "{refused}");
  cluster.publish(0, "\nb", "x");
  cluster.run();
  EXPECT_EQ(cluster.sink(0).outcomes.back().error, PublishError::channels_full);
  cluster.advance(5s);
  EXPECT_EQ(cluster.hub(0).stats().channels.load(), 1u);  // it has a member
  cluster.hub(0).close({0, 1}, false);
  cluster.run();
  cluster.advance(2s);
  EXPECT_EQ(cluster.hub(0).stats().channels.load(), 0u);
  cluster.join(0, 1, "\nb");
  cluster.run();
  EXPECT_EQ(cluster.take(0, 1), "{joined}");
}

TEST_P(HubTest, AForgottenChannelGoesOnWithItsIds) {
  for (const uint64_t first_id : {uint64_t{1}, uint64_t{0}}) {
    Cluster::Options brief = options();
    brief.rooms.first_id = first_id;
    brief.rooms.history_ttl = 10s;
    brief.rooms.empty_ttl = 1s;
    Cluster cluster(brief);
    cluster.open(0, 0);
    cluster.open(last(), 1);
    cluster.open(last(), 2);
    for (int i = 0; i < 3; ++i) cluster.publish(0, "\nroom", "x");
    cluster.run();
    const uint64_t newest = cluster.sink(0).outcomes.back().id;
    const auto forgotten = [&] {
      for (int i = 0; i < 15; ++i) cluster.advance(1s);
      uint64_t channels = 0;
      for (uint16_t core = 0; core < options().cores; ++core) channels += cluster.hub(core).stats().channels.load();
      EXPECT_EQ(channels, 0u);
    };
    forgotten();
    // Who had seen all of it has missed nothing.
    cluster.join_after(0, 0, "\nroom", newest);
    cluster.run();
    EXPECT_EQ(cluster.take(0, 0), "{joined}");
    cluster.hub(0).close({0, 1}, false);
    cluster.run();
    forgotten();
    // What comes later is not what an older cursor has not seen.
    cluster.publish(0, "\nroom", "y");
    cluster.run();
    EXPECT_EQ(cluster.sink(0).outcomes.back().id, newest + 1);
    cluster.join_after(last(), 1, "\nroom", newest - 2);
    cluster.join_after(last(), 2, "\nroom", newest);
    cluster.run();
    EXPECT_THAT(cluster.take(last(), 1), testing::StartsWith("{joined gap}<"));
    EXPECT_THAT(cluster.take(last(), 2), testing::StartsWith("{joined}<"));
  }
}

TEST_P(HubTest, ARoomThatNothingWasSaidInIsTheSameAfterItWasForgotten) {
  Cluster::Options brief = options();
  brief.rooms.first_id = 0;
  brief.rooms.empty_ttl = 1s;
  Cluster cluster(brief);
  cluster.open(0, 0);
  cluster.join(0, 0, "\nroom");
  cluster.run();
  const uint64_t position = cluster.sink(0).joins.back().id;
  cluster.hub(0).close({0, 1}, false);
  cluster.run();
  for (int i = 0; i < 5; ++i) cluster.advance(1s);
  cluster.open(0, 0);
  cluster.join_after(0, 0, "\nroom", position);
  cluster.run();
  EXPECT_THAT(cluster.take(0, 0), testing::EndsWith("{joined}"));
}

TEST_P(HubTest, WhoMayNotHaveHistoryLearnsWhetherItMissedSomething) {
  Cluster cluster(options());
  for (uint32_t slot = 0; slot < 3; ++slot) cluster.open(0, slot);
  for (int i = 0; i < 3; ++i) cluster.publish(0, "\nroom", "x");
  cluster.run();
  const auto join = [&](uint32_t slot, uint64_t cursor) {
    EXPECT_TRUE(cluster.hub(0).join(
        {.connection = {slot, 1}, .key = "\nroom", .has_cursor = true, .cursor = cursor, .replays = false}));
    cluster.run();
    return cluster.take(0, slot);
  };
  EXPECT_EQ(join(0, 3), "{joined}");
  EXPECT_EQ(join(1, 2), "{joined gap}");
  EXPECT_EQ(cluster.sink(0).joins.back().id, 3u);
  EXPECT_EQ(join(2, 9), "{joined gap reset}");
}

// --- occupancy

TEST_P(HubTest, ARoomIsTakenWithItsFirstMemberAndEmptyWithoutItsLast) {
  Cluster::Options with = options();
  with.hub.tells_occupancy = true;
  Cluster cluster(with);
  const std::string key = cluster.room_at(0);
  const std::string name(name_of(key));
  auto& occupancies = cluster.sink(0).occupancies;
  cluster.open(0, 0);
  cluster.open(last(), 1);
  cluster.join(0, 0, key);
  cluster.join(last(), 1, key);
  cluster.join(0, 0, "\n@alice");
  cluster.join(0, 0, "\n*");
  cluster.run();
  EXPECT_THAT(occupancies, testing::ElementsAre("+" + name));
  cluster.hub(0).leave({0, 1}, key, false);
  cluster.run();
  EXPECT_EQ(occupancies.size(), 1u);
  cluster.hub(last()).close({1, 1}, false);
  cluster.run();
  EXPECT_THAT(occupancies, testing::ElementsAre("+" + name, "-" + name));
  cluster.join(0, 0, key);
  cluster.run();
  Publish final{.key = key, .payload = "bye", .final = true};
  cluster.publish(last(), final);
  cluster.run();
  EXPECT_THAT(occupancies, testing::ElementsAre("+" + name, "-" + name, "+" + name, "-" + name));
}

TEST_P(HubTest, ChannelsThatAConnectionIsIn) {
  Cluster cluster(options());
  cluster.open(last(), 0);
  cluster.join(last(), 0, "\none");
  std::vector<std::string> keys;
  cluster.hub(last()).append_joined({0, 1}, keys);
  EXPECT_TRUE(keys.empty());  // it has not been notified yet
  cluster.run();
  cluster.join(last(), 0, "\ntwo");
  cluster.hub(last()).join({.connection = {0, 1}, .key = "\n@alice", .user = "alice", .silent = true});
  cluster.run();
  cluster.hub(last()).append_joined({0, 1}, keys);
  EXPECT_THAT(keys, testing::UnorderedElementsAre("\none", "\ntwo"));
  cluster.hub(last()).leave({0, 1}, "\none", false);
  keys.clear();
  cluster.hub(last()).append_joined({0, 1}, keys);
  EXPECT_THAT(keys, testing::ElementsAre("\ntwo"));
}

// How many want to join is up to the clients: one that finds a table full gets an error, and nothing else happens.
TEST(HubTables, AJoinThatFindsATableFullIsRefused) {
  for (const bool waiting : {true, false}) {
    Cluster::Options options;
    (waiting ? options.hub.joins_max : options.hub.memberships_max) = 2;
    Cluster cluster(options);
    for (uint32_t slot = 0; slot < 4; ++slot) {
      cluster.open(0, slot);
      cluster.hub(0).join({.connection = {slot, 1}, .key = "\nr" + std::to_string(slot)});
    }
    cluster.hub(0).close({3, 1}, false);
    cluster.run();
    std::vector<JoinError> errors;
    for (const Joined& joined : cluster.sink(0).joins) errors.push_back(joined.error);
    std::sort(errors.begin(), errors.end());
    EXPECT_EQ(errors, (std::vector{JoinError::none, JoinError::none, JoinError::channels_full}));
    EXPECT_FALSE(cluster.hub(0).is_member({2, 1}, "\nr2"));
    cluster.hub(0).check();
    // There is room again.
    cluster.hub(0).close({0, 1}, false);
    cluster.run();
    cluster.sink(0).joins.clear();
    EXPECT_TRUE(cluster.hub(0).join({.connection = {2, 1}, .key = "\nr2"}));
    cluster.run();
    ASSERT_EQ(cluster.sink(0).joins.size(), 1u);
    EXPECT_EQ(cluster.sink(0).joins[0].error, JoinError::none);
    cluster.hub(0).check();
  }
}

TEST(HubCredit, APausedCoreBoundsWhatIsUnderWay) {
  Cluster::Options options;
  options.cores = 3;
  options.ring_slots = 4;
  options.hub.credit_publishes = 8;
  Cluster cluster(options);
  const std::string room = cluster.room_at(0);
  cluster.open(1, 0);
  cluster.join(1, 0, room);
  cluster.run();
  cluster.pause(1, true);
  // Core 2 publishes as long as it may, and its core and the owner go on.
  uint32_t accepted = 0;
  for (int round = 0; round < 50; ++round) {
    while (cluster.publish(2, room, "x") == PublishResult::accepted) ++accepted;
    cluster.run();
  }
  EXPECT_FALSE(cluster.hub(2).credit_all_back());
  EXPECT_LE(accepted, options.ring_slots + 2 * options.hub.credit_publishes);
  EXPECT_LE(cluster.overflow_peak(), 2 * options.hub.credit_publishes);
  cluster.pause(1, false);
  cluster.run();
  EXPECT_TRUE(cluster.hub(2).credit_all_back());
  EXPECT_GE(cluster.sink(2).credit_calls, 1u);
  const std::string got = cluster.take(1, 0);
  EXPECT_EQ(static_cast<uint32_t>(std::count(got.begin(), got.end(), '<')), accepted);
}

}  // namespace
}  // namespace ringcast::hub
