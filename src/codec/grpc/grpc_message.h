// SPDX-License-Identifier: Apache-2.0
// The one message of a unary call, as it arrives in pieces: a byte that says whether it is compressed, its length in
// four bytes, and the message. Without I/O. Owned by one call; its core's thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace ringcast::codec {

inline constexpr size_t kGrpcPrefix = 5;
// Writes kGrpcPrefix bytes.
void write_grpc_prefix(char* out, size_t bytes);

class GrpcMessage {
 public:
  enum class Fault : uint8_t {
    none,
    compressed,
    too_large,
    several,  // bytes behind the message: a unary call has one
    flags,    // a first byte that is neither 0 nor 1
  };

  explicit GrpcMessage(size_t bytes_max) : max_(bytes_max) {}

  // Nothing is taken after a fault.
  Fault feed(std::span<const uint8_t> bytes);
  // Whether all of it is here.
  bool complete() const { return bytes_.size() >= kGrpcPrefix && bytes_.size() == kGrpcPrefix + length_; }
  bool begun() const { return !bytes_.empty(); }
  std::string_view bytes() const { return std::string_view(bytes_).substr(kGrpcPrefix); }
  size_t received() const { return bytes_.size(); }
  void clear() { std::string().swap(bytes_); }

 private:
  size_t max_;
  size_t length_ = 0;
  Fault fault_ = Fault::none;
  std::string bytes_;  // with the prefix
};

}  // namespace ringcast::codec
