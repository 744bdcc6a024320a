// SPDX-License-Identifier: Apache-2.0
#include "access/address_set.h"

#include <gtest/gtest.h>

namespace ringcast::access {
namespace {

AddressSet set_of(std::vector<std::string> entries) {
  auto set = AddressSet::parse(entries);
  EXPECT_TRUE(set) << (set ? "" : set.error().message);
  return set ? *set : AddressSet();
}

bool has(const AddressSet& set, std::string_view address) {
  return set.contains(*IpAddress::parse(address));
}

TEST(AddressSet, AddressesAndNetworks) {
  const AddressSet set = set_of({"192.0.2.1", "10.0.0.0/8", "2001:db8::/33", "::1"});
  for (const char* in : {"192.0.2.1", "10.255.3.4", "2001:db8:7fff::1", "::1", "::ffff:10.0.0.1"}) {
    EXPECT_TRUE(has(set, in)) << in;
  }
  for (const char* out : {"192.0.2.2", "11.0.0.1", "2001:db8:8000::1", "::2", "9.255.255.255"}) {
    EXPECT_FALSE(has(set, out)) << out;
  }
  EXPECT_FALSE(set.contains(IpAddress())) << "unix is named as such";
}

TEST(AddressSet, UnixAndEverything) {
  EXPECT_TRUE(AddressSet().empty());
  EXPECT_FALSE(has(AddressSet(), "127.0.0.1"));
  EXPECT_TRUE(set_of({"unix"}).contains(IpAddress()));
  EXPECT_FALSE(set_of({"unix"}).empty());
  EXPECT_FALSE(has(set_of({"unix"}), "127.0.0.1"));
  EXPECT_TRUE(has(set_of({"0.0.0.0/0"}), "203.0.113.9"));
  EXPECT_FALSE(has(set_of({"0.0.0.0/0"}), "2001:db8::1"));
  EXPECT_FALSE(has(set_of({"::/0"}), "203.0.113.9")) << "IPv4 is a family of its own";
  EXPECT_TRUE(has(set_of({"::/0"}), "2001:db8::1"));
}

TEST(AddressSet, WhatIsRefused) {
  for (const char* bad : {"", "localhost", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.1/8", "2001:db8::/129",
                          "2001:db8::1/32", "10.0.0.0/8/8", "::", "[::1]", "127.0.0.1:80"}) {
    const auto set = AddressSet::parse(std::vector<std::string>{bad});
    ASSERT_FALSE(set) << bad;
    EXPECT_NE(set.error().message.find("\"" + std::string(bad) + "\""), std::string::npos) << set.error().message;
    EXPECT_NE(set.error().message.find("allowed"), std::string::npos);
  }
}

}  // namespace
}  // namespace ringcast::access
