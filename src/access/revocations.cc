// SPDX-License-Identifier: Apache-2.0
#include "access/revocations.h"

#include <algorithm>
#include <bit>

#include "codec/native/names.h"

namespace ringcast::access {

Revocations::Revocations(const HashKey& key, size_t entries_max)
    : hash_(key),
      entries_max_(entries_max),
      mask_(std::bit_ceil(std::max<size_t>(2 * entries_max, 2)) - 1),
      slots_(std::make_unique<Slot[]>(mask_ + 1)) {}

// No tenant has a control character in it, so ids and users never meet.
uint64_t Revocations::hash_of_id(std::string_view id) const {
  return std::max<uint64_t>(hash_("\n", id), 1);
}

uint64_t Revocations::hash_of_user(std::string_view tenant, std::string_view user) const {
  return std::max<uint64_t>(hash_(tenant, user), 1);
}

bool Revocations::add(uint64_t hash, uint64_t issued_until_s) {
  const std::lock_guard lock(writing_);
  size_t at = hash & mask_;
  for (;; at = (at + 1) & mask_) {
    const uint64_t there = slots_[at].hash.load(std::memory_order_relaxed);
    if (there == hash) {
      const uint64_t until = slots_[at].until_s.load(std::memory_order_relaxed);
      slots_[at].until_s.store(std::max(until, issued_until_s), std::memory_order_relaxed);
      return true;
    }
    if (there == 0) break;
  }
  if (size_.load(std::memory_order_relaxed) == entries_max_) return false;
  slots_[at].until_s.store(issued_until_s, std::memory_order_relaxed);
  slots_[at].hash.store(hash, std::memory_order_release);  // pairs with the acquire in holds()
  size_.fetch_add(1, std::memory_order_relaxed);
  return true;
}

bool Revocations::holds(uint64_t hash, uint64_t issued_s) const {
  if (hash == 0) return false;
  // At most half of the slots are taken, so there is an end.
  for (size_t at = hash & mask_;; at = (at + 1) & mask_) {
    const uint64_t there = slots_[at].hash.load(std::memory_order_acquire);
    if (there == 0) return false;
    if (there == hash) return issued_s <= slots_[at].until_s.load(std::memory_order_relaxed);
  }
}

Result<void> Revocations::read(std::string_view text, std::string_view file_name) {
  size_t number = 0;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    ++number;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || line.front() == '#') continue;
    const auto wrong = [&](std::string_view what) {
      return fail("bad_revocations", std::string(file_name) + ":" + std::to_string(number) + ": " + std::string(what));
    };
    const size_t space = line.find(' ');
    const std::string_view kind = line.substr(0, space);
    const std::string_view name = space == std::string_view::npos ? std::string_view() : line.substr(space + 1);
    uint64_t hash = 0;
    if (kind == "jti" && !name.empty()) {
      hash = hash_of_id(name);
    } else if ((kind == "user" || kind.starts_with("user@")) && codec::check_user(name)) {
      const std::string_view tenant = kind == "user" ? std::string_view() : kind.substr(5);
      if (kind != "user" && !codec::check_tenant(tenant)) return wrong("this is no tenant");
      hash = hash_of_user(tenant, name);
    } else {
      return wrong("a line is \"jti ID\", \"user NAME\" or \"user@TENANT NAME\"");
    }
    if (!add(hash, kForGood)) return wrong("there are more than " + std::to_string(entries_max_) + " entries");
  }
  return {};
}

}  // namespace ringcast::access
