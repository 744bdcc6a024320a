// SPDX-License-Identifier: Apache-2.0
// Local: what the owner answers to those who join, and the pieces of history before what is live.

#include "hub/local/local.h"

namespace ringcast::hub {

Local::Membership* Local::expected(const Mail& mail) {
  Membership* const membership = memberships_.find(mail.membership);
  const bool waits =
      membership != nullptr && (membership->stage == Stage::joining || membership->stage == Stage::replaying ||
                                membership->stage == Stage::abandoned);
  if (waits && pending_[membership->place].number == mail.number) return membership;
  add(context_.stats.stale_mail);
  return nullptr;
}

void Local::on_joined(const Mail& mail) {
  Membership* membership = expected(mail);
  if (membership == nullptr) return;
  const bool was_replaying = membership->stage == Stage::replaying;  // only a failure comes so late
  RINGCAST_ASSERT(membership->stage == Stage::joining || membership->stage == Stage::abandoned ||
                  (was_replaying && (mail.flags & flag::kFailed) != 0));
  const uint32_t index = mail.membership;
  const uint32_t channel_index = membership->channel;
  Channel& channel = channels_[channel_index];
  Pending& pending = pending_[membership->place];
  const bool failed = (mail.flags & flag::kFailed) != 0;
  const bool live = (mail.flags & flag::kLive) != 0;
  pending.asked = (mail.flags & flag::kFirst) != 0;  // a replay's first piece follows by itself
  pending.position = mail.id;
  if (!failed) {
    channel.owner_index = mail.channel;
    channel.owner_generation = mail.generation;
    channel.epoch = mail.connection;
  }
  if (membership->stage == Stage::abandoned) {
    if (pending.asked) return;
    if (live) send_leave(channel, pending.user.view(), pending.form, pending.silent, false, {});
  } else {
    Joined joined;
    joined.correlation = pending.correlation;
    joined.error = failed ? static_cast<JoinError>(mail.value) : JoinError::none;
    joined.key = channel.key.view();
    joined.id = mail.id;
    joined.replayed = failed ? 0 : mail.value;
    joined.newest = mail.id + joined.replayed;
    joined.members = is_inbox(name_of(channel.key.view())) ? 1 : static_cast<uint32_t>(mail.extra >> 32);
    joined.recovered = (mail.extra & kJoinedGap) == 0;
    joined.reset = (mail.extra & kJoinedReset) != 0;
    joined.ended = (mail.extra & kJoinedEnded) != 0;
    joined.keeps_history = (mail.extra & kJoinedNoHistory) == 0;
    const ConnectionId connection = pending.connection;
    if (!failed && mail.value != 0) add(context_.stats.resumed);
    if (!joined.recovered) add(context_.stats.gaps);
    const auto status = static_cast<Status>(mail.extra >> kJoinedStatusShift & kJoinedStatusMask);
    if (live) pending.status = status;
    // With history to come first, changes are not sent to it before that has ended.
    if (live && is_inbox(name_of(channel.key.view()))) {
      learn_status(connection.slot, mail.from, status, (mail.extra & kJoinedStated) != 0,
                   static_cast<Moment>(mail.extra >> 32), pending.since);
    }
    if (failed) {
      unlink(peers_[connection.slot], index);
      subtract(context_.stats.memberships);
    } else if (live) {
      add_live(index);
    } else {
      membership->stage = Stage::replaying;
    }
    // Reported last: the session may leave, or close, from within.
    const Name key = channel.key;
    joined.key = key.view();
    if (failed) give_up(index);
    if (was_replaying) {
      context_.sink.left(connection, joined.key, LeftReason::closed);
    } else {
      context_.sink.joined(connection, joined);
    }
    return;
  }
  give_up(index);
}

void Local::on_replay(const Mail& mail) {
  Membership* membership = expected(mail);
  if (membership == nullptr) {
    if (mail.block != nullptr) mail.block->release();
    return;
  }
  const uint32_t index = mail.membership;
  Channel& channel = channels_[membership->channel];
  Pending& pending = pending_[membership->place];
  const bool last = (mail.flags & (flag::kLast | flag::kMore)) != 0;
  const bool live = (mail.flags & flag::kLive) != 0;
  if ((mail.flags & flag::kGapAhead) != 0) pending.gap_oldest = mail.extra;
  if (mail.block != nullptr) {
    if (pending.pieces.empty()) pending.first_id = mail.id;
    RINGCAST_ASSERT(pending.first_id + pending.count == mail.id);
    pending.pieces.push_back(Slice{Hold::adopt(mail.block), mail.offset, mail.length});
    pending.count += static_cast<uint32_t>(mail.value);
  }
  if (!last) return;
  if (live) {
    // The owner core may have dropped and made the channel anew during the replay.
    channel.owner_index = mail.connection;
    channel.owner_generation = mail.generation;
    channel.epoch = mail.offset;
    pending.status = static_cast<Status>(mail.length & kJoinedStatusMask);
  }
  pending.asked = false;
  pending.more = (mail.flags & flag::kMore) != 0;
  std::vector<Slice> pieces = std::move(pending.pieces);
  pending.pieces.clear();
  if (membership->stage == Stage::abandoned) {
    if (live) send_leave(channel, pending.user.view(), pending.form, pending.silent, false, {});
    for (const Slice& piece : pieces) piece.hold->release();
    return give_up(index);
  }
  const ConnectionId connection = pending.connection;
  const uint64_t first_id = pending.first_id;
  const uint64_t gap_oldest = std::exchange(pending.gap_oldest, 0);
  const uint32_t count = std::exchange(pending.count, 0);
  if (count != 0) pending.position = first_id + count - 1;
  const Name key = channel.key;
  // The owner core has added it, or not: what the session does from within must find that state.
  const bool ended = (mail.flags & flag::kEnded) != 0;
  if (live && is_inbox(name_of(key.view()))) {
    learn_status(connection.slot, mail.from, static_cast<Status>(mail.length & kJoinedStatusMask),
                 (mail.length & kJoinedStated) != 0, static_cast<Moment>(mail.value), pending.since);
  }
  if (live) add_live(index);
  if (ended) {
    unlink(peers_[connection.slot], index);
    subtract(context_.stats.memberships);
    give_up(index);
  }
  context_.sink.replay(connection, key.view(), pieces, first_id, count, gap_oldest, replaying(connection));
  for (const Slice& piece : pieces) piece.hold->release();
  if (ended) context_.sink.left(connection, key.view(), LeftReason::final);
}

void Local::replay_next(ConnectionId connection) {
  const Peer* peer = find(connection);
  if (peer == nullptr) return;
  uint32_t next = kNoIndex;
  for (uint32_t at = peer->first; at != kNoIndex; at = memberships_[at].next) {
    if (memberships_[at].stage != Stage::replaying) continue;
    const Pending& pending = pending_[memberships_[at].place];
    if (pending.asked) return;
    if (pending.more) next = at;
  }
  if (next == kNoIndex) return;
  Membership& membership = memberships_[next];
  Channel& channel = channels_[membership.channel];
  Pending& pending = pending_[membership.place];
  pending.asked = true;
  Mail mail = Context::mail(Kind::replay_next);
  if (context_.encoder.takes_compressed(pending.form)) mail.flags |= flag::kDeflate;
  if (pending.silent) mail.flags |= flag::kSilent;
  if (context_.encoder.short_lived(pending.form)) mail.flags |= flag::kBrief;
  mail.channel = channel.owner_index;
  mail.generation = channel.owner_generation;
  mail.membership = next;
  mail.number = pending.number;
  mail.id = pending.position;
  // The owner core may have dropped and made the channel anew since: then everything it needs to add the member is
  // here.
  mail.value = membership.channel;
  mail.extra = channels_.generation(membership.channel);
  pending.status = peer->status;
  pending.known = peer->known;
  if (pending.known) mail.flags |= flag::kKnown;
  pending.overtaken = false;
  write_join(channel, pending, *peer);
  context_.attach_scratch(mail);
  context_.post.send(channel.owner, mail);
}

bool Local::replaying(ConnectionId connection) const {
  const Peer* peer = const_cast<Local*>(this)->find(connection);
  if (peer == nullptr) return false;
  for (uint32_t at = peer->first; at != kNoIndex; at = memberships_[at].next) {
    if (memberships_[at].stage == Stage::replaying) return true;
  }
  return false;
}

}  // namespace ringcast::hub
