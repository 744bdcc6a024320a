// SPDX-License-Identifier: Apache-2.0
// A hub whose shared channels get their order from elsewhere: a broker that keeps what it is given until the test says
// in which order it goes on, and opens channels when the test says so.
#include "hub/broker.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "hub/context.h"
#include "hub/question_mail.h"
#include "hub_fixture.h"

namespace ringcast::hub {
namespace {

class HoldingBroker final : public Broker {
 public:
  struct Held {
    std::string key, payload, idempotency_key;
    uint64_t position;
    Address exclude;
    bool final;
    Publisher publisher;
  };
  bool orders(std::string_view key) const override { return name_of(key).starts_with("shared"); }
  void order(const Unordered& publish) override {
    const MessageView& message = publish.message;
    EXPECT_EQ(message.id, 0u);
    held.push_back({std::string(message.key), std::string(message.payload), std::string(publish.idempotency_key),
                    publish.position, publish.exclude, publish.final, publish.publisher});
  }
  void announce(const MessageView& event, const Address&) override { announced += event.payload; }
  void open(std::string_view key) override { asked += '+' + std::string(name_of(key)); }
  void close(std::string_view key) override { asked += '-' + std::string(name_of(key)); }
  bool reachable() const override { return connected; }
  void command(QueryKind kind, std::string_view key, std::string_view user) override {
    commands += std::to_string(static_cast<int>(kind)) + std::string(name_of(key)) + '/' + std::string(user) + ' ';
  }
  void attends(std::string_view key, const Attendee& attendee) override {
    who += std::string(name_of(key)) + ':' + std::string(attendee.user) +
           (attendee.shown ? '*' + std::to_string(attendee.connections) : "-") + ' ';
  }
  void counts(std::string_view key, const Counts& counts) override { last_counts[std::string(key)] = counts; }
  void cleared(std::string_view key) override { who += std::string(name_of(key)) + ":none "; }
  void state(std::string_view inbox, Status status) override {
    who += std::string(name_of(inbox)) + '=' + std::to_string(static_cast<int>(status)) + ' ';
  }
  void ask(const Query& query, uint64_t gather) override { questions.emplace_back(query.kind, gather); }
  void on_mail(Hub&, const reactor::Mail& mail) override { EXPECT_EQ(mail.kind, kBrokerMailLast); }
  std::vector<std::pair<QueryKind, uint64_t>> questions;
  std::vector<Held> held;
  std::string announced, asked, commands, who;
  std::map<std::string, Counts> last_counts;
  bool connected = true;
};

class BrokerTest : public testing::TestWithParam<uint16_t> {
 protected:
  BrokerTest() : cluster_(options()) {
    owner_ = cluster_.hub(0).owner_of(kShared);
    cluster_.open(last(), 0);
    cluster_.join(last(), 0, kShared);
    cluster_.run();
    EXPECT_EQ(cluster_.take(last(), 0), "");
    EXPECT_EQ(std::exchange(broker_.asked, {}), "+shared");
    owner().reset(kShared, 10, 0);
    owner().opened(kShared, true);
    cluster_.run();
    EXPECT_EQ(cluster_.take(last(), 0), "{joined}");
  }
  Cluster::Options options() {
    Cluster::Options options;
    options.cores = GetParam();
    options.hub.broker = &broker_;
    return options;
  }
  uint16_t last() const { return static_cast<uint16_t>(GetParam() - 1); }
  Hub& owner() { return cluster_.hub(owner_); }
  // The broker goes on with what it was given as the `at`-th, as message `id`.
  Applied apply(size_t at, uint64_t id, bool history_only = false) {
    const HoldingBroker::Held& held = broker_.held[at];
    Ordered ordered;
    ordered.message.id = id;
    ordered.message.key = held.key;
    ordered.message.timestamp_us = 1'700'000'000'000'000;
    ordered.message.payload = held.payload;
    ordered.exclude = held.exclude;
    ordered.final = held.final;
    ordered.history_only = history_only;
    const Applied applied = owner().apply(ordered);
    cluster_.run();
    return applied;
  }
  void settle(size_t at, uint64_t id) {
    const Publisher& publisher = broker_.held[at].publisher;
    Published published;
    published.correlation = publisher.correlation;
    published.id = id;
    owner().settle(publisher, published);
    cluster_.run();
  }
  std::string heard() { return cluster_.take(last(), 0); }
  const std::vector<Published>& outcomes() { return cluster_.sink(0).outcomes; }

