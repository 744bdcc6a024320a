// SPDX-License-Identifier: Apache-2.0
#include "cluster/record.h"

#include <gtest/gtest.h>

namespace ringcast::cluster {
namespace {

Record sample() {
  Record record;
  record.final = true;
  record.node = 0xfedcba9876543210;
  record.exclude = {3, {70000, 9}};
  record.kind = hub::PayloadKind::binary;
  record.user = "alice";
  record.event = "image";
  record.payload = std::string_view("a\0b\r\n", 5);
  return record;
}

TEST(Record, IsReadBackAsItWas) {
  std::string bytes;
  append_record(bytes, sample());
  Record read;
  ASSERT_TRUE(read_record(bytes, read));
  EXPECT_TRUE(read.final);
  EXPECT_EQ(read.node, sample().node);
  EXPECT_EQ(read.exclude, sample().exclude);
  EXPECT_EQ(read.kind, hub::PayloadKind::binary);
  EXPECT_EQ(read.user, "alice");
  EXPECT_EQ(read.connection, "");
  EXPECT_EQ(read.event, "image");
  EXPECT_EQ(read.payload, sample().payload);
}

// So that a release with another form can run beside this one.
TEST(Record, ItsFormIsFixed) {
  Record record;
  record.node = 1;
  record.exclude = {1, {2, 3}};
  record.user = "u";
  record.payload = "{}";
  std::string bytes;
  append_record(bytes, record);
  const std::string expected = std::string("\1\0\0", 3) + std::string("\1\0\0\0\0\0\0\0", 8) + std::string("\1\0", 2) +
                               std::string("\2\0\0\0", 4) + std::string("\3\0\0\0", 4) + std::string("\1\0\0\0u", 5) +
                               std::string(8, '\0') + std::string("\2\0\0\0{}", 6);
  EXPECT_EQ(bytes, expected);
}

// A release that does not know of names takes them for a connection of a node that is none, and reads the rest.
TEST(Record, AConnectionOfWhicheverNodeIsExcludedByItsName) {
  Record record = sample();
  record.exclude_name = "00112233445566778899aabbccddeeff";
  std::string plain, bytes;
  append_record(plain, sample());
  append_record(bytes, record);
  EXPECT_EQ(bytes.size(), plain.size());
  EXPECT_EQ(bytes.substr(21), plain.substr(21));
  Record read = sample();
  ASSERT_TRUE(read_record(bytes, read));
  EXPECT_EQ(read.exclude_name, record.exclude_name);
  EXPECT_EQ(read.node, 0u);
  EXPECT_FALSE(read.exclude.valid());
  EXPECT_TRUE(read.final);
  EXPECT_EQ(read.payload, sample().payload);
  for (size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_FALSE(read_record(std::string_view(bytes).substr(0, length), read)) << length;
  }
  ASSERT_TRUE(read_record(plain, read));
  EXPECT_EQ(read.exclude_name, "");
  EXPECT_EQ(read.exclude, sample().exclude);
  for (const char* none : {"", "0011", "00112233445566778899aabbccddeefg", "+0112233445566778899aabbccddeeff"}) {
    record.exclude_name = none;
    bytes.clear();
    append_record(bytes, record);
    EXPECT_EQ(bytes, plain) << none;
  }
}

TEST(Record, WhatIsNoneIsRefused) {
  std::string bytes;
  append_record(bytes, sample());
  Record read;
  for (size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_FALSE(read_record(std::string_view(bytes).substr(0, length), read)) << length;
  }
  EXPECT_FALSE(read_record(bytes + 'x', read));
  std::string later = bytes;
  later[0] = 2;
  EXPECT_FALSE(read_record(later, read));
  std::string kind = bytes;
  kind[2] = 9;
  EXPECT_FALSE(read_record(kind, read));
}

TEST(Push, HeadsAreReadAndOthersRefused) {
  PushHead head;
  std::string_view record;
  ASSERT_TRUE(read_push("m 10 12 1700000000000001 abc def", head, record));
  EXPECT_EQ(head.kind, PushHead::Kind::message);
  EXPECT_EQ(head.base, 10u);
  EXPECT_EQ(head.id, 12u);
  EXPECT_EQ(head.time_us, 1'700'000'000'000'001u);
  EXPECT_EQ(record, "abc def");
  ASSERT_TRUE(read_push("e xyz", head, record));
  EXPECT_EQ(head.kind, PushHead::Kind::event);
  EXPECT_EQ(record, "xyz");
  const std::string command = command_push('r', 7, "bob jr");  // `record` lies in it
  ASSERT_TRUE(read_push(command, head, record));
  EXPECT_EQ(head.kind, PushHead::Kind::command);
  EXPECT_EQ(head.command, 'r');
  EXPECT_EQ(head.node, 7u);
  EXPECT_EQ(record, "bob jr");
  for (const char* bad : {"", "m", "m 1", "m 1 2", "m 1 2 3", "m x 2 3 r", "m -1 2 3 r", "m 99999999999999999999 2 3 r",
                          "q 1", "x ", "x r", "x r 7", "hello"}) {
    EXPECT_FALSE(read_push(bad, head, record)) << bad;
  }
}

}  // namespace
}  // namespace ringcast::cluster
