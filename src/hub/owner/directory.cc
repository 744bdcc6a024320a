// SPDX-License-Identifier: Apache-2.0
#include "hub/owner/directory.h"

#include <algorithm>

namespace ringcast::hub {

void Directory::answer(const Query& query, Answer& answer) {
  if (query.kind == QueryKind::busiest) return rows_of_busiest(query, answer);
  const uint32_t index = channels_.find(query.key);
  if (index == kNoIndex) return;
  Channel& channel = channels_[index];
  answer.found = true;
  switch (query.kind) {
    case QueryKind::history: return rows_of_history(index, query, answer);
    case QueryKind::user:
      answer.found = channel.online;
      if (channel.online) {
        answer.rows.push_back(Row{std::string(name_of(query.key).substr(1)),
                                  {},
                                  static_cast<uint64_t>(channel.status),
                                  channel.connections(),
                                  0});
      }
      return;
    case QueryKind::purge: return histories_.drop(index);
    case QueryKind::close_room:
      answer.count = channel.live();
      histories_.drop(index);
      return evict(channel, {}, static_cast<uint64_t>(LeftReason::closed));
    case QueryKind::disconnect_user: answer.count = channel.connections(); return evict(channel, {}, kKick);
    case QueryKind::remove_member: {
      const Presence::Entry* entry = channel.presence() == nullptr ? nullptr : channel.presence()->find(query.user);
      answer.count = entry == nullptr ? 0 : entry->connections;
      answer.found = entry != nullptr;
      return evict(channel, query.user, static_cast<uint64_t>(LeftReason::kicked));
    }
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
  return presence == nullptr ? 0 : static_cast<uint32_t>(presence->users());
}

// From the last one down: who leaves gives its place to the last one, which has then been looked at already. It may be
// looked at once more.
bool Directory::look_at_members(SlabHandle room, ListPosition& position, Page& page) const {
  const Channel* const channel = channels_.get(room);
  const Presence* const presence = channel == nullptr ? nullptr : channel->presence();
  if (presence == nullptr) return true;
  position.at = std::min(position.at, static_cast<uint32_t>(presence->users()));
  for (; position.at != 0 && position.looks != 0; --position.looks) {
    const Presence::Entry& entry = presence->at(--position.at);
    const std::string_view user = entry.user.view();
    if (!page.takes(user)) continue;
    page.add(Row{std::string(user), {}, static_cast<uint64_t>(entry.status), entry.connections, 0});
  }
  return position.at == 0;
}

void Directory::end_members(SlabHandle room, uint32_t limit, Answer& answer) const {
  const Channel* const channel = channels_.get(room);
  if (channel == nullptr) return;
  answer.count = channel->live();
  const Presence* const presence = channel->presence();
  if (presence == nullptr || answer.more) return;
  // Anonymous connections are entries of their own and sort behind every name that has one.
  for (uint32_t i = 0; i < presence->anonymous(); ++i) {
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
