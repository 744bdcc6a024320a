// SPDX-License-Identifier: Apache-2.0
#include "transport/gate.h"

#include <algorithm>

#include "api/foreign_requests.h"
#include "base/erase_at.h"
#include "client/admission.h"
#include "client/announcer.h"
#include "client/client_address.h"
#include "client/connection_log.h"
#include "client/decisions.h"
#include "client/guard.h"
#include "client/hooks.h"
#include "client/meters.h"
#include "client/occupancy.h"
#include "compat/form.h"
#include "transport/engine_io/engine_io_transport.h"
#include "transport/engine_io/socket_io_transport.h"
#include "transport/http1/http_session.h"
#include "transport/http2/http2_transport.h"
#include "transport/long_poll/poll_session.h"
#include "transport/sse/sse_session.h"
#include "transport/websocket/websocket_session.h"

namespace ringcast::session {

using reactor::CloseCause;
using reactor::Connection;
using reactor::PauseReason;

namespace {

// Turns of sessions and hub within one tick: each needs something that the one before it has caused.
constexpr int kTurnsMax = 64;
// Of input that connections had waiting, in a tick: what many have pipelined takes long, and others wait meanwhile.
constexpr size_t kReadPerTick = 64 << 10;
// Larger ones are not kept for the next use.
constexpr size_t kSharedScratchKept = 1 << 20;

}  // namespace

Gate::Gate(reactor::Reactor& reactor, hub::Encoder& encoder, const SessionOptions& options, Shared& shared)
    : Clients(reactor, options, shared),
      encoder_(encoder),
      admission_(std::make_unique<Admission>(*this, *this)),
      meters_(std::make_unique<Meters>(*this, *admission_, *this)),
      addresses_(std::make_unique<ClientAddresses>(*this)),
      guard_(std::make_unique<Guard>(*this, *this)),
      log_(std::make_unique<ConnectionLog>(*this, [this](const Client& client) { return http_->address_of(client); })),
      foreign_(std::make_unique<ForeignRequests>(*this, encoder)),
      decisions_(std::make_unique<Decisions>(*this, *this)),
      announcer_(std::make_unique<Announcer>(*this)),
      occupancy_(std::make_unique<Occupancy>(*this)),
      http_(std::make_unique<HttpSession>(*this)),
      http2_(options.http2.on ? std::make_unique<Http2Transport>(*this) : nullptr),
      stalled_(std::max<size_t>(shared.cores.size(), 1)) {
  auto websocket = std::make_unique<WebSocketSession>(*this);
  websocket_ = websocket.get();
  set_transport(Kind::websocket, std::move(websocket));
  auto sse = std::make_unique<SseSession>(*this);
  sse_ = sse.get();
  set_transport(Kind::sse, std::move(sse));
  set_transport(Kind::poll, std::make_unique<PollSession>(*this));
  auto socket_io = std::make_unique<SocketIoTransport>(*this);
  socket_io_ = socket_io.get();
  auto engine_io = std::make_unique<EngineIoTransport>(*this, socket_io->sessions());
  engine_io_ = engine_io.get();
  set_transport(Kind::engine_io, std::move(engine_io));
  set_transport(Kind::socket_io, std::move(socket_io));
}

Gate::~Gate() = default;

void Gate::set_transport(Kind kind, std::unique_ptr<Transport> transport) {
  transports_[static_cast<size_t>(kind)] = std::move(transport);
}

Protocol* Gate::protocol_of(const Client& client) const {
  if (client.kind == Kind::http) return http_.get();
  return client.kind == Kind::http2 ? static_cast<Protocol*>(http2_.get()) : transport_of(client);
}

void Gate::open_at_hub(Client& client, hub::FormId form) {
  RINGCAST_ASSERT(!client.hub_open);
  client.form = form;
  client.hub_open = true;
  const Transport* const transport = transport_of(client);
  if (shared().hooks != nullptr && transport->kind() != TransportKind::poll) client.announced = true;
  hub().open(client.id, form);
}

void Gate::close_at_hub(Client& client, bool grace) {
  if (!client.hub_open) return;
  client.hub_open = false;
  if (client.announced) announcer_->left_all(client, transport_of(client)->kind(), hub());
  const DialectTable& dialect = table_of(route_of(client).dialect);
  if (client.greeted) websocket_->say_leave(client);
  hub().close(client.id, grace && !dialect.leaves_at_once);
  connection(client)
      .outbox.forget_channels();  // it may stay open for a while, and numbers of channels mean others then
}

void Gate::announce_end(Client& client, CloseCause cause) {
  if (!client.announced) return;
  announcer_->disconnected(client, transport_of(client)->kind(), to_string(cause));
  client.announced = false;
}

void Gate::stall(Client& client, std::string_view key) {
  if (client.stalled) return;
  client.stalled = true;
  stats().stalls.add();
  reactor().pause_reading(connection(client), PauseReason::credit);
  const uint16_t owner = hub().owner_of(key);
  StalledLine& line = stalled_[owner];
  stalled_places_[client.id.slot] = {owner,
                                     line.insert(owner == serving_owner_ ? line.begin() : line.end(), client.id)};
}

bool Gate::leave(Client& client, std::string_view key) {
  if (!hub().leave(client.id, key, false)) return false;
  if (client.announced) announcer_->left(client, transport_of(client)->kind(), key, "left");
  go_on_replaying(client);
  return true;
}

void Gate::go_on_replaying(const Client& client) {
  if (hub().replaying(client.id)) return reactor().want_drained(connection(client));
  let_go(client);
}

uint32_t Gate::await(Client& client) {
  client.waiting = true;
  if (++last_correlation_ == 0) ++last_correlation_;  // 0 is nobody's
  client.correlation = last_correlation_;
  return client.correlation;
}

void Gate::proceed(Client& client) {
  client.waiting = false;
  reactor().resume_reading(connection(client), PauseReason::answer);
  read_on(client);
}

void Gate::read_on(Client& client) {
  if (client.ready) return;
  client.ready = true;
  ready_.push_back(client.id);
}

void Gate::close_gently(Client& client, CloseCause cause) {
  close_at_hub(client, !client.clean_leave);
  client.phase = Phase::closing;
  reactor().close_after_flush(connection(client), cause, options().close_timeout);
}

void Gate::close_now(Client& client, CloseCause cause, io::CloseMode mode) {
  close_at_hub(client, !client.clean_leave);
  client.phase = Phase::closing;
  reactor().close(connection(client), cause, mode);
}

void Gate::opened(const Client& client, TransportKind transport) {
  stats().opened_ever(transport).add();
  stats().open_now(transport).add();
  connection(client).begun_decisecond = decisecond();
  stats().spoken[static_cast<size_t>(route_of(client).dialect)].add();
  log_->opened(client, transport);
}

void Gate::ended(Client& client, TransportKind transport) {
  stats().open_now(transport).subtract();
  const uint32_t lasted = decisecond() - connection(client).begun_decisecond;
  stats().lasted[static_cast<size_t>(transport)].record(lasted);
  log_->ended(client, transport, lasted, connection(client).close_cause);
  stats().spoken[static_cast<size_t>(route_of(client).dialect)].subtract();
  give_place(client);
}

void Gate::on_accepted(ConnectionId id, uint16_t listener) {
  Client& client = add(id);
  stats().http_connections.add();
  if (listener == kAdminListener) ++admin_connections_;
  if (is_proxy_listener(listener)) {
    // Anybody could claim any address there.
    if (!options().trusted_proxies.contains(addresses_->peer(client))) {
      stats().proxy_errors.add();
      return close_now(client, CloseCause::refused, io::CloseMode::reset);
    }
    addresses_->expect_header(client);
  }
  client.admitted = take_place_of_all();
  if (!client.admitted) {
    client.over_limit = true;
    stats().over_limit.add();
  } else if (!client.proxy_header && ask_for_address(client)) {
    client.kind = Kind::http;
    return;
  }
  begin(client);
}

// True: it has to wait for the answer. Whom a proxy speaks for is known with each request only.
bool Gate::ask_for_address(Client& client) {
  if (options().limits.connections(access::Scope::address) == 0 || client.over_limit) return false;
  const IpAddress address = addresses_->peer(client);
  if (!address.is_set() || address.is_loopback() || options().trusted_proxies.contains(address)) return false;
  client.by_address = client.standing = true;
  const access::Question question{.subject = admission_->subject_of(address), .counted = true};
  admission_->ask(client.id, {&question, 1}, true);
  return true;
}

Client* Gate::open_carried(const Client& parent, const IpAddress& peer) {
  const ConnectionId id = reactor().open_carried(connection(parent).listener);
  if (id.slot == kNoIndex) return nullptr;
  Client& client = add(id);
  client.carried = true;
  client.over_limit = parent.over_limit;
  client.over_address = parent.over_address;
  client.by_address = parent.by_address;
  addresses_->set_peer(client, peer);
  begin(client);
  return &client;
}

size_t Gate::take_header(Client& client, std::span<const uint8_t> bytes) {
  const ClientAddresses::Taken taken = addresses_->take_header(client, bytes);
  if (taken.status == codec::ProxyHeaderStatus::error) {
    // The peer speaks another protocol: it would take an answer for something else.
    stats().proxy_errors.add();
    close_now(client, CloseCause::bad_request, io::CloseMode::reset);
    return bytes.size();
  }
  if (taken.status == codec::ProxyHeaderStatus::complete && ask_for_address(client)) await(client);
  return taken.bytes;
}

void Gate::judged(ConnectionId id, const Judgement& judgement) {
  if ((id.slot & kSessionSlots) != 0) return socket_io_->on_judged(id, judgement);
  Client* client = find(id);
  if (client == nullptr) return;
  Connection& at = connection(*client);
  if (!judgement.allowed) stats().limited(judgement.scope, judgement.why).add();
  if (client->extra != nullptr) return http_->on_judged(*client, at, judgement);
  if (!judgement.allowed) {
    client->over_address = true;
    client->by_address = false;
    stats().over_limit.add();
  }
  if (!at.receiving) return begin(*client);
  proceed(*client);
}

void Gate::leased(const access::LimitSubject& subject, const access::Lease& lease) {
  meters_->on_lease(subject, lease);
}

void Gate::on_allowance(Client& client) {
  if (client.kind == Kind::socket_io) return socket_io_->go_on(client);
  websocket_->on_allowance(client, connection(client));
}

void Gate::decided(Decisions::About about, ConnectionId id, uint64_t number, HookDecision decision) {
  if (about == Decisions::About::message_over_websocket) {
    return websocket_->on_decided(id, number, std::move(decision));
  }
  if (about == Decisions::About::message_over_socketio) {
    return socket_io_->on_decided(id, number, std::move(decision));
  }
  Client* const client = find(id);
  if (client == nullptr || client->kind != Kind::http) return;
  http_->on_decided(*client, connection(*client), number, std::move(decision));
}

void Gate::tell_expiring(Client& client, uint64_t left_ms) {
  transport_of(client)->tell_expiring(client, connection(client), left_ms);
}

void Gate::end_token(Client& client, TokenEnd how) {
  if (Transport* const transport = transport_of(client)) transport->end_token(client, connection(client), how);
}

void Gate::begin(Client& client) {
  http_->begin(client, connection(client));
  reactor().start_receive(connection(client));
}

void Gate::on_bytes(ConnectionId id, std::span<uint8_t> bytes) {
  Client& client = at(id.slot);
  client.heard_decisecond = decisecond();
  if (client.has_buffered_input) {
    buffered_inputs_[id.slot].append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return;
  }
  const size_t used = feed(client, connection(client), bytes);
  if (used == bytes.size()) return;
  const std::span<uint8_t> rest = bytes.subspan(used);
  buffer_input(client, std::string(reinterpret_cast<const char*>(rest.data()), rest.size()));
  // Only now: nearly every client waits for its answer, and ending a receive to begin it again costs more than the rest
  // of a short request.
  if (client.waiting) reactor().pause_reading(connection(client), PauseReason::answer);
}

size_t Gate::feed(Client& client, Connection& connection, std::span<uint8_t> bytes) {
  size_t used = 0;
  while (used < bytes.size()) {
    if (connection.dead || connection.closing) return bytes.size();
    if (connection.pauses != 0 || client.waiting) break;
    const std::span<uint8_t> rest = bytes.subspan(used);
    if (client.proxy_header) {
      used += take_header(client, rest);
      continue;
    }
    const Kind kind = client.kind;
    Protocol* const protocol = protocol_of(client);
    if (protocol == nullptr) return bytes.size();
    const size_t taken = protocol->on_bytes(client, connection, rest);
    used += taken;
    // Who takes nothing must have said so, or this would go on for ever.
    RINGCAST_ASSERT(taken != 0 || connection.pauses != 0 || client.kind != kind || connection.dead ||
                    connection.closing);
  }
  return used;
}

void Gate::buffer_input(Client& client, std::string bytes) {
  client.has_buffered_input = true;
  buffered_inputs_[client.id.slot] = std::move(bytes);
}

std::string Gate::take_buffered_input(Client& client) {
  client.has_buffered_input = false;
  const auto at = buffered_inputs_.find(client.id.slot);
  std::string bytes = std::move(at.value());
  erase_at(buffered_inputs_, at);
  return bytes;
}

size_t Gate::read_buffered_input(Client& client) {
  Connection& at = connection(client);
  size_t used = 0;
  if (client.has_buffered_input) {
    std::string held = take_buffered_input(client);
    used = feed(client, at, {reinterpret_cast<uint8_t*>(held.data()), held.size()});
    if (used != held.size()) {
      held.erase(0, used);
      buffer_input(client, std::move(held));
      if (client.waiting) reactor().pause_reading(at, PauseReason::answer);
    }
  }
  end_input(client);
  return used;
}

void Gate::on_peer_gone(ConnectionId id, io::CloseReason) {
  Client& client = at(id.slot);
  Connection& at = connection(client);
  if (at.outbox.empty() && (at.pauses & static_cast<uint8_t>(PauseReason::slow_output)) != 0) {
    // A send failed, be it before the end of the input was found or after, and took with it what reading waits for.
    reactor().resume_reading(at, PauseReason::slow_output);
  }
  // What arrived before counts all the same.
  read_on(client);
  if (!at.input_ended) return;
  client.peer_done = true;
  end_input(client);
}

// The end of the input does not overtake what waits here to be read, nor what is being done.
void Gate::end_input(Client& client) {
  Connection& at = connection(client);
  if (!client.peer_done || at.dead || at.closing) return;
  Protocol* const protocol = protocol_of(client);
  if (protocol == nullptr) return reactor().close(at, at.close_cause);
  const bool busy = client.has_buffered_input || client.waiting || at.pauses != 0;
  if (busy && !protocol->ends_with_peer()) return;  // read_on() follows
  protocol->on_peer_gone(client, at);
}

void Gate::on_drained(ConnectionId id) {
  Client& client = at(id.slot);
  Connection& at = connection(client);
  if (Protocol* const protocol = protocol_of(client)) protocol->on_drained(client, at);
  // The flush goes on with what this adds; on_tick of this tick is over.
  work_off();
  take_leave_of_some();
}

void Gate::on_slow(ConnectionId id, CloseCause cause) {
  Client& client = at(id.slot);
  if (Protocol* const protocol = protocol_of(client)) protocol->on_slow(client, connection(client), cause);
}

void Gate::on_timer(ConnectionId id) {
  Client& client = at(id.slot);
  if (Protocol* const protocol = protocol_of(client)) protocol->on_timer(client, connection(client));
}

void Gate::on_mail(const reactor::Mail& mail) {
  if (admission_->on_mail(mail) || foreign_->on_mail(mail) || decisions_->on_mail(mail)) return;
  if (!socket_io_->on_mail(mail, *engine_io_)) hub().on_mail(mail);
}

void Gate::on_tick() {
  for (int turn = 0; turn < kTurnsMax; ++turn) {
    serve_stalled();
    work_off();
    http_->on_tick();
    hub().on_tick();
    for (const std::unique_ptr<Transport>& transport : transports_) {
      if (transport != nullptr) transport->on_tick();
    }
    take_leave_of_some();
    if (ready_.empty() && !credit_came_ && http_->idle()) break;
  }
  if (scratch_.capacity() > kSharedScratchKept) std::string().swap(scratch_);
  if (second_scratch_.capacity() > kSharedScratchKept) std::string().swap(second_scratch_);
}

void Gate::on_interval() {
  note_time();
  hub().sweep();
  if (decisecond() % 10 == 0) http_->trim();
  if (shared().cpu_ns != nullptr) stats().cpu_ns.set(shared().cpu_ns());
  admission_->sweep();
  guard_->on_interval();
  socket_io_->on_interval();
  if (http2_ != nullptr) http2_->on_interval();
  if (shared().hooks != nullptr) {
    decisions_->on_interval();
    occupancy_->on_interval();
  }
  if (drain_phase_ == DrainPhase::notifying) notify_some();
}

void Gate::serve_stalled() {
  if (!credit_came_) return;
  credit_came_ = false;
  foreign_->on_credit();
  websocket_->serve_held();
  for (size_t owner = 0; owner < stalled_.size(); ++owner) {
    StalledLine& line = stalled_[owner];
    serving_owner_ = static_cast<int>(owner);
    while (!line.empty()) {
      const ConnectionId id = line.front();
      Client* const client = find(id);
      unstall(at(id.slot));
      if (client == nullptr) continue;  // about to be gone
      Connection& at = connection(*client);
      protocol_of(*client)->on_credit(*client, at);
      if (!client->stalled) {
        reactor().resume_reading(at, PauseReason::credit);
        read_on(*client);
      } else if (!line.empty() && line.front() == id) {
        break;  // no more credit for this owner
      }
    }
  }
  serving_owner_ = -1;
}

void Gate::work_off() {
  const auto read = [this](Client& client) {
    client.ready = false;
    if (connection(client).pauses == 0) read_in_tick_ += read_buffered_input(client);
  };
  for (; !turn_queue_.empty() && read_in_tick_ < kReadPerTick; turn_queue_.pop_front()) {
    Client* const client = find(turn_queue_.front());
    if (client == nullptr) continue;
    reactor().resume_reading(connection(*client), PauseReason::turn);
    read(*client);
  }
  // What is read may put others in line, or the same one again.
  for (size_t i = 0; i < ready_.size(); ++i) {
    Client* const client = find(ready_[i]);
    if (client == nullptr) continue;
    if (client->has_buffered_input && read_in_tick_ >= kReadPerTick) {
      reactor().pause_reading(connection(*client), PauseReason::turn);  // what it has is to be read first
      turn_queue_.push_back(client->id);
    } else {
      read(*client);
    }
  }
  ready_.clear();
}

// What had its turn in this tick may have one again in the next.
void Gate::start_turns() {
  read_in_tick_ = 0;
  const bool answers_wait = http_->start_turns();
  // A send that failed lets its client go on, too.
  const bool more_of_socket_io = socket_io_->start_turn();
  if (!ready_.empty() || !turn_queue_.empty() || answers_wait || more_of_socket_io) reactor().tick_again();
}

void Gate::unstall(Client& client) {
  if (!client.stalled) return;
  client.stalled = false;
  const auto place = stalled_places_.find(client.id.slot);
  stalled_[place->second.owner].erase(place->second.at);
  erase_at(stalled_places_, place);
}

void Gate::on_closed(ConnectionId id, CloseCause cause) {
  Client& client = at(id.slot);
  if (Protocol* const protocol = protocol_of(client)) protocol->on_closed(client, cause);
  close_at_hub(client, !client.clean_leave);
  announce_end(client, cause);
  if (connection(client).listener == kAdminListener && !client.carried) --admin_connections_;
  if (client.standing) admission_->release(id);
  if (client.metered) meters_->close(client);
  addresses_->forget(client);
  if (client.admitted) give_place_of_all();
  unstall(client);
  if (client.has_buffered_input) take_buffered_input(client);
  remove(client);
}

}  // namespace ringcast::session
