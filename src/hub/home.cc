// SPDX-License-Identifier: Apache-2.0
#include "hub/home.h"

#include <algorithm>
#include <map>

namespace ringcast::hub {

namespace {
// A call looks at a hundredth of the channels, so that each is seen within seconds and idle ones cost next to nothing.
constexpr uint32_t kSweepParts = 100;
constexpr uint32_t kSweepPerCallMin = 256;
constexpr uint32_t kSweepPerCallMax = 8192;
// Messages whose time is over may all lie in a few channels.
constexpr uint32_t kSweepMessages = 4096;
constexpr uint64_t kMicros = 1'000'000;
constexpr int64_t kMeasureIntervalNs = 1'000'000;
}  // namespace

Home::Share* Home::Channel::find(uint16_t core) {
  if (first.core == core) return &first;
  if (crowd() == nullptr) return nullptr;
  for (Share& share : crowd()->shares) {
    if (share.core == core) return &share;
  }
  return nullptr;
}

uint32_t Home::Channel::connections() const {
  uint32_t all = 0;
  for_each_share([&](const Share& share) { all += share.live + share.silent; });
  return all;
}

Home::More& Home::more_of(Channel& channel) {
  if (channel.more == nullptr) channel.more = std::make_unique<More>();
  return *channel.more;
}

Home::Crowd& Home::crowd_of(Channel& channel) {
  if (channel.crowd() == nullptr) {
    more_of(channel).crowd = std::make_unique<Crowd>();
    channel.crowd()->live = channel.first.live;
    channel.crowd()->compressed = channel.first.compressed;
  }
  return *channel.crowd();
}

Home::Share& Home::share_of(Channel& channel, uint16_t core) {
  if (Share* share = channel.find(core); share != nullptr) return *share;
  // A core without members any more gives its place up.
  Share* place = channel.first.unused() ? &channel.first : nullptr;
  if (place == nullptr) {
    std::vector<Share>& more = crowd_of(channel).shares;
    const auto left = std::find_if(more.begin(), more.end(), [](const Share& share) { return share.unused(); });
    place = left == more.end() ? &more.emplace_back() : &*left;
  }
  *place = Share{};
  place->core = core;
  return *place;
}

void Home::count_live(Channel& channel, Share& share, int by, bool compressed) {
  const auto change = static_cast<uint32_t>(by);
  RINGCAST_ASSERT(by > 0 || (share.live != 0 && (!compressed || share.compressed != 0)));
  share.live += change;
  if (compressed) share.compressed += change;
  if (channel.crowd() == nullptr) return;
  channel.crowd()->live += change;
  if (compressed) channel.crowd()->compressed += change;
}

void Home::count_all_out(Channel& channel) {
  channel.first.live = channel.first.compressed = 0;
  if (channel.crowd() == nullptr) return;
  for (Share& share : channel.crowd()->shares) share.live = share.compressed = 0;
  channel.crowd()->live = channel.crowd()->compressed = 0;
  if (channel.crowd()->presence) channel.crowd()->presence->clear();
}

Home::Home(Context& context)
    : context_(context),
      channels_(context.hash, context.options.channels_max, 1024),
      idempotency_(context.options.idempotency_keys_max,
                   static_cast<uint64_t>(context.options.idempotency_window.count()) * kMicros,
                   HashKey{context.options.key[0], context.options.key[1]}),
      clock_start_(context.wall_us()),
      forgotten_(context.options.forgotten_positions_max, clock_start_),
      busiest_(context.hash, context.options.busiest_rooms),
      received_(context.options.cores) {}

uint32_t Home::find_or_make(std::string_view key) {
  const uint64_t hash = context_.hash(key);
  RINGCAST_ASSERT(context_.home_of(hash) == context_.options.core);
  uint32_t index = channels_.find(hash, key);
  if (index != kNoIndex) return index;
  index = channels_.insert(hash, Name(key));
  if (index == kNoIndex) return kNoIndex;
  Channel& channel = channels_[index];
  const std::string_view name = name_of(key);
  channel.policy = context_.options.policies->match(name);
  channel.inbox = is_inbox(name);
  channel.position = forgotten_.position_of(hash, start_of(channel));
  touch(channel);
  add(context_.stats.channels);
  return index;
}

// The same for all channels, and as long as the server runs: one that is forgotten without ever having given an id is
// made anew where it was.
uint64_t Home::start_of(const Channel& channel) const {
  const uint64_t first_id = policy(channel).first_id;
  return first_id != 0 ? first_id - 1 : clock_start_;
}

void Home::touch(Channel& channel) {
  channel.used_s = static_cast<uint32_t>(context_.wall_us() / kMicros);
}

Home::Channel* Home::addressed(const Mail& mail) {
  return channels_.get(mail.channel, mail.number);
}

// --- publishing

void Home::on_publish(const Mail& mail) {
  const Payload payload(mail);
  note_credit(mail);
  RecordReader record(payload.view());
  const auto kind = record.number<PayloadKind>();
  const auto ephemeral = record.number<uint8_t>() != 0;
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
  MessageView view{0, context_.wall_us(), key, user, event, kind, record.text(), connection};
  RINGCAST_ASSERT(record.done());

  Published published;
  published.correlation = mail.value;
  const uint32_t index = find_or_make(key);
  if (index == kNoIndex) {
    published.error = PublishError::channels_full;
    return tell_published(mail, published);
  }
  Channel& channel = channels_[index];
  touch(channel);
  published.receivers = channel.live();
  if (ephemeral) {
    encoded_.clear();
    context_.encoder.canonical(view, encoded_);
    publish_ephemeral(channel, encoded_, exclude);
    return tell_published(mail, published);
  }
  if (!idempotency_key.empty()) {
    const auto* known = idempotency_.find(key, user, idempotency_key, context_.wall_us());
    if (known != nullptr) {
      published.id = known->id;
      published.receivers = known->receivers;
      published.duplicate = true;
      add(context_.stats.duplicates);
      return tell_published(mail, published);
    }
  }
  Log& log = log_of(index);
  if (channel.inbox) {
    const uint64_t ms = std::max(context_.wall_us() / 1000, log.last_ms + 1);
    log.last_ms = ms;
    view.timestamp_us = std::max(view.timestamp_us, ms * 1000);
  }
  const RoomPolicy& rules = policy(channel);
  if (!rules.final_when.empty() && !final && !channel.inbox && !is_broadcast(name_of(key))) {
    final = context_.encoder.is_final(view, rules.final_when);
  }
  view.id = published.id = ++channel.position;
  if (!idempotency_key.empty()) {
    idempotency_.insert(key, user, idempotency_key, {view.id, published.receivers}, context_.wall_us());
  }
  encoded_.clear();
  context_.encoder.canonical(view, encoded_);
  const Slice slice = log.writer.append(encoded_);
  slice.hold->acquire();  // the limits of the history may take it away again at once, and the writer's block with it
  keep(index, slice, final);
  Slice small;
  if (channel.compressed() != 0) {
    compressed_bytes_.clear();
    if (context_.encoder.compressed(encoded_, compressed_bytes_)) small = compressed_.append(compressed_bytes_);
  }
  deliver(channel, slice, small.hold == nullptr ? nullptr : &small, view.id, final ? flag::kFinal : 0, exclude);
  slice.hold->release();
  measure(channel, mail.extra);
  add(context_.stats.published);
  if (final) {
    log.final_id = view.id;
    ++channel.epoch;
    const uint32_t members = channel.live();
    count_all_out(channel);
    note_members(index, members);
  }
  tell_published(mail, published);
}

void Home::tell_published(const Mail& asked, const Published& published) {
  if ((asked.flags & flag::kAcknowledge) == 0) return;
  Mail mail = Context::mail(Kind::published);
  mail.flags = static_cast<uint8_t>(static_cast<uint8_t>(published.error) << 1 | (published.duplicate ? 1 : 0));
  mail.connection = asked.connection;
  mail.generation = asked.generation;
  mail.value = published.correlation;
  mail.id = published.id;
  mail.extra = published.receivers;
  context_.post.send(asked.from, mail);
}

void Home::deliver(Channel& channel, const Slice& canonical, const Slice* compressed, uint64_t id, uint8_t flags,
                   const Address& exclude) {
  if (channel.live() == 0) return;
  channel.for_each_share([&](const Share& share) {
    if (share.live == 0) return;
    Mail mail = Context::mail(Kind::deliver);
    mail.flags = flags;
    mail.channel = share.channel;
    mail.number = share.generation;
    mail.id = id;
    Context::attach(mail, canonical);
    if (exclude.core == share.core) {
      mail.flags |= flag::kExclude;
      mail.membership = exclude.core;
      mail.connection = exclude.connection.slot;
      mail.generation = exclude.connection.generation;
    }
    if (compressed != nullptr && share.compressed != 0) {
      mail.flags |= flag::kCompressed;
      compressed->hold->block()->add_references(1);
      mail.value = reinterpret_cast<uint64_t>(compressed->hold->block());
      mail.extra = static_cast<uint64_t>(compressed->offset) << 32 | compressed->length;
    }
    context_.post.send(share.core, mail);
  });
}

void Home::measure(const Channel& channel, uint64_t since_ns) {
  const int64_t now = context_.options.clock->monotonic_ns();
  if (channel.live() == 0 || now < next_measure_ns_) return;
  next_measure_ns_ = now + kMeasureIntervalNs;
  channel.for_each_share([&](const Share& share) {
    if (share.live == 0) return;
    Mail mail = Context::mail(Kind::measure);
    mail.value = since_ns;
    context_.post.send(share.core, mail);
  });
}

void Home::publish_ephemeral(Channel& channel, std::string_view canonical, const Address& exclude) {
  if (channel.live() == 0) return;
  deliver(channel, ephemeral_.append(canonical), nullptr, 0, 0, exclude);
}

// --- history

Home::Log& Home::log_of(uint32_t index) {
  Channel& channel = channels_[index];
  if (channel.log() == nullptr) {
    more_of(channel).log = std::make_unique<Log>();
  } else if (!channel.log()->history.empty() && newest_log_ != index) {
    list_unlink(*channel.log(), index);
    list_append(*channel.log(), index);
  }
  return *channel.log();
}

void Home::list_unlink(Log& log, uint32_t index) {
  RINGCAST_ASSERT(log.older != kNoIndex || oldest_log_ == index);
  (log.older == kNoIndex ? oldest_log_ : channels_[log.older].log()->newer) = log.newer;
  (log.newer == kNoIndex ? newest_log_ : channels_[log.newer].log()->older) = log.older;
  log.older = log.newer = kNoIndex;
}

void Home::list_append(Log& log, uint32_t index) {
  log.older = newest_log_;
  log.newer = kNoIndex;
  (newest_log_ == kNoIndex ? oldest_log_ : channels_[newest_log_].log()->newer) = index;
  newest_log_ = index;
}

void Home::keep(uint32_t index, const Slice& slice, bool final) {
  Channel& channel = channels_[index];
  const RoomPolicy& rules = policy(channel);
  if (rules.history_messages == 0) return;
  History& history = channel.log()->history;
  if (history.empty()) list_append(*channel.log(), index);
  history_bytes_ += slice.length + History::kOverhead;
  history.push(Kept{slice, static_cast<uint32_t>(context_.wall_us() / kMicros), final});
  add(context_.stats.history_messages);
  trim(index);
  trim_total();
  context_.stats.history_bytes.store(history_bytes_, std::memory_order_relaxed);
}

void Home::pop_oldest(uint32_t index) {
  Log& log = *channels_[index].log();
  const uint64_t before = log.history.bytes();
  log.history.pop_oldest();
  history_bytes_ -= before - log.history.bytes();
  if (log.history.empty()) {
    list_unlink(log, index);
    log.history.clear();
    log.writer.reset();  // the block that the next messages would go to counts nowhere
  }
  subtract(context_.stats.history_messages);
  add(context_.stats.evicted_messages);
}

uint32_t Home::trim(uint32_t index) {
  const Channel& channel = channels_[index];
  if (channel.log() == nullptr) return 0;
  uint32_t trimmed = 0;
  const RoomPolicy& rules = policy(channel);
  const History& history = channel.log()->history;
  const uint64_t now_s = context_.wall_us() / kMicros;
  while (!history.empty() && (history.size() > rules.history_messages || history.bytes() > rules.history_bytes ||
                              history.at(0).time_s + static_cast<uint64_t>(rules.history_ttl.count()) <= now_s)) {
    pop_oldest(index);
    ++trimmed;
  }
  return trimmed;
}

// Least recently published first. A publish takes away about as many bytes as it adds, however many channels there are.
void Home::trim_total() {
  while (history_bytes_ > context_.options.history_bytes_max) pop_oldest(oldest_log_);
}

void Home::drop_history(uint32_t index) {
  const Channel& channel = channels_[index];
  if (channel.log() == nullptr) return;
  while (!channel.log()->history.empty()) pop_oldest(index);
  channel.log()->writer.reset();
  context_.stats.history_bytes.store(history_bytes_, std::memory_order_relaxed);
}

// --- credit

void Home::note_credit(const Mail& mail) {
  auto& [publishes, bytes] = received_[mail.from];
  ++publishes;
  bytes += mail.length;
  received_any_ = true;
}

void Home::tick() {
  if (received_any_) {
    CreditBatch batch;
    batch.received = received_;
    batch.marks.resize(context_.options.cores);
    for (uint16_t core = 0; core < context_.options.cores; ++core) batch.marks[core] = context_.post.enqueued(core);
    credit_.push_back(std::move(batch));
    std::fill(received_.begin(), received_.end(), std::pair<uint32_t, uint64_t>{});
    received_any_ = false;
  }
  while (!credit_.empty()) {
    const CreditBatch& batch = credit_.front();
    for (uint16_t core = 0; core < context_.options.cores; ++core) {
      if (context_.post.delivered(core) < batch.marks[core]) return;
    }
    for (uint16_t core = 0; core < context_.options.cores; ++core) {
      const auto& [publishes, bytes] = batch.received[core];
      if (publishes != 0) send_credit(core, publishes, bytes);
    }
    credit_.pop_front();
  }
}

void Home::send_credit(uint16_t core, uint32_t publishes, uint64_t bytes) {
#ifdef RINGCAST_BROKEN_CREDIT
  // For the simulation's own test: a build that loses a credit now and then.
  if (publishes > 1) --publishes;
#endif
  Mail mail = Context::mail(Kind::credit);
  mail.value = publishes;
  mail.extra = bytes;
  context_.post.send(core, mail);
}

// --- time

void Home::sweep() {
  end_graces();
  idempotency_.sweep(context_.wall_us());
  uint32_t trimmed = 0;
  const uint32_t end = channels_.index_end();
  const uint32_t part = std::clamp(end / kSweepParts, kSweepPerCallMin, kSweepPerCallMax);
  for (uint32_t n = 0; n < std::min(part, end) && trimmed < kSweepMessages; ++n) {
    if (sweep_at_ >= end) sweep_at_ = 0;
    const uint32_t index = sweep_at_++;
    if (!channels_.live(index)) continue;
    trimmed += trim(index);
    const Channel& channel = channels_[index];
    if (channel.live() != 0 && is_room(channel)) {
      busiest_.offer(tenant_of(channel.key.view()), {index, channels_.generation(index)}, RoomTable{channels_});
    }
    forget_if_unused(index);
  }
  context_.stats.history_bytes.store(history_bytes_, std::memory_order_relaxed);
}

bool Home::forget_if_unused(uint32_t index) {
  Channel& channel = channels_[index];
  if (channel.offline_held || channel.connections() != 0) return false;
  if (channel.presence() != nullptr && channel.presence()->waiting()) return false;
  if (channel.log() != nullptr && !channel.log()->history.empty()) return false;
  if (channel.used_s + static_cast<uint64_t>(policy(channel).empty_ttl.count()) > context_.wall_us() / kMicros) {
    return false;
  }
  forgotten_.add(context_.hash(channel.key.view()), start_of(channel), channel.position);
  channels_.erase(index);
  subtract(context_.stats.channels);
  add(context_.stats.evicted_channels);
  return true;
}

void Home::check() const {
  auto& channels = const_cast<Home*>(this)->channels_;
  uint64_t bytes = 0;
  std::map<std::string_view, uint32_t> occupied;  // by tenant
  channels.for_each([&](uint32_t, const Channel& channel) {
    if (channel.live() != 0 && is_room(channel)) ++occupied[tenant_of(channel.key.view())];
    uint32_t live = 0, compressed = 0;
    channel.for_each_share([&](const Share& share) {
      live += share.live;
      compressed += share.compressed;
    });
    RINGCAST_ASSERT(live == channel.live() && compressed == channel.compressed());
    RINGCAST_ASSERT(compressed <= live);
    if (channel.log() != nullptr) {
      bytes += channel.log()->history.bytes();
      RINGCAST_ASSERT(channel.log()->history.size() <= policy(channel).history_messages);
      RINGCAST_ASSERT(channel.log()->history.size() <= channel.position);
    }
  });
  RINGCAST_ASSERT(bytes == history_bytes_);
  RINGCAST_ASSERT(occupied.size() == busiest_.tenants());
  for (const auto& [tenant, rooms] : occupied) RINGCAST_ASSERT(busiest_.occupied(tenant) == rooms);
  RINGCAST_ASSERT(history_bytes_ <= context_.options.history_bytes_max);
}

}  // namespace ringcast::hub
