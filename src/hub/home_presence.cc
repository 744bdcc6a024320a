// SPDX-License-Identifier: Apache-2.0
// Home: who is shown in a room, with grace for those who come back, and how users are.

#include <algorithm>
#include <functional>
#include <utility>

#include "base/shrink.h"
#include "hub/home.h"

namespace ringcast::hub {

namespace {
constexpr uint32_t kGracesPerCall = 8192;
constexpr uint32_t kLooksPerGrace = 2;
}  // namespace

Status Home::enter_presence(Channel& channel, const Joiner& joiner) {
  const RoomPolicy& rules = policy(channel);
  if (channel.inbox || !rules.presence || is_broadcast(name_of(channel.key.view()))) return joiner.status;
  std::optional<Presence>& presence = crowd_of(channel).presence;
  if (!presence) presence.emplace(context_.hash);
  const bool first = presence->enter(joiner.user);
  const bool known = (joiner.flags & flag::kKnown) != 0;
  Presence::Entry* const entry = joiner.user.empty() ? nullptr : presence->find(joiner.user);
  if (first) {
    if (entry != nullptr) {
      entry->status = joiner.status;
      if (known) entry->moment_or_end = joiner.moment;
    }
    presence_event(channel, PresenceView::Kind::member_joined, joiner.user, joiner.status, channel.live() + 1);
    return joiner.status;
  }
  if (known) show_status(channel, joiner.user, joiner.status, joiner.moment);
  return entry->status;
}

void Home::show_status(Channel& channel, std::string_view user, Status status, Moment moment) {
  Presence* const presence = channel.presence();
  Presence::Entry* const entry = presence == nullptr ? nullptr : presence->find(user);
  if (entry == nullptr || entry->connections == 0) return;
  if (entry->moment_or_end != kNoMoment && is_before(moment, entry->moment_or_end)) return;
  entry->moment_or_end = moment;
  if (entry->status == status) return;
  entry->status = status;
  presence_event(channel, PresenceView::Kind::status, user, status, channel.live());
}

void Home::leave_presence(uint32_t index, std::string_view user, bool grace, bool poll) {
  Channel& channel = channels_[index];
  Presence* const presence = channel.presence();
  if (presence == nullptr) return;
  const RoomPolicy& rules = policy(channel);
  const auto held = poll ? rules.poll_leave_grace : rules.leave_grace;
  const uint64_t leaves_at = (grace || poll) && held.count() > 0 ? grace_end(held) : 0;
  switch (presence->leave(user, leaves_at)) {
    case Presence::Left::stays: return;
    case Presence::Left::waits: return watch_grace(index, leaves_at, presence->find(user)->user);
    case Presence::Left::gone:
      return presence_event(channel, PresenceView::Kind::member_left, user, Status::online, channel.live());
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
  show_status(*channel, user, status, static_cast<Moment>(mail.extra));
}

// The inbox orders what a user's connections say: the last one holds for all of them, and for the rooms of each.
void Home::on_user_status(Channel& channel, Status status) {
  if (channel.status == status) return;
  set_status(channel, status);
  channel.for_each_share([&](const Share& share) {
    if (share.unused()) return;
    Mail mail = Context::mail(Kind::user_status);
    mail.channel = share.channel;
    mail.number = share.generation;
    mail.value = static_cast<uint64_t>(status);
    mail.extra = moment_;
    context_.post.send(share.core, mail);
  });
}

void Home::set_status(Channel& channel, Status status) {
  if (channel.status == status) return;
  channel.status = status;
  channel.stated = true;
  if (++moment_ == kNoMoment) ++moment_;
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
    channel.hold_offline_until(grace_end(held));
    return watch_grace(index, channel.offline_at_us(), {});
  }
  channel.offline_held = false;
  if (channel.online) subtract(context_.stats.online_users);
  channel.online = false;
  set_status(channel, Status::online);
}

// In whole milliseconds, as Presence keeps it.
uint64_t Home::grace_end(std::chrono::milliseconds grace) const {
  return ((context_.wall_us() + 999) / 1000 + static_cast<uint64_t>(grace.count())) * 1000;
}

void Home::watch_grace(uint32_t index, uint64_t ends_us, Name user) {
  drop_returned();
  graces_.push_back({ends_us, {index, channels_.generation(index)}, std::move(user)});
  std::push_heap(graces_.begin(), graces_.end(), std::greater<>());
  context_.stats.graces.store(graces_.size(), std::memory_order_relaxed);
}

bool Home::runs(const Grace& grace) {
  const Channel* const channel = channels_.get(grace.channel.index, grace.channel.generation);
  if (channel == nullptr) return false;
  if (grace.user.empty()) return channel->offline_held && channel->offline_at_us() == grace.ends_us;
  return channel->presence() != nullptr && channel->presence()->waits(grace.user.view(), grace.ends_us);
}

void Home::take_grace(size_t at) {
  if (at + 1 != graces_.size()) graces_[at] = std::move(graces_.back());
  graces_.pop_back();
  shrink_if_sparse(graces_);
  if (at >= graces_.size()) return;
  const size_t place = at;
  for (size_t child; (child = 2 * at + 1) < graces_.size(); at = child) {
    if (child + 1 < graces_.size() && graces_[child] > graces_[child + 1]) ++child;
    if (!(graces_[at] > graces_[child])) break;
    std::swap(graces_[at], graces_[child]);
  }
  if (at != place) return;
  std::push_heap(graces_.begin(), graces_.begin() + static_cast<std::ptrdiff_t>(at) + 1, std::greater<>());
}

// So that the heap stays in proportion to the graces that run, however often users go and come back.
void Home::drop_returned() {
  for (uint32_t looks = 0; looks < kLooksPerGrace && !graces_.empty(); ++looks) {
    if (grace_at_ >= graces_.size()) grace_at_ = 0;
    if (runs(graces_[grace_at_])) {
      ++grace_at_;
    } else {
      take_grace(grace_at_);
    }
  }
}

void Home::end_graces() {
  const uint64_t now = context_.wall_us();
  for (uint32_t n = 0; n < kGracesPerCall && !graces_.empty() && graces_.front().ends_us <= now; ++n) {
    const Grace grace = std::move(graces_.front());
    take_grace(0);
    if (!runs(grace)) continue;
    const uint32_t index = grace.channel.index;
    if (grace.user.empty()) {
      note_online(index, false);
      continue;
    }
    Channel& channel = channels_[index];
    channel.presence()->expire(grace.user.view(), grace.ends_us);
    presence_event(channel, PresenceView::Kind::member_left, grace.user.view(), Status::online, channel.live());
  }
  context_.stats.graces.store(graces_.size(), std::memory_order_relaxed);
}

}  // namespace ringcast::hub
