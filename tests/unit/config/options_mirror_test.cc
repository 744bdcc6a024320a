// SPDX-License-Identifier: Apache-2.0
// `mirror` of rooms and what it cannot be together with.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "config/options.h"
#include "file_fixture.h"

namespace ringcast::config {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

class Mirrors : public FileFixture {
 protected:
  static std::string inlet(const std::string& url, const std::string& from) {
    return "[[inlets]]\nname = \"n\"\ntype = \"redis_pubsub\"\nurl = \"" + url + "\"\nfrom = \"" + from +
           "\"\nroom = \"r\"\n";
  }
  static std::string room(const std::string& match, const std::string& mirror) {
    return "[[rooms]]\nmatch = \"" + match + "\"\nmirror = \"" + mirror + "\"\n";
  }
  static inline const std::string kUrl = "mirror_url = \"redis://h\"\n";
  static inline const std::string kAll = kUrl + "mirror = \"room:{}\"\n";
};

TEST_F(Mirrors, AreSetForAllRoomsOrForSome) {
  const Options all = options(kAll + room("quiet", "") + room("a/**", "a"));
  EXPECT_TRUE(all.has_mirror());
  EXPECT_EQ(all.room_defaults.mirror, "room:{}");
  EXPECT_EQ(all.rooms[0].options.mirror, "");
  EXPECT_EQ(all.rooms[1].options.mirror, "a");
  EXPECT_TRUE(options(kUrl + room("a", "{}")).has_mirror());
  EXPECT_EQ(options("broker = \"redis://h\"\nmirror = \"room:{}\"\n").mirror_url, "");
}

TEST_F(Mirrors, NeedARedisAndAChannelThatThereCanBe) {
  EXPECT_EQ(
      refused("mirror = \"room:{}\"\n"),
      path_ +
          ":1: mirror = \"room:{}\" needs mirror_url = \"redis://…\": there is no broker whose Redis could be meant");
  const std::string unused = refused("mirror_url = \"redis://u:hush@h\"\n");
  EXPECT_THAT(unused, EndsWith(":1) has no use without mirror: no room has copies"));
  EXPECT_THAT(unused, Not(HasSubstr("hush")));
  EXPECT_THAT(refused("mirror_queue_size_max = \"1MiB\"\n"), EndsWith("has no use without mirror: no room has copies"));
  EXPECT_THAT(refused("broker = \"rediss://h\"\nmirror = \"room:{}\"\n"),
              HasSubstr("do not go over TLS as the broker does"));
  const std::string secure = refused("mirror = \"a\"\nmirror_url = \"rediss://u:secret@h\"\n");
  EXPECT_THAT(secure, HasSubstr(":2): copies do not go over TLS"));
  EXPECT_THAT(secure, Not(HasSubstr("hush")));
  EXPECT_THAT(refused("mirror = \"a\"\nmirror_url = \"http://h\"\n"), HasSubstr("mirror_url (" + path_ + ":2): "));
  EXPECT_THAT(refused(kUrl + "mirror = \"room:{name}\"\n"), HasSubstr("only {}, the room's name, and {tenant}"));
  EXPECT_THAT(refused(kUrl + "mirror = \"room:*\"\n"), HasSubstr("a channel has no *"));
  EXPECT_THAT(refused(kUrl + room("@*", "in:{}")),
              EndsWith("mirror has no use for inboxes: only messages of rooms are copied"));
  options(kUrl + "mirror = \"{tenant}:{}\"\n");
  EXPECT_THAT(refused("tenants = false\n" + kUrl + "mirror = \"{tenant}:{}\"\n"),
              EndsWith("{tenant} has no use without tenants = true"));
}

TEST_F(Mirrors, MustNotComeBackThroughAnInlet) {
  EXPECT_EQ(
      refused(kAll + inlet("redis://h/3", "room:*")),
      path_ + ":2: mirror = \"room:{}\": the inlet \"n\" (" + path_ +
          ":3) reads from = \"room:*\" of the same Redis, so that each copy would come back as a message, without "
          "end; give one of them another channel, such as mirror = \"out:room:{}\"");
  for (const char* from : {"*", "room:general", "*:general", "r*m:*"}) {
    EXPECT_THAT(refused(kAll + inlet("redis://h", from)), HasSubstr("would come back")) << from;
  }
  for (const char* from : {"rooms:*", "room", "out:room:*"}) options(kAll + inlet("redis://h", from));
  // Elsewhere it is another channel; names of one machine are one.
  options(kAll + inlet("redis://other", "room:*"));
  options(kAll + inlet("redis://h:7000", "room:*"));
  EXPECT_THAT(refused("mirror = \"a\"\nmirror_url = \"redis://localhost\"\n" + inlet("redis://127.0.0.1", "a")),
              HasSubstr("would come back"));
  // Where Sentinels lead to, nobody knows at the start.
  EXPECT_THAT(refused(kAll + inlet("redis+sentinel://s:26379?master=m", "room:*")), HasSubstr("would come back"));
  // Only the channels of rooms that it is for.
  EXPECT_THAT(refused(kUrl + room("a-*", "room:{}") + inlet("redis://h", "room:a-1")), HasSubstr("match = \"a-*\""));
  options(kUrl + room("a-*", "room:{}") + inlet("redis://h", "room:b"));
}

TEST_F(Mirrors, AreNoneOfTheBrokersChannels) {
  const std::string broker = "broker = \"redis://h\"\n";
  EXPECT_THAT(refused(broker + "mirror = \"{}\"\n"), HasSubstr("which begin with \"ringcast:\""));
  options(broker + "mirror = \"room:{}\"\n");
  options(broker + "mirror_url = \"redis://other\"\nmirror = \"{}\"\n");
}

TEST_F(Mirrors, ShowNoPassword) {
  const Options read = options("mirror = \"a\"\nmirror_url = \"redis://u:hush@h\"\n");
  EXPECT_THAT(print_config(read, Secrets::hidden), Not(HasSubstr("hush")));
  EXPECT_THAT(print_config(read, Secrets::shown), HasSubstr("redis://u:hush@h"));
}

}  // namespace
}  // namespace ringcast::config
