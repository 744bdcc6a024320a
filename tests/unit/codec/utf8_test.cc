// SPDX-License-Identifier: Apache-2.0
#include "codec/text/utf8.h"

#include <gtest/gtest.h>
#include <simdjson.h>

#include <random>
#include <string>
#include <vector>

#include "pieces.h"

namespace ringcast::codec {
namespace {

bool validate_in_steps(std::string_view text, size_t step) {
  Utf8Validator validator;
  for (size_t at = 0; at < text.size(); at += step) validator.feed(bytes_of(text.substr(at, step)));
  return validator.complete();
}

struct Sample {
  const char* name;
  std::string text;
  bool valid;
};

std::vector<Sample> samples() {
  const std::string pad(64, 'x');
  std::vector<Sample> list = {
      {"empty", "", true},
      {"ascii", "hello", true},
      {"nul", std::string("a\0b", 3), true},
      {"two bytes, lowest", "\xC2\x80", true},
      {"three bytes, lowest", "\xE0\xA0\x80", true},
      {"before the surrogates", "\xED\x9F\xBF", true},
      {"after the surrogates", "\xEE\x80\x80", true},
      {"four bytes, lowest", "\xF0\x90\x80\x80", true},
      {"highest", "\xF4\x8F\xBF\xBF", true},
      {"overlong two", "\xC0\xAF", false},
      {"overlong two, C1", "\xC1\xBF", false},
      {"overlong three", "\xE0\x9F\xBF", false},
      {"overlong four", "\xF0\x8F\xBF\xBF", false},
      {"surrogate", "\xED\xA0\x80", false},
      {"above the highest", "\xF4\x90\x80\x80", false},
      {"F5", "\xF5\x80\x80\x80", false},
      {"lone continuation", "\x80", false},
      {"cut", "\xE2\x82", false},
      {"cut by ascii", "\xE2\x82z", false},
      {"five-byte form", "\xF8\x88\x80\x80\x80", false},
  };
  const size_t plain = list.size();
  for (size_t i = 0; i < plain; ++i) {  // the same beyond the reach of the byte-wise path
    list.push_back({list[i].name, pad + list[i].text, list[i].valid});
    list.push_back({list[i].name, pad + list[i].text + pad, list[i].valid});
  }
  return list;
}

TEST(Utf8, SamplesWholeAndCutAnywhere) {
  for (const Sample& sample : samples()) {
    SCOPED_TRACE(sample.name);
    EXPECT_EQ(is_utf8(sample.text), sample.valid);
    for (size_t step = 1; step <= sample.text.size() + 1; ++step) {
      EXPECT_EQ(validate_in_steps(sample.text, step), sample.valid) << "step " << step;
    }
  }
}

TEST(Utf8, FailsAtTheFirstImpossibleByte) {
  Utf8Validator validator;
  EXPECT_TRUE(validator.feed(bytes_of("\xED")));
  EXPECT_FALSE(validator.complete());
  EXPECT_FALSE(validator.feed(bytes_of("\xA0")));
  EXPECT_FALSE(validator.feed(bytes_of("fine")));
  validator.reset();
  EXPECT_TRUE(validator.feed(bytes_of("fine")));
  EXPECT_TRUE(validator.complete());
}

TEST(Utf8, AgreesWithSimdjsonOnRandomText) {
  std::mt19937 random(7);
  // Bytes near the boundaries of the table, so that valid and nearly valid texts are both common.
  const std::string alphabet = "aZ\x80\x8F\x90\x9F\xA0\xBF\xC2\xDF\xE0\xE1\xED\xEF\xF0\xF4";
  size_t valid = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string text(random() % 80, 'a');
    const size_t changes = random() % 6;
    for (size_t i = 0; i < changes && !text.empty(); ++i)
      text[random() % text.size()] = alphabet[random() % alphabet.size()];
    if (round % 3 == 0) text += "\xE2\x82\xAC\xF0\x9F\x8E\x89";
    const bool expected = simdjson::validate_utf8(text.data(), text.size());
    valid += expected;
    ASSERT_EQ(validate_in_steps(text, random() % 40 + 1), expected);
  }
  EXPECT_GT(valid, 1000u);
}

}  // namespace
}  // namespace ringcast::codec
