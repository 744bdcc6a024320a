// SPDX-License-Identifier: Apache-2.0
#include "codec/http1/http_request_checks.h"

#include <limits>
#include <utility>

#include "codec/http1/http_syntax.h"

namespace ringcast::codec {
namespace {

constexpr std::string_view kMethodNames[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"};

bool set_error(HttpError& error, uint16_t status, std::string_view code, std::string_view message) {
  error = {status, code, std::string(message)};
  return false;
}

bool is_visible_ascii(std::string_view text) {
  for (const char c : text) {
    if (c < 0x21 || c > 0x7E) return false;
  }
  return true;
}

bool is_ip_literal_char(char c) {
  return is_digit(c) || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'f') || c == ':' || c == '.';
}

// A reg-name without the characters that other software splits host names at.
bool is_host_char(char c) {
  return is_digit(c) || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') || c == '-' || c == '.' || c == '_' ||
         c == '~' || c == '%';
}

bool is_authority(std::string_view text) {
  size_t at = 0;
  if (!text.empty() && text.front() == '[') {
    const size_t close = text.find(']');
    if (close == std::string_view::npos || close == 1) return false;
    for (const char c : text.substr(1, close - 1)) {
      if (!is_ip_literal_char(c)) return false;
    }
    at = close + 1;
  } else {
    while (at < text.size() && is_host_char(text[at])) ++at;
    if (at == 0) return false;
  }
  if (at == text.size()) return true;
  if (text[at] != ':' || text.size() - at > 6) return false;
  for (const char c : text.substr(at + 1)) {
    if (!is_digit(c)) return false;
  }
  return true;
}

// Strips "scheme://" of a scheme that a request can be made with; says its default port.
bool strip_scheme(std::string_view& target, std::string_view& default_port) {
  static constexpr std::pair<std::string_view, std::string_view> kSchemes[] = {
      {"http://", "80"}, {"https://", "443"}, {"ws://", "80"}, {"wss://", "443"}};
  for (const auto& [scheme, port] : kSchemes) {
    if (equal_ignoring_case(target.substr(0, scheme.size()), scheme)) {
      target.remove_prefix(scheme.size());
      default_port = port;
      return true;
    }
  }
  return false;
}

// An authority without the port that its scheme has anyway (RFC 9110 section 4.2.3), and without an empty one.
std::string_view without_default_port(std::string_view authority, std::string_view default_port) {
  const size_t colon = authority.rfind(':');
  if (colon == std::string_view::npos || authority.back() == ']') return authority;
  const std::string_view port = authority.substr(colon + 1);
  return port.empty() || port == default_port ? authority.substr(0, colon) : authority;
}

void split_path(std::string_view text, HttpRequest& request) {
  const size_t question = text.find('?');
  request.path = text.substr(0, question);
  if (question != std::string_view::npos) request.query = text.substr(question + 1);
  if (request.path.empty()) request.path = "/";  // RFC 9110 section 4.2.3
}

}  // namespace

std::string_view to_string(HttpMethod method) {
  return kMethodNames[static_cast<size_t>(method)];
}

bool read_request_line(std::string_view line, HttpRequest& request, std::string_view& method_name, HttpError& error) {
  const size_t first = line.find(' ');
  const size_t last = line.rfind(' ');
  method_name = line.substr(0, first);
  if (!is_token(method_name)) return set_error(error, 400, "bad_method", "the request does not begin with a method");
  if (first == last) {
    return set_error(error, 400, "bad_request_line",
                     "the request line is not a method, a target and a version with single spaces between");
  }
  request.target = line.substr(first + 1, last - first - 1);
  const std::string_view version = line.substr(last + 1);
  if (request.target.empty() || request.target.find_first_of(" \t") != std::string_view::npos) {
    return set_error(error, 400, "bad_request_line",
                     "the request line is not a method, a target and a version with single spaces between");
  }
  if (version.size() != 8 || version.substr(0, 5) != "HTTP/" || !is_digit(version[5]) || version[6] != '.' ||
      !is_digit(version[7])) {
    return set_error(error, 400, "bad_version", "the request line does not end in HTTP/1.1 or HTTP/1.0");
  }
  if (version != "HTTP/1.1" && version != "HTTP/1.0") {
    return set_error(error, 505, "version_not_supported", "only HTTP/1.1 and HTTP/1.0 are spoken here");
  }
  request.version_minor = static_cast<uint8_t>(version[7] - '0');
  bool known = false;
  for (size_t i = 0; i < std::size(kMethodNames); ++i) {
    if (method_name == kMethodNames[i]) {
      request.method = static_cast<HttpMethod>(i);
      known = true;
    }
  }
  if (!known) return set_error(error, 501, "method_not_implemented", "the method is not implemented");
  if (!is_visible_ascii(request.target) || request.target.find('#') != std::string_view::npos) {
    return set_error(error, 400, "bad_target",
                     "the request target has a character that must be percent-encoded, or a fragment");
  }
  return true;
}

bool read_target_and_host(HttpRequest& request, HttpError& error) {
  const size_t hosts = request.headers.count("Host");
  if (hosts == 0 && request.version_minor == 1) {
    return set_error(error, 400, "missing_host", "an HTTP/1.1 request needs a Host field");
  }
  if (hosts > 1) return set_error(error, 400, "duplicate_host", "more than one Host field");
  if (hosts == 1) {
    request.host = request.headers.find_or("Host", "");
    if (!is_authority(request.host))
      return set_error(error, 400, "bad_host", "the Host field is not host or host:port");
  }
  if (request.target.front() == '/') {
    split_path(request.target, request);
    return true;
  }
  if (request.target == "*" && request.method == HttpMethod::options) {
    request.path = request.target;
    return true;
  }
  // absolute-form, RFC 9112 section 3.2.2
  std::string_view rest = request.target;
  std::string_view port;
  if (!strip_scheme(rest, port)) {
    return set_error(error, 400, "bad_target", "the request target is neither a path nor an http or ws URL");
  }
  const std::string_view authority = rest.substr(0, rest.find_first_of("/?"));
  if (!is_authority(authority)) {
    return set_error(error, 400, "bad_target", "the authority of the request target is not host or host:port");
  }
  // The target would win over Host, but a proxy that goes by Host has routed this request elsewhere.
  if (hosts == 1 &&
      !equal_ignoring_case(without_default_port(authority, port), without_default_port(request.host, port))) {
    return set_error(error, 400, "host_mismatch", "the Host field differs from the host of the request target");
  }
  request.host = authority;
  split_path(rest.substr(authority.size()), request);
  return true;
}

bool parse_content_length(std::string_view text, uint64_t& value) {
  if (text.empty()) return false;
  constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();
  value = 0;
  for (const char c : text) {
    if (!is_digit(c)) return false;
    const auto digit = static_cast<uint64_t>(c - '0');
    value = value > (kMax - digit) / 10 ? kMax : value * 10 + digit;
  }
  return true;
}

TransferCoding read_transfer_coding(const HttpHeaders& headers) {
  size_t codings = 0;
  size_t chunked = 0;
  bool last_is_chunked = false;
  for (const HttpHeader& field : headers.all()) {
    if (!equal_ignoring_case(field.name, "Transfer-Encoding")) continue;
    std::string_view list = field.value;
    std::string_view coding;
    while (next_list_element(list, coding)) {
      ++codings;
      last_is_chunked = equal_ignoring_case(coding, "chunked");
      chunked += last_is_chunked;
    }
  }
  if (!last_is_chunked || chunked != 1) return TransferCoding::bad;
  return codings == 1 ? TransferCoding::chunked : TransferCoding::unsupported;
}

bool read_body_framing(HttpRequest& request, HttpError& error) {
  const size_t lengths = request.headers.count("Content-Length");
  const size_t codings = request.headers.count("Transfer-Encoding");
  if (lengths > 0 && codings > 0) {
    return set_error(error, 400, "length_conflict", "both Content-Length and Transfer-Encoding");
  }
  if (lengths > 1) return set_error(error, 400, "duplicate_content_length", "more than one Content-Length field");
  if (lengths == 1 && !parse_content_length(request.headers.find_or("Content-Length", ""), request.content_length)) {
    return set_error(error, 400, "bad_content_length", "Content-Length is not a decimal number");
  }
  if (codings == 0) return true;
  // RFC 9112 section 6.1: a 1.0 message with it has been forwarded by something that did not understand it.
  if (request.version_minor == 0) {
    return set_error(error, 400, "transfer_encoding_in_http_1_0", "Transfer-Encoding does not exist in HTTP/1.0");
  }
  // One field at most: software that looks at the first or the last only would see another length.
  if (codings > 1) {
    return set_error(error, 400, "duplicate_transfer_encoding", "more than one Transfer-Encoding field");
  }
  switch (read_transfer_coding(request.headers)) {
    case TransferCoding::chunked: request.chunked = true; return true;
    case TransferCoding::unsupported:
      return set_error(error, 501, "transfer_coding_not_implemented", "the only transfer coding taken is chunked");
    case TransferCoding::bad: break;
  }
  return set_error(error, 400, "bad_transfer_encoding", "chunked is not the last transfer coding, or is there twice");
}

bool read_connection(HttpRequest& request, HttpError& error) {
  const HttpHeaders& headers = request.headers;
  const bool close = headers.has_token("Connection", "close");
  if (request.version_minor == 0) {
    request.keep_alive = !close && headers.has_token("Connection", "keep-alive");
    return true;
  }
  request.keep_alive = !close;
  request.wants_upgrade = headers.find("Upgrade").has_value() && headers.has_token("Connection", "upgrade");
  for (const HttpHeader& field : headers.all()) {
    if (!equal_ignoring_case(field.name, "Expect")) continue;
    std::string_view list = field.value;
    std::string_view expectation;
    while (next_list_element(list, expectation)) {
      if (!equal_ignoring_case(expectation, "100-continue")) {
        return set_error(error, 417, "expectation_failed", "the only expectation that can be met is 100-continue");
      }
      request.expects_continue = request.chunked || request.content_length > 0;
    }
  }
  return true;
}

}  // namespace ringcast::codec
