// SPDX-License-Identifier: Apache-2.0
// An inlet between a source and cores that a test plays.
#include "inlets/inlet.h"

#include <gtest/gtest.h>

#include <deque>
#include <map>

namespace ringcast::inlets {
namespace {

using hub::PublishError;
using session::ForeignTask;
using std::chrono::milliseconds;
using std::chrono::seconds;

// Has messages, and gives them while there is room.
class FakeSource final : public Source {
 public:
  void work(Host& host, Time, bool reads) override {
    if (!std::exchange(connected_, true)) host.connected();
    while (reads && !bodies.empty() && host.room() != 0) {
      const std::string body = std::move(bodies.front());
      bodies.pop_front();
      const std::string id = has_ids ? std::to_string(last + 1) : "";
      ++last;
      host.take({.token = last, .channel = "c", .id = id, .body = body});
    }
  }
  void settled(uint64_t token) override { acknowledged.push_back(token); }
  void forget() override { ++forgotten; }
  bool flushed() const override { return true; }
  void append_waits(std::vector<pollfd>&) const override {}
  Time due() const override { return kNever; }

  std::deque<std::string> bodies;
  std::vector<uint64_t> acknowledged;
  uint64_t last = 0;
  int forgotten = 0;
  bool has_ids = true;

 private:
  bool connected_ = false;
};

struct Bench {
  explicit Bench(InletOptions given = {}, InletLimits limits = {}, MappingLimits mapping = {}) {
    given.name = "test";
    if (given.room.empty() && given.to.empty()) given.room = "{$.room}";
    inlet.emplace(
        given, limits, *Mapping::create(given, mapping), source,
        [this](std::unique_ptr<ForeignTask>& task, uint32_t place) {
          if (!takes) return false;
          at_core.push_back({place, std::move(task)});
          return true;
        },
        [] { return nullptr; }, stats);
  }

  void say(std::string_view room, int number) {
    source.bodies.push_back("{\"room\":\"" + std::string(room) + "\",\"n\":" + std::to_string(number) + "}");
  }
  void step(Time after = Time(0), bool reads = true) { inlet->step(now += after, reads); }
  // What the cores have, in the order in which they got it.
  std::vector<std::string> payloads() const {
    std::vector<std::string> out;
    for (const auto& [place, task] : at_core) out.push_back(task->payload.substr(task->payload.rfind(':') + 1));
    for (std::string& each : out) each.pop_back();
    return out;
  }
  void settle(size_t at, PublishError error = PublishError::none, bool duplicate = false) {
    auto [place, task] = std::move(at_core[at]);
    at_core.erase(at_core.begin() + static_cast<std::ptrdiff_t>(at));
    inlet->settled(place, std::move(task), {.error = error, .duplicate = duplicate});
  }

