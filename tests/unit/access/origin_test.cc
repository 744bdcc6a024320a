// SPDX-License-Identifier: Apache-2.0
#include "access/origin.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace ringcast::access {
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

TEST(Host, ADefaultPortIsTheSameAsNone) {
  const auto listed_host = [](std::string_view host, const std::string& entry) {
    const std::vector<std::string> hosts{entry};
    return access::is_listed_host(host, hosts);
  };
  EXPECT_TRUE(listed_host("push.example.org", "push.example.org:443"));
  EXPECT_TRUE(listed_host("push.example.org:443", "push.example.org:443"));
  EXPECT_TRUE(listed_host("push.example.org", "push.example.org:80"));
  EXPECT_TRUE(listed_host("push.example.org", "*.example.org:443"));
  EXPECT_TRUE(listed_host("[::1]", "[::1]:443"));
  EXPECT_FALSE(listed_host("push.example.org:80", "push.example.org:443"));
  EXPECT_FALSE(listed_host("push.example.org", "push.example.org:8443"));
  EXPECT_TRUE(listed_host("push.example.org:8443", "push.example.org"));
}

// Every entry is either refused or matched by the header beside it.
TEST(Origin, EntriesThatCanMatchAreTaken) {
  const std::pair<const char*, const char*> entries[] = {
      {"*", "https://a.example"},
      {"null", "null"},
      {"https://example.org", "https://example.org"},
      {"https://example.org:443", "https://example.org"},
      {"HTTPS://Example.org:8443", "https://example.org:8443"},
      {"https://*.example.org", "https://a.example.org"},
      {"http://127.0.0.1:3000", "http://127.0.0.1:3000"},
      {"http://[2001:db8::1]", "http://[2001:db8::1]"},
      {"http://[::ffff:c000:201]", "http://[::ffff:c000:201]"},
      {"capacitor://localhost", "capacitor://localhost"},
      {"chrome-extension://abcdef", "chrome-extension://abcdef"},
      {"http://my_host", "http://my_host"},
  };
  for (const auto& [entry, origin] : entries) {
    EXPECT_TRUE(check_origin_entry(entry)) << entry;
    EXPECT_EQ(check(origin, "api.example", {entry}), listed) << entry;
  }
}

TEST(Origin, EntriesThatMatchNothingAreRefusedWithWhatToWrite) {
  const std::pair<const char*, const char*> entries[] = {
      {"example.org", "such as \"https://example.org\""},
      {"example.org/chat", "such as \"https://example.org\""},
      {"https://example.org/", "write \"https://example.org\""},
      {"https://example.org?x", "write \"https://example.org\""},
      {"https://*", "write \"*\""},
      {"https://*/", "write \"*\""},
      {"wss://example.org", "write \"https://example.org\""},
      {"ws://example.org:3000", "write \"http://example.org:3000\""},
      {"file:///index.html", "\"null\""},
      {"NULL", "write \"null\""},
      {"https://", "a host is missing"},
      {"https://*.", "a host is missing"},
      {"https://user@example.org", "user or password"},
      {"https://example.*", "a star stands for a subdomain"},
      {"https://*example.org", "a star stands for a subdomain"},
      {"https://*.*.example.org", "a star stands for a subdomain"},
      {"https://example.org:", "a port is a number"},
      {"https://example.org:*", "a port is a number"},
      {"https://example.org:0443", "a port is a number"},
      {"https://example.org:65536", "a port is a number"},
      {"https://example..org", "a label"},
      {"https://b\xc3\xbc"
       "cher.example",
       "xn--"},
      {"https://exa mple.org", "\" \" is in no host name"},
      {"https://::1", "brackets"},
      {"https://[::1", "bracket is missing"},
      {"https://[::1]x", "only a port"},
      {"https://[0:0:0:0:0:0:0:1]", "\"[::1]\""},
      {"https://[example.org]", "no IPv6 address"},
      {"https://127.1", "no IPv4 address"},
      {"https://*.127.0.0.1", "no subdomains"},
      {"1ttps://example.org", "no scheme"},
  };
  for (const auto& [entry, why] : entries) {
    const auto refused = check_origin_entry(entry);
    ASSERT_FALSE(refused) << entry;
    EXPECT_NE(refused.error().message.find(why), std::string::npos) << refused.error().message;
  }
}

TEST(Host, EntriesThatMatchNothingAreRefusedWithWhatToWrite) {
  for (const char* entry :
       {"example.org", "*.example.org", "example.org:8080", "[::1]:3000", "127.0.0.1", "[::]:3000"}) {
    EXPECT_TRUE(check_host_entry(entry)) << entry;
  }
  const std::pair<const char*, const char*> entries[] = {
      {"https://push.example.org", "write \"push.example.org\""},
      {"http://push.example.org:3000/ws", "write \"push.example.org:3000\""},
      {"push.example.org/ws", "write \"push.example.org\""},
      {"*", "leave the list empty"},
      {"*:3000", "a star stands for a subdomain"},
      {"::1", "brackets"},
      {"push.example.org:https", "a port is a number"},
      {"[0::1]", "\"[::1]\""},
  };
  for (const auto& [entry, why] : entries) {
    const auto refused = check_host_entry(entry);
    ASSERT_FALSE(refused) << entry;
    EXPECT_NE(refused.error().message.find(why), std::string::npos) << refused.error().message;
  }
}

TEST(HostOfPage, APortThatWasLeftOutIsOfNoConcern) {
  EXPECT_TRUE(is_host_of_page("http://chat.example:8080", "chat.example"));
  EXPECT_TRUE(is_host_of_page("https://CHAT.example", "chat.EXAMPLE"));
  EXPECT_FALSE(is_host_of_page("http://chat.example:8080", "chat.example:80"));
  EXPECT_FALSE(is_host_of_page("http://evil.example", "chat.example"));
  EXPECT_FALSE(is_host_of_page("null", "chat.example"));
  EXPECT_FALSE(is_host_of_page("http://chat.example", ""));
}

}  // namespace
}  // namespace ringcast::access