  static constexpr std::string_view kShared = "\nshared", kOther = "\nshared-2";
  HoldingBroker broker_;
  Cluster cluster_;
  uint16_t owner_ = 0;
};

INSTANTIATE_TEST_SUITE_P(Cores, BrokerTest, testing::Values(1, 2, 3));

TEST_P(BrokerTest, APublishWaitsForItsPlaceAndForItsOutcome) {
  ASSERT_EQ(cluster_.publish(0, {.key = kShared, .payload = "a", .idempotency_key = "k", .correlation = 7}),
            PublishResult::accepted);
  cluster_.run();
  ASSERT_EQ(broker_.held.size(), 1u);
  EXPECT_EQ(broker_.held[0].position, 10u);
  EXPECT_EQ(broker_.held[0].idempotency_key, "k");
  EXPECT_EQ(heard(), "");
  EXPECT_TRUE(outcomes().empty());
  EXPECT_EQ(apply(0, 11), Applied::applied);
  EXPECT_EQ(heard(), "<11:a>");
  EXPECT_TRUE(outcomes().empty());
  settle(0, 11);
  ASSERT_EQ(outcomes().size(), 1u);
  EXPECT_EQ(outcomes()[0].id, 11u);
  EXPECT_EQ(outcomes()[0].correlation, 7u);
  EXPECT_TRUE(cluster_.hub(0).credit_all_back());
}

TEST_P(BrokerTest, ListsHaveWhatOtherServersHave) {
  const auto answer_of_others = [&](Answer answer) {
    ASSERT_EQ(broker_.questions.size(), 1u);
    Mail mail = answer_mail(answer, broker_.questions[0].second);
    broker_.questions.clear();
    std::string text;
    RecordWriter out(text);
    write_answer(out, answer);
    BlockWriter blocks{4096};
    Context::attach(mail, blocks.append(text));
    cluster_.hub(0).on_mail(mail);
    cluster_.run();
  };
  std::vector<Answer>& answers = cluster_.sink(0).answers;
  cluster_.hub(0).query({.kind = QueryKind::rooms, .limit = 2});
  cluster_.run();
  EXPECT_TRUE(answers.empty());
  Answer others{.kind = QueryKind::rooms, .silent = 1};
  others.rows = {{"shared", {}, 5, 9, 3}, {"there", {}, 1, 1, 1}, {"yonder", {}, 1, 1, 1}};
  answer_of_others(others);
  ASSERT_EQ(answers.size(), 1u);
  ASSERT_EQ(answers[0].rows.size(), 2u);
  EXPECT_EQ(answers[0].rows[0].name, "shared");
  EXPECT_EQ(answers[0].rows[0].a, 6u);   // members add up
  EXPECT_EQ(answers[0].rows[0].b, 10u);  // the newest id is one
  EXPECT_EQ(answers[0].rows[1].name, "there");
  EXPECT_TRUE(answers[0].more);
  EXPECT_EQ(answers[0].silent, 1u);

  // A connection that this server does not know is asked for elsewhere alone.
  answers.clear();
  cluster_.hub(0).query({.kind = QueryKind::disconnect, .connection = "a name"});
  cluster_.run();
  EXPECT_TRUE(answers.empty());
  answer_of_others({.kind = QueryKind::disconnect, .found = true, .count = 1});
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_TRUE(answers[0].found);
  EXPECT_EQ(answers[0].count, 1u);
}

TEST_P(BrokerTest, ManyWhoWaitForAChannelAreServedInTurns) {
  constexpr uint32_t kMany = 1000;
  for (const bool ready : {true, false}) {
    const uint32_t first = ready ? 100 : 100 + kMany;
    const std::string key = ready ? "\nshared-busy" : "\nshared-lost";
    const uint16_t core = cluster_.hub(0).owner_of(key);
    for (uint32_t i = 0; i < kMany; ++i) {
      cluster_.open(core, first + i);
      cluster_.join(core, first + i, key);
    }
    cluster_.run();
    std::vector<Joined>& answers = cluster_.sink(core).joins;
    answers.clear();
    if (ready) cluster_.hub(core).reset(key, 5, 0);
    cluster_.hub(core).opened(key, ready);
    size_t ticks = 0;
    for (size_t before = 0; answers.size() < kMany; before = answers.size(), ++ticks) {
      ASSERT_LT(ticks, kMany);
      cluster_.turn(core);
      EXPECT_LE(answers.size() - before, 256u);
    }
    for (const Joined& joined : answers) EXPECT_EQ(joined.error, ready ? JoinError::none : JoinError::unavailable);
    cluster_.run();
  }
}

TEST_P(BrokerTest, ItsOrderHoldsForMembersAndForHistory) {
  for (const char* payload : {"a", "b", "c"}) ASSERT_EQ(cluster_.publish(0, kShared, payload), PublishResult::accepted);
  cluster_.run();
  ASSERT_EQ(broker_.held.size(), 3u);
  EXPECT_EQ(apply(2, 11), Applied::applied);
  EXPECT_EQ(apply(0, 12), Applied::applied);
  EXPECT_EQ(apply(1, 13), Applied::applied);
  EXPECT_EQ(heard(), "<11:c><12:a><13:b>");
  cluster_.open(0, 5);
  cluster_.join_after(0, 5, kShared, 11);
  cluster_.run();
  EXPECT_EQ(cluster_.take(0, 5), "{joined}<12:a><13:b>");
}

TEST_P(BrokerTest, WhatIsKnownOrDoesNotFollowIsNotApplied) {
  for (const char* payload : {"a", "b"}) ASSERT_EQ(cluster_.publish(0, kShared, payload), PublishResult::accepted);
  cluster_.run();
  EXPECT_EQ(apply(1, 12), Applied::hole);
  EXPECT_EQ(apply(0, 11), Applied::applied);
  EXPECT_EQ(apply(0, 11), Applied::known);
  EXPECT_EQ(apply(1, 12), Applied::applied);
  EXPECT_EQ(heard(), "<11:a><12:b>");
}

TEST_P(BrokerTest, OtherChannelsAndEventsWithoutAnIdDoNotWait) {
  cluster_.join(last(), 0, "\nown");
  cluster_.run();
  ASSERT_EQ(cluster_.publish(0, "\nown", "a"), PublishResult::accepted);
  ASSERT_EQ(cluster_.publish(0, {.key = kShared, .payload = "typing", .ephemeral = true}), PublishResult::accepted);
  cluster_.run();
  EXPECT_TRUE(broker_.held.empty());
  const std::string got = heard();
  EXPECT_NE(got.find("<1:a>"), std::string::npos) << got;
  EXPECT_NE(got.find("<0:typing>"), std::string::npos) << got;
  EXPECT_EQ(broker_.announced, "typing");
  MessageView event;
  event.key = kShared;
  event.payload = "theirs";
  owner().show(event);
  cluster_.run();
  EXPECT_EQ(heard(), "<0:theirs>");
}

TEST_P(BrokerTest, ExclusionAndFinalGoThroughIt) {
  cluster_.open(0, 5);
  cluster_.join(0, 5, kShared);
  cluster_.run();
  cluster_.take(0, 5);
  ASSERT_EQ(cluster_.publish(0, {.key = kShared, .payload = "a", .exclude = {0, {5, 1}}, .final = true}),
            PublishResult::accepted);
  cluster_.run();
  EXPECT_EQ(apply(0, 11), Applied::applied);
  EXPECT_EQ(heard(), "<11:a>{final}");
  EXPECT_EQ(cluster_.take(0, 5), "{final}");
}

TEST_P(BrokerTest, AChannelIsOpenedOnceForAllWhoWait) {
  cluster_.open(0, 5);
  cluster_.open(last(), 6);
  cluster_.join(0, 5, kOther);
  cluster_.join_after(last(), 6, kOther, 41);
  Query query{QueryKind::history};
  query.key = kOther;
  query.from = {5, 1};
  cluster_.hub(0).query(query);
  cluster_.run();
  EXPECT_EQ(broker_.asked, "+shared-2");
  EXPECT_EQ(cluster_.take(0, 5) + cluster_.take(last(), 6), "");
  EXPECT_TRUE(cluster_.sink(0).answers.empty());
  Hub& hub = cluster_.hub(cluster_.hub(0).owner_of(kOther));
  hub.reset(kOther, 40, 0);
  Ordered ordered;
  ordered.message.key = kOther;
  ordered.message.timestamp_us = 1'700'000'000'000'000;
  ordered.history_only = true;
  for (const char* payload : {"x", "y"}) {
    ordered.message.id = *payload == 'x' ? 41 : 42;
    ordered.message.payload = payload;
    EXPECT_EQ(hub.apply(ordered), Applied::applied);
  }
  hub.opened(kOther, true);
  cluster_.run();
  EXPECT_EQ(cluster_.take(0, 5), "{joined}");
  EXPECT_EQ(cluster_.take(last(), 6), "{joined}<42:y>");
  ASSERT_EQ(cluster_.sink(0).answers.size(), 1u);
  EXPECT_EQ(cluster_.sink(0).answers[0].rows.size(), 2u);
  EXPECT_EQ(cluster_.sink(0).answers[0].newest, 42u);
}

TEST_P(BrokerTest, WhatCannotBeOpenedIsRefusedAndMayBeTriedAgain) {
  cluster_.open(0, 5);
  cluster_.join(0, 5, kOther);
  Query query{QueryKind::history};
  query.key = kOther;
  query.from = {5, 1};
  cluster_.hub(0).query(query);
  cluster_.run();
  Hub& hub = cluster_.hub(cluster_.hub(0).owner_of(kOther));
  hub.opened(kOther, false);
  cluster_.run();
  EXPECT_EQ(cluster_.take(0, 5), "{refused}");
  EXPECT_EQ(cluster_.sink(0).joins.back().error, JoinError::unavailable);
  ASSERT_EQ(cluster_.sink(0).answers.size(), 1u);
  EXPECT_TRUE(cluster_.sink(0).answers[0].unavailable);
  EXPECT_FALSE(cluster_.hub(0).is_member({5, 1}, kOther));
  cluster_.join(0, 5, kOther);
  cluster_.run();
  EXPECT_EQ(broker_.asked, "+shared-2+shared-2");
  hub.reset(kOther, 7, 0);
  hub.opened(kOther, true);
  cluster_.run();
  EXPECT_EQ(cluster_.take(0, 5), "{joined}");
}

TEST_P(BrokerTest, WhatWaitsForAChannelIsGivenBackAtTheEnd) {
  const int64_t blocks = Block::live_blocks();
  {
    Cluster cluster(options());
    cluster.open(0, 5);
    cluster.join(0, 5, kOther);
    cluster.run();
    EXPECT_EQ(broker_.asked, "+shared-2");
  }
  EXPECT_EQ(Block::live_blocks(), blocks);
}

TEST_P(BrokerTest, MembersHearOfWhatTheyHaveMissed) {
  for (const char* payload : {"a", "b", "c"}) ASSERT_EQ(cluster_.publish(0, kShared, payload), PublishResult::accepted);
  cluster_.run();
  EXPECT_EQ(apply(0, 11), Applied::applied);
  EXPECT_EQ(heard(), "<11:a>");
  // The ids go on higher up; what is in the history there is not sent again.
  owner().reset(kShared, 99, 101);
  EXPECT_EQ(apply(1, 100, true), Applied::applied);
  EXPECT_EQ(apply(2, 101), Applied::applied);
  EXPECT_EQ(heard(), "{gap 101}<101:c>");
  cluster_.open(0, 5);
  cluster_.join_after(0, 5, kShared, 11);
  cluster_.run();
  EXPECT_EQ(cluster_.take(0, 5), "{joined gap}<100:b><101:c>");
}

TEST_P(BrokerTest, WhatIsNotOpenIsNotAppliedAndWhatNobodyNeedsIsClosed) {
  Ordered ordered;
  ordered.message.id = 11;
  ordered.message.key = kOther;
  EXPECT_EQ(cluster_.hub(cluster_.hub(0).owner_of(kOther)).apply(ordered), Applied::closed);
  cluster_.hub(last()).close({0, 1}, false);
  cluster_.run();
  ordered.message.key = kShared;
  EXPECT_EQ(owner().apply(ordered), Applied::applied);
  for (int i = 0; i < 70 && broker_.asked.empty(); ++i) cluster_.advance(std::chrono::seconds(1));
  EXPECT_EQ(broker_.asked, "-shared");
  ordered.message.id = 12;
  EXPECT_EQ(owner().apply(ordered), Applied::closed);
  // A publish does not open it.
  ASSERT_EQ(cluster_.publish(0, kShared, "a"), PublishResult::accepted);
  cluster_.run();
  EXPECT_EQ(broker_.held.size(), 1u);
  EXPECT_EQ(broker_.asked, "-shared");
}

TEST_P(BrokerTest, OrdersConcernAllServers) {
  Query query{QueryKind::close_room};
  query.key = kShared;
  query.from = {0, 1};
  broker_.connected = false;
  EXPECT_TRUE(cluster_.ask(0, query).unavailable);
  EXPECT_EQ(broker_.commands, "");
  EXPECT_EQ(heard(), "");
  broker_.connected = true;
  const Answer& answer = cluster_.ask(0, query);
  EXPECT_TRUE(answer.found);
  EXPECT_EQ(answer.count, 1u);
  EXPECT_EQ(broker_.commands, std::to_string(static_cast<int>(QueryKind::close_room)) + "shared/ ");
  EXPECT_EQ(heard(), "{closed}");
  // And those of others concern this one.
  cluster_.join(last(), 0, kShared);
  cluster_.run();
  EXPECT_EQ(heard(), "{joined}");
  owner().carry_out(QueryKind::disconnect_user, kShared, {});
  cluster_.run();
  EXPECT_EQ(heard(), "{kicked}");
}

class ElsewhereTest : public BrokerTest {
 protected:
  static Cluster::Options with_presence(Broker& broker, uint16_t cores) {
    Cluster::Options options;
    options.cores = cores;
    options.hub.broker = &broker;
    options.rooms.presence = options.inbox.presence = true;
    options.rooms.leave_grace = std::chrono::seconds(5);
    return options;
  }
  ElsewhereTest() : room_(with_presence(broker_, GetParam())) {
    broker_.asked.clear();
    owner_ = room_.hub(0).owner_of(kShared);
    room_.open(0, 0);
    room_.join(0, 0, kShared, "ann");
    room_.run();
    owner().reset(kShared, 10, 0);
    owner().opened(kShared, true);
    room_.run();
    EXPECT_EQ(heard(), "{joined}");
    broker_.who.clear();
  }
  Hub& owner() { return room_.hub(owner_); }
  std::string heard() {
    room_.run();
    return room_.take(0, 0);
  }
  std::string members() {
    std::string out;
    const Answer& answer = room_.ask(0, {.kind = QueryKind::members, .key = kShared});
    for (const Row& row : answer.rows) out += row.name + '*' + std::to_string(row.b) + ' ';
    return out + std::to_string(answer.count);
  }
  Cluster room_;
};

INSTANTIATE_TEST_SUITE_P(Cores, ElsewhereTest, testing::Values(1, 2));

TEST_P(ElsewhereTest, AUserComesWithTheFirstConnectionAnywhereAndGoesWithTheLast) {
  owner().count(kShared, {2, 0, 2, true});
  owner().attend(kShared, {"bob", true, 2, Status::away});
  EXPECT_EQ(heard(), "(joined bob away)");
  EXPECT_EQ(members(), "ann*1 bob*2 3");
  room_.open(0, 1);
  room_.join(0, 1, kShared, "bob");
  EXPECT_EQ(heard(), "");
  EXPECT_EQ(members(), "ann*1 bob*3 4");
  EXPECT_EQ(broker_.who, "shared:bob*1 ");
  EXPECT_EQ(broker_.last_counts[std::string(kShared)].live, 2u);
  // At the others the last one goes first, then here, with its grace time.
  owner().count(kShared, {});
  owner().attend(kShared, {"bob", false, 0, Status::online});
  EXPECT_EQ(heard(), "");
  room_.hub(0).close({1, 1}, true);
  EXPECT_EQ(heard(), "");
  EXPECT_EQ(members(), "ann*1 bob*0 1");
  owner().attend(kShared, {"bob", true, 1, Status::online});
  room_.advance(std::chrono::seconds(10));
  EXPECT_EQ(heard(), "");
  EXPECT_EQ(broker_.who, "shared:bob*1 shared:bob*0 shared:bob- ");
  owner().attend(kShared, {"bob", false, 0, Status::online});
  EXPECT_EQ(heard(), "(left bob)");
  EXPECT_EQ(members(), "ann*1 1");
}

TEST_P(ElsewhereTest, WhoHasNoNameIsCountedAndAnnounced) {
  owner().count(kShared, {3, 2, 3, true});
  EXPECT_EQ(heard(), "(joined )(joined )");
  EXPECT_EQ(members(), "ann*1 anonymous*1 anonymous*1 4");
  owner().count(kShared, {1, 1, 1, true});
  EXPECT_EQ(heard(), "(left )");
}

TEST_P(ElsewhereTest, WhatWasSaidIsTakenBackWhenAllAreTakenOut) {
  Publish last{.key = kShared, .payload = "end"};
  last.final = true;
  room_.publish(0, last);
  room_.run();
  Ordered ordered;
  ordered.message.id = 11;
  ordered.message.key = kShared;
  ordered.message.payload = "end";
  ordered.final = true;
  EXPECT_EQ(owner().apply(ordered), Applied::applied);
  room_.run();
  EXPECT_EQ(broker_.who, "shared:none ");
  EXPECT_EQ(broker_.last_counts[std::string(kShared)], Counts{});
}

}  // namespace
}  // namespace ringcast::hub
