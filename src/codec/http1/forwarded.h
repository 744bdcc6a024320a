// SPDX-License-Identifier: Apache-2.0
// The way of a request through proxies as they report it: X-Forwarded-For, and Forwarded (RFC 7239), read from the
// nearest hop outwards. Which of them may be believed is the caller's to say, and how far.
// A view over a request's headers, on the stack of whoever asks; any thread.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/ip_address.h"
#include "codec/http1/http_message.h"

namespace ringcast::codec {

enum class ForwardedField : uint8_t { x_forwarded_for, forwarded };
std::string_view to_string(ForwardedField field);

struct ForwardedNode {
  enum class Kind : uint8_t {
    address,
    hidden,     // "unknown" or an obfuscated name (RFC 7239 section 6.3): somebody, but nobody can say who
    malformed,  // not what a proxy writes
  };
  Kind kind = Kind::malformed;
  IpAddress address;
};

// One element of X-Forwarded-For, or the value of `for=` without its quotes: an address with or without a port, IPv6
// with or without brackets.
ForwardedNode read_forwarded_node(std::string_view text);

class ForwardedChain {
 public:
  // More hops than this are not looked at; the outermost go first.
  static constexpr size_t kNodesMax = 32;

  ForwardedChain(const HttpHeaders& headers, ForwardedField field);

  // The next node, from the nearest outwards; false when there are no more. A Forwarded field whose syntax is broken
  // anywhere is one malformed node: where its elements end is not known.
  bool next(ForwardedNode& node);
  bool empty() const { return count_ == 0; }

 private:
  void add(std::string_view element);
  void read_forwarded(std::string_view value);

  // Elements as texts of their nodes, a ring of the last ones. A null view: malformed.
  std::array<std::string_view, kNodesMax> nodes_;
  size_t count_ = 0;  // ever added
  size_t given_ = 0;
};

}  // namespace ringcast::codec
