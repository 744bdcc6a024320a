// SPDX-License-Identifier: Apache-2.0
#include "node.h"

#include <cstring>
#include <utility>

#include "cluster/protocol.h"
#include "hub/hub.h"
#include "hub/protocol.h"

namespace ringcast::simulation {

namespace {
constexpr reactor::MemberId kCore = 0, kBridge = 1;
constexpr uint64_t kWallUs = 1'700'000'000'000'000;
}  // namespace

std::string content_of(std::string_view record) {
  cluster::Record read;
  return cluster::read_record(record, read) ? std::string(read.payload) : std::string();
}

// --- the network

Result<io::Socket> ModelBackend::connect(const io::SocketAddress&, const io::SocketAddress*, io::Owner owner) {
  auto peer = std::make_unique<Peer>();
  peer->owner = owner;
  if (redis_.answers) peer->connection = redis_.connect();
  peers_.push_back(std::move(peer));
  return io::Socket{static_cast<int32_t>(peers_.size() - 1)};
}

void ModelBackend::flush(std::span<io::SendOp> ops) {
  for (io::SendOp& op : ops) {
    for (uint16_t i = 0; i < op.iov_count; ++i) {
      at(op.socket).there.append(static_cast<const char*>(op.iov[i].iov_base), op.iov[i].iov_len);
      op.result += static_cast<int64_t>(op.iov[i].iov_len);
    }
  }
}

void ModelBackend::close(io::Socket socket, io::CloseMode) {
  Peer& peer = at(socket);
  peer.closed = true;
  if (peer.connection != 0) redis_.close(peer.connection);
}

void ModelBackend::carry(bool all) {
  for (const auto& peer : peers_) {
    if (peer->closed || peer->connection == 0 || !redis_.is_open(peer->connection)) continue;
    if (!redis_.answers) continue;
    if (!peer->there.empty() && (all || random_.percent(60))) {
      const size_t some = all ? peer->there.size() : random_.between(1, std::min<size_t>(peer->there.size(), 4000));
      redis_.receive(peer->connection, std::string_view(peer->there).substr(0, some));
      peer->there.erase(0, some);
    }
    std::string& out = redis_.output(peer->connection);
    if (!out.empty() && (all || random_.percent(60))) {
      const size_t some = all ? out.size() : random_.between(1, std::min<size_t>(out.size(), 4000));
      peer->back.append(out, 0, some);
      out.erase(0, some);
    }
  }
}

void ModelBackend::cut(Random& random) {
  for (const auto& peer : peers_) {
    if (!peer->closed && peer->connection != 0 && random.percent(50)) redis_.close(peer->connection);
  }
}

std::span<const io::Event> ModelBackend::wait(io::Nanoseconds) {
  events_.clear();
  batch_.clear();
  batch_.reserve(peers_.size());
  for (size_t i = 0; i < peers_.size(); ++i) {
    Peer& peer = *peers_[i];
    if (peer.closed || peer.reported) continue;
    const io::Socket socket{static_cast<int32_t>(i)};
    if (!peer.announced) {
      peer.announced = true;
      peer.reported = peer.connection == 0;
      events_.push_back({.kind = peer.reported ? io::EventKind::closed : io::EventKind::connected,
                         .reason = peer.reported ? io::CloseReason::connect_failed : io::CloseReason::none,
                         .socket = socket,
                         .owner = peer.owner});
      continue;
    }
    if (!peer.receiving) continue;
    if (!peer.back.empty()) {
      std::string& bytes = batch_.emplace_back(std::exchange(peer.back, {}));
      events_.push_back({.kind = io::EventKind::bytes,
                         .socket = socket,
                         .owner = peer.owner,
                         .bytes = {reinterpret_cast<uint8_t*>(bytes.data()), bytes.size()}});
    } else if (!redis_.is_open(peer.connection)) {
      peer.reported = true;
      events_.push_back({.kind = io::EventKind::closed,
                         .reason = io::CloseReason::peer_reset,
                         .socket = socket,
                         .owner = peer.owner});
    }
  }
  return events_;
}

// --- the node

class Node::CorePost final : public hub::Post {
 public:
  explicit CorePost(reactor::Mailboxes& mailboxes) : mailboxes_(mailboxes) {}
  void send(uint16_t to, const reactor::Mail& mail) override { mailboxes_.send(to, mail); }
  uint64_t enqueued(uint16_t to) const override { return mailboxes_.enqueued_total(to); }
  uint64_t past_overflow(uint16_t to) const override { return mailboxes_.past_overflow_total(to); }

