// SPDX-License-Identifier: Apache-2.0
#include "base/ip_address.h"

#include <gtest/gtest.h>

namespace ringcast {
namespace {

TEST(IpAddress, ParsedAndPrinted) {
  for (const char* text : {"192.0.2.1", "127.0.0.1", "::1", "2001:db8::1", "255.255.255.255"}) {
    const auto address = IpAddress::parse(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(address->to_string(), text);
  }
  EXPECT_EQ(IpAddress::parse("::ffff:192.0.2.1"), IpAddress::parse("192.0.2.1")) << "one key for a host";
  EXPECT_EQ(IpAddress().to_string(), "unix");
  EXPECT_FALSE(IpAddress().is_set());
}

TEST(IpAddress, WhatIsNone) {
  for (const char* text :
       {"", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.4:80", "[::1]", "fe80::1%eth0", "::g", "1.2.3.4 ",
        "localhost", "1:2:3:4:5:6:7:8:9", "0x7f.1", "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000"}) {
    EXPECT_FALSE(IpAddress::parse(text)) << text;
  }
  EXPECT_FALSE(IpAddress::parse(std::string_view("1.2.3.4\0", 8)));
}

TEST(IpAddress, Loopback) {
  for (const char* text : {"127.0.0.1", "127.255.0.3", "::1", "::ffff:127.0.0.1"}) {
    EXPECT_TRUE(IpAddress::parse(text)->is_loopback()) << text;
  }
  for (const char* text : {"128.0.0.1", "126.0.0.1", "::2", "::", "1::1"}) {
    EXPECT_FALSE(IpAddress::parse(text)->is_loopback()) << text;
  }
}

TEST(IpAddress, Prefix) {
  EXPECT_EQ(IpAddress::parse("2001:db8:1:2:3:4:5:6")->prefix(64).to_string(), "2001:db8:1:2::");
  EXPECT_EQ(IpAddress::parse("2001:db8:1:2:3:4:5:6")->prefix(60).to_string(), "2001:db8:1::");
  EXPECT_EQ(IpAddress::parse("192.0.2.77")->prefix(96 + 24).to_string(), "192.0.2.0");
  EXPECT_EQ(IpAddress::parse("192.0.2.77")->prefix(128).to_string(), "192.0.2.77");
  EXPECT_EQ(IpAddress::parse("192.0.2.77")->prefix(96 + 31).to_string(), "192.0.2.76");
  EXPECT_FALSE(IpAddress::parse("2001:db8::1")->prefix(0).is_set());
}

}  // namespace
}  // namespace ringcast
