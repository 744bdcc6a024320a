// SPDX-License-Identifier: Apache-2.0
#include "access/subject_table.h"

#include <gtest/gtest.h>

namespace ringcast::access {
namespace {

using namespace std::chrono_literals;

LimitSubject subject(uint8_t number, Scope scope = Scope::user) {
  LimitSubject subject{.scope = scope};
  subject.bytes[3] = number;
  return subject;
}

Rate per_second(uint64_t amount) {
  return {.amount = amount, .period = 1s, .burst = 1s};
}

TEST(SubjectTable, ConnectionsAreExact) {
  RateLimits limits;
  limits.connections_max[static_cast<size_t>(Scope::user)] = 2;
  SubjectTable table(HashKey{});
  const Question one{.subject = subject(1), .counted = true};
  EXPECT_TRUE(table.ask(limits, one, 1s).allowed);
  EXPECT_TRUE(table.ask(limits, one, 1s).allowed);
  const Verdict refused = table.ask(limits, one, 1s);
  EXPECT_FALSE(refused.allowed);
  EXPECT_EQ(refused.why, Charge::connections);
  EXPECT_EQ(table.connections(subject(1)), 2u);
  EXPECT_TRUE(table.ask(limits, {.subject = subject(2), .counted = true}, 1s).allowed);
  EXPECT_TRUE(table.ask(limits, {.subject = subject(1, Scope::address), .counted = true}, 1s).allowed)
      << "the same bytes in another scope are somebody else";
  table.release(subject(1));
  EXPECT_TRUE(table.ask(limits, one, 1s).allowed);
}

TEST(SubjectTable, AllOrNothing) {
  RateLimits limits;
  limits.rate(Scope::key, Charge::messages) = per_second(5);
  limits.rate(Scope::key, Charge::bytes) = per_second(100);
  SubjectTable table(HashKey{});
  const LimitSubject key = subject(1, Scope::key);
  EXPECT_TRUE(table.ask(limits, {.subject = key, .messages = 2, .bytes = 90}, 9s).allowed);
  const Verdict bytes = table.ask(limits, {.subject = key, .counted = true, .messages = 1, .bytes = 20}, 9s);
  EXPECT_FALSE(bytes.allowed);
  EXPECT_EQ(bytes.why, Charge::bytes);
  EXPECT_EQ(bytes.wait, 100ms);
  EXPECT_EQ(table.connections(key), 0u);
  EXPECT_TRUE(table.ask(limits, {.subject = key, .messages = 3}, 9s).allowed) << "the refused one took no messages";
  EXPECT_EQ(table.ask(limits, {.subject = key, .messages = 1}, 9s).why, Charge::messages);
}

TEST(SubjectTable, LeasesComeOutOfTheOneBucket) {
  RateLimits limits;
  limits.rate(Scope::user, Charge::messages) = per_second(10);
  SubjectTable table(HashKey{});
  const Lease wanted{.messages = 6};
  EXPECT_EQ(table.lease(limits, subject(1), wanted, {}, 9s).messages, 6u);
  EXPECT_EQ(table.lease(limits, subject(1), wanted, {}, 9s).messages, 4u);
  const Lease none = table.lease(limits, subject(1), wanted, {.messages = 2}, 9s);
  EXPECT_EQ(none.messages, 0u);
  EXPECT_EQ(none.wait, 200ms);
  table.settle(limits, subject(1), 3, 0, 9s);
  EXPECT_EQ(table.lease(limits, subject(1), wanted, {}, 9s).messages, 3u) << "what was not spent is there again";
  table.settle(limits, subject(1), -5, 0, 9s);
  EXPECT_EQ(table.lease(limits, subject(1), wanted, {.messages = 1}, 9s).wait, 600ms)
      << "what was spent beyond is owed";
}

TEST(SubjectTable, WhoeverIsIdleIsForgottenWhenItMakesNoDifference) {
  RateLimits limits;
  limits.rate(Scope::user, Charge::messages) = per_second(1);
  SubjectTable table(HashKey{});
  table.ask(limits, {.subject = subject(1), .messages = 1}, 1s);
  table.ask(limits, {.subject = subject(2), .counted = true}, 1s);
  table.sweep(1500ms);
  EXPECT_EQ(table.size(), 2u) << "not full yet, connected";
  table.sweep(2s);
  EXPECT_EQ(table.size(), 1u);
  table.release(subject(2));
  table.sweep(3s);
  EXPECT_EQ(table.size(), 0u);
}

TEST(SubjectTable, BoundedAndTheLongestIdleGoesFirst) {
  RateLimits limits;
  limits.subjects_max = 3;
  limits.rate(Scope::user, Charge::messages) = per_second(1);
  SubjectTable table(HashKey{});
  for (const uint8_t i : {1, 2, 3}) table.ask(limits, {.subject = subject(i), .messages = 1}, 1s);
  EXPECT_FALSE(table.ask(limits, {.subject = subject(1), .messages = 1}, 1s).allowed) << "touches 1";
  table.ask(limits, {.subject = subject(4), .messages = 1}, 1s);
  EXPECT_EQ(table.size(), 3u);
  EXPECT_FALSE(table.ask(limits, {.subject = subject(1), .messages = 1}, 1s).allowed) << "still known";
  EXPECT_TRUE(table.ask(limits, {.subject = subject(2), .messages = 1}, 1s).allowed) << "2 went";
}

}  // namespace
}  // namespace ringcast::access
