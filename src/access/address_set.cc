// SPDX-License-Identifier: Apache-2.0
#include "access/address_set.h"

#include <algorithm>
#include <charconv>

namespace ringcast::access {

namespace {

tl::unexpected<Error> bad(std::string_view entry, std::string_view why) {
  return fail("bad_address", "\"" + std::string(entry) + "\": " + std::string(why) +
                                 " (allowed: 192.0.2.1, 10.0.0.0/8, 2001:db8::1, 2001:db8::/32, unix)");
}

}  // namespace

Result<AddressSet> AddressSet::parse(std::span<const std::string> entries) {
  AddressSet set;
  for (const std::string& entry : entries) {
    if (auto added = set.add(entry); !added) return tl::unexpected<Error>(std::move(added.error()));
  }
  return set;
}

Result<void> AddressSet::add(std::string_view entry) {
  if (entry == "unix") {
    unix_ = true;
    return {};
  }
  const size_t slash = entry.find('/');
  const auto address = IpAddress::parse(entry.substr(0, slash));
  const bool any = slash != std::string_view::npos && address && !address->is_set();
  if (!address || (!address->is_set() && !any)) return bad(entry, "not an address");
  const unsigned most = address->is_v4() ? 32 : 128;
  unsigned bits = most;
  if (slash != std::string_view::npos) {
    const std::string_view length = entry.substr(slash + 1);
    const auto [end, error] = std::from_chars(length.data(), length.data() + length.size(), bits);
    if (length.empty() || error != std::errc{} || end != length.data() + length.size() || bits > most) {
      return bad(entry, "the prefix must be a number from 0 to " + std::to_string(most));
    }
  }
  bits += 128 - most;
  const IpAddress first = address->prefix(bits);
  // 10.0.0.1/8 is more likely a slip than a wish for all of 10.
  if (first != *address) return bad(entry, "it has bits beyond its prefix; the network is " + first.to_string());
  networks_.push_back({first, bits, most == 32});
  return {};
}

bool AddressSet::contains(const IpAddress& address) const {
  if (!address.is_set()) return unix_;
  return std::any_of(networks_.begin(), networks_.end(), [&](const Network& network) {
    return network.v4 == address.is_v4() && address.prefix(network.bits) == network.first;
  });
}

}  // namespace ringcast::access