  FakeSource source;
  InletStats stats;
  std::deque<std::pair<uint32_t, std::unique_ptr<ForeignTask>>> at_core;
  bool takes = true;
  Time now = seconds(1);
  std::optional<Inlet> inlet;
};

using Names = std::vector<std::string>;
using Tokens = std::vector<uint64_t>;

TEST(Inlet, AcknowledgesWhatHasItsId) {
  Bench bench;
  for (int i = 1; i <= 3; ++i) bench.say("r", i);
  bench.step();
  EXPECT_EQ(bench.payloads(), (Names{"1", "2", "3"}));
  EXPECT_TRUE(bench.source.acknowledged.empty());
  EXPECT_FALSE(bench.inlet->idle());
  bench.settle(1);
  bench.settle(0, PublishError::none, true);
  bench.step();
  EXPECT_EQ(bench.source.acknowledged, (Tokens{2, 1}));
  bench.settle(0);
  bench.step();
  EXPECT_EQ(bench.source.acknowledged, (Tokens{2, 1, 3}));
  EXPECT_TRUE(bench.inlet->idle());
  EXPECT_EQ(bench.stats.published.get(), 3u);
  EXPECT_EQ(bench.stats.duplicates.get(), 1u);
  EXPECT_EQ(bench.stats.in_flight_bytes.get(), 0u);
}

TEST(Inlet, TheSourceIsSlowedDownAndNothingIsLost) {
  InletOptions options;
  options.in_flight_max = 4;
  Bench bench(options);
  for (int i = 1; i <= 10; ++i) bench.say("r", i);
  bench.step();
  EXPECT_EQ(bench.at_core.size(), 4u);
  EXPECT_EQ(bench.source.bodies.size(), 6u);
  EXPECT_EQ(bench.stats.held_back.get(), 1u);
  size_t settled = 0;
  while (!bench.at_core.empty()) {
    EXPECT_LE(bench.at_core.size(), 4u);
    bench.settle(0);
    ++settled;
    bench.step();
  }
  EXPECT_EQ(settled, 10u);
  EXPECT_EQ(bench.source.acknowledged.size(), 10u);
}

TEST(Inlet, BytesUnderWayAreBounded) {
  InletOptions options;
  options.in_flight_size_max = 3000;
  Bench bench(options);
  const std::string large(1000, 'x');
  for (int i = 0; i < 10; ++i) bench.source.bodies.push_back("{\"room\":\"r\",\"x\":\"" + large + "\"}");
  bench.step();
  EXPECT_GE(bench.at_core.size(), 2u);
  EXPECT_LE(bench.at_core.size(), 3u);
  const size_t before = bench.source.bodies.size();
  bench.settle(0);
  bench.step();
  EXPECT_LT(bench.source.bodies.size(), before);
}

TEST(Inlet, WhatACoreDoesNotTakeStays) {
  Bench bench;
  for (int i = 1; i <= 3; ++i) bench.say("r", i);
  bench.takes = false;
  bench.step();
  EXPECT_EQ(bench.source.bodies.size(), 2u);  // the first one waits, and no further is taken
  EXPECT_LE(bench.inlet->due(), bench.now + milliseconds(1));
  bench.takes = true;
  bench.step(milliseconds(1));
  EXPECT_EQ(bench.payloads(), (Names{"1", "2", "3"}));
}

TEST(Inlet, WhatWasRefusedForNowIsPublishedAgainInItsOrder) {
  Bench bench;
  for (int i = 1; i <= 3; ++i) bench.say("r", i);
  bench.step();
  bench.settle(1, PublishError::unknown);
  bench.settle(0, PublishError::unavailable);
  bench.say("r", 4);
  bench.step();
  EXPECT_EQ(bench.payloads(), (Names{"3"}));
  EXPECT_EQ(bench.source.bodies.size(), 1u);  // nothing more is taken meanwhile
  EXPECT_EQ(bench.inlet->due(), bench.now + milliseconds(100));
  bench.step(milliseconds(100));
  EXPECT_EQ(bench.payloads(), (Names{"3", "1", "2", "4"}));
  EXPECT_EQ(bench.at_core[1].second->idempotency_key, "test:c:1");
  while (!bench.at_core.empty()) bench.settle(0);
  bench.step();
  EXPECT_EQ(bench.source.acknowledged.size(), 4u);
  EXPECT_EQ(bench.stats.retries.get(), 2u);
}

TEST(Inlet, RetriesWaitLongerEachTimeUpToTwoSeconds) {
  Bench bench;
  bench.say("r", 1);
  bench.step();
  Time waited{0};
  for (int i = 0; i < 8; ++i) {
    bench.settle(0, PublishError::unavailable);
    waited = bench.inlet->due() - bench.now;
    bench.step(waited);
    ASSERT_EQ(bench.at_core.size(), 1u);
  }
  EXPECT_EQ(waited, seconds(2));
  bench.settle(0);
  bench.say("r", 2);
  bench.step();
  bench.settle(0, PublishError::unavailable);
  EXPECT_EQ(bench.inlet->due() - bench.now, milliseconds(100));
}

TEST(Inlet, OneAtATimeKeepsTheOrderOfAChannelWhateverFails) {
  Bench bench({}, {.one_at_a_time = true});
  for (int i = 1; i <= 3; ++i) bench.say("a", i);
  bench.say("b", 4);
  bench.step();
  EXPECT_EQ(bench.payloads(), (Names{"1", "4"}));
  bench.settle(1);
  bench.settle(0, PublishError::unknown);
  bench.step();
  EXPECT_TRUE(bench.at_core.empty());
  bench.step(milliseconds(100));
  EXPECT_EQ(bench.payloads(), (Names{"1"}));
  bench.settle(0);
  EXPECT_EQ(bench.payloads(), (Names{"2"}));
  bench.settle(0);
  EXPECT_EQ(bench.payloads(), (Names{"3"}));
  bench.settle(0);
  bench.step();
  EXPECT_EQ(bench.source.acknowledged, (Tokens{4, 1, 2, 3}));
  EXPECT_TRUE(bench.inlet->idle());
}

TEST(Inlet, WhatCannotBePublishedIsCountedAndAcknowledged) {
  Bench bench;
  bench.source.bodies = {"garbage", "{}", "{\"room\":\"a,b\"}"};
  bench.say("r", 1);
  bench.step();
  bench.step();
  EXPECT_EQ(bench.source.acknowledged, (Tokens{1, 2, 3}));
  EXPECT_EQ(bench.payloads(), (Names{"1"}));
  EXPECT_EQ(bench.stats.unmapped[static_cast<size_t>(Reason::not_json)].get(), 1u);
  EXPECT_EQ(bench.stats.unmapped[static_cast<size_t>(Reason::missing)].get(), 1u);
  EXPECT_EQ(bench.stats.unmapped[static_cast<size_t>(Reason::bad_value)].get(), 1u);
}

TEST(Inlet, OrGoesToTheDeadLetterRoomFirst) {
  InletOptions options;
  options.dead_letter = "dead";
  Bench bench(options);
  bench.source.bodies = {"garbage"};
  bench.step();
  ASSERT_EQ(bench.at_core.size(), 1u);
  EXPECT_EQ(bench.at_core[0].second->key, "\ndead");
  EXPECT_TRUE(bench.source.acknowledged.empty());
  bench.settle(0);
  bench.step();
  EXPECT_EQ(bench.source.acknowledged, (Tokens{1}));
  EXPECT_EQ(bench.stats.dead_letters.get(), 1u);
}

TEST(Inlet, RatesHoldTheSourceBack) {
  InletLimits limits;
  limits.messages = {.amount = 10, .burst = milliseconds(500)};
  Bench bench({}, limits);
  for (int i = 1; i <= 20; ++i) bench.say("r", i);
  bench.step();
  EXPECT_EQ(bench.at_core.size(), 5u);
  EXPECT_LE(bench.inlet->due(), bench.now + milliseconds(100));
  bench.step(milliseconds(100));
  EXPECT_EQ(bench.at_core.size(), 6u);
  EXPECT_EQ(bench.source.bodies.size(), 14u);
}

TEST(Inlet, BytesHaveARateToo) {
  InletLimits limits;
  limits.bytes = {.amount = 1000, .burst = seconds(1)};
  Bench bench({}, limits);
  const std::string large(600, 'x');
  for (int i = 0; i < 4; ++i) bench.source.bodies.push_back("{\"room\":\"r\",\"x\":\"" + large + "\"}");
  bench.step();
  EXPECT_EQ(bench.at_core.size(), 2u);
  bench.step(milliseconds(500));
  EXPECT_EQ(bench.at_core.size(), 3u);
}

TEST(Inlet, WhoLosesTheLeaseForgets) {
  Bench bench({}, {.one_at_a_time = true});
  for (int i = 1; i <= 3; ++i) bench.say("r", i);
  bench.step();
  bench.inlet->forget();
  bench.step({}, false);
  EXPECT_EQ(bench.source.forgotten, 1);
  bench.settle(0);  // comes late, and is nobody's business any more
  bench.step({}, false);
  EXPECT_TRUE(bench.source.acknowledged.empty());
  EXPECT_TRUE(bench.at_core.empty());
  EXPECT_TRUE(bench.inlet->idle());
  bench.say("r", 4);
  bench.step({}, false);
  EXPECT_TRUE(bench.at_core.empty());
  bench.step();
  EXPECT_EQ(bench.payloads(), (Names{"4"}));
}

TEST(Inlet, WhatHasNoIdIsLostRatherThanDoubled) {
  Bench bench;
  bench.source.has_ids = false;
  bench.say("r", 1);
  bench.say("r", 2);
  bench.step();
  bench.settle(0, PublishError::unknown);
  bench.settle(0, PublishError::unavailable);  // surely not published
  bench.step(seconds(5));
  EXPECT_EQ(bench.stats.missed.get(), 1u);
  EXPECT_EQ(bench.payloads(), (Names{"2"}));
  bench.settle(0);
  bench.step();
  EXPECT_TRUE(bench.inlet->idle());
  // With one it is published again.
  bench.source.has_ids = true;
  bench.say("r", 3);
  bench.step();
  bench.settle(0, PublishError::unknown);
  bench.step(seconds(5));
  EXPECT_EQ(bench.payloads(), (Names{"3"}));
  EXPECT_EQ(bench.stats.missed.get(), 1u);
}

TEST(Inlet, LocalMessagesHaveNoIdAndNoKey) {
  Bench bench({}, {.local = true});
  bench.say("r", 1);
  bench.step();
  EXPECT_TRUE(bench.at_core[0].second->local);
  EXPECT_EQ(bench.at_core[0].second->idempotency_key, "");
}

}  // namespace
}  // namespace ringcast::inlets
