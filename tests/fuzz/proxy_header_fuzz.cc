// SPDX-License-Identifier: Apache-2.0
// A PROXY header, whole and in pieces: both must end at the same byte with the same outcome.
#include <cstdlib>

#include "codec/http1/proxy_header.h"
#include "cuts.h"

using namespace ringcast;
using fuzz::require;

namespace {

struct Seen {
  size_t consumed = 0;
  codec::ProxyHeaderStatus status = codec::ProxyHeaderStatus::need_more;
  bool has_source = false;
  IpAddress source;
  std::string_view error;
  friend bool operator==(const Seen&, const Seen&) = default;
};

Seen read(const std::vector<std::vector<uint8_t>>& pieces) {
  codec::ProxyHeaderParser parser;
  Seen seen;
  for (const std::vector<uint8_t>& piece : pieces) {
    const auto outcome = parser.feed(piece);
    require(outcome.consumed <= piece.size());
    seen.consumed += outcome.consumed;
    seen.status = outcome.status;
    if (outcome.status != codec::ProxyHeaderStatus::need_more) break;
    require(outcome.consumed == piece.size());
  }
  seen.has_source = parser.has_source();
  seen.source = parser.source();
  seen.error = parser.error();
  require(seen.error.empty() == (seen.status != codec::ProxyHeaderStatus::error));
  return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::span<const uint8_t> input(data, size), cuts;
  if (!fuzz::take_cuts(input, cuts)) return 0;
  require(read(fuzz::whole(input)) == read(fuzz::cut(input, cuts)));
  return 0;
}
