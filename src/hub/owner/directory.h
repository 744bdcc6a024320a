// SPDX-License-Identifier: Apache-2.0
// What a core's channels have to say when they are asked: a room's history and members, a user, lists; and the orders
// of administrators that empty or close them. One per owner; its reactor's thread only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "hub/context.h"
#include "hub/lists.h"
#include "hub/owner/channels.h"
#include "hub/owner/histories.h"

namespace ringcast::hub {

class Directory {
 public:
  Directory(Context& context, Channels& channels, Histories& histories)
      : context_(context), channels_(channels), histories_(histories) {}

  // This core's part of an answer.
  void answer(const Query& query, Answer& answer);
  // Questions that cannot be answered before the broker has opened the channel: about its history, and who is in it.
  static bool concerns_others(QueryKind kind) {
    return kind == QueryKind::history || kind == QueryKind::members || kind == QueryKind::user;
  }
  // An order that was given to another server of the cluster.
  void carry_out(QueryKind kind, std::string_view key, std::string_view user);
  // Its part of lists.h: true when all have been looked at.
  bool look_at_channels(bool users, std::string_view tenant, ListPosition& position, Page& page) const;
  bool look_at_members(SlabHandle room, ListPosition& position, Page& page) const;
  uint32_t begin_members(std::string_view key, SlabHandle& room) const;  // how many there are to look at
  void end_members(SlabHandle room, uint32_t limit, Answer& answer) const;

 private:
  void rows_of_history(uint32_t index, const Query& query, Answer& answer);
  void rows_of_busiest(const Query& query, Answer& answer);
  static bool is_order(QueryKind kind);
  bool is_shared(std::string_view key) const;
  void evict(const Channel& channel, std::string_view user, uint64_t what);

  Context& context_;
  Channels& channels_;
  Histories& histories_;
  std::string scratch_;
};

}  // namespace ringcast::hub
