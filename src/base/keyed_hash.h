// SPDX-License-Identifier: Apache-2.0
// SipHash with a secret 128-bit key: where a (tenant, name) lives must not be the client's to choose.
// Values; any thread. SipHash-1-3 for tables and owner cores; 2-4 is the form with published vectors.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace ringcast {

struct HashKey {
  uint64_t low = 0;
  uint64_t high = 0;
  static HashKey random();  // from the kernel; at start-up
  static HashKey from_bytes(std::span<const uint8_t, 16> bytes);
};

uint64_t siphash_1_3(const HashKey& key, std::string_view bytes) noexcept;
uint64_t siphash_2_4(const HashKey& key, std::string_view bytes) noexcept;

class KeyedHash {
 public:
  explicit KeyedHash(const HashKey& key) : key_(key) {}
  uint64_t operator()(std::string_view bytes) const noexcept { return siphash_1_3(key_, bytes); }
  // Of the pair: ("a", "bc") and ("ab", "c") are different.
  uint64_t operator()(std::string_view tenant, std::string_view name) const noexcept;
  // 0 .. cores-1, evenly.
  uint32_t owner_core(std::string_view tenant, std::string_view name, uint32_t cores) const noexcept {
    // The upper half scaled: as even as a modulo, without a division, and independent of the low bits that tables use.
    return static_cast<uint32_t>(((*this)(tenant, name) >> 32) * cores >> 32);
  }

 private:
  HashKey key_;
};

}  // namespace ringcast
