// SPDX-License-Identifier: Apache-2.0
// Cuts input in the ways that every codec must be indifferent to: not at all, at each byte, at seeded random places.
// Used by the tests of this folder.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ringcast::codec {

inline std::span<const uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}
inline std::string_view text_of(std::span<const uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

using Pieces = std::vector<std::string>;

inline std::vector<Pieces> ways_to_cut(std::string_view input, size_t random_ways = 8) {
  std::vector<Pieces> ways;
  ways.push_back({std::string(input)});
  Pieces bytes;
  for (const char c : input) bytes.emplace_back(1, c);
  ways.push_back(std::move(bytes));
  for (size_t seed = 0; seed < random_ways; ++seed) {
    std::mt19937 random(static_cast<unsigned>(seed + input.size() * 31));
    const size_t longest = 1 + random() % 24 * (seed % 3 + 1);
    Pieces pieces;
    for (size_t at = 0; at < input.size();) {
      const size_t size = std::min<size_t>(1 + random() % longest, input.size() - at);
      pieces.emplace_back(input.substr(at, size));
      at += size;
    }
    ways.push_back(std::move(pieces));
  }
  return ways;
}

// Runs `trace(pieces)` for each way to cut and expects the same answer; gives back the one for the whole input.
template <class Trace>
std::string trace_however_cut(std::string_view input, Trace trace) {
  const std::vector<Pieces> ways = ways_to_cut(input);
  const std::string expected = trace(ways.front());
  for (size_t i = 1; i < ways.size(); ++i) EXPECT_EQ(trace(ways[i]), expected) << "way " << i;
  return expected;
}

}  // namespace ringcast::codec
