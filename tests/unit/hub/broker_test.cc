// SPDX-License-Identifier: Apache-2.0
// A hub whose shared channels get their order from elsewhere: a broker that keeps what it is given until the test says
// in which order it goes on.
#include "hub/broker.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

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
  std::vector<Held> held;
};

class BrokerTest : public testing::TestWithParam<uint16_t> {
 protected:
  BrokerTest() : cluster_(options()) {
    owner_ = cluster_.hub(0).owner_of(kShared);
    cluster_.open(last(), 0);
    cluster_.join(last(), 0, kShared);
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
  Applied apply(size_t at, uint64_t id) {
    const HoldingBroker::Held& held = broker_.held[at];
    Ordered ordered;
    ordered.message.id = id;
    ordered.message.key = held.key;
    ordered.message.payload = held.payload;
    ordered.exclude = held.exclude;
    ordered.final = held.final;
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

  static constexpr std::string_view kShared = "\nshared";
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
  EXPECT_EQ(broker_.held[0].position, 0u);
  EXPECT_EQ(broker_.held[0].idempotency_key, "k");
  EXPECT_EQ(heard(), "");
  EXPECT_TRUE(outcomes().empty());
  EXPECT_EQ(apply(0, 1), Applied::applied);
  EXPECT_EQ(heard(), "<1:a>");
  EXPECT_TRUE(outcomes().empty());
  settle(0, 1);
  ASSERT_EQ(outcomes().size(), 1u);
  EXPECT_EQ(outcomes()[0].id, 1u);
  EXPECT_EQ(outcomes()[0].correlation, 7u);
  EXPECT_TRUE(cluster_.hub(0).credit_all_back());
}

TEST_P(BrokerTest, ItsOrderHoldsForMembersAndForHistory) {
  for (const char* payload : {"a", "b", "c"}) ASSERT_EQ(cluster_.publish(0, kShared, payload), PublishResult::accepted);
  cluster_.run();
  ASSERT_EQ(broker_.held.size(), 3u);
  EXPECT_EQ(apply(2, 1), Applied::applied);
  EXPECT_EQ(apply(0, 2), Applied::applied);
  EXPECT_EQ(apply(1, 3), Applied::applied);
  EXPECT_EQ(heard(), "<1:c><2:a><3:b>");
  cluster_.open(0, 5);
  cluster_.join_after(0, 5, kShared, 1);
  cluster_.run();
  EXPECT_EQ(cluster_.take(0, 5), "{joined}<2:a><3:b>");
}

TEST_P(BrokerTest, WhatIsKnownOrDoesNotFollowIsNotApplied) {
  for (const char* payload : {"a", "b"}) ASSERT_EQ(cluster_.publish(0, kShared, payload), PublishResult::accepted);
  cluster_.run();
  EXPECT_EQ(apply(1, 2), Applied::hole);
  EXPECT_EQ(apply(0, 1), Applied::applied);
  EXPECT_EQ(apply(0, 1), Applied::known);
  EXPECT_EQ(apply(1, 2), Applied::applied);
  EXPECT_EQ(heard(), "<1:a><2:b>");
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
}

TEST_P(BrokerTest, ExclusionAndFinalGoThroughIt) {
  cluster_.open(0, 5);
  cluster_.join(0, 5, kShared);
  cluster_.run();
  cluster_.take(0, 5);
  ASSERT_EQ(cluster_.publish(0, {.key = kShared, .payload = "a", .exclude = {0, {5, 1}}, .final = true}),
            PublishResult::accepted);
  cluster_.run();
  EXPECT_EQ(apply(0, 1), Applied::applied);
  EXPECT_EQ(heard(), "<1:a>{final}");
  EXPECT_EQ(cluster_.take(0, 5), "{final}");
}

TEST_P(BrokerTest, AFullTableIsAnAnswerToTheBroker) {
  Cluster::Options small = options();
  small.hub.channels_max = 1;
  Cluster cluster(small);
  Hub& hub = cluster.hub(cluster.hub(0).owner_of(kShared));
  Ordered ordered;
  ordered.message.id = 1;
  ordered.message.key = kShared;
  EXPECT_EQ(hub.apply(ordered), Applied::applied);
  std::string other = "\nshared-1";
  for (int i = 2; cluster.hub(0).owner_of(other) != cluster.hub(0).owner_of(kShared); ++i) {
    other = "\nshared-" + std::to_string(i);
  }
  ordered.message.key = other;
  EXPECT_EQ(hub.apply(ordered), Applied::channels_full);
  cluster.run();
}

}  // namespace
}  // namespace ringcast::hub
