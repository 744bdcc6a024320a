// SPDX-License-Identifier: Apache-2.0
#include "hub/owner/owner.h"

#include <algorithm>
#include <map>
#include <utility>

#include "hub/mirror.h"
#include "hub/question_mail.h"
#include "hub/questions.h"

namespace ringcast::hub {

namespace {
// A call looks at a hundredth of the channels, so that each is seen within seconds and idle ones cost next to nothing.
constexpr uint32_t kSweepParts = 100;
constexpr uint32_t kSweepPerCallMin = 256;
constexpr uint32_t kSweepPerCallMax = 8192;
// Messages whose time is over may all lie in a few channels.
constexpr uint32_t kSweepMessages = 4096;
}  // namespace

Owner::Owner(Context& context)
    : context_(context),
      channels_(context),
      histories_(context, channels_),
      fan_out_(context),
      attendance_(context, channels_, fan_out_),
      credit_(context),
      directory_(context, channels_, histories_),
      idempotency_(context.options.idempotency_keys_max,
                   static_cast<uint64_t>(context.options.idempotency_window.count()) * 1'000'000,
                   HashKey{context.options.key[0], context.options.key[1]}) {}

Owner::~Owner() {
  for (const auto& [index, mails] : waiting_) {
    for (const Mail& mail : mails) const Payload given_back(mail);
  }
}

// --- publishing

void Owner::on_publish(const Mail& mail) {
  const Payload payload(mail);
  credit_.on_publish(mail);
  RecordReader record(payload.view());
  const auto kind = record.number<PayloadKind>();
  const auto ephemeral = record.number<uint8_t>() != 0;
  const auto local = record.number<uint8_t>() != 0;
  auto final = record.number<uint8_t>() != 0;
  Address exclude;
  exclude.core = record.number<uint16_t>();
  exclude.connection.slot = record.number<uint32_t>();
  exclude.connection.generation = record.number<uint32_t>();
  const std::string_view key = record.text();
  const std::string_view user = record.text();
  const std::string_view connection = record.text();
  const std::string_view event = record.text();
  const std::string_view idempotency_key = record.text();
  MessageView message{0, context_.wall_us(), key, user, event, kind, record.text(), connection};
  const std::string_view exclude_name = (mail.flags & flag::kExcludeName) != 0 ? record.text() : std::string_view();
  RINGCAST_ASSERT(record.done());

  Publisher publisher{
      mail.from, {mail.connection, mail.generation}, mail.value, (mail.flags & flag::kAcknowledge) != 0, 0};
  Published published;
  published.correlation = mail.value;
  const uint32_t index = channels_.find_or_make(key);
  if (index == kNoIndex) {
    published.error = PublishError::channels_full;
    return send_published(context_, publisher, published);
  }
  Channel& channel = channels_[index];
  if (!channel.brokered) channels_.touch(channel);
  published.receivers = channel.live_anywhere();
  if (ephemeral) {
    encoded_.clear();
    context_.encoder.canonical(message, encoded_);
    fan_out_.send_ephemeral(channel, encoded_, exclude);
    if (channel.brokered && !local) context_.options.broker->announce(message, exclude);
    return send_published(context_, publisher, published);
  }
  if (channel.brokered) {
    final = final || says_final(channel, message);
    publisher.receivers = published.receivers;
    return context_.options.broker->order(
        {message, channel.position, idempotency_key, exclude, exclude_name, final, publisher});
  }
  if (!idempotency_key.empty()) {
    const auto* known = idempotency_.find(key, user, idempotency_key, context_.wall_us());
    if (known != nullptr) {
      published.id = known->id;
      published.receivers = known->receivers;
      published.duplicate = true;
      add(context_.stats.duplicates);
      return send_published(context_, publisher, published);
    }
  }
  order(index, message);
  published.id = message.id;
  if (!idempotency_key.empty()) {
    idempotency_.insert(key, user, idempotency_key, {message.id, published.receivers}, context_.wall_us());
  }
  apply(index, message, final || says_final(channel, message), exclude, mail.extra);
  mirror(index);
  send_published(context_, publisher, published);
}

void Owner::mirror(uint32_t index) {
  if (context_.options.mirror == nullptr) return;
  const Channel& channel = channels_[index];
  const RoomPolicy& policy = channels_.policy(channel);
  if (!is_mirrored(policy, channel.key.view())) return;
  context_.options.mirror->copy(context_.options.core, policy.mirror, channel.key.view(),
                                context_.encoder.json(encoded_, scratch_));
}

bool Owner::says_final(const Channel& channel, const MessageView& message) const {
  const RoomPolicy& rules = channels_.policy(channel);
  return !rules.final_when.empty() && channel.is_room() && context_.encoder.is_final(message, rules.final_when);
}

void Owner::order(uint32_t index, MessageView& message) {
  const Channel& channel = channels_[index];
  message.id = channel.position + 1;
  if (!channel.inbox) return;
  MessageLog& log = histories_.log_of(index);
  log.last_ms = std::max(context_.wall_us() / 1000, log.last_ms + 1);
  message.timestamp_us = std::max(message.timestamp_us, log.last_ms * 1000);
}

void Owner::apply(uint32_t index, const MessageView& message, bool final, const Address& exclude, uint64_t taken_ns) {
  Channel& channel = channels_[index];
  channel.position = message.id;
  encoded_.clear();
  context_.encoder.canonical(message, encoded_);
  MessageLog& log = histories_.log_of(index);
  const Slice slice = log.writer.append(encoded_);
  slice.hold->acquire();  // the limits of the history may take it away again at once, and the writer's block with it
  histories_.keep(index, slice, final, message.timestamp_us / 1'000'000);
  fan_out_.send(channel, slice, message.id, final ? flag::kFinal : 0, exclude);
  slice.hold->release();
  if (taken_ns != 0) fan_out_.measure(channel, taken_ns);
  add(context_.stats.published);
  if (!final) return;
  log.final_id = message.id;
  ++channel.epoch;
  const uint32_t members = channel.live();
  channel.count_all_out();
  channels_.note_members(index, members);
  attendance_.report_cleared(channel);
  attendance_.report_counts(index);
}

void Owner::keep(uint32_t index, const MessageView& message, bool final) {
  channels_[index].position = message.id;
  encoded_.clear();
  context_.encoder.canonical(message, encoded_);
  MessageLog& log = histories_.log_of(index);
  const Slice slice = log.writer.append(encoded_);
  slice.hold->acquire();  // as in apply()
  histories_.keep(index, slice, final, message.timestamp_us / 1'000'000);
  slice.hold->release();
  if (final) log.final_id = message.id;
}

Applied Owner::apply(const Ordered& ordered) {
  const uint32_t index = channels_.find(ordered.message.key);
  if (index == kNoIndex || !is_open(channels_[index])) return Applied::closed;
  const Channel& channel = channels_[index];
  RINGCAST_ASSERT(channel.brokered);
  if (ordered.message.id <= channel.position) return Applied::known;
  if (ordered.message.id != channel.position + 1) return Applied::hole;
  if (ordered.history_only) {
    keep(index, ordered.message, ordered.final);
  } else {
    apply(index, ordered.message, ordered.final, ordered.exclude, 0);
  }
  return Applied::applied;
}

void Owner::show(const MessageView& event) {
  const uint32_t index = channels_.find(event.key);
  if (index == kNoIndex) return;
  encoded_.clear();
  context_.encoder.canonical(event, encoded_);
  fan_out_.send_ephemeral(channels_[index], encoded_, {});
}

void Owner::reset(std::string_view key, uint64_t position, uint64_t gap_oldest) {
  const uint32_t index = channels_.find(key);
  if (index == kNoIndex) return;
  Channel& channel = channels_[index];
  RINGCAST_ASSERT(channel.brokered);
  RINGCAST_ASSERT(is_open(channel) || waiting_.contains(index));
  histories_.drop(index);
  if (channel.log() != nullptr) channel.log()->final_id = 0;
  channel.position = position;
  if (gap_oldest == 0) return;
  channel.for_each_share([&](const Share& share) {
    if (share.unused()) return;
    Mail mail = Context::mail(Kind::gap);
    mail.channel = share.channel;
    mail.number = share.generation;
    mail.value = gap_oldest;
    context_.post.send(share.core, mail);
  });
}

Channel* Owner::brokered(std::string_view key) {
  const uint32_t index = channels_.find(key);
  return index == kNoIndex || !channels_[index].brokered ? nullptr : &channels_[index];
}

void Owner::attend(std::string_view key, const Attendee& attendee) {
  if (Channel* const channel = brokered(key); channel != nullptr) attendance_.attend(*channel, attendee);
}

void Owner::count(std::string_view key, const Counts& counts) {
  if (Channel* const channel = brokered(key); channel != nullptr) attendance_.count(*channel, counts);
}

void Owner::state(std::string_view inbox, Status status) {
  if (Channel* const channel = brokered(inbox); channel != nullptr) attendance_.state(*channel, status);
}

// --- channels that a broker orders are opened for those who come

bool Owner::holds(const Mail& mail) {
  if (context_.options.broker == nullptr) return false;
  RecordReader record({reinterpret_cast<const char*>(mail.block->data()) + mail.offset, mail.length});
  std::string_view key;
  if (static_cast<Kind>(mail.kind) == Kind::ask) {
    const Query query = read_query(record);
    if (!Directory::concerns_others(query.kind)) return false;
    key = query.key;
  } else {
    key = record.text();
  }
  if (!context_.options.broker->orders(key)) return false;
  const uint32_t index = channels_.find_or_make(key);
  if (index == kNoIndex) return false;
  const bool opening = waiting_.contains(index);
  if (is_open(channels_[index]) && !opening) return false;
  waiting_[index].push_back(mail);
  if (!opening) context_.options.broker->open(key);
  return true;
}

std::vector<Mail> Owner::opened(std::string_view key) {
  const uint32_t index = channels_.find(key);
  const auto found = index == kNoIndex ? waiting_.end() : waiting_.find(index);
  if (found == waiting_.end()) return {};
  channels_.touch(channels_[index]);
  std::vector<Mail> mails = std::move(found.value());
  waiting_.erase(found);
  return mails;
}

void Owner::refuse(const Mail& mail) {
  const Payload payload(mail);
  RecordReader record(payload.view());
  record.text();
  Joiner joiner = joiner_of(mail, record);
  joiner.number = static_cast<Kind>(mail.kind) == Kind::join ? static_cast<uint32_t>(mail.extra) : mail.number;
  send_failure(joiner, JoinError::unavailable);
}

// Its history is with the broker: here it goes with the last who was interested, after a while.
void Owner::close_if_unused(uint32_t index) {
  const Channel& channel = channels_[index];
  if (channel.position == 0 || channel.connections() != 0 || channel.offline_held || waiting_.contains(index)) return;
  if (channel.presence() != nullptr && channel.presence()->waiting()) return;
  const auto ttl_s = static_cast<uint64_t>(channels_.policy(channel).empty_ttl.count());
  if (channel.used_s + ttl_s > context_.wall_s()) return;
  histories_.drop(index);
  channels_[index].position = 0;
  if (channel.crowd() != nullptr) channel.crowd()->elsewhere.reset();
  context_.options.broker->close(channel.key.view());
}

Mail published_mail(const Publisher& publisher, const Published& published) {
  Mail mail = Context::mail(Kind::published);
  mail.flags = static_cast<uint8_t>(static_cast<uint8_t>(published.error) << 1 | (published.duplicate ? 1 : 0));
  mail.connection = publisher.connection.slot;
  mail.generation = publisher.connection.generation;
  mail.value = publisher.correlation;
  mail.id = published.id;
  mail.extra = published.receivers;
  return mail;
}

void send_published(Context& context, const Publisher& publisher, const Published& published) {
  if (publisher.acknowledge) context.post.send(publisher.core, published_mail(publisher, published));
}

// --- members come, are shown what they missed in pieces, and go

Owner::Joiner Owner::joiner_of(const Mail& mail, RecordReader& record) {
  Joiner joiner{};
  joiner.core = mail.from;
  joiner.membership = mail.membership;
  joiner.flags = mail.flags;
  joiner.user = record.text();
  joiner.status = record.number<Status>();
  joiner.moment = record.number<Moment>();
  return joiner;
}

void Owner::on_join(const Mail& mail) {
  if (holds(mail)) return;
  const Payload payload(mail);
  RecordReader record(payload.view());
  const std::string_view key = record.text();
  Joiner joiner = joiner_of(mail, record);
  joiner.channel = mail.channel;
  joiner.generation = mail.number;
  joiner.number = static_cast<uint32_t>(mail.extra);
  Mail answer = Context::mail(Kind::joined);
  answer.membership = joiner.membership;
  answer.number = joiner.number;
  const uint32_t index = channels_.find_or_make(key);
  if (index == kNoIndex) return send_failure(joiner);
  Channel& channel = channels_[index];
  channels_.touch(channel);
  histories_.trim(index);
  const uint64_t kept = channel.kept();
  const uint64_t oldest = kept == 0 ? 0 : channel.position - kept + 1;
  const bool newest_first = channels_.policy(channel).last_value && kept != 0 && (mail.flags & flag::kSilent) == 0;
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
  if (channels_.policy(channel).history_messages == 0) facts |= kJoinedNoHistory;
  Status status = channel.status;
  const bool live = position == channel.position;
  answer.channel = index;
  answer.generation = channels_.handle(index).generation;
  answer.connection = channel.epoch;
  answer.id = position;
  answer.value = channel.position - position;
  answer.flags = live ? flag::kLive : flag::kFirst;
  if (live && shows_presence(joiner) && !channel.inbox) status = enter_presence(channel, joiner);
  facts |= static_cast<uint64_t>(status) << kJoinedStatusShift;
  if (channel.stated) facts |= kJoinedStated;
  answer.extra =
      static_cast<uint64_t>(channel.inbox ? attendance_.moment() : channel.live_anywhere() + 1) << 32 | facts;
  context_.post.send(joiner.core, answer);
  if (live) return add_member(index, joiner);
  send_piece(index, joiner, position, 0);
}

void Owner::send_failure(const Joiner& joiner, JoinError error) {
  Mail answer = Context::mail(Kind::joined);
  answer.value = static_cast<uint64_t>(error);
  answer.flags = flag::kFailed;
  answer.membership = joiner.membership;
  answer.number = joiner.number;
  context_.post.send(joiner.core, answer);
}

void Owner::on_replay_next(const Mail& mail) {
  if (holds(mail)) return;
  const Payload payload(mail);
  RecordReader record(payload.view());
  const std::string_view key = record.text();
  Joiner joiner = joiner_of(mail, record);
  joiner.channel = static_cast<uint32_t>(mail.value);
  joiner.generation = static_cast<uint32_t>(mail.extra);
  joiner.number = mail.number;
  const uint32_t index = channels_.find_or_make(key);
  // The channel went and its place was taken: nothing can follow.
  if (index == kNoIndex) return send_failure(joiner);
  Channel& channel = channels_[index];
  channels_.touch(channel);
  histories_.trim(index);
  const uint64_t kept = channel.kept();
  const uint64_t oldest = kept == 0 ? channel.position + 1 : channel.position - kept + 1;
  uint64_t position = mail.id;
  uint64_t gap_oldest = 0;
  if (position > channel.position || position + 1 < oldest) {  // the ring has overtaken the replay
    position = oldest - 1;
    gap_oldest = oldest;
  }
  send_piece(index, joiner, position, gap_oldest);
}

uint64_t Owner::send_ranges(const Channel& channel, const Joiner& joiner, uint64_t position) {
  if (position >= channel.position) return position;
  const History& history = channel.log()->history;
  const uint64_t oldest = channel.position - history.size() + 1;
  uint64_t at = position;
  uint64_t bytes = 0;
  Slice range;
  uint64_t range_first = 0;
  const auto send_range = [&] {
    if (range.hold == nullptr) return;
    Mail mail = Context::mail(Kind::replay);
    mail.membership = joiner.membership;
    mail.number = joiner.number;
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
      send_range();
      range = next;
      range_first = at + 1;
    }
    bytes += next.length;
    ++at;
  }
  send_range();
  return at;
}

