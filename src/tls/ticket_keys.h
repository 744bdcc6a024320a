// SPDX-License-Identifier: Apache-2.0
// The keys that session tickets are encrypted with (RFC 5077 section 4), so that a client may resume on any core and,
// with a file, on any node. Without a file each core derives the same ones from one secret of the process and forgets
// old ones: what was recorded cannot be read later with what is in memory then.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"

namespace ringcast::tls {

inline constexpr size_t kTicketNameSize = 16, kTicketSecretSize = 32;
// A ticket is good for so long, and no new key is older.
inline constexpr int64_t kTicketLifetimeSeconds = int64_t{4} * 3600;

struct TicketKey {
  std::array<uint8_t, kTicketNameSize> name{};
  std::array<uint8_t, kTicketSecretSize> mac{};
  std::array<uint8_t, kTicketSecretSize> cipher{};
};

// A file of one or more keys of 80 random bytes each; new tickets are made with the first.
inline constexpr size_t kTicketFileKeySize = kTicketNameSize + 2 * kTicketSecretSize;
inline constexpr size_t kTicketFileKeysMax = 16;
[[nodiscard]] Result<std::vector<TicketKey>> load_ticket_keys(const std::string& file);

// One core's, its thread only; copies of one object make the same keys at the same time.
class RotatingTicketKeys {
 public:
  using Secret = std::array<uint8_t, kTicketSecretSize>;

  RotatingTicketKeys(const Secret& secret, int64_t now_seconds);
  static RotatingTicketKeys random(int64_t now_seconds);
  RotatingTicketKeys(const RotatingTicketKeys&) = default;
  RotatingTicketKeys& operator=(const RotatingTicketKeys&) = default;
  ~RotatingTicketKeys();

  // The present one and that before it, after a rotation where it is time for one. A clock that goes back changes
  // nothing.
  std::span<const TicketKey, 2> at(int64_t now_seconds);

 private:
  void derive();

  Secret secret_;
  int64_t period_;  // that the secret is of
  std::array<TicketKey, 2> keys_;
};

}  // namespace ringcast::tls
