// SPDX-License-Identifier: Apache-2.0
// TlsBackend under everything that a network and its two ends may do, in any order, drawn from a seed: records cut
// anywhere, sockets that are full, pauses, updates of keys, new certificates, ends of either side in the middle of
// anything. Both ends get what the other has sent, in order, nothing behind an end, and every connection's end once.
#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <map>
#include <memory>

#include "fake_backend.h"
#include "random.h"
#include "tls/tls_backend.h"
#include "tls_pair.h"

namespace ringcast::tls {
namespace {

using io::EventKind;
using simulation::Random;

constexpr uint16_t kListener = 1;
constexpr int kSeeds = 150, kConnections = 4, kSteps = 60;

std::string text_from(Random& random, size_t size, char kind) {
  std::string text(size, kind);
  for (size_t i = 0; i < size; i += 7) text[i] = static_cast<char>('0' + random.below(10));
  return text;
}

class World {
 public:
  World(uint64_t seed, std::shared_ptr<const Material> material, ClientContext& clients)
      : random_(seed), material_(std::move(material)), clients_(clients) {
    auto fake = std::make_unique<FakeBackend>();
    network_ = fake.get();
    network_->cut = [this](size_t waiting) {
      switch (random_.below(4)) {
        case 0: return size_t{0};
        case 1: return size_t{1};
        case 2: return static_cast<size_t>(random_.between(1, std::min<size_t>(waiting, 64)));
        default: return static_cast<size_t>(random_.between(1, waiting));
      }
    };
    TlsOptions options;
    options.handshakes.per_turn = 2;
    options.handshakes.in_flight_max = 2;
    backend_ = std::make_unique<TlsBackend>(std::move(fake), options);
    backend_->secure_listener(kListener, false);
    EXPECT_TRUE(backend_->serve(material_, RotatingTicketKeys::random(std::time(nullptr))));
  }

  void run() {
    for (int i = 0; i < kConnections; ++i) {
      const int32_t fd = network_->arrive(kListener);
      peers_.emplace(fd, Peer{.client = std::make_unique<End>(clients_.connect())});
    }
    for (int step = 0; step < kSteps; ++step) {
      for (auto& [fd, peer] : peers_) disturb(fd, peer);
      turn();
    }
    settle();
    for (auto& [fd, peer] : peers_) judge(fd, peer);
    EXPECT_EQ(backend_->tls_stats().in_flight.load(), 0u);
    EXPECT_EQ(backend_->tls_stats().waiting.load(), 0u);
    EXPECT_EQ(backend_->tls_stats().open.load(), 0u);
    EXPECT_EQ(backend_->tls_stats().waiting_bytes.load(), 0u);
    EXPECT_EQ(backend_->tls_stats().failed.load(), 0u);
    EXPECT_EQ(backend_->tls_stats().broken.load(), 0u);
  }

 private:
  struct Peer {
    std::unique_ptr<End> client;
    std::string asked;                         // written by the client
    bool client_ended = false, reset = false;  // by the client
    // The server's side, as a reactor has it.
    bool started = false, paused = false, blocked = false, shut = false, closed = false;
    int ends = 0;
    std::string queue;  // to be sent
    std::string sent, received;
  };

  bool open(const Peer& peer) const { return peer.client->tls.state() == Connection::State::open; }