void Owner::send_piece(uint32_t index, const Joiner& joiner, uint64_t position, uint64_t gap_oldest) {
  Channel& channel = channels_[index];
  Mail mail = Context::mail(Kind::replay);
  mail.membership = joiner.membership;
  mail.number = joiner.number;
  [[maybe_unused]] const uint64_t at = send_ranges(channel, joiner, position);
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
    // A final message takes a member out also when a replay brings it, unless the room has gone on since.
    mail.flags |= flag::kLast | flag::kEnded;
    return context_.post.send(joiner.core, mail);
  }
  // Nothing more to send: added in this very step, so that the next message follows without a seam.
  if (channel.inbox) {
    mail.length = static_cast<uint32_t>(channel.status) | (channel.stated ? kJoinedStated : 0);
    mail.value = attendance_.moment();
  } else if (shows_presence(joiner)) {
    mail.length = static_cast<uint32_t>(enter_presence(channel, joiner));
  }
  mail.flags |= flag::kLast | flag::kLive;
  mail.connection = index;
  mail.generation = channels_.handle(index).generation;
  mail.offset = channel.epoch;
  context_.post.send(joiner.core, mail);
  add_member(index, joiner);
}

Status Owner::enter_presence(Channel& channel, const Joiner& joiner) {
  return attendance_.enter(channel, {joiner.user, joiner.status, (joiner.flags & flag::kKnown) != 0, joiner.moment});
}

