// SPDX-License-Identifier: Apache-2.0
#include "codec/grpc/grpc_message.h"

#include <algorithm>

namespace ringcast::codec {

void write_grpc_prefix(char* out, size_t bytes) {
  out[0] = 0;
  for (int i = 1; i <= 4; ++i) out[i] = static_cast<char>(bytes >> (8 * (4 - i)));
}

GrpcMessage::Fault GrpcMessage::feed(std::span<const uint8_t> bytes) {
  if (fault_ != Fault::none || bytes.empty()) return fault_;
  const bool prefix_was_here = bytes_.size() >= kGrpcPrefix;
  if (!prefix_was_here) {
    const size_t missing = std::min(kGrpcPrefix - bytes_.size(), bytes.size());
    bytes_.append(reinterpret_cast<const char*>(bytes.data()), missing);
    bytes = bytes.subspan(missing);
    if (bytes_[0] != 0) return fault_ = bytes_[0] == 1 ? Fault::compressed : Fault::flags;
    if (bytes_.size() < kGrpcPrefix) return Fault::none;
    for (size_t i = 1; i < kGrpcPrefix; ++i) length_ = length_ << 8 | static_cast<uint8_t>(bytes_[i]);
    if (length_ > max_) return fault_ = Fault::too_large;
  }
  if (bytes.size() > kGrpcPrefix + length_ - bytes_.size()) return fault_ = Fault::several;
  bytes_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return Fault::none;
}

}  // namespace ringcast::codec
