// SPDX-License-Identifier: Apache-2.0
#include "gate_harness.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "api/foreign_requests.h"
#include "base/assert.h"
#include "client/decisions.h"
#include "codec/http1/http_syntax.h"
#include "reactor/mesh_producer.h"

namespace ringcast::session {

io::Socket ScriptedBackend::arrive(std::string_view address, uint16_t listener) {
  const io::Socket socket{++last_socket_};
  peers_[socket.value].address = *io::SocketAddress::parse(address);
  io::Event event{io::EventKind::accepted};
  event.listener = listener;
  event.socket = socket;
  next_.push_back(event);
  return socket;
}

void ScriptedBackend::send(io::Socket socket, std::string_view bytes) {
  peer(socket).unread += bytes;
  deliver(socket);
}

void ScriptedBackend::deliver(io::Socket socket) {
  Peer& at = peer(socket);
  if (!at.started || at.paused || at.closed || at.unread.empty()) return;
  next_buffers_.push_back(std::make_unique<std::string>(std::exchange(at.unread, {})));
  io::Event event{io::EventKind::bytes};
  event.socket = socket;
  event.owner = at.owner;
  std::string& bytes = *next_buffers_.back();
  event.bytes = {reinterpret_cast<uint8_t*>(bytes.data()), bytes.size()};
  next_.push_back(event);
}

void ScriptedBackend::end(io::Socket socket, io::CloseReason reason) {
  if (!peer(socket).started || peer(socket).paused) {
    peer(socket).ended = reason;
    return;
  }
  io::Event event{io::EventKind::closed, reason};
  event.socket = socket;
  event.owner = peer(socket).owner;
  next_.push_back(event);
}

void ScriptedBackend::open_window(io::Socket socket, size_t bytes) {
  Peer& at = peer(socket);
  at.window = bytes;
  if (!std::exchange(at.blocked, false)) return;
  io::Event event{io::EventKind::writable};
  event.socket = socket;
  event.owner = at.owner;
  next_.push_back(event);
}

Result<io::Socket> ScriptedBackend::connect(const io::SocketAddress&, const io::SocketAddress*, io::Owner) {
  return fail("unused", "no test connects");
}

void ScriptedBackend::start_receive(io::Socket socket, io::Owner owner) {
  peer(socket).owner = owner;
  peer(socket).started = true;
  deliver(socket);
  if (peer(socket).ended != io::CloseReason::none) end(socket, peer(socket).ended);
}

void ScriptedBackend::resume_receive(io::Socket socket) {
  peer(socket).paused = false;
  deliver(socket);
  if (peer(socket).ended != io::CloseReason::none) end(socket, std::exchange(peer(socket).ended, {}));
}

void ScriptedBackend::flush(std::span<io::SendOp> ops) {
  for (io::SendOp& op : ops) {
    Peer& at = peer(op.socket);
    RINGCAST_ASSERT(!at.closed && !at.fin_sent && !at.blocked);
    if (at.broken) {
      op.result = -ECONNRESET;
      continue;
    }
    for (uint16_t i = 0; i < op.iov_count; ++i) {
      const size_t taken = std::min(op.iov[i].iov_len, at.window);
      at.received.append(static_cast<const char*>(op.iov[i].iov_base), taken);
      at.window -= at.window == SIZE_MAX ? 0 : taken;
      op.result += static_cast<int64_t>(taken);
      if (taken != op.iov[i].iov_len) at.blocked = true;
    }
  }
}

void ScriptedBackend::close(io::Socket socket, io::CloseMode mode) {
  peer(socket).closed = true;
  peer(socket).reset = mode == io::CloseMode::reset;
}

std::span<const io::Event> ScriptedBackend::wait(io::Nanoseconds timeout) {
  waited_ = timeout;
  current_ = std::exchange(next_, {});
  buffers_ = std::exchange(next_buffers_, {});
  // What was sent meanwhile to somebody who has closed is never shown.
  std::erase_if(current_, [this](const io::Event& event) { return peer(event.socket).closed; });
  return current_;
}

class World::MailPost final : public hub::Post {
 public:
  explicit MailPost(reactor::Mailboxes& mailboxes) : mailboxes_(mailboxes) {}
  void send(uint16_t to, const reactor::Mail& mail) override { mailboxes_.send(to, mail); }
  uint64_t enqueued(uint16_t to) const override { return mailboxes_.enqueued_total(to); }
  uint64_t past_overflow(uint16_t to) const override { return mailboxes_.past_overflow_total(to); }

 private:
  reactor::Mailboxes& mailboxes_;
};

struct World::Core {
  Core(World& world, uint16_t index)
      : mailboxes(*world.mesh_, index), post(mailboxes), encoder(EncoderOptions{.deflate = false}) {
    auto owned = std::make_unique<ScriptedBackend>();
    backend = owned.get();
    reactor = std::make_unique<reactor::Reactor>(
        reactor::ReactorOptions{.core = index, .connections_max = 100, .checks_frames = true}, std::move(owned),
        mailboxes, world.time_);
    gate = std::make_unique<Gate>(*reactor, encoder, world.options_.sessions, world.shared_);
    hub::HubOptions options;
    options.core = index;
    options.cores = world.options_.cores;
    options.key[0] = 1;
    options.key[1] = 2;
    options.credit_publishes = world.options_.credit_publishes;
    options.policies = &world.policies_;
    options.clock = &world.time_;
    hub = std::make_unique<hub::Hub>(options, post, encoder, *gate);
    gate->attach(*hub);
    reactor->set_handler(gate.get());
    world.shared_.cores[index] = {&gate->stats(), &hub->stats(), &reactor->stats()};
  }

