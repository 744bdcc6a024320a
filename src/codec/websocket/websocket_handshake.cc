// SPDX-License-Identifier: Apache-2.0
#include "codec/websocket/websocket_handshake.h"

#include <openssl/evp.h>

#include <memory>

#include "base/assert.h"
#include "codec/http1/http_response.h"
#include "codec/http1/http_syntax.h"
#include "codec/text/base64.h"

namespace ringcast::codec {
namespace {

constexpr std::string_view kGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
constexpr size_t kSha1Size = 20;
constexpr size_t kKeySize = 24;  // base64 of 16 bytes

// EVP_sha1() looks the implementation up at every use since OpenSSL 3; fetched, it is found once.
class Sha1 {
 public:
  Sha1() : digest_(EVP_MD_fetch(nullptr, "SHA1", nullptr)), context_(EVP_MD_CTX_new()) {
    RINGCAST_ASSERT(digest_ != nullptr && context_ != nullptr);
  }
  Sha1(const Sha1&) = delete;
  Sha1& operator=(const Sha1&) = delete;
  ~Sha1() {
    EVP_MD_CTX_free(context_);
    EVP_MD_free(digest_);
  }

  std::array<uint8_t, kSha1Size> of(std::string_view first, std::string_view second) {
    std::array<uint8_t, kSha1Size> hash;
    unsigned int size = 0;
    RINGCAST_ASSERT(EVP_DigestInit_ex2(context_, digest_, nullptr) == 1 &&
                    EVP_DigestUpdate(context_, first.data(), first.size()) == 1 &&
                    EVP_DigestUpdate(context_, second.data(), second.size()) == 1 &&
                    EVP_DigestFinal_ex(context_, hash.data(), &size) == 1 && size == kSha1Size);
    return hash;
  }

