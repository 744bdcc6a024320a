// SPDX-License-Identifier: Apache-2.0
#include "hooks/sender.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>

#include "codec/json/json_members.h"
#include "hooks/signature.h"
#include "receiver.h"

namespace ringcast::hooks {
namespace {

constexpr Events kAll = 127;

EndpointOptions to(const Receiver& receiver) {
  EndpointOptions options;
  options.url = receiver.url();
  options.secret = "s3cret";
  options.events = kAll;
  options.retry_delay = milliseconds(1);
  options.retry_delay_max = milliseconds(2);
  options.timeout = milliseconds(20'000);
  return options;
}

// A sender with those who wait for its answers.
class Fixture {
 public:
  explicit Fixture(std::vector<EndpointOptions> endpoints, milliseconds farewell = milliseconds(20'000)) {
    SenderOptions options;
    options.endpoints = std::move(endpoints);
    options.ring_slots = 64;
    options.farewell = farewell;
    sender = *Sender::create(std::move(options), [this](Call& call, Decision& decision) {
      const std::lock_guard lock(mutex_);
      if (refuse_answers_ > 0) {
        --refuse_answers_;
        return false;
      }
      answers_.emplace_back(call.ticket, std::move(decision));
      changed_.notify_all();
      return true;
    });
    sender->start();
  }

  void offer(Event event, uint64_t ticket, std::string room = {}) {
    auto call = std::make_unique<Call>();
    call->event = event;
    call->ticket = ticket;
    call->connection = "c" + std::to_string(ticket);
    call->room = std::move(room);
    while (!sender->offer(0, call)) std::this_thread::yield();
  }
  void refuse_answers(int times) { refuse_answers_ = times; }
  std::vector<std::pair<uint64_t, Decision>> wait_for(size_t count) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, std::chrono::seconds(60), [&] { return answers_.size() >= count; }));
    return answers_;
  }
  template <class Done>
  void until(Done done) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!done()) {
      ASSERT_LT(std::chrono::steady_clock::now(), end);
      std::this_thread::yield();
    }
  }

  std::unique_ptr<Sender> sender;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::pair<uint64_t, Decision>> answers_;
  int refuse_answers_ = 0;
};

// The members named `name` of the events of all bodies, in order.
std::vector<std::string> all_of(const std::vector<Received>& received, std::string_view name) {
  std::vector<std::string> out;
  const std::string wanted = "\"" + std::string(name) + "\":\"";
  for (const Received& one : received) {
    for (size_t at = one.body.find(wanted); at != std::string::npos; at = one.body.find(wanted, at)) {
      at += wanted.size();
      out.push_back(one.body.substr(at, one.body.find('"', at) - at));
    }
  }
  return out;
}

