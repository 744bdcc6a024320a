// SPDX-License-Identifier: Apache-2.0
#include "tls/tls_backend.h"

#include <gtest/gtest.h>

#include <map>

#include "fake_backend.h"
#include "tls_pair.h"

namespace ringcast::tls {
namespace {

using io::CloseReason;
using io::EventKind;

constexpr uint16_t kPlain = 0, kSecure = 1, kMutual = 2;
constexpr std::string_view kRefusal = "HTTP/1.1 400 Bad Request\r\n\r\n";

io::Nanoseconds the_time{std::chrono::hours(1)};

// A TlsBackend whose network is a FakeBackend, and clients of OpenSSL behind it.
class TlsBackendTest : public testing::Test {
 protected:
  struct Heard {
    std::string bytes;
    int writable = 0, closed = 0, connected = 0;
    CloseReason reason = CloseReason::none;
    int error = 0;
  };

  void start(const HandshakeLimits& limits = {}) {
    pki_.issue("own", {.names = {"localhost"}});
    auto fake = std::make_unique<FakeBackend>();
    network_ = fake.get();
    backend_ = std::make_unique<TlsBackend>(std::move(fake),
                                            TlsOptions{limits, std::string(kRefusal), [] { return the_time; }});
    backend_->secure_listener(kSecure, false);
    backend_->secure_listener(kMutual, true);
    ASSERT_TRUE(backend_->serve(material(), RotatingTicketKeys::random(std::time(nullptr))));
    context_ = *ClientContext::create({.server_name = "localhost", .ca_file = pki_.path("ca.pem")});
  }
  std::shared_ptr<const Material> material() {
    auto loaded = load_material({{pki_.path("own.pem")}, {pki_.path("own.key")}, pki_.path("ca.pem"), {}},
                                TLS1_2_VERSION, {"http/1.1"}, std::time(nullptr));
    EXPECT_TRUE(loaded) << loaded.error().message;
    return *loaded;
  }
  // One wait(), with what an owner does of itself: it starts to receive.
  void turn() {
    for (const io::Event& event : backend_->wait(io::Nanoseconds(-1))) {
      Heard& heard = heard_[event.socket.value];
      switch (event.kind) {
        case EventKind::accepted:
          backend_->start_receive(event.socket, static_cast<io::Owner>(event.socket.value));
          break;
        case EventKind::connected:
          ++heard.connected;
          backend_->start_receive(event.socket, event.owner);
          break;
        case EventKind::bytes:
          EXPECT_EQ(heard.closed, 0);
          heard.bytes.append(event.bytes.begin(), event.bytes.end());
          break;
        case EventKind::writable: ++heard.writable; break;
        case EventKind::closed:
          ++heard.closed;
          heard.reason = event.reason;
          heard.error = event.error;
          break;
      }
    }
  }
  // A client and the server talk until neither has anything to say.
  void converse(int32_t fd, End& client) {
    if (client.tls.state() == Connection::State::handshaking) client.take(std::span<const uint8_t>());
    FakeBackend::Wire& wire = network_->wire(fd);
    for (int quiet = 0; quiet < 3; ++quiet) {
      if (!client.out.empty() || !wire.out.empty()) quiet = 0;
      wire.in.insert(wire.in.end(), client.out.begin(), client.out.end());
      client.out.clear();
      turn();
      const Bytes came(std::exchange(wire.out, {}));
      client.take(came);
    }
  }
  int64_t flush(int32_t fd, std::string_view text, bool* waits = nullptr) {
    const iovec iov{const_cast<char*>(text.data()), text.size()};
    io::SendOp op{.socket = {fd}, .iov_count = 1, .iov = &iov};
    backend_->flush({&op, 1});
    if (waits != nullptr) *waits = op.waits;
    return op.result;
  }
  uint64_t stat(const std::atomic<uint64_t>& counter) { return counter.load(); }
  const TlsStats& stats() { return backend_->tls_stats(); }

