// SPDX-License-Identifier: Apache-2.0
#include "access/api_keys.h"

#include <gtest/gtest.h>

namespace ringcast::access {
namespace {

TEST(ApiKeys, HaveTheNamesThatTheyWereGivenOrTheirPlace) {
  const ApiKeys keys{"0123456789abcdef", "billing:0123456789abcdeX", "not a name:0123456789abcdef", "short:0123456789"};
  ASSERT_EQ(keys.all().size(), 4u);
  EXPECT_EQ(keys.all()[0], (ApiKey{"key-1", "0123456789abcdef"}));
  EXPECT_EQ(keys.all()[1], (ApiKey{"billing", "0123456789abcdeX"}));
  EXPECT_EQ(keys.all()[2], (ApiKey{"key-3", "not a name:0123456789abcdef"})) << "a colon inside a secret is part of it";
  EXPECT_EQ(keys.all()[3], (ApiKey{"key-4", "short:0123456789"})) << "too little would be left for a secret";
}

TEST(ApiKeys, FindsTheWholeSecretOnly) {
  const ApiKeys keys{"first:0123456789abcdef", "second:fedcba9876543210"};
  ASSERT_NE(keys.find("fedcba9876543210"), nullptr);
  EXPECT_EQ(keys.find("fedcba9876543210")->name, "second");
  for (const char* wrong : {"", "0123456789abcde", "0123456789abcdefg", "first:0123456789abcdef", "first"}) {
    EXPECT_EQ(keys.find(wrong), nullptr) << wrong;
  }
  EXPECT_EQ(ApiKeys().find("0123456789abcdef"), nullptr);
}

TEST(ApiKeys, ComparesInConstantTimeAndRightly) {
  EXPECT_TRUE(equal_in_constant_time("abc", "abc"));
  EXPECT_TRUE(equal_in_constant_time("", ""));
  EXPECT_FALSE(equal_in_constant_time("abc", "abd"));
  EXPECT_FALSE(equal_in_constant_time("abc", "ab"));
  EXPECT_FALSE(equal_in_constant_time("ab", std::string_view("ab\0", 3)));
}

}  // namespace
}  // namespace ringcast::access
