// SPDX-License-Identifier: Apache-2.0
// /stats/history: a sample for each take(), the last 300 of them, whatever comes.
#include "api/statistics_history.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <simdjson.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "gate_harness.h"

namespace ringcast::session {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr uint64_t kSecondUs = 1'000'000;

class Answer {
 public:
  explicit Answer(const std::string& json) : text_(json), document_(parser_.parse(text_)) {}

  std::vector<uint64_t> list(const char* pointer) {
    std::vector<uint64_t> values;
    for (const simdjson::dom::element value : document_.at_pointer(pointer).get_array()) values.push_back(value);
    return values;
  }
  uint64_t number(const char* pointer) { return document_.at_pointer(pointer).get_uint64(); }
  size_t cores() { return document_["cores"].get_array().value().size(); }

 private:
  simdjson::padded_string text_;
  simdjson::dom::parser parser_;
  simdjson::dom::element document_;
};

TEST(StatisticsHistory, EachSampleSaysWhatIsThereAtThatTime) {
  World world({.cores = 2});
  StatisticsHistory history(world.shared());
  history.take(7 * kSecondUs);
  const World::Wire stream = world.connect(0);
  world.ask(stream, get("/events?rooms=r"));
  world.ask(world.connect(1), post("/messages", R"({"room":"r","content":"x"})"));
  history.take(8 * kSecondUs);
  world.end(stream);
  world.take(stream);
  history.take(9 * kSecondUs);

  Answer answer(*history.answer());
  EXPECT_THAT(answer.list("/timestamp_ms"), ElementsAre(7000, 8000, 9000));
  EXPECT_THAT(answer.list("/transports/sse"), ElementsAre(0, 1, 0));
  EXPECT_THAT(answer.list("/transports/websocket"), ElementsAre(0, 0, 0));
  EXPECT_THAT(answer.list("/messages_total"), ElementsAre(0, 1, 1));
  EXPECT_THAT(answer.list("/deliveries_total"), ElementsAre(0, 1, 1));
  EXPECT_THAT(answer.list("/cores/1/cpu_us"), ElementsAre(0, 0, 0));
  EXPECT_EQ(answer.cores(), 2u);
  EXPECT_EQ(answer.number("/period_ms"), 1000u);
}

TEST(StatisticsHistory, TheOldestSamplesGo) {
  World world;
  StatisticsHistory history(world.shared());
  for (uint64_t second = 1; second <= 2 * StatisticsHistory::kSamples + 3; ++second) history.take(second * kSecondUs);
  Answer answer(*history.answer());
  const std::vector<uint64_t> times = answer.list("/timestamp_ms");
  ASSERT_EQ(times.size(), StatisticsHistory::kSamples);
  for (size_t i = 0; i < times.size(); ++i) ASSERT_EQ(times[i], (StatisticsHistory::kSamples + 4 + i) * 1000);
  EXPECT_EQ(answer.list("/connections").size(), StatisticsHistory::kSamples);
  EXPECT_THAT(answer.list("/errors_total"), Each(0u));
}

TEST(StatisticsHistory, AnAnswerStaysWhatItIsWhenTheNextSampleComes) {
  World world;
  StatisticsHistory history(world.shared());
  history.take(kSecondUs);
  const auto held = history.answer();
  history.take(2 * kSecondUs);
  EXPECT_THAT(Answer(*held).list("/timestamp_ms"), ElementsAre(1000));
}

TEST(StatisticsHistory, AnAnswerIsWrittenWhenItIsAskedForAndOncePerSample) {
  World world({.cores = 2});
  StatisticsHistory history(world.shared());
  world.shared().history = &history;
  for (uint64_t second = 1; second <= 2 * StatisticsHistory::kSamples; ++second) history.take(second * kSecondUs);
  EXPECT_EQ(history.written(), 0u);
  const World::Wire wires[] = {world.connect(0), world.connect(1)};
  for (uint64_t asked = 1; asked <= 3; ++asked) {
    for (const World::Wire& wire : wires) {
      Answer answer(body_of(world.ask(wire, get("/stats/history"))));
      EXPECT_EQ(answer.list("/timestamp_ms").back(), (2 * StatisticsHistory::kSamples + asked - 1) * 1000);
      EXPECT_EQ(history.written(), asked);
    }
    history.take((2 * StatisticsHistory::kSamples + asked) * kSecondUs);
    EXPECT_EQ(history.written(), asked);
  }
}

TEST(StatisticsHistory, WithoutASampleTheListsAreEmpty) {
  World world;
  const StatisticsHistory history(world.shared());
  EXPECT_THAT(Answer(*history.answer()).list("/connections"), ElementsAre());
}

TEST(StatisticsHistory, SeveralThreadsAskWhileSamplesAreTaken) {
  World world;
  StatisticsHistory history(world.shared());
  std::atomic<bool> done = false;
  const auto ask = [&] {
    uint64_t newest = 0;
    do {
      Answer answer(*history.answer());
      const std::vector<uint64_t> times = answer.list("/timestamp_ms");
      EXPECT_EQ(answer.list("/gaps_total").size(), times.size());
      for (size_t i = 1; i < times.size(); ++i) ASSERT_EQ(times[i], times[i - 1] + 1000);
      if (times.empty()) continue;
      ASSERT_GE(times.back(), newest);
      newest = times.back();
    } while (!done);
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) threads.emplace_back(ask);
  constexpr uint64_t kTaken = 400;
  for (uint64_t second = 1; second <= kTaken; ++second) history.take(second * kSecondUs);
  done = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(history.written(), kTaken + 1);
}

TEST(StatisticsHistory, IsReadWithTheRightsOfStats) {
  World world;
  StatisticsHistory history(world.shared());
  history.take(kSecondUs);
  world.shared().history = &history;
  const std::string answer = world.ask(world.connect(), get("/stats/history"));
  EXPECT_EQ(status_of(answer), 200);
  EXPECT_EQ(header_of(answer, "Content-Type"), "application/json");
  EXPECT_EQ(body_of(answer), *history.answer());

  world.options().api_keys = {"whole-key"};
  EXPECT_EQ(status_of(world.ask(world.connect(), get("/stats/history"))), 200);
  world.options().status_open = false;
  EXPECT_EQ(status_of(world.ask(world.connect(), get("/stats/history"))), 401);
  EXPECT_EQ(status_of(world.ask(world.connect(), get("/stats/history", "X-API-Key: whole-key\r\n"))), 200);
}

TEST(StatisticsHistory, WhereNoSamplesAreTakenTheAnswerSaysSo) {
  World world;
  const std::string answer = world.ask(world.connect(), get("/stats/history"));
  EXPECT_EQ(status_of(answer), 404);
  EXPECT_THAT(body_of(answer), HasSubstr("no samples"));
}

}  // namespace
}  // namespace ringcast::session
