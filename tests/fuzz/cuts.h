// SPDX-License-Identifier: Apache-2.0
// Pieces of an input as the fuzzer wants them: the cut sizes come from the first bytes of its data.
// Used by the targets of this folder.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string_view>
#include <vector>

namespace ringcast::fuzz {

inline void require(bool condition) {
  if (!condition) std::abort();
}

inline constexpr size_t kCutBytes = 4;

// Takes kCutBytes off `data`; each says how long every fourth piece is at most. False when there are not as many.
inline bool take_cuts(std::span<const uint8_t>& data, std::span<const uint8_t>& cuts) {
  if (data.size() < kCutBytes) return false;
  cuts = data.first(kCutBytes);
  data = data.subspan(kCutBytes);
  return true;
}

inline std::vector<std::vector<uint8_t>> cut(std::span<const uint8_t> input, std::span<const uint8_t> cuts) {
  std::vector<std::vector<uint8_t>> pieces;
  for (size_t i = 0; !input.empty(); ++i) {
    const size_t size = std::min<size_t>(size_t{1} + cuts[i % cuts.size()] % 64, input.size());
    pieces.emplace_back(input.begin(), input.begin() + static_cast<ptrdiff_t>(size));
    input = input.subspan(size);
  }
  return pieces;
}

inline std::vector<std::vector<uint8_t>> whole(std::span<const uint8_t> input) {
  return {std::vector<uint8_t>(input.begin(), input.end())};
}

inline std::string_view text_of(std::span<const uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace ringcast::fuzz
