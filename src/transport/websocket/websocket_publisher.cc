// SPDX-License-Identifier: Apache-2.0
#include "transport/websocket/websocket_publisher.h"

#include <algorithm>
#include <utility>

#include "base/erase_at.h"
#include "client/connection_log.h"
#include "client/decisions.h"
#include "client/hub_errors.h"
#include "codec/json/json_writer.h"
#include "codec/native/event_json.h"
#include "transport/gate.h"
#include "transport/websocket/websocket_room.h"
#include "transport/websocket/websocket_session.h"
#include "transport/websocket/websocket_states.h"

namespace ringcast::session {

using codec::Action;

namespace {

hub::PayloadKind payload_kind_of(codec::PayloadKind kind) {
  switch (kind) {
    case codec::PayloadKind::none: return hub::PayloadKind::none;
    case codec::PayloadKind::content: return hub::PayloadKind::content;
    case codec::PayloadKind::data: return hub::PayloadKind::data;
  }
  return hub::PayloadKind::none;
}

std::string_view author_of(const Client& client) {
  const access::Grant* const grant = client.who.grant();
  const bool by_name = table_of(form_of(client.form).dialect).shows_names && grant != nullptr && !grant->name.empty();
  if (by_name) return grant->name;
  return client.anonymous ? codec::kAnonymousUser : client.user();
}

}  // namespace

bool WebSocketPublisher::may_publish(Client& client, Connection& connection, std::string_view key,
                                     std::string_view ref) {
  if (gate_.guard().may(client, access::Operation::publish, key)) return true;
  const std::string_view name = hub::name_of(key);
  if (hub::is_broadcast(name)) {
    writer_.send_error(connection, "forbidden", "clients may not publish to everyone here", ref);
  } else if (hub::is_inbox(name)) {
    writer_.send_error(connection, "forbidden", "clients may not write to other users here", ref);
  } else {
    writer_.send_error(connection, "forbidden", "no rule allows publish in " + codec::quoted(name), ref);
  }
  return false;
}

bool WebSocketPublisher::publish(Client& client, Connection& connection, hub::Publish& publish, AckNote* note,
                                 bool text, std::string_view whole) {
  if (gate_.draining()) {
    writer_.send_error(connection, "draining", "this server is about to stop; nothing was published",
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
  gate_.log().published(client, publish.key, publish.payload.size());
  if (note != nullptr) {
    note->correlation = ++last_correlation_;
    asides_[client.id.slot].acks.push_back(std::move(*note));
    client.has_aside = true;
  }
  return true;
}

// To the channel in key_.
hub::Publish WebSocketPublisher::message_of(const Client& client, const Action& action) const {
  hub::Publish message{.key = key_,
                       .user = author_of(client),
                       .event = action.event == codec::kDefaultEventType ? std::string_view() : action.event,
                       .kind = payload_kind_of(action.payload_kind),
                       .payload = action.payload,
                       .idempotency_key = action.idempotency_key};
  if (!action.echo) message.exclude = gate_.address_of(client);
  return message;
}

bool WebSocketPublisher::act_message(Client& client, Connection& connection, const Action& action,
                                     std::string_view whole) {
  if (!resolve(connection, client, action)) return true;
  if (!may_publish(client, connection, key_, action.ref)) return true;
  hub::Publish message = message_of(client, action);
  message.ephemeral = action.ephemeral;
  if (action.signed_by_connection) {
    std::string& name = gate_.scratch();
    name.clear();
    gate_.append_name(name, client);
    message.connection = name;
  }
  const bool acknowledged = !action.ref.empty() || !action.idempotency_key.empty() || !action.echo;
  if (!acknowledged) return publish(client, connection, message, nullptr, true, whole);
  AckNote note{.room = std::string(hub::name_of(key_)),
               .ref = std::string(action.ref),
               .idempotency_key = std::string(action.idempotency_key)};
  return publish(client, connection, message, &note, true, whole);
}

bool WebSocketPublisher::act_direct(Client& client, Connection& connection, const Action& action,
                                    std::string_view whole) {
  if (codec::is_anonymous(action.to)) {
    writer_.send_error(connection, "bad_user", "anonymous has no inbox", action.ref);
    return true;
  }
  key_.assign(client.tenant());
  key_ += hub::kTenantEnd;
  key_ += '@';
  key_ += action.to;
  if (!may_publish(client, connection, key_, action.ref)) return true;
  hub::Publish message = message_of(client, action);
  AckNote note{.receivers = true,
               .room = std::string(hub::name_of(key_)),
               .ref = std::string(action.ref),
               .idempotency_key = std::string(action.idempotency_key)};
  return publish(client, connection, message, &note, true, whole);
}

bool WebSocketPublisher::act_typing(Client& client, Connection& connection, const Action& action,
                                    std::string_view whole) {
  if (!resolve(connection, client, action)) return true;
  if (!gate_.hub().is_member(client.id, key_)) {
    writer_.send_error(connection, "not_joined", "this connection is not in " + codec::quoted(hub::name_of(key_)),
                       action.ref);
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

bool WebSocketPublisher::take_binary(Client& client, Connection& connection, std::span<const uint8_t> payload) {
  key_.assign(current_room(gate_.hub(), client));
  if (client.has_aside) {
    const auto at = asides_.find(client.id.slot);
    if (at != asides_.end() && !at->second.binary_key.empty()) key_ = at->second.binary_key;
  }
  if (key_.empty()) {
    writer_.send_error(connection, "no_room", "join a room, or name one with the action binary, before binary frames",
                       {});
    return true;
  }
  if (!may_publish(client, connection, key_, {})) return true;
  const std::string_view bytes(reinterpret_cast<const char*>(payload.data()), payload.size());
  hub::Publish message{.key = key_, .user = author_of(client), .kind = hub::PayloadKind::binary, .payload = bytes};
  return publish(client, connection, message, nullptr, false, bytes);
}

void WebSocketPublisher::act_binary(Client& client, Connection& connection, const Action& action) {
  if (!resolve(connection, client, action)) return;
  if (!may_publish(client, connection, key_, action.ref)) return;
  asides_[client.id.slot].binary_key = key_;
  client.has_aside = true;
  if (action.ref.empty()) return;
  codec::append_ack_event(writer_.begin(), {.room = hub::name_of(key_), .ref = action.ref});
  writer_.send(connection);
}

void WebSocketPublisher::tell_published(Client& client, Connection& connection, const hub::Published& published) {
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
  if (const Error* const error = error_of(published.error)) {
    return writer_.send_error(connection, error->code, error->message, note.ref);
  }
  if (note.correlation == 0) return;
  codec::append_ack_event(writer_.begin(),
                          {.id = published.id == 0 ? std::nullopt : std::optional<uint64_t>(published.id),
                           .room = note.room,
                           .receivers = note.receivers ? std::optional<uint64_t>(published.receivers) : std::nullopt,
                           .duplicate = published.duplicate,
                           .idempotency_key = note.idempotency_key,
                           .ref = note.ref});
  writer_.send(connection);
}

// --- what a dialect says of those who come and go ---

void WebSocketPublisher::announce(const Client& client, std::string_view room_key, bool comes) {
  Announcement made{.key = std::string(room_key), .user = std::string(author_of(client)), .comes = comes};
  gate_.append_name(made.connection, client);
  const std::string_view shown = client.anonymous ? table_of(form_of(client.form).dialect).nobody : made.user;
  codec::append_json_string(made.content, std::string(shown) + (comes ? " joined the chat" : " left the chat"));
  announcements_.push_back(std::move(made));
  serve_announcements();
}

// In order: who leaves has come before.
void WebSocketPublisher::serve_announcements() {
  for (; !announcements_.empty(); announcements_.pop_front()) {
    const Announcement& next = announcements_.front();
    const hub::Publish publish{.key = next.key,
                               .user = next.user,
                               .connection = next.connection,
                               .event = next.comes ? "join" : "leave",
                               .payload = next.content,
                               .ephemeral = true};
    if (gate_.hub().publish(publish) == hub::PublishResult::no_credit) return;
  }
}

// --- what hooks decide about ---

bool WebSocketPublisher::hold(Client& client, Connection& connection, const hub::Publish& publish, AckNote* note) {
  if (publish.kind == hub::PayloadKind::none) return false;  // typing
  HeldLine* line = held_.find(client.id, publish.key);
  if (line == nullptr && !gate_.hooks()->wants(HookEvent::publish, hub::name_of(publish.key))) return false;
  if (held_.count(client.id) >= gate_.options().undecided_messages_max) {
    const std::string ref = note == nullptr ? std::string() : note->ref;
    writer_.send_error(connection, "too_many_undecided",
                       "this connection has " + std::to_string(gate_.options().undecided_messages_max) +
                           " messages that are not decided about yet; nothing was published",
                       ref);
    return true;
  }
  held_.note_added(client.id);
  if (line != nullptr) {
    line->messages.emplace_back(publish, note);
    return true;
  }
  line = &held_.add(client.id, publish.key, gate_.hub().owner_of(publish.key));
  line->messages.emplace_back(publish, note);
  go_on(*line, false);
  return true;
}

void WebSocketPublisher::on_decided(ConnectionId id, uint64_t ticket, HookDecision decision) {
  HeldLine* const line = held_.find(id, ticket);
  if (line == nullptr) return;
  go_on(*line, take_decision(*line, decision));
}

// What was decided about the first message; true: it is to be published.
bool WebSocketPublisher::take_decision(HeldLine& line, HookDecision& decision) {
  if (decision.allow) {
    line.messages.front().change(decision);
    held_.set_state(line, HeldLine::State::allowed);
    return true;
  }
  complete_refusal(decision, "this message");
  tell_held(line, decision.code, decision.reason);
  drop_held(line);
  return false;
}

void WebSocketPublisher::tell_held(const HeldLine& line, std::string_view code, std::string_view message) {
  Client* const client = gate_.find(line.id);
  if (client == nullptr || client->phase == Phase::closing) return;
  const std::optional<AckNote>& note = line.messages.front().note;
  writer_.send_error(gate_.connection(*client), code, message, note ? std::string_view(note->ref) : std::string_view());
}

void WebSocketPublisher::drop_held(HeldLine& line) {
  line.messages.pop_front();
  held_.note_taken(line.id);
  if (Client* const client = gate_.find(line.id)) session_.note_acked(*client, gate_.connection(*client));
}

// Publishes and asks for as long as nothing has to be waited for. `allowed`: the first message is to be published.
// False: there is no credit; it goes on with the next.
bool WebSocketPublisher::go_on(HeldLine& line, bool allowed) {
  while (!line.messages.empty()) {
    if (!allowed) {
      std::optional<HookDecision> decision = ask_about(line);
      if (!decision) return true;
      allowed = take_decision(line, *decision);
      continue;
    }
    if (!publish_held(line)) return false;
    allowed = false;
  }
  held_.remove(line);
  return true;
}

std::optional<HookDecision> WebSocketPublisher::ask_about(HeldLine& line) {
  held_.set_state(line, HeldLine::State::asking);
  const HeldMessage& message = line.messages.front();
  const Ticket ticket = gate_.decisions().open(Decisions::About::message_over_websocket, line.id);
  line.ticket = ticket.number;
  std::string name;
  gate_.append_name(name, hub::Address{gate_.core(), line.id});
  const HookClient client{.connection = name,
                          .user = message.user,
                          .tenant = hub::tenant_of(line.key),
                          .transport = "websocket",
                          .address = {}};
  const HookMessage asked{
      .room = hub::name_of(line.key), .event = message.event, .kind = message.kind, .payload = message.payload};
  auto decision = gate_.hooks()->decide_publish(client, asked, gate_.reactor().wall_us(), ticket);
  if (decision) gate_.decisions().close(ticket);
  return decision;
}

// False: there is no credit.
bool WebSocketPublisher::publish_held(HeldLine& line) {
  if (gate_.draining()) {
    tell_held(line, "draining", "this server is about to stop; nothing was published");
    drop_held(line);
    return true;
  }
  HeldMessage& message = line.messages.front();
  Client* const client = gate_.find(line.id);
  hub::Publish publish = message.to_publish(line.key);
  publish.from = line.id;
  publish.acknowledge = message.note.has_value() && client != nullptr;
  publish.correlation = publish.acknowledge ? last_correlation_ + 1 : 0;
  if (gate_.hub().publish(publish) == hub::PublishResult::no_credit) return false;
  gate_.stats().messages_in.add();
  gate_.stats().message_bytes_in.add(message.payload.size());
  if (publish.acknowledge) {
    message.note->correlation = ++last_correlation_;
    asides_[client->id.slot].acks.push_back(std::move(*message.note));
    client->has_aside = true;
  }
  drop_held(line);
  return true;
}

void WebSocketPublisher::serve_held() {
  serve_announcements();
  for (size_t owner = 0; owner < held_.owners_end(); ++owner) {
    for (HeldLine* line; (line = held_.first_allowed(owner)) != nullptr;) {
      if (!go_on(*line, true)) break;  // no more credit for this owner
    }
  }
}

bool WebSocketPublisher::owes_acks(const Client& client) const {
  if (held_.count(client.id) != 0) return true;
  const auto at = client.has_aside ? asides_.find(client.id.slot) : asides_.end();
  return at != asides_.end() && !at->second.acks.empty();
}

void WebSocketPublisher::forget(Client& client) {
  if (client.has_aside) erase_key(asides_, client.id.slot);
  client.has_aside = false;
}

bool WebSocketPublisher::resolve(Connection& connection, const Client& client, const Action& action) {
  const std::optional<Error> error = resolve_room(gate_.hub(), client, action.room, key_);
  if (error) writer_.send_error(connection, error->code, error->message, action.ref);
  return !error;
}

}  // namespace ringcast::session
