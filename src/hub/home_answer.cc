// SPDX-License-Identifier: Apache-2.0
// The home side's answers to questions and administrators' orders.
#include <algorithm>

#include "hub/home.h"

namespace ringcast::hub {

void Home::answer(const Query& query, Answer& answer) {
  switch (query.kind) {
    case QueryKind::rooms:
    case QueryKind::users: return rows_of_channels(query, answer);
    case QueryKind::connections:
    case QueryKind::disconnect:
    case QueryKind::send_to_connection: return;
    default: break;
  }
  const uint32_t index = channels_.find(context_.hash(query.key), query.key);
  if (index == kNoIndex) return;
  Channel& channel = channels_[index];
  answer.found = true;
  switch (query.kind) {
    case QueryKind::members: return rows_of_members(channel, query, answer);
    case QueryKind::history: return rows_of_history(channel, query, answer);
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
    case QueryKind::purge: return drop_history(index);
    case QueryKind::close_room:
      answer.count = channel.live();
      drop_history(index);
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

void Home::evict(const Channel& channel, std::string_view user, uint64_t what) {
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

void Home::rows_of_members(const Channel& channel, const Query& query, Answer& answer) const {
  answer.count = channel.live();
  const Presence* const presence = channel.presence();
  if (presence == nullptr) return;
  // Anonymous connections are entries of their own and sort behind every name that has one.
  presence->for_each([&](std::string_view user, const Presence::Entry& entry) {
    if (user > query.after_name) {
      answer.rows.push_back(Row{std::string(user), {}, static_cast<uint64_t>(entry.status), entry.connections, 0});
    }
  });
  std::sort(answer.rows.begin(), answer.rows.end(), [](const Row& a, const Row& b) { return a.name < b.name; });
  if (answer.rows.size() > query.limit) {
    answer.rows.resize(query.limit);
    answer.more = true;
    return;
  }
  for (uint32_t i = 0; i < presence->anonymous(); ++i) {
    if (answer.rows.size() == query.limit) {
      answer.more = true;
      return;
    }
    answer.rows.push_back(Row{"anonymous", {}, static_cast<uint64_t>(Status::online), 1, 0});
  }
}

void Home::rows_of_history(Channel& channel, const Query& query, Answer& answer) {
  trim(channel);
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
    answer.rows.push_back(Row{{}, std::string(context_.encoder.json(slice.view(), encoded_)), from, 0, 0});
  }
  answer.more = from <= channel.position;
}

void Home::rows_of_channels(const Query& query, Answer& answer) {
  answer.found = true;
  const bool users = query.kind == QueryKind::users;
  channels_.for_each([&](uint32_t, Channel& channel) {
    const std::string_view key = channel.key.view();
    if (tenant_of(key) != query.tenant) return;
    std::string_view name = name_of(key);
    if (users) {
      if (!channel.inbox || !channel.online) return;
      name.remove_prefix(1);
    } else {
      if (channel.inbox || is_broadcast(name)) return;
    }
    ++answer.count;
    if (name <= query.after_name && !query.after_name.empty()) return;
    if (users) {
      answer.rows.push_back(
          Row{std::string(name), {}, static_cast<uint64_t>(channel.status), channel.connections(), 0});
    } else {
      const uint64_t kept = channel.log() == nullptr ? 0 : channel.log()->history.size();
      answer.rows.push_back(Row{std::string(name), {}, channel.live(), channel.position, kept});
    }
  });
  const auto by_name = [](const Row& a, const Row& b) { return a.name < b.name; };
  if (answer.rows.size() > query.limit) {
    std::partial_sort(answer.rows.begin(), answer.rows.begin() + query.limit, answer.rows.end(), by_name);
    answer.rows.resize(query.limit);
    answer.more = true;
  } else {
    std::sort(answer.rows.begin(), answer.rows.end(), by_name);
  }
}

}  // namespace ringcast::hub
