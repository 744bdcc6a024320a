// SPDX-License-Identifier: Apache-2.0
#include "session/gate.h"

#include <algorithm>
#include <cstdio>
#include <ctime>

#include "base/erase_at.h"
#include "session/admission.h"
#include "session/announcer.h"
#include "session/client_address.h"
#include "session/connection_log.h"
#include "session/decisions.h"
#include "session/foreign_requests.h"
#include "session/form.h"
#include "session/guard.h"
#include "session/hooks.h"
#include "session/http_session.h"
#include "session/meters.h"
#include "session/occupancy.h"
#include "session/poll_session.h"
#include "session/sse_session.h"
#include "session/websocket_session.h"

namespace ringcast::session {

using runtime::CloseCause;
using runtime::Connection;
using runtime::PauseReason;

namespace {

// Turns of sessions and hub within one tick: each needs something that the one before it has caused.
constexpr int kTurnsMax = 64;
// Of input that connections had waiting, in a tick: what many have pipelined takes long, and others wait meanwhile.
constexpr size_t kReadPerTick = 64 << 10;
// Larger ones are not kept for the next use.
constexpr size_t kSharedScratchKept = 1 << 20;

}  // namespace

Gate::Gate(runtime::Reactor& reactor, hub::Encoder& encoder, const SessionOptions& options, Shared& shared)
    : reactor_(reactor),
      encoder_(encoder),
      options_(&options),
      shared_(shared),
      names_(shared.name_key),
      admission_(std::make_unique<Admission>(*this, shared.name_key, static_cast<uint16_t>(shared.cores.size()))),
      meters_(std::make_unique<Meters>(*this, shared.name_key, static_cast<uint16_t>(shared.cores.size()))),
      addresses_(std::make_unique<ClientAddresses>(*this)),
      guard_(std::make_unique<Guard>(*this)),
      log_(std::make_unique<ConnectionLog>(*this)),
      foreign_(std::make_unique<ForeignRequests>(*this)),
      decisions_(std::make_unique<Decisions>(*this)),
      announcer_(std::make_unique<Announcer>(*this)),
      occupancy_(std::make_unique<Occupancy>(*this)),
      http_(std::make_unique<HttpSession>(*this)),
      stalled_(std::max<size_t>(shared.cores.size(), 1)),
      started_(reactor.now()) {
  auto websocket = std::make_unique<WebSocketSession>(*this);
  websocket_ = websocket.get();
  set_transport(Kind::websocket, std::move(websocket));
  auto sse = std::make_unique<SseSession>(*this);
  sse_ = sse.get();
  set_transport(Kind::sse, std::move(sse));
  set_transport(Kind::poll, std::make_unique<PollSession>(*this));
}

Gate::~Gate() = default;

void Gate::set_transport(Kind kind, std::unique_ptr<Transport> transport) {
  transports_[static_cast<size_t>(kind)] = std::move(transport);
}

Protocol* Gate::protocol_of(const Client& client) const {
  return client.kind == Kind::http ? static_cast<Protocol*>(http_.get()) : transport_of(client);
}

Client* Gate::find(ConnectionId id) {
  return reactor_.find(id) == nullptr ? nullptr : &clients_[id.slot];
}

void Gate::open_at_hub(Client& client, hub::FormId form) {
  RINGCAST_ASSERT(!client.hub_open);
  client.form = form;
  client.hub_open = true;
  const Transport* const transport = transport_of(client);
  if (shared_.hooks != nullptr && transport->kind() != TransportKind::poll) client.announced = true;
  hub_->open(client.id, form);
}

void Gate::close_at_hub(Client& client, bool grace) {
  if (!client.hub_open) return;
  client.hub_open = false;
  if (client.announced) announcer_->left_all(client);
  hub_->close(client.id, grace);
  connection(client)
      .outbox.forget_channels();  // it may stay open for a while, and numbers of channels mean others then
}

void Gate::stall(Client& client, std::string_view key) {
  if (client.stalled) return;
  client.stalled = true;
  stats_.stalls.add();
  reactor_.pause_reading(connection(client), PauseReason::credit);
  const uint16_t home = hub_->home_of(key);
  StalledLine& line = stalled_[home];
  stalled_places_[client.id.slot] = {home, line.insert(home == serving_home_ ? line.begin() : line.end(), client.id)};
}

bool Gate::leave(Client& client, std::string_view key) {
  if (!hub_->leave(client.id, key, false)) return false;
  log_->left(client, key, "left");
  if (client.announced) announcer_->left(client, key, "left");
  go_on_replaying(client);
  return true;
}

void Gate::go_on_replaying(const Client& client) {
  if (hub_->replaying(client.id)) return reactor_.want_drained(connection(client));
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
  reactor_.resume_reading(connection(client), PauseReason::answer);
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
  reactor_.close_after_flush(connection(client), cause, options_->close_timeout);
}

void Gate::close_now(Client& client, CloseCause cause, io::CloseMode mode) {
  close_at_hub(client, !client.clean_leave);
  client.phase = Phase::closing;
  reactor_.close(connection(client), cause, mode);
}

milliseconds Gate::jittered(const Client& client, milliseconds base, uint32_t percent) const {
  // Golden-ratio steps: connections that come one after another are told times far apart, and evenly spread.
  const uint32_t mixed = (client.id.slot + 1) * 0x9E3779B1u + client.id.generation * 0x85EBCA6Bu;
  const int64_t span = base.count() * percent / 100;
  return milliseconds(base.count() - span + static_cast<int64_t>(static_cast<uint64_t>(2 * span + 1) * mixed >> 32));
}

void Gate::limit_output(const Client& client, Connection& connection, runtime::FrameLength frame_length) {
  const RouteSettings& settings = route_of(client).settings;
  reactor_.set_output(connection,
                      {.frame_length = frame_length,
                       .bytes_max = either(settings.outbox_bytes_max, options_->outbox_bytes_max),
                       .messages_max = either(settings.outbox_messages_max, options_->outbox_messages_max)});
  connection.unlimited_output = false;
  if (settings.send_buffer_bytes != 0 || settings.write_timeout.count() != 0) {
    reactor_.backend().tune(connection.socket, {settings.send_buffer_bytes, settings.write_timeout});
  }
}

void Gate::opened(const Client& client, TransportKind transport) {
  stats_.opened_ever(transport).add();
  stats_.open_now(transport).add();
  connection(client).begun_decisecond = decisecond_;
  stats_.spoken[static_cast<size_t>(route_of(client).dialect)].add();
  log_->opened(client, transport);
}

void Gate::ended(Client& client, TransportKind transport) {
  stats_.open_now(transport).subtract();
  const uint32_t lasted = decisecond_ - connection(client).begun_decisecond;
  stats_.lasted[static_cast<size_t>(transport)].record(lasted);
  log_->ended(client, transport, lasted, connection(client).close_cause);
  stats_.spoken[static_cast<size_t>(route_of(client).dialect)].subtract();
  give_place(client);
}

bool Gate::take_place(Client& client) {
  const uint32_t max = route_of(client).settings.connections_max;
  if (max == 0) return true;
  client.by_route = shared_.by_route[client.route].fetch_add(1, std::memory_order_relaxed) < max;
  if (client.by_route) return true;
  shared_.by_route[client.route].fetch_sub(1, std::memory_order_relaxed);
  stats_.over_limit.add();
  return false;
}

void Gate::give_place(Client& client) {
  if (client.by_route) shared_.by_route[client.route].fetch_sub(1, std::memory_order_relaxed);
  client.by_route = false;
}

std::string_view Gate::http_date() {
  const uint64_t second = reactor_.wall_us() / 1'000'000;
  if (second == date_second_ && !date_.empty()) return date_;
  date_second_ = second;
  // Names are fixed by RFC 9110 section 5.6.7, whatever the locale.
  static constexpr char kDays[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr char kMonths[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto time = static_cast<time_t>(second);
  tm parts{};
  gmtime_r(&time, &parts);
  char text[64];
  const int length =
      std::snprintf(text, sizeof text, "%s, %02d %s %04d %02d:%02d:%02d GMT", kDays[parts.tm_wday], parts.tm_mday,
                    kMonths[parts.tm_mon], parts.tm_year + 1900, parts.tm_hour, parts.tm_min, parts.tm_sec);
  date_.assign(text, static_cast<size_t>(length));
  return date_;
}

void Gate::on_accepted(ConnectionId id, uint16_t listener) {
  clients_.need(id.slot);
  slots_end_ = std::max(slots_end_, id.slot + 1);
  Client& client = clients_[id.slot];
  client.id = id;
  stats_.http_connections.add();
  if (listener == kAdminListener) ++admin_connections_;
  if (is_proxy_listener(listener)) {
    // Anybody could claim any address there.
    if (!options_->trusted_proxies.contains(addresses_->peer(client))) {
      stats_.proxy_errors.add();
      return close_now(client, CloseCause::refused, io::CloseMode::reset);
    }
    addresses_->expect_header(client);
  }
  const uint32_t max = options_->connections_max;
  client.admitted = true;
  if (shared_.connections.fetch_add(1, std::memory_order_relaxed) >= max && max != 0) {
    shared_.connections.fetch_sub(1, std::memory_order_relaxed);
    client.admitted = false;
    client.over_limit = true;
    stats_.over_limit.add();
  } else if (!client.proxy_header && ask_for_address(client)) {
    client.kind = Kind::http;
    return;
  }
  begin(client);
}

// True: it has to wait for the answer. Whom a proxy speaks for is known with each request only.
bool Gate::ask_for_address(Client& client) {
  if (options_->limits.connections(auth::Scope::address) == 0 || client.over_limit) return false;
  const IpAddress address = addresses_->peer(client);
  if (!address.is_set() || address.is_loopback() || options_->trusted_proxies.contains(address)) return false;
  client.by_address = client.standing = true;
  const auth::Question question{.subject = admission_->subject_of(address), .counted = true};
  admission_->ask(client.id, {&question, 1}, true);
  return true;
}

void Gate::header_read(Client& client, Connection&) {
  if (ask_for_address(client)) await(client);
}

void Gate::judged(ConnectionId id, const Judgement& judgement) {
  Client* client = find(id);
  if (client == nullptr) return;
  Connection& at = connection(*client);
  if (!judgement.allowed) stats_.limited(judgement.scope, judgement.why).add();
  if (client->extra != nullptr) return http_->on_judged(*client, at, judgement);
  if (!judgement.allowed) {
    client->over_address = true;
    client->by_address = false;
    stats_.over_limit.add();
  }
  if (!at.receiving) return begin(*client);
  proceed(*client);
}

void Gate::begin(Client& client) {
  http_->begin(client, connection(client));
  reactor_.start_receive(connection(client));
}

void Gate::on_bytes(ConnectionId id, std::span<uint8_t> bytes) {
  Client& client = clients_[id.slot];
  client.heard_decisecond = decisecond_;
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
  if (client.waiting) reactor_.pause_reading(connection(client), PauseReason::answer);
}

size_t Gate::feed(Client& client, Connection& connection, std::span<uint8_t> bytes) {
  size_t used = 0;
  while (used < bytes.size()) {
    if (connection.dead || connection.closing) return bytes.size();
    if (connection.pauses != 0 || client.waiting) break;
    const std::span<uint8_t> rest = bytes.subspan(used);
    if (client.proxy_header) {
      used += addresses_->take_header(client, connection, rest);
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
      if (client.waiting) reactor_.pause_reading(at, PauseReason::answer);
    }
  }
  end_input(client);
  return used;
}

void Gate::on_peer_gone(ConnectionId id, io::CloseReason) {
  Client& client = clients_[id.slot];
  Connection& at = connection(client);
  if (at.outbox.empty() && (at.pauses & static_cast<uint8_t>(PauseReason::slow_output)) != 0) {
    // A send failed, be it before the end of the input was found or after, and took with it what reading waits for.
    reactor_.resume_reading(at, PauseReason::slow_output);
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
  if (protocol == nullptr) return reactor_.close(at, at.close_cause);
  const bool busy = client.has_buffered_input || client.waiting || at.pauses != 0;
  if (busy && !protocol->ends_with_peer()) return;  // read_on() follows
  protocol->on_peer_gone(client, at);
}

void Gate::on_drained(ConnectionId id) {
  Client& client = clients_[id.slot];
  Connection& at = connection(client);
  if (Protocol* const protocol = protocol_of(client)) protocol->on_drained(client, at);
  // The flush goes on with what this adds; on_tick of this tick is over.
  work_off();
  take_leave_of_some();
}

void Gate::on_slow(ConnectionId id, CloseCause cause) {
  Client& client = clients_[id.slot];
  if (Protocol* const protocol = protocol_of(client)) protocol->on_slow(client, connection(client), cause);
}

void Gate::on_timer(ConnectionId id) {
  Client& client = clients_[id.slot];
  if (Protocol* const protocol = protocol_of(client)) protocol->on_timer(client, connection(client));
}

void Gate::on_mail(const runtime::Mail& mail) {
  if (!admission_->on_mail(mail) && !foreign_->on_mail(mail) && !decisions_->on_mail(mail)) hub_->on_mail(mail);
}

void Gate::on_tick() {
  for (int turn = 0; turn < kTurnsMax; ++turn) {
    serve_stalled();
    work_off();
    http_->on_tick();
    hub_->on_tick();
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
  decisecond_ = static_cast<uint32_t>((reactor_.now() - started_) / std::chrono::milliseconds(100));
  hub_->sweep();
  if (decisecond_ % 10 == 0) http_->trim();
  if (shared_.cpu_ns != nullptr) stats_.cpu_ns.set(shared_.cpu_ns());
  admission_->sweep();
  guard_->on_interval();
  if (shared_.hooks != nullptr) {
    decisions_->on_interval();
    occupancy_->on_interval();
  }
  if (drain_phase_ == DrainPhase::telling) tell_some();
}

void Gate::serve_stalled() {
  if (!credit_came_) return;
  credit_came_ = false;
  foreign_->on_credit();
  websocket_->serve_held();
  for (size_t home = 0; home < stalled_.size(); ++home) {
    StalledLine& line = stalled_[home];
    serving_home_ = static_cast<int>(home);
    while (!line.empty()) {
      const ConnectionId id = line.front();
      Client* const client = find(id);
      unstall(clients_[id.slot]);
      if (client == nullptr) continue;  // about to be gone
      Connection& at = connection(*client);
      protocol_of(*client)->on_credit(*client, at);
      if (!client->stalled) {
        reactor_.resume_reading(at, PauseReason::credit);
        read_on(*client);
      } else if (!line.empty() && line.front() == id) {
        break;  // no more credit for this home
      }
    }
  }
  serving_home_ = -1;
}

void Gate::work_off() {
  const auto read = [this](Client& client) {
    client.ready = false;
    if (connection(client).pauses == 0) read_in_tick_ += read_buffered_input(client);
  };
  for (; !in_line_.empty() && read_in_tick_ < kReadPerTick; in_line_.pop_front()) {
    Client* const client = find(in_line_.front());
    if (client == nullptr) continue;
    reactor_.resume_reading(connection(*client), PauseReason::turn);
    read(*client);
  }
  // What is read may put others in line, or the same one again.
  for (size_t i = 0; i < ready_.size(); ++i) {
    Client* const client = find(ready_[i]);
    if (client == nullptr) continue;
    if (client->has_buffered_input && read_in_tick_ >= kReadPerTick) {
      reactor_.pause_reading(connection(*client), PauseReason::turn);  // what it has is to be read first
      in_line_.push_back(client->id);
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
  if (!ready_.empty() || !in_line_.empty() || answers_wait) reactor_.tick_again();
}

void Gate::unstall(Client& client) {
  if (!client.stalled) return;
  client.stalled = false;
  const auto place = stalled_places_.find(client.id.slot);
  stalled_[place->second.home].erase(place->second.at);
  erase_at(stalled_places_, place);
}

void Gate::on_closed(ConnectionId id, CloseCause cause) {
  Client& client = clients_[id.slot];
  if (Protocol* const protocol = protocol_of(client)) protocol->on_closed(client, cause);
  close_at_hub(client, !client.clean_leave);
  if (client.announced) announcer_->disconnected(client, to_string(cause));
  if (connection(client).listener == kAdminListener) --admin_connections_;
  if (client.standing) admission_->release(id);
  if (client.metered) meters_->close(client);
  addresses_->forget(client);
  if (client.admitted) shared_.connections.fetch_sub(1, std::memory_order_relaxed);
  unstall(client);
  if (client.has_buffered_input) take_buffered_input(client);
  client = Client();
}

}  // namespace ringcast::session
