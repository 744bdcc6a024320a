// SPDX-License-Identifier: Apache-2.0
#include "codec/http1/forwarded.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace ringcast::codec {
namespace {

// "192.0.2.1 hidden bad": the chain from the nearest hop outwards.
std::string chain(ForwardedField field, std::vector<std::string> values) {
  std::vector<HttpHeader> headers;
  for (const std::string& value : values) headers.push_back({to_string(field), value});
  ForwardedChain nodes{HttpHeaders(headers), field};
  std::string out;
  ForwardedNode node;
  while (nodes.next(node)) {
    if (!out.empty()) out += ' ';
    out += node.kind == ForwardedNode::Kind::address  ? node.address.to_string()
           : node.kind == ForwardedNode::Kind::hidden ? "hidden"
                                                      : "bad";
  }
  return out;
}

std::string x(std::vector<std::string> values) {
  return chain(ForwardedField::x_forwarded_for, std::move(values));
}
std::string forwarded(std::vector<std::string> values) {
  return chain(ForwardedField::forwarded, std::move(values));
}

TEST(XForwardedFor, NearestFirst) {
  EXPECT_EQ(x({}), "");
  EXPECT_EQ(x({"192.0.2.1"}), "192.0.2.1");
  EXPECT_EQ(x({"192.0.2.1, 198.51.100.2 ,203.0.113.3"}), "203.0.113.3 198.51.100.2 192.0.2.1");
  EXPECT_EQ(x({"192.0.2.1", "198.51.100.2"}), "198.51.100.2 192.0.2.1") << "fields are one list";
  EXPECT_EQ(x({", 192.0.2.1,,"}), "192.0.2.1");
}

TEST(XForwardedFor, FormsOfANode) {
  EXPECT_EQ(x({"192.0.2.1:4711"}), "192.0.2.1");
  EXPECT_EQ(x({"2001:db8::1"}), "2001:db8::1");
  EXPECT_EQ(x({"[2001:db8::1]"}), "2001:db8::1");
  EXPECT_EQ(x({"[2001:db8::1]:80"}), "2001:db8::1");
  EXPECT_EQ(x({"::ffff:192.0.2.1"}), "192.0.2.1");
  EXPECT_EQ(x({"unknown, _gate"}), "hidden hidden");
  for (const char* bad : {"example.org", "192.0.2.1:", "192.0.2.1:port", "192.0.2.1:123456", "[192.0.2.1]", "[::1",
                          "[::1]80", "\"192.0.2.1\"", "::", "0x7f.1", "192.0.2.1/32", "_", "_a b", "for=192.0.2.1"}) {
    EXPECT_EQ(x({bad}), "bad") << bad;
  }
  EXPECT_EQ(x({"rubbish, 192.0.2.1"}), "192.0.2.1 bad") << "what a client invents does not hide what a proxy adds";
}

TEST(XForwardedFor, OnlyTheNearestHops) {
  std::string many;
  for (int i = 0; i < 40; ++i) many += "10.0.0." + std::to_string(i) + ",";
  const std::string seen = x({many});
  EXPECT_TRUE(seen.starts_with("10.0.0.39 10.0.0.38"));
  EXPECT_TRUE(seen.ends_with(" 10.0.0.8"));
}

TEST(Forwarded, ElementsAndPairs) {
  EXPECT_EQ(forwarded({"for=192.0.2.1"}), "192.0.2.1");
  EXPECT_EQ(forwarded({"For=\"[2001:db8:cafe::17]:4711\""}), "2001:db8:cafe::17");
  EXPECT_EQ(forwarded({"for=192.0.2.60;proto=http;by=203.0.113.43"}), "192.0.2.60");
  EXPECT_EQ(forwarded({"proto=https ; for=\"192.0.2.60:80\"; by=_x , for=198.51.100.17"}), "198.51.100.17 192.0.2.60");
  EXPECT_EQ(forwarded({"for=192.0.2.43", "for=198.51.100.17;by=\"[::1]\""}), "198.51.100.17 192.0.2.43");
  EXPECT_EQ(forwarded({"for=unknown, for=_SEVKISEK, proto=http"}), "hidden hidden hidden");
  EXPECT_EQ(forwarded({""}), "");
}

TEST(Forwarded, BrokenSyntaxHidesNothing) {
  for (const char* bad :
       {"for", "for=", "for=\"", "for=\"192.0.2.1", "=192.0.2.1", "for=192.0.2.1;", "for 192.0.2.1",
        "for=192.0.2.1 proto=http", "for=a=b", "for=\"19\\2.0.2.1\"", "for=192.0.2.1;for=192.0.2.2"}) {
    EXPECT_TRUE(forwarded({bad}).starts_with("bad")) << bad << ": " << forwarded({bad});
  }
  // A client leaves a quote open so that what the proxy adds becomes part of its text.
  EXPECT_EQ(forwarded({"for=192.0.2.9;x=\", for=198.51.100.1"}), "bad");
  EXPECT_EQ(forwarded({"for=192.0.2.9;x=\", for=\"[2001:db8::1]\""}), "bad");
}

}  // namespace
}  // namespace ringcast::codec
