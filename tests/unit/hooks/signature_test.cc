// SPDX-License-Identifier: Apache-2.0
#include "hooks/signature.h"

#include <gtest/gtest.h>

namespace ringcast::hooks {
namespace {

// Made with: printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac secret
TEST(Signature, IsTheHmacOfTimeAndBody) {
  EXPECT_EQ(signature("secret", 1700000000, R"({"a":1})"),
            "t=1700000000,v1=49f24e537407743fa4a0242bb63b94b9a47ee99cbbe071ccd8a22550ae411686");
}

TEST(Signature, DependsOnEachPart) {
  const std::string one = signature("secret", 1700000000, "body");
  const auto digest = [](const std::string& text) { return text.substr(text.find(",v1=")); };
  EXPECT_NE(digest(one), digest(signature("secret", 1700000001, "body")));
  EXPECT_NE(digest(one), digest(signature("secret", 1700000000, "bodY")));
  EXPECT_NE(digest(one), digest(signature("Secret", 1700000000, "body")));
}

}  // namespace
}  // namespace ringcast::hooks