  void disturb(int32_t fd, Peer& peer) {
    FakeBackend::Wire& wire = network_->wire(fd);
    End& client = *peer.client;
    if (peer.reset) return;
    switch (random_.below(12)) {
      case 0: wire.room = wire.out.size() + random_.below(3000); break;
      case 1: wire.room = SIZE_MAX; break;
      case 2:
        if (!peer.started || peer.closed) break;
        peer.paused = !peer.paused;
        peer.paused ? backend_->pause_receive({fd}) : backend_->resume_receive({fd});
        break;
      case 3:
      case 4:
        if (open(peer) && !peer.client_ended) {
          const std::string text = text_from(random_, random_.between(1, random_.percent(20) ? 40'000 : 300), 'q');
          peer.asked += text;
          client.write(text);
        }
        break;
      case 5:
      case 6:
        if (peer.started && !peer.shut && !peer.closed)
          peer.queue += text_from(random_, random_.between(1, random_.percent(20) ? 150'000 : 300), 'a');
        break;
      case 7:
        if (open(peer) && !peer.client_ended && client.tls.version() == TLS1_3_VERSION) {
          SSL_key_update(client.tls.ssl(), SSL_KEY_UPDATE_REQUESTED);
          peer.asked += "k";
          client.write("k");  // which sends the update
        }
        break;
      case 8:
        if (random_.percent(5)) {
          EXPECT_TRUE(backend_->renew(material_));
        }
        break;
      case 9:
        if (open(peer) && !peer.client_ended && random_.percent(15)) {
          client.tls.close_notify(client.out);
          peer.client_ended = true;
          wire.fin_in = random_.percent(50);
        }
        break;
      case 10:
        if (random_.percent(4)) {
          peer.reset = true;
          wire.failure = io::CloseReason::peer_reset;
        }
        break;
      default: break;
    }
    carry(fd, peer, random_.percent(70));
    flush(fd, peer);
    const bool established = !peer.received.empty() || !peer.sent.empty();
    if (established && !peer.shut && !peer.closed && peer.queue.empty() && !peer.blocked && random_.percent(2)) {
      peer.shut = true;
      backend_->shutdown_write({fd});
    }
  }

  void carry(int32_t fd, Peer& peer, bool reads) {
    FakeBackend::Wire& wire = network_->wire(fd);
    End& client = *peer.client;
    if (client.tls.state() == Connection::State::handshaking && client.out.empty() && wire.out.empty())
      client.take(std::span<const uint8_t>());
    if (reads && !wire.out.empty()) client.take(wire.out, random_.between(1, wire.out.size()));
    // Not behind a FIN.
    wire.in.insert(wire.in.end(), client.out.begin(), client.out.end());
    client.out.clear();
  }

  void flush(int32_t fd, Peer& peer) {
    if (peer.closed || peer.blocked || peer.queue.empty()) return;
    std::vector<iovec> pieces;
    for (size_t at = 0; at < peer.queue.size() && pieces.size() < 6;) {
      const size_t size = std::min<size_t>(peer.queue.size() - at, random_.between(1, 30'000));
      pieces.push_back({peer.queue.data() + at, size});
      at += size;
    }
    size_t wanted = 0;
    for (const iovec& piece : pieces) wanted += piece.iov_len;
    io::SendOp op{.socket = {fd}, .iov_count = static_cast<uint16_t>(pieces.size()), .iov = pieces.data()};
    backend_->flush({&op, 1});
    if (op.result < 0) {
      EXPECT_TRUE(peer.reset);
      peer.queue.clear();
      return;
    }
    peer.sent += peer.queue.substr(0, static_cast<size_t>(op.result));
    peer.queue.erase(0, static_cast<size_t>(op.result));
    peer.blocked = op.waits || static_cast<size_t>(op.result) < wanted;
  }

  void turn() {
    for (const io::Event& event : backend_->wait(io::Nanoseconds::zero())) {
      const int32_t fd = event.socket.value;
      Peer& peer = peers_.at(fd);
      switch (event.kind) {
        case EventKind::accepted:
          backend_->start_receive({fd}, static_cast<io::Owner>(fd));
          peer.started = true;
          break;
        case EventKind::bytes:
          EXPECT_FALSE(peer.paused);
          EXPECT_EQ(peer.ends, 0);
          EXPECT_EQ(event.owner, static_cast<io::Owner>(fd));
          peer.received.append(event.bytes.begin(), event.bytes.end());
          break;
        case EventKind::writable:
          EXPECT_TRUE(peer.blocked);
          peer.blocked = false;
          break;
        case EventKind::closed: ++peer.ends; break;
        case EventKind::connected: ADD_FAILURE(); break;
      }
    }
  }

  // The network gets better, and both ends say what they have.
  void settle() {
    network_->cut = [](size_t waiting) { return waiting; };
    for (auto& [fd, peer] : peers_) {
      network_->wire(fd).room = SIZE_MAX;
      if (peer.paused) backend_->resume_receive({fd});
      peer.paused = false;
    }
    for (int quiet = 0, turns = 0; quiet < 12 && turns < 5000; ++quiet, ++turns) {
      for (auto& [fd, peer] : peers_) {
        if (!peer.reset && (!network_->wire(fd).out.empty() || !peer.queue.empty())) quiet = 0;
        if (!peer.reset) carry(fd, peer, true);
        flush(fd, peer);
      }
      turn();
    }
    for (auto& [fd, peer] : peers_) {
      EXPECT_TRUE(peer.queue.empty() || peer.reset);
      EXPECT_EQ(peer.ends, peer.reset || peer.client_ended ? 1 : 0) << "socket " << fd;
      if (!peer.shut && !peer.reset && open(peer)) {
        peer.shut = true;
        backend_->shutdown_write({fd});
        for (int i = 0; i < 50 && open(peer); ++i) carry(fd, peer, true), turn();
      }
      peer.closed = true;
      backend_->close({fd}, io::CloseMode::graceful);
    }
  }

  void judge(int32_t fd, Peer& peer) {
    const End& client = *peer.client;
    if (peer.reset) {
      EXPECT_TRUE(peer.asked.starts_with(peer.received)) << "socket " << fd;
      EXPECT_TRUE(peer.sent.starts_with(client.received)) << "socket " << fd;
      return;
    }
    EXPECT_TRUE(peer.received == peer.asked)
        << "socket " << fd << ": " << peer.received.size() << " of " << peer.asked.size();
    EXPECT_TRUE(client.received == peer.sent)
        << "socket " << fd << ": " << client.received.size() << " of " << peer.sent.size();
    EXPECT_EQ(client.tls.state(), Connection::State::ended) << "socket " << fd;  // close_notify behind everything
    EXPECT_TRUE(network_->wire(fd).fin_out);
  }

  Random random_;
  std::shared_ptr<const Material> material_;
  ClientContext& clients_;
  FakeBackend* network_ = nullptr;
  std::unique_ptr<TlsBackend> backend_;
  std::map<int32_t, Peer> peers_;
};

TEST(TlsSimulation, BothEndsGetWhatTheOtherHasSent) {
  Pki pki;
  pki.issue("own", {.names = {"localhost"}});
  auto material =
      load_material({{pki.path("own.pem")}, {pki.path("own.key")}, {}, {}}, TLS1_2_VERSION, {}, std::time(nullptr));
  ASSERT_TRUE(material);
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    const auto clients = *ClientContext::create(
        {.server_name = "localhost", .ca_file = pki.path("ca.pem"), .resume = true, .max_version = version});
    for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
      SCOPED_TRACE("seed " + std::to_string(seed) + ", version " + std::to_string(version));
      World(seed, *material, *clients).run();
      if (HasFailure()) return;
    }
  }
}

}  // namespace
}  // namespace ringcast::tls
