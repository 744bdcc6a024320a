// SPDX-License-Identifier: Apache-2.0
#include "codec/websocket/unmask.h"

#include <bit>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace ringcast::codec {
namespace {

// Below it the words are done before the vector code would pay.
constexpr size_t kWideMin = 256;

MaskKey rotated(MaskKey key, size_t offset) {
  return {key[offset % 4], key[(offset + 1) % 4], key[(offset + 2) % 4], key[(offset + 3) % 4]};
}

}  // namespace

void unmask_bytes(std::span<uint8_t> bytes, MaskKey key, size_t offset) {
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(bytes[i] ^ key[(offset + i) % 4]);
}

void unmask_words(std::span<uint8_t> bytes, MaskKey key, size_t offset) {
  const MaskKey turned = rotated(key, offset);
  const auto half = std::bit_cast<uint32_t>(turned);  // byte order does not matter: it is XORed as it lies in memory
  const uint64_t mask = uint64_t{half} << 32 | half;
  uint8_t* at = bytes.data();
  size_t left = bytes.size();
  for (; left >= 8; left -= 8, at += 8) {
    uint64_t word;
    std::memcpy(&word, at, 8);
    word ^= mask;
    std::memcpy(at, &word, 8);
  }
  for (size_t i = 0; i < left; ++i) at[i] = static_cast<uint8_t>(at[i] ^ turned[i % 4]);
}

#if defined(__x86_64__)

__attribute__((target("avx2"))) void unmask_wide(std::span<uint8_t> bytes, MaskKey key, size_t offset) {
  const MaskKey turned = rotated(key, offset);
  const __m256i mask = _mm256_set1_epi32(std::bit_cast<int32_t>(turned));
  uint8_t* at = bytes.data();
  size_t left = bytes.size();
  for (; left >= 128; left -= 128, at += 128) {
    auto* words = reinterpret_cast<__m256i*>(at);
    const __m256i a = _mm256_xor_si256(_mm256_loadu_si256(words), mask);
    const __m256i b = _mm256_xor_si256(_mm256_loadu_si256(words + 1), mask);
    const __m256i c = _mm256_xor_si256(_mm256_loadu_si256(words + 2), mask);
    const __m256i d = _mm256_xor_si256(_mm256_loadu_si256(words + 3), mask);
    _mm256_storeu_si256(words, a);
    _mm256_storeu_si256(words + 1, b);
    _mm256_storeu_si256(words + 2, c);
    _mm256_storeu_si256(words + 3, d);
  }
  unmask_words({at, left}, turned, 0);  // 128 is a multiple of the key's length
}

bool unmask_wide_available() {
  static const bool available = __builtin_cpu_supports("avx2") != 0;
  return available;
}

#else

void unmask_wide(std::span<uint8_t> bytes, MaskKey key, size_t offset) {
  unmask_words(bytes, key, offset);
}
bool unmask_wide_available() {
  return false;
}

#endif

void unmask(std::span<uint8_t> bytes, MaskKey key, size_t offset) {
  if (bytes.size() >= kWideMin && unmask_wide_available()) {
    unmask_wide(bytes, key, offset);
  } else {
    unmask_words(bytes, key, offset);
  }
}

}  // namespace ringcast::codec