TEST(Sender, SignsWhatItSends) {
  Receiver receiver([](const Received&, size_t) { return Reply{}; });
  Fixture fixture({to(receiver)});
  fixture.offer(Event::join, 1, "r");
  const Received got = receiver.wait_for(1)[0];
  EXPECT_EQ(got.headers.at("content-type"), "application/json");
  EXPECT_EQ(got.headers.at("x-ringcast-event"), "events");
  EXPECT_FALSE(got.headers.at("x-ringcast-id").empty());
  const std::string& given = got.headers.at("x-ringcast-signature");
  EXPECT_EQ(given, signature("s3cret", std::stoull(given.substr(2)), got.body));
  EXPECT_TRUE(got.body.starts_with(R"({"events":[{"id":")"));
  EXPECT_TRUE(got.body.ends_with(R"("connection":"c1","room":"r"}]})")) << got.body;
}

TEST(Sender, KeepsTheOrderAndBatchesWhatWaits) {
  Receiver receiver([](const Received&, size_t) { return Reply{}; });
  Fixture fixture({to(receiver)});
  constexpr uint64_t kEvents = 2000;
  for (uint64_t i = 0; i < kEvents; ++i) fixture.offer(Event::join, i, "r");
  fixture.until([&] { return fixture.sender->stats(0).delivered.get() == kEvents; });
  const auto names = all_of(receiver.wait_for(1), "connection");
  ASSERT_EQ(names.size(), kEvents);
  for (uint64_t i = 0; i < kEvents; ++i) ASSERT_EQ(names[i], "c" + std::to_string(i));
  EXPECT_EQ(receiver.most_at_once(), 1u);
  EXPECT_LT(fixture.sender->stats(0).calls.get(), kEvents);
}

TEST(Sender, TriesAgainWithTheSameIdAndInOrder) {
  Receiver receiver([](const Received&, size_t number) {
    switch (number) {
      case 0: return Reply{.status = 500};
      case 1: return Reply{.hang_up = true};
      case 2: return Reply{.status = 429};
      default: return Reply{};
    }
  });
  EndpointOptions options = to(receiver);
  options.batch_max = 1;
  Fixture fixture({options});
  fixture.offer(Event::join, 1, "r");
  fixture.offer(Event::leave, 2, "r");
  const auto got = receiver.wait_for(5);
  for (size_t i = 1; i < 4; ++i) {
    EXPECT_EQ(got[i].headers.at("x-ringcast-id"), got[0].headers.at("x-ringcast-id"));
    EXPECT_EQ(got[i].body, got[0].body);
  }
  EXPECT_NE(got[4].headers.at("x-ringcast-id"), got[0].headers.at("x-ringcast-id"));
  EXPECT_NE(got[4].body.find("\"c2\""), std::string::npos);
  fixture.until([&] { return fixture.sender->stats(0).delivered.get() == 2; });
  // libcurl repeats by itself what a connection that was kept open did not take.
  EXPECT_GE(fixture.sender->stats(0).retries.get(), 2u);
}

TEST(Sender, GivesUpAndSaysSoInTheNextCall) {
  Receiver receiver([](const Received& request, size_t) {
    return Reply{.status = request.body.find("\"c1\"") != std::string::npos ? 503 : 200};
  });
  EndpointOptions options = to(receiver);
  options.batch_max = 1;
  options.retries = 2;
  Fixture fixture({options});
  fixture.offer(Event::join, 1, "r");
  fixture.offer(Event::join, 2, "r");
  const auto got = receiver.wait_for(4);
  EXPECT_TRUE(got[3].body.ends_with("],\"dropped\":1}")) << got[3].body;
  EXPECT_EQ(fixture.sender->stats(0).failed.get(), 1u);
}

TEST(Sender, AFailedCallKeepsTheCountOfWhatWasLostBefore) {
  Receiver receiver([](const Received&, size_t number) { return Reply{.status = number < 3 ? 400 : 200}; });
  EndpointOptions options = to(receiver);
  options.batch_max = 1;
  Fixture fixture({options});
  for (uint64_t i = 0; i < 5; ++i) fixture.offer(Event::join, i, "r");
  const auto got = receiver.wait_for(5);
  EXPECT_TRUE(got[1].body.ends_with("],\"dropped\":1}")) << got[1].body;
  EXPECT_TRUE(got[2].body.ends_with("],\"dropped\":2}")) << got[2].body;
  EXPECT_TRUE(got[3].body.ends_with("],\"dropped\":3}")) << got[3].body;
  EXPECT_TRUE(got[4].body.ends_with("}]}")) << got[4].body;
}

TEST(Sender, WhatTheRingHadNoRoomForIsSaidToEachEndpointThatWantedIt) {
  Receiver all([](const Received&, size_t) { return Reply{}; });
  Receiver some([](const Received&, size_t) { return Reply{}; });
  EndpointOptions one = to(all), two = to(some);
  two.events = static_cast<Events>(Event::join);
  SenderOptions options{.endpoints = {one, two}, .ring_slots = 4};
  const auto sender = *Sender::create(std::move(options), [](Call&, Decision&) { return true; });
  for (uint64_t i = 0; i < 10; ++i) {
    auto call = std::make_unique<Call>();
    call->event = i % 2 == 0 ? Event::join : Event::leave;
    call->room = "r";
    EXPECT_EQ(sender->offer(0, call), i < 4);
  }
  sender->start();
  EXPECT_TRUE(all.wait_for(1)[0].body.ends_with("],\"dropped\":6}"));
  EXPECT_TRUE(some.wait_for(1)[0].body.ends_with("],\"dropped\":3}"));
  EXPECT_EQ(sender->stats(0).dropped.get(), 6u);
}

TEST(Sender, DoesNotRepeatWhatIsRefused) {
  Receiver receiver([](const Received&, size_t number) { return Reply{.status = number == 0 ? 400 : 200}; });
  EndpointOptions options = to(receiver);
  options.batch_max = 1;
  Fixture fixture({options});
  fixture.offer(Event::join, 1, "r");
  fixture.offer(Event::join, 2, "r");
  const auto got = receiver.wait_for(2);
  EXPECT_NE(got[1].body.find("\"c2\""), std::string::npos);
  EXPECT_EQ(fixture.sender->stats(0).retries.get(), 0u);
}

TEST(Sender, TheQueueIsBounded) {
  Receiver receiver([](const Received&, size_t number) { return Reply{.never = number == 0}; });
  EndpointOptions options = to(receiver);
  options.batch_max = 1;
  options.queue_max = 3;
  options.timeout = milliseconds(2'000);
  Fixture fixture({options});
  fixture.offer(Event::join, 0, "r");
  receiver.wait_for(1);  // under way, so nothing of it waits
  for (uint64_t i = 1; i <= 10; ++i) fixture.offer(Event::join, i, "r");
  fixture.until([&] { return fixture.sender->stats(0).dropped.get() == 7; });
  const auto got = receiver.wait_for(5);
  EXPECT_EQ(all_of({got.begin() + 2, got.end()}, "connection"), (std::vector<std::string>{"c1", "c2", "c3"}));
  EXPECT_TRUE(got[2].body.ends_with("],\"dropped\":7}")) << got[2].body;
}

TEST(Sender, AsksForDecisions) {
  Receiver receiver([](const Received& request, size_t) {
    if (request.body.find("\"c1\"") != std::string::npos) return Reply{.body = R"({"allow":false,"code":"no"})"};
    if (request.body.find("\"c2\"") != std::string::npos) return Reply{.body = R"({"content":"changed"})"};
    if (request.body.find("\"c3\"") != std::string::npos) return Reply{.status = 403};
    return Reply{.status = 204};
  });
  Fixture fixture({to(receiver)});
  fixture.refuse_answers(3);
  for (uint64_t ticket = 1; ticket <= 4; ++ticket) fixture.offer(Event::publish, ticket, "r");
  std::map<uint64_t, Decision> answers;
  for (auto& [ticket, decision] : fixture.wait_for(4)) answers[ticket] = decision;
  EXPECT_FALSE(answers[1].allow);
  EXPECT_EQ(answers[1].code, "no");
  EXPECT_TRUE(answers[2].allow);
  EXPECT_EQ(answers[2].payload->payload, "\"changed\"");
  EXPECT_FALSE(answers[3].allow);
  EXPECT_TRUE(answers[4].allow);
  for (auto& [ticket, decision] : answers) EXPECT_TRUE(decision.answered);
  EXPECT_EQ(receiver.wait_for(4)[0].headers.at("x-ringcast-event"), "publish");
  EXPECT_EQ(fixture.sender->stats(0).allowed.get(), 2u);
  EXPECT_EQ(fixture.sender->stats(0).denied.get(), 2u);
}

TEST(Sender, WhatNobodyDecidesIsDecidedByTheSetting) {
  Receiver silent([](const Received&, size_t) { return Reply{.never = true}; });
  Receiver broken([](const Received&, size_t) { return Reply{.status = 500}; });
  Receiver babbling([](const Received&, size_t) { return Reply{.body = "yes"}; });
  EndpointOptions one = to(silent), two = to(broken), three = to(babbling);
  one.events = static_cast<Events>(Event::connect);
  one.timeout = milliseconds(50);
  one.allow_on_failure = true;
  two.rooms = {"two"};
  three.rooms = {"three"};
  Fixture fixture({one, two, three});
  fixture.offer(Event::connect, 1);
  fixture.offer(Event::publish, 2, "two");
  fixture.offer(Event::publish, 3, "three");
  for (const auto& [ticket, decision] : fixture.wait_for(3)) {
    EXPECT_FALSE(decision.answered);
    EXPECT_EQ(decision.allow, ticket == 1) << ticket;
  }
  EXPECT_EQ(broken.wait_for(2).size(), 2u);  // a decision is tried twice at most
  EXPECT_EQ(babbling.wait_for(1).size(), 1u);
}

TEST(Sender, DecisionsUnderWayAreBounded) {
  Receiver receiver([](const Received&, size_t) { return Reply{}; });
  EndpointOptions options = to(receiver);
  options.concurrency = 3;
  Fixture fixture({options});
  for (uint64_t ticket = 0; ticket < 200; ++ticket) fixture.offer(Event::publish, ticket, "r");
  EXPECT_EQ(fixture.wait_for(200).size(), 200u);
  EXPECT_LE(receiver.most_at_once(), 3u);
}

TEST(Sender, ASilentEndpointDoesNotHoldUpAnother) {
  Receiver silent([](const Received&, size_t) { return Reply{.never = true}; });
  Receiver good([](const Received&, size_t) { return Reply{}; });
  EndpointOptions one = to(silent), two = to(good);
  Fixture fixture({one, two}, milliseconds(0));
  for (uint64_t i = 0; i < 10; ++i) {
    fixture.offer(Event::join, i, "r");
    silent.wait_for(1);
    fixture.until([&] { return fixture.sender->stats(1).delivered.get() == i + 1; });
  }
}

TEST(Sender, DeliversWhatWaitsBeforeItEnds) {
  Receiver receiver([](const Received&, size_t number) { return Reply{.status = number == 0 ? 503 : 200}; });
  EndpointOptions options = to(receiver);
  options.batch_max = 1;
  Fixture fixture({options});
  for (uint64_t i = 0; i < 20; ++i) fixture.offer(Event::disconnect, i);
  fixture.sender->stop();
  EXPECT_EQ(fixture.sender->stats(0).delivered.get(), 20u);
}

TEST(Sender, DoesNotWaitForEverAtItsEnd) {
  Receiver receiver([](const Received&, size_t) { return Reply{.never = true}; });
  Fixture fixture({to(receiver)}, milliseconds(10));
  fixture.offer(Event::disconnect, 1);
  receiver.wait_for(1);
  fixture.sender->stop();
  EXPECT_EQ(fixture.sender->stats(0).dropped.get(), 1u);
}

}  // namespace
}  // namespace ringcast::hooks
