// SPDX-License-Identifier: Apache-2.0
#include "base/keyed_hash.h"

#include <sys/random.h>

#include <bit>
#include <cstdio>
#include <cstring>

#include "base/assert.h"

namespace ringcast {
namespace {

// Aumasson and Bernstein, "SipHash: a fast short-input PRF" (2012), section 2.
template <int kCompressionRounds, int kFinalRounds>
class SipState {
 public:
  explicit SipState(const HashKey& key)
      : v0_(key.low ^ 0x736f6d6570736575),
        v1_(key.high ^ 0x646f72616e646f6d),
        v2_(key.low ^ 0x6c7967656e657261),
        v3_(key.high ^ 0x7465646279746573) {}

  void word(uint64_t m) noexcept {
    v3_ ^= m;
    for (int i = 0; i < kCompressionRounds; ++i) round();
    v0_ ^= m;
  }

  // Whole words, then the rest (0..7 bytes) with `length` in its top byte: the last word of that input.
  void bytes_and_length(std::string_view bytes, uint64_t length) noexcept {
    while (bytes.size() >= 8) {
      word(load(bytes.data(), 8));
      bytes.remove_prefix(8);
    }
    word(load(bytes.data(), bytes.size()) | length << 56);
  }

  uint64_t finish() noexcept {
    v2_ ^= 0xff;
    for (int i = 0; i < kFinalRounds; ++i) round();
    return v0_ ^ v1_ ^ v2_ ^ v3_;
  }

 private:
  static uint64_t load(const char* bytes, size_t count) noexcept {
    uint64_t word = 0;
    if (count != 0) std::memcpy(&word, bytes, count);
    if constexpr (std::endian::native == std::endian::big) word = __builtin_bswap64(word);
    return word;
  }

  void round() noexcept {
    v0_ += v1_;
    v1_ = std::rotl(v1_, 13) ^ v0_;
    v0_ = std::rotl(v0_, 32);
    v2_ += v3_;
    v3_ = std::rotl(v3_, 16) ^ v2_;
    v0_ += v3_;
    v3_ = std::rotl(v3_, 21) ^ v0_;
    v2_ += v1_;
    v1_ = std::rotl(v1_, 17) ^ v2_;
    v2_ = std::rotl(v2_, 32);
  }

  uint64_t v0_, v1_, v2_, v3_;
};

template <int kCompressionRounds, int kFinalRounds>
uint64_t siphash(const HashKey& key, std::string_view bytes) noexcept {
  SipState<kCompressionRounds, kFinalRounds> state(key);
  state.bytes_and_length(bytes, bytes.size());
  return state.finish();
}

}  // namespace

HashKey HashKey::random() {
  std::array<uint8_t, 16> bytes;
  // Up to 256 bytes come whole or not at all once the kernel's pool is ready, for which this call waits.
  if (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    std::FILE* const device = std::fopen("/dev/urandom", "re");  // a sandbox may refuse the call
    RINGCAST_ASSERT(device != nullptr && std::fread(bytes.data(), bytes.size(), 1, device) == 1);
    std::fclose(device);
  }
  return from_bytes(bytes);
}

HashKey HashKey::from_bytes(std::span<const uint8_t, 16> bytes) {
  uint64_t words[2];
  std::memcpy(words, bytes.data(), sizeof words);
  if constexpr (std::endian::native == std::endian::big) {
    words[0] = __builtin_bswap64(words[0]);
    words[1] = __builtin_bswap64(words[1]);
  }
  return {words[0], words[1]};
}

uint64_t siphash_1_3(const HashKey& key, std::string_view bytes) noexcept {
  return siphash<1, 3>(key, bytes);
}
uint64_t siphash_2_4(const HashKey& key, std::string_view bytes) noexcept {
  return siphash<2, 4>(key, bytes);
}

uint64_t KeyedHash::operator()(std::string_view tenant, std::string_view name) const noexcept {
  // The full length of the first part goes before it: the words of a pair can be cut in one way only.
  SipState<1, 3> state(key_);
  state.word(tenant.size());
  state.bytes_and_length(tenant, tenant.size());
  state.bytes_and_length(name, name.size());
  return state.finish();
}

}  // namespace ringcast
