// SPDX-License-Identifier: Apache-2.0
#include "codec/text/base64.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include "pieces.h"

namespace ringcast::codec {
namespace {

TEST(Base64, AgreesWithOpensslAndComesBack) {
  std::mt19937 random(1);
  for (size_t size = 0; size < 200; ++size) {
    std::string bytes(size, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    std::string expected(base64_size(size) + 1, '\0');
    expected.resize(static_cast<size_t>(EVP_EncodeBlock(reinterpret_cast<unsigned char*>(expected.data()),
                                                        bytes_of(bytes).data(), static_cast<int>(size))));
    std::string encoded = "kept:";
    append_base64(encoded, bytes_of(bytes));
    EXPECT_EQ(encoded, "kept:" + expected);
    std::string decoded = "kept:";
    ASSERT_TRUE(base64_decode(expected, decoded));
    EXPECT_EQ(decoded, "kept:" + bytes);
  }
}

TEST(Base64, RefusesEverythingElse) {
  for (const char* text : {"A", "AA", "AAA", "A===", "====", "AA=A", "=AAA", "AAAA=", "AA==AAAA",
                           "AB==", "AAB=", "AAA\n", "AA A", "AA-_", "AAA\xff"}) {
    std::string out = "kept";
    EXPECT_FALSE(base64_decode(text, out)) << text;
    EXPECT_EQ(out, "kept");
  }
}

}  // namespace
}  // namespace ringcast::codec
