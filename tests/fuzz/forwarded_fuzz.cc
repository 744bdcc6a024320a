// SPDX-License-Identifier: Apache-2.0
// The lines are values of X-Forwarded-For and of Forwarded fields. No chain is longer than its bound, and what is taken
// for an address is one.
#include <cstdlib>
#include <string_view>
#include <vector>

#include "codec/http1/forwarded.h"
#include "cuts.h"

using namespace ringcast::codec;
using ringcast::fuzz::require;

namespace {

void check(const std::vector<HttpHeader>& headers, ForwardedField field) {
  ForwardedChain chain{HttpHeaders(headers), field};
  ForwardedNode node;
  size_t count = 0;
  while (chain.next(node)) {
    require(++count <= ForwardedChain::kNodesMax);
    if (node.kind != ForwardedNode::Kind::address) continue;
    require(node.address.is_set());
    const auto again = read_forwarded_node(node.address.to_string());
    require(again.kind == ForwardedNode::Kind::address && again.address == node.address);
  }
  require(chain.empty() == (count == 0));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const ForwardedField field : {ForwardedField::x_forwarded_for, ForwardedField::forwarded}) {
    std::vector<HttpHeader> headers;
    for (size_t at = 0; at <= text.size() && headers.size() < 64;) {
      const size_t end = std::min(text.find('\n', at), text.size());
      headers.push_back({to_string(field), text.substr(at, end - at)});
      at = end + 1;
    }
    check(headers, field);
  }
  return 0;
}
