// SPDX-License-Identifier: Apache-2.0
// Public names of connections: 32 hex digits of core, slot and generation with a tag of a keyed hash, so that a name
// can neither be guessed nor made up, and yet no table is needed to find its connection.
// A value; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/keyed_hash.h"
#include "hub/types.h"

namespace ringcast::session {

inline constexpr size_t kConnectionNameSize = 32;

class ConnectionNames {
 public:
  // The same key on all cores of a process; another one after a restart, or old names would name new connections.
  explicit ConnectionNames(const HashKey& key) : key_(key) {}

  static bool is_form(std::string_view text) {
    return text.size() == kConnectionNameSize && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
  }
  void append(std::string& out, const hub::Address& address) const;
  // Nothing when this process gave no such name. The connection may be gone all the same.
  std::optional<hub::Address> parse(std::string_view text) const;

 private:
  uint64_t tag(const uint8_t (&identity)[10]) const;

  HashKey key_;
};

}  // namespace ringcast::session
