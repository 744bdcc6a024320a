// SPDX-License-Identifier: Apache-2.0
// The home side of one core's hub: the channels that hash to this core. It alone gives ids, keeps history, presence
// and, per core, the number of members. Its reactor's thread only.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "hub/busiest.h"
#include "hub/context.h"
#include "hub/forgotten.h"
#include "hub/history.h"
#include "hub/idempotency.h"
#include "hub/lists.h"
#include "hub/presence.h"
#include "hub/table.h"

namespace ringcast::hub {

class Home {
 public:
  explicit Home(Context& context);

  void on_publish(const Mail& mail);
  void on_join(const Mail& mail);
  void on_replay_next(const Mail& mail);
  void on_leave(const Mail& mail);
  void on_status(const Mail& mail);
  // This core's part of an answer.
  void answer(const Query& query, Answer& answer);
  // Its part of lists.h: true when all have been looked at.
  bool look_at_channels(bool users, std::string_view tenant, ListPosition& position, Page& page) const;
  bool look_at_members(SlabHandle room, ListPosition& position, Page& page);
  uint32_t begin_members(std::string_view key, SlabHandle& room) const;  // how many there are to look at
  void end_members(SlabHandle room, uint32_t limit, Answer& answer);
  // Gives credit back for publishes whose fan-out has left this core.
  void tick();
  void sweep();

  // Invariants, for tests: counts agree with shares, ids with history. Aborts when violated.
  void check() const;

 private:
  // Members of a channel on one core.
  struct Share {
    uint32_t channel = 0;     // the core's own index of the channel
    uint32_t generation = 0;  // and its generation
    uint32_t live = 0;
    uint32_t silent = 0;
    uint32_t compressed = 0;  // of the live ones
    uint16_t core = UINT16_MAX;
    Share() noexcept {}  // not trivial, so that a Channel's small fields may lie in its padding
    bool unused() const { return live == 0 && silent == 0; }
  };
  // What rooms with several members have.
  struct Crowd {
    std::vector<Share> shares;  // of further cores
    uint32_t live = 0;          // of all cores
    uint32_t compressed = 0;
    std::optional<Presence> presence;
  };
  // What history keeps lies in the allocator's pages apart from what only passes: one such block would hold a whole
  // page of them.
  static constexpr uint32_t kBlockMax = 48 * 1024;
  static_assert(kBlockMax != BlockWriter::kLargest);
  // Exists from the first message with an id on.
  struct Log {
    BlockWriter writer{512, kBlockMax};
    History history;
    uint64_t final_id = 0;  // the newest final message
    uint64_t last_ms = 0;   // inboxes: timestamps rise strictly in ms
    // Channels with a history, by their last publish with an id: the one to lose messages next comes first.
    uint32_t older = kNoIndex;
    uint32_t newer = kNoIndex;
  };
  // What an inbox that nothing has been sent to does without.
  struct More {
    std::unique_ptr<Log> log;      // when it has had messages
    std::unique_ptr<Crowd> crowd;  // when it shows presence, or has had members on several cores
  };
  // Every user's inbox is one, so that each byte is paid for by every connection.
  struct Channel {
    Name key;
    uint64_t position = 0;  // the id given last
    std::unique_ptr<More> more;
    uint32_t epoch = 0;  // raised when all members are counted out at once
    uint32_t used_s = 0;
    [[no_unique_address]] Share first;  // mostly one core has members
    uint8_t policy = 0;
    Status status : 2 = Status::online;  // inboxes: the user's
    bool inbox : 1 = false;
    bool online : 1 = false;        // inboxes: shown online (grace included)
    bool offline_held : 1 = false;  // inboxes: in the grace time
    bool stated : 1 = false;        // inboxes: the user has had another status than `online`
    bool listed : 1 = false;        // of BusiestRooms

    Log* log() const { return more == nullptr ? nullptr : more->log.get(); }
    Crowd* crowd() const { return more == nullptr ? nullptr : more->crowd.get(); }
    uint32_t live() const { return crowd() == nullptr ? first.live : crowd()->live; }
    uint32_t compressed() const { return crowd() == nullptr ? first.compressed : crowd()->compressed; }
    uint32_t connections() const;  // silent ones too
    // Inboxes in the grace time. Nobody is connected then, so that the share's address is free to say when it ends.
    void hold_offline_until(uint64_t time_us) {
      offline_held = true;
      first.channel = static_cast<uint32_t>(time_us >> 32);
      first.generation = static_cast<uint32_t>(time_us);
    }
    uint64_t offline_at_us() const { return static_cast<uint64_t>(first.channel) << 32 | first.generation; }
    Share* find(uint16_t core);
    template <class F>
    void for_each_share(F&& f) const {
      if (first.core != UINT16_MAX) f(first);
      if (crowd() == nullptr) return;
      for (const Share& share : crowd()->shares) f(share);
    }
    Presence* presence() const { return crowd() == nullptr || !crowd()->presence ? nullptr : &*crowd()->presence; }
  };
  static_assert(sizeof(Channel) == 56);
  struct RoomTable {  // as BusiestRooms sees it
    Table<Channel>& channels;
    uint32_t members(SlabHandle room) const;
    bool is_listed(SlabHandle room) const;
    void set_listed(SlabHandle room, bool listed) const;
  };
  struct Joiner {  // who asks, in mail terms
    uint16_t core;
    uint32_t channel, generation;  // the core's local channel
    uint32_t membership, number;
    uint8_t flags;
    std::string_view user;
    Status status;  // the user's, with kKnown
    Moment moment;  // of it
  };

