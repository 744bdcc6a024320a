// SPDX-License-Identifier: Apache-2.0
#include "codec/websocket/deflate_negotiation.h"

#include "codec/http1/http_syntax.h"

namespace ringcast::codec {
namespace {

constexpr std::string_view kExtensionsField = "Sec-WebSocket-Extensions";
constexpr std::string_view kDeflateName = "permessage-deflate";
constexpr std::string_view kAccept = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
constexpr std::string_view kAcceptWithWindow =
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=15";

struct DeflateParameters {
  bool server_no_context_takeover = false;
  bool client_no_context_takeover = false;
  int server_max_window_bits = 0;  // 0: absent
  bool client_max_window_bits = false;
};

// 8..15 without leading zeros (RFC 7692 section 7.1.2), possibly as a quoted string; 0 for anything else.
int parse_window_bits(std::string_view value) {
  if (value.size() >= 2 && value.front() == '"' && value.back() == '"') value = value.substr(1, value.size() - 2);
  if (value == "8" || value == "9") return value[0] - '0';
  if (value.size() == 2 && value[0] == '1' && value[1] >= '0' && value[1] <= '5') return 10 + (value[1] - '0');
  return 0;
}

bool read_parameter(std::string_view parameter, DeflateParameters& found) {
  const size_t equals = parameter.find('=');
  const bool has_value = equals != std::string_view::npos;
  const std::string_view name = trim_blanks(parameter.substr(0, equals));
  const std::string_view value = has_value ? trim_blanks(parameter.substr(equals + 1)) : std::string_view();
  const auto flag = [has_value](bool& seen) {
    const bool acceptable = !has_value && !seen;
    seen = true;
    return acceptable;
  };
  if (name == "server_no_context_takeover") return flag(found.server_no_context_takeover);
  if (name == "client_no_context_takeover") return flag(found.client_no_context_takeover);
  if (name == "server_max_window_bits") {
    if (found.server_max_window_bits != 0) return false;
    found.server_max_window_bits = parse_window_bits(value);
    return found.server_max_window_bits != 0;
  }
  if (name == "client_max_window_bits") {
    if (found.client_max_window_bits) return false;
    found.client_max_window_bits = true;
    return !has_value || parse_window_bits(value) != 0;
  }
  return false;
}

// `extension`: a name and its parameters. False when it is another extension or any parameter is bad.
bool read_extension(std::string_view extension, DeflateParameters& found, bool& is_deflate) {
  std::string_view part;
  is_deflate = next_part(extension, ';', part) && part == kDeflateName;
  if (!is_deflate) return false;
  while (next_part(extension, ';', part)) {
    if (!read_parameter(part, found)) return false;
  }
  return true;
}

}  // namespace

std::string_view negotiate_deflate(const HttpHeaders& headers) {
  for (const HttpHeader& field : headers.all()) {
    if (!equal_ignoring_case(field.name, kExtensionsField)) continue;
    std::string_view list = field.value;
    std::string_view offer;
    while (next_list_element(list, offer)) {
      DeflateParameters wanted;
      bool is_deflate = false;
      if (!read_extension(offer, wanted, is_deflate)) continue;
      // Clients may always be sent client_no_context_takeover, and what client_max_window_bits allows is not needed:
      // one inflater with the full window serves them all.
      if (wanted.server_max_window_bits == 0) return kAccept;
      if (wanted.server_max_window_bits == 15) return kAcceptWithWindow;  // an accepted one must be answered
    }
  }
  return {};
}

DeflateAnswer check_deflate_answer(const HttpHeaders& headers) {
  bool accepted = false;
  for (const HttpHeader& field : headers.all()) {
    if (!equal_ignoring_case(field.name, kExtensionsField)) continue;
    std::string_view list = field.value;
    std::string_view answer;
    while (next_list_element(list, answer)) {
      DeflateParameters given;
      bool is_deflate = false;
      // RFC 7692 section 7.1: what was not offered, or comes twice, fails the connection. client_max_window_bits was
      // not offered; server_max_window_bits may come unasked.
      if (accepted || !read_extension(answer, given, is_deflate) || given.client_max_window_bits ||
          !given.server_no_context_takeover) {
        return DeflateAnswer::invalid;
      }
      accepted = true;
    }
  }
  return accepted ? DeflateAnswer::accepted : DeflateAnswer::none;
}

}  // namespace ringcast::codec
