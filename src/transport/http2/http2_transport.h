// SPDX-License-Identifier: Apache-2.0
// HTTP/2 on the connections of one core (RFC 9113): each of its streams is a stream of the reactor and a client of the
// gate, which speaks HTTP, an event stream or a long poll like a connection of its own. This carries what they say: it
// hands requests to them, and pulls their outboxes onto the connection within its windows. Nothing of it exists for
// connections that speak HTTP/1.1. One per gate, its thread only.
#pragma once

#include <tsl/robin_map.h>

#include <cstdint>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "client/client.h"
#include "codec/grpc/grpc_status.h"
#include "codec/http2/http2_session.h"
#include "reactor/reactor.h"
#include "transport/transport.h"

namespace ringcast::session {

class Gate;
class GrpcCall;

class Http2Transport final : public Protocol, public reactor::Carrier {
 public:
  // What a connection begins with (RFC 9113 section 3.4); no request of HTTP/1.x begins with its first four bytes.
  static constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  static constexpr size_t kPrefaceSure = 4;

  explicit Http2Transport(Gate& gate);
  ~Http2Transport() override;

  // The connection has begun with `begun` of the preface and speaks HTTP/2 from now on; what follows goes to
  // on_bytes().
  void take(Client& client, Connection& connection, std::string_view begun);

  // --- Protocol, of the connection that carries ---
  size_t on_bytes(Client& client, Connection& connection, std::span<uint8_t> bytes) override;
  void on_peer_gone(Client& client, Connection& connection) override;
  void on_drained(Client& client, Connection& connection) override;
  void on_slow(Client& client, Connection& connection, reactor::CloseCause cause) override;
  void on_timer(Client& client, Connection& connection) override;
  void drain(Client& client, Connection& connection) override;
  void on_closed(Client& client, reactor::CloseCause cause) override;
  void on_tick() override {}
  void on_interval();

  // --- Carrier, of the streams ---
  void on_output(reactor::Stream& stream) override;
  void on_reading(reactor::Stream& stream) override;
  void on_closed(reactor::Stream& stream, io::CloseMode mode) override;
  void flush() override;
  io::Delivery delivery(const reactor::Stream& stream) const override;

 private:
  class Http2Connection;
  struct Carried {
    Http2Connection* shared = nullptr;
    uint32_t number = 0;      // of HTTP/2
    uint32_t place = 0;       // among the connection's
    uint32_t unread = 0;      // bytes of a body that count against its window
    uint64_t pulled = 0;      // bytes
    io::Nanoseconds last{0};  // when some were
    bool answered = false;    // the head of the answer has gone
    bool ended = false;       // and the end
    std::unique_ptr<GrpcCall> call;
    io::Nanoseconds deadline{0};  // of the call; 0: none
  };

  void close_streams(Http2Connection& shared, reactor::CloseCause cause);
  Carried* find(uint32_t slot);
  void touch(Http2Connection& shared);
  void send_heads(reactor::Stream& stream, Carried& carried);
  void note(reactor::StreamId stream);
  // Calls of gRPC.
  void begin_call(reactor::StreamId stream, Carried& carried);
  void take_message(const reactor::Stream& stream, Carried& carried, std::span<const uint8_t> bytes);
  void end_message(const reactor::Stream& stream, Carried& carried);
  void feed(reactor::StreamId stream, std::string text);
  void answer_call(reactor::Stream& stream, Carried& carried);
  void end_late_calls();
  void count(codec::GrpcStatus status);
  void write(Http2Connection& shared);
  void settle(Http2Connection& shared);

  Gate& gate_;
  tsl::robin_map<uint32_t, Carried> carried_;                 // by slot
  std::vector<reactor::StreamId> noted_;                      // have output
  std::vector<ConnectionId> touched_;                         // have frames to send
  std::vector<ConnectionId> starving_;                        // have streams whose windows are too small
  std::set<std::pair<io::Nanoseconds, uint32_t>> deadlines_;  // of calls, with their slots
};

}  // namespace ringcast::session
