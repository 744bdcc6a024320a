// SPDX-License-Identifier: Apache-2.0
// io::Backend over memory: each socket has bytes on the way in and room for bytes on the way out, and the test says how
// much of either moves. Asserts what the contract of a backend asks of its caller.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "io/backend.h"

namespace ringcast::tls {

class FakeBackend final : public io::Backend {
 public:
  struct Wire {
    std::vector<uint8_t> in;   // on the way to the server
    std::vector<uint8_t> out;  // sent by it, not read yet
    size_t room = SIZE_MAX;    // in `out` at most
    bool fin_in = false, fin_out = false;
    io::CloseReason failure = io::CloseReason::none;
    // The server's side.
    io::Owner owner = io::kNoOwner;
    bool started = false, paused = false, blocked = false, ended = false, closed = false;
    io::CloseMode how_closed = io::CloseMode::graceful;
  };

  int32_t arrive(uint16_t listener) {
    const auto fd = static_cast<int32_t>(wires_.size());
    wires_.emplace_back();
    arrivals_.push_back({.kind = io::EventKind::accepted, .listener = listener, .socket = {fd}});
    return fd;
  }
  Wire& wire(int32_t fd) { return wires_[static_cast<size_t>(fd)]; }
  // How much of what is on its way comes in this wait(); default: all.
  std::function<size_t(size_t)> cut = [](size_t waiting) { return waiting; };
  io::Nanoseconds last_timeout{0};
  size_t flushes = 0, ops = 0;

  std::string_view name() const override { return "fake"; }
  std::string features() const override { return {}; }
  [[nodiscard]] Result<void> add_listener(int, uint16_t) override { return {}; }
  void close_listeners(uint16_t) override {}
  void pause_accepting(bool) override {}
  [[nodiscard]] Result<io::Socket> connect(const io::SocketAddress&, const io::SocketAddress*,
                                           io::Owner owner) override {
    const auto fd = static_cast<int32_t>(wires_.size());
    wires_.emplace_back();
    wires_.back().owner = owner;
    arrivals_.push_back({.kind = io::EventKind::connected, .socket = {fd}, .owner = owner});
    return io::Socket{fd};
  }
  void start_receive(io::Socket socket, io::Owner owner) override {
    Wire& wire = open(socket);
    EXPECT_FALSE(wire.started);
    wire.started = true;
    wire.owner = owner;
  }
  void pause_receive(io::Socket socket) override { open(socket).paused = true; }
  void resume_receive(io::Socket socket) override { open(socket).paused = false; }
  void flush(std::span<io::SendOp> ops_of_flush) override {
    ++flushes;
    ops += ops_of_flush.size();
    for (io::SendOp& op : ops_of_flush) {
      Wire& wire = open(op.socket);
      EXPECT_FALSE(wire.blocked);
      EXPECT_FALSE(wire.fin_out);
      op.waits = false;
      op.result = 0;
      if (wire.failure != io::CloseReason::none) {
        op.result = -EPIPE;
        continue;
      }
      size_t wanted = 0;
      for (size_t i = 0; i < op.iov_count; ++i) {
        wanted += op.iov[i].iov_len;
        const auto* from = static_cast<const uint8_t*>(op.iov[i].iov_base);
        const size_t take = std::min(op.iov[i].iov_len, wire.room - std::min(wire.room, wire.out.size()));
        wire.out.insert(wire.out.end(), from, from + take);
        op.result += static_cast<int64_t>(take);
        if (take < op.iov[i].iov_len) break;
      }
      EXPECT_NE(wanted, 0u);
      wire.blocked = op.result < static_cast<int64_t>(wanted);
    }
  }
  void shutdown_write(io::Socket socket) override {
    EXPECT_FALSE(open(socket).blocked);
    EXPECT_FALSE(open(socket).fin_out);
    open(socket).fin_out = true;
  }
  void close(io::Socket socket, io::CloseMode mode) override {
    Wire& wire = open(socket);
    wire.closed = true;
    wire.how_closed = mode;
  }
  io::SocketAddress peer_address(io::Socket) override { return {}; }
  std::span<const io::Event> wait(io::Nanoseconds timeout) override {
    last_timeout = timeout;
    events_ = std::exchange(arrivals_, {});
    buffers_.clear();
    for (size_t fd = 0; fd < wires_.size(); ++fd) take(static_cast<int32_t>(fd), wires_[fd]);
    return events_;
  }
  const io::BackendStats& stats() const override { return stats_; }

 private:
  Wire& open(io::Socket socket) {
    Wire& found = wire(socket.value);
    EXPECT_FALSE(found.closed);
    return found;
  }
  void push(int32_t fd, Wire& wire, io::Event event) {
    event.socket = {fd};
    event.owner = wire.owner;
    events_.push_back(event);
  }
  void take(int32_t fd, Wire& wire) {
    if (wire.closed) return;
    if (wire.blocked && wire.out.size() < wire.room) {
      wire.blocked = false;
      push(fd, wire, {.kind = io::EventKind::writable});
    }
    if (!wire.started || wire.paused || wire.ended) return;
    if (wire.failure != io::CloseReason::none) {
      wire.ended = true;
      return push(fd, wire, {.kind = io::EventKind::closed, .reason = wire.failure, .error = ECONNRESET});
    }
    const size_t size = wire.in.empty() ? 0 : cut(wire.in.size());
    if (size != 0) {
      const auto end = wire.in.begin() + static_cast<std::ptrdiff_t>(size);
      buffers_.emplace_back(wire.in.begin(), end);
      wire.in.erase(wire.in.begin(), end);
      push(fd, wire, {.kind = io::EventKind::bytes, .bytes = buffers_.back()});
    }
    if (!wire.in.empty() || !wire.fin_in) return;
    wire.ended = true;
    push(fd, wire, {.kind = io::EventKind::closed, .reason = io::CloseReason::peer_closed});
  }

  std::deque<Wire> wires_;  // by descriptor, each used once
  std::vector<io::Event> arrivals_, events_;
  std::deque<std::vector<uint8_t>> buffers_;
  io::BackendStats stats_;
};

}  // namespace ringcast::tls
