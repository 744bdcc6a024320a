// SPDX-License-Identifier: Apache-2.0
// What a WebSocket connection does: opening with its first joins, frames in, actions, acknowledgements, heartbeat,
// close handshake (RFC 6455 section 7.1). Also GET /echo, which sends every message back as it came.
// One per core, touched by its reactor only. All that a connection needs for long lies in its Client; what few need for
// a while (outstanding acks, a room for binary frames) lies in a table here.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "auth/rules.h"
#include "base/error.h"
#include "hub/sink.h"
#include "runtime/reactor.h"
#include "session/client.h"
#include "session/dialect/spelling.h"
#include "session/heartbeat.h"
#include "session/held_messages.h"
#include "session/hooks.h"
#include "session/meters.h"
#include "session/subscription.h"
#include "session/transport.h"
#include "session/websocket_asides.h"
#include "wire/action.h"
#include "wire/websocket_handshake.h"

namespace ringcast::session {

class Gate;
struct Request;

class WebSocketSession final : public Transport {
 public:
  explicit WebSocketSession(Gate& gate);

  TransportKind kind() const override { return TransportKind::websocket; }
  void open(Client& client, Connection& connection, const Request& request) override;
  size_t on_bytes(Client& client, Connection& connection, std::span<uint8_t> bytes) override;
  void on_peer_gone(Client& client, Connection& connection) override;
  void on_drained(Client& client, Connection& connection) override;
  void on_slow(Client& client, Connection& connection, runtime::CloseCause cause) override;
  void on_timer(Client& client, Connection& connection) override;
  void on_credit(Client& client, Connection& connection) override;
  void on_joined(Client& client, Connection& connection, const hub::Joined& joined) override;
  void on_replay(Client& client, Connection& connection, std::string_view key, std::span<const Slice> canonical,
                 uint64_t first_id, uint32_t count, uint64_t gap_oldest) override;
  void on_left(Client& client, Connection& connection, std::string_view key, hub::LeftReason reason) override;
  void on_published(Client& client, Connection& connection, const hub::Published& published) override;
  void on_answer(Client& client, Connection& connection, const hub::Answer& answer) override;
  void on_kicked(Client& client, Connection& connection) override;
  void drain(Client& client, Connection& connection) override;
  bool send_canonical(Client& client, Connection& connection, std::string_view canonical) override;
  void on_closed(Client& client, runtime::CloseCause cause) override;
  void tell_expiring(Client& client, Connection& connection, uint64_t left_ms) override;
  void end_token(Client& client, Connection& connection, TokenEnd how) override;
  // A lease has come, or has been refused: the message that waited for it is tried again.
  void on_allowance(Client& client, Connection& connection);
  // Of a message that somebody else decides about; its connection may be gone.
  void on_decided(ConnectionId id, uint64_t ticket, HookDecision decision);
  // Credit has come.
  void serve_held();
  // After the hub's own tick and before the flush: what the hub's calls asked for but may not be done within them.
  void on_tick() override;

 private:
  // --- websocket_opening.cc ---
  // Switches protocols only to say why it closes: what a browser's page gets to see of it.
  void open_and_close(Client& client, Connection& connection, const wire::WebSocketUpgrade& upgrade, uint16_t code,
                      std::string_view reason, const Error& error);
  void note_opening(Client& client, Connection& connection, const hub::Joined& joined);
  void finish_opening(Client& client, Connection& connection);
  void tell_joined(Connection& connection, const hub::Joined& joined, std::string_view ref, CursorFault fault);

