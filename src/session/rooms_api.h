// SPDX-License-Identifier: Apache-2.0
// What servers ask and do about rooms, users, connections and tokens over HTTP. Each call is one question to the hub,
// and its answer in JSON. One per core, its reactor's thread only.
#pragma once

#include <string>
#include <string_view>

#include "hub/types.h"
#include "runtime/connection.h"
#include "session/client.h"

namespace ringcast::session {

class Gate;
class HttpSession;
struct Request;

// How many connections a query has reached or closed.
uint64_t affected(const hub::Answer& answer);

class RoomsApi {
 public:
  RoomsApi(Gate& gate, HttpSession& http) : gate_(gate), http_(http) {}

  // `second` is what the second `{}` of the route matched, with its escapes. Answers with a refusal at once or when the
  // hub's answer has come.
  void ask(Client& client, runtime::Connection& connection, const Request& request, std::string_view second);
  void on_answer(Client& client, runtime::Connection& connection, const hub::Answer& answer);
  // Takes tokens back. Connections that were opened with one end on every core within an interval.
  void revoke(Client& client, runtime::Connection& connection, const Request& request);

 private:
  Gate& gate_;
  HttpSession& http_;
  std::string body_;
  std::string key_;
};

}  // namespace ringcast::session
