// SPDX-License-Identifier: Apache-2.0
#include "tls/ticket_keys.h"

#include <gtest/gtest.h>

namespace ringcast::tls {
namespace {

constexpr int64_t kStart = 1'700'000'000 / kTicketLifetimeSeconds * kTicketLifetimeSeconds;

TEST(RotatingTicketKeys, CopiesRotateAlike) {
  RotatingTicketKeys first = RotatingTicketKeys::random(kStart);
  RotatingTicketKeys second = first;
  const TicketKey began = first.at(kStart)[0];
  EXPECT_EQ(first.at(kStart + kTicketLifetimeSeconds - 1)[0].name, began.name);

  const int64_t later = kStart + kTicketLifetimeSeconds;
  EXPECT_NE(first.at(later)[0].name, began.name);
  EXPECT_EQ(first.at(later)[1].name, began.name);
  EXPECT_EQ(first.at(later)[1].cipher, began.cipher);
  // One that looks for the first time three periods later has the same ones as one that looked each time.
  const int64_t last = kStart + 3 * kTicketLifetimeSeconds;
  first.at(kStart + 2 * kTicketLifetimeSeconds);
  EXPECT_EQ(first.at(last)[0].mac, second.at(last)[0].mac);
  EXPECT_EQ(first.at(last)[1].name, second.at(last)[1].name);
  EXPECT_NE(first.at(last)[1].name, began.name);
}

TEST(RotatingTicketKeys, AClockThatGoesBackChangesNothing) {
  RotatingTicketKeys keys = RotatingTicketKeys::random(kStart);
  const auto name = keys.at(kStart + kTicketLifetimeSeconds)[0].name;
  EXPECT_EQ(keys.at(kStart - 10 * kTicketLifetimeSeconds)[0].name, name);
}

TEST(RotatingTicketKeys, ProcessesDiffer) {
  EXPECT_NE(RotatingTicketKeys::random(kStart).at(kStart)[0].name,
            RotatingTicketKeys::random(kStart).at(kStart)[0].name);
}

}  // namespace
}  // namespace ringcast::tls
