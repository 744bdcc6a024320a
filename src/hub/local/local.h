// SPDX-License-Identifier: Apache-2.0
// The member side of one core's hub: which of its connections have joined what, and the runs they are about to get.
// Its reactor's thread only.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <queue>
#include <string>
#include <vector>

#include "base/index_pool.h"
#include "base/slab.h"
#include "base/slot_array.h"
#include "hub/context.h"
#include "hub/lists.h"
#include "hub/local/run.h"
#include "hub/name.h"
#include "hub/table.h"

namespace ringcast::hub {

class Local {
 public:
  explicit Local(Context& context);
  ~Local();

  void open(ConnectionId connection, FormId form);
  void close(ConnectionId connection, bool grace);
  bool is_open(ConnectionId connection) const { return const_cast<Local*>(this)->find(connection) != nullptr; }
  bool join(const Join& join);
  bool leave(ConnectionId connection, std::string_view key, bool grace);
  void replay_next(ConnectionId connection);
  bool replaying(ConnectionId connection) const;
  bool is_member(ConnectionId connection, std::string_view key) const;
  uint32_t channel_of(ConnectionId connection, std::string_view key) const;
  bool is_in(ConnectionId connection, uint32_t channel) const;
  uint32_t joined_count(ConnectionId connection) const;
  void append_joined(ConnectionId connection, std::vector<std::string>& keys) const;
  void set_status(ConnectionId connection, Status status);

  std::string_view key_of(uint32_t channel) const;
  uint8_t policy_of(uint32_t channel) const;
  bool is_channel(uint32_t channel) const { return channel < channels_.index_end() && channels_.live(channel); }

  // Invariants, for tests: channels, memberships and groups agree, and none is left unused. Aborts when violated.
  void check() const;

  void on_joined(const Mail& mail);
  void on_replay(const Mail& mail);
  void on_deliver(const Mail& mail);
  void on_evict(const Mail& mail);
  void on_gap(const Mail& mail);
  void on_user_status(const Mail& mail);
  void tick();
  void sweep();

  // Its part of lists.h: the connections in order of their slots, which is that of their names. True when all have been
  // looked at, or one more than the page takes.
  uint32_t begin_connections(std::string_view after) const;  // the first slot to look at
  bool look_at_connections(std::string_view key, std::string_view user, std::string_view tenant, ListPosition& position,
                           Page& page) const;

 private:
  enum class Stage : uint8_t {
    free,
    joining,    // asked, not answered
    replaying,  // answered; the owner core has not added it yet
    live,       // receives
    silent,     // counted only
    abandoned,  // left while an answer is outstanding; the answer decides whether there is something to undo
  };
  // These three are paid for by every connection, for its inbox, its room and the broadcast.
  struct Channel {
    Name key;
    uint32_t owner_index = kNoIndex;  // the channel at its owner core, as last heard
    uint32_t owner_generation = 0;
    uint32_t epoch = 0;
    uint32_t waiting = 0;  // memberships that are joining, replaying or abandoned
    uint16_t owner = 0;
    uint8_t policy = 0;
    bool has_fan = false;
    uint32_t only_or_fan = kNoIndex;  // the slot of the one member, or the index of its Fan
  };
  static_assert(sizeof(Channel) == 32);
  struct Membership {
    uint32_t channel;
    uint32_t next;        // of the same connection
    uint32_t place : 28;  // live, silent: in the group; else: index of its Pending
    Stage stage : 4;
  };
  static_assert(sizeof(Membership) == 12);
  struct Peer {
    uint32_t generation = 0;
    uint32_t first = kNoIndex;
    uint16_t count = 0;
    FormId form : 6 = 0;
    Status status : 2 = Status::online;  // the user's, as last said by its inbox or by this connection
    bool open : 1 = false;
    bool known : 1 = false;    // the inbox has said it, as of the moment last heard from its owner core
    bool differs : 1 = false;  // before that, a room has shown another one than `status`
    bool joined : 1 = false;   // the inbox
    bool owes : 1 = false;     // `status` is to be said to the inbox once it is joined
  };
  static_assert(sizeof(Peer) == 12);
  // A join that is under way.
  struct Pending {
    uint64_t correlation = 0;
    uint64_t position = 0;  // replay goes on after it
    ConnectionId connection;
    uint32_t number = 0;  // of the join, so that late answers are recognised
    FormId form = 0;
    bool silent = false;
    bool asked = false;              // an answer is outstanding
    bool more = false;               // there is more to ask for
    bool known = false;              // the owner core has what the inbox says
    bool overtaken = false;          // what it has, by what the inbox has said since
    Moment since = kNoMoment;        // the last that had been heard from the owner core when this began
    Status status = Status::online;  // as set; then as the owner core shows it
    Name user;
    std::vector<Slice> pieces;  // of the piece that is arriving
    uint64_t first_id = 0;
    uint64_t gap_oldest = 0;
    uint32_t count = 0;
  };