 private:
  EVP_MD* digest_;
  EVP_MD_CTX* context_;
};

bool is_websocket_key(std::string_view key) {
  if (key.size() != kKeySize || !key.ends_with("==")) return false;
  std::string nonce;  // 16 bytes fall beyond the small-string room by one, but only upgrades come here
  return base64_decode(key, nonce) && nonce.size() == 16;
}

// A token, or a quoted string of one.
bool is_extension_value(std::string_view value) {
  if (value.size() < 2 || value.front() != '"' || value.back() != '"') return is_token(value);
  value = value.substr(1, value.size() - 2);
  for (size_t i = 0; i < value.size(); ++i) {
    if (value[i] == '\\') ++i;
    if (i == value.size() || !is_token_char(value[i])) return false;
  }
  return !value.empty();
}

// RFC 6455 section 9.1: a name and its parameters, each with or without a value.
bool is_extension(std::string_view extension) {
  std::string_view part;
  if (!next_part(extension, ';', part) || !is_token(part)) return false;
  while (next_part(extension, ';', part)) {
    const size_t equals = part.find('=');
    if (!is_token(trim_blanks(part.substr(0, equals)))) return false;
    if (equals != std::string_view::npos && !is_extension_value(trim_blanks(part.substr(equals + 1)))) return false;
  }
  return true;
}

// Whether every element of the lists in fields of this name is well-formed.
bool are_lists_of(const HttpHeaders& headers, std::string_view name, bool (*is_element)(std::string_view)) {
  for (const HttpHeader& field : headers.all()) {
    if (!equal_ignoring_case(field.name, name)) continue;
    std::string_view list = field.value;
    std::string_view element;
    while (next_list_element(list, element)) {
      if (!is_element(element)) return false;
    }
  }
  return true;
}

bool set_error(HttpError& error, uint16_t status, std::string_view code, std::string_view message) {
  error = {status, code, std::string(message)};
  return false;
}

void append_line(std::string& out, std::string_view name, std::string_view value) {
  RINGCAST_ASSERT(is_field_value(value));
  out.append(name).append(": ").append(value).append("\r\n");
}

constexpr HttpHeader kAllowGet[] = {{"Allow", "GET"}};
// RFC 9110 section 7.8: Upgrade is for this connection only, so Connection names it.
constexpr HttpHeader kUpgradeRequired[] = {
    {"Upgrade", "websocket"}, {"Sec-WebSocket-Version", "13"}, {"Connection", "Upgrade"}};

}  // namespace

WebSocketAccept websocket_accept(std::string_view key) {
  thread_local Sha1 sha1;
  const std::array<uint8_t, kSha1Size> hash = sha1.of(key, kGuid);
  WebSocketAccept accept;
  static_assert(base64_size(kSha1Size) == std::tuple_size_v<WebSocketAccept>);
  base64_encode_to(accept.data(), hash);
  return accept;
}

bool WebSocketUpgrade::offers_protocol(std::string_view name) const {
  for (const HttpHeader& field : headers.all()) {
    if (!equal_ignoring_case(field.name, "Sec-WebSocket-Protocol")) continue;
    std::string_view list = field.value;
    std::string_view protocol;
    while (next_list_element(list, protocol)) {
      if (protocol == name) return true;
    }
  }
  return false;
}

bool check_websocket_request(const HttpRequest& request, WebSocketUpgrade& upgrade, HttpError& error) {
  const HttpHeaders& headers = request.headers;
  if (request.method == HttpMethod::head) {
    return set_error(error, 426, "upgrade_required", "a WebSocket is opened with GET");  // as GET without Upgrade
  }
  if (request.method != HttpMethod::get) {
    return set_error(error, 405, "method_not_allowed", "a WebSocket is opened with GET");
  }
  if (request.version_minor != 1) return set_error(error, 426, "upgrade_required", "a WebSocket needs HTTP/1.1");
  if (!request.wants_upgrade || !headers.has_token("Upgrade", "websocket")) {
    return set_error(error, 426, "upgrade_required",
                     "this is a WebSocket: send Connection: Upgrade and Upgrade: websocket");
  }
  if (request.chunked || request.content_length > 0) {
    return set_error(error, 400, "upgrade_with_body", "a request to upgrade may not have a body");
  }
  if (headers.count("Sec-WebSocket-Version") != 1 || headers.find_or("Sec-WebSocket-Version", "") != "13") {
    return set_error(error, 426, "websocket_version", "the only WebSocket version spoken here is 13");
  }
  if (headers.count("Sec-WebSocket-Key") != 1 || !is_websocket_key(headers.find_or("Sec-WebSocket-Key", ""))) {
    return set_error(error, 400, "bad_websocket_key", "Sec-WebSocket-Key is not the base64 of 16 bytes");
  }
  if (!are_lists_of(headers, "Sec-WebSocket-Protocol", is_token)) {
    return set_error(error, 400, "bad_websocket_protocol", "Sec-WebSocket-Protocol is not a list of names");
  }
  if (!are_lists_of(headers, "Sec-WebSocket-Extensions", is_extension)) {
    return set_error(error, 400, "bad_websocket_extension",
                     "Sec-WebSocket-Extensions is not a list of names with parameters");
  }
  upgrade.key = headers.find_or("Sec-WebSocket-Key", "");
  upgrade.headers = headers;
  return true;
}

std::span<const HttpHeader> upgrade_error_headers(const HttpError& error) {
  if (error.status == 405) return kAllowGet;
  if (error.status == 426) return kUpgradeRequired;
  return {};
}

void append_websocket_response(std::string& out, std::string_view key, std::string_view protocol,
                               std::string_view extension, std::string_view date) {
  const WebSocketAccept accept = websocket_accept(key);
  out.append("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n");
  append_line(out, "Sec-WebSocket-Accept", as_view(accept));
  if (!protocol.empty()) append_line(out, "Sec-WebSocket-Protocol", protocol);
  if (!extension.empty()) append_line(out, "Sec-WebSocket-Extensions", extension);
  if (!date.empty()) append_line(out, "Date", date);
  out.append("\r\n");
}

std::array<char, 24> websocket_key(const WebSocketNonce& nonce) {
  std::array<char, kKeySize> key;
  base64_encode_to(key.data(), nonce);
  return key;
}

void append_websocket_request(std::string& out, const WebSocketRequest& request, std::string_view key) {
  RINGCAST_ASSERT(is_field_value(request.target) && !request.target.empty());
  out.append("GET ").append(request.target).append(" HTTP/1.1\r\n");
  append_line(out, "Host", request.host);
  out.append("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n");
  append_line(out, "Sec-WebSocket-Key", key);
  if (!request.protocols.empty()) append_line(out, "Sec-WebSocket-Protocol", request.protocols);
  if (!request.extensions.empty()) append_line(out, "Sec-WebSocket-Extensions", request.extensions);
  for (const HttpHeader& field : request.headers) append_line(out, field.name, field.value);
  out.append("\r\n");
}

bool check_websocket_response(const HttpResponse& response, std::string_view key, bool deflate_offered,
                              WebSocketAnswer& answer, HttpError& error) {
  const HttpHeaders& headers = response.headers;
  if (response.status != 101) {
    return set_error(error, response.status, "upgrade_refused", "the server did not switch to WebSocket");
  }
  if (!headers.has_token("Upgrade", "websocket") || !headers.has_token("Connection", "upgrade")) {
    return set_error(error, 101, "bad_upgrade", "the answer does not name the WebSocket protocol");
  }
  const WebSocketAccept expected = websocket_accept(key);
  if (headers.count("Sec-WebSocket-Accept") != 1 || headers.find_or("Sec-WebSocket-Accept", "") != as_view(expected)) {
    return set_error(error, 101, "bad_websocket_accept", "Sec-WebSocket-Accept does not belong to the key sent");
  }
  const DeflateAnswer deflate = check_deflate_answer(headers);
  if (deflate == DeflateAnswer::invalid || (deflate == DeflateAnswer::accepted && !deflate_offered)) {
    return set_error(error, 101, "bad_websocket_extension", "the server chose an extension that was not offered");
  }
  answer.deflate = deflate == DeflateAnswer::accepted;
  answer.protocol = headers.find_or("Sec-WebSocket-Protocol", "");
  return true;
}

}  // namespace ringcast::codec