void Owner::add_member(uint32_t index, const Joiner& joiner) {
  Channel& channel = channels_[index];
  Share& share = channel.share_of(joiner.core);
  share.channel = joiner.channel;
  share.generation = joiner.generation;
  if ((joiner.flags & flag::kSilent) != 0) {
    ++share.silent;
  } else {
    const uint32_t members = channel.live();
    channel.count_live(share, 1, (joiner.flags & flag::kDeflate) != 0);
    channels_.note_members(index, members);
  }
  if (channel.inbox) return attendance_.note_online(index, false);
  attendance_.report_counts(index);
}

void Owner::on_leave(const Mail& mail) {
  const Payload payload(mail);
  Channel* channel = addressed(mail);
  if (channel == nullptr) return add(context_.stats.stale_mail);
  const bool silent = (mail.flags & flag::kLeaveSilent) != 0;
  if (!silent && mail.value != channel->epoch) return;  // counted out already
  Share* share = channel->find(mail.from);
  RINGCAST_ASSERT(share != nullptr);
  channels_.touch(*channel);
  const bool grace = (mail.flags & flag::kGrace) != 0;
  if (silent) {
    RINGCAST_ASSERT(share->silent != 0);
    --share->silent;
  } else {
    const uint32_t members = channel->live();
    channel->count_live(*share, -1, (mail.flags & flag::kDeflate) != 0);
    channels_.note_members(mail.channel, members);
    std::string_view user;
    if (!payload.view().empty()) user = RecordReader(payload.view()).text();
    const bool poll = (mail.flags & flag::kPoll) != 0;
    if (mail.extra != 0 && channel->is_room()) {
      const Address who{mail.from, {mail.connection, mail.generation}};
      const auto reason = static_cast<LeftReason>(mail.extra - 1);
      context_.sink.counted_out(who, channel->key.view(), user, reason, channel->live());
    }
    if (!poll || !user.empty()) attendance_.leave(mail.channel, user, grace, poll);
  }
  if (channel->inbox) return attendance_.note_online(mail.channel, grace);
  attendance_.report_counts(mail.channel);
}

