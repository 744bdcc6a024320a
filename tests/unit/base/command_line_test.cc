// SPDX-License-Identifier: Apache-2.0
#include "base/command_line.h"

#include <gtest/gtest.h>

namespace ringcast {
namespace {

constexpr std::string_view kFlags[] = {"--room", "--user", "--heartbeat-interval"};

TEST(CommandLine, TheNearestNameIsFoundAndNothingFarther) {
  EXPECT_EQ(nearest_name("--rom", kFlags), "--room");
  EXPECT_EQ(nearest_name("--hartbeat-intervall", kFlags), "--heartbeat-interval");
  EXPECT_EQ(nearest_name("--xyzzy-plugh", kFlags), "");
  EXPECT_EQ(nearest_name("", {}), "");
}

TEST(CommandLine, UnknownArgumentsAreNamedWithoutTheirValues) {
  EXPECT_EQ(unknown_argument("--rom=secret", kFlags), "unknown flag \"--rom\"; did you mean \"--room\"?");
  EXPECT_EQ(unknown_argument("--xyzzy-plugh", kFlags), "unknown flag \"--xyzzy-plugh\"");
  EXPECT_EQ(unknown_argument("word", kFlags), "unexpected argument \"word\"");
}

TEST(CommandLine, MistakesAreSentences) {
  EXPECT_EQ(plain_mistake("--port: 1 required  missing"), "--port needs a value");
  EXPECT_EQ(plain_mistake("--room: 1 required TEXT missing"), "--room needs a value");
  EXPECT_EQ(plain_mistake("something else"), "something else");
}

}  // namespace
}  // namespace ringcast