  // --- websocket_actions.cc; false: an answer or credit is waited for, what follows stays unread ---
  bool take_message(Client& client, Connection& connection, bool text, std::span<uint8_t> payload);
  bool offer_to_host(Client& client, std::string_view text);
  bool take_action(Client& client, Connection& connection, std::string_view text);
  std::optional<Error> read_action(const Client& client, std::string_view text, wire::Action& action) const;
  bool act_join(Client& client, Connection& connection, const wire::Action& action);
  bool act_query(Client& client, Connection& connection, const wire::Action& action);
  void act_leave(Client& client, Connection& connection, const wire::Action& action);
  // Client::room as a key; empty: none.
  std::string_view room_of(const Client& client) const;
  void note_left(Client& client) const;                     // forgets it when that was what the client has left
  void leave_room(Client& client, Connection& connection);  // where a connection is in one at a time
  void act_status(Client& client, Connection& connection, const wire::Action& action);
  void act_ping(Connection& connection, const wire::Action& action);
  void act_refresh(Client& client, Connection& connection, const wire::Action& action);
  void tell_join_error(Connection& connection, const hub::Joined& joined, std::string_view ref);
  // The channel that an action is about, as a key. These tell the client when they say no.
  bool resolve(Client& client, Connection& connection, const wire::Action& action, std::string& key);
  bool may_read(Client& client, Connection& connection, auth::Operation operation, std::string_view key,
                std::string_view ref);

  // --- websocket_publishing.cc; false as above ---
  bool take_binary(Client& client, Connection& connection, std::span<const uint8_t> payload);
  // `whole` is the message as it came, to be kept where there is no credit; `note` says what its ack tells.
  bool publish(Client& client, Connection& connection, hub::Publish& publish, AckNote* note, bool text,
               std::string_view whole);
  bool act_message(Client& client, Connection& connection, const wire::Action& action, std::string_view whole);
  bool act_direct(Client& client, Connection& connection, const wire::Action& action, std::string_view whole);
  bool act_typing(Client& client, Connection& connection, const wire::Action& action, std::string_view whole);
  void act_binary(Client& client, Connection& connection, const wire::Action& action);
  bool may_publish(Client& client, Connection& connection, std::string_view key, std::string_view ref);
  void tell_published(Client& client, Connection& connection, const hub::Published& published);

  // --- websocket_limits.cc ---
  Passage pass(Client& client, Connection& connection, bool text, std::span<const uint8_t> payload);
  void refuse_message(Client& client, Connection& connection, bool text, std::string_view message,
                      const Judgement& judgement);
  // --- websocket_hooks.cc ---
  // True: somebody else decides about this message, and it is kept until then.
  bool hold(Client& client, Connection& connection, const hub::Publish& publish, AckNote* note);
  std::optional<HookDecision> ask_about(HeldLine& line);
  bool take_decision(HeldLine& line, HookDecision& decision);
  bool go_on(HeldLine& line, bool allowed);
  bool publish_held(HeldLine& line);
  void tell_held(const HeldLine& line, std::string_view code, std::string_view message);
  void drop_held(HeldLine& line);

  // --- websocket_session.cc ---
  void take_echo(Client& client, Connection& connection, bool text, std::span<uint8_t> received,
                 std::span<uint8_t> payload);
  // An event of ours, in the connection's dialect if that shows it.
  void send_text(Connection& connection, std::string_view json);
  bool append_text(const Connection& connection, std::string_view json, std::string& out);
  void send_error(Connection& connection, std::string_view code, std::string_view message, std::string_view ref);
  void send_gap(Connection& connection, std::string_view key, uint64_t oldest, bool reset,
                CursorFault fault = CursorFault::none);
  // To what was published before: it is answered, if with a refusal.
  bool owes_acks(const Client& client) const;
  void arm_beat(Client& client, Connection& connection);
  void ease(Connection& connection);
  // Our close frame; then theirs is awaited. Nothing follows it.
  void close(Client& client, Connection& connection, uint16_t code, std::string_view reason, runtime::CloseCause cause);
  void take_close(Client& client, Connection& connection, uint16_t code);
  void answer_close(Client& client, Connection& connection);
  void note_acked(Client& client, Connection& connection);
  void probe(Connection& connection);
  void send_ping(Connection& connection);
  void fail(Client& client, Connection& connection, uint16_t code, std::string_view reason);

  Gate& gate_;
  AsideTable asides_;
  HeldMessages held_;
  uint64_t last_correlation_ = 0;  // of acknowledged publishes
  Spelling spelling_;
  HeartbeatBytes ping_;
  std::vector<ConnectionId> kicked_;
  std::string text_;   // JSON being written
  std::string frame_;  // frames being written
  std::string key_;
};

}  // namespace ringcast::session
