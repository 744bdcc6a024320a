// SPDX-License-Identifier: Apache-2.0
// What a WebSocket connection does: opening with its first joins, frames, heartbeat, close handshake (RFC 6455
// section 7.1). Also GET /echo, which sends every message back as it came. Actions and publishes are read in
// websocket_actions.h and websocket_publisher.h, events written in websocket_writer.h. One per core, touched by its
// reactor only. All that a connection needs for long lies in its Client.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "client/client.h"
#include "client/hooks.h"
#include "client/meters.h"
#include "codec/websocket/websocket_handshake.h"
#include "hub/sink.h"
#include "reactor/reactor.h"
#include "reactor/turn_queue.h"
#include "transport/heartbeat.h"
#include "transport/subscription.h"
#include "transport/transport.h"
#include "transport/websocket/websocket_actions.h"
#include "transport/websocket/websocket_publisher.h"
#include "transport/websocket/websocket_writer.h"

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
  void on_slow(Client& client, Connection& connection, reactor::CloseCause cause) override;
  void on_timer(Client& client, Connection& connection) override;
  void on_credit(Client& client, Connection& connection) override;
  void on_joined(Client& client, Connection& connection, const hub::Joined& joined) override;
  void on_replay(Client& client, Connection& connection, std::string_view key, std::span<const Slice> canonical,
                 uint64_t first_id, uint32_t count, uint64_t gap_oldest) override;
  void on_left(Client& client, Connection& connection, std::string_view key, hub::LeftReason reason) override;
  void on_published(Client& client, Connection& connection, const hub::Published& published) override;
  void on_answer(Client& client, Connection& connection, const hub::Answer& answer) override {
    actions_.on_answer(client, connection, answer);
  }
  void on_kicked(Client& client, Connection& connection) override;
  void drain(Client& client, Connection& connection) override;
  bool send_canonical(Client& client, Connection& connection, std::string_view canonical) override;
  void on_closed(Client& client, reactor::CloseCause cause) override;
  void tell_expiring(Client& client, Connection& connection, uint64_t left_ms) override;
  void end_token(Client& client, Connection& connection, TokenEnd how) override;
  // A lease has come, or has been refused: the message that waited for it is tried again.
  void on_allowance(Client& client, Connection& connection);
  // Of a message that somebody else decides about; its connection may be gone.
  void on_decided(ConnectionId id, uint64_t ticket, HookDecision decision) {
    publisher_.on_decided(id, ticket, std::move(decision));
  }
  // Credit has come.
  void serve_held() { publisher_.serve_held(); }
  // In the rooms that it is in, while it still is.
  void say_leave(Client& client);
  // Our close frame; then theirs is awaited. Nothing follows it.
  void close(Client& client, Connection& connection, uint16_t code, std::string_view reason, reactor::CloseCause cause);
  // An ack has been sent: the last of those that a client which leaves waits for lets it go.
  void note_acked(Client& client, Connection& connection);
  // After the hub's own tick and before the flush: what the hub's calls asked for but may not be done within them.
  void on_tick() override;

 private:
  // --- websocket_opening.cc ---
  // Switches protocols only to say why it closes: what a browser's page gets to see of it.
  void open_and_close(Client& client, Connection& connection, const codec::WebSocketUpgrade& upgrade, uint16_t code,
                      std::string_view reason, const Error& error);
  void note_opening(Client& client, Connection& connection, const hub::Joined& joined);
  void finish_opening(Client& client, Connection& connection);

  // --- websocket_session.cc ---
  // False: an answer or credit is waited for, what follows stays unread.
  bool take_message(Client& client, Connection& connection, bool text, std::span<uint8_t> payload);
  Passage pass(Client& client, Connection& connection, bool text, std::span<const uint8_t> payload);
  void refuse_message(Client& client, Connection& connection, bool text, std::string_view message,
                      const Judgement& judgement);
  void take_echo(Client& client, Connection& connection, bool text, std::span<uint8_t> received,
                 std::span<uint8_t> payload);
  bool owes_acks(const Client& client) const;
  void arm_beat(Client& client, Connection& connection);
  void ease(Connection& connection);
  void take_close(Client& client, Connection& connection, uint16_t code);
  void answer_close(Client& client, Connection& connection);
  void probe(Connection& connection);
  void send_ping(Connection& connection);
  void fail(Client& client, Connection& connection, uint16_t code, std::string_view reason);

  Gate& gate_;
  WebSocketWriter writer_;
  WebSocketPublisher publisher_;
  WebSocketActions actions_;
  HeartbeatBytes ping_;
  reactor::TurnQueue kicked_;
  std::string frame_;     // frames being written
  std::string deflated_;  // an echo
};

}  // namespace ringcast::session
