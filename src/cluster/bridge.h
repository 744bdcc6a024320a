// SPDX-License-Identifier: Apache-2.0
// This node's side of a cluster: two connections to Redis, one that commands and one that is subscribed, and what is
// known of each channel that this node has open. It orders the messages of all cores through scripts (scripts.h) and
// sends the cores, in order and without a hole, what any node has ordered: a channel's owner core sees
// `reset`, then messages with contiguous ids, and never anything twice.
//
// What arrives by Pub/Sub may be lost, late or of another run of the server. So each message carries its base and its
// id: one that does not follow is put aside, and what is missing is read from the channel's history (`sync`). After
// every subscription, the first one included, a sync comes before anything is applied: the seam is exact.
//
// A handler on a reactor of its own, which is a member of the mesh beside the cores'. Its thread only; BrokerStats may
// be read by any.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/block.h"
#include "cluster/inquiries.h"
#include "cluster/keys.h"
#include "cluster/link.h"
#include "cluster/members.h"
#include "cluster/protocol.h"
#include "cluster/record.h"
#include "cluster/revocations.h"
#include "hub/broker.h"
#include "hub/encoder.h"
#include "hub/mirror.h"
#include "hub/policy.h"

namespace ringcast::cluster {

struct BridgeOptions {
  LinkOptions link;
  std::string prefix = "ringcast";  // of all keys and channels
  uint64_t node = 0;                // of this run of this node; nobody else's
  const hub::RoomPolicies* policies = nullptr;
  std::chrono::nanoseconds wait = std::chrono::seconds(1);  // of publishes and joins while Redis is away
  uint64_t queue_bytes_max = 64 << 20;                      // of publishes without an outcome
  uint32_t message_bytes_max = 64 << 10;
  std::chrono::milliseconds idempotency_window{300'000};
  std::chrono::milliseconds lease{10'000};  // of what this node says of its members
  uint16_t cores = 0;                       // that are asked what other nodes want to know
  ConnectionNames names;
  RevocationOptions revocations;
  hub::Mirror* mirror = nullptr;    // of rooms whose policy has one
  hub::Encoder* encoder = nullptr;  // with `mirror`: for its copies
};

class Bridge final : public reactor::Handler,
                     private Members::Host,
                     private Inquiries::Host,
                     private Revocations::Host {
 public:
  Bridge(const BridgeOptions& options, reactor::Reactor& reactor, hub::BrokerStats& stats);

  void on_accepted(reactor::ConnectionId id, uint16_t listener) override;
  void on_bytes(reactor::ConnectionId id, std::span<uint8_t> bytes) override;
  void on_peer_gone(reactor::ConnectionId id, io::CloseReason reason) override;
  void on_drained(reactor::ConnectionId) override {}
  void on_slow(reactor::ConnectionId, reactor::CloseCause) override {}
  void on_timer(reactor::ConnectionId) override {}
  void on_mail(const reactor::Mail& mail) override;
  void on_tick() override;
  void on_interval() override;
  void on_closed(reactor::ConnectionId, reactor::CloseCause) override {}

 private:
  struct Push {
    uint64_t base, id, time_us;
    std::string record;
  };
  enum class Stage : uint8_t {
    wanted,       // to be subscribed to
    subscribing,  // not confirmed
    behind,       // to be synchronized; what arrives is put aside
    syncing,      // asked
    current,
  };
  struct Channel {
    std::string key;
    uint16_t core = 0;
    uint8_t policy = 0;
    Stage stage = Stage::wanted;
    bool opened = false;   // the core has its history, and knows it
    bool filling = false;  // it gets it: what comes is for the history alone, up to `fill_to`
    bool overran = false;  // something was not even put aside
    bool closed = false;   // not wanted any more, but to be confirmed
    uint64_t base = 0, position = 0, fill_to = 0, purged = 0;
    int64_t asked_ns = 0;    // when the core asked for it
    int64_t checked_ns = 0;  // the last sync
    uint64_t number = 0;     // of the latest sync
    uint64_t opening = 0;    // as the core counts them
    std::vector<Push> parked;
    size_t parked_bytes = 0;
  };
  struct Order {
    hub::Publisher publisher;
    std::string key, idempotency_key, user, record;
    int64_t until_ns = 0;
    size_t bytes() const { return sizeof(Order) + key.size() + idempotency_key.size() + user.size() + record.size(); }
  };
  // What the next reply on the command connection is for.
  struct Expected {
    enum class What : uint8_t { order, sync, members, question, revocations, other } what = What::other;
    hub::Publisher publisher;  // order
    size_t bytes = 0;
    std::string key;      // sync; order, where there will be a copy
    std::string record;   // likewise
    uint64_t number = 0;  // sync, question
  };
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };

  bool up() const { return up_; }
  int64_t now_ns() const { return reactor_.now().count(); }
  uint64_t wall_ms() const { return reactor_.wall_us() / 1000; }
  Channel* find(std::string_view key);
  // --- from the cores
  void open(const reactor::Mail& mail, std::string_view key);
  void close(std::string_view key);
  void unsubscribe(const Channel& channel);
  void send_orders();
  void send_order(Order& order);
  void send_command(Command command, std::string_view key, std::string_view user);
  void settle(const hub::Publisher& publisher, const hub::Published& published);
  void refuse(const hub::Publisher& publisher, hub::PublishError error);
  bool mirrors(std::string_view key) const;
  void mirror(const Expected& order, uint64_t id, uint64_t time_us);
  // --- the connections
  void connect_when_due();
  void lost(Link& link, std::string_view why);
  void drop(Link& link, std::string_view why);
  void became_ready();
  void on_reply(codec::RespValue reply);
  void on_push(codec::RespValue push);
  void begin_probe();
  void await_probe();
  void watch_probe(int64_t passed_ns);
  // --- channels
  void subscribe_some();
  void sync_some();
  void need_sync(Channel& channel);
  void synced(Channel& channel, codec::RespValue reply);
  void take(Channel& channel, uint64_t id, uint64_t time_us, std::string_view record);
  void skip_to(Channel& channel, uint64_t position, uint64_t oldest);
  void finish_sync(Channel& channel);
  void arrived(Channel& channel, const PushHead& head, std::string_view record);
  void park(Channel& channel, const PushHead& head, std::string_view record);
  void give_up_opening();
  void check_some();
  // --- to the cores
  void send_to_core(const Channel& channel, Kind kind, uint8_t flags, uint64_t id, uint64_t time_us,
                    std::string_view record);
  void post_text(uint16_t core, reactor::Mail mail, std::string_view key, std::string_view text);
  void hold_back();

  // --- Inquiries::Host
  void publish(std::string_view channel, std::string_view text, uint64_t question) override;
  void post_text(uint16_t core, reactor::Mail mail, std::string_view text) override;
  // --- Revocations::Host
  std::string& begin_revocations(uint32_t words) override;
  std::string_view revoke_digest() const override { return commands_.digest(Script::revoke); }
  void revoked(uint16_t core, uint64_t gather, bool stored) override;
  void revocations_complete() override { stats_.ever_up.store(true, std::memory_order_relaxed); }
  void revocations_known(uint64_t number) override { stats_.revocations.store(number, std::memory_order_relaxed); }
  // --- Members::Host
  std::string& begin_call(Script script, uint32_t arguments) override;
  void send_to_core(std::string_view key, const reactor::Mail& mail, std::string_view text) override;
  void need_snapshot(std::string_view key) override;

  void append_position(std::string& out, const Channel* channel) const;
  std::string key_of(char kind, std::string_view key) const { return cluster::key_of(options_.prefix, kind, key); }
  std::string channel_name(std::string_view key) const { return cluster::channel_name(options_.prefix, key); }
  uint64_t keep_ms(uint8_t policy) const;

  const BridgeOptions options_;
  reactor::Reactor& reactor_;
  hub::BrokerStats& stats_;
  Link commands_, events_;
  Members members_;
  Inquiries inquiries_;
  Revocations revocations_;
  uint32_t listening_ = 0;  // subscriptions of inquiries that have been confirmed
  bool up_ = false;
  std::string unreachable_;  // why it is not up, as the log has it
  std::unordered_map<std::string, std::unique_ptr<Channel>, Hash, std::equal_to<>> channels_;
  std::deque<std::string> to_subscribe_, to_sync_;
  std::deque<Order> orders_;  // not sent
  std::deque<Expected> expected_;
  uint64_t queued_bytes_ = 0;  // of orders without an outcome
  uint64_t sent_bytes_ = 0;    // of those that were sent
  uint32_t syncing_ = 0;
  uint32_t subscribing_ = 0;
  uint64_t floor_ = 0;  // the newest id seen anywhere
  uint64_t last_number_ = 0;
  std::deque<std::pair<int64_t, std::string>> openings_;  // by when they were asked for
  size_t check_at_ = 0;                                   // a bucket of channels_
  int64_t interval_ns_ = 0;                               // the last one
  // The way of a message, tried out.
  uint64_t probe_ = 0;
  int64_t probe_left_ns_ = 0, probe_left_max_ns_ = 0, probe_sent_ns_ = 0, next_probe_ns_ = 0;
  bool probing_ = false;
  bool held_back_ = false;
  std::string scratch_, json_;
  BlockWriter payloads_{16384};
};

}  // namespace ringcast::cluster
