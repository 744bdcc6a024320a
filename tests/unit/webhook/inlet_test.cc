// SPDX-License-Identifier: Apache-2.0
#include "webhook/inlet.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <array>
#include <thread>

namespace ringcast::webhook {
namespace {

TEST(Inlet, AFullRingLeavesTheCallWithItsCaller) {
  auto inlet = *Inlet::create(1, 2);
  for (int i = 0; i < 2; ++i) {
    auto call = std::make_unique<Call>();
    EXPECT_TRUE(inlet->offer(0, call));
    EXPECT_EQ(call, nullptr);
  }
  auto call = std::make_unique<Call>();
  EXPECT_FALSE(inlet->offer(0, call));
  EXPECT_NE(call, nullptr);
  EXPECT_EQ(inlet->refused(0), 1u);
  size_t taken = 0;
  inlet->drain([&](std::unique_ptr<Call>) { ++taken; });
  EXPECT_EQ(taken, 2u);
  EXPECT_TRUE(inlet->offer(0, call));  // what is left in the ring goes with the inlet
}

TEST(Inlet, WhoHasWorkDoesNotSleep) {
  auto inlet = *Inlet::create(1, 2);
  auto call = std::make_unique<Call>();
  inlet->drain([](std::unique_ptr<Call>) {});
  inlet->offer(0, call);
  EXPECT_FALSE(inlet->prepare_sleep());
  inlet->drain([](std::unique_ptr<Call>) {});
  EXPECT_TRUE(inlet->prepare_sleep());
}

// Two cores offer while the taker sleeps whenever it may, without a timeout of its own: a lost wake-up would end the
// test by its deadline.
TEST(Inlet, NothingIsMissedAsleep) {
  constexpr uint64_t kEach = 20'000;
  auto inlet = *Inlet::create(2, 64);
  const auto offer_all = [&](uint16_t core) {
    for (uint64_t i = 0; i < kEach;) {
      auto call = std::make_unique<Call>();
      call->core = core;
      call->ticket = i;
      if (inlet->offer(core, call)) {
        ++i;
      } else {
        std::this_thread::yield();
      }
    }
  };
  std::thread first(offer_all, 0), second(offer_all, 1);
  std::array<uint64_t, 2> next{};
  while (next[0] + next[1] < 2 * kEach) {
    inlet->drain([&](std::unique_ptr<Call> call) { ASSERT_EQ(call->ticket, next[call->core]++); });
    if (next[0] + next[1] == 2 * kEach || !inlet->prepare_sleep()) continue;
    pollfd woken{inlet->descriptor(), POLLIN, 0};
    ASSERT_EQ(poll(&woken, 1, 60'000), 1);
    inlet->finish_sleep();
  }
  first.join();
  second.join();
}

}  // namespace
}  // namespace ringcast::webhook
