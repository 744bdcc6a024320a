// SPDX-License-Identifier: Apache-2.0
// What WebSockets publish: permission, credit, questions to hooks (held_messages.h) and acknowledgements, in the order
// of the messages. Part of the WebSocketSession of a core.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "client/client.h"
#include "client/hooks.h"
#include "codec/native/action.h"
#include "hub/types.h"
#include "reactor/connection.h"
#include "transport/websocket/held_messages.h"
#include "transport/websocket/websocket_asides.h"
#include "transport/websocket/websocket_writer.h"

namespace ringcast::session {

class Gate;
class WebSocketSession;

class WebSocketPublisher {
 public:
  using Connection = reactor::Connection;

  WebSocketPublisher(Gate& gate, WebSocketWriter& writer, WebSocketSession& session)
      : gate_(gate), writer_(writer), session_(session) {}

  // The actions of the same names, and binary frames. `whole` is the message as it came, which is kept where there is
  // no credit. False: credit is waited for, what follows stays unread.
  bool act_message(Client& client, Connection& connection, const codec::Action& action, std::string_view whole);
  bool act_direct(Client& client, Connection& connection, const codec::Action& action, std::string_view whole);
  bool act_typing(Client& client, Connection& connection, const codec::Action& action, std::string_view whole);
  bool take_binary(Client& client, Connection& connection, std::span<const uint8_t> payload);
  // Names the channel of the binary frames that follow.
  void act_binary(Client& client, Connection& connection, const codec::Action& action);

  // The outcome of a publish: acknowledged where that was asked for.
  void tell_published(Client& client, Connection& connection, const hub::Published& published);
  // Of a message that hooks decide about; its connection may be gone.
  void on_decided(ConnectionId id, uint64_t ticket, HookDecision decision);
  // Credit has come.
  void serve_held();
  // That the client comes to the room or leaves it, as those of its dialect say it.
  void announce(const Client& client, std::string_view room_key, bool comes);
  // To what was published before: it is answered, if with a refusal.
  bool owes_acks(const Client& client) const;
  void forget(Client& client);

 private:
  struct Announcement {
    std::string key, user, connection, content;
    bool comes;
  };
  void serve_announcements();
  bool resolve(Connection& connection, const Client& client, const codec::Action& action);  // into key_
  bool may_publish(Client& client, Connection& connection, std::string_view key, std::string_view ref);
  hub::Publish message_of(const Client& client, const codec::Action& action) const;
  // `note` says what its ack says.
  bool publish(Client& client, Connection& connection, hub::Publish& publish, AckNote* note, bool text,
               std::string_view whole);
  // True: hooks decide about this message, and it is kept until then.
  bool hold(Client& client, Connection& connection, const hub::Publish& publish, AckNote* note);
  std::optional<HookDecision> ask_about(HeldLine& line);
  bool take_decision(HeldLine& line, HookDecision& decision);
  bool go_on(HeldLine& line, bool allowed);
  bool publish_held(HeldLine& line);
  void tell_held(const HeldLine& line, std::string_view code, std::string_view message);
  void drop_held(HeldLine& line);

  Gate& gate_;
  WebSocketWriter& writer_;
  WebSocketSession& session_;
  AsideTable asides_;
  HeldMessages held_;
  std::deque<Announcement> announcements_;  // that wait for credit; at most one for each room of a connection
  uint64_t last_correlation_ = 0;           // of acknowledged publishes
  std::string key_;
};

}  // namespace ringcast::session
