// SPDX-License-Identifier: Apache-2.0
#include "transport/sse/sse_session.h"

#include "client/connection_log.h"
#include "client/hub_errors.h"
#include "codec/native/cursor.h"
#include "codec/native/event_json.h"
#include "compat/canonical.h"
#include "transport/frame_length.h"
#include "transport/gate.h"
#include "transport/http1/http_session.h"
#include "transport/slow_consumer.h"
#include "transport/sse/sse_stream.h"

namespace ringcast::session {

using reactor::CloseCause;
using reactor::PauseReason;

namespace {

bool is_multi(const Client& client) {
  return is_multi_sse(form_of(client.form).wire);
}

}  // namespace

SseSession::SseSession(Gate& gate) : gate_(gate), online_lists_(gate) {}

codec::SseFraming SseSession::framing_of(const Client& client) {
  return client.bare() ? codec::SseFraming::bare : codec::SseFraming::chunked;
}

uint64_t SseSession::retry_ms(const Client& client) const {
  const SessionOptions& options = gate_.options();
  return static_cast<uint64_t>(gate_.jittered(client, gate_.retry(client), options.retry_jitter_percent).count());
}

// What a client sends behind the request of a stream is of no concern. Until there is one it waits: where nothing is to
// come (204) it is the next request.
size_t SseSession::on_bytes(Client& client, Connection& connection, std::span<uint8_t> bytes) {
  if (client.phase != Phase::opening) return bytes.size();
  gate_.reactor().pause_reading(connection, PauseReason::answer);
  return 0;
}

void SseSession::read_again(Client& client, Connection& connection) {
  gate_.reactor().resume_reading(connection, PauseReason::answer);
  if (client.has_buffered_input || client.peer_done) gate_.read_on(client);
}

// A peer that has ended its side may still be reading (a stream is the answer to a request like any other): it gets
// what there is to come by now, and the end.
void SseSession::on_peer_gone(Client& client, Connection& connection) {
  if (!Gate::can_answer(connection)) return gate_.close_now(client, connection.close_cause);
  if (client.phase == Phase::opening || gate_.hub().replaying(client.id)) return;  // read_on() follows
  finish(client, connection, CloseCause::peer_closed);
}

void SseSession::on_answer(Client&, Connection&, const hub::Answer& answer) {
  online_lists_.take(answer, [&](ConnectionId member, std::string_view list) {
    const Client* client = gate_.find(member);
    if (client == nullptr || client->kind != Kind::sse || client->phase != Phase::open) return;
    out_.clear();
    codec::append_sse_event(out_, framing_of(*client), std::string_view(), "online_list", list);
    gate_.reactor().send_copy(gate_.connection(*client), out_);
  });
}

void SseSession::on_closed(Client& client, CloseCause cause) {
  gate_.stats().closed_by(TransportKind::sse, cause).add();
  online_lists_.leave(client.id);
  gate_.ended(client, TransportKind::sse);
}

// --- messages ---

void SseSession::append_cursor(std::string& out, const Client& client, const SseStream& stream) {
  text_.clear();
  codec::append_cursor(text_, stream.hash, stream.positions);
  codec::append_sse_event_cursor(out, framing_of(client), text_);
}

void SseSession::append_message(std::string& out, Client& client, std::string_view canonical, uint64_t id,
                                uint32_t channel, bool replayed) {
  const Form form = form_of(client.form);
  const hub::Derived derived = form.dialect == Dialect::native ? gate_.encoder().derive(client.form, canonical, id, out)
                                                               : spelling_.derive(form, canonical, id, replayed, out);
  if (derived.kind == hub::Derived::Kind::nothing || !is_multi(client)) return;
  auto& stream = client.extra_as<SseStream>();
  if (id != 0 && channel != SseStream::kUnknown) stream.positions[channel] = id;
  append_cursor(out, client, stream);
}

void SseSession::keep_early(SseStream& stream, const Slice& canonical, uint64_t id, uint32_t channel, bool replayed) {
  canonical.hold->acquire();
  stream.early.push_back({canonical, id, channel, replayed});
  stream.early_bytes += canonical.length;
  // Replay comes piece by piece and joins are answered at once; so much can only mean that a core is stuck.
  if (stream.early_bytes > gate_.options().outbox_bytes_max * uint64_t{4}) {
    stream.failed = hub::JoinError::channels_full;
  }
}

void SseSession::deliver(std::string_view key, const hub::Delivery& delivery) {
  reactor::Reactor& reactor = gate_.reactor();
  const bool chat_room = form_of(delivery.form).dialect == Dialect::chat_room;
  uint64_t sent = 0;  // what the dialect shows
  for (const hub::RunEntry& entry : delivery.entries) {
    if (chat_room && entry.id == 0) {
      const std::string_view type = read_canonical(entry.canonical.view()).event;
      if (type == "member_joined" || type == "member_left") online_lists_.changed(key);
    }
    head_.clear();
    if (gate_.encoder().derive(delivery.form, entry.canonical.view(), entry.id, head_).kind ==
        hub::Derived::Kind::nothing) {
      continue;
    }
    const OwnedSlice shared = reactor.copy(head_);
    for (const uint32_t slot : delivery.members) {
      Client& client = gate_.at(slot);
      if (client.phase == Phase::closing) continue;
      ++sent;
      auto& stream = client.extra_as<SseStream>();
      const uint32_t channel = stream.find(delivery.channel, key);
      if (client.phase == Phase::opening) {
        keep_early(stream, entry.canonical, entry.id, channel, false);
        continue;
      }
      if (entry.id != 0 && channel != SseStream::kUnknown) stream.positions[channel] = entry.id;
      Connection& connection = reactor.at(slot);
      reactor.send(connection, {.hold = shared->hold,
                                .offset = shared->offset,
                                .length = shared->length,
                                .frames = 1,
                                .channel = delivery.channel,
                                .first_id = entry.id});
      out_.clear();
      append_cursor(out_, client, stream);
      reactor.send_copy(connection, out_);
    }
  }
  gate_.stats().out(TransportKind::sse).add(sent);
}

void SseSession::on_replay(Client& client, Connection& connection, std::string_view key,
                           std::span<const Slice> canonical, uint64_t first_id, uint32_t, uint64_t gap_oldest) {
  if (client.phase == Phase::closing) return;
  if (gap_oldest != 0) send_gap(client, connection, key, gap_oldest, false);
  SseStream* stream = client.extra == nullptr ? nullptr : &client.extra_as<SseStream>();
  const uint32_t channel = stream == nullptr ? SseStream::kUnknown : stream->find(key);
  const bool early = client.phase == Phase::opening && is_multi(client);
  uint64_t id = first_id;
  out_.clear();
  for (const Slice& slice : canonical) {
    for (uint32_t at = 0; at < slice.length; ++id) {
      const uint32_t length = websocket_frame_length({slice.data() + at, slice.length - at});
      const Slice message{slice.hold, slice.offset + at, length};
      if (early) {
        keep_early(*stream, message, id, channel, !client.resumes);
      } else {
        append_message(out_, client, message.view(), id, channel, !client.resumes);
      }
      at += length;
    }
  }
  gate_.reactor().send_copy(connection, out_);
  if (client.peer_done) gate_.read_on(client);  // the stream ends behind its last replay
}

void SseSession::on_drained(Client& client, Connection&) {
  if (client.phase == Phase::open && client.hub_open && gate_.hub().replaying(client.id)) {
    gate_.hub().replay_next(client.id);
  }
}

bool SseSession::send_canonical(Client& client, Connection& connection, std::string_view canonical) {
  out_.clear();
  append_message(out_, client, canonical, 0, SseStream::kUnknown, false);
  gate_.reactor().send_copy(connection, out_);
  return !out_.empty();
}

void SseSession::send_event(const Client& client, Connection& connection, std::string_view type,
                            std::string_view json) {
  out_.clear();
  if (append_event(out_, client, type, json)) gate_.reactor().send_copy(connection, out_);
}

bool SseSession::append_event(std::string& out, const Client& client, std::string_view type, std::string_view json) {
  return spelling_.append_sse(gate_.route_of(client).dialect, framing_of(client), type, json, out);
}

void SseSession::send_gap(const Client& client, Connection& connection, std::string_view key, uint64_t oldest,
                          bool reset, CursorFault fault) {
  gate_.stats().gaps.add();
  text_.clear();
  codec::append_gap_event(text_, hub::name_of(key), oldest, reset, gap_reason(fault));
  send_event(client, connection, "gap", text_);
}

// --- heartbeat ---

void SseSession::arm_beat(const Client& client, Connection& connection) {
  reactor::Reactor& reactor = gate_.reactor();
  reactor.arm_timer(connection, until_beat(reactor.now(), gate_.heartbeat_interval(client), client.id.slot));
}

void SseSession::on_timer(Client& client, Connection& connection) {
  arm_beat(client, connection);
  // Bytes are under way already; more would only fill the outbox.
  if (client.phase != Phase::open || connection.blocked) return;
  send_beat(client, connection);
  gate_.stats().heartbeats.add();
}

void SseSession::send_beat(const Client& client, Connection& connection) {
  const codec::SseFraming framing = framing_of(client);
  const Dialect dialect = gate_.route_of(client).dialect;
  const bool spelled = table_of(dialect).heartbeat != nullptr;
  const size_t kind = spelled || client.heartbeat_event ? 1 + static_cast<size_t>(dialect) : 0;
  beats_[client.bare() ? 1 : 0][kind].send(gate_.reactor(), connection, [&](std::string& out) {
    if (kind == 0) return codec::append_sse_comment(out, framing, "heartbeat");
    if (spelled) return append_heartbeat(out, client, HeartbeatEvent::Kind::periodic);
    text_.clear();
    codec::append_heartbeat(text_, "periodic", static_cast<int64_t>(gate_.reactor().wall_us()));
    codec::append_sse_event(out, framing, std::string_view(), "heartbeat", text_);
  });
  // The gateway's clients get one of their own at every third.
  const auto interval = std::chrono::duration_cast<io::Nanoseconds>(gate_.heartbeat_interval(client));
  if (dialect != Dialect::gateway || gate_.reactor().now() / interval % 3 != 0) return;
  out_.clear();
  append_heartbeat(out_, client, HeartbeatEvent::Kind::healthcheck);
  gate_.reactor().send_copy(connection, out_);
}

void SseSession::append_heartbeat(std::string& out, const Client& client, HeartbeatEvent::Kind kind) {
  std::string& name = gate_.second_scratch();
  name.clear();
  gate_.append_name(name, client);
  const HeartbeatEvent heartbeat{.kind = kind,
                                 .wall_us = gate_.reactor().wall_us(),
                                 .connection = name,
                                 .user = client.anonymous ? codec::kAnonymousUser : client.user()};
  if (const Spelled* spelled = spelling_.heartbeat(gate_.route_of(client).dialect, heartbeat)) {
    codec::append_sse_event(out, framing_of(client), std::string_view(), spelled->name, spelled->data);
  }
}

// --- ends ---

void SseSession::tell_expiring(Client& client, Connection& connection, uint64_t left_ms) {
  text_.clear();
  codec::append_token_expiring_event(text_, left_ms);
  send_event(client, connection, "token_expiring", text_);
}

void SseSession::end_token(Client& client, Connection& connection, TokenEnd how) {
  if (how == TokenEnd::expired) {
    end(client, connection, 4010, "token_expired", "the token has expired", CloseCause::token_expired);
  } else {
    gate_.stats().error(ErrorCount::unauthorized).add();
    end(client, connection, 4001, "unauthorized", "the token has been revoked", CloseCause::refused);
  }
}

void SseSession::on_left(Client& client, Connection& connection, std::string_view key, hub::LeftReason reason) {
  if (client.phase == Phase::closing) return;
  text_.clear();
  codec::append_left_event(text_, hub::name_of(key), hub::text_of(reason), {});
  if (client.phase == Phase::opening && is_multi(client)) {
    append_event(client.extra_as<SseStream>().early_left, client, "left", text_);
  } else {
    send_event(client, connection, "left", text_);
  }
  if (reason != hub::LeftReason::final) return;
  if (client.extra != nullptr) {
    auto& stream = client.extra_as<SseStream>();
    if (stream.rooms_left != 0) --stream.rooms_left;
    if (stream.rooms_left != 0 || client.phase == Phase::opening) return;
  }
  later_.push(client.id);
}

void SseSession::on_kicked(Client& client, Connection&) {
  later_.push(client.id);
}

void SseSession::on_tick() {
  later_.take_turns(gate_.reactor(), [this](ConnectionId id) {
    Client* client = gate_.find(id);
    if (client == nullptr || client->kind != Kind::sse || client->phase == Phase::closing) return;
    Connection& connection = gate_.connection(*client);
    if (client->clean_leave) {
      end(*client, connection, 4011, "kicked", "closed by an administrator", CloseCause::kicked);
    } else if (client->phase == Phase::open) {
      finish(*client, connection, CloseCause::done);  // all its rooms are final
    } else {
      go_back(*client, connection);
    }
  });
  online_lists_.ask();
}

// Nothing of a stream was sent yet: there is nothing to come, or it could not be opened.
void SseSession::go_back(Client& client, Connection& connection) {
  const hub::JoinError failed = client.extra_as<SseStream>().failed;
  gate_.close_at_hub(client, true);
  gate_.announce_end(client, CloseCause::done);
  connection.outbox.clear();
  connection.want_drained = false;
  connection.unlimited_output = true;
  gate_.reactor().reset_output(connection);
  gate_.reactor().cork(connection, false);
  gate_.ended(client, TransportKind::sse);
  gate_.http().take_back(client);
  client.phase = Phase::open;
  if (failed != hub::JoinError::none) {
    gate_.http().refuse(client, connection, 503, error_of(failed).code, error_of(failed).message);
  } else {
    gate_.http().respond(client, connection, {.status = 204});
  }
  read_again(client, connection);
}

void SseSession::finish(Client& client, Connection& connection, CloseCause cause) {
  out_.clear();
  codec::append_sse_end(out_, framing_of(client));
  gate_.reactor().send_copy(connection, out_);
  gate_.close_gently(client, cause);
}

void SseSession::end(Client& client, Connection& connection, uint16_t code, std::string_view name,
                     std::string_view message, CloseCause cause) {
  if (client.phase == Phase::closing) return;
  if (client.phase == Phase::opening) return gate_.close_now(client, cause);
  text_.clear();
  codec::append_error_event(text_, codec::ErrorEvent::problem, name, message, {});
  send_event(client, connection, "problem", text_);
  text_.clear();
  codec::append_close_event(text_, code, message);
  send_event(client, connection, "close", text_);
  finish(client, connection, cause);
}

void SseSession::drain(Client& client, Connection& connection) {
  if (client.phase == Phase::opening) {
    client.keep_alive = false;  // it may turn out that there is nothing to come
    return;
  }
  const uint64_t after_ms = retry_ms(client);
  out_.clear();
  codec::append_sse_retry(out_, framing_of(client), after_ms);
  text_.clear();
  codec::append_reconnect_event(text_, after_ms);
  append_event(out_, client, "reconnect", text_);
  gate_.reactor().send_copy(connection, out_);
  finish(client, connection, CloseCause::drained);
}

void SseSession::on_slow(Client& client, Connection& connection, CloseCause cause) {
  if (client.phase != Phase::open || connection.outbox.opening_unsent()) {
    if (client.phase != Phase::closing) gate_.log().slow(client, cause, connection.outbox.bytes());
    return gate_.close_now(client, cause, io::CloseMode::reset);
  }
  const auto notice = [&](const Lagged& lagged, std::string& out) {
    text_.clear();
    codec::append_lagged_event(text_, lagged.room, lagged.missed, lagged.from, lagged.to);
    append_event(out, client, "lagged", text_);
  };
  if (cause == CloseCause::slow_consumer) {
    const uint64_t dropped = drop_messages(gate_, connection, framing_of(client), notice);
    if (dropped != 0) return gate_.log().dropped(client, dropped);
  }
  gate_.stats().slow_closed.add();
  gate_.log().slow(client, cause, connection.outbox.bytes());
  // Of a stream over several channels an event may have begun that lacks its cursor and blank line. They are kept:
  // whatever comes next would be read as part of it.
  out_.clear();
  const reactor::FrameLength frame_length = gate_.reactor().output_of(connection).frame_length;
  if (is_multi(client)) append_event_end(out_, connection, frame_length, framing_of(client));
  connection.outbox.discard_unsent(frame_length);
  gate_.reactor().send_copy(connection, out_);
  end(client, connection, 4008, "slow_consumer", "too slow", cause);
}

}  // namespace ringcast::session
