// SPDX-License-Identifier: Apache-2.0
#include "hub/owner/attendance.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "hub/broker.h"

namespace ringcast::hub {

Status Attendance::enter(Channel& channel, const Arrival& arrival) {
  const RoomPolicy& rules = channels_.policy(channel);
  if (channel.inbox || !rules.presence || is_broadcast(name_of(channel.key.view()))) return arrival.status;
  Presence& presence = presence_of(channel);
  const bool first = presence.enter(arrival.user);
  Presence::Entry* const entry = arrival.user.empty() ? nullptr : presence.find(arrival.user);
  if (!first) {
    if (arrival.known) show_status(channel, arrival.user, arrival.status, arrival.moment);
    report(channel, arrival.user);
    return entry->status;
  }
  const Presence::Entry* const there = elsewhere(channel, arrival.user);
  if (entry != nullptr) {
    entry->status = there != nullptr && !arrival.known ? there->status : arrival.status;
    if (arrival.known) entry->moment_or_end = arrival.moment;
    report(channel, arrival.user);
  }
  const Status status = entry == nullptr ? arrival.status : entry->status;
  if (there == nullptr) {
    send_event(channel, PresenceView::Kind::member_joined, arrival.user, status, channel.live_anywhere() + 1);
  } else if (there->status != status) {
    send_event(channel, PresenceView::Kind::status, arrival.user, status, channel.live_anywhere() + 1);
  }
  return status;
}

Presence& Attendance::presence_of(Channel& channel) {
  std::optional<Presence>& presence = channel.make_crowd().presence;
  if (!presence) presence.emplace(context_.hash);
  return *presence;
}

// --- several servers

bool Attendance::is_shared(const Channel& channel) const {
  if (!channel.brokered || is_broadcast(name_of(channel.key.view()))) return false;
  return channel.inbox || channels_.policy(channel).presence;
}

void Attendance::report(const Channel& channel, std::string_view user) {
  if (!is_shared(channel) || user.empty()) return;
  Attendee attendee;
  attendee.user = user;
  const Presence::Entry* const entry = channel.presence()->find(user);
  if (entry != nullptr) {
    attendee.shown = true;
    attendee.connections = entry->connections;
    attendee.status = entry->status;
  }
  context_.options.broker->attends(channel.key.view(), attendee);
}

void Attendance::report_counts(uint32_t index) {
  const Channel& channel = channels_[index];
  if (!is_shared(channel)) return;
  Counts counts;
  counts.live = channel.live();
  counts.anonymous = channel.presence() == nullptr ? 0 : channel.presence()->anonymous();
  counts.connections = channel.connections();
  counts.present = channel.inbox ? channel.online : counts.live != 0;
  context_.options.broker->counts(channel.key.view(), counts);
}

void Attendance::report_cleared(const Channel& channel) {
  if (is_shared(channel)) context_.options.broker->cleared(channel.key.view());
}

const Presence::Entry* Attendance::elsewhere(const Channel& channel, std::string_view user) const {
  return channel.elsewhere() == nullptr || user.empty() ? nullptr : channel.elsewhere()->users.find(user);
}

Elsewhere& Attendance::elsewhere_of(Channel& channel) {
  std::unique_ptr<Elsewhere>& elsewhere = channel.make_crowd().elsewhere;
  if (elsewhere == nullptr) elsewhere = std::make_unique<Elsewhere>(context_.hash);
  return *elsewhere;
}

void Attendance::attend(Channel& channel, const Attendee& attendee) {
  if (channel.elsewhere() == nullptr && !attendee.shown) return;
  Presence& users = elsewhere_of(channel).users;
  const bool here = presence_of(channel).find(attendee.user) != nullptr;
  if (!attendee.shown) {
    if (!users.remove(attendee.user) || here) return;
    return send_event(channel, PresenceView::Kind::member_left, attendee.user, Status::online, channel.live_anywhere());
  }
  const Presence::Entry* const known = users.find(attendee.user);
  const bool was_shown = known != nullptr;
  const bool changed = was_shown && known->status != attendee.status;
  users.set(attendee.user, attendee.connections, attendee.status);
  if (here) return;  // its status comes by its inbox
  if (!was_shown) {
    send_event(channel, PresenceView::Kind::member_joined, attendee.user, attendee.status, channel.live_anywhere());
  } else if (changed) {
    send_event(channel, PresenceView::Kind::status, attendee.user, attendee.status, channel.live_anywhere());
  }
}

void Attendance::count(Channel& channel, const Counts& counts) {
  if (channel.elsewhere() == nullptr && counts == Counts{}) return;
  Counts& known = elsewhere_of(channel).counts;
  const uint32_t before = std::exchange(known, counts).anonymous;
  if (channel.inbox) {
    if (!channel.online && !counts.present) change_status(channel, Status::online);
    return;
  }
  if (!channels_.policy(channel).presence || before == counts.anonymous) return;
  presence_of(channel);
  const auto kind = before < counts.anonymous ? PresenceView::Kind::member_joined : PresenceView::Kind::member_left;
  const uint32_t changes = std::max(before, counts.anonymous) - std::min(before, counts.anonymous);
  for (uint32_t n = 0; n < std::min(changes, channels_.policy(channel).presence_events_max); ++n) {
    send_event(channel, kind, {}, Status::online, channel.live_anywhere());
  }
}

void Attendance::show_status(Channel& channel, std::string_view user, Status status, Moment moment) {
  Presence* const presence = channel.presence();
  Presence::Entry* const entry = presence == nullptr ? nullptr : presence->find(user);
  if (entry == nullptr || entry->connections == 0) return;
  if (entry->moment_or_end != kNoMoment && is_before(moment, entry->moment_or_end)) return;
  entry->moment_or_end = moment;
  if (entry->status == status) return;
  entry->status = status;
  report(channel, user);
  send_event(channel, PresenceView::Kind::status, user, status, channel.live_anywhere());
}

void Attendance::leave(uint32_t index, std::string_view user, bool grace, bool poll) {
  Channel& channel = channels_[index];
  Presence* const presence = channel.presence();
  if (presence == nullptr) return;
  const RoomPolicy& rules = channels_.policy(channel);
  const auto held = poll ? rules.poll_leave_grace : rules.leave_grace;
  const uint64_t leaves_at = (grace || poll) && held.count() > 0 ? grace_end(held) : 0;
  switch (presence->leave(user, leaves_at)) {
    case Presence::Left::stays: return report(channel, user);
    case Presence::Left::waits: report(channel, user); return hold(index, leaves_at, presence->find(user)->user);
    case Presence::Left::gone:
      report(channel, user);
      if (elsewhere(channel, user) != nullptr) return;
      return send_event(channel, PresenceView::Kind::member_left, user, Status::online, channel.live_anywhere());
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
  fan_out_.send_presence(channel, encoded_);
}

// The inbox orders what a user's connections say: the last one holds for all of them, and for the rooms of each.
void Attendance::set_user_status(Channel& inbox, Status status) {
  if (inbox.brokered && inbox.status != status) context_.options.broker->state(inbox.key.view(), status);
  state(inbox, status);
}

void Attendance::state(Channel& inbox, Status status) {
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
    return report_counts(index);
  }
  const auto held = channels_.policy(inbox).leave_grace;
  if (grace && held.count() > 0) {
    inbox.hold_offline_until(grace_end(held));
    report_counts(index);
    return hold(index, inbox.offline_at_us(), {});
  }
  inbox.offline_held = false;
  if (inbox.online) subtract(context_.stats.online_users);
  inbox.online = false;
  report_counts(index);
  if (inbox.elsewhere() == nullptr || !inbox.elsewhere()->counts.present) change_status(inbox, Status::online);
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
  report(channel, grace.user.view());
  if (elsewhere(channel, grace.user.view()) != nullptr) return;
  send_event(channel, PresenceView::Kind::member_left, grace.user.view(), Status::online, channel.live_anywhere());
}

}  // namespace ringcast::hub