void Owner::on_status(const Mail& mail) {
  const Payload payload(mail);
  Channel* channel = addressed(mail);
  if (channel == nullptr) return;
  const std::string_view user = RecordReader(payload.view()).text();
  const auto status = static_cast<Status>(mail.value);
  if (channel->inbox) return attendance_.set_user_status(*channel, status);
  attendance_.show_status(*channel, user, status, static_cast<Moment>(mail.extra));
}

// --- time

void Owner::sweep() {
  attendance_.end_graces();
  idempotency_.sweep(context_.wall_us());
  uint32_t trimmed = 0;
  const uint32_t end = channels_.index_end();
  const uint32_t part = std::clamp(end / kSweepParts, kSweepPerCallMin, kSweepPerCallMax);
  for (uint32_t n = 0; n < std::min(part, end) && trimmed < kSweepMessages; ++n) {
    if (sweep_at_ >= end) sweep_at_ = 0;
    const uint32_t index = sweep_at_++;
    if (!channels_.live(index)) continue;
    trimmed += histories_.trim(index);
    channels_.offer_busy(index);
    if (channels_[index].brokered) close_if_unused(index);
    if (!waiting_.contains(index)) channels_.forget_if_unused(index);
  }
}

void Owner::check() const {
  auto& channels = const_cast<Owner*>(this)->channels_;
  uint64_t bytes = 0;
  std::map<std::string_view, uint32_t> occupied;  // by tenant
  channels.for_each([&](uint32_t, const Channel& channel) {
    if (channel.live() != 0 && channel.is_room()) ++occupied[tenant_of(channel.key.view())];
    uint32_t live = 0, compressed = 0;
    channel.for_each_share([&](const Share& share) {
      live += share.live;
      compressed += share.compressed;
    });
    RINGCAST_ASSERT(live == channel.live() && compressed == channel.compressed());
    RINGCAST_ASSERT(compressed <= live);
    if (channel.log() != nullptr) {
      bytes += channel.log()->history.bytes();
      RINGCAST_ASSERT(channel.log()->history.size() <= channels_.policy(channel).history_messages);
      RINGCAST_ASSERT(channel.log()->history.size() <= channel.position);
    }
  });
  RINGCAST_ASSERT(bytes == histories_.bytes());
  RINGCAST_ASSERT(occupied.size() == channels_.busiest().tenants());
  for (const auto& [tenant, rooms] : occupied) RINGCAST_ASSERT(channels_.busiest().occupied(tenant) == rooms);
  RINGCAST_ASSERT(histories_.bytes() <= context_.options.history_bytes_max);
}

}  // namespace ringcast::hub
