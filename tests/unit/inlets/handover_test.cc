// SPDX-License-Identifier: Apache-2.0
// What passes between an inlet's thread and one that may wait.
#include "inlets/handover.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace ringcast::inlets {
namespace {

class FakeHost final : public Source::Host {
 public:
  uint32_t room() const override { return 0; }
  uint64_t room_bytes() const override { return 0; }
  void take(const Received&) override {}
  void connected() override { said.push_back("connected"); }
  void disconnected(std::string_view why) override { said.emplace_back(why); }
  void missed(uint64_t count, std::string_view) override { said.push_back("missed " + std::to_string(count)); }
  std::vector<std::string> said;
};

Parcel parcel(uint64_t token, uint64_t epoch = 0) {
  Parcel out;
  out.token = token;
  out.epoch = epoch;
  return out;
}

bool is_readable(int descriptor) {
  pollfd wait{descriptor, POLLIN, 0};
  return ::poll(&wait, 1, 0) == 1;
}

TEST(Handover, PassesInOrderAndWakes) {
  Handover handover(10);
  FakeHost host;
  handover.want(true, 5, 1000);
  EXPECT_EQ(handover.order().grant, 5u);
  EXPECT_FALSE(is_readable(handover.descriptor()));
  EXPECT_TRUE(handover.put(parcel(1)));
  EXPECT_TRUE(handover.put(parcel(2)));
  EXPECT_TRUE(is_readable(handover.descriptor()));
  // What is here counts against what may be asked for.
  EXPECT_EQ(handover.order().grant, 3u);
  handover.want(true, 5, 1000);
  EXPECT_EQ(handover.order().grant, 3u);
  handover.report(host);
  EXPECT_FALSE(is_readable(handover.descriptor()));
  Parcel out;
  ASSERT_TRUE(handover.take(out));
  EXPECT_EQ(out.token, 1u);
  handover.want(true, 4, 1000);
  EXPECT_EQ(handover.order().grant, 3u);
  ASSERT_TRUE(handover.take(out));
  EXPECT_EQ(out.token, 2u);
  EXPECT_FALSE(handover.take(out));
}

TEST(Handover, WhoHasMoreThanFitsWaits) {
  Handover handover(2);
  handover.want(true, 100, 1000);
  std::thread other([&] {
    for (uint64_t i = 1; i <= 100; ++i) EXPECT_TRUE(handover.put(parcel(i)));
  });
  Parcel out;
  for (uint64_t i = 1; i <= 100; ++i) {
    while (!handover.take(out)) {
      pollfd wait{handover.descriptor(), POLLIN, 0};
      ::poll(&wait, 1, 1000);
    }
    EXPECT_EQ(out.token, i);
  }
  other.join();
}

TEST(Handover, WhoWaitsIsLetGo) {
  for (const int way : {0, 1, 2}) {
    Handover handover(1);
    handover.want(true, 10, 1000);
    EXPECT_TRUE(handover.put(parcel(1)));
    std::thread other([&] { EXPECT_FALSE(handover.put(parcel(2))); });
    if (way == 0) handover.close();
    if (way == 1) handover.want(false, 0, 0);
    if (way == 2) {
      handover.forget();
      EXPECT_FALSE(handover.put(parcel(3)));  // of before, whenever it comes
      EXPECT_TRUE(handover.put(parcel(4, 1)));
      Parcel out;
      EXPECT_TRUE(handover.take(out));
      EXPECT_EQ(out.token, 4u);
    }
    other.join();
  }
}

TEST(Handover, WhatIsNotTakenGoesBack) {
  Handover handover(10);
  handover.want(true, 10, 1000);
  for (uint64_t i = 1; i <= 3; ++i) EXPECT_TRUE(handover.put(parcel(i)));
  Parcel out;
  ASSERT_TRUE(handover.take(out));
  handover.settle(1);
  handover.want(false, 0, 0);
  EXPECT_FALSE(handover.put(parcel(4)));
  const Handover::Order order = handover.order();
  EXPECT_FALSE(order.reads);
  EXPECT_EQ(order.settled, std::vector<uint64_t>{1});
  EXPECT_EQ(order.returned, (std::vector<uint64_t>{2, 3}));
  EXPECT_FALSE(handover.flushed());
  handover.acknowledged(1);
  EXPECT_TRUE(handover.flushed());
  EXPECT_TRUE(is_readable(handover.descriptor()));
}

TEST(Handover, NewsComeInOrder) {
  Handover handover(1);
  FakeHost host;
  handover.connected();
  handover.disconnected("gone");
  handover.missed(2);
  handover.missed(3);
  handover.report(host);
  EXPECT_EQ(host.said, (std::vector<std::string>{"connected", "gone", "missed 5"}));
  for (int i = 0; i < 100; ++i) handover.disconnected("again");
  handover.connected();
  host.said.clear();
  handover.report(host);
  EXPECT_EQ(host.said.back(), "connected");
}

}  // namespace
}  // namespace ringcast::inlets