  reactor::Mailboxes mailboxes;
  MailPost post;
  Encoder encoder;
  ScriptedBackend* backend = nullptr;
  std::unique_ptr<reactor::Reactor> reactor;
  std::unique_ptr<Gate> gate;
  std::unique_ptr<hub::Hub> hub;
};

World::World(WorldOptions options) : options_(std::move(options)) {
  reactor::MeshOptions mesh;
  mesh.members = options_.cores;
  mesh.wake_hook.call = [](void*, reactor::MemberId) noexcept {};
  mesh_ = std::move(*reactor::Mesh::create(mesh));
  shared_.name_key = HashKey{3, 4};
  shared_.routes = &routes_;
  shared_.files = &files_;
  shared_.version = "1.2.3";
  shared_.engine = "scripted";
  shared_.started_wall_us = static_cast<uint64_t>(time_.wall_us());
  shared_.cores.resize(options_.cores);
  for (uint16_t i = 0; i < options_.cores; ++i) cores_.push_back(std::make_unique<Core>(*this, i));
}

World::~World() {
  for (const auto& core : cores_) core->mailboxes.abandon(discard_mail);
  mesh_->discard(discard_mail);
}

Gate& World::gate(uint16_t core) {
  return *cores_[core]->gate;
}

ScriptedBackend& World::backend(uint16_t core) {
  return *cores_[core]->backend;
}

reactor::Reactor& World::reactor(uint16_t core) {
  return *cores_[core]->reactor;
}

void World::work() {
  // Enough for the longest chain of mail between two cores, waits for credit among them, with room to spare.
  for (int round = 0; round < 200; ++round) {
    for (const auto& core : cores_) core->reactor->tick(io::Nanoseconds::zero());
  }
}

void World::decide(Ticket ticket) {
  const HookDecision decision;
  reactor::Producer thread = std::move(mesh_->attach_producer().value());
  EXPECT_EQ(thread.try_send(ticket.core, decision_mail(ticket, decision), decision_bytes(decision)),
            reactor::SendResult::sent);
  work();
}

void World::pass(std::chrono::milliseconds time) {
  // In steps, because timers are looked at in each.
  for (; time.count() > 0; time -= std::chrono::milliseconds(50)) {
    time_.advance_ns(std::chrono::nanoseconds(std::chrono::milliseconds(50)).count());
    for (const auto& core : cores_) core->reactor->tick(io::Nanoseconds::zero());
  }
  work();
}

void World::pass_alone(uint16_t core, std::chrono::milliseconds time) {
  for (; time.count() > 0; time -= std::chrono::milliseconds(50)) {
    cores_[core]->reactor->tick(io::Nanoseconds::zero());
    time_.advance_ns(std::chrono::nanoseconds(std::chrono::milliseconds(50)).count());
    cores_[core]->reactor->tick(io::Nanoseconds::zero());
  }
}

World::Wire World::connect(uint16_t core, std::string_view address, uint16_t listener) {
  const Wire wire{core, cores_[core]->backend->arrive(address, listener)};
  work();
  return wire;
}

void World::send_unworked(Wire wire, std::string_view bytes) {
  cores_[wire.core]->backend->send(wire.socket, bytes);
}

void World::send(Wire wire, std::string_view bytes) {
  send_unworked(wire, bytes);
  work();
}

void World::end(Wire wire, io::CloseReason reason) {
  cores_[wire.core]->backend->end(wire.socket, reason);
  work();
}

std::string World::take(Wire wire) {
  return std::exchange(peer(wire).received, {});
}

std::string World::ask(Wire wire, std::string_view bytes) {
  send(wire, bytes);
  return take(wire);
}

std::string get(std::string_view target, std::string_view fields) {
  return "GET " + std::string(target) + " HTTP/1.1\r\nHost: localhost\r\n" + std::string(fields) + "\r\n";
}

std::string post(std::string_view target, std::string_view json, std::string_view fields) {
  return "POST " + std::string(target) +
         " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: " +
         std::to_string(json.size()) + "\r\n" + std::string(fields) + "\r\n" + std::string(json);
}

size_t count(std::string_view text, std::string_view part) {
  size_t found = 0;
  for (size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + part.size())) ++found;
  return found;
}

int status_of(std::string_view bytes) {
  return bytes.starts_with("HTTP/1.") ? std::atoi(std::string(bytes.substr(9, 3)).c_str()) : 0;
}

std::string header_of(std::string_view bytes, std::string_view name) {
  std::string_view head = bytes.substr(0, bytes.find("\r\n\r\n"));
  for (size_t at = head.find("\r\n"); at != std::string_view::npos; at = head.find("\r\n")) {
    head.remove_prefix(at + 2);
    const std::string_view line = head.substr(0, head.find("\r\n"));
    const size_t colon = line.find(':');
    if (colon == name.size() && codec::equal_ignoring_case(line.substr(0, colon), name)) {
      return std::string(codec::trim_blanks(line.substr(colon + 1)));
    }
  }
  return {};
}

std::string body_of(std::string_view bytes) {
  const size_t end = bytes.find("\r\n\r\n");
  return end == std::string_view::npos ? std::string() : std::string(bytes.substr(end + 4));
}

std::string take_answer(std::string& bytes) {
  const size_t end = bytes.find("\r\n\r\n");
  if (end == std::string::npos) return std::exchange(bytes, {});
  const size_t length = end + 4 + static_cast<size_t>(std::atoll(header_of(bytes, "Content-Length").c_str()));
  std::string answer = bytes.substr(0, length);
  bytes.erase(0, length);
  return answer;
}

}  // namespace ringcast::session
