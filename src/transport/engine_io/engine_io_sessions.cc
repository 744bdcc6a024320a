// SPDX-License-Identifier: Apache-2.0
#include "transport/engine_io/engine_io_sessions.h"

#include <sys/random.h>

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "codec/native/names.h"
#include "codec/websocket/websocket_frame.h"

namespace ringcast::session {

using codec::EngineIoPacket;
using codec::EngineIoPayloadReader;
using codec::EngineIoType;
using codec::WebSocketOpcode;
using reactor::CloseCause;
using MailKind = EngineIoMail::Kind;

namespace {

constexpr uint32_t kSessionsPerChunk = 256;
// Sessions of which many began at once have their heartbeats at once.
constexpr uint32_t kDuePerTick = 1024;
constexpr std::string_view kProbe = "probe";

void append_text_frame(std::string& out, EngineIoType type, std::string_view data) {
  thread_local std::string packet;
  packet.clear();
  codec::append_engine_io_text(packet, type, data);
  codec::append_frame(out, {.opcode = WebSocketOpcode::text}, packet);
}

}  // namespace

EngineIoSessions::EngineIoSessions(Clients& clients, Admission& admission, EngineIoListener& listener)
    : clients_(clients),
      admission_(admission),
      listener_(listener),
      sessions_(std::max<uint32_t>(1, clients.options().socketio.sessions_max / std::max<uint16_t>(1, clients.cores())),
                kSessionsPerChunk) {}

EngineIoSession* EngineIoSessions::create() {
  const SocketIoOptions& options = clients_.options().socketio;
  if (unconnected_ >= std::max<uint32_t>(1, options.unconnected_max / std::max<uint16_t>(1, clients_.cores()))) {
    clients_.stats().socketio_refused.add();
    return nullptr;
  }
  EngineIoSid sid{.core = clients_.core()};
  if (getrandom(sid.secret.data(), sid.secret.size(), 0) != static_cast<ssize_t>(sid.secret.size())) return nullptr;
  sid.index = sessions_.acquire();
  if (sid.index == kNoIndex) {
    clients_.stats().socketio_refused.add();
    return nullptr;
  }
  sid.generation = sessions_.generation(sid.index);
  EngineIoSession& session = sessions_[sid.index];
  session.sid = sid;
  ++unconnected_;
  clients_.stats().socketio_sessions.add();
  clients_.stats().socketio_sessions_ever.add();
  pings_.push_back(due_in(session, options.ping_interval));
  connects_.push_back(due_in(session, options.connect_timeout));
  return &session;
}

EngineIoSession* EngineIoSessions::find(uint32_t index, uint32_t generation) {
  EngineIoSession* const session = sessions_.get(index, generation);
  return session == nullptr || session->closed ? nullptr : session;
}

EngineIoSession* EngineIoSessions::find(const EngineIoSid& sid) {
  EngineIoSession* const session = find(sid.index, sid.generation);
  return session == nullptr || session->sid != sid ? nullptr : session;
}

std::string_view EngineIoSessions::opening(const EngineIoSession& session, bool over_websocket) {
  const SocketIoOptions& options = clients_.options().socketio;
  std::string sid;
  append_engine_io_sid(sid, session.sid);
  std::string json;
  codec::append_engine_io_opening(json, {.sid = sid,
                                         .websocket_upgrade = !over_websocket && options.websocket,
                                         .ping_interval_ms = static_cast<uint64_t>(options.ping_interval.count()),
                                         .ping_timeout_ms = static_cast<uint64_t>(options.ping_timeout.count()),
                                         .payload_max = options.payload_max});
  text_.clear();
  codec::append_engine_io_text(text_, EngineIoType::open, json);
  return text_;
}

void EngineIoSessions::begin_on(EngineIoSession& session, const hub::Address& socket) {
  session.socket = socket;
  session.socket_state = Socket::open;
}

void EngineIoSessions::note_connected(EngineIoSession& session) {
  if (session.connected) return;
  session.connected = true;
  --unconnected_;
}

// --- what connections bring ---

void EngineIoSessions::take(EngineIoMail& mail) {
  EngineIoSession* const session = find(mail.session);
  if (session == nullptr) {
    if (mail.kind == MailKind::frame) return close_socket(mail.connection, CloseCause::done);
    if (mail.kind == MailKind::gone) return;
    return refuse(mail.connection, EngineIoRefusal::session_unknown);
  }
  switch (mail.kind) {
    case MailKind::poll: return take_poll(*session, mail.connection);
    case MailKind::post: return take_post(*session, mail.connection, mail.bytes);
    case MailKind::attach: return attach(*session, mail.connection);
    case MailKind::frame:
      if (take_frame(mail.session, mail.connection, mail.binary, mail.bytes)) answer(mail.connection, MailKind::taken);
      return;
    case MailKind::gone: return take_gone(*session, mail.connection, mail.cause);
    default: RINGCAST_ASSERT(false);
  }
}

void EngineIoSessions::take_poll(EngineIoSession& session, const hub::Address& from) {
  if (session.socket_state == Socket::open) return refuse(from, EngineIoRefusal::bad_request);
  if (session.poll.valid()) {
    // Two at a time would tear the order of packets: the protocol ends the session.
    refuse(from, EngineIoRefusal::bad_request);
    return close(session, CloseCause::protocol_error);
  }
  session.poll = from;
  // While the upgrade is probed no poll is kept waiting.
  if (session.pending.empty() && session.socket_state == Socket::probed)
    return answer(session.poll, MailKind::answer, "6");
  flush(session);
}

void EngineIoSessions::take_post(EngineIoSession& session, const hub::Address& from, std::string_view payload) {
  if (session.socket_state == Socket::open) return refuse(from, EngineIoRefusal::bad_request);
  if (session.post.valid()) {
    refuse(from, EngineIoRefusal::bad_request);
    return close(session, CloseCause::protocol_error);
  }
  session.post = from;
  // As a WebSocket's texts are checked: parts of it go into others' texts.
  if (!codec::is_valid_utf8(payload)) return close(session, CloseCause::protocol_error);
  EngineIoPayloadReader reader(payload);
  EngineIoPacket packet;
  for (;;) {
    const auto status = reader.next(packet);
    if (status == EngineIoPayloadReader::Status::end) break;
    if (status == EngineIoPayloadReader::Status::bad) return close(session, CloseCause::protocol_error);
    if (!take_packet(session, packet)) return;
  }
  finish_input(session);
}

void EngineIoSessions::attach(EngineIoSession& session, const hub::Address& from) {
  if (session.socket_state != Socket::none || !clients_.options().socketio.websocket) {
    return refuse(from, EngineIoRefusal::bad_request);
  }
  session.socket = from;
  session.socket_state = Socket::attached;
  hub::Address to = from;
  answer(to, MailKind::attached);
}

void EngineIoSessions::take_gone(EngineIoSession& session, const hub::Address& from, CloseCause cause) {
  if (session.post == from) session.post = {};
  if (session.poll == from) {
    session.poll = {};
    return close(session, cause);
  }
  if (session.socket != from) return;
  const bool carried = session.socket_state == Socket::open;
  session.socket = {};
  session.socket_state = Socket::none;
  session.frame_waits = false;
  if (carried) close(session, cause);
}

bool EngineIoSessions::take_frame(const EngineIoSid& sid, const hub::Address& from, bool binary,
                                  std::string_view data) {
  EngineIoSession* const session = find(sid);
  if (session == nullptr || session->socket != from) {
    close_socket(from, CloseCause::done);
    return true;
  }
  if (session->socket_state != Socket::open) {
    probe(*session, from, binary, data);
    return true;
  }
  EngineIoPacket packet{.type = EngineIoType::message, .binary = true, .data = data};
  if (!binary && !codec::parse_engine_io_text(data, packet)) {
    close(*session, CloseCause::protocol_error);
    return true;
  }
  if (!take_packet(*session, packet)) return true;
  session->frame_waits = session->waiting;
  return !session->waiting;
}

// The client tries the WebSocket before it gives up polling.
void EngineIoSessions::probe(EngineIoSession& session, const hub::Address& from, bool binary, std::string_view data) {
  EngineIoPacket packet;
  const bool text = !binary && codec::parse_engine_io_text(data, packet);
  if (text && packet.type == EngineIoType::ping && packet.data == kProbe) {
    session.socket_state = Socket::probed;
    frame_.clear();
    append_text_frame(frame_, EngineIoType::pong, kProbe);
    send_frame(from, frame_);
    // The client has to be without a poll to go on.
    if (session.poll.valid()) answer(session.poll, MailKind::answer, "6");
    return;
  }
  if (text && packet.type == EngineIoType::upgrade && session.socket_state == Socket::probed) return upgrade(session);
  session.socket = {};
  session.socket_state = Socket::none;
  close_socket(from, CloseCause::protocol_error);
}

void EngineIoSessions::upgrade(EngineIoSession& session) {
  session.socket_state = Socket::open;
  clients_.stats().socketio_upgrades.add();
  if (session.poll.valid()) answer(session.poll, MailKind::answer, "6");
  if (session.pending.empty()) return;
  EngineIoPayloadReader reader(session.pending);
  EngineIoPacket packet;
  frame_.clear();
  while (reader.next(packet) == EngineIoPayloadReader::Status::packet) {
    if (packet.binary) {
      codec::append_frame(frame_, {.opcode = WebSocketOpcode::binary}, packet.data);
    } else {
      append_text_frame(frame_, packet.type, packet.data);
    }
  }
  const OwnedSlice frames = clients_.reactor().copy(frame_);
  send_frames(session.socket, *frames.operator->(), session.pending_packets);
  session.pending.clear();
  session.pending.shrink_to_fit();
  session.pending_packets = 0;
}

bool EngineIoSessions::take_packet(EngineIoSession& session, const EngineIoPacket& packet) {
  switch (packet.type) {
    case EngineIoType::message: give_message(session, packet.binary, packet.data); return !session.closed;
    case EngineIoType::pong:
      if (!session.awaiting_pong) return true;
      session.awaiting_pong = false;
      ++session.heartbeat;
      pings_.push_back(due_in(session, clients_.options().socketio.ping_interval));
      return true;
    case EngineIoType::close: close(session, CloseCause::peer_closed, Ended::by_peer); return false;
    case EngineIoType::noop:
    case EngineIoType::upgrade: return true;
    // The heartbeat is the server's.
    case EngineIoType::open:
    case EngineIoType::ping: break;
  }
  close(session, CloseCause::protocol_error);
  return false;
}

void EngineIoSessions::give_message(EngineIoSession& session, bool binary, std::string_view data) {
  clients_.stats().socketio_in.add();
  if (session.bare) {
    if (!binary) return send(session, data);
    return send(session, {}, {&data, 1});
  }
  if (session.waiting) {
    session.input.push_back({binary, std::string(data)});
    return;
  }
  if (listener_.on_message(session, binary, data) || session.closed) return;
  session.waiting = true;
  session.input.push_front({binary, std::string(data)});
}

void EngineIoSessions::resume(EngineIoSession& session) {
  if (!session.waiting || session.closed) return;
  session.waiting = false;
  while (!session.input.empty() && !session.closed) {
    const EngineIoSession::Input input = std::move(session.input.front());
    session.input.pop_front();
    if (listener_.on_message(session, input.binary, input.data)) continue;
    if (session.closed) return;
    session.waiting = true;
    session.input.push_front(input);
    return;
  }
  finish_input(session);
}

// All that came has been done: the connection that brought it may bring more.
void EngineIoSessions::finish_input(EngineIoSession& session) {
  if (session.closed || session.waiting) return;
  if (session.post.valid()) answer(session.post, MailKind::accepted);
  if (!session.frame_waits) return;
  session.frame_waits = false;
  hub::Address socket = session.socket;
  answer(socket, MailKind::taken);
}

// --- what is sent ---

void EngineIoSessions::send(EngineIoSession& session, std::string_view text,
                            std::span<const std::string_view> attachments) {
  if (session.closed) return;
  // A bare binary message has no text.
  const bool alone = text.data() == nullptr;
  const auto packets = static_cast<uint32_t>(attachments.size() + (alone ? 0 : 1));
  frame_.clear();
  if (session.socket_state == Socket::open) {
    if (!alone) append_text_frame(frame_, EngineIoType::message, text);
    for (const std::string_view bytes : attachments) {
      codec::append_frame(frame_, {.opcode = WebSocketOpcode::binary}, bytes);
    }
    const OwnedSlice frames = clients_.reactor().copy(frame_);
    return send_frames(session.socket, *frames.operator->(), packets);
  }
  if (!alone) codec::append_engine_io_text(frame_, EngineIoType::message, text);
  for (const std::string_view bytes : attachments) {
    if (!frame_.empty()) frame_ += codec::kEngineIoSeparator;
    codec::append_engine_io_binary(frame_, bytes);
  }
  queue(session, frame_, packets);
}

void EngineIoSessions::send_shared(EngineIoSession& session, const EngineIoShared& shared) {
  if (session.closed) return;
  if (session.socket_state == Socket::open) {
    send_frames(session.socket, *shared.frames.operator->(), shared.packets);
  } else {
    queue(session, shared.payload, shared.packets);
  }
}

void EngineIoSessions::send_packet(EngineIoSession& session, EngineIoType type, std::string_view data) {
  frame_.clear();
  if (session.socket_state == Socket::open) {
    append_text_frame(frame_, type, data);
    return send_frame(session.socket, frame_);
  }
  codec::append_engine_io_text(frame_, type, data);
  queue(session, frame_, 1);
}

// For the next poll. A client that does not fetch what waits for it is too slow, as one that does not read.
void EngineIoSessions::queue(EngineIoSession& session, std::string_view payload, uint32_t packets) {
  const SessionOptions& options = clients_.options();
  if (session.pending.size() + payload.size() > options.outbox_bytes_max ||
      session.pending_packets + packets > options.outbox_messages_max) {
    clients_.stats().slow_closed.add();
    return close(session, CloseCause::slow_consumer);
  }
  if (!session.pending.empty()) session.pending += codec::kEngineIoSeparator;
  session.pending += payload;
  session.pending_packets += packets;
  if (session.to_flush || !session.poll.valid()) return;
  session.to_flush = true;
  to_flush_.push_back({{}, session.sid.index, session.sid.generation, 0});
}

void EngineIoSessions::flush(EngineIoSession& session) {
  if (session.pending.empty() || !session.poll.valid()) return;
  session.pending_packets = 0;
  answer(session.poll, MailKind::answer, std::exchange(session.pending, {}));
}

void EngineIoSessions::send_frame(const hub::Address& to, std::string_view text) {
  const OwnedSlice frame = clients_.reactor().copy(text);
  send_frames(to, *frame.operator->(), 0);
}

void EngineIoSessions::send_frames(const hub::Address& to, const Slice& frames, uint32_t count) {
  if (to.core == clients_.core()) {
    Client* const client = clients_.find(to.connection);
    if (client == nullptr || client->phase == Phase::closing) return;
    clients_.reactor().send(clients_.connection(*client),
                            {.hold = frames.hold, .offset = frames.offset, .length = frames.length, .frames = count});
    return;
  }
  frames.hold->block()->add_references(1);
  reactor::Mail mail;
  mail.kind = kEngineIoFrames;
  mail.block = frames.hold->block();
  mail.offset = frames.offset;
  mail.length = frames.length;
  mail.connection = to.connection.slot;
  mail.generation = to.connection.generation;
  mail.value = count;
  clients_.reactor().post(to.core, mail);
}

// --- the end ---

void EngineIoSessions::close(EngineIoSession& session, CloseCause cause) {
  close(session, cause, Ended::here);
}

void EngineIoSessions::close(EngineIoSession& session, CloseCause cause, Ended ended) {
  if (session.closed) return;
  session.closed = true;
  // A poll says that it is over; where the client has said so it needs no answer but an end.
  if (session.poll.valid()) answer(session.poll, MailKind::answer, ended == Ended::here ? "1" : "6");
  if (session.post.valid()) {
    if (ended == Ended::by_peer) {
      answer(session.post, MailKind::accepted);
    } else {
      refuse(session.post, EngineIoRefusal::bad_request);
      session.post = {};
    }
  }
  if (session.socket.valid()) close_socket(session.socket, cause);
  if (!session.connected) --unconnected_;
  clients_.stats().socketio_sessions.subtract();
  admission_.release(id_of(session));
  listener_.on_closed(session, cause);
  closed_.push_back({{}, session.sid.index, session.sid.generation, 0});
}

void EngineIoSessions::answer(hub::Address& to, MailKind kind, std::string bytes) {
  auto mail = std::make_unique<EngineIoMail>();
  mail->kind = kind;
  mail->connection = to;
  mail->bytes = std::move(bytes);
  post_mail(std::exchange(to, {}), std::move(mail));
}

void EngineIoSessions::refuse(const hub::Address& to, EngineIoRefusal refusal) {
  auto mail = std::make_unique<EngineIoMail>();
  mail->kind = MailKind::refused;
  mail->refusal = refusal;
  mail->connection = to;
  post_mail(to, std::move(mail));
}

void EngineIoSessions::close_socket(const hub::Address& to, CloseCause cause) {
  auto mail = std::make_unique<EngineIoMail>();
  mail->kind = MailKind::close;
  mail->cause = cause;
  mail->connection = to;
  post_mail(to, std::move(mail));
}

void EngineIoSessions::post_mail(const hub::Address& to, std::unique_ptr<EngineIoMail> mail) {
  clients_.reactor().post(to.core, engine_io_mail(std::move(mail)));
}

// --- times ---

EngineIoSessions::Due EngineIoSessions::due_in(const EngineIoSession& session, milliseconds time) const {
  return {clients_.reactor().now() + time, session.sid.index, session.sid.generation, session.heartbeat};
}

template <class Fn>
void EngineIoSessions::take_due(std::deque<Due>& queue, Fn&& fn) {
  const std::chrono::nanoseconds now = clients_.reactor().now();
  for (; !queue.empty() && queue.front().at <= now; --due_budget_) {
    due_left_ = due_budget_ == 0;
    if (due_left_) return;
    const Due due = queue.front();
    queue.pop_front();
    if (EngineIoSession* const session = find(due.index, due.generation)) fn(*session, due);
  }
}

void EngineIoSessions::serve_due() {
  const SocketIoOptions& options = clients_.options().socketio;
  due_left_ = false;
  take_due(pings_, [&](EngineIoSession& session, const Due& due) {
    if (session.heartbeat != due.heartbeat) return;
    session.awaiting_pong = true;
    clients_.stats().heartbeats.add();
    pongs_.push_back(due_in(session, options.ping_timeout));
    send_packet(session, EngineIoType::ping);
  });
  take_due(pongs_, [&](EngineIoSession& session, const Due& due) {
    if (session.heartbeat != due.heartbeat || !session.awaiting_pong) return;
    // Its pong may lie behind what it has to wait with.
    if (session.waiting) {
      pongs_.push_back(due_in(session, options.ping_timeout));
      return;
    }
    clients_.stats().heartbeat_timeouts.add();
    close(session, CloseCause::heartbeat_timeout);
  });
  take_due(connects_, [&](EngineIoSession& session, const Due&) {
    if (!session.connected && !session.bare) close(session, CloseCause::request_timeout);
  });
}

bool EngineIoSessions::start_turn() {
  due_budget_ = kDuePerTick;
  return due_left_;
}

void EngineIoSessions::on_tick() {
  if (due_left_ && due_budget_ != 0) serve_due();
  for (size_t i = 0; i < to_flush_.size(); ++i) {
    EngineIoSession* const session = find(to_flush_[i].index, to_flush_[i].generation);
    if (session == nullptr) continue;
    session->to_flush = false;
    flush(*session);
  }
  to_flush_.clear();
  for (const Due& gone : closed_) sessions_.release(gone.index);
  closed_.clear();
}

}  // namespace ringcast::session
