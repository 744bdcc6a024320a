// SPDX-License-Identifier: Apache-2.0
#include "transport/heartbeat.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <vector>

namespace ringcast::session {
namespace {

using namespace std::chrono_literals;

TEST(Heartbeat, ComesOncePerInterval) {
  for (const io::Nanoseconds interval : {io::Nanoseconds(1s), io::Nanoseconds(25s), io::Nanoseconds(59min)}) {
    for (uint32_t slot = 0; slot < 100; ++slot) {
      io::Nanoseconds now = 12345678901ns;
      const io::Nanoseconds first = until_beat(now, interval, slot);
      EXPECT_GT(first, 0ns);
      EXPECT_LE(first, interval);
      now += first;
      EXPECT_EQ(until_beat(now, interval, slot), interval);
      EXPECT_EQ(until_beat(now + interval / 3, interval, slot), interval - interval / 3);
    }
  }
}

// PROTOCOL: the heartbeats within any 100 ms are at most twice the mean, also when all connections came at once.
TEST(Heartbeat, IsSpreadOverTheInterval) {
  constexpr io::Nanoseconds kInterval = 25s;
  for (const uint32_t connections : {1000u, 20000u, 100000u}) {
    std::vector<int64_t> times;
    for (uint32_t slot = 0; slot < connections; ++slot) times.push_back(until_beat(7s, kInterval, slot).count());
    std::sort(times.begin(), times.end());
    const double mean = connections / 250.0;
    size_t from = 0;
    size_t most = 0;
    for (size_t to = 0; to < times.size(); ++to) {
      while (times[to] - times[from] >= 100'000'000) ++from;
      most = std::max(most, to - from + 1);
    }
    EXPECT_LE(static_cast<double>(most), 2 * mean) << connections;
  }
}

}  // namespace
}  // namespace ringcast::session
