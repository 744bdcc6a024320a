// SPDX-License-Identifier: Apache-2.0
#include "cluster/bridge.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "cluster/protocol.h"
#include "cluster/record.h"
#include "hub/context.h"
#include "hub/question_mail.h"

namespace ringcast::cluster {

using codec::append_resp_command;
using codec::append_resp_word;
using codec::RespType;
using codec::RespValue;

namespace {

constexpr int64_t kMs = 1'000'000;
constexpr int64_t kProbeEvery = 3000 * kMs, kProbeTime = 2000 * kMs, kProbeTimeMax = 10'000 * kMs;
// A pause of this thread counts as no more than this of the server's time.
constexpr int64_t kPauseMax = 200 * kMs;
constexpr int64_t kCheckEvery = 3600 * 1000 * kMs;  // so that the metadata of a quiet channel do not expire
constexpr uint64_t kMetadataMs = 7 * 24 * 3600 * 1000ull;
constexpr uint32_t kSubscribeBatch = 512;
constexpr uint32_t kSyncsMax = 256;          // asked at the same time
constexpr uint64_t kSentBytesMax = 4 << 20;  // of orders without a reply
constexpr size_t kSentOrdersMax = 4096;
constexpr size_t kParkedMax = 256, kParkedBytesMax = 1 << 20;
constexpr uint32_t kPageEntries = 256;
constexpr uint64_t kPageBytes = 8 << 20;
constexpr uint64_t kMailsMax = 16'384;  // in a core's overflow; beyond it nothing more is read
constexpr size_t kChecksPerInterval = 256;

// It is not what it was, or not yet: another connection may find the server that is.
bool is_of_the_server(std::string_view error) {
  for (const std::string_view code : {"READONLY", "LOADING", "MASTERDOWN", "NOSCRIPT", "NOAUTH"}) {
    if (error.starts_with(code)) return true;
  }
  return false;
}

}  // namespace

Bridge::Bridge(const BridgeOptions& options, reactor::Reactor& reactor, hub::BrokerStats& stats)
    : options_(options),
      reactor_(reactor),
      stats_(stats),
      commands_(options.link, reactor, true),
      events_(options.link, reactor, false),
      members_({options.prefix, options.link.name, options.node, std::chrono::nanoseconds(options.lease).count(),
                options.policies},
               *this, stats),
      inquiries_(options.prefix, options.node, options.cores, options.names, *this),
      revocations_(options.revocations, options.prefix, options.wait.count(), *this) {}

Bridge::Channel* Bridge::find(std::string_view key) {
  const auto found = channels_.find(key);
  return found == channels_.end() ? nullptr : found->second.get();
}

// Which run of the server it is, and the newest id of the channel: what a break is found by; and how high it must lead
// at least. An old server's clock may be behind, so ours counts too.
void Bridge::append_position(std::string& out, const Channel* channel) const {
#ifdef RINGCAST_BROKEN_FAIL_OVER
  // For the simulation's own test: a server that has lost something goes on where it stands.
  append_resp_word(out, std::string_view("1"));
  append_resp_word(out, uint64_t{0});
  append_resp_word(out, uint64_t{0});
  static_cast<void>(channel);
#else
  append_resp_word(out, commands_.run());
  append_resp_word(out, channel == nullptr ? uint64_t{0} : channel->position);
  append_resp_word(out, std::max(floor_, reactor_.wall_us()));
#endif
}

uint64_t Bridge::keep_ms(uint8_t policy) const {
  return static_cast<uint64_t>(std::chrono::milliseconds((*options_.policies)[policy].history_ttl).count());
}

// --- from the cores

void Bridge::on_mail(const reactor::Mail& mail) {
  if (mail.kind == static_cast<uint8_t>(hub::Kind::answer)) return inquiries_.on_core_answer(mail);
  if (static_cast<Kind>(mail.kind) == Kind::ask) {
    const hub::Payload payload(mail);
    hub::RecordReader record(payload.view());
    const hub::Query query = hub::read_query(record);
    if (query.kind == hub::QueryKind::revoke) {
      return revocations_.revoke(mail.from, mail.value, query.key, query.after, wall_ms(), now_ns());
    }
    return inquiries_.ask(mail.from, mail.value, query, up() && listening_ == 2, now_ns());
  }
  const hub::Payload payload(mail);
  hub::RecordReader record(payload.view());
  const std::string_view key = record.text();
  switch (static_cast<Kind>(mail.kind)) {
    case Kind::open: return open(mail, key);
    case Kind::close: return close(key);
    case Kind::order: {
      Order order;
      order.publisher = {static_cast<uint16_t>(mail.number),
                         {mail.connection, mail.generation},
                         mail.value,
                         (mail.flags & flag::kAcknowledge) != 0,
                         static_cast<uint32_t>(mail.extra)};
      order.key = key;
      order.idempotency_key = record.text();
      order.user = record.text();
      order.record = record.text();
      order.until_ns = now_ns() + options_.wait.count();
      if (queued_bytes_ + order.bytes() > options_.queue_bytes_max) {
        return refuse(order.publisher, hub::PublishError::unavailable);
      }
      queued_bytes_ += order.bytes();
      orders_.push_back(std::move(order));
      return;
    }
    case Kind::announce: {
      // Nothing is lost with it that anybody would ask for again.
      if (!up() || sent_bytes_ >= kSentBytesMax || expected_.size() >= kSentOrdersMax) return;
      scratch_ = "e ";
      scratch_ += record.text();
      append_resp_command(commands_.out(), 3);
      append_resp_word(commands_.out(), std::string_view("PUBLISH"));
      append_resp_word(commands_.out(), channel_name(key));
      append_resp_word(commands_.out(), scratch_);
      Expected expected;
      expected.bytes = scratch_.size();
      sent_bytes_ += expected.bytes;
      expected_.push_back(std::move(expected));
      return;
    }
    case Kind::command: return send_command(static_cast<Command>(mail.flags), key, record.text());
    case Kind::attend:
    case Kind::count:
    case Kind::cleared:
    case Kind::state: return members_.on_mail(mail, key, record);
    default: RINGCAST_ASSERT(false);  // a kind that no core sends
  }
}

void Bridge::open(const reactor::Mail& mail, std::string_view key) {
  std::unique_ptr<Channel>& place = channels_[std::string(key)];
  if (place == nullptr) {
    place = std::make_unique<Channel>();
    place->key = key;
    place->core = mail.from;
    place->policy = options_.policies->match(hub::name_of(key));
    to_subscribe_.emplace_back(key);
    stats_.channels.store(channels_.size(), std::memory_order_relaxed);
  }
  place->closed = false;
  place->opening = mail.id;
  place->asked_ns = now_ns();
  openings_.emplace_back(now_ns() + options_.wait.count(), std::string(key));
}

void Bridge::close(std::string_view key) {
  const auto found = channels_.find(key);
  if (found == channels_.end()) return;
  Channel& channel = *found->second;
  members_.forget(key);
  if (channel.stage == Stage::subscribing) {
    // Its confirmation must not be taken for that of a later subscription.
    channel.closed = true;
    channel.opened = channel.filling = false;
    channel.base = channel.position = channel.fill_to = 0;
    return;
  }
  if (channel.stage != Stage::wanted) unsubscribe(channel);
  channels_.erase(found);
  stats_.channels.store(channels_.size(), std::memory_order_relaxed);
}

void Bridge::unsubscribe(const Channel& channel) {
  append_resp_command(events_.out(), 2);
  append_resp_word(events_.out(), std::string_view("UNSUBSCRIBE"));
  append_resp_word(events_.out(), channel_name(channel.key));
}

void Bridge::send_orders() {
  while (!orders_.empty() && up() && sent_bytes_ < kSentBytesMax && expected_.size() < kSentOrdersMax) {
    send_order(orders_.front());
    orders_.pop_front();
  }
}

void Bridge::send_order(Order& order) {
  const Channel* const channel = find(order.key);
  const uint8_t policy = options_.policies->match(hub::name_of(order.key));
  const bool once = !order.idempotency_key.empty();
  std::string known = key_of('i', order.key);
  if (once) known += '\n' + std::to_string(order.user.size()) + '\n' + order.user + '\n' + order.idempotency_key;
  std::string& out = commands_.out();
  append_resp_command(out, 16);
  append_resp_word(out, std::string_view("EVALSHA"));
  append_resp_word(out, commands_.digest(Script::publish));
  append_resp_word(out, uint64_t{3});
  append_resp_word(out, key_of('m', order.key));
  append_resp_word(out, key_of('s', order.key));
  append_resp_word(out, known);
  append_position(out, channel);
  append_resp_word(out, kMetadataMs + keep_ms(policy));
  append_resp_word(out, order.record);
  append_resp_word(out, uint64_t{(*options_.policies)[policy].history_messages});
  append_resp_word(out, keep_ms(policy));
  append_resp_word(out, once ? static_cast<uint64_t>(options_.idempotency_window.count()) : uint64_t{0});
  append_resp_word(out, uint64_t{hub::is_inbox(hub::name_of(order.key))});
  append_resp_word(out, channel_name(order.key));
  Expected expected;
  expected.what = Expected::What::order;
  expected.publisher = order.publisher;
  expected.bytes = order.bytes();
  if (mirrors(order.key)) {
    expected.key = std::move(order.key);
    expected.record = std::move(order.record);
  }
  sent_bytes_ += expected.bytes;
  expected_.push_back(std::move(expected));
}

void Bridge::send_command(Command command, std::string_view key, std::string_view user) {
  if (!up()) return;  // in this very moment: as if it had been lost on its way
  const std::string push = command_push(static_cast<char>(command), options_.node, user);
  std::string& out = commands_.out();
  if (command == Command::purge || command == Command::close) {
    const Channel* const channel = find(key);
    const uint8_t policy = options_.policies->match(hub::name_of(key));
    append_resp_command(out, 12);
    append_resp_word(out, std::string_view("EVALSHA"));
    append_resp_word(out, commands_.digest(Script::purge));
    append_resp_word(out, uint64_t{2});
    append_resp_word(out, key_of('m', key));
    append_resp_word(out, key_of('s', key));
    append_position(out, channel);
    append_resp_word(out, kMetadataMs + keep_ms(policy));
    append_resp_word(out, keep_ms(policy));
  } else {
    append_resp_command(out, 3);
    append_resp_word(out, std::string_view("PUBLISH"));
  }
  append_resp_word(out, channel_name(key));
  append_resp_word(out, push);
  expected_.push_back({});
}

void Bridge::settle(const hub::Publisher& publisher, const hub::Published& published) {
  if (publisher.acknowledge) reactor_.post(publisher.core, hub::published_mail(publisher, published));
}

void Bridge::refuse(const hub::Publisher& publisher, hub::PublishError error) {
  hub::add(error == hub::PublishError::unknown ? stats_.unknown : stats_.refused);
  hub::Published published;
  published.correlation = publisher.correlation;
  published.error = error;
  settle(publisher, published);
}

bool Bridge::mirrors(std::string_view key) const {
  return options_.mirror != nullptr &&
         hub::is_mirrored((*options_.policies)[options_.policies->match(hub::name_of(key))], key);
}

// The others, who get it by a push, make none.
void Bridge::mirror(const Expected& order, uint64_t id, uint64_t time_us) {
  Record record;
  if (order.record.empty() || !read_record(order.record, record)) return;
  const hub::MessageView message{id,           time_us,     order.key,      record.user,
                                 record.event, record.kind, record.payload, record.connection};
  scratch_.clear();
  options_.encoder->canonical(message, scratch_);
  const hub::RoomPolicy& policy = (*options_.policies)[options_.policies->match(hub::name_of(order.key))];
  options_.mirror->copy(options_.cores, policy.mirror, order.key, options_.encoder->json(scratch_, json_));
}

// --- the connections

void Bridge::connect_when_due() {
  for (Link* const link : {&commands_, &events_}) {
    if (auto begun = link->connect_when_due(); !begun) lost(*link, begun.error().message);
  }
}

void Bridge::on_accepted(reactor::ConnectionId id, uint16_t) {
  for (Link* const link : {&commands_, &events_}) {
    if (link->owns(id)) return link->greet();
  }
  if (reactor::Connection* const at = reactor_.find(id)) reactor_.close(*at, reactor::CloseCause::done);
}

void Bridge::on_peer_gone(reactor::ConnectionId id, io::CloseReason reason) {
  for (Link* const link : {&commands_, &events_}) {
    if (link->owns(id)) {
      return lost(*link, reason == io::CloseReason::connect_failed ? "it does not accept connections"
                         : reason == io::CloseReason::tls_failed   ? "TLS failed: its certificate is not one that "
                                                                     "broker_ca_file trusts, or it speaks no TLS"
                                                                   : "the connection was closed");
    }
  }
  if (reactor::Connection* const at = reactor_.find(id)) reactor_.close(*at, reactor::CloseCause::done);
}

void Bridge::lost(Link& link, std::string_view why) {
  const bool was_up = std::exchange(up_, false);
  if (was_up) {
    log_warning("broker_lost", {{"why", why}, {"connection", &link == &commands_ ? "commands" : "events"}});
    hub::add(stats_.losses);
    stats_.up.store(false, std::memory_order_relaxed);
  } else if (unreachable_ != why) {  // once, however often it is tried
    unreachable_ = why;
    log_warning("broker_unreachable", {{"why", why}});
  }
  link.close();
  members_.on_lost(&link == &commands_);
  listening_ = 0;
  inquiries_.on_lost();
  revocations_.on_lost(&link == &commands_);
  probing_ = false;
  if (&link == &events_) {
    to_subscribe_.clear();
    to_sync_.clear();
    subscribing_ = 0;
    std::erase_if(channels_, [](const auto& entry) { return entry.second->closed; });
    for (auto& [key, channel] : channels_) {
      channel->stage = Stage::wanted;
      channel->parked.clear();
      channel->parked_bytes = 0;
      to_subscribe_.push_back(key);
    }
    return;
  }
  for (Expected& expected : std::exchange(expected_, {})) {
    if (expected.what == Expected::What::order) {
      queued_bytes_ -= expected.bytes;
      if (!expected.record.empty()) options_.mirror->missed(options_.cores);
      refuse(expected.publisher, hub::PublishError::unknown);
    } else if (expected.what == Expected::What::sync) {
      Channel* const channel = find(expected.key);
      if (channel == nullptr || channel->stage != Stage::syncing || channel->number != expected.number) continue;
      channel->stage = Stage::behind;
      to_sync_.push_back(channel->key);
    }
  }
  sent_bytes_ = 0;
  syncing_ = 0;
}

void Bridge::drop(Link& link, std::string_view why) {
  lost(link, why);
  link.hurry();
}

void Bridge::became_ready() {
  if (!commands_.ready() || !events_.ready() || up_) return;
  if (commands_.run() != events_.run()) {
    // One of them still speaks to a server that is not the one any more.
    drop(commands_, "the connections lead to two servers");
    drop(events_, "the connections lead to two servers");
    return;
  }
  up_ = true;
  unreachable_.clear();
  stats_.up.store(true, std::memory_order_relaxed);
  log_info("broker_connected", {{"run", commands_.run()}, {"channels", channels_.size()}});
  append_resp_command(events_.out(), 2);
  append_resp_word(events_.out(), std::string_view("SUBSCRIBE"));
  append_resp_word(events_.out(), options_.prefix + ":probe:" + std::to_string(options_.node));
  append_resp_command(events_.out(), 4);
  append_resp_word(events_.out(), std::string_view("SUBSCRIBE"));
  append_resp_word(events_.out(), inquiries_.questions_channel());
  append_resp_word(events_.out(), inquiries_.answers_channel());
  append_resp_word(events_.out(), revocations_.channel());
  await_probe();  // its confirmation is the first
  members_.on_ready(commands_.run(), now_ns());
}

void Bridge::on_bytes(reactor::ConnectionId id, std::span<uint8_t> bytes) {
  Link& link = commands_.owns(id) ? commands_ : events_;
  if (!link.owns(id)) return;
  probe_left_ns_ = kProbeTime;  // it is busy, not dead
  codec::RespParser& parser = link.parser();
  parser.append({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  while (link.owns(id)) {
    const auto status = parser.next();
    if (status == codec::RespParser::Status::need_more) return;
    if (status == codec::RespParser::Status::broken) return lost(link, parser.why());
    const RespValue reply = parser.reply().root();
    if (link.state() == Link::State::greeting) {
      if (auto taken = link.take_greeting(reply); !taken) return lost(link, taken.error().message);
      if (link.ready()) became_ready();
    } else if (&link == &commands_) {
      on_reply(reply);
    } else {
      on_push(reply);
    }
  }
}

void Bridge::on_reply(RespValue reply) {
  if (expected_.empty()) return lost(commands_, "a reply to nothing");
  if (reply.is(RespType::error) && is_of_the_server(reply.text())) {
    log_warning("broker_error", {{"error", reply.text()}});
    if (expected_.front().what == Expected::What::order) {
      // It did nothing.
      queued_bytes_ -= expected_.front().bytes;
      sent_bytes_ -= expected_.front().bytes;
      refuse(expected_.front().publisher, hub::PublishError::unavailable);
      expected_.pop_front();
    }
    // So may both connections.
    const std::string why(reply.text());
    lost(commands_, why);
    return lost(events_, why);
  }
  const Expected expected = std::move(expected_.front());
  expected_.pop_front();
  switch (expected.what) {
    case Expected::What::other: sent_bytes_ -= expected.bytes; return;
    case Expected::What::question:
      return inquiries_.on_heard(expected.number, static_cast<uint64_t>(std::max<int64_t>(0, reply.integer())));
    case Expected::What::members: return members_.on_reply(reply, now_ns());
    case Expected::What::revocations: return revocations_.on_reply(reply, wall_ms());
    case Expected::What::order: {
      queued_bytes_ -= expected.bytes;
      sent_bytes_ -= expected.bytes;
      if (reply.size() != 3 || !reply[0].is_text()) {
        log_warning("broker_error", {{"error", reply.text()}});
        return refuse(expected.publisher, hub::PublishError::unavailable);
      }
      hub::Published published;
      published.correlation = expected.publisher.correlation;
      published.id = number_of(reply[0].text());
      published.duplicate = reply[1].integer() != 0;
      published.receivers = expected.publisher.receivers;
      hub::add(stats_.ordered);
      if (!published.duplicate) mirror(expected, published.id, number_of(reply[2].text()));
      return settle(expected.publisher, published);
    }
    case Expected::What::sync: {
      --syncing_;
      Channel* const channel = find(expected.key);
      // One that was asked before the latest subscription says nothing about what came between.
      if (channel == nullptr || channel->stage != Stage::syncing || channel->number != expected.number) return;
      if (reply.size() < 4) return lost(commands_, reply.is(RespType::error) ? reply.text() : "not an answer");
      return synced(*channel, reply);
    }
  }
}

void Bridge::on_push(RespValue push) {
  if (push.size() != 3) return lost(events_, push.is(RespType::error) ? push.text() : "not a message");
  const std::string_view what = push[0].text();
  std::string_view name = push[1].text();
  const std::string probe_name = options_.prefix + ":probe:" + std::to_string(options_.node);
  if (name == probe_name) {
    if (!probing_ || (what == "message" && number_of(push[2].text()) != probe_)) return;
    probing_ = false;
    stats_.probe_us.store(static_cast<uint64_t>(now_ns() - probe_sent_ns_) / 1000, std::memory_order_relaxed);
    stats_.probed_ns.store(now_ns(), std::memory_order_relaxed);
    return;
  }
  for (const bool question : {true, false}) {
    if (name != (question ? inquiries_.questions_channel() : inquiries_.answers_channel())) continue;
    if (what == "subscribe") ++listening_;
    if (what == "message")
      question ? inquiries_.on_question(push[2].text(), now_ns()) : inquiries_.on_answer(push[2].text());
    return;
  }
  if (name == revocations_.channel()) {
    if (what == "subscribe" && up()) revocations_.on_subscribed();
    if (what == "message") revocations_.on_push(push[2].text(), wall_ms());
    return;
  }
  const std::string start = options_.prefix + ":c:";
  if (!name.starts_with(start)) return;
  name.remove_prefix(start.size());
  if (what == "subscribe" && subscribing_ != 0) --subscribing_;
  Channel* const channel = find(name);
  if (channel == nullptr) return;
  if (what == "subscribe" && channel->stage == Stage::subscribing) {
    channel->stage = Stage::current;
    if (channel->closed) return close(std::string(name));
#ifdef RINGCAST_BROKEN_RESUBSCRIBE
    // For the simulation's own test: what came while there was no subscription is not asked for.
    if (channel->opened) return;
#endif
    return need_sync(*channel);
  }
  if (what != "message") return;
  PushHead head;
  std::string_view bytes;
  if (!read_push(push[2].text(), head, bytes)) {
    hub::add(stats_.unreadable);
    return;
  }
  if (head.kind == PushHead::Kind::message) return arrived(*channel, head, bytes);
  if (head.kind == PushHead::Kind::change) return members_.on_change(channel->key, bytes);
  if (head.kind == PushHead::Kind::command) {
    if (head.command == static_cast<char>(Command::state)) return members_.on_state(channel->key, head.node, bytes);
    const auto command = static_cast<Command>(head.command);
    if (command == Command::purge || command == Command::close) need_sync(*channel);
    if (head.node != options_.node && channel->opened) {  // ours has been carried out
      send_to_core(*channel, Kind::command, static_cast<uint8_t>(command), 0, 0, bytes);
    }
    return;
  }
  Record record;
  if (!read_record(bytes, record)) {
    hub::add(stats_.unreadable);
  } else if (record.node != options_.node && channel->opened) {  // ours are with our members already
    send_to_core(*channel, Kind::event, 0, 0, 0, bytes);
  }
}

void Bridge::await_probe() {
  probing_ = true;
  next_probe_ns_ = now_ns() + kProbeEvery;
  probe_sent_ns_ = now_ns();
  probe_left_ns_ = kProbeTime;
  probe_left_max_ns_ = kProbeTimeMax;
}

// A message to ourselves, by the way that all take. Its time runs only while this thread does, and anew with whatever
// arrives, up to a bound.
void Bridge::begin_probe() {
  if (!up() || probing_ || now_ns() < next_probe_ns_) return;
  await_probe();
  append_resp_command(commands_.out(), 3);
  append_resp_word(commands_.out(), std::string_view("PUBLISH"));
  append_resp_word(commands_.out(), options_.prefix + ":probe:" + std::to_string(options_.node));
  append_resp_word(commands_.out(), ++probe_);
  expected_.push_back({});
}

void Bridge::watch_probe(int64_t passed_ns) {
  if (!probing_ || held_back_) return;
  probe_left_ns_ -= passed_ns;
  probe_left_max_ns_ -= passed_ns;
  if (probe_left_ns_ > 0 && probe_left_max_ns_ > 0) return;
  lost(commands_, "a probe did not come back");
  lost(events_, "a probe did not come back");
}

// --- channels

void Bridge::subscribe_some() {
  if (!up() || subscribing_ >= 2 * kSubscribeBatch) return;
  std::vector<std::string_view> names;
  std::vector<std::string> batch;
  while (!to_subscribe_.empty() && batch.size() < kSubscribeBatch) {
    Channel* const channel = find(to_subscribe_.front());
    if (channel != nullptr && channel->stage == Stage::wanted) {
      channel->stage = Stage::subscribing;
      batch.push_back(channel_name(channel->key));
    }
    to_subscribe_.pop_front();
  }
  if (batch.empty()) return;
  subscribing_ += static_cast<uint32_t>(batch.size());
  append_resp_command(events_.out(), static_cast<uint32_t>(batch.size()) + 1);
  append_resp_word(events_.out(), std::string_view("SUBSCRIBE"));
  for (const std::string& name : batch) append_resp_word(events_.out(), name);
}

void Bridge::need_sync(Channel& channel) {
  if (channel.stage == Stage::syncing) channel.overran = true;  // what it asks for may be older than the cause
  if (channel.stage != Stage::current) return;
  channel.stage = Stage::behind;
  to_sync_.push_back(channel.key);
}

void Bridge::sync_some() {
  while (up() && !to_sync_.empty() && syncing_ < kSyncsMax) {
    Channel* const channel = find(to_sync_.front());
    to_sync_.pop_front();
    if (channel == nullptr || channel->stage != Stage::behind) continue;
    channel->stage = Stage::syncing;
    channel->checked_ns = now_ns();
    channel->overran = false;
    channel->number = ++last_number_;
    ++syncing_;
    hub::add(stats_.syncs);
    const uint64_t entries =
        std::clamp<uint64_t>(kPageBytes / std::max<uint32_t>(1, options_.message_bytes_max), 1, kPageEntries);
    std::string& out = commands_.out();
    append_resp_command(out, 16);
    append_resp_word(out, std::string_view("EVALSHA"));
    append_resp_word(out, commands_.digest(Script::sync));
    append_resp_word(out, uint64_t{3});
    append_resp_word(out, key_of('m', channel->key));
    append_resp_word(out, key_of('s', channel->key));
    append_resp_word(out, members_.counts_key(channel->key));
    append_position(out, channel);
    append_resp_word(out, kMetadataMs + keep_ms(channel->policy));
    append_resp_word(out, keep_ms(channel->policy));
    append_resp_word(out, channel->base);
    append_resp_word(out, channel->position);
    append_resp_word(out, entries);
    const bool snapshot = members_.wants_snapshot(channel->key);
    append_resp_word(out, snapshot ? members_.users_prefix(channel->key) : std::string());
    append_resp_word(out, channel->key);
    Expected expected;
    expected.what = Expected::What::sync;
    expected.key = channel->key;
    expected.number = channel->number;
    expected_.push_back(std::move(expected));
  }
}

// Either the channel's base is the one that we know, and the entries are what followed; or it is another one (a break,
// or the channel was not open here), and its history is taken anew, in pages.
void Bridge::synced(Channel& channel, RespValue reply) {
  const uint64_t base = number_of(reply[0].text());
  const uint64_t position = number_of(reply[1].text());
  const uint64_t purged = number_of(reply[2].text());
  const RespValue entries = reply[3];
  if (reply.size() == 5) members_.on_snapshot(channel.key, reply[4], now_ns());
  floor_ = std::max(floor_, position);
  if (base != channel.base) {
    channel.base = base;
    channel.filling = true;
    channel.fill_to = position;
    const uint64_t first = entries.size() == 0 ? position + 1 : number_of(entries[0][0].text());
    // What is in the history already may be what members have had under other ids.
    skip_to(channel, first - 1, position + 1);
  }
  if (purged > channel.purged) {
    // What is kept here lies before it, or comes again.
    if (channel.opened && !channel.filling) send_to_core(channel, Kind::reset, 0, channel.position, 0, {});
    channel.purged = purged;
  }
  RespValue next = entries.first();
  for (uint32_t left = entries.size(); left != 0; --left) {
    const RespValue entry = std::exchange(next, next.next());
    if (entry.size() != 2 || entry[1].size() < 4) return lost(commands_, "a stream has entries of others");
    const RespValue fields = entry[1];
    take(channel, number_of(entry[0].text()), number_of(fields[1].text()), fields[3].text());
  }
  if (channel.position < position) {
    if (entries.size() != 0) {  // there are more
      channel.stage = Stage::behind;
      to_sync_.push_front(channel.key);
      return;
    }
    skip_to(channel, position, position + 1);  // history does not have them
  }
  finish_sync(channel);
}

// The core's position jumps: what lies between is missing. Members are notified, if there can be any: what they get
// goes on with the id `oldest`.
void Bridge::skip_to(Channel& channel, uint64_t position, uint64_t oldest) {
  channel.position = position;
  if (channel.opened) hub::add(stats_.gaps);
  send_to_core(channel, Kind::reset, 0, position, channel.opened ? oldest : 0, {});
}

// The next message, from the history or from a push.
void Bridge::take(Channel& channel, uint64_t id, uint64_t time_us, std::string_view record) {
  if (id <= channel.position) return;
  if (id != channel.position + 1) skip_to(channel, id - 1, id);
  channel.position = id;
  floor_ = std::max(floor_, id);
  const bool kept = !channel.opened || (channel.filling && id <= channel.fill_to);
  send_to_core(channel, Kind::apply, kept ? flag::kKept : 0, id, time_us, record);
}

void Bridge::finish_sync(Channel& channel) {
  channel.filling = false;
  channel.fill_to = 0;
  channel.stage = Stage::current;
  if (!channel.opened) {
    channel.opened = true;
    send_to_core(channel, Kind::opened, flag::kReady, 0, 0, {});
  }
  std::vector<Push> parked = std::exchange(channel.parked, {});
  channel.parked_bytes = 0;
  for (const Push& push : parked) {
    PushHead head;
    head.base = push.base;
    head.id = push.id;
    head.time_us = push.time_us;
    arrived(channel, head, push.record);
  }
  if (std::exchange(channel.overran, false)) need_sync(channel);
}

void Bridge::arrived(Channel& channel, const PushHead& head, std::string_view record) {
  floor_ = std::max(floor_, head.id);
  if (channel.stage != Stage::current) return park(channel, head, record);
  if (head.base == channel.base) {
    if (head.id <= channel.position) return;
    if (head.id == channel.position + 1) return take(channel, head.id, head.time_us, record);
    hub::add(stats_.holes);
  }
  // A hole, a break, or a server that stands below what we know: the history says which.
  if (head.base >= channel.base) park(channel, head, record);
  need_sync(channel);
}

void Bridge::park(Channel& channel, const PushHead& head, std::string_view record) {
  if (channel.stage == Stage::wanted || channel.stage == Stage::subscribing) return;  // the history will have it
  if (channel.parked.size() == kParkedMax || channel.parked_bytes + record.size() > kParkedBytesMax) {
    channel.overran = true;  // what is not here is in the history
    return;
  }
  channel.parked_bytes += record.size();
  channel.parked.push_back({head.base, head.id, head.time_us, std::string(record)});
  hub::add(stats_.parked);
}

// Those who wait for a channel that cannot be opened now hear so.
void Bridge::give_up_opening() {
  while (!openings_.empty() && openings_.front().first <= now_ns()) {
    Channel* const channel = find(openings_.front().second);
    openings_.pop_front();
    if (channel == nullptr || channel->opened || channel->asked_ns + options_.wait.count() > now_ns()) continue;
    if (up()) {  // it is busy: they wait on
      openings_.emplace_back(now_ns() + options_.wait.count(), channel->key);
      continue;
    }
    send_to_core(*channel, Kind::opened, 0, 0, 0, {});
    close(channel->key);
  }
}

void Bridge::check_some() {
  if (!up()) return;
  for (size_t left = std::min(kChecksPerInterval, channels_.bucket_count()); left != 0; --left) {
    check_at_ = (check_at_ + 1) % channels_.bucket_count();
    for (auto at = channels_.begin(check_at_); at != channels_.end(check_at_); ++at) {
      Channel& channel = *at->second;
      if (channel.stage == Stage::current && channel.checked_ns + kCheckEvery < now_ns()) need_sync(channel);
    }
  }
}

// --- to the cores

void Bridge::send_to_core(const Channel& channel, Kind kind, uint8_t flags, uint64_t id, uint64_t time_us,
                          std::string_view record) {
  reactor::Mail mail;
  mail.kind = static_cast<uint8_t>(kind);
  mail.flags = flags;
  mail.id = id;
  mail.value = time_us;
  mail.extra = channel.opening;
  post_text(channel.core, mail, channel.key, record);
}

void Bridge::post_text(uint16_t core, reactor::Mail mail, std::string_view key, std::string_view text) {
  hub::RecordWriter(scratch_).text(key).text(text);
  post_text(core, mail, scratch_);
}

// --- Inquiries::Host

void Bridge::publish(std::string_view channel, std::string_view text, uint64_t question) {
  append_resp_command(commands_.out(), 3);
  append_resp_word(commands_.out(), std::string_view("PUBLISH"));
  append_resp_word(commands_.out(), channel);
  append_resp_word(commands_.out(), text);
  Expected expected;
  if (question != 0) expected.what = Expected::What::question;
  expected.number = question;
  expected_.push_back(std::move(expected));
}

void Bridge::post_text(uint16_t core, reactor::Mail mail, std::string_view text) {
  const Slice slice = payloads_.append(text);
  mail.block = slice.hold->block();
  mail.block->add_references(1);
  mail.offset = slice.offset;
  mail.length = slice.length;
  reactor_.post(core, mail);
}

// --- Revocations::Host

std::string& Bridge::begin_revocations(uint32_t words) {
  append_resp_command(commands_.out(), words);
  Expected expected;
  expected.what = Expected::What::revocations;
  expected_.push_back(std::move(expected));
  return commands_.out();
}

void Bridge::revoked(uint16_t core, uint64_t gather, bool stored) {
  hub::Answer answer{};
  answer.kind = hub::QueryKind::revoke;
  answer.found = stored;
  answer.unavailable = !stored;
  std::string text;
  hub::RecordWriter out(text);
  hub::write_answer(out, answer);
  post_text(core, hub::answer_mail(answer, gather), text);
}

// --- Members::Host

std::string& Bridge::begin_call(Script script, uint32_t arguments) {
  std::string& out = commands_.out();
  append_resp_command(out, 2 + arguments);
  append_resp_word(out, std::string_view("EVALSHA"));
  append_resp_word(out, commands_.digest(script));
  Expected expected;
  expected.what = Expected::What::members;
  expected_.push_back(std::move(expected));
  return out;
}

void Bridge::send_to_core(std::string_view key, const reactor::Mail& mail, std::string_view text) {
  const Channel* const channel = find(key);
  if (channel == nullptr || channel->closed) return;
  reactor::Mail sent = mail;
  sent.extra = channel->opening;
  post_text(channel->core, sent, key, text);
}

void Bridge::need_snapshot(std::string_view key) {
  if (Channel* const channel = find(key); channel != nullptr) need_sync(*channel);
}

// Redis keeps what a core cannot take yet, up to its own limit for subscribers; then it closes the connection, and what
// was missed is read from the history.
void Bridge::hold_back() {
  const bool held = reactor_.mail_waiting() > kMailsMax;
  if (held == held_back_) return;
  held_back_ = held;
  commands_.hold_back(held);
  events_.hold_back(held);
}

void Bridge::on_tick() {
  send_orders();
  subscribe_some();
  sync_some();
  members_.write_some();
  if (up()) revocations_.write_some();
  begin_probe();
  hold_back();
  commands_.flush();
  events_.flush();
  stats_.queued_bytes.store(queued_bytes_, std::memory_order_relaxed);
}

void Bridge::on_interval() {
  const int64_t passed = std::min(now_ns() - interval_ns_, kPauseMax);
  interval_ns_ = now_ns();
  for (Link* const link : {&commands_, &events_}) {
    link->pass(passed);
    if (link->too_slow()) lost(*link, "it does not answer");
    if (link->moved()) drop(*link, "another server is the master");
  }
  watch_probe(passed);
  connect_when_due();
  while (!orders_.empty() && orders_.front().until_ns <= now_ns()) {
    queued_bytes_ -= orders_.front().bytes();
    refuse(orders_.front().publisher, hub::PublishError::unavailable);
    orders_.pop_front();
  }
  give_up_opening();
  check_some();
  members_.on_interval(now_ns());
  inquiries_.on_interval(now_ns());
  revocations_.on_interval(wall_ms(), now_ns(), up());
}

}  // namespace ringcast::cluster
