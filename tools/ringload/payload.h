// SPDX-License-Identifier: Apache-2.0
// Payload: what the generator publishes and finds again in whatever a server makes of it: a marker, then run, stream,
// sequence number and two times in 28 characters that no encoding changes, then filling. Plain functions and values;
// any thread.
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

inline constexpr std::string_view kMarker = "~r";
inline constexpr size_t kMarkerMax = 16;
// Whether payloads may begin so: characters that neither JSON nor a query nor a template changes.
bool is_marker(std::string_view marker);
constexpr size_t payload_min(std::string_view marker = kMarker) {
  return marker.size() + 28;
}

class PayloadCodec {
 public:
  // `run`: 12 bits that tell this run's payloads from those that a server's history may hold.
  explicit PayloadCodec(uint32_t run, std::string_view marker = kMarker);

  size_t length() const { return length_; }  // of a payload without its filling

  // Appends `size` (at least length()) bytes of [A-Za-z0-9_~-].
  void append(std::string& out, const Payload& payload, size_t size) const;

  // Finds the first payload at or behind `from`. `from` is moved behind it, or to the end when there is none.
  bool find(std::string_view text, size_t& from, Payload& payload) const;

  // Whether one lies at `from`.
  bool at(std::string_view text, size_t from, Payload& payload) const {
    return from < text.size() && read(text.substr(from), payload);
  }

 private:
  bool read(std::string_view text, Payload& payload) const;
  char head_[kMarkerMax + 2];  // marker and run
  size_t head_size_;
  size_t length_;
};

}  // namespace ringcast::ringload
