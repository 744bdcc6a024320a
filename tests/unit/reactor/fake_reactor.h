// SPDX-License-Identifier: Apache-2.0
// For tests of the reactor: a backend whose sockets are strings, and a handler that notes what it is called with.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "reactor/reactor.h"

namespace ringcast::reactor {

class FakeBackend final : public io::Backend {
 public:
  struct Peer {
    std::string received;
    size_t window = SIZE_MAX;
    io::Owner owner = io::kNoOwner;
    bool broken = false, blocked = false, fin = false, closed = false;
    bool keeps = false;  // takes everything and says that some of it waits
  };

  io::Socket arrive() {
    const io::Socket socket{static_cast<int32_t>(peers.size())};
    peers[socket.value] = {};
    next_.push_back({.kind = io::EventKind::accepted, .socket = socket});
    return socket;
  }
  io::Socket socket(int32_t number) const { return {number}; }
  void open_window(io::Socket socket, size_t bytes) {
    Peer& peer = peers[socket.value];
    peer.window = bytes;
    if (std::exchange(peer.blocked, false)) {
      next_.push_back({.kind = io::EventKind::writable, .socket = socket, .owner = peer.owner});
    }
  }

  std::string_view name() const override { return "fake"; }
  std::string features() const override { return {}; }
  Result<void> add_listener(int, uint16_t) override { return {}; }
  void close_listeners(uint16_t) override {}
  void pause_accepting(bool) override {}
  Result<io::Socket> connect(const io::SocketAddress&, const io::SocketAddress*, io::Owner) override {
    return fail("unused", "no test connects");
  }
  void start_receive(io::Socket socket, io::Owner owner) override { peers[socket.value].owner = owner; }
  void pause_receive(io::Socket) override {}
  void resume_receive(io::Socket) override {}
  void flush(std::span<io::SendOp> ops) override {
    sends += ops.size();
    for (io::SendOp& op : ops) {
      Peer& peer = peers.at(op.socket.value);
      EXPECT_FALSE(peer.closed || peer.fin || peer.blocked) << "socket " << op.socket.value;
      EXPECT_GE(op.iov_count, 1) << "socket " << op.socket.value;
      if (peer.broken) {
        op.result = -EPIPE;
        continue;
      }
      for (uint16_t i = 0; i < op.iov_count && !peer.blocked; ++i) {
        const size_t taken = std::min(op.iov[i].iov_len, peer.window);
        peer.received.append(static_cast<const char*>(op.iov[i].iov_base), taken);
        if (peer.window != SIZE_MAX) peer.window -= taken;
        op.result += static_cast<int64_t>(taken);
        peer.blocked = taken != op.iov[i].iov_len;
      }
      if (peer.keeps) op.waits = peer.blocked = true;
    }
  }
  void shutdown_write(io::Socket socket) override {
    EXPECT_FALSE(std::exchange(peers[socket.value].fin, true)) << "FIN twice";
  }
  void close(io::Socket socket, io::CloseMode) override { peers[socket.value].closed = true; }
  io::SocketAddress peer_address(io::Socket) override { return {}; }
  std::span<const io::Event> wait(io::Nanoseconds) override {
    current_ = std::exchange(next_, {});
    return current_;
  }
  const io::BackendStats& stats() const override { return stats_; }

  std::map<int32_t, Peer> peers;
  size_t sends = 0;

 private:
  std::vector<io::Event> next_, current_;
  io::BackendStats stats_;
};

class TestHandler final : public Handler {
 public:
  explicit TestHandler(Reactor*& reactor) : reactor_(reactor) {}
  void on_accepted(ConnectionId id, uint16_t) override {
    reactor_->start_receive(*reactor_->find(id));
    ids.push_back(id);
  }
  void on_bytes(ConnectionId, std::span<uint8_t>) override {}
  void on_peer_gone(ConnectionId id, io::CloseReason) override {
    gone.push_back(id.slot);
    if (when_gone) when_gone(id);
    if (Connection* connection = reactor_->find(id)) reactor_->close(*connection, CloseCause::peer_reset);
  }
  void on_drained(ConnectionId id) override {
    if (when_drained) when_drained(id);
  }
  void on_slow(ConnectionId id, CloseCause) override {
    if (when_slow) when_slow(id);
  }
  void on_timer(ConnectionId id) override { timers.push_back(id.slot); }
  void on_mail(const Mail&) override {}
  void on_tick() override {
    if (when_tick) std::exchange(when_tick, nullptr)();
  }
  void on_interval() override {}
  void on_closed(ConnectionId id, CloseCause) override { closed.push_back(id.slot); }

  std::vector<ConnectionId> ids;
  std::vector<uint32_t> gone, closed, timers;
  std::function<void(ConnectionId)> when_drained, when_gone, when_slow;
  std::function<void()> when_tick;

 private:
  Reactor*& reactor_;
};

}  // namespace ringcast::reactor
