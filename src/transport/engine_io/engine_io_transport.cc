// SPDX-License-Identifier: Apache-2.0
#include "transport/engine_io/engine_io_transport.h"

#include <utility>

#include "api/request.h"
#include "client/admission.h"
#include "client/connection_log.h"
#include "codec/json/json_writer.h"
#include "codec/websocket/websocket_frame.h"
#include "codec/websocket/websocket_handshake.h"
#include "transport/engine_io/engine_io_sessions.h"
#include "transport/frame_length.h"
#include "transport/gate.h"
#include "transport/http1/http_session.h"

namespace ringcast::session {

using codec::HttpMethod;
using codec::WebSocketEvent;
using codec::WebSocketEventKind;
using codec::WebSocketOpcode;
using reactor::CloseCause;
using reactor::PauseReason;
using MailKind = EngineIoMail::Kind;

namespace {

constexpr std::string_view kText = "text/plain; charset=UTF-8";

std::string_view text_of_frame(std::span<const uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

// What a connection is while it is not HTTP's.
struct EngineIoTransport::Carrier final : Extra {
  enum class Role : uint8_t { poll, post, upgrading, websocket };
  Role role = Role::poll;
  EngineIoSid sid;
  std::string key;  // upgrading: Sec-WebSocket-Key
};

bool EngineIoTransport::goes_back(const Client& client) const {
  return static_cast<const Carrier&>(*client.extra).role != Carrier::Role::websocket;
}

// --- requests ---

void EngineIoTransport::open(Client& client, Connection& connection, const Request& request) {
  const SocketIoOptions& options = gate_.options().socketio;
  const codec::HttpRequest& http = request.http;
  const bool get = http.method == HttpMethod::get, post = http.method == HttpMethod::post;
  const std::string_view transport = request.query.get("transport").value_or("");
  const bool over_websocket = transport == "websocket";
  if (!(over_websocket && options.websocket) && !(transport == "polling" && options.polling)) {
    return refuse(client, connection, EngineIoRefusal::transport_unknown);
  }
  const std::string_view sid_text = request.query.get("sid").value_or("");
  if (sid_text.empty()) {
    if (!get) return refuse(client, connection, EngineIoRefusal::bad_handshake_method);
    if (request.query.get("EIO").value_or("") != "4") {
      return refuse(client, connection, EngineIoRefusal::unsupported_version);
    }
    return handshake(client, connection, request, over_websocket);
  }
  const auto sid = parse_engine_io_sid(sid_text, gate_.cores());
  if (!sid) return refuse(client, connection, EngineIoRefusal::session_unknown);
  if (!over_websocket) {
    if (get) return wait_for(client, *sid, MailKind::poll, {});
    if (!post) return refuse(client, connection, EngineIoRefusal::bad_handshake_method);
    if (http.body.size() > options.payload_max) {
      return gate_.http().refuse(client, connection, 413, "too_large", "the payload is larger than maxPayload");
    }
    return wait_for(client, *sid, MailKind::post, std::string(http.body));
  }
  codec::WebSocketUpgrade upgrade;
  codec::HttpError error;
  if (!codec::check_websocket_request(http, upgrade, error) || !connection.outbox.empty()) {
    return refuse(client, connection, EngineIoRefusal::bad_request);
  }
  wait_for(client, *sid, MailKind::attach, {});
  auto& carrier = client.extra_as<Carrier>();
  carrier.role = Carrier::Role::upgrading;
  carrier.key = upgrade.key;
}

void EngineIoTransport::handshake(Client& client, Connection& connection, const Request& request, bool over_websocket) {
  codec::WebSocketUpgrade upgrade;
  codec::HttpError error;
  if (over_websocket && (!codec::check_websocket_request(request.http, upgrade, error) || !connection.outbox.empty())) {
    return refuse(client, connection, EngineIoRefusal::bad_request);
  }
  EngineIoSession* const session = sessions_.create();
  if (session == nullptr) {
    return gate_.http().refuse(client, connection, 503, "full", "this server has as many sessions as it may have");
  }
  session->route = client.route;
  session->bare = request.route.endpoint == Endpoint::engine_io_echo;
  if (session->bare) sessions_.note_connected(*session);
  session->identity = request.identity;
  session->denial = request.denial;
  session->address = gate_.http().address_of(client);
  session->rooms = request.rooms;
  if (!request.identity.anonymous()) session->counted_user = user_key(request.identity);
  // Between its requests no connection stands for it.
  if (!over_websocket && client.standing) gate_.admission().hand_on(client.id, EngineIoSessions::id_of(*session));
  const std::string_view first = sessions_.opening(*session, over_websocket);
  if (!over_websocket) {
    return gate_.http().respond(client, connection, {.status = 200, .content_type = kText, .body = first});
  }
  sessions_.begin_on(*session, gate_.address_of(client));
  client.extra = std::make_unique<Carrier>();
  client.extra_as<Carrier>().sid = session->sid;
  become_websocket(client, connection, upgrade.key, first);
}

void EngineIoTransport::become_websocket(Client& client, Connection& connection, std::string_view key,
                                         std::string_view first) {
  const SocketIoOptions& options = gate_.options().socketio;
  client.extra_as<Carrier>().role = Carrier::Role::websocket;
  client.extra->below.reset();
  client.kind = Kind::engine_io;
  client.phase = Phase::open;
  client.decoder = codec::WebSocketDecoder({.role = codec::WebSocketRole::server, .message_max = options.payload_max});
  gate_.limit_output(client, connection, frame_length_of(WireForm::websocket_raw));
  gate_.stats().upgrades.add();
  gate_.reactor().cancel_timer(connection);
  frame_.clear();
  codec::append_websocket_response(frame_, key, {}, {}, gate_.http_date());
  if (!first.empty()) codec::append_frame(frame_, {.opcode = WebSocketOpcode::text}, first);
  gate_.reactor().send_opening(connection, frame_);
}

// The session is asked; its answer comes by mail.
void EngineIoTransport::wait_for(Client& client, const EngineIoSid& sid, EngineIoMail::Kind kind, std::string bytes) {
  client.kind = Kind::engine_io;
  client.phase = Phase::open;
  auto carrier = std::make_unique<Carrier>();
  carrier->sid = sid;
  carrier->role = kind == MailKind::post ? Carrier::Role::post : Carrier::Role::poll;
  client.extra = std::move(carrier);
  post(sid, kind, client, false, std::move(bytes));
}

void EngineIoTransport::post(const EngineIoSid& sid, EngineIoMail::Kind kind, const Client& client, bool binary,
                             std::string bytes, CloseCause cause) {
  auto mail = std::make_unique<EngineIoMail>();
  mail->kind = kind;
  mail->session = sid;
  mail->connection = gate_.address_of(client);
  mail->binary = binary;
  mail->bytes = std::move(bytes);
  mail->cause = cause;
  gate_.reactor().post(sid.core, engine_io_mail(std::move(mail)));
}

void EngineIoTransport::refuse(Client& client, Connection& connection, EngineIoRefusal refusal) {
  std::string body;
  codec::JsonWriter(body)
      .begin_object()
      .uint("code", static_cast<uint64_t>(refusal))
      .string("message", text_of(refusal))
      .end_object();
  gate_.log().refused(client, 400, "engine_io", text_of(refusal));
  gate_.stats().error(ErrorCount::bad_request).add();
  gate_.http().respond(client, connection, {.status = 400, .content_type = kJson, .body = body});
}

// --- answers ---

void EngineIoTransport::take(EngineIoMail& mail) {
  Client* const client = gate_.find(mail.connection.connection);
  if (client == nullptr || client->kind != Kind::engine_io || client->phase == Phase::closing) return;
  Connection& connection = gate_.connection(*client);
  auto& carrier = client->extra_as<Carrier>();
  switch (mail.kind) {
    case MailKind::answer:
    case MailKind::accepted:
    case MailKind::refused:
      if (carrier.role != Carrier::Role::websocket) answer(*client, connection, mail);
      return;
    case MailKind::attached: {
      if (carrier.role != Carrier::Role::upgrading) return;
      const std::string key = std::move(carrier.key);
      become_websocket(*client, connection, key, {});
      gate_.reactor().resume_reading(connection, PauseReason::answer);
      gate_.read_on(*client);
      return;
    }
    case MailKind::taken:
      if (client->waiting) gate_.proceed(*client);
      return;
    case MailKind::close:
      if (carrier.role != Carrier::Role::websocket) return gate_.close_now(*client, mail.cause);
      return close_socket(*client, connection, mail.cause == CloseCause::drained ? 1001 : 1000, mail.cause);
    default: RINGCAST_ASSERT(false);
  }
}

// From here on it is an HTTP request like any other.
void EngineIoTransport::answer(Client& client, Connection& connection, EngineIoMail& mail) {
  gate_.give_place(client);
  gate_.http().take_back(client);
  switch (mail.kind) {
    case MailKind::answer:
      gate_.http().respond(client, connection, {.status = 200, .content_type = kText, .body = mail.bytes});
      break;
    case MailKind::accepted:
      gate_.http().respond(client, connection, {.status = 200, .content_type = "text/html", .body = "ok"});
      break;
    default: refuse(client, connection, mail.refusal);
  }
  if (!gate_.alive(client) || connection.closing) return;
  gate_.reactor().resume_reading(connection, PauseReason::answer);
  gate_.read_on(client);
}

void EngineIoTransport::take_frames(const reactor::Mail& mail) {
  Client* const client = gate_.find({mail.connection, mail.generation});
  if (client == nullptr || client->kind != Kind::engine_io || client->phase == Phase::closing) {
    mail.block->release();
    return;
  }
  Hold* const hold = Hold::adopt(mail.block);
  gate_.reactor().send(
      gate_.connection(*client),
      {.hold = hold, .offset = mail.offset, .length = mail.length, .frames = static_cast<uint32_t>(mail.value)});
  hold->release();
}

// --- what a connection brings ---

size_t EngineIoTransport::on_bytes(Client& client, Connection& connection, std::span<uint8_t> bytes) {
  auto& carrier = client.extra_as<Carrier>();
  if (carrier.role != Carrier::Role::websocket) {
    gate_.reactor().pause_reading(connection, PauseReason::answer);
    return 0;
  }
  std::span<uint8_t> rest = bytes;
  for (;;) {
    const WebSocketEvent event = client.decoder.next(rest);
    switch (event.kind) {
      case WebSocketEventKind::need_more: return bytes.size();
      case WebSocketEventKind::text:
      case WebSocketEventKind::binary: {
        const bool binary = event.kind == WebSocketEventKind::binary;
        if (carrier.sid.core == gate_.core()) {
          if (!sessions_.take_frame(carrier.sid, gate_.address_of(client), binary, text_of_frame(event.payload))) {
            gate_.await(client);
          }
        } else {
          post(carrier.sid, MailKind::frame, client, binary, std::string(text_of_frame(event.payload)));
          gate_.await(client);
        }
        break;
      }
      case WebSocketEventKind::ping:
        frame_.clear();
        codec::append_frame(frame_, {.opcode = WebSocketOpcode::pong}, text_of_frame(event.payload));
        gate_.reactor().send_copy(connection, frame_);
        break;
      case WebSocketEventKind::pong: break;
      case WebSocketEventKind::close:
        close_socket(client, connection, event.code, CloseCause::peer_closed);
        return bytes.size();
      case WebSocketEventKind::error:
        gate_.stats().error(ErrorCount::protocol).add();
        close_socket(client, connection, event.code, CloseCause::protocol_error);
        return bytes.size();
    }
    if (!gate_.alive(client) || connection.closing) return bytes.size();
    if (client.waiting || connection.pauses != 0) return bytes.size() - rest.size();
  }
}

void EngineIoTransport::close_socket(Client& client, Connection& connection, uint16_t code, CloseCause cause) {
  if (client.phase == Phase::closing || connection.dead) return;
  frame_.clear();
  codec::append_close_frame(frame_, code);
  gate_.reactor().send_copy(connection, frame_);
  gate_.close_gently(client, cause);
}

void EngineIoTransport::on_peer_gone(Client& client, Connection& connection) {
  gate_.close_now(client, connection.close_cause);
}

void EngineIoTransport::on_slow(Client& client, Connection& connection, CloseCause cause) {
  gate_.stats().slow_closed.add();
  gate_.log().slow(client, cause, connection.outbox.bytes());
  gate_.close_now(client, cause, io::CloseMode::reset);
}

void EngineIoTransport::drain(Client& client, Connection& connection) {
  auto& carrier = client.extra_as<Carrier>();
  if (carrier.role == Carrier::Role::websocket) return close_socket(client, connection, 1001, CloseCause::drained);
  client.keep_alive = false;
  if (carrier.role != Carrier::Role::poll) return;  // answered soon
  const EngineIoSid sid = carrier.sid;
  post(sid, MailKind::gone, client, false, {}, CloseCause::drained);
  EngineIoMail last;
  last.kind = MailKind::answer;
  last.bytes = "1";
  answer(client, connection, last);
}

void EngineIoTransport::on_closed(Client& client, CloseCause cause) {
  if (client.extra == nullptr) return;
  post(client.extra_as<Carrier>().sid, MailKind::gone, client, false, {}, cause);
}

}  // namespace ringcast::session
