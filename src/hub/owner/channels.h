// SPDX-License-Identifier: Apache-2.0
// The channels that a core owns: found by key, made when first asked for, forgotten when unused for long, with where
// their ids go on; and which of them are the busiest. One per owner; its reactor's thread only.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "hub/context.h"
#include "hub/owner/busiest.h"
#include "hub/owner/channel.h"
#include "hub/owner/forgotten.h"
#include "hub/table.h"

namespace ringcast::hub {

class Channels {
 public:
  explicit Channels(Context& context);

  uint32_t find(std::string_view key) const { return table_.find(context_.hash(key), key); }  // kNoIndex: none
  uint32_t find_or_make(std::string_view key);                                                // kNoIndex: full
  Channel& operator[](uint32_t index) { return table_[index]; }
  const Channel& operator[](uint32_t index) const { return table_[index]; }
  Channel* get(SlabHandle handle) { return table_.get(handle.index, handle.generation); }
  const Channel* get(SlabHandle handle) const { return const_cast<Channels*>(this)->get(handle); }
  SlabHandle handle(uint32_t index) const { return {index, table_.generation(index)}; }
  bool live(uint32_t index) const { return table_.live(index); }
  uint32_t index_end() const { return table_.index_end(); }
  template <class F>
  void for_each(F&& f) {
    table_.for_each(f);
  }

  const RoomPolicy& policy(const Channel& channel) const { return (*context_.options.policies)[channel.policy]; }
  // It is in use now.
  void touch(Channel& channel);
  // True: it was unused for as long as its policy says, and is gone.
  bool forget_if_unused(uint32_t index);

  // The members of a channel were `before`: counts occupied rooms, and says so to the sessions.
  void note_members(uint32_t index, uint32_t before);
  // A room with members, now and then.
  void offer_busy(uint32_t index);
  // At most `max` rooms, in no order; valid until the next call.
  const std::vector<SlabHandle>& busiest(std::string_view tenant, uint32_t max);
  const BusiestRooms& busiest() const { return busiest_; }

 private:
  struct Rooms {  // as BusiestRooms sees the table
    Table<Channel>& table;
    uint32_t members(SlabHandle room) const;
    bool is_listed(SlabHandle room) const { return table[room.index].listed; }
    void set_listed(SlabHandle room, bool listed) const;
  };
  uint64_t start_of(const Channel& channel) const;  // the position of a channel that has never been

  Context& context_;
  Table<Channel> table_;
  const uint64_t clock_start_;  // from where ids of the clock begin
  ForgottenPositions forgotten_;
  BusiestRooms busiest_;
};

}  // namespace ringcast::hub
