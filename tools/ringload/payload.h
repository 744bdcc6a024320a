// Payload: what the generator publishes and finds again in whatever a server makes of it: run, stream, sequence number
// and two times in 30 characters that no encoding changes, then filling. Plain functions and values; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ringcast::ringload {

struct Payload {
  uint32_t stream = 0;      // who publishes where; below 2^24
  uint64_t sequence = 0;    // from 0, +1 each, per stream; below 2^36
  int64_t intended_ns = 0;  // when the schedule wanted it sent, since the run's start; below 2^48
  int64_t sent_ns = 0;      // when it was handed to the kernel; at most 2^36 ns later
};

inline constexpr size_t kPayloadMin = 30;

class PayloadCodec {
 public:
  // `run`: 12 bits that tell this run's payloads from those that a server's history may hold.
  explicit PayloadCodec(uint32_t run);

  // Appends `size` (at least kPayloadMin) bytes of [A-Za-z0-9_~-].
  void append(std::string& out, const Payload& payload, size_t size) const;

  // Finds the first payload at or behind `from`. `from` is moved behind it, or to the end when there is none.
  bool find(std::string_view text, size_t& from, Payload& payload) const;

  // Whether one lies at `from`.
  bool at(std::string_view text, size_t from, Payload& payload) const {
    return from < text.size() && read(text.substr(from), payload);
  }

 private:
  bool read(std::string_view text, Payload& payload) const;
  uint32_t run_;
  char head_[4];  // marker and run
};

}  // namespace ringcast::ringload