  Pki pki_;
  FakeBackend* network_ = nullptr;
  std::unique_ptr<TlsBackend> backend_;
  std::unique_ptr<ClientContext> context_;
  std::map<int32_t, Heard> heard_;
};

TEST_F(TlsBackendTest, CarriesPlaintextBothWays) {
  start();
  const int32_t fd = network_->arrive(kSecure);
  End client(context_->connect());
  client.take(std::span<const uint8_t>());
  converse(fd, client);
  EXPECT_EQ(client.tls.state(), Connection::State::open);
  EXPECT_EQ(stat(stats().full[1]), 1u);
  EXPECT_EQ(stat(stats().open), 1u);
  client.write("hello");
  converse(fd, client);
  EXPECT_EQ(heard_[fd].bytes, "hello");
  EXPECT_EQ(flush(fd, "world"), 5);
  converse(fd, client);
  EXPECT_EQ(client.received, "world");
  backend_->close({fd}, io::CloseMode::graceful);
  const Bytes last(network_->wire(fd).out);
  client.take(last);
  EXPECT_EQ(client.tls.state(), Connection::State::ended);  // close_notify
  EXPECT_EQ(stat(stats().open), 0u);
}

TEST_F(TlsBackendTest, OthersPassThrough) {
  start();
  const int32_t plain = network_->arrive(kPlain), secure = network_->arrive(kSecure);
  End client(context_->connect());
  converse(secure, client);
  network_->wire(plain).in.assign({'a', 'b'});
  turn();
  EXPECT_EQ(heard_[plain].bytes, "ab");
  const std::string text = "together";
  const iovec iov{const_cast<char*>(text.data()), text.size()};
  io::SendOp ops[] = {{.socket = {plain}, .iov_count = 1, .iov = &iov},
                      {.socket = {secure}, .iov_count = 1, .iov = &iov}};
  const size_t flushes = network_->flushes;
  backend_->flush(ops);
  EXPECT_EQ(network_->flushes, flushes + 1);
  EXPECT_EQ(ops[0].result, 8);
  EXPECT_EQ(ops[1].result, 8);
  EXPECT_EQ(std::string(network_->wire(plain).out.begin(), network_->wire(plain).out.end()), text);
  converse(secure, client);
  EXPECT_EQ(client.received, text);
}

TEST_F(TlsBackendTest, WhatASocketDoesNotTakeIsKeptAndReported) {
  start();
  const int32_t fd = network_->arrive(kSecure);
  End client(context_->connect());
  converse(fd, client);
  FakeBackend::Wire& wire = network_->wire(fd);
  wire.room = 100;
  bool waits = false;
  EXPECT_EQ(flush(fd, std::string(1000, 'x'), &waits), 1000);
  EXPECT_TRUE(waits);
  EXPECT_GT(stat(stats().waiting_bytes), 900u);
  EXPECT_GT(backend_->delivery({fd}).unacknowledged, 900u);
  EXPECT_EQ(flush(fd, "no room", &waits), 0);
  heard_[fd] = {};
  wire.room = SIZE_MAX;
  turn();
  EXPECT_EQ(heard_[fd].writable, 1);
  EXPECT_EQ(stat(stats().waiting_bytes), 0u);
  EXPECT_EQ(flush(fd, " and more", &waits), 9);
  EXPECT_FALSE(waits);
  converse(fd, client);
  EXPECT_EQ(client.received, std::string(1000, 'x') + " and more");
}

TEST_F(TlsBackendTest, EncryptsAShareOfMuchAndAsksForMore) {
  start();
  const int32_t fd = network_->arrive(kSecure);
  End client(context_->connect());
  converse(fd, client);
  heard_[fd] = {};
  const std::string much(200'000, 'm');
  EXPECT_EQ(flush(fd, much), 65'536);
  turn();
  EXPECT_EQ(heard_[fd].writable, 1);
}

TEST_F(TlsBackendTest, AFullArenaIsSentAndTheRestFollows) {
  start();
  std::vector<int32_t> sockets;
  std::vector<std::unique_ptr<End>> clients;
  for (int i = 0; i < 12; ++i) {
    sockets.push_back(network_->arrive(kSecure));
    clients.push_back(std::make_unique<End>(context_->connect()));
    converse(sockets.back(), *clients.back());
  }
  const std::string much(60'000, 'a');
  const iovec iov{const_cast<char*>(much.data()), much.size()};
  std::vector<io::SendOp> ops;
  for (const int32_t fd : sockets) ops.push_back({.socket = {fd}, .iov_count = 1, .iov = &iov});
  const size_t flushes = network_->flushes;
  backend_->flush(ops);
  EXPECT_GE(network_->flushes, flushes + 2);
  EXPECT_LE(network_->flushes, flushes + 4);
  for (size_t i = 0; i < sockets.size(); ++i) {
    EXPECT_EQ(ops[i].result, 60'000);
    converse(sockets[i], *clients[i]);
    EXPECT_EQ(clients[i]->received, much);
  }
}

TEST_F(TlsBackendTest, WhatIsSentBeforeTheHandshakeIsDoneWaits) {
  start();
  const int32_t fd = network_->arrive(kSecure);
  turn();
  EXPECT_EQ(flush(fd, "early"), 0);
  End client(context_->connect());
  converse(fd, client);
  EXPECT_EQ(heard_[fd].writable, 1);
  EXPECT_EQ(flush(fd, "early"), 5);
  converse(fd, client);
  EXPECT_EQ(client.received, "early");
}

TEST_F(TlsBackendTest, PlainHttpGetsAPlainAnswer) {
  start();
  const int32_t fd = network_->arrive(kSecure);
  const std::string_view request = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
  network_->wire(fd).in.assign(request.begin(), request.end());
  turn();
  turn();
  FakeBackend::Wire& wire = network_->wire(fd);
  EXPECT_EQ(std::string(wire.out.begin(), wire.out.end()), kRefusal);
  EXPECT_TRUE(wire.fin_out);
  EXPECT_EQ(heard_[fd].closed, 1);
  EXPECT_EQ(heard_[fd].reason, CloseReason::tls_failed);
  EXPECT_EQ(heard_[fd].bytes, "");
  EXPECT_EQ(flush(fd, "nothing in plain"), -EPIPE);
  EXPECT_EQ(stat(stats().plain_http), 1u);
}

TEST_F(TlsBackendTest, NonsenseFailsWithAnAlert) {
  start();
  const int32_t fd = network_->arrive(kSecure);
  network_->wire(fd).in = {22, 3, 1, 0, 5, 1, 0, 0, 1, 0};  // a ClientHello of one byte
  turn();
  turn();
  EXPECT_EQ(heard_[fd].closed, 1);
  EXPECT_EQ(heard_[fd].reason, CloseReason::tls_failed);
  EXPECT_EQ(stat(stats().failed), 1u);
  EXPECT_EQ(stat(stats().in_flight), 0u);
  EXPECT_FALSE(network_->wire(fd).out.empty());
}

TEST_F(TlsBackendTest, AMutualListenerWantsACertificate) {
  start();
  const int32_t fd = network_->arrive(kMutual);
  End client(context_->connect());
  converse(fd, client);
  EXPECT_EQ(heard_[fd].reason, CloseReason::tls_failed);
  EXPECT_EQ(client.tls.state(), Connection::State::failed);
}

TEST_F(TlsBackendTest, SlowHandshakesEnd) {
  start({.timeout = std::chrono::seconds(10)});
  const int32_t half = network_->arrive(kSecure), silent = network_->arrive(kSecure);
  End client(context_->connect());
  client.take(std::span<const uint8_t>());
  network_->wire(half).in.assign(client.out.begin(), client.out.begin() + 20);
  turn();
  turn();
  EXPECT_EQ(stat(stats().in_flight), 1u);
  turn();
  EXPECT_LE(network_->last_timeout, std::chrono::seconds(10));
  EXPECT_GT(network_->last_timeout, std::chrono::seconds(9));
  the_time += std::chrono::seconds(10);
  turn();
  EXPECT_EQ(heard_[half].closed, 1);
  EXPECT_EQ(heard_[half].error, ETIMEDOUT);
  EXPECT_EQ(heard_[silent].closed, 0);  // has cost nothing yet, and is the owner's to end
  EXPECT_EQ(stat(stats().timed_out), 1u);
  EXPECT_EQ(stat(stats().in_flight), 0u);
  backend_->close({half}, io::CloseMode::graceful);
  turn();
  EXPECT_EQ(network_->last_timeout, io::Nanoseconds(-1));  // nothing left to wait for
}

TEST_F(TlsBackendTest, OnlySoManyHandshakesAtATime) {
  start({.in_flight_max = 2, .waiting_max = 3, .per_turn = 100});
  std::vector<int32_t> sockets;
  std::vector<std::unique_ptr<End>> clients;
  for (int i = 0; i < 6; ++i) {
    sockets.push_back(network_->arrive(kSecure));
    clients.push_back(std::make_unique<End>(context_->connect()));
    clients.back()->take(std::span<const uint8_t>());
    // Half a ClientHello: it stays in flight.
    Bytes& out = clients.back()->out;
    network_->wire(sockets.back()).in.assign(out.begin(), out.begin() + 40);
    out.erase(out.begin(), out.begin() + 40);
  }
  turn();
  turn();
  EXPECT_EQ(stat(stats().in_flight), 2u);
  EXPECT_EQ(stat(stats().waiting), 3u);
  EXPECT_EQ(stat(stats().delayed), 3u);
  EXPECT_EQ(heard_[sockets[5]].closed, 1);  // no place to wait
  EXPECT_EQ(heard_[sockets[5]].reason, CloseReason::tls_failed);
  // One that waits is not read from.
  EXPECT_TRUE(network_->wire(sockets[2]).paused);
  for (int i = 0; i < 5; ++i) converse(sockets[i], *clients[i]);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(clients[i]->tls.state(), Connection::State::open) << i;
  EXPECT_EQ(stat(stats().full[1]), 5u);
  EXPECT_EQ(stat(stats().in_flight), 0u);
  EXPECT_EQ(stat(stats().waiting), 0u);
}

TEST_F(TlsBackendTest, OnlySoManyHandshakesInATurn) {
  start({.per_turn = 2});
  std::vector<int32_t> sockets;
  std::vector<std::unique_ptr<End>> clients;
  for (int i = 0; i < 5; ++i) {
    sockets.push_back(network_->arrive(kSecure));
    clients.push_back(std::make_unique<End>(context_->connect()));
    clients.back()->take(std::span<const uint8_t>());
    network_->wire(sockets.back()).in.swap(clients.back()->out);
  }
  turn();
  turn();
  const auto answered = [&] {
    return std::count_if(sockets.begin(), sockets.end(), [&](int32_t fd) { return !network_->wire(fd).out.empty(); });
  };
  EXPECT_EQ(answered(), 2);
  turn();
  EXPECT_EQ(network_->last_timeout, io::Nanoseconds(0));  // there is more to do
  EXPECT_EQ(answered(), 4);
  turn();
  EXPECT_EQ(answered(), 5);
}

TEST_F(TlsBackendTest, OnlySoManyHandshakesInASecond) {
  start({.per_second = 20});
  turn();
  std::vector<int32_t> sockets;
  std::vector<std::unique_ptr<End>> clients;
  for (int i = 0; i < 5; ++i) {
    sockets.push_back(network_->arrive(kSecure));
    clients.push_back(std::make_unique<End>(context_->connect()));
    clients.back()->take(std::span<const uint8_t>());
    network_->wire(sockets.back()).in.swap(clients.back()->out);
  }
  turn();
  turn();
  EXPECT_EQ(stat(stats().waiting), 3u);  // a burst of a tenth of a second's
  turn();
  EXPECT_GT(network_->last_timeout, io::Nanoseconds(0));
  EXPECT_LE(network_->last_timeout, std::chrono::milliseconds(51));
  the_time += std::chrono::milliseconds(55);
  turn();
  EXPECT_EQ(stat(stats().waiting), 2u);
  the_time += std::chrono::milliseconds(100);
  turn();
  EXPECT_EQ(stat(stats().waiting), 0u);
}

TEST_F(TlsBackendTest, APausedOwnerGetsNothingNotEvenBehindTheHandshake) {
  start();
  const int32_t fd = network_->arrive(kSecure);
  turn();
  backend_->pause_receive({fd});
  End client(context_->connect());
  converse(fd, client);
  EXPECT_EQ(client.tls.state(), Connection::State::open);
  client.write("not yet");
  client.tls.close_notify(client.out);
  network_->wire(fd).fin_in = true;
  converse(fd, client);
  EXPECT_EQ(heard_[fd].bytes, "");
  EXPECT_EQ(heard_[fd].closed, 0);
  backend_->resume_receive({fd});
  turn();
  turn();
  EXPECT_EQ(heard_[fd].bytes, "not yet");
  EXPECT_EQ(heard_[fd].closed, 1);
  EXPECT_EQ(heard_[fd].reason, CloseReason::peer_closed);
}

TEST_F(TlsBackendTest, ShutdownSaysSoInTlsBehindWhatWaits) {
  start();
  const int32_t fd = network_->arrive(kSecure);
  End client(context_->connect());
  converse(fd, client);
  FakeBackend::Wire& wire = network_->wire(fd);
  wire.room = 50;
  flush(fd, "the end of it all");
  turn();
  Bytes came(std::exchange(wire.out, {}));
  wire.room = SIZE_MAX;
  turn();
  wire.room = wire.out.size() + 10;
  backend_->shutdown_write({fd});
  EXPECT_FALSE(wire.fin_out);  // close_notify did not fit
  wire.room = SIZE_MAX;
  turn();
  EXPECT_TRUE(wire.fin_out);
  came.insert(came.end(), wire.out.begin(), wire.out.end());
  client.take(came);
  EXPECT_EQ(client.received, "the end of it all");
  EXPECT_EQ(client.tls.state(), Connection::State::ended);
}

TEST_F(TlsBackendTest, ShutdownDuringTheHandshakeEndsIt) {
  start();
  const int32_t fd = network_->arrive(kSecure);
  End client(context_->connect());
  client.take(std::span<const uint8_t>());
  FakeBackend::Wire& wire = network_->wire(fd);
  wire.in.assign(client.out.begin(), client.out.begin() + 20);
  turn();
  turn();
  backend_->shutdown_write({fd});
  EXPECT_TRUE(wire.fin_out);
  EXPECT_EQ(stat(stats().in_flight), 0u);
  wire.in.assign(client.out.begin() + 20, client.out.end());
  turn();
  EXPECT_TRUE(wire.out.empty());
  wire.fin_in = true;
  turn();
  EXPECT_EQ(heard_[fd].closed, 1);
  EXPECT_EQ(stat(stats().aborted), 1u);
}

TEST_F(TlsBackendTest, NewCertificatesAreForNewConnections) {
  start();
  const int32_t before = network_->arrive(kSecure);
  End old_client(context_->connect());
  converse(before, old_client);
  const int32_t between = network_->arrive(kSecure);
  End half(context_->connect());
  half.take(std::span<const uint8_t>());
  network_->wire(between).in.assign(half.out.begin(), half.out.begin() + 30);
  half.out.erase(half.out.begin(), half.out.begin() + 30);
  turn();
  turn();

  pki_.issue("own", {.names = {"renewed.example"}});
  ASSERT_TRUE(backend_->renew(material()));
  converse(between, half);  // began before: its client would not take the new name
  EXPECT_EQ(half.tls.state(), Connection::State::open);
  old_client.write("still here");
  converse(before, old_client);
  EXPECT_EQ(heard_[before].bytes, "still here");

  const int32_t after = network_->arrive(kSecure);
  const auto renewed = *ClientContext::create({.server_name = "renewed.example", .ca_file = pki_.path("ca.pem")});
  End new_client(renewed->connect());
  converse(after, new_client);
  EXPECT_EQ(new_client.tls.state(), Connection::State::open);
}

TEST_F(TlsBackendTest, APeerThatGoesDuringItsHandshakeIsCounted) {
  start();
  const int32_t fd = network_->arrive(kSecure);
  End client(context_->connect());
  client.take(std::span<const uint8_t>());
  network_->wire(fd).in.assign(client.out.begin(), client.out.begin() + 20);
  network_->wire(fd).fin_in = true;
  turn();
  turn();
  EXPECT_EQ(heard_[fd].closed, 1);
  EXPECT_EQ(heard_[fd].reason, CloseReason::peer_closed);
  EXPECT_EQ(stat(stats().aborted), 1u);
  EXPECT_EQ(stat(stats().in_flight), 0u);
}

TEST_F(TlsBackendTest, SpeaksForClientsToo) {
  start();
  backend_->connect_with(*context_);
  const auto socket = backend_->connect({}, nullptr, 7);
  ASSERT_TRUE(socket);
  FakeBackend::Wire& wire = network_->wire(socket->value);
  Core server_core(material());
  End server(server_core.context->accept(false));
  for (int i = 0; i < 4; ++i) {
    turn();
    const Bytes came(std::exchange(wire.out, {}));
    server.take(came);
    if (i == 1) server.write("hello");  // right behind the handshake
    wire.in.insert(wire.in.end(), server.out.begin(), server.out.end());
    server.out.clear();
  }
  turn();
  EXPECT_EQ(heard_[socket->value].connected, 1);
  EXPECT_EQ(heard_[socket->value].bytes, "hello");
  EXPECT_EQ(flush(socket->value, "request"), 7);
  const Bytes sent(std::exchange(wire.out, {}));
  server.take(sent);
  EXPECT_EQ(server.received, "request");
}

}  // namespace
}  // namespace ringcast::tls
