// SPDX-License-Identifier: Apache-2.0
// Who a request comes from. The one place where an Identity is made, for every transport: what is proved by the head of
// the request, and once it is routed, the names that it gives, as far as that lets them be. One per core, its reactor's
// thread only.
#pragma once

#include <string_view>

#include "base/error.h"
#include "client/client.h"
#include "codec/http1/http_request_parser.h"
#include "reactor/connection.h"

namespace ringcast::session {

class Clients;
class Guard;
class Responder;
struct RequestState;
struct Request;
struct Route;

class SignIn {
 public:
  SignIn(Clients& clients, Guard& guard, Responder& responder)
      : clients_(clients), guard_(guard), responder_(responder) {}

  // Sets identity, query and denial of the request's state; false: refused.
  bool authenticate(Client& client, reactor::Connection& connection, const codec::HttpRequest& http,
                    const Route& route);
  [[nodiscard]] Result<void> name(Request& request) const;

 private:
  std::string_view token_of(const codec::HttpRequest& http, const Route& route, const RequestState& current) const;
  // 401: `error` is what is wrong with the credentials that were given; without any, `wanted` says which are.
  void challenge(Client& client, reactor::Connection& connection, const Error* error, std::string_view wanted);

  Clients& clients_;
  Guard& guard_;
  Responder& responder_;
};

}  // namespace ringcast::session
