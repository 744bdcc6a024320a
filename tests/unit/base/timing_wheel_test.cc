// SPDX-License-Identifier: Apache-2.0
#include "base/timing_wheel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <vector>

#include "base/slab.h"

namespace ringcast {
namespace {

constexpr int64_t kMs = 1'000'000;

struct Wheel {
  explicit Wheel(uint32_t count, int64_t now_ns = 0, int64_t tick_ns = kMs) : wheel({&table}, now_ns, tick_ns) {
    table.reserve(count);
  }
  TimerTable table;
  TimingWheel<TimerTableNodes> wheel;
};

TEST(TimingWheel, ANodeTakesTwelveBytes) {
  EXPECT_EQ(sizeof(TimerNode), 12u);
}

TEST(TimingWheel, NeverEarlyAndAtTheFirstTickAfter) {
  Wheel w(4, 500);
  std::vector<TimerId> expired;
  w.wheel.arm(1, 500 + 10 * kMs);
  w.wheel.arm(2, 500 + 10 * kMs + 1);  // rounded up to 11 ms
  EXPECT_EQ(w.wheel.next_expiry_ns(), 500 + 10 * kMs);
  EXPECT_EQ(w.wheel.advance(500 + 10 * kMs - 1, expired), 0u);
  EXPECT_EQ(w.wheel.advance(500 + 10 * kMs, expired), 1u);
  EXPECT_EQ(w.wheel.advance(500 + 11 * kMs - 1, expired), 0u);
  EXPECT_EQ(w.wheel.advance(500 + 11 * kMs, expired), 1u);
  EXPECT_EQ(expired, (std::vector<TimerId>{1, 2}));
  EXPECT_EQ(w.wheel.next_expiry_ns(), w.wheel.kForever);
}

TEST(TimingWheel, WhatIsAlreadyPastFiresAtTheNextTick) {
  Wheel w(2);
  std::vector<TimerId> expired;
  w.wheel.advance(50 * kMs, expired);
  w.wheel.arm(0, 20 * kMs);
  w.wheel.arm(1, -5);
  EXPECT_EQ(w.wheel.advance(50 * kMs, expired), 0u);
  EXPECT_EQ(w.wheel.advance(51 * kMs, expired), 2u);
}

TEST(TimingWheel, FarExpiriesAreCutToTheLimit) {
  Wheel w(1);
  std::vector<TimerId> expired;
  w.wheel.arm(0, INT64_MAX);
  EXPECT_EQ(w.wheel.advance(((int64_t{1} << 30) - 1) * kMs, expired), 0u);
  EXPECT_EQ(w.wheel.advance((int64_t{1} << 30) * kMs, expired), 1u);
}

TEST(TimingWheel, CallbacksMayArmAndCancelAnything) {
  Wheel w(8);
  for (TimerId id = 0; id < 8; ++id) w.wheel.arm(id, 5 * kMs);
  std::vector<TimerId> fired;
  w.wheel.advance(20 * kMs, [&](TimerId id) {
    fired.push_back(id);
    w.wheel.cancel((id + 1) % 8);
    w.wheel.cancel((id + 7) % 8);
    if (fired.size() == 1) w.wheel.arm(id, 6 * kMs);  // due again within this very advance
  });
  // Each one that fires takes its neighbours' turn away; the first one comes twice.
  ASSERT_GE(fired.size(), 4u);
  EXPECT_EQ(fired.back(), fired.front());
  for (size_t i = 1; i < fired.size(); ++i) EXPECT_NE((fired[i - 1] + 1) % 8, fired[i]);
  EXPECT_EQ(w.wheel.size(), 0u);
}

TEST(TimingWheel, ALimitLeavesTheRestDue) {
  Wheel w(10);
  for (TimerId id = 0; id < 10; ++id) w.wheel.arm(id, (1 + id / 5) * kMs);
  std::vector<TimerId> fired;
  const auto collect = [&](TimerId id) { fired.push_back(id); };
  EXPECT_EQ(w.wheel.advance(9 * kMs, collect, 3), 3u);
  EXPECT_EQ(w.wheel.next_expiry_ns(), kMs);
  EXPECT_TRUE(w.wheel.cancel(9));
  EXPECT_EQ(w.wheel.advance(9 * kMs, collect, 3), 3u);
  EXPECT_EQ(w.wheel.next_expiry_ns(), 2 * kMs);
  EXPECT_EQ(w.wheel.advance(9 * kMs, collect), 3u);
  std::sort(fired.begin(), fired.end());
  EXPECT_EQ(fired, (std::vector<TimerId>{0, 1, 2, 3, 4, 5, 6, 7, 8}));
}

// Timers inside slab entries, as connections have them.
TEST(TimingWheel, NodesMayLieInASlab) {
  struct Entry {
    uint64_t other = 0;
    TimerNode timer;
  };
  struct Nodes {
    Slab<Entry>* slab;
    TimerNode& operator()(TimerId id) const { return (*slab)[id].timer; }
  };
  Slab<Entry> slab(16, 4);
  TimingWheel<Nodes> wheel(Nodes{&slab}, 0);
  for (int i = 0; i < 16; ++i) {
    const uint32_t index = slab.acquire();
    wheel.arm(index, (index + 1) * kMs);
  }
  uint32_t next = 0;
  wheel.advance(100 * kMs, [&](TimerId id) {
    EXPECT_EQ(id, next++);
    slab.release(id);
  });
  EXPECT_EQ(next, 16u);
}

struct WalkOptions {
  int64_t tick_ns;
  int64_t delay_max_ticks;
  int64_t step_max_ticks;
  uint32_t seed;
};

class TimingWheelWalk : public ::testing::TestWithParam<WalkOptions> {};

// Random arming, re-arming, cancelling and advancing against a plain map from id to tick.
TEST_P(TimingWheelWalk, AgreesWithANaiveModel) {
  const WalkOptions& options = GetParam();
  constexpr uint32_t kTimers = 500;
  std::mt19937_64 random(options.seed);
  const auto start = static_cast<int64_t>(random() % 1'000'000'000'000);
  Wheel w(kTimers, start, options.tick_ns);
  std::map<TimerId, int64_t> model;  // id to the ns from which it may fire, a whole tick
  int64_t now = start;
  int64_t now_tick = 0;
  const auto below = [&](int64_t limit) { return static_cast<int64_t>(random() % static_cast<uint64_t>(limit)); };
  for (int step = 0; step < 30000; ++step) {
    const auto id = static_cast<TimerId>(below(kTimers));
    const int64_t choice = below(10);
    if (choice < 6) {
      const int64_t expiry = now - options.tick_ns + below(options.delay_max_ticks * options.tick_ns);
      const int64_t tick = std::max(now_tick + 1, (expiry - start + options.tick_ns - 1) / options.tick_ns);
      w.wheel.arm(id, expiry);
      model[id] = tick;
    } else if (choice < 8) {
      ASSERT_EQ(w.wheel.cancel(id), model.erase(id) == 1);
    } else {
      const int64_t earliest =
          model.empty() ? INT64_MAX : std::min_element(model.begin(), model.end(), [](auto& a, auto& b) {
                                        return a.second < b.second;
                                      })->second;
      const int64_t next = w.wheel.next_expiry_ns();
      if (model.empty()) {
        ASSERT_EQ(next, w.wheel.kForever);
      } else {
        ASSERT_LE(next, start + earliest * options.tick_ns);
        ASSERT_GT(next, start + now_tick * options.tick_ns);
      }
      now += below(options.step_max_ticks * options.tick_ns);
      if (random() % 4 == 0 && next != w.wheel.kForever) now = std::max(now, next);
      now_tick = (now - start) / options.tick_ns;
      std::vector<TimerId> expired;
      w.wheel.advance(now, expired);
      int64_t last_tick = 0;
      for (TimerId fired : expired) {
        auto entry = model.find(fired);
        ASSERT_NE(entry, model.end());
        ASSERT_LE(entry->second, now_tick);
        ASSERT_GE(entry->second, last_tick);
        last_tick = entry->second;
        model.erase(entry);
      }
      for (auto& [left, tick] : model) ASSERT_GT(tick, now_tick) << left;
    }
    ASSERT_EQ(w.wheel.size(), model.size());
    ASSERT_EQ(w.wheel.armed(id), model.count(id) == 1);
  }
}

INSTANTIATE_TEST_SUITE_P(Spans, TimingWheelWalk,
                         ::testing::Values(WalkOptions{kMs, 50, 5, 1}, WalkOptions{kMs, 5000, 100, 2},
                                           WalkOptions{kMs, 300000, 10000, 3},
                                           WalkOptions{7 * kMs, 5'000'000, 300'000, 4}, WalkOptions{1, 100, 70, 5},
                                           WalkOptions{1000, 100'000'000, 50'000'000, 6}));

TEST(TimingWheel, AMillionTimers) {
  constexpr uint32_t kCount = 1'000'000;
  Wheel w(kCount);
  std::mt19937 random(7);
  std::vector<uint32_t> expiry_ms(kCount);
  for (TimerId id = 0; id < kCount; ++id) w.wheel.arm(id, (expiry_ms[id] = 1 + random() % 60000) * kMs);
  uint32_t fired = 0;
  uint64_t wrong = 0;
  for (int64_t now = 0; now <= 60000; now += 50) {
    fired += w.wheel.advance(now * kMs, [&](TimerId id) { wrong += expiry_ms[id] > now || expiry_ms[id] + 50 <= now; });
  }
  EXPECT_EQ(fired, kCount);
  EXPECT_EQ(wrong, 0u);
}

}  // namespace
}  // namespace ringcast
