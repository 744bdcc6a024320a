// SPDX-License-Identifier: Apache-2.0
// POST /messages. Everything is checked before anything is published; then the units go to the hub in order, as far as
// its credit reaches, and the answer is written when the last outcome has come. One per core, its reactor's thread
// only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "access/identity.h"
#include "api/publish_progress.h"
#include "client/clients.h"
#include "codec/native/publish_request.h"
#include "codec/native/rest_json.h"
#include "hub/encoder.h"
#include "hub/types.h"
#include "reactor/connection.h"

namespace ringcast::session {

class Decisions;
class Flow;
class Guard;
class RequestLimits;
class Responder;
struct Request;

class MessagesApi {
 public:
  using Connection = reactor::Connection;

  MessagesApi(Clients& clients, Flow& flow, Guard& guard, Decisions& decisions, hub::Encoder& encoder,
              RequestLimits& limits, Responder& responder)
      : clients_(clients),
        flow_(flow),
        guard_(guard),
        decisions_(decisions),
        encoder_(encoder),
        limits_(limits),
        responder_(responder) {}

  void begin(Client& client, Connection& connection, const Request& request);
  // Goes on where it stopped: there is credit, the limits allow it, or somebody has decided about the next unit.
  void go_on(Client& client, Connection& connection);
  void on_published(Client& client, Connection& connection, const hub::Published& published);
  // Of a unit for one connection.
  void on_answer(Client& client, Connection& connection, const hub::Answer& answer);

 private:
  // Whether who has only a token may publish all of it; refuses it else.
  bool may_publish(Client& client, Connection& connection, const access::Identity& identity,
                   const codec::PublishBody& body);
  void publish(Client& client, Connection& connection, const codec::PublishBody& body);
  // Whether the unit may be published now, as it was changed; else the answer is waited for, or it was refused (and the
  // unit is over).
  enum class Verdict : uint8_t { publish, wait, refused };
  Verdict ask_about(Client& client, hub::Publish& publish, PublishOutcome& outcome);
  void send_to_connection(Client& client, const codec::PublishRequest& item, std::string_view name,
                          std::string_view tenant, uint64_t correlation);
  void finish(Client& client, Connection& connection);

  Clients& clients_;
  Flow& flow_;
  Guard& guard_;
  Decisions& decisions_;
  hub::Encoder& encoder_;
  RequestLimits& limits_;
  Responder& responder_;
  std::string body_;
  std::string key_;
  std::vector<codec::PublishResult> results_;
};

}  // namespace ringcast::session
