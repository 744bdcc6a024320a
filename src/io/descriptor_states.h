// SPDX-License-Identifier: Apache-2.0
// What an engine remembers per descriptor, found by the descriptor's number: an array in steps, so that growing copies
// nothing and an unused range of numbers costs nothing. Owned by a backend; reactor thread only.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "base/assert.h"

namespace ringcast::io {

template <class State>
class DescriptorStates {
 public:
  // The state of a descriptor that add() has seen.
  State& operator[](int fd) {
    RINGCAST_ASSERT(contains(fd));
    return steps_[static_cast<size_t>(fd) / kStep][static_cast<size_t>(fd) % kStep];
  }

  // Makes room for a descriptor. The kernel hands out the lowest free number, so RLIMIT_NOFILE bounds the whole.
  State& add(int fd) {
    RINGCAST_ASSERT(fd >= 0);
    const size_t step = static_cast<size_t>(fd) / kStep;
    if (step >= steps_.size()) steps_.resize(step + 1);
    if (!steps_[step]) steps_[step] = std::make_unique<State[]>(kStep);
    return steps_[step][static_cast<size_t>(fd) % kStep];
  }

  bool contains(int fd) const {
    const size_t step = static_cast<size_t>(fd) / kStep;
    return fd >= 0 && step < steps_.size() && steps_[step] != nullptr;
  }

  // Every descriptor ever added, in order of number.
  template <class Visit>
  void for_each(Visit&& visit) {
    for (size_t step = 0; step < steps_.size(); ++step) {
      if (!steps_[step]) continue;
      for (size_t i = 0; i < kStep; ++i) visit(static_cast<int>(step * kStep + i), steps_[step][i]);
    }
  }

 private:
  static constexpr size_t kStep = 4096;
  std::vector<std::unique_ptr<State[]>> steps_;
};

}  // namespace ringcast::io
