// SPDX-License-Identifier: Apache-2.0
// Figures of the server over HTTP: /stats, /stats/stream and /stats/history, /metrics, /health and /ready, and the
// counts that clients of other systems ask for. Counters of other cores are read where they are: each has one writer,
// and a figure may be a moment old. One per core, its reactor's thread only.
#pragma once

#include <string>
#include <string_view>

#include "client/clients.h"
#include "client/routes.h"
#include "hub/types.h"
#include "reactor/connection.h"

namespace ringcast::session {

class Flow;
class Guard;
class Responder;
struct Request;

class StatisticsApi {
 public:
  using Connection = reactor::Connection;

  StatisticsApi(Clients& clients, Flow& flow, Guard& guard, Responder& responder)
      : clients_(clients), flow_(flow), guard_(guard), responder_(responder) {}

  // /stats and what is like it: questions to the hub, then the answer.
  void ask(Client& client, const Request& request);
  // Whether such an answer was taken here.
  bool on_answer(Client& client, Connection& connection, const hub::Answer& answer);
  // The second question; from HttpSession::on_tick().
  void go_on(Client& client);
  void answer_online(Client& client, Connection& connection);
  // The last five minutes of these figures, which lie there written.
  void answer_history(Client& client, Connection& connection);
  void answer_metrics(Client& client, Connection& connection);
  void answer_status(Client& client, Connection& connection, const Request& request);

  // The figures of /stats as Server-Sent Events, one a second. A reader that has not taken the last one gets none until
  // it has, so nothing piles up.
  void open_stream(Client& client, Connection& connection, const Request& request);
  static bool is_stream(const Client& client);
  void on_timer(Client& client);
  void end_stream(Client& client, Connection& connection, reactor::CloseCause cause);

 private:
  bool sees_rooms(Client& client, const Request& request) const;
  void ask_busiest(Client& client, std::string tenant, Endpoint endpoint);
  void answer_stats(Client& client, Connection& connection, const hub::Answer& answer);
  void answer_broker_stats(Client& client, Connection& connection, const hub::Answer& answer);
  void send_stats(Client& client, Connection& connection);

  Clients& clients_;
  Flow& flow_;
  Guard& guard_;
  Responder& responder_;
  std::string body_;
  std::string out_;
  std::string key_;
};

}  // namespace ringcast::session
