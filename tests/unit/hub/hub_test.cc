// SPDX-License-Identifier: Apache-2.0
// Hubs of one to three cores: joining, replay, limits, final messages, presence, questions.
#include "hub/hub.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "hub/history.h"
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
  const uint16_t home = cluster.hub(0).home_of("\nroom");
  cluster.open(home, 0);
  cluster.join_after(home, 0, "\nroom", 0);
  // The first piece and the next request are done before the rest of the history goes.
  for (int i = 7; i <= 18; ++i) ASSERT_EQ(cluster.publish(home, "\nroom", std::to_string(i)), PublishResult::accepted);
  cluster.run();
  const std::string got = cluster.take(home, 0);
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
  for (int i = 0; b == a || cluster.hub(0).home_of(b) != 0; ++i) b = channel_key("", "b" + std::to_string(i));
  publish_all(cluster, a, 2);
  publish_all(cluster, b, 2);
  publish_all(cluster, a, 1);  // now b is the one published to least recently
  EXPECT_EQ(cluster.ask(0, {.kind = QueryKind::history, .key = a}).rows.size(), 3u);
  EXPECT_EQ(cluster.ask(0, {.kind = QueryKind::history, .key = b}).rows.size(), 1u);
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
  EXPECT_EQ(answer.count, 4u);
  answer = cluster.ask(last(), {.kind = QueryKind::rooms, .after_name = "c", .limit = 3});
  ASSERT_EQ(answer.rows.size(), 1u);
  EXPECT_EQ(answer.rows[0].name, "d");
  EXPECT_FALSE(answer.more);
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

// --- occupancy

TEST_P(HubTest, ARoomIsTakenWithItsFirstMemberAndEmptyWithoutItsLast) {
  Cluster::Options with = options();
  with.hub.tells_occupancy = true;
  Cluster cluster(with);
  const std::string key = cluster.room_at(0);
  const std::string name(name_of(key));
  auto& told = cluster.sink(0).occupancies;
  cluster.open(0, 0);
  cluster.open(last(), 1);
  cluster.join(0, 0, key);
  cluster.join(last(), 1, key);
  cluster.join(0, 0, "\n@alice");
  cluster.join(0, 0, "\n*");
  cluster.run();
  EXPECT_THAT(told, testing::ElementsAre("+" + name));
  cluster.hub(0).leave({0, 1}, key, false);
  cluster.run();
  EXPECT_EQ(told.size(), 1u);
  cluster.hub(last()).close({1, 1}, false);
  cluster.run();
  EXPECT_THAT(told, testing::ElementsAre("+" + name, "-" + name));
  cluster.join(0, 0, key);
  cluster.run();
  Publish final{.key = key, .payload = "bye", .final = true};
  cluster.publish(last(), final);
  cluster.run();
  EXPECT_THAT(told, testing::ElementsAre("+" + name, "-" + name, "+" + name, "-" + name));
}

TEST_P(HubTest, ChannelsThatAConnectionIsIn) {
  Cluster cluster(options());
  cluster.open(last(), 0);
  cluster.join(last(), 0, "\none");
  std::vector<std::string> keys;
  cluster.hub(last()).append_joined({0, 1}, keys);
  EXPECT_TRUE(keys.empty());  // it has not been told yet
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

TEST(HubCredit, AStalledCoreBoundsWhatIsUnderWay) {
  Cluster::Options options;
  options.cores = 3;
  options.ring_slots = 4;
  options.hub.credit_publishes = 8;
  Cluster cluster(options);
  const std::string room = cluster.room_at(0);
  cluster.open(1, 0);
  cluster.join(1, 0, room);
  cluster.run();
  cluster.stall(1, true);
  // Core 2 publishes as long as it may, and its core and the home go on.
  uint32_t accepted = 0;
  for (int round = 0; round < 50; ++round) {
    while (cluster.publish(2, room, "x") == PublishResult::accepted) ++accepted;
    cluster.run();
  }
  EXPECT_FALSE(cluster.hub(2).credit_all_back());
  EXPECT_LE(accepted, options.ring_slots + 2 * options.hub.credit_publishes);
  EXPECT_LE(cluster.overflow_peak(), 2 * options.hub.credit_publishes);
  cluster.stall(1, false);
  cluster.run();
  EXPECT_TRUE(cluster.hub(2).credit_all_back());
  EXPECT_GE(cluster.sink(2).credit_calls, 1u);
  const std::string got = cluster.take(1, 0);
  EXPECT_EQ(static_cast<uint32_t>(std::count(got.begin(), got.end(), '<')), accepted);
}

}  // namespace
}  // namespace ringcast::hub
