// SPDX-License-Identifier: Apache-2.0
// The home side of one core's hub: the channels that hash to this core. It alone gives ids, keeps history, presence
// and, per core, the number of members. Its reactor's thread only.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "hub/context.h"
#include "hub/history.h"
#include "hub/idempotency.h"
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
  // Exists from the first message with an id on.
  struct Log {
    BlockWriter writer{512};
    History history;
    uint64_t final_id = 0;      // the newest final message
    uint64_t last_ms = 0;       // inboxes: timestamps rise strictly in ms
    uint32_t older = kNoIndex;  // list of channels by their last publish
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
    bool online : 1 = false;  // inboxes: shown online (grace included)
    bool in_grace_list : 1 = false;
    bool offline_held : 1 = false;  // inboxes: in the grace time

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
  struct Joiner {  // who asks, in mail terms
    uint16_t core;
    uint32_t channel, generation;  // the core's local channel
    uint32_t membership, number;
    uint8_t flags;
    std::string_view user;
    Status status;  // the user's, with kKnown
  };

  // Nameless polls would come and go with every answer: they are counted while they wait, and not announced.
  static bool shows_presence(const Joiner& joiner) {
    return (joiner.flags & flag::kSilent) == 0 && ((joiner.flags & flag::kBrief) == 0 || !joiner.user.empty());
  }
  uint32_t find_or_make(std::string_view key);  // kNoIndex: full
  Channel* addressed(const Mail& mail);
  void touch(Channel& channel);
  const RoomPolicy& policy(const Channel& channel) const { return (*context_.options.policies)[channel.policy]; }
  Log& log_of(uint32_t index);
  void keep(uint32_t index, const Slice& slice, bool final);
  void pop_oldest(Channel& channel);
  void drop_history(uint32_t index);
  void trim(Channel& channel);
  void trim_total();
  void list_unlink(Log& log, uint32_t index);
  void list_append(Log& log, uint32_t index);
  void note_occupancy(const Channel& channel, bool occupied);
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
  void on_user_status(Channel& channel, Status status);
  void note_online(uint32_t index, bool grace);
  void watch_grace(uint32_t index);
  bool forget_if_unused(uint32_t index);
  void note_credit(const Mail& mail);
  void rows_of_members(const Channel& channel, const Query& query, Answer& answer) const;
  void rows_of_history(Channel& channel, const Query& query, Answer& answer);
  void rows_of_channels(const Query& query, Answer& answer);
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
  BlockWriter ephemeral_{4096};
  BlockWriter compressed_{4096};
  std::string encoded_;
  std::string compressed_bytes_;
  std::vector<std::pair<uint32_t, uint64_t>> received_;  // this tick's, per core
  bool received_any_ = false;
  std::deque<CreditBatch> credit_;
  std::vector<SlabHandle> grace_list_;  // channels with a grace time running
  uint64_t position_highest_ = 0;
  int64_t next_measure_ns_ = 0;
  uint64_t history_bytes_ = 0;
  uint32_t oldest_log_ = kNoIndex;
  uint32_t newest_log_ = kNoIndex;
  uint32_t sweep_at_ = 0;
};

}  // namespace ringcast::hub
