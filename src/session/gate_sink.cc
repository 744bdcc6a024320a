// SPDX-License-Identifier: Apache-2.0
// Gate: what the hub tells, and the drain.

#include "session/announcer.h"
#include "session/connection_log.h"
#include "session/foreign_requests.h"
#include "session/form.h"
#include "session/gate.h"
#include "session/http_session.h"
#include "session/occupancy.h"
#include "session/transport.h"

namespace ringcast::session {

using runtime::CloseCause;
using runtime::Connection;

namespace {
Kind kind_of(WireForm wire) {
  if (is_websocket(wire)) return Kind::websocket;
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
  if (joined.error == hub::JoinError::none) log_->joined(*client, joined.key);
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
  log_->left(*client, key, hub::text_of(reason));
  if (client->announced) announcer_->left(*client, transport_of(*client)->kind(), key, hub::text_of(reason));
  if (Transport* const transport = transport_of(*client)) transport->on_left(*client, connection(*client), key, reason);
  go_on_replaying(*client);
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

void Gate::occupancy(std::string_view key, bool occupied) {
  occupancy_->changed(key, occupied);
}

void Gate::kicked(ConnectionId id) {
  Client* client = find(id);
  if (client == nullptr) return;
  client->clean_leave = true;
  stats().kicked.add();
  if (Transport* const transport = transport_of(*client)) transport->on_kicked(*client, connection(*client));
}

bool Gate::send_canonical(ConnectionId id, std::string_view canonical) {
  Client* client = find(id);
  if (client == nullptr || client->phase != Phase::open) return false;
  Transport* const transport = transport_of(*client);
  return transport != nullptr && transport->send_canonical(*client, connection(*client), canonical);
}

void Gate::drain(DrainPhase phase) {
  if (phase <= drain_phase_) return;
  const DrainPhase before = drain_phase_;
  drain_phase_ = phase;
  if (before < DrainPhase::refusing && phase >= DrainPhase::refusing) {
    reactor().backend().close_listeners(kAdminListener);
    hub().set_draining(true);
  }
  if (before < DrainPhase::telling && phase >= DrainPhase::telling) telling_since_ = reactor().now();
  if (before < DrainPhase::finishing && phase >= DrainPhase::finishing) {
    for (uint32_t slot = 0; slot < slots_end(); ++slot) finish(at(slot));
  }
  if (phase == DrainPhase::admin) {
    reactor().backend().close_listeners(io::kNoListener);
    for (uint32_t slot = 0; slot < slots_end(); ++slot) tell(at(slot));
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

// In order of slots, at a pace that has told everybody when the period is over. Those who come later are told by
// being refused, or at once after their answer.
void Gate::tell_some() {
  const auto period = std::chrono::duration_cast<io::Nanoseconds>(options().drain_period).count();
  const int64_t passed = (reactor().now() - telling_since_).count();
  const uint32_t until = passed >= period ? slots_end() : static_cast<uint32_t>(int64_t{slots_end()} * passed / period);
  for (; told_slots_ < until; ++told_slots_) tell(at(told_slots_));
}

void Gate::tell(Client& client) {
  if (client.kind == Kind::none || client.told || !alive(client)) return;
  Connection& at = connection(client);
  if (!ending(at)) return;
  client.told = true;
  take_leave(client);
}

void Gate::take_leave_of_some() {
  for (size_t i = 0; i < let_go_.size(); ++i) {
    if (Client* const client = find(let_go_[i]); client != nullptr) take_leave(*client);
  }
  let_go_.clear();
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
