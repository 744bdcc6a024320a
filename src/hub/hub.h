// SPDX-License-Identifier: Apache-2.0
// One core's share of the hub: owner of the channels that hash to it, and the local members of every channel that its
// connections have joined. Cores talk through mail only. Touched by its reactor's thread only; HubStats may be read by
// any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bucket_histogram.h"
#include "base/clock.h"
#include "hub/encoder.h"
#include "hub/policy.h"
#include "hub/sink.h"
#include "hub/types.h"
#include "reactor/mail.h"

namespace ringcast::hub {

class Broker;
class Mirror;
struct Ordered;
struct Publisher;
enum class Applied : uint8_t;

// Where a hub's mail goes; the reactor's mailboxes in the server, anything in tests. Never fails, never blocks.
class Post {
 public:
  virtual ~Post() = default;
  virtual void send(uint16_t to, const reactor::Mail& mail) = 0;
  // How much mail to `to` there has ever been, and how much of it is past this core's overflow: credit is given back
  // when what a publish caused has got so far.
  virtual uint64_t enqueued(uint16_t to) const = 0;
  virtual uint64_t past_overflow(uint16_t to) const = 0;
};

struct HubOptions {
  uint16_t core = 0;
  uint16_t cores = 1;
  uint64_t key[2] = {0, 0};                 // of the keyed hash: the same on every core, secret
  uint32_t channels_max = 4'000'000;        // of this core as an owner
  uint64_t history_bytes_max = 1ull << 30;  // of this core as an owner
  uint32_t idempotency_keys_max = 100'000;
  std::chrono::seconds idempotency_window{300};
  uint32_t forgotten_positions_max = 100'000;
  uint32_t credit_publishes = 1024;  // per owner core
  uint64_t credit_bytes = 1 << 20;
  uint32_t replay_chunk = 64 << 10;
  // Of this core, beyond what its descriptors times the rooms of each can reach; tables grow as they are used. A join
  // that finds one full fails with channels_full.
  uint32_t memberships_max = 1u << 26;
  uint32_t joins_max = 1u << 22;  // not yet answered, or in replay
  const RoomPolicies* policies = nullptr;
  const Clock* clock = nullptr;  // the reactor's
  Broker* broker = nullptr;      // orders the messages of some channels (hub/broker.h); outlives the hub
  Mirror* mirror = nullptr;      // of rooms whose policy has one; outlives the hub
  bool tells_occupancy = false;  // Sink::occupancy
  uint32_t busiest_rooms = 100;  // kept of each tenant, until QueryKind::busiest asks for another number
};

struct HubStats {
  std::atomic<uint64_t> channels{0}, history_messages{0}, history_bytes{0}, memberships{0}, online_users{0};
  std::atomic<uint64_t> published{0}, delivered{0}, joins{0}, leaves{0}, resumed{0}, gaps{0}, duplicates{0};
  std::atomic<uint64_t> no_credit{0}, evicted_channels{0}, evicted_messages{0}, stale_mail{0};
  std::atomic<uint64_t> graces{0};  // leaves that are held back, and some whose users are back
  // From the tick that took the publish to the end of the flush that sent it, on each core with members; of one publish
  // in a millisecond per owner core.
  BucketHistogram delivery_us;
};

class Hub {
 public:
  Hub(const HubOptions& options, Post& post, Encoder& encoder, Sink& sink);
  ~Hub();

  // --- from sessions ---
  // Before anything else about a connection. `form` fixes how it gets its frames.
  void open(ConnectionId connection, FormId form);
  // Leaves everything. `grace`: presence is held back for the room's leave grace (a reconnect does not flap).
  void close(ConnectionId connection, bool grace);
  bool is_open(ConnectionId connection) const;

  PublishResult publish(const Publish& publish);
  bool has_credit(std::string_view key) const;
  // Answered by Sink::joined in a later step. False: already a member or joining (nothing happens, no answer follows).
  bool join(const Join& join);
  // Asks for the next piece of a replay; to be called when the outbox is empty, at most one outstanding per connection
  // (the hub keeps to it: with several channels in replay it takes them in turn).
  void replay_next(ConnectionId connection);
  bool replaying(ConnectionId connection) const;
  // False when it was not a member. Answered by nothing: what was delivered before stands, nothing comes after.
  bool leave(ConnectionId connection, std::string_view key, bool grace);
  bool is_member(ConnectionId connection, std::string_view key) const;
  // The local channel of a membership, which stays its number until the membership ends; kNoIndex: not a member.
  uint32_t channel_of(ConnectionId connection, std::string_view key) const;
  bool is_in(ConnectionId connection, uint32_t channel) const;
  uint32_t joined_count(ConnectionId connection) const;  // rooms, inbox and broadcast alike, joining ones included
  // Appends the keys of the channels that Sink::joined has reported; silent memberships are not among them.
  void append_joined(ConnectionId connection, std::vector<std::string>& keys) const;
  // Sets the shown status of the user of this connection, who is in the inbox: in the rooms of all connections of the
  // user, those joined later included, until the last one has gone.
  void set_status(ConnectionId connection, Status status);
  void query(const Query& query);
  // Whether there may be other servers: queries may name connections of theirs.
  bool has_broker() const;
  // What Sink::send_and_ask() has promised.
  void reply(const Asker& asker, const Answer& answer);

  std::string_view key_of(uint32_t channel) const;  // a local channel of a Delivery, with members until Sink::parted
  const RoomPolicy& policy_of(uint32_t channel) const;
  bool is_channel(uint32_t channel) const;  // whether the number means one at present
  uint16_t owner_of(std::string_view key) const;

  // --- from a broker (hub/broker.h) ---
  // Of channels that this core owns. The next message:
  Applied apply(const Ordered& ordered);
  // An event without an id that comes from elsewhere.
  void show(const MessageView& event);
  // The channel's history is empty and ends at `position`. `gap_oldest` != 0: its members have missed something, and
  // get what follows from that id on.
  void reset(std::string_view key, uint64_t position, uint64_t gap_oldest);
  // What Broker::command() says was asked of another server.
  void carry_out(QueryKind kind, std::string_view key, std::string_view user);
  // The channel's history is complete; `ready` is false: it is unavailable. Those who wait for it go on, so many in
  // each of the next ticks.
  void opened(std::string_view key, bool ready);
  // Who of other servers is in the channel; sums over all of them.
  void attend(std::string_view key, const Attendee& attendee);
  void count(std::string_view key, const Counts& counts);
  // The status of an inbox's user.
  void state(std::string_view inbox, Status status);
  // `published.correlation` is the publisher's.
  void settle(const Publisher& publisher, const Published& published);

  // --- from the reactor ---
  void on_mail(const reactor::Mail& mail);
  // Settles the tick's runs into Sink::deliver and gives credit back; before the flush.
  void on_tick();
  bool measures() const;            // this tick delivered something whose way is to be measured
  void on_flushed(int64_t now_ns);  // what the tick delivered has been handed to the kernel
  // Goes on with lists that take many looks. Once a tick, after its mail.
  void go_on();
  // Grace times, TTLs, windows; a bounded share per call, every 100 ms or so.
  void sweep();
  // While draining every publish but `always` is answered with PublishError::draining, asked for or not.
  void set_draining(bool draining);

  HubStats& stats() { return stats_; }

  // For tests: aborts when counts, ids or limits disagree; whether all credit has come back.
  void check() const;
  bool credit_all_back() const;

 private:
  struct State;
  void serve_opened();
  std::unique_ptr<State> state_;
  HubStats stats_;
};

}  // namespace ringcast::hub
