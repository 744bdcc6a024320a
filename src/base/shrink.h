// SPDX-License-Identifier: Apache-2.0
// Gives memory back of a vector that was large once. For owners that take out one entry at a time: on average it takes
// constant time, and never moves many entries at once.
#pragma once

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <vector>

namespace ringcast {

template <class T>
void shrink_if_sparse(std::vector<T>& entries) {
  constexpr size_t kCapacityKept = 64;
  constexpr size_t kMovedMax = 16384;
  if (entries.capacity() <= kCapacityKept || entries.size() >= entries.capacity() / 4) return;
  if (entries.size() > kMovedMax) return;
  std::vector<T> smaller;
  smaller.reserve(std::max(kCapacityKept, entries.size() * 2));
  std::move(entries.begin(), entries.end(), std::back_inserter(smaller));
  entries.swap(smaller);
}

}  // namespace ringcast