 private:
  reactor::Mailboxes& mailboxes_;
};

Node::Node(uint16_t number, uint64_t seed, RedisModel& redis, Random& random, const hub::RoomPolicies& policies,
           Verdict& verdict, const std::map<std::string, std::map<uint64_t, std::string>>& ledger)
    : number_(number), clock_({1'000'000'000, static_cast<int64_t>(kWallUs)}), verdict_(verdict), ledger_(ledger) {
  reactor::MeshOptions mesh;
  mesh.members = 2;
  mesh.producers_max = 1;
  mesh.ring_slots = 8;
  mesh.wake_hook = {[](void*, reactor::MemberId) noexcept {}, nullptr};
  mesh_ = *reactor::Mesh::create(mesh);
  core_ = std::make_unique<reactor::Mailboxes>(*mesh_, kCore);
  own_ = std::make_unique<reactor::Mailboxes>(*mesh_, kBridge);
  post_ = std::make_unique<CorePost>(*core_);
  auto network = std::make_unique<ModelBackend>(redis, random);
  network_ = network.get();
  reactor_ = std::make_unique<reactor::Reactor>(reactor::ReactorOptions{.core = kBridge, .connections_max = 16},
                                                std::move(network), *own_, clock_);
  cluster::BridgeOptions options;
  options.link.resolve = [] { return Result<io::SocketAddress>(io::SocketAddress()); };
  options.link.name = "node";
  options.link.seed = seed + number;
  options.node = number + 1;
  options.policies = &policies;
  options.revocations.complete = [this] { complete_ = true; };
  options.revocations.add = [this](std::string_view name, uint64_t) {
    if (!revoked_.emplace(name).second) wrong("revoked", std::string(name), "it was added twice");
    return true;
  };
  bridge_ = std::make_unique<cluster::Bridge>(options, *reactor_, stats_);
  reactor_->set_handler(bridge_.get());
  port_ = std::make_unique<cluster::Port>(*post_, kBridge, options.node, policies, stats_,
                                          [](std::string_view) { return std::optional<hub::Address>(); });
}

Node::~Node() {
  core_->abandon(hub::discard_mail);
  own_->abandon(hub::discard_mail);
  core_->drain(hub::discard_mail);
  mesh_->discard(hub::discard_mail);
}

void Node::wrong(std::string_view kind, const std::string& channel, const std::string& text) {
  verdict_.broken(kind, "node " + std::to_string(number_) + ", " + channel + ": " + text);
}

void Node::tick() {
  if (frozen()) return;
  core_->publish();
  reactor_->tick(io::Nanoseconds::zero());
  core_->drain([this](const reactor::Mail& mail) { on_mail(mail); });
  core_->publish();
}

std::string Node::key_of(const std::string& channel) const {
  return hub::channel_key({}, channel);
}

void Node::open(const std::string& channel) {
  channels_[channel] = {};
  channels_[channel].opening = ++openings_;
  port_->open(key_of(channel));
}

void Node::close(const std::string& channel) {
  while (!here(channel).empty()) {
    const std::string user = here(channel).begin()->first;  // its entry goes with it
    attend(channel, user, -1);
  }
  channels_.erase(channel);
  port_->close(key_of(channel));
}

void Node::attend(const std::string& channel, const std::string& user, int by) {
  Users& here = channels_.at(channel).here;
  const uint32_t connections = here[user] += static_cast<uint32_t>(by);
  if (connections == 0) here.erase(user);
  port_->attends(key_of(channel), {user, connections != 0, connections, hub::Status::online});
  const uint32_t live = live_here(channel);
  port_->counts(key_of(channel), {live, 0, live, live != 0});
}

void Node::publish(Said& said) {
  said_.push_back(&said);
  hub::Unordered publish;
  const std::string key = key_of(said.channel);
  publish.message.key = key;
  publish.message.payload = said.content;
  publish.idempotency_key = said.content;
  publish.publisher = {kCore, {1, 1}, said_.size() - 1, true, 0};
  port_->order(publish);
}

void Node::purge(const std::string& channel) {
  port_->command(hub::QueryKind::purge, key_of(channel), {});
}

void Node::revoke(const std::string& name) {
  revoked_.insert(name);
  hub::Query query{hub::QueryKind::revoke};
  query.key = name;
  port_->ask(query, ++asked_);
}

void Node::on_mail(const reactor::Mail& mail) {
  const hub::Payload payload(mail);
  if (mail.kind == static_cast<uint8_t>(hub::Kind::answer)) {
    ++answered_;
    return;
  }
  if (mail.kind == static_cast<uint8_t>(hub::Kind::published)) {
    Said& said = *said_.at(mail.value);
    if (said.settled) wrong("settled", said.channel, said.content + " was settled twice");
    said.settled = true;
    said.error = static_cast<hub::PublishError>(mail.flags >> 1);
    said.id = mail.id;
    return;
  }
  hub::RecordReader reader(payload.view());
  const std::string name(hub::name_of(reader.text()));
  const std::string_view record = reader.text();
  const auto found = channels_.find(name);
  if (found == channels_.end()) return;  // closed since
  Channel& channel = found->second;
  if (mail.extra != channel.opening) return;  // of one before this
  switch (static_cast<cluster::Kind>(mail.kind)) {
    case cluster::Kind::reset:
      if (mail.id < channel.position) wrong("order", name, "its position falls to " + std::to_string(mail.id));
      // At the same position it is a purge.
      if (channel.reset && mail.id == channel.position && mail.value == 0) return;
      if (channel.open != (mail.value != 0)) wrong("gap", name, "a gap is for members, and they have to hear of it");
      if (mail.value != 0) ++gaps_;
      channel.position = mail.id;
      channel.reset = true;
      return;
    case cluster::Kind::apply: {
      if (!channel.reset) wrong("order", name, "a message before a position");
      if (mail.id != channel.position + 1)
        wrong("order", name, std::to_string(mail.id) + " after " + std::to_string(channel.position));
      channel.position = mail.id;
      const auto ids = ledger_.find(name);
      const std::string content = content_of(record);
      if (ids == ledger_.end() || !ids->second.contains(mail.id) || ids->second.at(mail.id) != content)
        wrong("content", name, std::to_string(mail.id) + " is something else");
      if ((mail.flags & cluster::flag::kKept) == 0 && !channel.live.insert(content).second)
        wrong("doubled", name, content + " was delivered twice");
      return;
    }
    case cluster::Kind::attend:
      if ((mail.flags & cluster::flag::kPresent) != 0) {
        channel.there[std::string(record)] = static_cast<uint32_t>(mail.id);
      } else {
        channel.there.erase(std::string(record));
      }
      return;
    case cluster::Kind::count: channel.live_there = static_cast<uint32_t>(mail.id >> 32); return;
    case cluster::Kind::opened:
      if ((mail.flags & cluster::flag::kReady) == 0) {
        channels_.erase(found);
      } else {
        channel.open = true;
      }
      return;
    default: return;
  }
}

}  // namespace ringcast::simulation
