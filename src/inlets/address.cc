// SPDX-License-Identifier: Apache-2.0
#include "inlets/address.h"

#include <charconv>
#include <cstdint>
#include <optional>
#include <utility>

#include "cluster/settings.h"

namespace ringcast::inlets {

namespace {

struct Scheme {
  std::string_view text;
  bool kafka, tls;
};
constexpr Scheme kSchemes[] = {
    {"nats://", false, false}, {"tls://", false, true}, {"kafka://", true, false}, {"kafka+tls://", true, true}};

std::optional<std::string> percent_decoded(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '%') {
      out += text[at];
      continue;
    }
    uint8_t byte = 0;
    const std::string_view digits = text.substr(at + 1, 2);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), byte, 16);
    if (digits.size() != 2 || error != std::errc{} || end != digits.data() + 2) return std::nullopt;
    out += static_cast<char>(byte);
    at += 2;
  }
  return out;
}

tl::unexpected<Error> bad_url(std::string why) {
  return fail("bad_url", std::move(why));
}

Result<std::string> server_of(std::string_view text, std::string_view default_port) {
  const size_t bracket = text.find(']');
  if (text.starts_with('[') && bracket == std::string_view::npos) return bad_url("an IPv6 address needs a ]");
  const size_t from = text.starts_with('[') ? bracket + 1 : 0;
  const size_t colon = text.find(':', from);
  const std::string_view host = text.substr(0, colon);
  if (host.empty() || host == "[]") return bad_url("it names no host");
  if (host.find('/') != std::string_view::npos || (from != 0 && host.size() != from))
    return bad_url("after the hosts nothing may follow");
  const std::string_view port = colon == std::string_view::npos ? default_port : text.substr(colon + 1);
  uint16_t number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (error != std::errc{} || end != port.data() + port.size() || number == 0)
    return bad_url("the port must be a number from 1 to 65535");
  return std::string(host) + ":" + std::string(port);
}

}  // namespace

Result<Address> parse_address(Type type, std::string_view url) {
  const bool kafka = type == Type::kafka;
  Address out;
  const Scheme* scheme = nullptr;
  for (const Scheme& each : kSchemes) {
    if (each.kafka == kafka && url.starts_with(each.text)) scheme = &each;
  }
  if (scheme == nullptr)
    return bad_url(kafka ? "must begin with kafka://, or kafka+tls:// for TLS"
                         : "must begin with nats://, or tls:// for TLS");
  out.tls = scheme->tls;
  url.remove_prefix(scheme->text.size());
  if (const size_t at = url.rfind('@'); at != std::string_view::npos) {
    const std::string_view login = url.substr(0, at);
    const size_t colon = login.find(':');
    const auto user = percent_decoded(login.substr(0, colon));
    const auto password = percent_decoded(colon == std::string_view::npos ? "" : login.substr(colon + 1));
    if (!user || !password) return bad_url("user and password may have %XX in them, and no other %");
    if (user->starts_with("(hidden") || password->starts_with("(hidden"))
      return bad_url("its password was hidden when this was printed");
    if (user->empty()) return bad_url("it names no user before the @");
    if (colon == std::string_view::npos) {
      if (kafka) return bad_url("a user needs a password: kafka://USER:PASSWORD@HOST");
      out.token = *user;
    } else {
      if (password->empty()) return bad_url("a user needs a password: USER:PASSWORD@HOST");
      out.user = *user;
      out.password = *password;
    }
    url = url.substr(at + 1);
  }
  for (bool more = true; more;) {
    const size_t comma = url.find(',');
    more = comma != std::string_view::npos;
    auto server = server_of(url.substr(0, comma), kafka ? "9092" : "4222");
    if (!server) return tl::unexpected<Error>(std::move(server.error()));
    out.servers.push_back(*std::move(server));
    if (more) url.remove_prefix(comma + 1);
  }
  return out;
}

std::string shown_address(Type type, std::string_view url, std::string_view hidden) {
  const size_t at = url.rfind('@');
  const size_t begin = url.find("://");
  if (!is_nats(type) || at == std::string_view::npos || begin == std::string_view::npos ||
      url.substr(0, at).find(':', begin + 3) != std::string_view::npos)
    return cluster::without_password(url, hidden);
  return std::string(url.substr(0, begin + 3)) + std::string(hidden) + std::string(url.substr(at));
}

}  // namespace ringcast::inlets
