// SPDX-License-Identifier: Apache-2.0
#include "base/keyed_hash.h"

#include <gtest/gtest.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <cstring>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace ringcast {
namespace {

HashKey counting_key() {
  std::array<uint8_t, 16> bytes;
  for (uint8_t i = 0; i < 16; ++i) bytes[i] = i;
  return HashKey::from_bytes(bytes);
}

std::string counting_input(size_t length) {
  std::string input;
  for (size_t i = 0; i < length; ++i) input.push_back(static_cast<char>(i));
  return input;
}

// OpenSSL's SipHash, whose round counts are parameters.
uint64_t openssl_siphash(unsigned c_rounds, unsigned d_rounds, const std::array<uint8_t, 16>& key,
                         const std::string& input) {
  std::unique_ptr<EVP_MAC, decltype(&EVP_MAC_free)> mac(EVP_MAC_fetch(nullptr, "SIPHASH", nullptr), EVP_MAC_free);
  std::unique_ptr<EVP_MAC_CTX, decltype(&EVP_MAC_CTX_free)> context(EVP_MAC_CTX_new(mac.get()), EVP_MAC_CTX_free);
  unsigned size = 8;
  OSSL_PARAM params[] = {OSSL_PARAM_construct_uint(OSSL_MAC_PARAM_SIZE, &size),
                         OSSL_PARAM_construct_uint(OSSL_MAC_PARAM_C_ROUNDS, &c_rounds),
                         OSSL_PARAM_construct_uint(OSSL_MAC_PARAM_D_ROUNDS, &d_rounds), OSSL_PARAM_construct_end()};
  uint8_t out[8] = {};
  size_t written = 0;
  EXPECT_EQ(EVP_MAC_init(context.get(), key.data(), key.size(), params), 1);
  EXPECT_EQ(EVP_MAC_update(context.get(), reinterpret_cast<const uint8_t*>(input.data()), input.size()), 1);
  EXPECT_EQ(EVP_MAC_final(context.get(), out, &written, sizeof out), 1);
  EXPECT_EQ(written, 8u);
  uint64_t value = 0;
  for (int i = 7; i >= 0; --i) value = value << 8 | out[i];
  return value;
}

// Appendix A of the paper, and the first and last of the 64 vectors published with it.
TEST(KeyedHash, PublishedVectors) {
  const HashKey key = counting_key();
  EXPECT_EQ(key.low, 0x0706050403020100u);
  EXPECT_EQ(key.high, 0x0f0e0d0c0b0a0908u);
  EXPECT_EQ(siphash_2_4(key, counting_input(15)), 0xa129ca6149be45e5u);
  EXPECT_EQ(siphash_2_4(key, ""), 0x726fdb47dd0e0e31u);
  EXPECT_EQ(siphash_2_4(key, counting_input(1)), 0x74f839c593dc67fdu);
  EXPECT_EQ(siphash_2_4(key, counting_input(8)), 0x93f5f5799a932462u);
  EXPECT_EQ(siphash_2_4(key, counting_input(63)), 0x958a324ceb064572u);
}

TEST(KeyedHash, AgreesWithOpensslForAllLengthsAndRandomKeys) {
  std::mt19937_64 random(2);
  for (size_t length = 0; length < 80; ++length) {
    std::array<uint8_t, 16> key;
    for (uint8_t& byte : key) byte = static_cast<uint8_t>(random());
    std::string input(length, '\0');
    for (char& byte : input) byte = static_cast<char>(random());
    EXPECT_EQ(siphash_2_4(HashKey::from_bytes(key), input), openssl_siphash(2, 4, key, input)) << length;
    EXPECT_EQ(siphash_1_3(HashKey::from_bytes(key), input), openssl_siphash(1, 3, key, input)) << length;
  }
}

TEST(KeyedHash, PairsAreCutInOneWayOnly) {
  const KeyedHash hash(counting_key());
  std::set<uint64_t> seen;
  size_t pairs = 0;
  const std::string text = "aaaaaaaabaaaaaaaab";
  for (size_t length = 0; length <= text.size(); ++length) {
    for (size_t cut = 0; cut <= length; ++cut, ++pairs) {
      seen.insert(hash(std::string_view(text).substr(0, cut), std::string_view(text).substr(cut, length - cut)));
    }
  }
  EXPECT_EQ(seen.size(), pairs);
}

TEST(KeyedHash, HomeCoresAreEvenAndMoveWithTheKey) {
  const KeyedHash hash(counting_key());
  const KeyedHash other(HashKey{1, 2});
  std::vector<int> rooms(7);
  int moved = 0;
  for (int i = 0; i < 70000; ++i) {
    const std::string name = "room:" + std::to_string(i);
    const uint32_t core = hash.owner_core("tenant", name, 7);
    ASSERT_LT(core, 7u);
    ++rooms[core];
    moved += core != other.owner_core("tenant", name, 7);
  }
  for (int count : rooms) EXPECT_NEAR(count, 10000, 500);  // five standard deviations are 463
  EXPECT_NEAR(moved, 60000, 500);
}

TEST(KeyedHash, RandomKeysDiffer) {
  const HashKey a = HashKey::random();
  const HashKey b = HashKey::random();
  EXPECT_FALSE(a.low == b.low && a.high == b.high);
}

}  // namespace
}  // namespace ringcast
