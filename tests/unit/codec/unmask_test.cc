// SPDX-License-Identifier: Apache-2.0
#include "codec/websocket/unmask.h"

#include <gtest/gtest.h>

#include "pieces.h"

namespace ringcast::codec {
namespace {

using Unmask = void (*)(std::span<uint8_t>, MaskKey, size_t);

// Every length up to beyond the vector code's threshold, every alignment, every turn of the key; bytes around the
// payload must stay as they are.
void expect_like_scalar(Unmask candidate) {
  std::mt19937 random(3);
  std::vector<uint8_t> source(1200);
  for (uint8_t& byte : source) byte = static_cast<uint8_t>(random());
  for (size_t size = 0; size < 700; size += size < 300 ? 1 : 37) {
    for (size_t start = 0; start < 33; start += size < 80 ? 1 : 5) {
      const size_t offset = random() % 9;
      const MaskKey key = {static_cast<uint8_t>(random()), static_cast<uint8_t>(random()),
                           static_cast<uint8_t>(random()), static_cast<uint8_t>(random())};
      std::vector<uint8_t> expected = source;
      std::vector<uint8_t> actual = source;
      unmask_bytes(std::span(expected).subspan(start, size), key, offset);
      candidate(std::span(actual).subspan(start, size), key, offset);
      ASSERT_EQ(actual, expected) << "size " << size << " start " << start << " offset " << offset;
    }
  }
}

TEST(Unmask, ScalarIsWhatTheRfcSays) {
  // RFC 6455 section 5.7: a single-frame masked text message.
  std::vector<uint8_t> payload = {0x7f, 0x9f, 0x4d, 0x51, 0x58};
  unmask_bytes(payload, {0x37, 0xfa, 0x21, 0x3d});
  EXPECT_EQ(text_of(payload), "Hello");
}

TEST(Unmask, WordsAreLikeScalar) {
  expect_like_scalar(unmask_words);
}
TEST(Unmask, ChosenIsLikeScalar) {
  expect_like_scalar(unmask);
}
TEST(Unmask, WideIsLikeScalar) {
  if (!unmask_wide_available()) GTEST_SKIP() << "this CPU has no AVX2";
  expect_like_scalar(unmask_wide);
}

}  // namespace
}  // namespace ringcast::codec
