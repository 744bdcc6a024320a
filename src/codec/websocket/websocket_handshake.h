// SPDX-License-Identifier: Apache-2.0
// The WebSocket opening handshake (RFC 6455 section 4), both ends.
// Pure functions over parsed HTTP messages; any thread (the SHA-1 digest is fetched once per thread).
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "codec/http1/http_message.h"
#include "codec/http1/http_request_parser.h"
#include "codec/http1/http_response_parser.h"
#include "codec/websocket/deflate_negotiation.h"

namespace ringcast::codec {

// base64(SHA-1(key + GUID)).
using WebSocketAccept = std::array<char, 28>;
WebSocketAccept websocket_accept(std::string_view key);
inline std::string_view as_view(const WebSocketAccept& accept) {
  return {accept.data(), accept.size()};
}

// Server: what a valid upgrade request asks for. Views into the request.
struct WebSocketUpgrade {
  std::string_view key;
  HttpHeaders headers;
  // Whether `name` (case-sensitive) is among the subprotocols offered.
  bool offers_protocol(std::string_view name) const;
};

// True when the request is a valid upgrade to WebSocket. Else `error` has the answer: 400, 405 (with Allow: GET) or
// 426 (with Sec-WebSocket-Version: 13, and Upgrade: websocket).
bool check_websocket_request(const HttpRequest& request, WebSocketUpgrade& upgrade, HttpError& error);
// The fields that must go with such an answer.
std::span<const HttpHeader> upgrade_error_headers(const HttpError& error);

// 101 with Sec-WebSocket-Accept; protocol and extension only where not empty.
void append_websocket_response(std::string& out, std::string_view key, std::string_view protocol,
                               std::string_view extension, std::string_view date = {});

// Client.
struct WebSocketRequest {
  std::string_view host;
  std::string_view target;
  std::string_view protocols;   // comma-separated; none when empty
  std::string_view extensions;  // such as kDeflateOffer; none when empty
  std::span<const HttpHeader> headers;
};
using WebSocketNonce = std::array<uint8_t, 16>;
std::array<char, 24> websocket_key(const WebSocketNonce& nonce);
void append_websocket_request(std::string& out, const WebSocketRequest& request, std::string_view key);

struct WebSocketAnswer {
  std::string_view protocol;  // chosen by the server; empty when none
  bool deflate = false;
};
// True when the response accepts the upgrade made with `key`; else `error` says why not.
bool check_websocket_response(const HttpResponse& response, std::string_view key, bool deflate_offered,
                              WebSocketAnswer& answer, HttpError& error);

}  // namespace ringcast::codec
