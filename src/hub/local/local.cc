// SPDX-License-Identifier: Apache-2.0
#include "hub/local/local.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <utility>

namespace ringcast::hub {

namespace {
constexpr size_t kFansKept = 256;
constexpr size_t kCooledPerCall = 2048;

// Presence of a room leaves earlier than it has to when it is so much: more would be noticed by those that read slowly.
constexpr uint32_t kHeldBytesMax = 8 << 10;
// Rooms whose presence has waited are served in turns: a tick begins none when so many members have got theirs.
constexpr uint32_t kHeldMembersPerTick = 4096;

// What connections are listed by: "core.slot.generation".
constexpr size_t kListedCoreLength = 5, kListedSlotEnd = 13;
std::string listed_name(uint16_t core, uint32_t slot, uint32_t generation) {
  char name[40];
  std::snprintf(name, sizeof name, "%04x.%08x.%08x", core, slot, generation);
  return name;
}
}  // namespace

Local::Local(Context& context)
    : context_(context),
      channels_(context.hash, context.options.memberships_max, 256),
      memberships_(context.options.memberships_max),
      pending_(context.options.joins_max, 256),
      moments_(context.options.cores, kFirstMoment) {}

Local::~Local() {
  pending_.for_each([](uint32_t, Pending& pending) {
    for (const Slice& piece : pending.pieces) piece.hold->release();
  });
}

void Local::open(ConnectionId connection, FormId form) {
  RINGCAST_ASSERT(form < kSilentForm);
  Peer& peer = peers_.add(connection.slot);
  RINGCAST_ASSERT(!peer.open);
  peer.generation = connection.generation;
  peer.form = form;
  peer.open = true;
}

Local::Peer* Local::find(ConnectionId connection) {
  if (!peers_.holds(connection.slot)) return nullptr;
  Peer& peer = peers_[connection.slot];
  return peer.open && peer.generation == connection.generation ? &peer : nullptr;
}

void Local::close(ConnectionId connection, bool grace) {
  Peer* peer = find(connection);
  if (peer == nullptr) return;
  while (peer->first != kNoIndex) {
    const uint32_t membership = peer->first;
    unlink(*peer, membership);
    remove(connection.slot, membership, false, grace, LeftReason::disconnected);
  }
  peers_.remove(connection.slot);
}

Local::Channel* Local::find_channel(std::string_view key, uint32_t* index) const {
  auto& channels = const_cast<Local*>(this)->channels_;
  const uint32_t found = channels.find(context_.hash(key), key);
  if (index != nullptr) *index = found;
  return found == kNoIndex ? nullptr : &channels[found];
}

uint32_t Local::channel_for(std::string_view key, const Name& name) {
  const uint64_t hash = context_.hash(key);
  uint32_t index = channels_.find(hash, key);
  if (index != kNoIndex) return index;
  index = channels_.insert(hash, name.empty() ? Name(key) : name);
  if (index == kNoIndex) return index;
  Channel& channel = channels_[index];
  channel.owner = context_.owner_of(hash);
  channel.policy = context_.options.policies->match(name_of(key));
  return index;
}

uint32_t Local::membership_of(const Peer& peer, std::string_view key) const {
  uint32_t channel;
  if (find_channel(key, &channel) == nullptr) return kNoIndex;
  return membership_in(peer, channel);
}

uint32_t Local::membership_in(const Peer& peer, uint32_t channel) const {
  for (uint32_t at = peer.first; at != kNoIndex; at = memberships_[at].next) {
    if (memberships_[at].channel == channel) return at;
  }
  return kNoIndex;
}

void Local::unlink(Peer& peer, uint32_t membership) {
  uint32_t* link = &peer.first;
  while (*link != membership) {
    RINGCAST_ASSERT(*link != kNoIndex);
    link = &memberships_[*link].next;
  }
  *link = memberships_[membership].next;
  --peer.count;
}

bool Local::join(const Join& join) {
  Peer* peer = find(join.connection);
  RINGCAST_ASSERT(peer != nullptr);
  if (membership_of(*peer, join.key) != kNoIndex) return false;
  const uint32_t pending_index = pending_.acquire();
  const uint32_t index =
      pending_index == kNoIndex ? kNoIndex : memberships_.acquire(Membership{kNoIndex, kNoIndex, 0, Stage::free});
  const uint32_t channel_index = index == kNoIndex ? kNoIndex : channel_for(join.key, join.name);
  if (channel_index == kNoIndex) {  // a table is full: how full is up to the clients
    if (index != kNoIndex) memberships_.release(index);
    if (pending_index != kNoIndex) pending_.release(pending_index);
    refused_.push_back({join.connection, join.correlation, std::string(join.key)});
    return true;
  }
  Channel& channel = channels_[channel_index];
  ++channel.waiting;
  Membership membership{channel_index, peer->first, 0, Stage::joining};
  membership.place = pending_index;
  memberships_[index] = membership;
  Pending& pending = pending_[pending_index];
  pending.correlation = join.correlation;
  pending.connection = join.connection;
  pending.number = next_number_++;
  pending.form = peer->form;
  pending.silent = join.silent;
  pending.asked = true;
  pending.user = Name(join.user);
  pending.status = peer->status;
  pending.known = peer->known;
  pending.since = moments_[channel.owner];
  peer->first = index;
  ++peer->count;

  Mail mail = Context::mail(Kind::join);
  if (join.silent) mail.flags |= flag::kSilent;
  if (pending.known) mail.flags |= flag::kKnown;
  if (join.has_cursor) mail.flags |= flag::kHasCursor;
  if (!join.replays) mail.flags |= flag::kNoReplay;
  if (context_.encoder.takes_compressed(peer->form)) mail.flags |= flag::kDeflate;
  if (context_.encoder.short_lived(peer->form)) mail.flags |= flag::kBrief;
  mail.channel = channel_index;
  mail.number = channels_.generation(channel_index);
  mail.membership = index;
  mail.extra = pending.number;
  mail.connection = join.connection.slot;
  mail.generation = join.connection.generation;
  mail.id = join.cursor;
  write_join(channel, pending, *peer);
  context_.attach_scratch(mail);
  context_.post.send(channel.owner, mail);
  add(context_.stats.joins);
  add(context_.stats.memberships);
  return true;
}

void Local::write_join(const Channel& channel, const Pending& pending, const Peer& peer) {
  RecordWriter(context_.scratch)
      .text(channel.key.view())
      .text(pending.user.view())
      .number(pending.status)
      .number(pending.known ? moment_of(peer) : kNoMoment);
}

bool Local::leave(ConnectionId connection, std::string_view key, bool grace) {
  Peer* peer = find(connection);
  if (peer == nullptr) return false;
  const uint32_t membership = membership_of(*peer, key);
  if (membership == kNoIndex) return false;
  part(connection.slot, membership, true, grace, LeftReason::asked);
  return true;
}

void Local::part(uint32_t slot, uint32_t membership, bool deliver, bool grace, std::optional<LeftReason> why) {
  const uint32_t channel = memberships_[membership].channel;
  unlink(peers_[slot], membership);
  remove(slot, membership, deliver, grace, why);
  context_.sink.parted(slot, channel);
}

void Local::remove(uint32_t slot, uint32_t index, bool deliver, bool grace, std::optional<LeftReason> why) {
  Membership& membership = memberships_[index];
  const uint32_t channel_index = membership.channel;
  Channel& channel = channels_[channel_index];
  add(context_.stats.leaves);
  subtract(context_.stats.memberships);
  if (membership.stage == Stage::joining || membership.stage == Stage::replaying) {
    Pending& pending = pending_[membership.place];
    if (pending.asked) {  // the answer decides whether the owner core has added it
      membership.stage = Stage::abandoned;
      return;
    }
    for (const Slice& piece : pending.pieces) piece.hold->release();
    return give_up(index);
  }
  const bool silent = membership.stage == Stage::silent;
  const FormId form = peers_[slot].form;
  if (why) {
    const Leaver leaver{{slot, peers_[slot].generation}, why};
    send_leave(channel, context_.sink.user_of(slot), form, silent, grace, leaver);
  }
  if (Fan* const fan = fan_at(channel); fan != nullptr) {
    Group& group = fan->group(silent ? kSilentForm : form);
    RINGCAST_ASSERT(group.slot_at(membership.place) == slot);
    const uint32_t moved = group.remove(membership.place, deliver, channel_index, context_.sink);
    if (moved != kNoIndex) memberships_[membership_in(peers_[moved], channel_index)].place = membership.place;
    mark(channel_index);  // so that an idle fan is given back
  } else {
    RINGCAST_ASSERT(channel.only_or_fan == slot);
    channel.only_or_fan = kNoIndex;
  }
  membership.stage = Stage::free;
  memberships_.release(index);
  forget_if_unused(channel_index);
}

void Local::give_up(uint32_t index) {
  Membership& membership = memberships_[index];
  const uint32_t channel_index = membership.channel;
  pending_.release(membership.place);
  membership.stage = Stage::free;
  memberships_.release(index);
  --channels_[channel_index].waiting;
  forget_if_unused(channel_index);
}

void Local::send_leave(const Channel& channel, std::string_view user, FormId form, bool silent, bool grace,
                       const Leaver& leaver) {
  Mail mail = Context::mail(Kind::leave);
  mail.flags = static_cast<uint8_t>(
      (grace ? flag::kGrace : 0) | (context_.encoder.short_lived(form) ? flag::kPoll : 0) |
      (context_.encoder.takes_compressed(form) ? flag::kDeflate : 0) | (silent ? flag::kLeaveSilent : 0));
  mail.channel = channel.owner_index;
  mail.number = channel.owner_generation;
  mail.value = channel.epoch;
  if (leaver.why) {
    mail.connection = leaver.connection.slot;
    mail.generation = leaver.connection.generation;
    mail.extra = 1 + static_cast<uint64_t>(*leaver.why);
  }
  if (!user.empty()) {
    RecordWriter(context_.scratch).text(user);
    context_.attach_scratch(mail);
  }
  context_.post.send(channel.owner, mail);
}

uint32_t Local::members(const Channel& channel) const {
  const Fan* const fan = fan_at(channel);
  return fan != nullptr ? fan->members() : has_only(channel) ? 1 : 0;
}

void Local::forget_if_unused(uint32_t index) {
  Channel& channel = channels_[index];
  if (channel.waiting != 0 || members(channel) != 0) return;
  if (const Fan* const fan = fan_at(channel); fan != nullptr) {
    if (fan->dirty) return;  // settle() comes back here
    drop_fan_if_idle(index);
  }
  channels_.erase(index);
}

void Local::add_live(uint32_t index) {
  Membership& membership = memberships_[index];
  Channel& channel = channels_[membership.channel];
  const Pending& pending = pending_[membership.place];
  const uint32_t slot = pending.connection.slot;
  Peer& peer = peers_[slot];
  const std::string_view name = name_of(channel.key.view());
  const bool shown = !pending.silent && !pending.user.empty() && !is_inbox(name) && !is_broadcast(name);
  if (shown && (pending.overtaken || pending.status != peer.status)) {
    // It changed while the join was under way, or is still to be learned from the inbox. Where another connection has
    // brought what is newer than it, the room's owner core knows.
    if (peer.known) {
      send_status(channel, pending.user.view(), peer.status, moment_of(peer));
    } else {
      peer.differs = true;
    }
  }
  membership.stage = pending.silent ? Stage::silent : Stage::live;
  pending_.release(membership.place);
  membership.place = 0;
  --channel.waiting;
  if (!channel.has_fan && channel.only_or_fan == kNoIndex) {
    channel.only_or_fan = slot;
    return;
  }
  Fan& fan = fan_of(membership.channel);
  Group& group = fan.group(group_of(slot, membership.stage));
  if (group.crowded()) settle(membership.channel);
  membership.place = group.insert(slot);
}

Fan& Local::fan_of(uint32_t index) {
  Channel& channel = channels_[index];
  if (Fan* const fan = fan_at(channel); fan != nullptr) return *fan;
  if (fans_free_.empty()) {
    fans_free_.push_back(static_cast<uint32_t>(fans_.size()));
    fans_.emplace_back();
  }
  const uint32_t place = fans_free_.back();
  fans_free_.pop_back();
  if (fans_[place] == nullptr) {
    fans_[place] = std::make_unique<Fan>();
  } else {
    --fans_idle_;
  }
  Fan& fan = *fans_[place];
  if (const uint32_t slot = channel.only_or_fan; slot != kNoIndex) {
    Membership& only = memberships_[membership_in(peers_[slot], index)];
    only.place = fan.group(group_of(slot, only.stage)).insert(slot);
  }
  channel.has_fan = true;
  channel.only_or_fan = place;
  return fan;
}

void Local::drop_fan_if_idle(uint32_t index) {
  Channel& channel = channels_[index];
  Fan* const fan = fan_at(channel);
  if (fan == nullptr || fan->dirty || fan->members() > 1 || (fan->held && fan->members() != 0)) return;
  const uint32_t place = channel.only_or_fan;
  channel.has_fan = false;
  channel.only_or_fan = kNoIndex;
  for (const auto& group : fan->groups()) {
    if (group->size() != 0) channel.only_or_fan = group->slot_at(0);
  }
  fan->reset();
  fans_free_.push_back(place);
  if (fans_idle_ == kFansKept) {
    fans_[place].reset();
  } else {
    ++fans_idle_;
  }
}

bool Local::holds_back(const Mail& mail, Fan& fan) {
  if ((mail.flags & flag::kMayWait) == 0) return false;
  const std::chrono::nanoseconds interval = (*context_.options.policies)[policy_of(mail.channel)].presence_interval;
  if (interval.count() == 0 || fan.leaves) return false;
  if (!fan.held) {
    const int64_t now = context_.options.clock->monotonic_ns();
    if (now >= fan.presence_from_ns) {
      fan.presence_from_ns = now + interval.count();
      return false;
    }
    fan.held_bytes = 0;
    if (!fan.queued) waits_.push({fan.presence_from_ns, mail.channel, mail.number});
    fan.queued = true;
  }
  fan.held_bytes += mail.length;
  return fan.held_bytes <= kHeldBytesMax;
}

void Local::end_waits() {
  const int64_t now = context_.options.clock->monotonic_ns();
  uint32_t served = 0;
  while (!waits_.empty() && waits_.top().until_ns <= now) {
    if (served >= kHeldMembersPerTick) return context_.post.send(context_.options.core, Context::mail(Kind::go_on));
    const Waits ended = waits_.top();
    waits_.pop();
    ++served;
    const Channel* const channel = channels_.get(ended.channel, ended.generation);
    Fan* const fan = channel == nullptr ? nullptr : fan_at(*channel);
    if (fan == nullptr || !fan->queued) continue;
    fan->queued = false;
    if (!fan->held) continue;
    if (fan->presence_from_ns > now) {
      fan->queued = true;
      waits_.push({fan->presence_from_ns, ended.channel, ended.generation});
      continue;
    }
    const std::chrono::nanoseconds interval = (*context_.options.policies)[channel->policy].presence_interval;
    fan->presence_from_ns = now + interval.count();
    fan->held = false;
    served += fan->members();
    leave_with_tick(ended.channel);
  }
}

void Local::mark(uint32_t index) {
  Fan& fan = *fan_at(channels_[index]);
  if (fan.dirty) return;
  fan.dirty = true;
  dirty_.push_back(index);
}

void Local::leave_with_tick(uint32_t index) {
  fan_at(channels_[index])->leaves = true;
  mark(index);
}

void Local::settle(uint32_t index) {
  for (const auto& group : fan_at(channels_[index])->groups()) {
    group->settle(index, context_.sink, [this, index](uint32_t slot, uint32_t place) {
      memberships_[membership_in(peers_[slot], index)].place = place;
    });
  }
}

void Local::tick() {
  for (const Refused& join : std::exchange(refused_, {})) {
    if (find(join.connection) == nullptr) continue;
    Joined joined;
    joined.correlation = join.correlation;
    joined.error = JoinError::channels_full;
    joined.key = join.key;
    context_.sink.joined(join.connection, joined);
  }
  end_waits();
  for (size_t i = 0; i < dirty_.size(); ++i) {
    const uint32_t index = dirty_[i];
    Fan& fan = *fan_at(channels_[index]);
    if (!fan.held) settle(index);
    fan.dirty = fan.leaves = false;
    drop_fan_if_idle(index);
    forget_if_unused(index);
  }
  dirty_.clear();
}

// Once a second, in several calls where there is a lot: what had no message in a whole one keeps no memory for them,
// and joins none for their burst.
void Local::sweep() {
  const uint64_t second = context_.wall_us() / 1'000'000;
  if (cooling_ == 0 && second != cooled_s_) {
    cooled_s_ = second;
    cooling_ = warm_.size();
  }
  for (size_t looks = std::min<size_t>(cooling_, kCooledPerCall); looks != 0; --looks, --cooling_) {
    const uint32_t index = warm_.front();
    warm_.pop_front();
    Fan* const fan = channels_.live(index) ? fan_at(channels_[index]) : nullptr;
    if (fan == nullptr || !fan->warm) continue;
    if (fan->dirty || fan->held || std::exchange(fan->fresh, false)) {
      warm_.push_back(index);
    } else {
      fan->cool();
    }
  }
}

bool Local::is_member(ConnectionId connection, std::string_view key) const {
  const Peer* peer = const_cast<Local*>(this)->find(connection);
  return peer != nullptr && membership_of(*peer, key) != kNoIndex;
}

uint32_t Local::channel_of(ConnectionId connection, std::string_view key) const {
  const Peer* peer = const_cast<Local*>(this)->find(connection);
  const uint32_t membership = peer == nullptr ? kNoIndex : membership_of(*peer, key);
  return membership == kNoIndex ? kNoIndex : memberships_[membership].channel;
}

bool Local::is_in(ConnectionId connection, uint32_t channel) const {
  const Peer* peer = const_cast<Local*>(this)->find(connection);
  return peer != nullptr && membership_in(*peer, channel) != kNoIndex;
}

uint32_t Local::joined_count(ConnectionId connection) const {
  const Peer* peer = const_cast<Local*>(this)->find(connection);
  return peer == nullptr ? 0 : peer->count;
}

void Local::append_joined(ConnectionId connection, std::vector<std::string>& keys) const {
  const Peer* peer = const_cast<Local*>(this)->find(connection);
  if (peer == nullptr) return;
  for (uint32_t at = peer->first; at != kNoIndex; at = memberships_[at].next) {
    const Membership& membership = memberships_[at];
    if (membership.stage != Stage::live && membership.stage != Stage::replaying) continue;
    keys.emplace_back(channels_[membership.channel].key.view());
  }
}

// To the inbox only, whose owner core puts the words of all connections of the user in one order and notifies their
// cores. What this connection joins from now on gets the status at once; that holds until the inbox answers.
void Local::set_status(ConnectionId connection, Status status) {
  Peer* peer = find(connection);
  if (peer == nullptr) return;
  const Channel* const inbox = inbox_of(*peer);
  if (inbox == nullptr) return;
  if (peer->status != status) {
    peer->status = status;
    peer->known = false;
  }
  peer->owes = !peer->joined;
  if (peer->joined) send_status(*inbox, context_.sink.user_of(connection.slot), status, kNoMoment);
}

const Local::Channel* Local::inbox_of(const Peer& peer) const {
  for (uint32_t at = peer.first; at != kNoIndex; at = memberships_[at].next) {
    const Channel& channel = channels_[memberships_[at].channel];
    if (is_inbox(name_of(channel.key.view()))) return &channel;
  }
  return nullptr;
}

Moment Local::moment_of(const Peer& peer) const {
  const Channel* const inbox = inbox_of(peer);
  return inbox == nullptr ? kNoMoment : moments_[inbox->owner];
}

void Local::send_status(const Channel& channel, std::string_view user, Status status, Moment moment) {
  Mail mail = Context::mail(Kind::status);
  mail.channel = channel.owner_index;
  mail.number = channel.owner_generation;
  mail.value = static_cast<uint64_t>(status);
  mail.extra = moment;
  RecordWriter(context_.scratch).text(user);
  context_.attach_scratch(mail);
  context_.post.send(channel.owner, mail);
}

void Local::on_user_status(const Mail& mail) {
  moments_[mail.from] = static_cast<Moment>(mail.extra);
  const Channel* channel = channels_.get(mail.channel, mail.number);
  if (channel == nullptr) return;
  collected_.clear();
  collect(*channel, collected_);
  for (const uint32_t slot : collected_) take_status(slot, static_cast<Status>(mail.value));
}

void Local::learn_status(uint32_t slot, uint16_t owner, Status status, bool stated, Moment moment, Moment since) {
  moments_[owner] = moment;
  Peer& peer = peers_[slot];
  peer.joined = true;
  if (peer.owes) {
    peer.owes = false;
    if (peer.status != status) return send_status(*inbox_of(peer), context_.sink.user_of(slot), peer.status, kNoMoment);
  }
  // Where no status has changed in the meantime, and the user has never had another one, none is under way that a room
  // could show in the end.
  const bool same = status == peer.status && !peer.differs && !stated && moment == since;
  peer.known = true;
  if (!same) take_status(slot, status);
}

void Local::take_status(uint32_t slot, Status status) {
  Peer& peer = peers_[slot];
  peer.status = status;
  peer.known = true;
  peer.differs = false;
  const Moment moment = moment_of(peer);
  for (uint32_t at = peer.first; at != kNoIndex; at = memberships_[at].next) {
    const Membership& membership = memberships_[at];
    // One that is joining reports it when it has joined.
    if (membership.stage == Stage::joining || membership.stage == Stage::replaying) {
      pending_[membership.place].overtaken = true;
    }
    if (membership.stage != Stage::live) continue;
    const Channel& channel = channels_[membership.channel];
    const std::string_view name = name_of(channel.key.view());
    if (!is_inbox(name) && !is_broadcast(name)) send_status(channel, context_.sink.user_of(slot), status, moment);
  }
}

// The names of those that lie before are not after `after`. What is no such name begins with the first slot; the page
// compares whole names.
uint32_t Local::begin_connections(std::string_view after) const {
  const std::string first = listed_name(context_.options.core, 0, 0);
  const std::string_view core = std::string_view(first).substr(0, kListedCoreLength);
  if (after.substr(0, kListedCoreLength) != core) return after < core ? 0 : peers_.end();
  uint32_t slot = 0;
  if (after.size() < kListedSlotEnd) return 0;
  const char* const end = after.data() + kListedSlotEnd;
  return std::from_chars(after.data() + kListedCoreLength, end, slot, 16).ptr == end ? slot : 0;
}

bool Local::look_at_connections(std::string_view key, std::string_view user, std::string_view tenant,
                                ListPosition& position, Page& page) const {
  uint32_t channel = kNoIndex;
  if (!key.empty() && find_channel(key, &channel) == nullptr) return true;  // nobody here is in it
  const uint32_t end = peers_.end();
  for (; position.at < end && position.looks != 0; ++position.at, --position.looks) {
    const uint32_t slot = position.at;
    if (!peers_.holds(slot)) continue;
    const Peer& peer = peers_[slot];
    if (!peer.open || (channel != kNoIndex && membership_in(peer, channel) == kNoIndex)) continue;
    const std::string_view name = context_.sink.user_of(slot);
    if (!user.empty() && name != user) continue;
    if (!context_.sink.is_of_tenant({slot, peer.generation}, tenant)) continue;
    std::string listed = listed_name(context_.options.core, slot, peer.generation);
    if (page.takes(listed)) {
      page.add(Row{std::move(listed), std::string(name), slot, peer.generation, context_.options.core});
    } else if (page.more()) {
      return true;
    }
  }
  return position.at >= end;
}

std::string_view Local::key_of(uint32_t channel) const {
  return channels_[channel].key.view();
}
uint8_t Local::policy_of(uint32_t channel) const {
  return channels_[channel].policy;
}

void Local::on_deliver(const Mail& mail) {
  Channel* channel = channels_.get(mail.channel, mail.number);
  auto* compressed = (mail.flags & flag::kCompressed) != 0 ? reinterpret_cast<Block*>(mail.value) : nullptr;
  if (channel == nullptr || members(*channel) == 0) {
    mail.block->release();
    if (compressed != nullptr) compressed->release();
    return;
  }
  Fan& fan = fan_of(mail.channel);
  fan.held = holds_back(mail, fan);
  if (!fan.held) leave_with_tick(mail.channel);
  fan.fresh = true;
  if (!fan.warm) {
    fan.warm = true;
    warm_.push_back(mail.channel);
  }
  Arrival arrival{fan.take_canonical(mail.block, mail.offset, mail.length), {}, mail.id};
  if (compressed != nullptr) {
    arrival.compressed =
        fan.take_compressed(compressed, static_cast<uint32_t>(mail.extra >> 32), static_cast<uint32_t>(mail.extra));
  }
  uint32_t excluded = kNoIndex;
  FormId excluded_form = 0;
  if ((mail.flags & flag::kExclude) != 0 && mail.membership == context_.options.core) {
    if (const Peer* peer = find({mail.connection, mail.generation}); peer != nullptr) {
      const uint32_t at = membership_in(*peer, mail.channel);
      if (at != kNoIndex && memberships_[at].stage == Stage::live) excluded = memberships_[at].place;
      excluded_form = peer->form;
    }
  }
  for (const auto& group : fan.groups()) {
    // Settling may put members into another order.
    if (group->crowded()) {
      settle(mail.channel);
      if (excluded != kNoIndex) excluded = memberships_[membership_in(peers_[mail.connection], mail.channel)].place;
    }
    group->arrive(arrival, group->form == excluded_form ? excluded : kNoIndex, context_.encoder, context_.scratch);
  }
  add(context_.stats.delivered, fan.members());
  if ((mail.flags & flag::kFinal) == 0) return;
  settle(mail.channel);
  const Name key = channel->key;
  collected_.clear();
  collect(*channel, collected_);
  for (const uint32_t slot : collected_) {
    Peer& peer = peers_[slot];
    const uint32_t index = membership_in(peer, mail.channel);
    if (index == kNoIndex || memberships_[index].stage != Stage::live) continue;
    const ConnectionId connection{slot, peer.generation};
    part(slot, index, false, false, std::nullopt);  // the owner core has counted them out
    context_.sink.left(connection, key.view(), LeftReason::final);
  }
}

void Local::collect(const Channel& channel, std::vector<uint32_t>& out) const {
  if (has_only(channel)) out.push_back(channel.only_or_fan);
  const Fan* const fan = fan_at(channel);
  if (fan == nullptr) return;
  for (const auto& group : fan->groups()) {
    for (size_t i = 0; i < group->size(); ++i) out.push_back(group->slot_at(i));
  }
}

void Local::on_evict(const Mail& mail) {
  const Payload payload(mail);
  const Channel* channel = channels_.get(mail.channel, mail.number);
  if (channel == nullptr) return;
  std::string_view user;
  if (!payload.view().empty()) user = RecordReader(payload.view()).text();
  const Name key = channel->key;
  collected_.clear();
  collect(*channel, collected_);
  for (const uint32_t slot : collected_) {
    Peer& peer = peers_[slot];
    if (!peer.open) continue;
    const uint32_t index = membership_in(peer, mail.channel);
    if (index == kNoIndex || (!user.empty() && context_.sink.user_of(slot) != user)) continue;
    const ConnectionId connection{slot, peer.generation};
    if (mail.value == kKick) {
      context_.sink.kicked(connection);
      continue;
    }
    part(slot, index, true, false, static_cast<LeftReason>(mail.value));
    context_.sink.left(connection, key.view(), static_cast<LeftReason>(mail.value));
  }
}

void Local::on_gap(const Mail& mail) {
  const Channel* channel = channels_.get(mail.channel, mail.number);
  if (channel == nullptr) return;
  const Name key = channel->key;
  if (fan_at(*channel) != nullptr) settle(mail.channel);  // what came before it
  collected_.clear();
  collect(*channel, collected_);
  for (const uint32_t slot : collected_) {
    const Peer& peer = peers_[slot];
    if (!peer.open) continue;
    const uint32_t index = membership_in(peer, mail.channel);
    if (index == kNoIndex || memberships_[index].stage != Stage::live) continue;
    add(context_.stats.gaps);
    context_.sink.replay({slot, peer.generation}, key.view(), {}, 0, 0, mail.value, false);
  }
}

void Local::check() const {
  auto& self = const_cast<Local&>(*this);
  std::vector<uint32_t> waiting(channels_.index_end()), counted(channels_.index_end());
  uint32_t pending = 0;
  for (uint32_t i = 0; i < memberships_.index_end(); ++i) {
    const Membership* const membership = memberships_.find(i);
    if (membership == nullptr || membership->stage == Stage::free) continue;
    const bool member = membership->stage == Stage::live || membership->stage == Stage::silent;
    ++(member ? counted : waiting)[membership->channel];
    if (!member) ++pending;
  }
  RINGCAST_ASSERT(pending == pending_.size());
  self.channels_.for_each([&](uint32_t index, const Channel& channel) {
    RINGCAST_ASSERT(members(channel) == counted[index] && channel.waiting == waiting[index]);
    const Fan* const fan = fan_at(channel);
    RINGCAST_ASSERT(counted[index] + channel.waiting != 0 || (fan != nullptr && fan->dirty));
    if (fan == nullptr) {
      RINGCAST_ASSERT(!has_only(channel) || membership_in(peers_[channel.only_or_fan], index) != kNoIndex);
      return;
    }
    for (const auto& group : fan->groups()) {
      for (uint32_t place = 0; place < group->size(); ++place) {
        const uint32_t at = membership_in(peers_[group->slot_at(place)], index);
        RINGCAST_ASSERT(at != kNoIndex && memberships_[at].place == place);
      }
    }
  });
}

}  // namespace ringcast::hub
