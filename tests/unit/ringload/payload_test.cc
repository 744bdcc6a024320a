// SPDX-License-Identifier: Apache-2.0
#include "payload.h"

#include <gtest/gtest.h>

namespace ringcast::ringload {
namespace {

const Payload kSample{
    .stream = 77'777, .sequence = 23'456'789'012, .intended_ns = 1'234'567'890'123, .sent_ns = 1'234'567'890'999};

std::string written(const PayloadCodec& codec, const Payload& payload, size_t size) {
  std::string text;
  codec.append(text, payload, size);
  return text;
}

void expect_sample(const Payload& payload) {
  EXPECT_EQ(payload.stream, kSample.stream);
  EXPECT_EQ(payload.sequence, kSample.sequence);
  EXPECT_EQ(payload.intended_ns, kSample.intended_ns);
  EXPECT_EQ(payload.sent_ns, kSample.sent_ns);
}

TEST(Payload, IsFoundInWhatAServerMakesOfIt) {
  const PayloadCodec codec(0xABC);
  for (const size_t size : {payload_min(), size_t{31}, size_t{128}, size_t{5000}}) {
    const std::string text = written(codec, kSample, size);
    EXPECT_EQ(text.size(), size);
    const std::string message = R"({"id":17,"user":"~r~r","content":")" + text + R"("})";
    size_t from = 0;
    Payload found;
    ASSERT_TRUE(codec.find(message, from, found));
    expect_sample(found);
    EXPECT_FALSE(codec.find(message, from, found));
    EXPECT_EQ(from, message.size());
  }
}

TEST(Payload, NeedsNoEscapesAnywhere) {
  const std::string text = written(PayloadCodec(1), kSample, 200);
  EXPECT_EQ(text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_~"),
            std::string::npos);
}

TEST(Payload, SeveralInOneText) {
  const PayloadCodec codec(5);
  std::string text;
  for (uint64_t i = 0; i < 10; ++i) codec.append(text, {.stream = 1, .sequence = i}, payload_min());
  size_t from = 0;
  Payload found;
  for (uint64_t i = 0; i < 10; ++i) {
    ASSERT_TRUE(codec.find(text, from, found));
    EXPECT_EQ(found.sequence, i);
  }
  EXPECT_FALSE(codec.find(text, from, found));
}

TEST(Payload, MayBeginWithAnotherMarker) {
  const PayloadCodec codec(5, "@load:");
  const std::string text = "{\"x\":\"" + written(codec, kSample, payload_min("@load:")) + "\"}";
  EXPECT_NE(text.find("@load:"), std::string::npos);
  size_t from = 0;
  Payload found;
  ASSERT_TRUE(codec.find(text, from, found));
  expect_sample(found);
  from = 0;
  EXPECT_FALSE(PayloadCodec(5).find(text, from, found));
  for (const char* bad : {"", "a b", "\"", "{", "12345678901234567"}) EXPECT_FALSE(is_marker(bad)) << bad;
}

TEST(Payload, OfAnotherRunIsNone) {
  size_t from = 0;
  Payload found;
  EXPECT_FALSE(PayloadCodec(2).find(written(PayloadCodec(1), kSample, 64), from, found));
}

TEST(Payload, DamagedIsNone) {
  const PayloadCodec codec(9);
  const std::string text = written(codec, kSample, payload_min());
  for (size_t length = 0; length < text.size(); ++length) {
    size_t from = 0;
    Payload found;
    EXPECT_FALSE(codec.find(std::string_view(text).substr(0, length), from, found)) << length;
  }
  for (size_t i = 0; i < text.size(); ++i) {
    std::string damaged = text;
    damaged[i] = '!';
    size_t from = 0;
    Payload found;
    EXPECT_FALSE(codec.find(damaged, from, found)) << i;
  }
}

}  // namespace
}  // namespace ringcast::ringload
