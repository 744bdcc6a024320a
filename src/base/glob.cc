// SPDX-License-Identifier: Apache-2.0
#include "base/glob.h"

#include <cstddef>

namespace ringcast {

bool glob_match(std::string_view pattern, std::string_view text) {
  // Backtracking over the last star only is not enough with two kinds of stars, so both are remembered: a plain star
  // may grow until a slash, a double star without limit.
  size_t p = 0, t = 0;
  size_t star_p = std::string_view::npos, star_t = 0;
  size_t deep_p = std::string_view::npos, deep_t = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      if (p + 1 < pattern.size() && pattern[p + 1] == '*') {
        p += 2;
        deep_p = p;
        deep_t = t;
        star_p = std::string_view::npos;
      } else {
        star_p = ++p;
        star_t = t;
      }
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star_p != std::string_view::npos && text[star_t] != '/') {
      p = star_p;
      t = ++star_t;
    } else if (deep_p != std::string_view::npos) {
      p = deep_p;
      t = ++deep_t;
      star_p = std::string_view::npos;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace ringcast
