// SPDX-License-Identifier: Apache-2.0
// A node of a simulated cluster: the bridge as it is, on a reactor over a network that delays and cuts, and in place of
// its cores a book that checks what they would get. One thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "../random.h"
#include "base/clock.h"
#include "cluster/bridge.h"
#include "cluster/port.h"
#include "reactor/mesh.h"
#include "reactor/reactor.h"
#include "redis_model.h"

namespace ringcast::simulation {

// What went against the rules; the first one counts.
struct Verdict {
  std::string kind, what;
  bool fine() const { return kind.empty(); }
  void broken(std::string_view name, std::string text) {
    if (!kind.empty()) return;
    kind = name;
    what = std::move(text);
  }
};

// Sockets to a RedisModel; bytes wait in both directions until carry() moves some.
class ModelBackend final : public io::Backend {
 public:
  ModelBackend(RedisModel& redis, Random& random) : redis_(redis), random_(random) {}
  // Moves some bytes of some sockets, or all.
  void carry(bool all);
  void cut(Random& random);

  std::string_view name() const override { return "model"; }
  std::string features() const override { return {}; }
  Result<void> add_listener(int, uint16_t) override { return {}; }
  void close_listeners(uint16_t) override {}
  void pause_accepting(bool) override {}
  Result<io::Socket> connect(const io::SocketAddress&, const io::SocketAddress*, io::Owner owner) override;
  void start_receive(io::Socket socket, io::Owner) override { at(socket).receiving = true; }
  void pause_receive(io::Socket socket) override { at(socket).receiving = false; }
  void resume_receive(io::Socket socket) override { at(socket).receiving = true; }
  void flush(std::span<io::SendOp> ops) override;
  void shutdown_write(io::Socket) override {}
  void close(io::Socket socket, io::CloseMode) override;
  io::SocketAddress peer_address(io::Socket) override { return {}; }
  std::span<const io::Event> wait(io::Nanoseconds) override;
  const io::BackendStats& stats() const override { return stats_; }

 private:
  struct Peer {
    io::Owner owner = io::kNoOwner;
    uint32_t connection = 0;  // 0: refused
    bool announced = false, receiving = false, closed = false, reported = false;
    std::string there, back;
  };
  Peer& at(io::Socket socket) { return *peers_[static_cast<size_t>(socket.value)]; }

  RedisModel& redis_;
  Random& random_;
  std::vector<std::unique_ptr<Peer>> peers_;
  std::vector<io::Event> events_;
  std::vector<std::string> batch_;
  io::BackendStats stats_;
};

struct Said {  // a publish
  std::string channel, content;
  bool settled = false;
  hub::PublishError error = hub::PublishError::none;
  uint64_t id = 0;
};

class Node {
 public:
  Node(uint16_t number, uint64_t seed, RedisModel& redis, Random& random, const hub::RoomPolicies& policies,
       Verdict& verdict, const std::map<std::string, std::map<uint64_t, std::string>>& ledger);
  ~Node();

  void tick();
  void advance(int64_t ns) {
    clock_.advance_ns(ns);
    frozen_ns_ -= std::min(ns, frozen_ns_);
  }
  void open(const std::string& channel);
  void close(const std::string& channel);
  void publish(Said& said);
  void purge(const std::string& channel);
  void revoke(const std::string& name);
  // A connection of a user comes to a channel that is open, or goes (-1).
  void attend(const std::string& channel, const std::string& user, int by);
  // Stands still for so long, as a process that gets no processor.
  void freeze(int64_t ns) { frozen_ns_ = ns; }
  bool frozen() const { return frozen_ns_ > 0; }
  using Users = std::map<std::string, uint32_t>;  // connections, of those who have some
  const Users& here(const std::string& channel) const { return channels_.at(channel).here; }
  const Users& there(const std::string& channel) const { return channels_.at(channel).there; }
  uint32_t live_here(const std::string& channel) const { return channels_.at(channel).live_here(); }
  uint32_t live_there(const std::string& channel) const { return channels_.at(channel).live_there; }
  ModelBackend& network() { return *network_; }
  const hub::BrokerStats& stats() const { return stats_; }
  bool is_open(const std::string& channel) const { return channels_.contains(channel) && channels_.at(channel).open; }
  bool wants(const std::string& channel) const { return channels_.contains(channel); }
  uint64_t position(const std::string& channel) const { return channels_.at(channel).position; }
  uint64_t gaps() const { return gaps_; }
  const std::set<std::string>& revoked() const { return revoked_; }
  bool complete() const { return complete_; }  // knows what the others had revoked
  size_t unanswered() const { return asked_ - answered_; }
  std::string key_of(const std::string& channel) const;

 private:
  struct Channel {
    bool open = false, reset = false;
    uint64_t position = 0;
    uint64_t opening = 0;  // they are counted as the port does
    std::set<std::string> live;
    Users here, there;
    uint32_t live_there = 0;
    uint32_t live_here() const {
      uint32_t all = 0;
      for (const auto& [user, connections] : here) all += connections;
      return all;
    }
  };
  class CorePost;
  void on_mail(const reactor::Mail& mail);
  void wrong(std::string_view kind, const std::string& channel, const std::string& text);

  const uint16_t number_;
  VirtualClock clock_;
  Verdict& verdict_;
  const std::map<std::string, std::map<uint64_t, std::string>>& ledger_;
  std::unique_ptr<reactor::Mesh> mesh_;
  std::unique_ptr<reactor::Mailboxes> core_, own_;
  std::unique_ptr<CorePost> post_;
  ModelBackend* network_ = nullptr;
  std::unique_ptr<reactor::Reactor> reactor_;
  hub::BrokerStats stats_;
  std::unique_ptr<cluster::Bridge> bridge_;
  std::unique_ptr<cluster::Port> port_;
  std::map<std::string, Channel> channels_;
  std::vector<Said*> said_;
  uint64_t gaps_ = 0, openings_ = 0, asked_ = 0, answered_ = 0;
  std::set<std::string> revoked_;
  bool complete_ = false;
  int64_t frozen_ns_ = 0;
};

// The payload of a record; empty: it cannot be read.
std::string content_of(std::string_view record);

}  // namespace ringcast::simulation
