// SPDX-License-Identifier: Apache-2.0
#include "tls/plaintext.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace ringcast::tls {
namespace {

void fill(Plaintext& plaintext, size_t blocks) {
  for (size_t i = 0; i < blocks; ++i) {
    const std::span<uint8_t> room = plaintext.room();
    std::fill(room.begin(), room.end(), static_cast<uint8_t>('a' + i));
    plaintext.take(room.size());
  }
}

TEST(Plaintext, WhatIsInUseStaysWhenItIsTrimmed) {
  Plaintext plaintext;
  plaintext.clear();
  fill(plaintext, 3);
  plaintext.trim();
  EXPECT_EQ(plaintext.blocks(), 3u);
  size_t size = 0;
  for (const std::span<uint8_t> piece : plaintext.pieces()) {
    for (size_t i = 0; i < piece.size(); ++i, ++size) ASSERT_EQ(piece[i], 'a' + size / Plaintext::kBlockSize);
  }
  EXPECT_EQ(size, 3 * Plaintext::kBlockSize);
}

TEST(Plaintext, BlocksThatAreNotNeededAnyMoreGo) {
  Plaintext plaintext;
  fill(plaintext, 3);
  plaintext.clear();
  plaintext.trim();  // they were needed until now
  EXPECT_EQ(plaintext.blocks(), 3u);
  fill(plaintext, 1);
  plaintext.clear();
  plaintext.trim();
  EXPECT_EQ(plaintext.blocks(), 1u);
}

}  // namespace
}  // namespace ringcast::tls
