// SPDX-License-Identifier: Apache-2.0
#include "client/connection_name.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace ringcast::session {
namespace {

HashKey key_of(uint64_t seed) {
  return HashKey{seed, seed * 3 + 1};
}

hub::Address address(uint16_t core, uint32_t slot, uint32_t generation) {
  hub::Address address;
  address.core = core;
  address.connection = {slot, generation};
  return address;
}

std::string name_of(const ConnectionNames& names, const hub::Address& address) {
  std::string out;
  names.append(out, address);
  return out;
}

TEST(ConnectionNames, ComesBack) {
  const ConnectionNames names(key_of(7));
  for (const hub::Address& given : {address(0, 0, 1), address(1, 2, 3), address(255, 0x12345678, 0x9abcdef0),
                                    address(65534, UINT32_MAX, UINT32_MAX)}) {
    const std::string name = name_of(names, given);
    EXPECT_EQ(name.size(), kConnectionNameSize);
    EXPECT_EQ(name.find_first_not_of("0123456789abcdef"), std::string::npos);
    const auto parsed = names.parse(name);
    ASSERT_TRUE(parsed.has_value());
    EXPECT_EQ(*parsed, given);
  }
}

TEST(ConnectionNames, Appends) {
  const ConnectionNames names(key_of(7));
  std::string out = "before";
  names.append(out, address(0, 1, 1));
  EXPECT_EQ(out.substr(0, 6), "before");
  EXPECT_EQ(out.size(), 6 + kConnectionNameSize);
}

TEST(ConnectionNames, OneChangedDigitIsRefused) {
  const ConnectionNames names(key_of(7));
  const std::string name = name_of(names, address(1, 2, 3));
  for (size_t i = 0; i < name.size(); ++i) {
    for (const char digit : std::string("0123456789abcdef")) {
      if (digit == name[i]) continue;
      std::string changed = name;
      changed[i] = digit;
      EXPECT_FALSE(names.parse(changed).has_value()) << i << digit;
    }
  }
}

TEST(ConnectionNames, AnotherProcessesNamesAreRefused) {
  const ConnectionNames ours(key_of(7)), theirs(key_of(8));
  EXPECT_FALSE(ours.parse(name_of(theirs, address(0, 0, 1))).has_value());
}

TEST(ConnectionNames, OtherTextsAreRefused) {
  const ConnectionNames names(key_of(7));
  const std::string name = name_of(names, address(1, 2, 3));
  std::string upper = name;
  for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  ASSERT_NE(upper, name);
  EXPECT_FALSE(names.parse(upper).has_value()) << "a name has one text";
  EXPECT_FALSE(names.parse("").has_value());
  EXPECT_FALSE(names.parse(name.substr(1)).has_value());
  EXPECT_FALSE(names.parse(name + '0').has_value());
  EXPECT_FALSE(names.parse("zz" + name.substr(2)).has_value());
}

TEST(ConnectionNames, NeighboursDoNotLookAlike) {
  const ConnectionNames names(key_of(7));
  std::set<std::string> heads, tails;
  for (uint32_t slot = 0; slot < 1000; ++slot) {
    const std::string name = name_of(names, address(0, slot, 1));
    heads.insert(name.substr(0, 12));
    tails.insert(name.substr(12));
  }
  EXPECT_EQ(heads.size(), 1000u);
  EXPECT_EQ(tails.size(), 1000u);
}

}  // namespace
}  // namespace ringcast::session
