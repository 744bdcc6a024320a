// SPDX-License-Identifier: Apache-2.0
#include "session/origin.h"

#include <gtest/gtest.h>

#include <vector>

namespace ringcast::session {
namespace {

using enum OriginVerdict;

OriginVerdict check(std::string_view origin, std::string_view host, std::vector<std::string> allowed = {}) {
  return check_origin(origin, host, allowed);
}

TEST(Origin, AbsentIsNoBrowser) {
  EXPECT_EQ(check("", "example.org"), absent);
}

TEST(Origin, SameHost) {
  EXPECT_EQ(check("http://example.org", "example.org"), same_host);
  EXPECT_EQ(check("http://EXAMPLE.org", "example.ORG"), same_host);
  EXPECT_EQ(check("http://example.org:3000", "example.org:3000"), same_host);
  EXPECT_EQ(check("http://example.org:80", "example.org"), same_host);
  EXPECT_EQ(check("http://example.org", "example.org:80"), same_host);
  EXPECT_EQ(check("https://example.org", "example.org"), same_host) << "behind a proxy that ends TLS";
  EXPECT_EQ(check("http://[::1]:3000", "[::1]:3000"), same_host);
  EXPECT_EQ(check("http://[::1]", "[::1]"), same_host);
}

TEST(Origin, AnotherHostIsForbidden) {
  EXPECT_EQ(check("http://evil.example", "example.org"), forbidden);
  EXPECT_EQ(check("http://example.org:81", "example.org:80"), forbidden);
  EXPECT_EQ(check("https://example.org:3000", "example.org"), forbidden);
  EXPECT_EQ(check("http://example.org.evil.example", "example.org"), forbidden);
  EXPECT_EQ(check("http://sub.example.org", "example.org"), forbidden);
  EXPECT_EQ(check("http://[::1]:3000", "[::2]:3000"), forbidden);
  EXPECT_EQ(check("http://example.org", ""), forbidden);
}

TEST(Origin, WhatIsNoOriginIsForbidden) {
  for (const char* origin : {"null", "example.org", "://example.org", "http://", "http://example.org/",
                             "http://example.org/path", "http://user@example.org", "http://example.org?x"}) {
    EXPECT_EQ(check(origin, "example.org"), forbidden) << origin;
  }
}

TEST(Origin, Listed) {
  EXPECT_EQ(check("https://chat.example", "api.example", {"https://chat.example"}), listed);
  EXPECT_EQ(check("https://chat.example:443", "api.example", {"https://chat.example"}), listed);
  EXPECT_EQ(check("http://chat.example", "api.example", {"https://chat.example"}), forbidden) << "another scheme";
  EXPECT_EQ(check("https://chat.example:8443", "api.example", {"https://chat.example"}), forbidden);
  EXPECT_EQ(check("https://two.example", "api.example", {"https://one.example", "https://two.example"}), listed);
  EXPECT_EQ(check("https://anything.example", "api.example", {"*"}), listed);
  EXPECT_EQ(check("null", "api.example", {"*"}), listed);
  EXPECT_EQ(check("null", "api.example", {"null"}), listed);
  EXPECT_EQ(check("null", "api.example", {"https://chat.example"}), forbidden);
}

TEST(Origin, Subdomains) {
  const std::vector<std::string> allowed{"https://*.example.org"};
  EXPECT_EQ(check("https://a.example.org", "x", allowed), listed);
  EXPECT_EQ(check("https://a.b.example.org", "x", allowed), listed);
  EXPECT_EQ(check("https://example.org", "x", allowed), forbidden);
  EXPECT_EQ(check("https://notexample.org", "x", allowed), forbidden);
  EXPECT_EQ(check("https://a.example.org.evil.example", "x", allowed), forbidden);
}

}  // namespace
}  // namespace ringcast::session
