// SPDX-License-Identifier: Apache-2.0
// WebSocketSession: what clients publish, and its acknowledgements. A message that finds no credit is kept as it came
// and done again from the start, so nothing before the publish may leave a trace.

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "base/erase_at.h"
#include "session/gate.h"
#include "session/guard.h"
#include "session/websocket_session.h"
#include "session/websocket_states.h"
#include "wire/event_json.h"

namespace ringcast::session {

using wire::Action;

namespace {

hub::PayloadKind payload_kind_of(wire::PayloadKind kind) {
  switch (kind) {
    case wire::PayloadKind::none: return hub::PayloadKind::none;
    case wire::PayloadKind::content: return hub::PayloadKind::content;
    case wire::PayloadKind::data: return hub::PayloadKind::data;
  }
  return hub::PayloadKind::none;
}

std::string_view author_of(const Client& client) {
  return client.anonymous ? wire::kAnonymousUser : client.user();
}

}  // namespace

bool WebSocketSession::may_publish(Client& client, Connection& connection, std::string_view key, std::string_view ref) {
  if (gate_.guard().may(client, auth::Operation::publish, key)) return true;
  const std::string_view name = hub::name_of(key);
  if (hub::is_broadcast(name)) {
    send_error(connection, "forbidden", "clients may not publish to everyone here", ref);
  } else if (hub::is_inbox(name)) {
    send_error(connection, "forbidden", "clients may not write to other users here", ref);
  } else {
    send_error(connection, "forbidden", "no rule allows publish in " + wire::quoted(name), ref);
  }
  return false;
}

bool WebSocketSession::publish(Client& client, Connection& connection, hub::Publish& publish, AckNote* note, bool text,
                               std::string_view whole) {
  if (gate_.draining()) {
    send_error(connection, "draining", "this server is about to stop; nothing was published",
               note == nullptr ? std::string_view() : note->ref);
    return true;
  }
  if (gate_.hooks() != nullptr && hold(client, connection, publish, note)) return true;
  publish.from = client.id;
  publish.acknowledge = note != nullptr;
  publish.correlation = note == nullptr ? 0 : last_correlation_ + 1;
  if (gate_.hub().publish(publish) == hub::PublishResult::no_credit) {
    client.extra = std::make_unique<WebSocketRefused>(text, whole);
    gate_.stall(client, publish.key);
    return false;
  }
  gate_.stats().messages_in.add();
  gate_.stats().message_bytes_in.add(publish.payload.size());
  if (note != nullptr) {
    note->correlation = ++last_correlation_;
    asides_[client.id.slot].acks.push_back(std::move(*note));
    client.has_aside = true;
  }
  return true;
}

void WebSocketSession::on_credit(Client& client, Connection& connection) {
  if (client.phase != Phase::open || client.extra == nullptr) return;
  const std::unique_ptr<Extra> held = std::move(client.extra);
  const auto& refused = static_cast<const WebSocketRefused&>(*held);
  if (refused.text) {
    take_action(client, connection, refused.payload);
  } else {
    take_binary(client, connection, {reinterpret_cast<const uint8_t*>(refused.payload.data()), refused.payload.size()});
  }
}

bool WebSocketSession::act_message(Client& client, Connection& connection, const Action& action,
                                   std::string_view whole) {
  if (!resolve(client, connection, action, key_)) return true;
  if (!may_publish(client, connection, key_, action.ref)) return true;
  hub::Publish message{.key = key_,
                       .user = author_of(client),
                       .event = action.event == wire::kDefaultEventType ? std::string_view() : action.event,
                       .kind = payload_kind_of(action.payload_kind),
                       .payload = action.payload,
                       .idempotency_key = action.idempotency_key,
                       .ephemeral = action.ephemeral};
  if (action.signed_by_connection) {
    std::string& name = gate_.scratch();
    name.clear();
    gate_.append_name(name, client);
    message.connection = name;
  }
  if (!action.echo) message.exclude = gate_.address_of(client);
  const bool acknowledged = !action.ref.empty() || !action.idempotency_key.empty() || !action.echo;
  if (!acknowledged) return publish(client, connection, message, nullptr, true, whole);
  AckNote note{.room = std::string(hub::name_of(key_)),
               .ref = std::string(action.ref),
               .idempotency_key = std::string(action.idempotency_key)};
  return publish(client, connection, message, &note, true, whole);
}

bool WebSocketSession::act_direct(Client& client, Connection& connection, const Action& action,
                                  std::string_view whole) {
  if (wire::is_anonymous(action.to)) {
    send_error(connection, "bad_user", "anonymous has no inbox", action.ref);
    return true;
  }
  key_.assign(client.tenant());
  key_ += hub::kTenantEnd;
  key_ += '@';
  key_ += action.to;
  if (!may_publish(client, connection, key_, action.ref)) return true;
  hub::Publish message{.key = key_,
                       .user = author_of(client),
                       .event = action.event == wire::kDefaultEventType ? std::string_view() : action.event,
                       .kind = payload_kind_of(action.payload_kind),
                       .payload = action.payload,
                       .idempotency_key = action.idempotency_key};
  if (!action.echo) message.exclude = gate_.address_of(client);
  AckNote note{.receivers = true,
               .room = std::string(hub::name_of(key_)),
               .ref = std::string(action.ref),
               .idempotency_key = std::string(action.idempotency_key)};
  return publish(client, connection, message, &note, true, whole);
}

bool WebSocketSession::act_typing(Client& client, Connection& connection, const Action& action,
                                  std::string_view whole) {
  if (!resolve(client, connection, action, key_)) return true;
  if (!gate_.hub().is_member(client.id, key_)) {
    send_error(connection, "not_joined", "this connection is not in " + wire::quoted(hub::name_of(key_)), action.ref);
    return true;
  }
  if (!may_publish(client, connection, key_, action.ref)) return true;
  hub::Publish typing{.key = key_,
                      .user = author_of(client),
                      .event = "typing",
                      .kind = hub::PayloadKind::none,
                      .exclude = gate_.address_of(client),
                      .ephemeral = true};
  if (action.ref.empty()) return publish(client, connection, typing, nullptr, true, whole);
  AckNote note{.room = std::string(hub::name_of(key_)), .ref = std::string(action.ref)};
  return publish(client, connection, typing, &note, true, whole);
}

bool WebSocketSession::take_binary(Client& client, Connection& connection, std::span<const uint8_t> payload) {
  key_.assign(room_of(client));
  if (client.has_aside) {
    const auto at = asides_.find(client.id.slot);
    if (at != asides_.end() && !at->second.binary_key.empty()) key_ = at->second.binary_key;
  }
  if (key_.empty()) {
    send_error(connection, "no_room", "join a room, or name one with the action binary, before binary frames", {});
    return true;
  }
  if (!may_publish(client, connection, key_, {})) return true;
  const std::string_view bytes(reinterpret_cast<const char*>(payload.data()), payload.size());
  hub::Publish message{.key = key_, .user = author_of(client), .kind = hub::PayloadKind::binary, .payload = bytes};
  return publish(client, connection, message, nullptr, false, bytes);
}

void WebSocketSession::act_binary(Client& client, Connection& connection, const Action& action) {
  if (!resolve(client, connection, action, key_)) return;
  if (!may_publish(client, connection, key_, action.ref)) return;
  asides_[client.id.slot].binary_key = key_;
  client.has_aside = true;
  if (action.ref.empty()) return;
  text_.clear();
  wire::append_ack_event(text_, {.room = hub::name_of(key_), .ref = action.ref});
  send_text(connection, text_);
}

void WebSocketSession::on_published(Client& client, Connection& connection, const hub::Published& published) {
  tell_published(client, connection, published);
  note_acked(client, connection);
}

void WebSocketSession::tell_published(Client& client, Connection& connection, const hub::Published& published) {
  AckNote note;
  if (client.has_aside && published.correlation != 0) {
    const auto at = asides_.find(client.id.slot);
    if (at != asides_.end()) {
      Aside& aside = at.value();
      const auto found = std::find_if(aside.acks.begin(), aside.acks.end(), [&](const AckNote& waiting) {
        return waiting.correlation == published.correlation;
      });
      if (found != aside.acks.end()) {
        note = std::move(*found);
        aside.acks.erase(found);
      }
      if (aside.idle()) {
        erase_at(asides_, at);
        client.has_aside = false;
      }
    }
  }
  if (client.phase == Phase::closing) return;
  switch (published.error) {
    case hub::PublishError::none: break;
    case hub::PublishError::draining:
      return send_error(connection, "draining", "this server is about to stop; nothing was published", note.ref);
    case hub::PublishError::channels_full:
      return send_error(connection, "channels_full", "there are as many channels as there may be", note.ref);
  }
  if (note.correlation == 0) return;
  text_.clear();
  wire::append_ack_event(text_,
                         {.id = published.id == 0 ? std::nullopt : std::optional<uint64_t>(published.id),
                          .room = note.room,
                          .receivers = note.receivers ? std::optional<uint64_t>(published.receivers) : std::nullopt,
                          .duplicate = published.duplicate,
                          .idempotency_key = note.idempotency_key,
                          .ref = note.ref});
  send_text(connection, text_);
}

}  // namespace ringcast::session
