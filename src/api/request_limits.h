// SPDX-License-Identifier: Apache-2.0
// What a request has to be allowed by the limits of its address, its user or its API key, before anything is done for
// it. One per core, its reactor's thread only.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "access/identity.h"
#include "access/rate_limits.h"
#include "access/subject_table.h"
#include "base/ip_address.h"
#include "client/client.h"
#include "codec/http1/http_request_parser.h"
#include "reactor/connection.h"

namespace ringcast::session {

class Admission;
class ClientAddresses;
class Clients;
class Flow;
class Meters;
class Responder;
struct Judgement;

// "the limit of user “alice” is 10 messages a second"
std::string limit_text(const access::RateLimits& limits, const Judgement& judgement, std::string_view whose);

class RequestLimits {
 public:
  RequestLimits(Clients& clients, Flow& flow, ClientAddresses& addresses, Admission& admission, Meters& meters,
                Responder& responder)
      : clients_(clients),
        flow_(flow),
        addresses_(addresses),
        admission_(admission),
        meters_(meters),
        responder_(responder) {}

  // Notes the client's address in the request's state, where limits or proxies need it; false: refused.
  bool find_address(Client& client, reactor::Connection& connection, const codec::HttpRequest& http);
  // True: it has been asked, HttpSession::on_judged goes on.
  // `apart`: what it opens counts beside its connection (a session that polls).
  bool ask(Client& client, const access::Identity& identity, const access::Question& cost, bool apart);
  // A WebSocket has opened: what it sends is counted from here on.
  void meter(Client& client, const access::Identity& identity, const IpAddress& address);
  void refuse(Client& client, reactor::Connection& connection, const Judgement& judgement);

 private:
  // Those whose limits hold for what this caller does; the second: its connection is counted already.
  using Subjects = std::function<void(const access::LimitSubject&, bool)>;
  void subjects_of(const Client& client, const access::Identity& identity, const IpAddress& address,
                   const Subjects& add);

  Clients& clients_;
  Flow& flow_;
  ClientAddresses& addresses_;
  Admission& admission_;
  Meters& meters_;
  Responder& responder_;
  std::string key_;
  std::vector<access::Question> questions_;
};

}  // namespace ringcast::session
