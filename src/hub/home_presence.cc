// SPDX-License-Identifier: Apache-2.0
// Home: who is shown in a room, with grace for those who come back, and how users are.

#include "hub/home.h"

namespace ringcast::hub {

Status Home::enter_presence(Channel& channel, const Joiner& joiner) {
  const RoomPolicy& rules = policy(channel);
  if (channel.inbox || !rules.presence || is_broadcast(name_of(channel.key.view()))) return joiner.status;
  std::optional<Presence>& presence = crowd_of(channel).presence;
  if (!presence) presence.emplace(context_.hash);
  const bool first = presence->enter(joiner.user);
  Presence::Entry* const entry = joiner.user.empty() ? nullptr : presence->find(joiner.user);
  if (first) {
    if (entry != nullptr) entry->status = joiner.status;
    presence_event(channel, PresenceView::Kind::member_joined, joiner.user, joiner.status, channel.live() + 1);
    return joiner.status;
  }
  // Nobody told this room of a change while the user was in it by the grace of a leave only.
  if (entry->connections == 1 && (joiner.flags & flag::kKnown) != 0 && entry->status != joiner.status) {
    entry->status = joiner.status;
    presence_event(channel, PresenceView::Kind::status, joiner.user, joiner.status, channel.live());
  }
  return entry->status;
}

void Home::leave_presence(uint32_t index, std::string_view user, bool grace, bool poll) {
  Channel& channel = channels_[index];
  Presence* const presence = channel.presence();
  if (presence == nullptr) return;
  const RoomPolicy& rules = policy(channel);
  const auto held = poll ? rules.poll_leave_grace : rules.leave_grace;
  const uint64_t leaves_at =
      (grace || poll) && held.count() > 0 ? context_.wall_us() + static_cast<uint64_t>(held.count()) * 1000 : 0;
  if (presence->leave(user, leaves_at)) {
    presence_event(channel, PresenceView::Kind::member_left, user, Status::online, channel.live());
  } else if (presence->waiting()) {
    watch_grace(index);
  }
}

void Home::presence_event(Channel& channel, PresenceView::Kind kind, std::string_view user, Status status,
                          uint32_t members) {
  const RoomPolicy& rules = policy(channel);
  Presence& presence = *channel.presence();
  if (members > rules.presence_events_max) presence.events_off = true;
  if (members < static_cast<uint64_t>(rules.presence_events_max) * 8 / 10) presence.events_off = false;
  if (presence.events_off || channel.live() == 0) return;
  encoded_.clear();
  context_.encoder.presence({kind, channel.key.view(), user, status, members}, encoded_);
  publish_ephemeral(channel, encoded_, {});
}

void Home::on_status(const Mail& mail) {
  const Payload payload(mail);
  Channel* channel = addressed(mail);
  if (channel == nullptr) return;
  const std::string_view user = RecordReader(payload.view()).text();
  const auto status = static_cast<Status>(mail.value);
  if (channel->inbox) return on_user_status(*channel, status);
  Presence* const presence = channel->presence();
  Presence::Entry* entry = presence == nullptr ? nullptr : presence->find(user);
  if (entry == nullptr || entry->status == status) return;
  entry->status = status;
  presence_event(*channel, PresenceView::Kind::status, user, status, channel->live());
}

// The inbox orders what a user's connections say: the last one holds for all of them, and for the rooms of each.
void Home::on_user_status(Channel& channel, Status status) {
  if (channel.status == status) return;
  channel.status = status;
  channel.for_each_share([&](const Share& share) {
    if (share.unused()) return;
    Mail mail = Context::mail(Kind::user_status);
    mail.channel = share.channel;
    mail.number = share.generation;
    mail.value = static_cast<uint64_t>(status);
    context_.post.send(share.core, mail);
  });
}

void Home::note_online(uint32_t index, bool grace) {
  Channel& channel = channels_[index];
  if (channel.connections() != 0) {
    channel.offline_held = false;
    if (!channel.online) add(context_.stats.online_users);
    channel.online = true;
    return;
  }
  const auto held = policy(channel).leave_grace;
  if (grace && held.count() > 0) {
    channel.hold_offline_until(context_.wall_us() + static_cast<uint64_t>(held.count()) * 1000);
    return watch_grace(index);
  }
  channel.offline_held = false;
  if (channel.online) subtract(context_.stats.online_users);
  channel.online = false;
  channel.status = Status::online;
}

void Home::watch_grace(uint32_t index) {
  Channel& channel = channels_[index];
  if (channel.in_grace_list) return;
  channel.in_grace_list = true;
  grace_list_.push_back({index, channels_.generation(index)});
}

}  // namespace ringcast::hub
