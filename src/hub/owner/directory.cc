// SPDX-License-Identifier: Apache-2.0
#include "hub/owner/directory.h"

#include <algorithm>

#include "hub/broker.h"

namespace ringcast::hub {

namespace {
// In ListPosition::at of members: they are looked at who are here; else those who are elsewhere.
constexpr uint32_t kHere = 1u << 31;
}  // namespace

void Directory::answer(const Query& query, Answer& answer) {
  if (query.kind == QueryKind::busiest) return rows_of_busiest(query, answer);
  const bool shared = is_order(query.kind) && is_shared(query.key);
  if (shared) {
    Broker& broker = *context_.options.broker;
    answer.unavailable = !broker.reachable();
    if (answer.unavailable) return;
    broker.command(query.kind, query.key, query.user);
    answer.found = true;  // for all that is known here
  }
  const uint32_t index = channels_.find(query.key);
  if (index == kNoIndex) return;
  Channel& channel = channels_[index];
  answer.found = true;
  switch (query.kind) {
    case QueryKind::history: return rows_of_history(index, query, answer);
    case QueryKind::user: {
      const Elsewhere* const elsewhere = channel.elsewhere();
      const bool there = elsewhere != nullptr && elsewhere->counts.present;
      answer.found = channel.online || there;
      if (answer.found) {
        answer.rows.push_back(Row{std::string(name_of(query.key).substr(1)),
                                  {},
                                  static_cast<uint64_t>(channel.status),
                                  channel.connections() + (there ? elsewhere->counts.connections : 0),
                                  0});
      }
      return;
    }
    case QueryKind::purge: return histories_.drop(index);
    case QueryKind::close_room:
      answer.count = channel.live();
      histories_.drop(index);
      return evict(channel, {}, static_cast<uint64_t>(LeftReason::closed));
    case QueryKind::disconnect_user: answer.count = channel.connections(); return evict(channel, {}, kKick);
    case QueryKind::remove_member: {
      const Presence::Entry* entry = channel.presence() == nullptr ? nullptr : channel.presence()->find(query.user);
      answer.count = entry == nullptr ? 0 : entry->connections;
      answer.found = shared || entry != nullptr;
      return evict(channel, query.user, static_cast<uint64_t>(LeftReason::kicked));
    }
    default: return;
  }
}

bool Directory::is_order(QueryKind kind) {
  return kind == QueryKind::purge || kind == QueryKind::close_room || kind == QueryKind::disconnect_user ||
         kind == QueryKind::remove_member;
}

bool Directory::is_shared(std::string_view key) const {
  return context_.options.broker != nullptr && context_.options.broker->orders(key);
}

void Directory::carry_out(QueryKind kind, std::string_view key, std::string_view user) {
  const uint32_t index = channels_.find(key);
  if (index == kNoIndex) return;
  switch (kind) {
    case QueryKind::close_room: return evict(channels_[index], {}, static_cast<uint64_t>(LeftReason::closed));
    case QueryKind::disconnect_user: return evict(channels_[index], {}, kKick);
    case QueryKind::remove_member: return evict(channels_[index], user, static_cast<uint64_t>(LeftReason::kicked));
    default: return;
  }
}

void Directory::evict(const Channel& channel, std::string_view user, uint64_t what) {
  channel.for_each_share([&](const Share& share) {
    if (share.unused()) return;
    Mail mail = Context::mail(Kind::evict);
    mail.channel = share.channel;
    mail.number = share.generation;
    mail.value = what;
    if (!user.empty()) {
      RecordWriter(context_.scratch).text(user);
      context_.attach_scratch(mail);
    }
    context_.post.send(share.core, mail);
  });
}

uint32_t Directory::begin_members(std::string_view key, SlabHandle& room) const {
  const uint32_t index = channels_.find(key);
  if (index == kNoIndex) return 0;
  room = channels_.handle(index);
  const Presence* const presence = channels_[index].presence();
  return kHere | (presence == nullptr ? 0 : static_cast<uint32_t>(presence->users()));
}

// Those who are here, then those who are elsewhere alone. From the last one down: who leaves gives its place to the
// last one, which has then been looked at already. It may be looked at once more.
bool Directory::look_at_members(SlabHandle room, ListPosition& position, Page& page) const {
  const Channel* const channel = channels_.get(room);
  const Presence* const presence = channel == nullptr ? nullptr : channel->presence();
  if (presence == nullptr) return true;
  const Presence* const others = channel->elsewhere() == nullptr ? nullptr : &channel->elsewhere()->users;
  const auto look = [&](const Presence& at, auto&& row_of) {
    uint32_t left = std::min(position.at & ~kHere, static_cast<uint32_t>(at.users()));
    for (; left != 0 && position.looks != 0; --position.looks) {
      const Presence::Entry& entry = at.at(--left);
      if (page.takes(entry.user.view())) row_of(entry, entry.user.view());
    }
    position.at = left | (position.at & kHere);
    return left == 0;
  };
  const auto add = [&](const Presence::Entry& entry, uint32_t connections) {
    page.add(Row{std::string(entry.user.view()), {}, static_cast<uint64_t>(entry.status), connections, 0});
  };
  if ((position.at & kHere) != 0) {
    if (!look(*presence, [&](const Presence::Entry& entry, std::string_view user) {
          const Presence::Entry* const there = others == nullptr ? nullptr : others->find(user);
          add(entry, entry.connections + (there == nullptr ? 0 : there->connections));
        })) {
      return false;
    }
    position.at = others == nullptr ? 0 : static_cast<uint32_t>(others->users());
  }
  return others == nullptr || look(*others, [&](const Presence::Entry& entry, std::string_view user) {
           if (presence->find(user) == nullptr) add(entry, entry.connections);
         });
}

void Directory::end_members(SlabHandle room, uint32_t limit, Answer& answer) const {
  const Channel* const channel = channels_.get(room);
  if (channel == nullptr) return;
  answer.count = channel->live_anywhere();
  const Presence* const presence = channel->presence();
  const Elsewhere* const elsewhere = channel->elsewhere();
  if (presence == nullptr || answer.more) return;
  // Anonymous connections are entries of their own and sort behind every name that has one.
  const uint32_t anonymous = presence->anonymous() + (elsewhere == nullptr ? 0 : elsewhere->counts.anonymous);
  for (uint32_t i = 0; i < anonymous; ++i) {
    if (answer.rows.size() >= limit) {
      answer.more = true;
      return;
    }
    answer.rows.push_back(Row{"anonymous", {}, static_cast<uint64_t>(Status::online), 1, 0});
  }
}

void Directory::rows_of_history(uint32_t index, const Query& query, Answer& answer) {
  histories_.trim(index);
  const Channel& channel = channels_[index];
  answer.newest = channel.position;
  if (channel.log() == nullptr || channel.log()->history.empty()) return;
  const History& history = channel.log()->history;
  const uint64_t oldest = channel.position - history.size() + 1;
  answer.oldest = oldest;
  answer.count = history.size();
  uint64_t from = query.after == 0 ? channel.position - std::min<uint64_t>(history.size(), query.limit) + 1
                                   : std::max(oldest, query.after + 1);
  for (; from <= channel.position && answer.rows.size() < query.limit; ++from) {
    const Slice& slice = history.at(static_cast<uint32_t>(from - oldest)).slice;
    answer.rows.push_back(Row{{}, std::string(context_.encoder.json(slice.view(), scratch_)), from, 0, 0});
  }
  answer.more = from <= channel.position;
}

bool Directory::look_at_channels(bool users, std::string_view tenant, ListPosition& position, Page& page) const {
  const uint32_t end = channels_.index_end();
  for (; position.at < end && position.looks != 0; ++position.at, --position.looks) {
    if (!channels_.live(position.at)) continue;
    const Channel& channel = channels_[position.at];
    if (users ? !channel.inbox || !channel.online : channel.inbox) continue;
    const std::string_view key = channel.key.view();
    if (tenant_of(key) != tenant || (!users && !channel.is_room())) continue;
    std::string_view name = name_of(key);
    if (users) name.remove_prefix(1);
    if (!page.takes(name)) continue;
    if (users) {
      page.add(Row{std::string(name), {}, static_cast<uint64_t>(channel.status), channel.connections(), 0});
    } else {
      page.add(Row{std::string(name), {}, channel.live(), channel.position, channel.kept()});
    }
  }
  return position.at >= end;
}

void Directory::rows_of_busiest(const Query& query, Answer& answer) {
  answer.found = true;
  answer.count = channels_.busiest().occupied(query.tenant);
  if (query.limit == 0) return;
  for (const SlabHandle room : channels_.busiest(query.tenant, query.limit)) {
    const Channel& channel = channels_[room.index];
    answer.rows.push_back(Row{std::string(name_of(channel.key.view())), {}, channel.live(), 0, 0});
  }
  answer.more = answer.count > answer.rows.size();
}

}  // namespace ringcast::hub
