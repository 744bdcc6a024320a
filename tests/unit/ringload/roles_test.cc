// SPDX-License-Identifier: Apache-2.0
#include "roles.h"

#include <gtest/gtest.h>

#include <map>

#include "run.h"

namespace ringcast::ringload {
namespace {

TEST(Roles, AreNamedWithWeightAndTransport) {
  const auto roles = parse_mix("connect=50,echo=5,http=1,fanout=30,fanout-sse=10,resume-poll=3,slow=1", Transport::sse);
  ASSERT_TRUE(roles) << roles.error().message;
  ASSERT_EQ(roles->size(), 7u);
  EXPECT_EQ((*roles)[0].transport, Transport::sse);
  EXPECT_EQ((*roles)[1].transport, Transport::websocket);
  EXPECT_EQ((*roles)[2].transport, Transport::http);
  EXPECT_EQ((*roles)[4].name, "fanout-sse");
  EXPECT_EQ((*roles)[5].kind, RoleKind::resume);
  EXPECT_EQ((*roles)[5].transport, Transport::poll);
  EXPECT_EQ((*roles)[6].kind, RoleKind::slow);
  EXPECT_EQ((*roles)[3].weight, 30u);
}

TEST(Roles, NonsenseIsNamed) {
  const std::map<std::string, std::string> bad{
      {"", "no role"},         {"fanout", "NAME=WEIGHT"},  {"dance=1", "'dance=1'"},
      {"fanout=0", "weight"},  {"fanout=1x", "weight"},    {"fanout=10001", "weight"},
      {"echo-sse=1", "plain"}, {"echo=1,echo=2", "twice"}, {"fanout=1,=1", "'=1'"}};
  for (const auto& [text, why] : bad) {
    const auto roles = parse_mix(text, Transport::websocket);
    ASSERT_FALSE(roles) << text;
    EXPECT_NE(roles.error().message.find(why), std::string::npos) << text << ": " << roles.error().message;
  }
  EXPECT_FALSE(parse_mix("fanout=1", Transport::http));
}

TEST(Roles, ThePatternSpreadsThemEvenly) {
  const auto roles = parse_mix("connect=50,echo=10,fanout=40", Transport::websocket);
  ASSERT_TRUE(roles);
  const std::vector<uint8_t> pattern = role_pattern(*roles);
  ASSERT_EQ(pattern.size(), 10u);
  EXPECT_EQ(std::count(pattern.begin(), pattern.end(), 0), 5);
  EXPECT_EQ(std::count(pattern.begin(), pattern.end(), 1), 1);
  EXPECT_EQ(std::count(pattern.begin(), pattern.end(), 2), 4);
  for (size_t i = 1; i < pattern.size(); ++i) EXPECT_FALSE(pattern[i] == 0 && pattern[i - 1] == 0) << i;
}

// Every room gets its share of each role; who hears nothing is in a room of its own kind.
TEST(Roles, AreDealtOutRoomByRoom) {
  Options options;
  options.roles = *parse_mix("connect=1,fanout=2,slow=1", Transport::websocket);
  options.rooms = 3;
  options.connections = 120;
  options.threads = 2;
  const ringload::Run run(options);
  for (uint32_t room = 0; room < 3; ++room) EXPECT_EQ(run.members_in_room(room), 20u);
  EXPECT_EQ(run.members_with_role(0), 30u);
  EXPECT_EQ(run.members_with_role(2), 30u);
  for (uint32_t member = 0; member < 120; ++member)
    EXPECT_EQ(run.room_of_member(member) >= 3, run.role_of_member(member).kind == RoleKind::idle) << member;
  EXPECT_EQ(run.members_that_ask(), 0u);
}

}  // namespace
}  // namespace ringcast::ringload