  // A room whose presence waits.
  struct Waits {
    int64_t until_ns;
    uint32_t channel;
    uint32_t generation;
    friend bool operator>(const Waits& a, const Waits& b) { return a.until_ns > b.until_ns; }
  };

  // A join that found a table full; answered in the next tick, as others are.
  struct Refused {
    ConnectionId connection;
    uint64_t correlation;
    std::string key;
  };

  Peer* find(ConnectionId connection);
  Channel* find_channel(std::string_view key, uint32_t* index) const;
  uint32_t channel_for(std::string_view key, const Name& name);
  uint32_t membership_of(const Peer& peer, std::string_view key) const;
  // A connection is in a channel at most once.
  uint32_t membership_in(const Peer& peer, uint32_t channel) const;
  void unlink(Peer& peer, uint32_t membership);
  // Of a connection that stays open: unlinked, removed, and the sink gets the channel's number.
  void part(uint32_t slot, uint32_t membership, bool deliver, bool grace, std::optional<LeftReason> why);
  // Takes a membership out of its channel. `why` is sent to the owner core; empty: the owner has removed it from its
  // count already.
  void remove(uint32_t slot, uint32_t membership, bool deliver, bool grace, std::optional<LeftReason> why);
  // Forgets one that did not become a member.
  void give_up(uint32_t membership);
  struct Leaver {
    ConnectionId connection;
    std::optional<LeftReason> why;  // none: a join that was given up
  };
  void send_leave(const Channel& channel, std::string_view user, FormId form, bool silent, bool grace,
                  const Leaver& leaver);
  void add_live(uint32_t membership);
  // To a room or an inbox.
  void send_status(const Channel& channel, std::string_view user, Status status, Moment moment);
  void write_join(const Channel& channel, const Pending& pending, const Peer& peer);  // the payload
  // Of what the inbox of the connection's user has said, at its owner core.
  Moment moment_of(const Peer& peer) const;
  const Channel* inbox_of(const Peer& peer) const;
  // The inbox has been joined.
  void learn_status(uint32_t slot, uint16_t owner, Status status, bool stated, Moment moment, Moment since);
  // Takes on what the user's inbox says and passes it on to the rooms of this connection.
  void take_status(uint32_t slot, Status status);
  void forget_if_unused(uint32_t channel);
  // The fan where there is one.
  Fan* fan_at(const Channel& channel) const { return channel.has_fan ? fans_[channel.only_or_fan].get() : nullptr; }
  bool has_only(const Channel& channel) const { return !channel.has_fan && channel.only_or_fan != kNoIndex; }
  uint32_t members(const Channel& channel) const;  // live and silent ones
  FormId group_of(uint32_t slot, Stage stage) const { return stage == Stage::silent ? kSilentForm : peers_[slot].form; }
  Fan& fan_of(uint32_t channel);
  void drop_fan_if_idle(uint32_t channel);
  // Whether what has just come waits for more of its kind: presence of a room that has sent some a moment ago.
  bool holds_back(const Mail& mail, Fan& fan);
  void end_waits();
  void mark(uint32_t channel);
  void leave_with_tick(uint32_t channel);
  void settle(uint32_t channel);
  void ask_replay(uint32_t membership);
  Membership* expected(const Mail& mail);
  // The slot of every member of a channel, collected so that the caller may take them out.
  void collect(const Channel& channel, std::vector<uint32_t>& out) const;

  Context& context_;
  Table<Channel> channels_;
  IndexPool<Membership> memberships_;
  Slab<Pending> pending_;
  SlotArray<Peer> peers_;  // by the connection's slot
  std::vector<Refused> refused_;
  std::vector<uint32_t> dirty_;
  std::priority_queue<Waits, std::vector<Waits>, std::greater<>> waits_;  // the next to end is at the top
  std::deque<uint32_t> warm_;               // channels whose fans may hold blocks, the next to be looked at first
  size_t cooling_ = 0;                      // that this second's pass over them has not come to yet
  uint64_t cooled_s_ = 0;                   // when it began
  std::vector<std::unique_ptr<Fan>> fans_;  // null, or waiting for use, at the indices in fans_free_
  std::vector<uint32_t> fans_free_;
  uint32_t fans_idle_ = 0;  // those that are not null
  std::vector<uint32_t> collected_;
  uint32_t next_number_ = 1;
  std::vector<Moment> moments_;  // by core: the last heard from it
};

}  // namespace ringcast::hub
