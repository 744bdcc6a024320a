// SPDX-License-Identifier: Apache-2.0
// FreeList: objects that are not needed now, kept for the next need, the newest first, so that steady traffic asks no
// allocator. trim(), called now and then, gives back what was not needed since the last one: what a burst took goes.
// One thread's. kNext: a pointer in T that the list may use while the object is in it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

namespace ringcast {

template <class T, T* T::*kNext>
class FreeList {
 public:
  // `kept_max`: objects kept; more are deleted as they come.
  explicit FreeList(uint32_t kept_max = UINT32_MAX) : kept_max_(kept_max) {}
  FreeList(const FreeList&) = delete;
  FreeList& operator=(const FreeList&) = delete;
  ~FreeList() {
    while (first_ != nullptr) delete pop();
  }

  // One as it was given back, or a new one; its next pointer is null.
  T* take() {
    if (first_ == nullptr) return new T;
    T* const object = pop();
    unused_ = std::min(unused_, kept_);
    return object;
  }
  void give_back(T* object) {
    if (kept_ == kept_max_) {
      delete object;
      return;
    }
    object->*kNext = std::exchange(first_, object);
    ++kept_;
  }
  void trim() {
    for (; unused_ != 0; --unused_) delete pop();
    unused_ = kept_;
  }
  uint32_t kept() const { return kept_; }

 private:
  T* pop() {
    --kept_;
    return std::exchange(first_, std::exchange(first_->*kNext, nullptr));
  }

  T* first_ = nullptr;
  uint32_t kept_ = 0;
  uint32_t kept_max_;
  uint32_t unused_ = 0;  // the fewest that were kept since the last trim
};

}  // namespace ringcast