  static bool is_room(const Channel& channel) { return !channel.inbox && !is_broadcast(name_of(channel.key.view())); }
  // Nameless polls would come and go with every answer: they are counted while they wait, and not announced.
  static bool shows_presence(const Joiner& joiner) {
    return (joiner.flags & flag::kSilent) == 0 && ((joiner.flags & flag::kBrief) == 0 || !joiner.user.empty());
  }
  uint32_t find_or_make(std::string_view key);      // kNoIndex: full
  uint64_t start_of(const Channel& channel) const;  // the position of a channel that has never been
  Channel* addressed(const Mail& mail);
  void touch(Channel& channel);
  const RoomPolicy& policy(const Channel& channel) const { return (*context_.options.policies)[channel.policy]; }
  Log& log_of(uint32_t index);
  void keep(uint32_t index, const Slice& slice, bool final);
  void pop_oldest(uint32_t index);
  void drop_history(uint32_t index);
  uint32_t trim(uint32_t index);  // how many messages went
  void trim_total();
  void list_unlink(Log& log, uint32_t index);
  void list_append(Log& log, uint32_t index);
  // Its members were `before`.
  void note_members(uint32_t index, uint32_t before);
  void deliver(Channel& channel, const Slice& canonical, const Slice* compressed, uint64_t id, uint8_t flags,
               const Address& exclude);
  void measure(const Channel& channel, uint64_t since_ns);
  void publish_ephemeral(Channel& channel, std::string_view canonical, const Address& exclude);
  void tell_published(const Mail& asked, const Published& published);
  void send_piece(uint32_t index, const Joiner& joiner, uint64_t position, uint64_t gap_oldest);
  void add_member(uint32_t index, const Joiner& joiner);
  static More& more_of(Channel& channel);
  static Crowd& crowd_of(Channel& channel);
  Share& share_of(Channel& channel, uint16_t core);
  // Members of a share that come (1) or go (-1).
  static void count_live(Channel& channel, Share& share, int by, bool compressed);
  static void count_all_out(Channel& channel);
  // Before the joiner is counted, so that it does not hear of itself. The status that its user is shown with comes
  // back.
  Status enter_presence(Channel& channel, const Joiner& joiner);
  void leave_presence(uint32_t index, std::string_view user, bool grace, bool poll);
  void presence_event(Channel& channel, PresenceView::Kind kind, std::string_view user, Status status,
                      uint32_t members);
  // As shown in a room, unless what is shown is newer.
  void show_status(Channel& channel, std::string_view user, Status status, Moment moment);
  void on_user_status(Channel& channel, Status status);
  void set_status(Channel& channel, Status status);
  void note_online(uint32_t index, bool grace);
  uint64_t grace_end(std::chrono::milliseconds grace) const;
  void watch_grace(uint32_t index, uint64_t ends_us, Name user);
  void end_graces();
  bool forget_if_unused(uint32_t index);
  void note_credit(const Mail& mail);
  void rows_of_history(uint32_t index, const Query& query, Answer& answer);
  void rows_of_busiest(const Query& query, Answer& answer);
  void evict(const Channel& channel, std::string_view user, uint64_t what);
  void send_credit(uint16_t core, uint32_t publishes, uint64_t bytes);

  // Credit of one tick's publishes, given back once every pair's overflow has moved past its mark.
  struct CreditBatch {
    std::vector<uint64_t> marks;                          // per core
    std::vector<std::pair<uint32_t, uint64_t>> received;  // per core: publishes, bytes
  };

  Context& context_;
  Table<Channel> channels_;
  IdempotencyKeys idempotency_;
  const uint64_t clock_start_;  // from where ids of the clock begin
  ForgottenPositions forgotten_;
  BusiestRooms busiest_;
  BlockWriter ephemeral_{4096};
  BlockWriter compressed_{4096};
  std::string encoded_;
  std::string compressed_bytes_;
  std::vector<std::pair<uint32_t, uint64_t>> received_;  // this tick's, per core
  bool received_any_ = false;
  std::deque<CreditBatch> credit_;
  // A user's leave that is held back: from a room, or with an empty name from being online, by its inbox. It stays in
  // the heap when the user comes back, and is taken out later.
  struct Grace {
    uint64_t ends_us;
    SlabHandle channel;
    Name user;
    friend bool operator>(const Grace& a, const Grace& b) { return a.ends_us > b.ends_us; }
  };
  bool runs(const Grace& grace);
  void take_grace(size_t at);
  void drop_returned();
  std::vector<Grace> graces_;  // a heap: the next to end is at the front
  size_t grace_at_ = 0;        // where drop_returned() goes on
  int64_t next_measure_ns_ = 0;
  uint64_t history_bytes_ = 0;
  Moment moment_ = kFirstMoment;
  uint32_t oldest_log_ = kNoIndex;
  uint32_t newest_log_ = kNoIndex;
  uint32_t sweep_at_ = 0;
};

}  // namespace ringcast::hub
