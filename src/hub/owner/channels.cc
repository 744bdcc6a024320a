// SPDX-License-Identifier: Apache-2.0
#include "hub/owner/channels.h"

#include "hub/broker.h"

namespace ringcast::hub {

Channels::Channels(Context& context)
    : context_(context),
      table_(context.hash, context.options.channels_max, 256),
      clock_start_(context.wall_us()),
      forgotten_(context.options.forgotten_positions_max, clock_start_),
      busiest_(context.hash, context.options.busiest_rooms) {}

uint32_t Channels::find_or_make(std::string_view key) {
  const uint64_t hash = context_.hash(key);
  RINGCAST_ASSERT(context_.owner_of(hash) == context_.options.core);
  uint32_t index = table_.find(hash, key);
  if (index != kNoIndex) return index;
  index = table_.insert(hash, Name(key));
  if (index == kNoIndex) return kNoIndex;
  Channel& channel = table_[index];
  const std::string_view name = name_of(key);
  channel.policy = context_.options.policies->match(name);
  channel.inbox = is_inbox(name);
  channel.brokered = context_.options.broker != nullptr && context_.options.broker->orders(key);
  // One that a broker orders has no position here before it is opened.
  channel.position = channel.brokered ? 0 : forgotten_.position_of(hash, start_of(channel));
  touch(channel);
  add(context_.stats.channels);
  return index;
}

// The same for all channels, and as long as the server runs: one that is forgotten without ever having given an id is
// made anew where it was.
uint64_t Channels::start_of(const Channel& channel) const {
  const uint64_t first_id = policy(channel).first_id;
  return first_id != 0 ? first_id - 1 : clock_start_;
}

void Channels::touch(Channel& channel) {
  channel.used_s = static_cast<uint32_t>(context_.wall_s());
}

bool Channels::forget_if_unused(uint32_t index) {
  const Channel& channel = table_[index];
  if (channel.offline_held || channel.connections() != 0) return false;
  if (channel.presence() != nullptr && channel.presence()->waiting()) return false;
  if (channel.kept() != 0) return false;
  const auto empty_ttl_s = static_cast<uint64_t>(policy(channel).empty_ttl.count());
  if (channel.used_s + empty_ttl_s > context_.wall_s()) return false;
  if (!channel.brokered) forgotten_.add(context_.hash(channel.key.view()), start_of(channel), channel.position);
  table_.erase(index);
  subtract(context_.stats.channels);
  add(context_.stats.evicted_channels);
  return true;
}

void Channels::note_members(uint32_t index, uint32_t before) {
  const Channel& channel = table_[index];
  if (!channel.is_room()) return;
  const std::string_view key = channel.key.view();
  busiest_.changed(tenant_of(key), handle(index), before, Rooms{table_});
  const bool occupied = channel.live() != 0;
  if (context_.options.tells_occupancy && occupied != (before != 0)) context_.sink.occupancy(key, occupied);
}

void Channels::offer_busy(uint32_t index) {
  const Channel& channel = table_[index];
  if (channel.live() == 0 || !channel.is_room()) return;
  busiest_.offer(tenant_of(channel.key.view()), handle(index), Rooms{table_});
}

const std::vector<SlabHandle>& Channels::busiest(std::string_view tenant, uint32_t max) {
  return busiest_.list(tenant, max, Rooms{table_});
}

uint32_t Channels::Rooms::members(SlabHandle room) const {
  const Channel* const channel = table.get(room.index, room.generation);
  return channel == nullptr ? 0 : channel->live();
}

void Channels::Rooms::set_listed(SlabHandle room, bool listed) const {
  Channel* const channel = table.get(room.index, room.generation);
  if (channel != nullptr) channel->listed = listed;
}

}  // namespace ringcast::hub
