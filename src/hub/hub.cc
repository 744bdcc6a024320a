// SPDX-License-Identifier: Apache-2.0
#include "hub/hub.h"

#include <deque>
#include <vector>

#include "hub/broker.h"
#include "hub/context.h"
#include "hub/credit.h"
#include "hub/local/local.h"
#include "hub/owner/owner.h"
#include "hub/questions.h"

namespace ringcast::hub {

namespace {
// Of one tick: who waited for a channel is served in turns, and others between.
constexpr uint32_t kOpenedPerTick = 256;
}  // namespace

struct Hub::State {
  Context context;
  Owner owner;
  Local local;
  Questions questions;
  Credit credit;
  bool refused = false;      // somebody waits for credit
  bool credit_came = false;  // and some has come since
  struct Opened {
    Mail mail;
    bool ready;
  };
  std::deque<Opened> opened;       // has waited for its channel, which is open now or cannot be
  std::vector<uint64_t> measured;  // publishes of this tick whose delivery is measured; a few per core
  State(const HubOptions& options, Post& post, Encoder& encoder, Sink& sink, HubStats& stats)
      : context{options, post, encoder, sink, stats, KeyedHash(HashKey{options.key[0], options.key[1]}), false, {}},
        owner(context),
        local(context),
        questions(context, owner.directory(), local),
        credit(options.cores, options.credit_publishes, options.credit_bytes) {}
  ~State() {
    for (const Opened& waits : opened) discard_mail(waits.mail);
  }
};

std::string channel_key(std::string_view tenant, std::string_view name) {
  std::string key;
  key.reserve(tenant.size() + 1 + name.size());
  key.append(tenant).push_back(kTenantEnd);
  key.append(name);
  return key;
}

Hub::Hub(const HubOptions& options, Post& post, Encoder& encoder, Sink& sink)
    : state_(std::make_unique<State>(options, post, encoder, sink, stats_)) {
  RINGCAST_ASSERT(options.policies != nullptr && options.clock != nullptr && options.core < options.cores);
}
Hub::~Hub() = default;

void Hub::open(ConnectionId connection, FormId form) {
  state_->local.open(connection, form);
}
void Hub::close(ConnectionId connection, bool grace) {
  state_->local.close(connection, grace);
}
bool Hub::is_open(ConnectionId connection) const {
  return state_->local.is_open(connection);
}
bool Hub::join(const Join& join) {
  return state_->local.join(join);
}
void Hub::replay_next(ConnectionId connection) {
  state_->local.replay_next(connection);
}
bool Hub::replaying(ConnectionId connection) const {
  return state_->local.replaying(connection);
}
bool Hub::leave(ConnectionId connection, std::string_view key, bool grace) {
  return state_->local.leave(connection, key, grace);
}
bool Hub::is_member(ConnectionId connection, std::string_view key) const {
  return state_->local.is_member(connection, key);
}
uint32_t Hub::channel_of(ConnectionId connection, std::string_view key) const {
  return state_->local.channel_of(connection, key);
}
bool Hub::is_in(ConnectionId connection, uint32_t channel) const {
  return state_->local.is_in(connection, channel);
}
uint32_t Hub::joined_count(ConnectionId connection) const {
  return state_->local.joined_count(connection);
}
void Hub::append_joined(ConnectionId connection, std::vector<std::string>& keys) const {
  state_->local.append_joined(connection, keys);
}
void Hub::set_status(ConnectionId connection, Status status) {
  state_->local.set_status(connection, status);
}
bool Hub::has_broker() const {
  return state_->context.options.broker != nullptr;
}

void Hub::query(const Query& query) {
  state_->questions.ask(query);
}
void Hub::reply(const Asker& asker, const Answer& answer) {
  send_answer(state_->context, asker.core, asker.gather, answer);
}
std::string_view Hub::key_of(uint32_t channel) const {
  return state_->local.key_of(channel);
}
bool Hub::is_channel(uint32_t channel) const {
  return state_->local.is_channel(channel);
}

const RoomPolicy& Hub::policy_of(uint32_t channel) const {
  return (*state_->context.options.policies)[state_->local.policy_of(channel)];
}
uint16_t Hub::owner_of(std::string_view key) const {
  return state_->context.owner_of(state_->context.hash(key));
}
bool Hub::has_credit(std::string_view key) const {
  return state_->credit.has(owner_of(key), 0);
}
bool Hub::credit_all_back() const {
  return state_->credit.all_back();
}
void Hub::check() const {
  state_->owner.check();
  state_->local.check();
}
void Hub::set_draining(bool draining) {
  state_->context.draining = draining;
}

PublishResult Hub::publish(const Publish& publish) {
  Context& context = state_->context;
  Mail mail = Context::mail(Kind::publish);
  mail.connection = publish.from.slot;
  mail.generation = publish.from.generation;
  mail.value = publish.correlation;
  mail.extra = static_cast<uint64_t>(context.options.clock->monotonic_ns());
  if (publish.acknowledge) mail.flags = flag::kAcknowledge;
  if (context.draining && !publish.always) {
    // Nothing is acknowledged that would die with the process unseen.
    mail.kind = static_cast<uint8_t>(Kind::published);
    mail.flags = static_cast<uint8_t>(PublishError::draining) << 1;
    context.post.send(context.options.core, mail);
    return PublishResult::accepted;
  }
  const uint16_t owner = owner_of(publish.key);
  RecordWriter record(context.scratch);
  record.number(publish.kind)
      .number(static_cast<uint8_t>(publish.ephemeral))
      .number(static_cast<uint8_t>(publish.local))
      .number(static_cast<uint8_t>(publish.final))
      .number(publish.exclude.core)
      .number(publish.exclude.connection.slot)
      .number(publish.exclude.connection.generation)
      .text(publish.key)
      .text(publish.user)
      .text(publish.connection)
      .text(publish.event)
      .text(publish.idempotency_key)
      .text(publish.payload);
  if (!publish.exclude_name.empty()) {
    mail.flags |= flag::kExcludeName;
    record.text(publish.exclude_name);
  }
  if (!state_->credit.has(owner, context.scratch.size())) {
    state_->refused = true;
    add(stats_.no_credit);
    return PublishResult::no_credit;
  }
  state_->credit.take(owner, context.scratch.size());
  context.attach_scratch(mail);
  context.post.send(owner, mail);
  return PublishResult::accepted;
}

Applied Hub::apply(const Ordered& ordered) {
  return state_->owner.apply(ordered);
}

void Hub::show(const MessageView& event) {
  state_->owner.show(event);
}

void Hub::reset(std::string_view key, uint64_t position, uint64_t gap_oldest) {
  state_->owner.reset(key, position, gap_oldest);
}

void Hub::carry_out(QueryKind kind, std::string_view key, std::string_view user) {
  state_->owner.directory().carry_out(kind, key, user);
}

void Hub::opened(std::string_view key, bool ready) {
  for (const Mail& mail : state_->owner.opened(key)) state_->opened.push_back({mail, ready});
}

void Hub::serve_opened() {
  State& state = *state_;
  for (uint32_t n = 0; n < kOpenedPerTick && !state.opened.empty(); ++n) {
    const auto [mail, ready] = state.opened.front();
    state.opened.pop_front();
    if (ready) {
      on_mail(mail);
    } else if (static_cast<Kind>(mail.kind) == Kind::ask) {
      state.questions.refuse(mail);
    } else {
      state.owner.refuse(mail);
    }
  }
  if (!state.opened.empty()) state.context.post.send(state.context.options.core, Context::mail(Kind::go_on));
}

void Hub::attend(std::string_view key, const Attendee& attendee) {
  state_->owner.attend(key, attendee);
}

void Hub::count(std::string_view key, const Counts& counts) {
  state_->owner.count(key, counts);
}

void Hub::state(std::string_view inbox, Status status) {
  state_->owner.state(inbox, status);
}

void Hub::settle(const Publisher& publisher, const Published& published) {
  send_published(state_->context, publisher, published);
}

void Hub::on_mail(const Mail& mail) {
  State& state = *state_;
  if (mail.kind >= kBrokerMail && mail.kind <= kBrokerMailLast) {
    RINGCAST_ASSERT(state.context.options.broker != nullptr);
    return state.context.options.broker->on_mail(*this, mail);
  }
  switch (static_cast<Kind>(mail.kind)) {
    case Kind::publish: return state.owner.on_publish(mail);
    case Kind::join: return state.owner.on_join(mail);
    case Kind::replay_next: return state.owner.on_replay_next(mail);
    case Kind::leave: return state.owner.on_leave(mail);
    case Kind::status: return state.owner.on_status(mail);
    case Kind::ask:
      if (state.owner.holds(mail)) return;
      return state.questions.on_ask(mail);
    case Kind::joined: return state.local.on_joined(mail);
    case Kind::replay: return state.local.on_replay(mail);
    case Kind::deliver: return state.local.on_deliver(mail);
    case Kind::measure: state.measured.push_back(mail.value); return;
    case Kind::evict: return state.local.on_evict(mail);
    case Kind::gap: return state.local.on_gap(mail);
    case Kind::user_status: return state.local.on_user_status(mail);
    case Kind::answer: return state.questions.on_answer(mail);
    case Kind::go_on: return;
    case Kind::credit:
      state.credit.give_back(mail.from, mail.value, mail.extra);
      state.credit_came = true;
      return;
    case Kind::published: {
      const ConnectionId connection{mail.connection, mail.generation};
      Published published;
      published.correlation = mail.value;
      published.error = static_cast<PublishError>(mail.flags >> 1);
      published.id = mail.id;
      published.receivers = static_cast<uint32_t>(mail.extra);
      published.duplicate = (mail.flags & 1) != 0;
      return state.context.sink.published(connection, published);
    }
  }
  RINGCAST_ASSERT(false);  // a kind that nobody sends
}

void Hub::on_tick() {
  State& state = *state_;
  if (!state.opened.empty()) serve_opened();
  state.local.tick();
  state.owner.tick();
  if (state.refused && state.credit_came) {
    state.refused = state.credit_came = false;
    state.context.sink.credit_available();
  }
}

bool Hub::measures() const {
  return !state_->measured.empty();
}

void Hub::on_flushed(int64_t now_ns) {
  State& state = *state_;
  const auto now = static_cast<uint64_t>(now_ns);
  for (const uint64_t since : state.measured) stats_.delivery_us.record((now - since) / 1000);
  state.measured.clear();
}

void Hub::go_on() {
  state_->questions.go_on();
}

void Hub::sweep() {
  state_->owner.sweep();
  state_->local.sweep();
}

}  // namespace ringcast::hub
