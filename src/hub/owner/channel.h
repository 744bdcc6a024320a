// SPDX-License-Identifier: Apache-2.0
// What a channel's owner knows of it: its newest id, its messages, how many members it has on which core, who is shown
// in it. Plain data with the sums that belong to it. One core's.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/block.h"
#include "base/slab.h"
#include "hub/name.h"
#include "hub/owner/history.h"
#include "hub/owner/presence.h"
#include "hub/types.h"

namespace ringcast::hub {

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

// Who is in a channel at other servers (hub/broker.h).
struct Elsewhere {
  explicit Elsewhere(const KeyedHash& hash) : users(hash) {}
  Presence users;
  Counts counts;
};

// What rooms with several members have.
struct Crowd {
  std::vector<Share> shares;  // of further cores
  uint32_t live = 0;          // of all cores
  uint32_t compressed = 0;
  std::optional<Presence> presence;
  std::unique_ptr<Elsewhere> elsewhere;
};

// Exists from the first message with an id on.
struct MessageLog {
  // What history keeps lies in the allocator's pages apart from what only passes: one such block would hold a whole
  // page of them.
  static constexpr uint32_t kBlockMax = 48 * 1024;
  static_assert(kBlockMax != BlockWriter::kLargest);

  BlockWriter writer{512, kBlockMax};
  History history;
  uint64_t final_id = 0;  // the newest final message
  uint64_t last_ms = 0;   // inboxes: timestamps rise strictly in ms
  // Channels with a history, by their last publish with an id: the one to lose messages next comes first.
  uint32_t older = kNoIndex;
  uint32_t newer = kNoIndex;
};

// Every user's inbox is one, so that each byte is paid for by every connection.
struct Channel {
  // What an inbox that nothing has been sent to does without.
  struct More {
    std::unique_ptr<MessageLog> log;  // when it has had messages
    std::unique_ptr<Crowd> crowd;     // when it shows presence, or has had members on several cores
  };

  Name key;
  uint64_t position = 0;  // the id given last; with a broker 0: not open
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
  bool brokered : 1 = false;      // a Broker gives its messages their ids (hub/broker.h)

  bool is_room() const { return !inbox && !is_broadcast(name_of(key.view())); }
  MessageLog* log() const { return more == nullptr ? nullptr : more->log.get(); }
  MessageLog& make_log();
  uint32_t kept() const { return log() == nullptr ? 0 : log()->history.size(); }  // messages in history
  Crowd* crowd() const { return more == nullptr ? nullptr : more->crowd.get(); }
  Crowd& make_crowd();
  Presence* presence() const { return crowd() == nullptr || !crowd()->presence ? nullptr : &*crowd()->presence; }

  const Elsewhere* elsewhere() const { return crowd() == nullptr ? nullptr : crowd()->elsewhere.get(); }

  uint32_t live() const { return crowd() == nullptr ? first.live : crowd()->live; }
  uint32_t compressed() const { return crowd() == nullptr ? first.compressed : crowd()->compressed; }
  uint32_t connections() const;  // silent ones too
  // On all servers.
  uint32_t live_anywhere() const { return live() + (elsewhere() == nullptr ? 0 : elsewhere()->counts.live); }
  Share* find(uint16_t core);
  Share& share_of(uint16_t core);
  // Members of a share that come (1) or go (-1).
  void count_live(Share& share, int by, bool compressed);
  void count_all_out();
  template <class F>
  void for_each_share(F&& f) const {
    if (first.core != UINT16_MAX) f(first);
    if (crowd() == nullptr) return;
    for (const Share& share : crowd()->shares) f(share);
  }

  // Inboxes in the grace time. Nobody is connected then, so that the share's address is free to say when it ends.
  void hold_offline_until(uint64_t time_us) {
    offline_held = true;
    first.channel = static_cast<uint32_t>(time_us >> 32);
    first.generation = static_cast<uint32_t>(time_us);
  }
  uint64_t offline_at_us() const { return static_cast<uint64_t>(first.channel) << 32 | first.generation; }
};
static_assert(sizeof(Channel) == 56);

}  // namespace ringcast::hub
