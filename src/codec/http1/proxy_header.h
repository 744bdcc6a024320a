// SPDX-License-Identifier: Apache-2.0
// The PROXY protocol, versions 1 (text) and 2 (binary): what a proxy says about a connection before the connection's
// own bytes. Incremental: bytes in, the client's address out. Kept by a session until the header is complete, then
// dropped; the owner's thread only.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/ip_address.h"

namespace ringcast::codec {

enum class ProxyHeaderStatus : uint8_t {
  need_more,  // all input was consumed
  complete,   // what follows the header was not consumed
  error,      // error() says why; nothing may be answered, because nobody has asked in a known protocol
};

class ProxyHeaderParser {
 public:
  struct Outcome {
    size_t consumed = 0;
    ProxyHeaderStatus status = ProxyHeaderStatus::need_more;
  };
  Outcome feed(std::span<const uint8_t> input);

  // Of a complete header. False: the proxy speaks for itself (LOCAL, UNKNOWN, a unix socket): the connection's own
  // address counts.
  bool has_source() const { return has_source_; }
  IpAddress source() const { return source_; }
  std::string_view error() const { return error_; }

 private:
  static constexpr size_t kV1Max = 107;   // with CR LF
  static constexpr size_t kV2Fixed = 16;  // before the addresses

  ProxyHeaderStatus take_byte(uint8_t byte);
  ProxyHeaderStatus take_v1(uint8_t byte);
  ProxyHeaderStatus take_v2();
  ProxyHeaderStatus finish_v1();
  ProxyHeaderStatus finish_v2();
  ProxyHeaderStatus fail(std::string_view why);

  std::array<uint8_t, kV1Max> bytes_{};
  size_t size_ = 0;
  size_t wanted_ = 0;     // of a version 2 header: bytes that are looked at
  uint32_t to_skip_ = 0;  // the rest of it: type-length-values, and addresses that say nothing here
  bool has_source_ = false;
  IpAddress source_;
  std::string_view error_;
};

}  // namespace ringcast::codec
