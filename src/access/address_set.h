// SPDX-License-Identifier: Apache-2.0
// A list of addresses and networks, as an operator writes them: 10.0.0.0/8, 2001:db8::/32, ::1, unix. Made at start and
// at a reload, read-only then; any thread.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/ip_address.h"

namespace ringcast::access {

class AddressSet {
 public:
  // The error names the entry.
  [[nodiscard]] static Result<AddressSet> parse(std::span<const std::string> entries);

  // `address` unset: the other end of a unix socket.
  bool contains(const IpAddress& address) const;
  bool empty() const { return networks_.empty() && !unix_; }

 private:
  struct Network {
    IpAddress first;
    unsigned bits;  // of 128
    bool v4;        // ::/0 has none of them
  };
  [[nodiscard]] Result<void> add(std::string_view entry);

  std::vector<Network> networks_;
  bool unix_ = false;
};

}  // namespace ringcast::access
