// SPDX-License-Identifier: Apache-2.0
// What servers ask and do about rooms, users, connections and tokens over HTTP. Each call is one question to the hub,
// and its answer in JSON. One per core, its reactor's thread only.
#pragma once

#include <string>
#include <string_view>

#include "client/clients.h"
#include "hub/types.h"
#include "reactor/connection.h"

namespace ringcast::session {

class Flow;
class Guard;
class Responder;
struct Request;

// How many connections a query has reached or closed.
uint64_t affected(const hub::Answer& answer);

class RoomsApi {
 public:
  RoomsApi(Clients& clients, Flow& flow, Guard& guard, Responder& responder)
      : clients_(clients), flow_(flow), guard_(guard), responder_(responder) {}

  // `second` is what the second `{}` of the route matched, with its escapes. Answers with a refusal at once or when the
  // hub's answer has come.
  void ask(Client& client, reactor::Connection& connection, const Request& request, std::string_view second);
  void on_answer(Client& client, reactor::Connection& connection, const hub::Answer& answer);
  // Takes tokens back. Connections that were opened with one end on every core within an interval. With a broker it is
  // answered when all nodes know it, or a while later.
  void revoke(Client& client, reactor::Connection& connection, const Request& request);

 private:
  void answer_revoked(Client& client, reactor::Connection& connection, bool of_user, std::string_view name);

  Clients& clients_;
  Flow& flow_;
  Guard& guard_;
  Responder& responder_;
  std::string body_;
  std::string key_;
};

}  // namespace ringcast::session
