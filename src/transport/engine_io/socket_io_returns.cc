// SPDX-License-Identifier: Apache-2.0
#include "transport/engine_io/socket_io_returns.h"

#include <sys/random.h>

#include <algorithm>
#include <utility>

#include "base/erase_at.h"
#include "transport/gate.h"

namespace ringcast::session {

using reactor::CloseCause;
using MailKind = EngineIoMail::Kind;

namespace {

constexpr uint32_t kLookUpsPerTick = 64;
constexpr uint32_t kForgottenPerInterval = 1024;
// A client may have been renamed while a question was on its way to where it was.
constexpr uint32_t kHopsMax = 8;
// Whoever comes back may be cut off again before that is done: it is kept so long at least.
constexpr uint32_t kLentDeciseconds = 100;

}  // namespace

// A client that is away.
struct SocketIoReturns::Away {
  EngineIoSid pid;
  uint8_t nsp = 0;
  bool anonymous = true;
  std::string tenant, user;
  std::string name;
  std::optional<SocketIoEvents::Farewell> farewell;
  std::vector<SocketIoReturn::Room> rooms;
  std::vector<SocketIoJournal::Room> places;  // of the same
  SocketIoJournal::Trace trace;
  std::vector<SocketIoEvent> events;  // that have come since
  uint64_t event_bytes = 0;
  uint64_t bytes = 0;  // in all
  uint64_t move = 0;   // client/name_aliases.h
  uint32_t lent_until = 0;
};

struct SocketIoReturns::Question final : Extra {
  EngineIoSid pid;
  std::string offset;
  uint8_t nsp = 0;
  bool anonymous = true;
  std::string tenant, user;
  uint32_t hops = 0;
};

struct SocketIoReturns::Late final : Extra {
  SocketIoEvent event;
};

struct SocketIoReturns::Renamed final : Extra {
  uint64_t move = 0;
  uint64_t count = 0;  // of the events that came with it
};

SocketIoReturns::SocketIoReturns(Gate& gate, EngineIoSessions& sessions, SocketIoEvents& events,
                                 SocketIoJournal& journal, SocketIoReturnListener& listener)
    : gate_(gate),
      sessions_(sessions),
      events_(events),
      journal_(journal),
      listener_(listener),
      on_(gate.options().socketio.recovery.count() != 0) {
  journal_.set_limit(memory_max());
}

SocketIoReturns::~SocketIoReturns() = default;

uint64_t SocketIoReturns::memory_max() const {
  return gate_.options().socketio.recovery_memory_max / std::max<uint16_t>(1, gate_.cores());
}

SocketIoReturns::Away* SocketIoReturns::find(ConnectionId id) const {
  const auto at = away_.find(key_of(id));
  return at == away_.end() ? nullptr : at->second.get();
}

Client* SocketIoReturns::find_live(const EngineIoSid& pid, ConnectionId id) {
  Client* const client = gate_.find(id);
  if (client == nullptr || client->kind != Kind::socket_io || client->phase != Phase::open) return nullptr;
  const auto& member = client->extra_as<SocketIoMember>();
  return member.recovery != nullptr && member.recovery->pid == pid ? client : nullptr;
}

// --- members ---

std::unique_ptr<SocketIoRecovery> SocketIoReturns::begin(const Client& client, const access::Identity& identity,
                                                         std::unique_ptr<SocketIoReturn> from) {
  auto recovery = std::make_unique<SocketIoRecovery>();
  if (from != nullptr) {
    recovery->pid = from->pid;
    recovery->move = from->move + 2;
    recovery->returning = std::make_unique<SocketIoReturning>();
    recovery->returning->from = std::move(from);
    recovery->returning->identity = identity;
  } else {
    recovery->pid = {.core = gate_.core(), .index = client.id.slot, .generation = client.id.generation};
    auto& secret = recovery->pid.secret;
    if (getrandom(secret.data(), secret.size(), 0) != static_cast<ssize_t>(secret.size())) return nullptr;
  }
  journal_.open(recovery->trace);
  return recovery;
}

void SocketIoReturns::keep(const Client& client, SocketIoMember& member) {
  SocketIoRecovery& recovery = *member.recovery;
  auto away = std::make_unique<Away>();
  away->pid = recovery.pid;
  away->nsp = member.nsp;
  away->anonymous = client.anonymous;
  away->tenant = client.tenant();
  away->user = client.user();
  away->name = member.name;
  away->farewell = events_.farewell_of(client, member);
  away->trace = recovery.trace;
  away->move = recovery.move;
  away->bytes = sizeof(Away) + away->tenant.size() + away->user.size() + away->name.size();
  std::vector<std::string> keys;
  gate_.hub().append_joined(client.id, keys);
  for (std::string& key : keys) {
    const bool granted = std::find(recovery.granted.begin(), recovery.granted.end(), key) != recovery.granted.end();
    away->places.push_back(journal_.cut(gate_.hub().channel_of(client.id, key)));
    away->bytes += sizeof(SocketIoReturn::Room) + sizeof(SocketIoJournal::Room) + key.size();
    away->rooms.push_back({.key = std::move(key), .granted = granted});
  }
  bytes_ += away->bytes;
  away_[key_of(client.id)] = std::move(away);
  due_.push_back({gate_.decisecond(), client.id});
  gate_.stats().socketio_away.add();
}

void SocketIoReturns::drop(ConnectionId id, bool farewell) {
  const auto at = away_.find(key_of(id));
  if (at == away_.end()) return;
  const std::unique_ptr<Away> away = std::move(at.value());
  erase_at(away_, at);
  bytes_ -= away->bytes;
  gate_.stats().socketio_away.subtract();
  events_.forget_name(away->tenant, away->nsp, id);
  if (!farewell) return;
  if (away->farewell && !gate_.draining()) events_.say(*std::move(away->farewell));
  const hub::Address here{gate_.core(), id};
  if (named(away->pid) != here) announce(away->pid, {}, away->move + 1, away->tenant, 0);
}

void SocketIoReturns::end(const Client& client, const SocketIoRecovery& recovery) {
  const hub::Address name = named(recovery.pid), here = gate_.address_of(client);
  if (name == here || gate_.aliases().now_of(name) != here) return;
  announce(recovery.pid, {}, recovery.move + 1, client.tenant(), 0);
}

void SocketIoReturns::settle(const Client& client, const SocketIoRecovery& recovery) {
  announce(recovery.pid, gate_.address_of(client), recovery.move, client.tenant(), recovery.returning->from->count);
  gate_.stats().socketio_recovered.add();
}

void SocketIoReturns::give_up(const SocketIoReturn& from) {
  auto mail = std::make_unique<EngineIoMail>();
  mail->kind = MailKind::forget;
  mail->session = from.pid;
  mail->connection = from.kept_at;
  gate_.reactor().post(from.kept_at.core, engine_io_mail(std::move(mail)));
}

// --- names ---

void SocketIoReturns::announce(const EngineIoSid& pid, const hub::Address& now, uint64_t move, std::string_view tenant,
                               uint64_t count) {
  for (uint16_t core = 0; core < gate_.cores(); ++core) {
    if (core == gate_.core()) continue;
    auto renamed = std::make_unique<Renamed>();
    renamed->move = move;
    renamed->count = count;
    auto mail = std::make_unique<EngineIoMail>();
    mail->kind = MailKind::renamed;
    mail->session = pid;
    mail->connection = now;
    mail->tenant = tenant;
    mail->state = std::move(renamed);
    gate_.reactor().post(core, engine_io_mail(std::move(mail)));
  }
  rename(pid, now, move, tenant, count);
}

void SocketIoReturns::rename(const EngineIoSid& pid, const hub::Address& now, uint64_t move, std::string_view tenant,
                             uint64_t count) {
  NameAliases& aliases = gate_.aliases();
  const hub::Address name = named(pid), before = aliases.now_of(name);
  if (!aliases.set(name, now, move, tenant, gate_.decisecond())) {
    // It has come back elsewhere at the same time.
    if (Client* const client = now.core == gate_.core() ? find_live(pid, now.connection) : nullptr) {
      listener_.on_replaced(*client);
    }
    return;
  }
  if (!now.valid() || before.core != gate_.core() || before == now) return;
  if (Client* const client = find_live(pid, before.connection)) listener_.on_replaced(*client);
  Away* const away = find(before.connection);
  if (away == nullptr || away->pid != pid) return;
  for (size_t i = count; i < away->events.size(); ++i) post_late(now, std::move(away->events[i]));
  drop(before.connection, false);
}

// --- questions ---

bool SocketIoReturns::ask(const EngineIoSession& session, uint8_t nsp, const access::Identity& identity,
                          std::string_view pid, std::string_view offset) {
  const auto parsed = parse_engine_io_sid(pid, gate_.cores());
  if (!parsed) return false;
  auto question = std::make_unique<Question>();
  question->pid = *parsed;
  question->offset = offset;
  question->nsp = nsp;
  question->anonymous = identity.anonymous();
  question->tenant = identity.tenant;
  question->user = identity.user;
  auto mail = std::make_unique<EngineIoMail>();
  mail->kind = MailKind::come_back;
  mail->session = session.sid;
  mail->state = std::move(question);
  gate_.reactor().post(gate_.aliases().now_of(named(*parsed)).core, engine_io_mail(std::move(mail)));
  return true;
}

bool SocketIoReturns::take(EngineIoMail& mail) {
  switch (mail.kind) {
    case MailKind::come_back: take_question(mail); return true;
    case MailKind::come_from: {
      std::unique_ptr<SocketIoReturn> from(static_cast<SocketIoReturn*>(mail.state.release()));
      listener_.on_answer(mail.session, std::move(from));
      return true;
    }
    case MailKind::renamed: {
      const auto& renamed = static_cast<const Renamed&>(*mail.state);
      rename(mail.session, mail.connection, renamed.move, mail.tenant, renamed.count);
      return true;
    }
    case MailKind::forget: {
      const Away* const away = find(mail.connection.connection);
      if (away != nullptr && away->pid == mail.session) drop(mail.connection.connection, true);
      return true;
    }
    case MailKind::late: take_late(mail); return true;
    default: return false;
  }
}

void SocketIoReturns::take_question(EngineIoMail& mail) {
  auto& question = static_cast<Question&>(*mail.state);
  const hub::Address now = gate_.aliases().now_of(named(question.pid));
  if (now.core != gate_.core() && question.hops < kHopsMax) {
    ++question.hops;
    return gate_.reactor().post(now.core, engine_io_mail(std::make_unique<EngineIoMail>(std::move(mail))));
  }
  // Its old connection is dead, and nobody has noticed yet.
  if (Client* const client = find_live(question.pid, now.connection)) {
    EngineIoSession* const session = sessions_.find(client->extra_as<SocketIoMember>().session);
    if (session != nullptr) sessions_.close(*session, CloseCause::done);
  }
  questions_.push_back(std::make_unique<EngineIoMail>(std::move(mail)));
}

void SocketIoReturns::answer(EngineIoMail& mail) {
  auto reply = std::make_unique<EngineIoMail>();
  reply->kind = MailKind::come_from;
  reply->session = mail.session;
  reply->state = look_up(static_cast<const Question&>(*mail.state));
  gate_.reactor().post(mail.session.core, engine_io_mail(std::move(reply)));
}

std::unique_ptr<SocketIoReturn> SocketIoReturns::look_up(const Question& question) {
  const SocketIoOptions& options = gate_.options().socketio;
  const hub::Address now = gate_.aliases().now_of(named(question.pid));
  Away* const away = now.core == gate_.core() ? find(now.connection) : nullptr;
  if (away == nullptr || away->pid != question.pid || away->nsp != question.nsp) return nullptr;
  if (away->tenant != question.tenant || away->anonymous != question.anonymous ||
      (!away->anonymous && away->user != question.user)) {
    return nullptr;
  }
  const auto missed =
      journal_.find_missed(away->trace, away->places, question.offset, options.recovery_messages_max + 1);
  uint64_t events = away->events.size();
  if (missed) events += missed->events.size();
  if (!missed || events > options.recovery_messages_max) {
    drop(now.connection, true);
    return nullptr;
  }
  auto from = std::make_unique<SocketIoReturn>();
  from->pid = away->pid;
  from->kept_at = now;
  from->name = away->name;
  from->rooms = away->rooms;
  for (size_t i = 0; i < from->rooms.size(); ++i) from->rooms[i].position = missed->positions[i];
  for (const SocketIoEvent* const event : missed->events) from->events.push_back(*event);
  from->events.insert(from->events.end(), away->events.begin(), away->events.end());
  from->count = away->events.size();
  from->move = away->move;
  away->lent_until = gate_.decisecond() + kLentDeciseconds;
  return from;
}

// --- what is sent meanwhile ---

bool SocketIoReturns::knows(ConnectionId id) const {
  return find(id) != nullptr || gate_.aliases().moved({gate_.core(), id});
}

bool SocketIoReturns::may_return(ConnectionId id, std::string_view tenant) const {
  if (!on_) return false;
  if (const Away* const away = find(id)) return away->tenant == tenant;
  const hub::Address here{gate_.core(), id};
  return gate_.aliases().moved(here) && gate_.aliases().is_of_tenant(here, tenant);
}

bool SocketIoReturns::add(Away& away, ConnectionId id, SocketIoEvent event) {
  const SocketIoOptions& options = gate_.options().socketio;
  const uint64_t bytes = event.bytes();
  if (away.events.size() >= options.recovery_messages_max || away.event_bytes + bytes > options.recovery_size_max) {
    drop(id, true);
    return false;
  }
  away.event_bytes += bytes;
  away.bytes += bytes;
  bytes_ += bytes;
  away.events.push_back(std::move(event));
  return true;
}

bool SocketIoReturns::send_canonical(ConnectionId id, std::string_view canonical) {
  if (Away* const away = find(id)) {
    auto event = events_.event_of(away->tenant, away->nsp, canonical);
    return event && add(*away, id, *std::move(event));
  }
  const auto now = gate_.aliases().moved({gate_.core(), id});
  if (!now) return false;
  auto mail = std::make_unique<EngineIoMail>();
  mail->kind = MailKind::late;
  mail->connection = *now;
  mail->bytes = canonical;
  gate_.reactor().post(now->core, engine_io_mail(std::move(mail)));
  return true;
}

void SocketIoReturns::kick(ConnectionId id) {
  if (find(id) != nullptr) return drop(id, true);
  const auto now = gate_.aliases().moved({gate_.core(), id});
  if (!now) return;
  auto mail = std::make_unique<EngineIoMail>();
  mail->kind = MailKind::late;
  mail->connection = *now;
  mail->cause = CloseCause::kicked;
  gate_.reactor().post(now->core, engine_io_mail(std::move(mail)));
}

void SocketIoReturns::post_late(const hub::Address& to, SocketIoEvent event) {
  auto late = std::make_unique<Late>();
  late->event = std::move(event);
  auto mail = std::make_unique<EngineIoMail>();
  mail->kind = MailKind::late;
  mail->connection = to;
  mail->state = std::move(late);
  gate_.reactor().post(to.core, engine_io_mail(std::move(mail)));
}

void SocketIoReturns::take_late(EngineIoMail& mail) {
  const ConnectionId id = mail.connection.connection;
  if (mail.cause == CloseCause::kicked) return gate_.kicked(id);
  if (mail.state == nullptr) {
    gate_.send_canonical(id, mail.bytes);
    return;
  }
  SocketIoEvent event = std::move(static_cast<Late&>(*mail.state).event);
  Client* const client = gate_.find(id);
  if (client != nullptr && client->kind == Kind::socket_io) return listener_.on_late(*client, std::move(event));
  send_late(id, std::move(event));
}

bool SocketIoReturns::send_late(ConnectionId id, SocketIoEvent event) {
  if (Away* const away = find(id)) return add(*away, id, std::move(event));
  const auto now = gate_.aliases().moved({gate_.core(), id});
  if (now) post_late(*now, std::move(event));
  return now.has_value();
}

// --- time ---

bool SocketIoReturns::start_turn() {
  budget_ = kLookUpsPerTick;
  return !questions_.empty();
}

void SocketIoReturns::on_tick() {
  for (; budget_ != 0 && !questions_.empty(); --budget_) {
    const std::unique_ptr<EngineIoMail> mail = std::move(questions_.front());
    questions_.pop_front();
    answer(*mail);
  }
}

void SocketIoReturns::on_interval() {
  if (!on_) return;
  gate_.aliases().trim(gate_.decisecond());
  const SocketIoOptions& options = gate_.options().socketio;
  const auto deciseconds = [](milliseconds time) { return static_cast<uint32_t>(time.count() / 100); };
  const uint32_t now = gate_.decisecond();
  const uint32_t time = deciseconds(options.recovery);
  const uint64_t away_max = memory_max() / 2;
  for (uint32_t n = 0; n < kForgottenPerInterval && !due_.empty(); ++n) {
    const Due due = due_.front();
    if (due.decisecond + time > now && bytes_ <= away_max) break;
    due_.pop_front();
    const Away* const away = find(due.id);
    if (away != nullptr && away->lent_until > now && bytes_ <= away_max) {
      due_.push_back({now, due.id});
    } else {
      drop(due.id, true);
    }
  }
  journal_.set_time(now);
  journal_.set_limit(memory_max() - std::min(bytes_, away_max));
  // An offset may be as old as a connection that nobody has noticed to be dead, and the time after that.
  const uint32_t kept = time + deciseconds(options.ping_interval) + deciseconds(options.ping_timeout);
  journal_.trim(now - std::min(now, kept));
  journal_.sweep([this](uint32_t channel) { return gate_.hub().is_channel(channel); });
}

}  // namespace ringcast::session
