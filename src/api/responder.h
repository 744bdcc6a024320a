// SPDX-License-Identifier: Apache-2.0
// How a request over HTTP is answered, for those who answer it: they know no sockets and no bytes of HTTP. One per
// core, its reactor's thread only.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/ip_address.h"
#include "client/client.h"
#include "codec/http1/http_message.h"
#include "codec/http1/http_response.h"
#include "reactor/connection.h"

namespace ringcast::session {

struct RequestState;

struct HttpAnswer {
  uint16_t status = 200;
  std::string_view content_type;  // none when empty
  std::string_view body;
  std::span<const codec::HttpHeader> headers;
  bool cacheable = false;  // false: Cache-Control: no-store goes with it
};
inline constexpr std::string_view kJson = "application/json";
// RFC 6750 section 3: with the 401 of a token that is no good.
inline constexpr codec::HttpHeader kInvalidToken{"WWW-Authenticate", "Bearer error=\"invalid_token\""};
// Of event streams: a proxy that compresses one holds its events back.
inline constexpr std::string_view kStreamCacheControl = "no-cache, no-transform";

class Responder {
 public:
  virtual ~Responder() = default;

  // Of the request in progress; made when there is none.
  virtual RequestState& state(Client& client) = 0;
  // Answers the request in progress; the connection goes on to the next one or closes.
  virtual void respond(Client& client, reactor::Connection& connection, const HttpAnswer& answer) = 0;
  // {"error":{…}}. With 429 and 503 goes Retry-After (at least `after`), and a stream's client gets 200, `retry:`,
  // `problem` and the end instead, because EventSource would give up for good.
  virtual void refuse(Client& client, reactor::Connection& connection, uint16_t status, std::string_view code,
                      std::string_view message, std::span<const codec::HttpHeader> headers = {},
                      std::chrono::milliseconds after = std::chrono::milliseconds(0)) = 0;
  // With a body of its own, which does not say why: the log does, for the operator.
  virtual void refuse_as(Client& client, reactor::Connection& connection, uint16_t status, const Error& why,
                         std::string_view body) = 0;
  // As respond(), with a response that is already written, head and all.
  virtual void respond_raw(Client& client, reactor::Connection& connection, uint16_t status,
                           std::string_view response) = 0;
  // Streams write their own head: the fields that let a listed page read it. Views into the request's state.
  virtual void append_cors(std::vector<codec::HttpHeader>& headers, const Client& client) const = 0;
  // Before the flush of this tick the call that it is about goes on: from within a call of the hub nothing may be
  // asked.
  virtual void continue_later(const Client& client) = 0;
  // The client's address for the request in progress, once a trusted proxy's fields are read; else the peer's.
  virtual IpAddress address_of(const Client& client) const = 0;
};

}  // namespace ringcast::session
