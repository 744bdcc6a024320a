// SPDX-License-Identifier: Apache-2.0
#include "transport/websocket/websocket_session.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "api/request_limits.h"
#include "client/admission.h"
#include "client/connection_log.h"
#include "client/meters.h"
#include "codec/native/event_json.h"
#include "codec/websocket/deflate.h"
#include "codec/websocket/websocket_frame.h"
#include "compat/canonical.h"
#include "transport/frame_length.h"
#include "transport/gate.h"
#include "transport/slow_consumer.h"
#include "transport/websocket/websocket_room.h"
#include "transport/websocket/websocket_states.h"

namespace ringcast::session {

using codec::WebSocketEvent;
using codec::WebSocketEventKind;
using codec::WebSocketOpcode;
using reactor::CloseCause;
using reactor::PauseReason;

namespace {

constexpr size_t kScratchKept = 1 << 20;
constexpr std::chrono::seconds kProbeInterval{1};

void shrink(std::string& scratch) {
  if (scratch.capacity() > kScratchKept) std::string().swap(scratch);
}

CloseCause closing_cause(Client& client) {
  return client.extra == nullptr ? CloseCause::done : client.extra_as<WebSocketClosing>().cause;
}

std::string_view as_text(std::span<const uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

WebSocketSession::WebSocketSession(Gate& gate)
    : gate_(gate), writer_(gate), publisher_(gate, writer_, *this), actions_(gate, writer_, publisher_, *this) {}

size_t WebSocketSession::on_bytes(Client& client, Connection& connection, std::span<uint8_t> bytes) {
  if (client.phase == Phase::opening) {
    // Most clients wait for the response anyway, so that reading is paused only for one that does not.
    gate_.reactor().pause_reading(connection, PauseReason::answer);
    return 0;
  }
  if (client.awaiting_pong) {
    client.awaiting_pong = false;
    arm_beat(client, connection);
  }
  if (client.close_received) return bytes.size();  // RFC 6455 section 5.5.1: nothing follows a close frame
  std::span<uint8_t> rest = bytes;
  for (;;) {
    const WebSocketEvent event = client.decoder.next(rest);
    switch (event.kind) {
      case WebSocketEventKind::need_more: ease(connection); return bytes.size();
      case WebSocketEventKind::text:
      case WebSocketEventKind::binary: {
        if (client.phase == Phase::closing) break;  // RFC 6455 section 1.4: discarded after our close
        const bool text = event.kind == WebSocketEventKind::text;
        if (client.metered) {
          const Passage passage = pass(client, connection, text, event.payload);
          if (passage == Passage::waiting) return bytes.size() - rest.size();
          if (passage == Passage::refused) break;
        }
        if (client.echo_endpoint) {
          take_echo(client, connection, text, bytes, event.payload);
        } else if (!take_message(client, connection, text, event.payload)) {
          return bytes.size() - rest.size();
        }
        break;
      }
      case WebSocketEventKind::ping:
        if (client.phase == Phase::open) {
          frame_.clear();
          codec::append_frame(frame_, {.opcode = WebSocketOpcode::pong}, as_text(event.payload));
          gate_.reactor().send_copy(connection, frame_);
        }
        break;
      case WebSocketEventKind::pong: break;
      case WebSocketEventKind::close: take_close(client, connection, event.code); return bytes.size();
      case WebSocketEventKind::error: fail(client, connection, event.code, event.text); return bytes.size();
    }
    if (!gate_.alive(client) || connection.closing) return bytes.size();
    ease(connection);
    if (connection.pauses != 0) return bytes.size() - rest.size();
  }
}

bool WebSocketSession::take_message(Client& client, Connection& connection, bool text, std::span<uint8_t> payload) {
  const DialectTable& dialect = table_of(form_of(client.form).dialect);
  // A dialect without binary frames is the same JSON in either kind.
  const bool binary = !text && (dialect.read == nullptr || dialect.shows_binary);
  if (binary) return publisher_.take_binary(client, connection, payload);
  gate_.stats().actions.add();
  return actions_.take(client, connection, as_text(payload));
}

void WebSocketSession::take_echo(Client& client, Connection& connection, bool text, std::span<uint8_t> received,
                                 std::span<uint8_t> payload) {
  gate_.stats().echoed.add();
  const codec::FrameHead head{.opcode = text ? WebSocketOpcode::text : WebSocketOpcode::binary};
  const SessionOptions& options = gate_.options();
  if (client.deflate && payload.size() >= options.deflate_from) {
    frame_.clear();
    deflated_.clear();
    codec::append_deflated(deflated_, as_text(payload));
    codec::append_frame(frame_, {.opcode = head.opcode, .compressed = true}, deflated_);
    gate_.reactor().send_copy(connection, frame_);
    shrink(frame_);
    shrink(deflated_);
    return;
  }
  const size_t header = codec::frame_header_size(payload.size());
  // The mask key that stood before the payload leaves room for our shorter header: one piece to copy.
  if (payload.data() >= received.data() + header &&
      payload.data() + payload.size() <= received.data() + received.size()) {
    uint8_t* begin = payload.data() - header;
    codec::write_frame_header(begin, head, payload.size());
    gate_.reactor().send_copy(connection, as_text({begin, header + payload.size()}));
    return;
  }
  uint8_t bytes[codec::kFrameHeaderMax];
  codec::write_frame_header(bytes, head, payload.size());
  gate_.reactor().send_copy(connection, as_text({bytes, header}), as_text(payload));
}

// A peer that does not read what it asked for is not read from either.
void WebSocketSession::ease(Connection& connection) {
  if (connection.outbox.bytes() <= gate_.reactor().output_of(connection).bytes_max / 2 || connection.closing) return;
  gate_.reactor().pause_reading(connection, PauseReason::slow_output);
  connection.want_drained = true;
}

void WebSocketSession::on_drained(Client& client, Connection& connection) {
  if ((connection.pauses & static_cast<uint8_t>(PauseReason::slow_output)) != 0) {
    gate_.reactor().resume_reading(connection, PauseReason::slow_output);
    gate_.read_on(client);
  }
  if (client.phase == Phase::open && client.hub_open && gate_.hub().replaying(client.id)) {
    gate_.hub().replay_next(client.id);
  }
}

void WebSocketSession::on_peer_gone(Client& client, Connection& connection) {
  const CloseCause cause = client.phase == Phase::closing ? closing_cause(client) : connection.close_cause;
  if (!Gate::can_answer(connection)) return gate_.close_now(client, cause);
  if (client.phase == Phase::opening) return;  // read_on() follows
  if (!owes_acks(client)) return gate_.close_gently(client, cause);
  gate_.reactor().arm_timer(connection, kProbeInterval);
}

bool WebSocketSession::owes_acks(const Client& client) const {
  return client.phase == Phase::open && publisher_.owes_acks(client);
}

// --- limits on what it sends ---

Passage WebSocketSession::pass(Client& client, Connection& connection, bool text, std::span<const uint8_t> payload) {
  Judgement judgement;
  const Passage passage = gate_.meters().take(client, payload.size(), judgement);
  const std::string_view bytes(reinterpret_cast<const char*>(payload.data()), payload.size());
  switch (passage) {
    case Passage::passed: break;
    case Passage::waiting:
      client.extra = std::make_unique<WebSocketRefused>(text, bytes);
      gate_.await(client);
      break;
    case Passage::refused: refuse_message(client, connection, text, bytes, judgement); break;
  }
  return passage;
}

void WebSocketSession::refuse_message(Client& client, Connection& connection, bool text, std::string_view message,
                                      const Judgement& judgement) {
  const access::RateLimits& limits = gate_.options().limits;
  gate_.stats().limited(judgement.scope, judgement.why).add();
  gate_.stats().error(ErrorCount::rate_limited).add();
  // Read for its ref alone, which may be in a message that is wrong otherwise.
  codec::Action action;
  if (text && !client.echo_endpoint) (void)actions_.read(client, message, action);
  const std::string_view whose = judgement.scope == access::Scope::user ? client.user() : std::string_view();
  const auto wait = std::chrono::ceil<milliseconds>(judgement.wait);
  const std::string why = limit_text(limits, judgement, whose);
  gate_.log().refused(client, 0, "rate_limited", why);
  codec::append_rate_limited_event(writer_.begin(), why, static_cast<uint64_t>(wait.count()), action.ref);
  writer_.send(connection);
  if (gate_.meters().strikes(client) < limits.strikes_max) return;
  close(client, connection, 4029, "too many messages after being asked to wait", reactor::CloseCause::rate_limited);
}

void WebSocketSession::on_allowance(Client& client, Connection& connection) {
  if (client.phase != Phase::open || client.extra == nullptr) return;
  const std::unique_ptr<Extra> held = std::move(client.extra);
  std::string& message = static_cast<WebSocketRefused&>(*held).payload;
  const bool text = static_cast<const WebSocketRefused&>(*held).text;
  const std::span<uint8_t> payload(reinterpret_cast<uint8_t*>(message.data()), message.size());
  gate_.proceed(client);
  if (pass(client, connection, text, payload) != Passage::passed) return;
  if (client.echo_endpoint) return take_echo(client, connection, text, payload, payload);
  take_message(client, connection, text, payload);
}

// --- heartbeat ---

void WebSocketSession::arm_beat(Client& client, Connection& connection) {
  reactor::Reactor& reactor = gate_.reactor();
  reactor.arm_timer(connection, until_beat(reactor.now(), gate_.heartbeat_interval(client), client.id.slot));
}

void WebSocketSession::on_timer(Client& client, Connection& connection) {
  switch (client.phase) {
    case Phase::opening: arm_beat(client, connection); return;
    case Phase::closing:
      if (gate_.reactor().still_reading(connection, gate_.options().close_timeout)) {
        gate_.reactor().arm_timer(connection, gate_.options().close_timeout);
        return;
      }
      // The peer did not answer our close frame.
      gate_.close_now(client, closing_cause(client), io::CloseMode::reset);
      return;
    case Phase::open: break;
  }
  if (client.close_received) return answer_close(client, connection);
  if (client.peer_done) return probe(connection);
  if (client.awaiting_pong) {
    // While we do not read, or bytes of ours are under way, its silence says nothing (TCP_USER_TIMEOUT sees to those).
    // The ping may lie in the kernel behind others that the peer is still reading.
    if (connection.pauses != 0 || !connection.outbox.empty() ||
        gate_.reactor().still_reading(connection, gate_.heartbeat_timeout(client))) {
      gate_.reactor().arm_timer(connection, gate_.heartbeat_timeout(client));
      return;
    }
    gate_.stats().heartbeat_timeouts.add();
    gate_.close_now(client, CloseCause::heartbeat_timeout);
    return;
  }
  // Heartbeats lie on a grid, so that they stay spread; a client that was heard in the last half of the interval is
  // alive.
  const auto silent = milliseconds((gate_.decisecond() - client.heard_decisecond) * 100);
  if (silent < gate_.heartbeat_interval(client) / 2 || connection.blocked) return arm_beat(client, connection);
  send_ping(connection);
  gate_.stats().heartbeats.add();
  client.awaiting_pong = true;
  gate_.reactor().arm_timer(connection, gate_.heartbeat_timeout(client));
}

// A peer that has ended its side and is owed acks may be half-closed or gone: that shows when something is sent,
// because the kernel of one that is gone answers with a reset, which the next send finds.
void WebSocketSession::probe(Connection& connection) {
  if (!connection.blocked) send_ping(connection);
  gate_.reactor().arm_timer(connection, kProbeInterval);
}

void WebSocketSession::send_ping(Connection& connection) {
  ping_.send(gate_.reactor(), connection,
             [](std::string& out) { codec::append_frame(out, {.opcode = WebSocketOpcode::ping}, {}); });
}

// --- what the hub reports ---

void WebSocketSession::on_joined(Client& client, Connection& connection, const hub::Joined& joined) {
  if (client.phase == Phase::closing) return;
  if (client.phase == Phase::opening) return note_opening(client, connection, joined);
  actions_.on_joined(client, connection, joined);
}

void WebSocketSession::on_published(Client& client, Connection& connection, const hub::Published& published) {
  publisher_.tell_published(client, connection, published);
  note_acked(client, connection);
}

void WebSocketSession::on_credit(Client& client, Connection& connection) {
  if (client.phase != Phase::open || client.extra == nullptr) return;
  const std::unique_ptr<Extra> held = std::move(client.extra);
  const auto& refused = static_cast<const WebSocketRefused&>(*held);
  if (refused.text) {
    actions_.take(client, connection, refused.payload);
  } else {
    publisher_.take_binary(client, connection,
                           {reinterpret_cast<const uint8_t*>(refused.payload.data()), refused.payload.size()});
  }
}

void WebSocketSession::on_replay(Client& client, Connection& connection, std::string_view key,
                                 std::span<const Slice> canonical, uint64_t first_id, uint32_t, uint64_t gap_oldest) {
  if (client.phase == Phase::closing) return;
  if (gap_oldest != 0) writer_.send_gap(connection, key, gap_oldest, false);
  const Form form = form_of(client.form);
  uint64_t id = first_id;
  for (const Slice& slice : canonical) {
    if (form.wire != WireForm::websocket_raw && form.dialect == Dialect::native) {
      gate_.reactor().send(connection, {.hold = slice.hold, .offset = slice.offset, .length = slice.length});
      continue;
    }
    std::string_view run = slice.view();
    frame_.clear();
    while (!run.empty()) {
      const uint32_t length = websocket_frame_length({reinterpret_cast<const uint8_t*>(run.data()), run.size()});
      const hub::Derived derived = form.dialect == Dialect::native
                                       ? gate_.encoder().derive(client.form, run.substr(0, length), id, frame_)
                                       : writer_.spelling().derive(form, run.substr(0, length), id, true, frame_);
      ++id;
      if (derived.kind == hub::Derived::Kind::part) frame_ += run.substr(derived.offset, derived.length);
      run.remove_prefix(length);
    }
    gate_.reactor().send_copy(connection, frame_);
  }
}

void WebSocketSession::on_left(Client& client, Connection& connection, std::string_view key, hub::LeftReason reason) {
  if (client.phase == Phase::closing) return;
  note_left(gate_.hub(), client);
  codec::append_left_event(writer_.begin(), hub::name_of(key), hub::text_of(reason), {});
  writer_.send(connection);
}

bool WebSocketSession::send_canonical(Client& client, Connection& connection, std::string_view canonical) {
  if (client.phase == Phase::closing) return false;
  frame_.clear();
  const hub::Derived derived = gate_.encoder().derive(client.form, canonical, 0, frame_);
  if (derived.kind == hub::Derived::Kind::nothing) return false;
  gate_.reactor().send_copy(connection, derived.kind == hub::Derived::Kind::part
                                            ? canonical.substr(derived.offset, derived.length)
                                            : std::string_view(frame_));
  return true;
}

void WebSocketSession::on_kicked(Client& client, Connection&) {
  kicked_.push(client.id);  // leaving the hub has to wait until it has returned
}

void WebSocketSession::on_tick() {
  kicked_.take_turns(gate_.reactor(), [this](ConnectionId id) {
    Client* client = gate_.find(id);
    if (client == nullptr || client->kind != Kind::websocket) return;
    close(*client, gate_.connection(*client), 4011, "closed by an administrator", CloseCause::kicked);
  });
}

// --- slow readers ---

void WebSocketSession::on_slow(Client& client, Connection& connection, CloseCause cause) {
  if (client.phase != Phase::open || client.echo_endpoint || connection.outbox.opening_unsent()) {
    if (client.phase != Phase::closing) gate_.log().slow(client, cause, connection.outbox.bytes());
    gate_.close_now(client, cause, io::CloseMode::reset);
    return;
  }
  const auto notice = [&](const Lagged& lagged, std::string& out) {
    codec::append_lagged_event(writer_.begin(), lagged.room, lagged.missed, lagged.from, lagged.to);
    writer_.append(connection, out);
  };
  if (cause == CloseCause::slow_consumer) {
    const uint64_t dropped = drop_messages(gate_, connection, codec::SseFraming::bare, notice);
    if (dropped != 0) return gate_.log().dropped(client, dropped);
  }
  gate_.stats().slow_closed.add();
  gate_.log().slow(client, cause, connection.outbox.bytes());
  connection.outbox.discard_unsent(gate_.reactor().output_of(connection).frame_length);
  close(client, connection, 4008, "too slow", cause);
}

// --- tokens ---

void WebSocketSession::tell_expiring(Client& client, Connection& connection, uint64_t left_ms) {
  if (gate_.route_of(client).dialect != Dialect::native) return;
  codec::append_token_expiring_event(writer_.begin(), left_ms);
  writer_.send(connection);
}

void WebSocketSession::end_token(Client& client, Connection& connection, TokenEnd how) {
  if (how == TokenEnd::expired) {
    close(client, connection, 4010, "the token has expired", CloseCause::token_expired);
  } else {
    gate_.stats().error(ErrorCount::unauthorized).add();
    close(client, connection, 4001, "Unauthorized", CloseCause::refused);
  }
}

// --- closing ---

void WebSocketSession::close(Client& client, Connection& connection, uint16_t code, std::string_view reason,
                             CloseCause cause) {
  if (client.phase == Phase::closing || connection.dead) return;
  if (client.phase == Phase::opening) {
    gate_.close_now(client, cause);  // there is no WebSocket yet on which a close frame could be sent
    return;
  }
  frame_.clear();
  codec::append_close_frame(frame_, code, reason);
  gate_.reactor().send_copy(connection, frame_);
  client.phase = Phase::closing;
  client.close_sent = true;
  client.extra = std::make_unique<WebSocketClosing>(cause);
  if (client.hub_open) gate_.close_at_hub(client, !client.clean_leave);
  if (client.close_received) return gate_.close_gently(client, cause);
  gate_.reactor().arm_timer(connection, gate_.options().close_timeout);
  // Its close frame must be read, whatever reading waited for.
  if (client.waiting) gate_.proceed(client);
  for (const PauseReason reason_paused : {PauseReason::answer, PauseReason::credit, PauseReason::slow_output}) {
    gate_.reactor().resume_reading(connection, reason_paused);
  }
  gate_.unstall(client);
  gate_.read_on(client);
}

void WebSocketSession::take_close(Client& client, Connection& connection, uint16_t code) {
  client.close_received = true;
  if (client.close_sent) return gate_.close_gently(client, closing_cause(client));
  client.extra = std::make_unique<WebSocketLeaving>(code);
  if (!owes_acks(client)) return answer_close(client, connection);
  // Acks that are owed go before the close frame, behind which nothing may follow.
  if (client.hub_open) gate_.close_at_hub(client, !client.clean_leave);
  gate_.reactor().arm_timer(connection, gate_.options().close_timeout);
}

void WebSocketSession::answer_close(Client& client, Connection& connection) {
  frame_.clear();
  codec::append_close_frame(frame_, client.extra_as<WebSocketLeaving>().code);
  client.extra.reset();
  gate_.reactor().send_copy(connection, frame_);
  client.close_sent = true;
  client.phase = Phase::closing;
  gate_.close_gently(client, CloseCause::peer_closed);
}

void WebSocketSession::note_acked(Client& client, Connection& connection) {
  if (owes_acks(client) || client.phase != Phase::open) return;
  if (client.close_received) return answer_close(client, connection);
  if (client.peer_done) gate_.read_on(client);
}

// RFC 6455 section 7.1.7: what follows a violation is not looked at, so neither is the answer to our close frame.
void WebSocketSession::fail(Client& client, Connection& connection, uint16_t code, std::string_view reason) {
  gate_.stats().error(ErrorCount::protocol).add();
  if (!client.close_sent) {
    frame_.clear();
    codec::append_close_frame(frame_, code, reason);
    gate_.reactor().send_copy(connection, frame_);
    client.close_sent = true;
  }
  client.phase = Phase::closing;
  gate_.close_gently(client, CloseCause::protocol_error);
}

void WebSocketSession::drain(Client& client, Connection& connection) {
  if (client.phase == Phase::opening) return;  // it is let in first
  if (client.phase == Phase::open && !client.echo_endpoint) {
    const SessionOptions& options = gate_.options();
    codec::append_reconnect_event(
        writer_.begin(),
        static_cast<uint64_t>(gate_.jittered(client, gate_.retry(client), options.retry_jitter_percent).count()));
    writer_.send(connection);
  }
  close(client, connection, 1001, "the server is going away", CloseCause::drained);
}

void WebSocketSession::say_leave(Client& client) {
  client.greeted = false;
  std::vector<std::string> keys;
  gate_.hub().append_joined(client.id, keys);
  for (const std::string& key : keys) {
    const std::string_view name = hub::name_of(key);
    if (!hub::is_inbox(name) && !hub::is_broadcast(name)) publisher_.announce(client, key, false);
  }
}

void WebSocketSession::on_closed(Client& client, CloseCause cause) {
  gate_.stats().closed_by(TransportKind::websocket, cause).add();
  gate_.ended(client, TransportKind::websocket);
  publisher_.forget(client);
}

}  // namespace ringcast::session
