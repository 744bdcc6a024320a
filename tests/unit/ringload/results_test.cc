// SPDX-License-Identifier: Apache-2.0
#include "results.h"

#include <gtest/gtest.h>

namespace ringcast::ringload {
namespace {

Options saturating() {
  Options options;
  options.scenario = Scenario::fanout;
  options.roles.push_back({.name = "fanout", .kind = RoleKind::receive});
  options.connections = 10;
  options.in_flight = 4;
  return options;
}

Options paced() {
  Options options = saturating();
  options.in_flight = 0;
  options.rate = 10;
  return options;
}

// A run of ten seconds in which nothing went wrong; the server has two cores.
Results good(const Options& options) {
  Results results;
  results.connected = options.all_connections();
  results.seconds = 10;
  results.deliveries = 1000;
  results.server_cores = 2;
  results.worker_load = {0.5, 0.4};
  results.worker_wait = {0.1, 0.2};
  return results;
}

bool counts(Results results, const Options& options) {
  judge(results, options);
  return results.invalid.empty();
}

TEST(Judge, ASaturatingRunWantsTheServerOrNobodyAtTheLimit) {
  const Options options = saturating();
  Results results = good(options);
  EXPECT_TRUE(counts(results, options));
  results.worker_load[1] = 0.9;
  EXPECT_FALSE(counts(results, options));
  results.server_cpu_ns = 18'900'000'000;
  EXPECT_FALSE(counts(results, options));
  results.server_cpu_ns = 19'000'000'000;
  EXPECT_TRUE(counts(results, options));
}

TEST(Judge, WaitingForACoreIsBeingBusy) {
  const Options options = saturating();
  Results results = good(options);
  results.worker_wait[0] = 0.39;
  EXPECT_TRUE(counts(results, options));
  results.worker_wait[0] = 0.4;
  EXPECT_FALSE(counts(results, options));
  results.worker_load = {0.01, 0.01};
  EXPECT_TRUE(counts(results, options));
  results.worker_wait[0] = 0.5;
  EXPECT_FALSE(counts(results, options));
}

TEST(Judge, APacedRunWantsAnUnhurriedGenerator) {
  const Options options = paced();
  Results results = good(options);
  results.measures.lag.record(1'000'000, 100);
  EXPECT_TRUE(counts(results, options));
  results.worker_load[0] = 0.9;
  EXPECT_FALSE(counts(results, options));
  results.worker_load[0] = 0.1;
  results.measures.lag.record(5'000'000, 2);
  EXPECT_FALSE(counts(results, options));
}

TEST(Judge, AllMustBeThereAndSomethingDelivered) {
  const Options options = paced();
  Results results = good(options);
  results.connected -= 1;
  EXPECT_FALSE(counts(results, options));
  results = good(options);
  results.deliveries = 0;
  EXPECT_FALSE(counts(results, options));
  results = good(options);
  results.interrupted = true;
  EXPECT_FALSE(counts(results, options));
  // Where nobody sends, nothing need arrive.
  Options idle;
  idle.roles.resize(1);
  results = good(idle);
  results.deliveries = 0;
  EXPECT_TRUE(counts(results, idle));
}

}  // namespace
}  // namespace ringcast::ringload
