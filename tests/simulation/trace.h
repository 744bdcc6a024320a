// SPDX-License-Identifier: Apache-2.0
// What happened in a run: a hash over everything, to compare two runs of a seed, and the last lines for a failure.
// Violation: how a broken invariant ends a run. One per world, one thread.
#pragma once

#include <cstdint>
#include <cstdio>
#include <deque>
#include <string>
#include <string_view>

namespace ringcast::simulation {

struct Violation {
  std::string invariant;  // "sequence", "credit", …
  std::string text;
};

[[noreturn]] inline void violated(std::string_view invariant, std::string text) {
  throw Violation{std::string(invariant), std::move(text)};
}

class Trace {
 public:
  explicit Trace(bool verbose) : verbose_(verbose) {}

  void mix(std::string_view bytes) {
    for (const char byte : bytes) hash_ = (hash_ ^ static_cast<uint8_t>(byte)) * 0x100000001B3u;  // FNV-1a
  }
  void note(std::string line) {
    mix(line);
    if (verbose_) {
      std::fwrite(line.data(), 1, line.size(), stdout);
      std::fputc('\n', stdout);
    }
    lines_.push_back(std::move(line));
    if (lines_.size() > kKept) lines_.pop_front();
  }
  uint64_t hash() const { return hash_; }
  const std::deque<std::string>& lines() const { return lines_; }

 private:
  static constexpr size_t kKept = 24;
  bool verbose_;
  uint64_t hash_ = 0xCBF29CE484222325u;
  std::deque<std::string> lines_;
};

}  // namespace ringcast::simulation
