// SPDX-License-Identifier: Apache-2.0
// Connections that carry sessions of Engine.IO: a GET that waits for packets, a POST that brings some, a WebSocket. The
// session may live on another core; what a connection brings goes there and what comes back is written here
// (engine_io_mail.h). Polling requests go back to HTTP when they are answered. One per core, its reactor's thread only.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "client/engine_io_mail.h"
#include "transport/transport.h"

namespace ringcast::session {

class EngineIoSessions;
class Gate;

class EngineIoTransport final : public Transport {
 public:
  EngineIoTransport(Gate& gate, EngineIoSessions& sessions) : gate_(gate), sessions_(sessions) {}

  TransportKind kind() const override { return TransportKind::socketio; }
  void open(Client& client, Connection& connection, const Request& request) override;
  size_t on_bytes(Client& client, Connection& connection, std::span<uint8_t> bytes) override;
  void on_peer_gone(Client& client, Connection& connection) override;
  bool ends_with_peer() const override { return true; }
  void on_drained(Client&, Connection&) override {}
  void on_slow(Client& client, Connection& connection, reactor::CloseCause cause) override;
  void on_timer(Client&, Connection&) override {}
  void drain(Client& client, Connection& connection) override;
  void on_closed(Client& client, reactor::CloseCause cause) override;
  void on_tick() override {}
  bool goes_back(const Client& client) const override;

  // The hub knows members (socket_io_transport.h), not connections.
  void on_joined(Client&, Connection&, const hub::Joined&) override {}
  void on_replay(Client&, Connection&, std::string_view, std::span<const Slice>, uint64_t, uint32_t,
                 uint64_t) override {}
  void on_left(Client&, Connection&, std::string_view, hub::LeftReason) override {}
  void on_kicked(Client&, Connection&) override {}
  bool send_canonical(Client&, Connection&, std::string_view) override { return false; }
  void end_token(Client&, Connection&, TokenEnd) override {}

  // Of the kinds that go to connections.
  void take(EngineIoMail& mail);
  void take_frames(const reactor::Mail& mail);

 private:
  struct Carrier;

  void handshake(Client& client, Connection& connection, const Request& request, bool over_websocket);
  void become_websocket(Client& client, Connection& connection, std::string_view key, std::string_view first);
  void wait_for(Client& client, const EngineIoSid& sid, EngineIoMail::Kind kind, std::string bytes);
  void refuse(Client& client, Connection& connection, EngineIoRefusal refusal);
  void answer(Client& client, Connection& connection, EngineIoMail& mail);
  void close_socket(Client& client, Connection& connection, uint16_t code, reactor::CloseCause cause);
  void post(const EngineIoSid& sid, EngineIoMail::Kind kind, const Client& client, bool binary, std::string bytes,
            reactor::CloseCause cause = reactor::CloseCause::done);

  Gate& gate_;
  EngineIoSessions& sessions_;
  std::string frame_;
};

}  // namespace ringcast::session
