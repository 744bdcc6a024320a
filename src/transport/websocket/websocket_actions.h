// SPDX-License-Identifier: Apache-2.0
// What WebSocket clients ask for in text frames: joins, lists, statuses, tokens; what publishes goes to the publisher.
// Part of the WebSocketSession of a core.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "access/rules.h"
#include "base/error.h"
#include "client/client.h"
#include "codec/native/action.h"
#include "hub/types.h"
#include "reactor/connection.h"
#include "transport/subscription.h"
#include "transport/websocket/websocket_publisher.h"
#include "transport/websocket/websocket_writer.h"

namespace ringcast::session {

class Gate;
class WebSocketSession;

class WebSocketActions {
 public:
  using Connection = reactor::Connection;

  WebSocketActions(Gate& gate, WebSocketWriter& writer, WebSocketPublisher& publisher, WebSocketSession& session)
      : gate_(gate), writer_(writer), publisher_(publisher), session_(session) {}

  // A text frame. False: an answer or credit is waited for, what follows stays unread.
  bool take(Client& client, Connection& connection, std::string_view text);
  // In the dialect of the client. Nothing on success; `action` holds what could be read in any case.
  [[nodiscard]] std::optional<Error> read(const Client& client, std::string_view text, codec::Action& action) const;
  // Answers of the hub to an open connection.
  void on_joined(Client& client, Connection& connection, const hub::Joined& joined);
  void on_answer(Client& client, Connection& connection, const hub::Answer& answer);
  void tell_joined(Connection& connection, const hub::Joined& joined, std::string_view ref, CursorFault fault);
  void tell_join_error(Connection& connection, const hub::Joined& joined, std::string_view ref);

 private:
  bool offer_to_host(Client& client, std::string_view text);
  bool act_join(Client& client, Connection& connection, const codec::Action& action);
  bool act_query(Client& client, Connection& connection, const codec::Action& action);
  void act_leave(Client& client, Connection& connection, const codec::Action& action);
  void leave_room(Client& client, Connection& connection);  // where a connection is in one at a time
  void tell_online(const Client& client, Connection& connection, const hub::Answer& answer);
  void act_status(Client& client, Connection& connection, const codec::Action& action);
  void act_ping(Connection& connection, const codec::Action& action);
  void act_refresh(Client& client, Connection& connection, const codec::Action& action);
  // These answer the client when they refuse.
  bool resolve(Connection& connection, const Client& client, const codec::Action& action);  // into key_
  bool may_read(Client& client, Connection& connection, access::Operation operation, std::string_view key,
                std::string_view ref);

  Gate& gate_;
  WebSocketWriter& writer_;
  WebSocketPublisher& publisher_;
  WebSocketSession& session_;
  std::string key_;
};

}  // namespace ringcast::session
