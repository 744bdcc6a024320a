// SPDX-License-Identifier: Apache-2.0
// Gate: what the hub reports, and the drain.

#include "api/foreign_requests.h"
#include "client/announcer.h"
#include "client/connection_log.h"
#include "client/occupancy.h"
#include "compat/form.h"
#include "transport/engine_io/socket_io_transport.h"
#include "transport/gate.h"
#include "transport/http1/http_session.h"
#include "transport/transport.h"

namespace ringcast::session {

using reactor::CloseCause;
using reactor::Connection;

namespace {
Kind kind_of(WireForm wire) {
  if (is_websocket(wire)) return Kind::websocket;
  if (wire == WireForm::socket_io) return Kind::socket_io;
  return wire == WireForm::poll ? Kind::poll : Kind::sse;
}
}  // namespace

void Gate::deliver(const hub::Delivery& delivery) {
  const WireForm wire = form_of(delivery.form).wire;
  if (has_entries(wire)) return transport(kind_of(wire)).deliver(hub().key_of(delivery.channel), delivery);
  uint64_t frames = 0;
  for (const hub::RunPiece& piece : delivery.pieces) frames += piece.frames;
  for (const uint32_t slot : delivery.members) {
    Connection& member = reactor().at(slot);
    if (member.closing) continue;
    for (const hub::RunPiece& piece : delivery.pieces) {
      reactor().send(member, {piece.slice.hold, piece.slice.offset, piece.slice.length, piece.frames, delivery.channel,
                              piece.first_id});
    }
  }
  stats().out(transport(kind_of(wire)).kind()).add(frames * delivery.members.size());
}

void Gate::joined(ConnectionId id, const hub::Joined& joined) {
  Client* client = find(id);
  if (client == nullptr) return;
  if (joined.error == hub::JoinError::none) log_->joined(*client, joined.key, joined.members);
  if (client->announced && joined.error == hub::JoinError::none)
    announcer_->joined(*client, transport_of(*client)->kind(), joined.key);
  if (Transport* const transport = transport_of(*client)) transport->on_joined(*client, connection(*client), joined);
}

void Gate::replay(ConnectionId id, std::string_view key, std::span<const Slice> canonical, uint64_t first_id,
                  uint32_t count, uint64_t gap_oldest, bool more) {
  Client* client = find(id);
  if (client == nullptr) return;
  Connection& at = connection(*client);
  stats().replayed.add(count);
  Transport* const transport = transport_of(*client);
  if (transport == nullptr) return;
  transport->on_replay(*client, at, key, canonical, first_id, count, gap_oldest);
  // The next piece is asked for when this one has left, also when it belongs to another channel.
  if (more) return reactor().want_drained(at);
  let_go(*client);
}

void Gate::left(ConnectionId id, std::string_view key, hub::LeftReason reason) {
  Client* client = find(id);
  if (client == nullptr) return;
  // A final message has counted all members out.
  if (reason == hub::LeftReason::final) {
    log_->left(address_of(*client), key, client->user(), hub::text_of(reason), 0);
  }
  if (client->announced) announcer_->left(*client, transport_of(*client)->kind(), key, hub::text_of(reason));
  if (Transport* const transport = transport_of(*client)) transport->on_left(*client, connection(*client), key, reason);
  go_on_replaying(*client);
}

void Gate::counted_out(const hub::Address& who, std::string_view key, std::string_view user, hub::LeftReason reason,
                       uint32_t members) {
  log_->left(who, key, user, hub::text_of(reason), members);
}

void Gate::parted(uint32_t slot, uint32_t channel) {
  reactor().at(slot).outbox.forget_channel(channel);
}

void Gate::published(ConnectionId id, const hub::Published& published) {
  if (ForeignRequests::is_foreign(id)) return foreign_->published(published);
  Client* client = find(id);
  if (client == nullptr) return;
  if (Protocol* const protocol = protocol_of(*client)) protocol->on_published(*client, connection(*client), published);
}

void Gate::answered(ConnectionId id, const hub::Answer& answer) {
  if (ForeignRequests::is_foreign(id)) return foreign_->answered(answer);
  Client* client = find(id);
  if (client == nullptr) return;
  if (Protocol* const protocol = protocol_of(*client)) protocol->on_answer(*client, connection(*client), answer);
}

std::string_view Gate::user_of(uint32_t slot) const {
  return at(slot).user();
}

bool Gate::is_of_tenant(ConnectionId id, std::string_view tenant) {
  const Client* client = find(id);
  return client != nullptr && client->tenant() == tenant;
}

bool Gate::may_return(ConnectionId id, std::string_view tenant) {
  return socket_io_->returns().may_return(id, tenant);
}

void Gate::occupancy(std::string_view key, bool occupied) {
  occupancy_->changed(key, occupied);
}

void Gate::kicked(ConnectionId id) {
  Client* client = find(id);
  if (client == nullptr) return socket_io_->returns().kick(id);
  client->clean_leave = true;
  stats().kicked.add();
  if (Transport* const transport = transport_of(*client)) transport->on_kicked(*client, connection(*client));
}

bool Gate::send_canonical(ConnectionId id, std::string_view canonical) {
  Client* client = find(id);
  if (client == nullptr) return socket_io_->returns().send_canonical(id, canonical);
  // A Socket.IO client that was just cut off may come back, and gets it then.
  const bool may_return = client->kind == Kind::socket_io && client->phase == Phase::closing;
  if (client->phase != Phase::open && !may_return) return false;
  Transport* const transport = transport_of(*client);
  return transport != nullptr && transport->send_canonical(*client, connection(*client), canonical);
}

bool Gate::send_and_ask(ConnectionId id, std::string_view canonical, uint64_t milliseconds, const hub::Asker& asker) {
  Client* const client = find(id);
  if (client == nullptr || client->kind != Kind::socket_io || client->phase != Phase::open) return false;
  return socket_io_->send_and_ask(*client, canonical, std::chrono::milliseconds(milliseconds), asker);
}

void Gate::drain(DrainPhase phase) {
  if (phase <= drain_phase_) return;
  reactor().tick_again();  // this is between ticks, and mail may be sent
  const DrainPhase before = drain_phase_;
  drain_phase_ = phase;
  if (before < DrainPhase::refusing && phase >= DrainPhase::refusing) {
    reactor().backend().close_listeners(kAdminListener);
    hub().set_draining(true);
  }
  if (before < DrainPhase::notifying && phase >= DrainPhase::notifying) notifying_since_ = reactor().now();
  if (before < DrainPhase::finishing && phase >= DrainPhase::finishing) {
    for (uint32_t slot = 0; slot < slots_end(); ++slot) {
      if (holds(slot)) finish(at(slot));
    }
  }
  if (phase == DrainPhase::admin) {
    reactor().backend().close_listeners(io::kNoListener);
    for (uint32_t slot = 0; slot < slots_end(); ++slot) {
      if (holds(slot)) notify(at(slot));
    }
  }
}

void Gate::finish(Client& client) {
  if (client.kind == Kind::none || !alive(client)) return;
  Connection& at = connection(client);
  if (at.listener == kAdminListener) return;
  // Half of a request is no reason to say nothing.
  if (client.kind == Kind::http && !at.closing && client.extra != nullptr && !client.waiting && !client.stalled) {
    client.keep_alive = false;
    return http_->refuse(client, at, 503, "draining", "this server is about to stop");
  }
  close_now(client, CloseCause::shutdown);
}

// In order of slots, at a pace that has notified everybody when the period is over. Those who come later are notified
// by being refused, or at once after their answer.
void Gate::notify_some() {
  const auto period = std::chrono::duration_cast<io::Nanoseconds>(options().drain_period).count();
  const int64_t passed = (reactor().now() - notifying_since_).count();
  const uint32_t until = passed >= period ? slots_end() : static_cast<uint32_t>(int64_t{slots_end()} * passed / period);
  for (; notified_slots_ < until; ++notified_slots_) {
    if (holds(notified_slots_)) notify(at(notified_slots_));
  }
}

void Gate::notify(Client& client) {
  if (client.kind == Kind::none || client.notified || !alive(client)) return;
  Connection& at = connection(client);
  if (!ending(at)) return;
  client.notified = true;
  take_leave(client);
}

void Gate::take_leave_of_some() {
  let_go_.take_turns(reactor(), [this](ConnectionId id) {
    if (Client* const client = find(id); client != nullptr) take_leave(*client);
  });
}

void Gate::take_leave(Client& client) {
  Connection& at = connection(client);
  if (at.closing) return;
  client.keep_alive = false;
  // Where it goes next there may be nothing left to replay: one that has begun is finished.
  if (client.hub_open && hub().replaying(client.id)) return;
  protocol_of(client)->drain(client, at);
}

}  // namespace ringcast::session
