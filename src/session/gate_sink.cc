// SPDX-License-Identifier: Apache-2.0
// Gate: what the hub tells, and the drain.

#include "session/foreign_requests.h"
#include "session/form.h"
#include "session/gate.h"
#include "session/http_session.h"
#include "session/poll_session.h"
#include "session/sse_session.h"
#include "session/websocket_session.h"

namespace ringcast::session {

using runtime::CloseCause;
using runtime::Connection;

void Gate::deliver(const hub::Delivery& delivery) {
  const WireForm wire = form_of(delivery.form).wire;
  if (is_multi_sse(wire)) return sse_->deliver(hub_->key_of(delivery.channel), delivery);
  if (wire == WireForm::poll) return poll_->deliver(hub_->key_of(delivery.channel), delivery);
  uint64_t frames = 0;
  for (const hub::RunPiece& piece : delivery.pieces) frames += piece.frames;
  for (const uint32_t slot : delivery.members) {
    Connection& member = reactor_.at(slot);
    if (member.closing) continue;
    for (const hub::RunPiece& piece : delivery.pieces) {
      reactor_.send(member, {piece.slice.hold, piece.slice.offset, piece.slice.length, piece.frames, delivery.channel,
                             piece.first_id});
    }
  }
  const Transport transport = is_websocket(wire) ? Transport::websocket : Transport::sse;
  stats_.out(transport).add(frames * delivery.members.size());
}

void Gate::joined(ConnectionId id, const hub::Joined& joined) {
  Client* client = find(id);
  if (client == nullptr) return;
  if (client->announced && joined.error == hub::JoinError::none) tell_joined(*client, joined.key, true, {});
  Connection& at = connection(*client);
  switch (client->kind) {
    case Kind::websocket: return websocket_->on_joined(*client, at, joined);
    case Kind::sse: return sse_->on_joined(*client, at, joined);
    case Kind::poll: return poll_->on_joined(*client, at, joined);
    default: return;
  }
}

void Gate::replay(ConnectionId id, std::string_view key, std::span<const Slice> canonical, uint64_t first_id,
                  uint32_t count, uint64_t gap_oldest, bool more) {
  Client* client = find(id);
  if (client == nullptr) return;
  Connection& at = connection(*client);
  stats_.replayed.add(count);
  switch (client->kind) {
    case Kind::websocket: return websocket_->on_replay(*client, at, key, canonical, first_id, count, gap_oldest, more);
    case Kind::sse: return sse_->on_replay(*client, at, key, canonical, first_id, count, gap_oldest, more);
    case Kind::poll: return poll_->on_replay(*client, at, key, canonical, first_id, count, gap_oldest, more);
    default: return;
  }
}

void Gate::left(ConnectionId id, std::string_view key, hub::LeftReason reason) {
  Client* client = find(id);
  if (client == nullptr) return;
  static constexpr std::string_view kReasons[] = {"left", "final", "kicked", "closed"};
  if (client->announced) tell_joined(*client, key, false, kReasons[static_cast<size_t>(reason)]);
  Connection& at = connection(*client);
  switch (client->kind) {
    case Kind::websocket: return websocket_->on_left(*client, at, key, reason);
    case Kind::sse: return sse_->on_left(*client, at, key, reason);
    case Kind::poll: return poll_->on_left(*client, at, key, reason);
    default: return;
  }
}

void Gate::published(ConnectionId id, const hub::Published& published) {
  if (ForeignRequests::is_foreign(id)) return foreign_->published(published);
  Client* client = find(id);
  if (client == nullptr) return;
  Connection& at = connection(*client);
  switch (client->kind) {
    case Kind::http: return http_->on_published(*client, at, published);
    case Kind::websocket: return websocket_->on_published(*client, at, published);
    default: return;
  }
}

void Gate::answered(ConnectionId id, const hub::Answer& answer) {
  if (ForeignRequests::is_foreign(id)) return foreign_->answered(answer);
  Client* client = find(id);
  if (client == nullptr) return;
  Connection& at = connection(*client);
  switch (client->kind) {
    case Kind::http: return http_->on_answer(*client, at, answer);
    case Kind::websocket: return websocket_->on_answer(*client, at, answer);
    case Kind::sse: return sse_->on_answer(answer);
    default: return;
  }
}

std::string_view Gate::user_of(uint32_t slot) const {
  return clients_[slot].user();
}

bool Gate::is_of_tenant(ConnectionId id, std::string_view tenant) {
  const Client* client = find(id);
  return client != nullptr && client->tenant() == tenant;
}

void Gate::kicked(ConnectionId id) {
  Client* client = find(id);
  if (client == nullptr) return;
  client->clean_leave = true;
  stats_.kicked.add();
  Connection& at = connection(*client);
  switch (client->kind) {
    case Kind::websocket: return websocket_->on_kicked(*client, at);
    case Kind::sse: return sse_->on_kicked(*client, at);
    case Kind::poll: return poll_->on_kicked(*client, at);
    default: return;
  }
}

bool Gate::send_canonical(ConnectionId id, std::string_view canonical) {
  Client* client = find(id);
  if (client == nullptr || client->phase != Phase::open) return false;
  Connection& at = connection(*client);
  switch (client->kind) {
    case Kind::websocket: return websocket_->send_canonical(*client, at, canonical);
    case Kind::sse: return sse_->send_canonical(*client, at, canonical);
    case Kind::poll: return poll_->send_canonical(*client, at, canonical);
    default: return false;
  }
}

void Gate::drain(DrainPhase phase) {
  if (phase <= drain_phase_) return;
  const DrainPhase before = drain_phase_;
  drain_phase_ = phase;
  if (before < DrainPhase::refusing && phase >= DrainPhase::refusing) {
    reactor_.backend().close_listeners(kAdminListener);
    hub_->set_draining(true);
  }
  if (before < DrainPhase::telling && phase >= DrainPhase::telling) telling_since_ = reactor_.now();
  if (before < DrainPhase::finishing && phase >= DrainPhase::finishing) {
    for (uint32_t slot = 0; slot < slots_end_; ++slot) finish(clients_[slot]);
  }
  if (phase == DrainPhase::admin) {
    reactor_.backend().close_listeners(io::kNoListener);
    for (uint32_t slot = 0; slot < slots_end_; ++slot) tell(clients_[slot]);
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
  const auto period = std::chrono::duration_cast<io::Nanoseconds>(options_->drain_period).count();
  const int64_t passed = (reactor_.now() - telling_since_).count();
  const uint32_t until = passed >= period ? slots_end_ : static_cast<uint32_t>(int64_t{slots_end_} * passed / period);
  for (; told_slots_ < until; ++told_slots_) tell(clients_[told_slots_]);
}

void Gate::tell(Client& client) {
  if (client.kind == Kind::none || client.told || !alive(client)) return;
  Connection& at = connection(client);
  if (!ending(at)) return;
  client.told = true;
  if (at.closing) return;
  switch (client.kind) {
    case Kind::http: return http_->drain(client, at);
    case Kind::websocket: return websocket_->drain(client, at);
    case Kind::sse: return sse_->drain(client, at);
    case Kind::poll: return poll_->drain(client, at);
    case Kind::none: return;
  }
}

}  // namespace ringcast::session
