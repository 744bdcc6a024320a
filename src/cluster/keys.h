// SPDX-License-Identifier: Apache-2.0
// How keys and Pub/Sub channels are called in Redis. Constant; any thread.
#pragma once

#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>

namespace ringcast::cluster {

inline constexpr uint32_t kPartitions = 128;

// The same in every node and release: FNV-1a.
inline uint32_t partition_of(std::string_view key) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : key) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3;
  return static_cast<uint32_t>((hash >> 32 ^ hash) % kPartitions);
}

// "PREFIX:{PARTITION}:KIND:"; all keys of a channel have one hash tag.
inline std::string key_prefix(std::string_view prefix, char kind, std::string_view key) {
  std::string out(prefix);
  out += ":{";
  out += std::to_string(partition_of(key));
  out += "}:";
  out += kind;
  out += ':';
  return out;
}

inline std::string key_of(std::string_view prefix, char kind, std::string_view key) {
  return key_prefix(prefix, kind, key).append(key);
}

inline std::string channel_name(std::string_view prefix, std::string_view key) {
  return std::string(prefix) + ":c:" + std::string(key);
}

inline uint64_t number_of(std::string_view text) {
  uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

}  // namespace ringcast::cluster
