// SPDX-License-Identifier: Apache-2.0
#include "hub/owner/attendance.h"

#include <optional>
#include <utility>

namespace ringcast::hub {

Status Attendance::enter(Channel& channel, const Arrival& arrival) {
  const RoomPolicy& rules = channels_.policy(channel);
  if (channel.inbox || !rules.presence || is_broadcast(name_of(channel.key.view()))) return arrival.status;
  std::optional<Presence>& presence = channel.make_crowd().presence;
  if (!presence) presence.emplace(context_.hash);
  const bool first = presence->enter(arrival.user);
  Presence::Entry* const entry = arrival.user.empty() ? nullptr : presence->find(arrival.user);
  if (first) {
    if (entry != nullptr) {
      entry->status = arrival.status;
      if (arrival.known) entry->moment_or_end = arrival.moment;
    }
    send_event(channel, PresenceView::Kind::member_joined, arrival.user, arrival.status, channel.live() + 1);
    return arrival.status;
  }
  if (arrival.known) show_status(channel, arrival.user, arrival.status, arrival.moment);
  return entry->status;
}

void Attendance::show_status(Channel& channel, std::string_view user, Status status, Moment moment) {
  Presence* const presence = channel.presence();
  Presence::Entry* const entry = presence == nullptr ? nullptr : presence->find(user);
  if (entry == nullptr || entry->connections == 0) return;
  if (entry->moment_or_end != kNoMoment && is_before(moment, entry->moment_or_end)) return;
  entry->moment_or_end = moment;
  if (entry->status == status) return;
  entry->status = status;
  send_event(channel, PresenceView::Kind::status, user, status, channel.live());
}

void Attendance::leave(uint32_t index, std::string_view user, bool grace, bool poll) {
  Channel& channel = channels_[index];
  Presence* const presence = channel.presence();
  if (presence == nullptr) return;
  const RoomPolicy& rules = channels_.policy(channel);
  const auto held = poll ? rules.poll_leave_grace : rules.leave_grace;
  const uint64_t leaves_at = (grace || poll) && held.count() > 0 ? grace_end(held) : 0;
  switch (presence->leave(user, leaves_at)) {
    case Presence::Left::stays: return;
    case Presence::Left::waits: return hold(index, leaves_at, presence->find(user)->user);
    case Presence::Left::gone:
      return send_event(channel, PresenceView::Kind::member_left, user, Status::online, channel.live());
  }
}

void Attendance::send_event(Channel& channel, PresenceView::Kind kind, std::string_view user, Status status,
                            uint32_t members) {
  const RoomPolicy& rules = channels_.policy(channel);
  Presence& presence = *channel.presence();
  if (members > rules.presence_events_max) presence.events_off = true;
  if (members < static_cast<uint64_t>(rules.presence_events_max) * 8 / 10) presence.events_off = false;
  if (presence.events_off || channel.live() == 0) return;
  encoded_.clear();
  context_.encoder.presence({kind, channel.key.view(), user, status, members}, encoded_);
  fan_out_.send_ephemeral(channel, encoded_, {});
}

// The inbox orders what a user's connections say: the last one holds for all of them, and for the rooms of each.
void Attendance::set_user_status(Channel& inbox, Status status) {
  if (!change_status(inbox, status)) return;
  inbox.for_each_share([&](const Share& share) {
    if (share.unused()) return;
    Mail mail = Context::mail(Kind::user_status);
    mail.channel = share.channel;
    mail.number = share.generation;
    mail.value = static_cast<uint64_t>(status);
    mail.extra = moment_;
    context_.post.send(share.core, mail);
  });
}

bool Attendance::change_status(Channel& inbox, Status status) {
  if (inbox.status == status) return false;
  inbox.status = status;
  inbox.stated = true;
  if (++moment_ == kNoMoment) ++moment_;
  return true;
}

void Attendance::note_online(uint32_t index, bool grace) {
  Channel& inbox = channels_[index];
  if (inbox.connections() != 0) {
    inbox.offline_held = false;
    if (!inbox.online) add(context_.stats.online_users);
    inbox.online = true;
    return;
  }
  const auto held = channels_.policy(inbox).leave_grace;
  if (grace && held.count() > 0) {
    inbox.hold_offline_until(grace_end(held));
    return hold(index, inbox.offline_at_us(), {});
  }
  inbox.offline_held = false;
  if (inbox.online) subtract(context_.stats.online_users);
  inbox.online = false;
  change_status(inbox, Status::online);
}

// In whole milliseconds, as Presence keeps it.
uint64_t Attendance::grace_end(std::chrono::milliseconds grace) const {
  return ((context_.wall_us() + 999) / 1000 + static_cast<uint64_t>(grace.count())) * 1000;
}

void Attendance::hold(uint32_t index, uint64_t ends_us, Name user) {
  graces_.add({ends_us, channels_.handle(index), std::move(user)}, [this](const Grace& grace) { return runs(grace); });
  context_.stats.graces.store(graces_.size(), std::memory_order_relaxed);
}

bool Attendance::runs(const Grace& grace) const {
  const Channel* const channel = channels_.get(grace.channel);
  if (channel == nullptr) return false;
  if (grace.user.empty()) return channel->offline_held && channel->offline_at_us() == grace.ends_us;
  return channel->presence() != nullptr && channel->presence()->waits(grace.user.view(), grace.ends_us);
}

void Attendance::end_graces() {
  graces_.end_until(
      context_.wall_us(), [this](const Grace& grace) { return runs(grace); },
      [this](const Grace& grace) { end(grace); });
  context_.stats.graces.store(graces_.size(), std::memory_order_relaxed);
}

void Attendance::end(const Grace& grace) {
  if (grace.user.empty()) return note_online(grace.channel.index, false);
  Channel& channel = channels_[grace.channel.index];
  channel.presence()->expire(grace.user.view(), grace.ends_us);
  send_event(channel, PresenceView::Kind::member_left, grace.user.view(), Status::online, channel.live());
}

}  // namespace ringcast::hub
