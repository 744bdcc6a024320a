// SPDX-License-Identifier: Apache-2.0
// Tokens that are no longer good although they have not expired: by their id (jti), or all of a user's up to a moment.
// A table of fixed size that one writer at a time adds to while all reactors look things up, without a lock: it is
// asked once per token. What is kept is a keyed hash, so that nobody can aim at a place in the table.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/keyed_hash.h"

namespace ringcast::access {

class Revocations {
 public:
  static constexpr uint64_t kForGood = UINT64_MAX;

  Revocations(const HashKey& key, size_t entries_max);

  // Tokens with this id.
  uint64_t hash_of_id(std::string_view id) const;
  // Tokens of this user.
  uint64_t hash_of_user(std::string_view tenant, std::string_view user) const;

  // Those issued up to then, in seconds since 1970 (of an id: kForGood). False: the table is full. Any thread.
  bool add(uint64_t hash, uint64_t issued_until_s);
  bool holds(uint64_t hash, uint64_t issued_s) const;
  size_t size() const { return size_.load(std::memory_order_relaxed); }
  size_t entries_max() const { return entries_max_; }

  // A file of lines: `jti ID`, `user NAME`, `user@TENANT NAME`; empty lines and those that begin with '#' say nothing.
  // Code bad_revocations; the error names the line.
  [[nodiscard]] Result<void> read(std::string_view text, std::string_view file_name);

 private:
  struct Slot {
    std::atomic<uint64_t> hash{0};  // 0: empty; set last, so that a reader who finds it finds the moment too
    std::atomic<uint64_t> until_s{0};
  };

  KeyedHash hash_;
  size_t entries_max_;
  size_t mask_;
  std::unique_ptr<Slot[]> slots_;
  std::atomic<size_t> size_{0};
  std::mutex writing_;
};

}  // namespace ringcast::access
