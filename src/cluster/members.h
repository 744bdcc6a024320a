// SPDX-License-Identifier: Apache-2.0
// Who is in which channel, over all nodes. Each node writes its own users and counts into Redis, under its
// *incarnation*, whose lease it renews; it receives what others have written, and sends each core the sums of the
// others.
//
// A script takes a write only while the incarnation has its lease. A node that lost its lease (it was frozen, or Redis
// lost it, or it is another server) enters everything again under a new incarnation; what an incarnation without a
// lease has left is taken away by whichever node notices, once that node has been connected for a while, so that after
// an outage all have time to come back. Changes of a channel are numbered: after one that is missing, everything is
// read again (`snapshot`). A node that a snapshot lacks is kept for a while too.
//
// What a node writes stays dirty until it has been answered, users that have gone included. The bridge's, its thread
// only.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "cluster/protocol.h"
#include "codec/resp/resp_parser.h"
#include "hub/broker.h"
#include "hub/policy.h"
#include "hub/protocol.h"
#include "reactor/mail.h"

namespace ringcast::cluster {

struct MembersOptions {
  std::string prefix;  // of all keys and channels
  std::string name;    // of the node, as people see it
  uint64_t node = 0;
  int64_t lease_ns = 0;
  const hub::RoomPolicies* policies = nullptr;
};

class Members {
 public:
  // What the bridge does for it.
  class Host {
   public:
    virtual ~Host() = default;
    // Where a command is to be appended, whose reply comes to on_reply(): EVALSHA and the script are there already.
    virtual std::string& begin_call(Script script, uint32_t arguments) = 0;
    // To the core of a channel that is open. `text`: the payload beside the key.
    virtual void send_to_core(std::string_view key, const reactor::Mail& mail, std::string_view text) = 0;
    // A snapshot of the channel is to be asked for.
    virtual void need_snapshot(std::string_view key) = 0;
  };
  Members(MembersOptions options, Host& host, hub::BrokerStats& stats);

  // --- from the cores
  void on_mail(const reactor::Mail& mail, std::string_view key, hub::RecordReader& record);
  // The channel is closed here: of others nothing is known any more.
  void forget(std::string_view key);

  // --- from Redis
  // Whether a sync of this channel is to bring a snapshot.
  bool wants_snapshot(std::string_view key) const;
  void on_snapshot(std::string_view key, codec::RespValue snapshot, int64_t now_ns);
  void on_change(std::string_view key, std::string_view bytes);
  void on_state(std::string_view key, uint64_t node, std::string_view status);
  // To the oldest command without one.
  void on_reply(codec::RespValue reply, int64_t now_ns);
  // A connection is lost, the one with the commands or the other; both are there again, to this run of the server.
  void on_lost(bool commands);
  void on_ready(std::string_view run, int64_t now_ns);
  // Once a tick while they are there, and now and then.
  void write_some();
  void on_interval(int64_t now_ns);

  std::string users_prefix(std::string_view key) const;  // of its users, an incarnation each
  std::string counts_key(std::string_view key) const;

 private:
  struct User {
    uint32_t connections = 0;
    hub::Status status = hub::Status::online;
    bool shown = false;
    bool dirty = false;  // is in Room::dirty
  };
  struct Incarnation {  // another node's, in a channel
    hub::Counts counts;
    std::unordered_map<std::string, User> users;
    int64_t missing_since_ns = 0;  // snapshots have lacked it; 0: the last one had it
  };
  struct Room {
    std::unordered_map<std::string, User> here;
    uint32_t shown = 0;  // of them
    hub::Counts counts;
    std::string head_written;  // counts as they were written last; "?": not known
    std::vector<std::string> dirty;
    bool queued = false;  // in to_write_
    std::map<std::string, Incarnation, std::less<>> there;
    uint64_t change = 0;  // the newest that has been taken in
    bool known = false;   // false: a snapshot is to come
    // Changes that came before the snapshot that is to come.
    std::vector<std::string> parked;
    size_t parked_bytes = 0;
    bool overran = false;  // and more of them
    uint32_t flying = 0;   // writes without a reply
    bool idle() const {
      return here.empty() && dirty.empty() && !counts.present && there.empty() && !known && !queued && flying == 0 &&
             parked.empty() && head_written.empty();
    }
  };
  struct Call {
    enum class What : uint8_t { write, lease, clean, state } what;
    uint32_t incarnation = 0;
    std::string key;  // write: the channel; clean: the incarnation
    std::vector<std::string> users;
  };
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };

  Room& room(std::string_view key);
  void drop_if_idle(std::string_view key);
  static void forget_others_news(Room& room);
  void park(Room& room, std::string_view bytes);
  void queue(std::string_view key, Room& room);
  void touch(std::string_view key, Room& room, std::string_view name, User& user);
  bool write(const std::string& key);
  void written(const Call& call, codec::RespValue reply);
  void redo(const Call& call);
  void renew(bool enters);
  void enter_again();
  void write_all_again();
  void clean(std::string_view incarnation);
  void on_lease(codec::RespValue reply, int64_t now_ns);
  bool is_ours(std::string_view incarnation) const { return incarnation.starts_with(own_); }
  std::string id() const { return own_ + std::to_string(incarnation_); }
  void set_user(std::string_view key, Room& room, Incarnation& at, std::string_view name, std::string_view value);
  void set_counts(Incarnation& at, std::string_view head);
  void drop(std::string_view key, Room& room, std::string_view incarnation);
  void report_user(std::string_view key, const Room& room, std::string_view name);
  void report_counts(std::string_view key, const Room& room);
  void report_state(std::string_view key, std::string_view status);

  const MembersOptions options_;
  Host& host_;
  hub::BrokerStats& stats_;
  const std::string own_;  // what ours begin with
  uint32_t incarnation_ = 1;
  bool entered_ = false;  // has had a lease
  std::string run_;
  std::unordered_map<std::string, Room, Hash, std::equal_to<>> rooms_;
  std::deque<std::string> to_write_;
  std::vector<std::string> later_;  // what was refused: with the next interval
  std::deque<Call> calls_;
  std::deque<std::pair<int64_t, std::string>> to_look_at_;  // channels with incarnations that a snapshot lacked
  std::unordered_map<std::string, uint32_t> stating_;       // statuses of ours on their way
  bool up_ = false, cleaning_ = false;
  int64_t up_since_ns_ = 0, next_lease_ns_ = 0;
};

}  // namespace ringcast::cluster
