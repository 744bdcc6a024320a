// SPDX-License-Identifier: Apache-2.0
// Home: members come, are shown what they missed in pieces, and go.

#include "hub/home.h"

namespace ringcast::hub {

void Home::on_join(const Mail& mail) {
  const Payload payload(mail);
  RecordReader record(payload.view());
  const std::string_view key = record.text();
  const std::string_view user = record.text();
  const Joiner joiner{mail.from,
                      mail.channel,
                      mail.number,
                      mail.membership,
                      static_cast<uint32_t>(mail.extra),
                      mail.flags,
                      user,
                      record.number<Status>(),
                      record.number<Moment>()};
  Mail answer = Context::mail(Kind::joined);
  answer.membership = joiner.membership;
  answer.number = joiner.number;
  const uint32_t index = find_or_make(key);
  if (index == kNoIndex) {
    answer.flags = flag::kFailed;
    return context_.post.send(joiner.core, answer);
  }
  Channel& channel = channels_[index];
  touch(channel);
  trim(index);
  const uint64_t kept = channel.log() == nullptr ? 0 : channel.log()->history.size();
  const uint64_t oldest = kept == 0 ? 0 : channel.position - kept + 1;
  const bool newest_first = policy(channel).last_value && kept != 0 && (mail.flags & flag::kSilent) == 0;
  const bool replays = (mail.flags & flag::kNoReplay) == 0;
  uint64_t position = newest_first ? channel.position - 1 : channel.position;
  uint64_t facts = 0;
  if ((mail.flags & flag::kHasCursor) != 0) {
    const bool ahead = mail.id > channel.position;
    if (mail.id == channel.position || (!ahead && replays && kept != 0 && mail.id + 1 >= oldest)) {
      position = mail.id;
    } else {
      facts |= kJoinedGap | (ahead ? kJoinedReset : 0);
      if (replays && kept != 0) position = oldest - 1;
    }
  }
  if (channel.log() != nullptr && channel.log()->final_id == channel.position && position == channel.position &&
      (facts & kJoinedGap) == 0) {
    facts |= kJoinedEnded;
  }
  if (policy(channel).history_messages == 0) facts |= kJoinedNoHistory;
  Status status = channel.status;
  const bool live = position == channel.position;
  answer.channel = index;
  answer.generation = channels_.generation(index);
  answer.connection = channel.epoch;
  answer.id = position;
  answer.value = channel.position - position;
  answer.flags = live ? flag::kLive : flag::kFirst;
  if (live && shows_presence(joiner) && !channel.inbox) status = enter_presence(channel, joiner);
  facts |= static_cast<uint64_t>(status) << kJoinedStatusShift;
  if (channel.stated) facts |= kJoinedStated;
  answer.extra = static_cast<uint64_t>(channel.inbox ? moment_ : channel.live() + 1) << 32 | facts;
  if (live) {
    context_.post.send(joiner.core, answer);
    return add_member(index, joiner);
  }
  context_.post.send(joiner.core, answer);
  send_piece(index, joiner, position, 0);
}

void Home::on_replay_next(const Mail& mail) {
  const Payload payload(mail);
  RecordReader record(payload.view());
  const std::string_view key = record.text();
  const std::string_view user = record.text();
  const Joiner joiner{mail.from,
                      static_cast<uint32_t>(mail.value),
                      static_cast<uint32_t>(mail.extra),
                      mail.membership,
                      mail.number,
                      mail.flags,
                      user,
                      record.number<Status>(),
                      record.number<Moment>()};
  const uint32_t index = find_or_make(key);
  if (index == kNoIndex) {
    // The channel went and its place was taken: nothing can follow, so the member is refused by an empty last piece
    // that adds nobody; the session sees a replay without more and no membership.
    Mail answer = Context::mail(Kind::joined);
    answer.flags = flag::kFailed;
    answer.membership = joiner.membership;
    answer.number = joiner.number;
    return context_.post.send(joiner.core, answer);
  }
  Channel& channel = channels_[index];
  touch(channel);
  trim(index);
  const uint64_t kept = channel.log() == nullptr ? 0 : channel.log()->history.size();
  const uint64_t oldest = kept == 0 ? channel.position + 1 : channel.position - kept + 1;
  uint64_t position = mail.id;
  uint64_t gap_oldest = 0;
  if (position > channel.position || position + 1 < oldest) {  // the ring has overtaken the replay
    position = oldest - 1;
    gap_oldest = oldest;
  }
  send_piece(index, joiner, position, gap_oldest);
}

void Home::send_piece(uint32_t index, const Joiner& joiner, uint64_t position, uint64_t gap_oldest) {
  Channel& channel = channels_[index];
  Mail mail = Context::mail(Kind::replay);
  mail.membership = joiner.membership;
  mail.number = joiner.number;
  uint64_t at = position;
  uint64_t bytes = 0;
  if (at < channel.position) {
    const History& history = channel.log()->history;
    const uint64_t oldest = channel.position - history.size() + 1;
    Slice range;
    uint64_t range_first = 0;
    const auto leave = [&] {
      if (range.hold == nullptr) return;
      Context::attach(mail, range);
      mail.id = range_first;
      mail.value = at - range_first + 1;
      context_.post.send(joiner.core, mail);
    };
    while (at < channel.position) {
      const Slice& next = history.at(static_cast<uint32_t>(at + 1 - oldest)).slice;
      if (bytes != 0 && bytes + next.length > context_.options.replay_chunk) break;
      if (range.hold != nullptr && next.continues(range)) {
        range.length += next.length;
      } else {
        leave();
        range = next;
        range_first = at + 1;
      }
      bytes += next.length;
      ++at;
    }
    leave();
  }
  mail.block = nullptr;
  mail.value = 0;
  mail.offset = mail.length = 0;
  if (gap_oldest != 0) {
    mail.flags = flag::kGapAhead;
    mail.extra = gap_oldest;
  }
#ifdef RINGCAST_BROKEN_SEAM
  // For the simulation's own test: a build in which "nothing more to send" and "added" are two steps.
  const bool finished = true;
#else
  const bool finished = at == channel.position;
#endif
  if (!finished) {
    mail.flags |= flag::kMore;
    return context_.post.send(joiner.core, mail);
  }
  if (channel.log() != nullptr && channel.log()->final_id == channel.position) {
    // A final message takes those out as well whom a replay brings it to, unless the room has gone on since.
    mail.flags |= flag::kLast | flag::kEnded;
    return context_.post.send(joiner.core, mail);
  }
  // Nothing more to send: added in this very step, so that the next message follows without a seam.
  if (channel.inbox) {
    mail.length = static_cast<uint32_t>(channel.status) | (channel.stated ? kJoinedStated : 0);
    mail.value = moment_;
  } else if (shows_presence(joiner)) {
    mail.length = static_cast<uint32_t>(enter_presence(channel, joiner));
  }
  mail.flags |= flag::kLast | flag::kLive;
  mail.connection = index;
  mail.generation = channels_.generation(index);
  mail.offset = channel.epoch;
  context_.post.send(joiner.core, mail);
  add_member(index, joiner);
}

void Home::add_member(uint32_t index, const Joiner& joiner) {
  Channel& channel = channels_[index];
  Share& share = share_of(channel, joiner.core);
  share.channel = joiner.channel;
  share.generation = joiner.generation;
  if ((joiner.flags & flag::kSilent) != 0) {
    ++share.silent;
  } else {
    const uint32_t members = channel.live();
    count_live(channel, share, 1, (joiner.flags & flag::kDeflate) != 0);
    note_members(index, members);
  }
  if (channel.inbox) note_online(index, false);
}

void Home::on_leave(const Mail& mail) {
  const Payload payload(mail);
  Channel* channel = addressed(mail);
  if (channel == nullptr) return add(context_.stats.stale_mail);
  const bool silent = (mail.flags & flag::kLeaveSilent) != 0;
  if (!silent && mail.value != channel->epoch) return;  // counted out already
  Share* share = channel->find(mail.from);
  RINGCAST_ASSERT(share != nullptr);
  touch(*channel);
  const bool grace = (mail.flags & flag::kGrace) != 0;
  if (silent) {
    RINGCAST_ASSERT(share->silent != 0);
    --share->silent;
  } else {
    const uint32_t members = channel->live();
    count_live(*channel, *share, -1, (mail.flags & flag::kDeflate) != 0);
    note_members(mail.channel, members);
    std::string_view user;
    if (!payload.view().empty()) user = RecordReader(payload.view()).text();
    const bool poll = (mail.flags & flag::kPoll) != 0;
    if (!poll || !user.empty()) leave_presence(mail.channel, user, grace, poll);
  }
  if (channel->inbox) note_online(mail.channel, grace);
}

void Home::note_members(uint32_t index, uint32_t before) {
  const Channel& channel = channels_[index];
  if (!is_room(channel)) return;
  const std::string_view key = channel.key.view();
  busiest_.changed(tenant_of(key), {index, channels_.generation(index)}, before, RoomTable{channels_});
  const bool occupied = channel.live() != 0;
  if (context_.options.tells_occupancy && occupied != (before != 0)) context_.sink.occupancy(key, occupied);
}

}  // namespace ringcast::hub
