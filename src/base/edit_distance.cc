// SPDX-License-Identifier: Apache-2.0
#include "base/edit_distance.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace ringcast {

size_t edit_distance(std::string_view a, std::string_view b) {
  constexpr size_t kComparedBytesMax = 64;
  a = a.substr(0, kComparedBytesMax);
  b = b.substr(0, kComparedBytesMax);
  size_t row[kComparedBytesMax + 1];
  std::iota(row, row + b.size() + 1, size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i + 1);
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
    }
  }
  return row[b.size()];
}

}  // namespace ringcast
