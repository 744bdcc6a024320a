// SPDX-License-Identifier: Apache-2.0
#include "transport/websocket/websocket_actions.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "client/guard.h"
#include "client/hooks.h"
#include "client/hub_errors.h"
#include "codec/json/json_writer.h"
#include "codec/native/event_json.h"
#include "codec/native/rest_json.h"
#include "transport/gate.h"
#include "transport/websocket/websocket_room.h"
#include "transport/websocket/websocket_session.h"
#include "transport/websocket/websocket_states.h"

namespace ringcast::session {

using access::Operation;
using codec::Action;
using codec::ActionKind;

namespace {

hub::Status status_of(codec::UserStatus status) {
  switch (status) {
    case codec::UserStatus::online: return hub::Status::online;
    case codec::UserStatus::away: return hub::Status::away;
    case codec::UserStatus::busy: return hub::Status::busy;
  }
  return hub::Status::online;
}

hub::QueryKind query_kind_of(ActionKind kind) {
  if (kind == ActionKind::members) return hub::QueryKind::members;
  return kind == ActionKind::online ? hub::QueryKind::connections : hub::QueryKind::history;
}

std::string_view text_of(hub::Status status) {
  static constexpr std::string_view kNames[] = {"online", "away", "busy"};
  return kNames[static_cast<size_t>(status)];
}

}  // namespace

std::optional<Error> WebSocketActions::read(const Client& client, std::string_view text, Action& action) const {
  const SessionOptions& options = gate_.options();
  const codec::JsonLimits limits{.depth_max = options.json_depth_max,
                                 .payload_bytes_max = gate_.message_max(client),
                                 .batch_items_max = options.batch_items_max};
  const auto read = table_of(form_of(client.form).dialect).read;
  return read == nullptr ? codec::parse_action(text, limits, action) : read(text, limits, action);
}

bool WebSocketActions::take(Client& client, Connection& connection, std::string_view text) {
  Action action;
  if (const auto error = read(client, text, action)) {
    const bool native = table_of(form_of(client.form).dialect).read == nullptr;
    if (error->code == "unknown_action" && native && offer_to_host(client, text)) return true;
    writer_.send_error(connection, error->code, error->message, action.ref);
    return true;
  }
  switch (action.kind) {
    case ActionKind::message: return publisher_.act_message(client, connection, action, text);
    case ActionKind::direct: return publisher_.act_direct(client, connection, action, text);
    case ActionKind::typing: return publisher_.act_typing(client, connection, action, text);
    case ActionKind::join: return act_join(client, connection, action);
    case ActionKind::members:
    case ActionKind::online:
    case ActionKind::history: return act_query(client, connection, action);
    case ActionKind::leave: act_leave(client, connection, action); return true;
    case ActionKind::status: act_status(client, connection, action); return true;
    case ActionKind::ping: act_ping(connection, action); return true;
    case ActionKind::binary: publisher_.act_binary(client, connection, action); return true;
    case ActionKind::refresh: act_refresh(client, connection, action); return true;
    case ActionKind::unknown: break;
  }
  writer_.send_error(connection, "unknown_action", "there is no such action", action.ref);
  return true;
}

// Actions that the server does not have may be those of the program that it is part of.
bool WebSocketActions::offer_to_host(Client& client, std::string_view text) {
  Hooks* const hooks = gate_.shared().hooks;
  if (hooks == nullptr) return false;
  std::string name;
  gate_.append_name(name, client);
  return hooks->on_action({name, client.user(), client.tenant()}, text);
}

bool WebSocketActions::may_read(Client& client, Connection& connection, access::Operation operation,
                                std::string_view key, std::string_view ref) {
  if (gate_.guard().may(client, operation, key)) return true;
  const std::string_view name = hub::name_of(key);
  writer_.send_error(connection, "forbidden",
                     hub::is_inbox(name)
                         ? "this is somebody else's inbox"
                         : "no rule allows " + std::string(to_string(operation)) + " in " + codec::quoted(name),
                     ref);
  return false;
}

bool WebSocketActions::act_join(Client& client, Connection& connection, const Action& action) {
  if (!resolve(connection, client, action)) return true;
  if (!may_read(client, connection, Operation::subscribe, key_, action.ref)) return true;
  const hub::Hub& hub = gate_.hub();
  if (hub.is_member(client.id, key_)) {
    client.room = hub.channel_of(client.id, key_);
    writer_.send_error(connection, "already_joined",
                       "this connection is a member of " + codec::quoted(hub::name_of(key_)), action.ref);
    return true;
  }
  if (gate_.route_of(client).settings.single_room && client.room != kNoIndex) leave_room(client, connection);
  // The inbox and `*` are not rooms.
  const uint32_t others = client.anonymous ? 1 : 2;
  if (hub.joined_count(client.id) >= gate_.options().rooms_per_websocket_max + others) {
    writer_.send_error(connection, "too_many_rooms",
                       "a connection may be in " + std::to_string(gate_.options().rooms_per_websocket_max) + " rooms",
                       action.ref);
    return true;
  }
  // What it has missed can still be replayed where it goes next; here it would be sent away in the middle.
  if (action.last_id && gate_.drain_phase() >= DrainPhase::notifying) {
    gate_.tell_soon(client);
    return true;
  }
  auto asking = std::make_unique<WebSocketAsking>();
  asking->kind = ActionKind::join;
  asking->key = key_;
  asking->ref = action.ref;
  if (action.unknown_last_id) asking->fault = CursorFault::unreadable;
  const uint32_t correlation = gate_.await(client);
  if (!gate_.hub().join({.connection = client.id,
                         .key = key_,
                         .has_cursor = action.last_id.has_value(),
                         .cursor = action.last_id.value_or(0),
                         .replays = !action.last_id || gate_.guard().may(client, Operation::history, key_),
                         .user = client.user(),
                         .correlation = correlation})) {
    gate_.proceed(client);
    writer_.send_error(connection, "already_joined", "this connection is about to be a member", action.ref);
    return true;
  }
  client.extra = std::move(asking);
  return false;
}

void WebSocketActions::on_joined(Client& client, Connection& connection, const hub::Joined& joined) {
  if (!client.waiting || joined.correlation != client.correlation) return;
  const std::unique_ptr<Extra> held = std::move(client.extra);
  const auto& asking = static_cast<const WebSocketAsking&>(*held);
  if (joined.error == hub::JoinError::none) {
    client.room = gate_.hub().channel_of(client.id, asking.key);
    tell_joined(connection, joined, asking.ref, asking.fault);
    if (client.greeted) publisher_.announce(client, asking.key, true);
  } else {
    tell_join_error(connection, joined, asking.ref);
  }
  gate_.proceed(client);
}

void WebSocketActions::tell_joined(Connection& connection, const hub::Joined& joined, std::string_view ref,
                                   CursorFault fault) {
  const std::string_view name = hub::name_of(joined.key);
  const bool recovered = joined.recovered && fault == CursorFault::none;
  if (!hub::is_inbox(name) && !hub::is_broadcast(name)) {
    codec::append_joined_event(writer_.begin(), {.room = name,
                                                 .id = joined.id,
                                                 .members = joined.members,
                                                 .replayed = joined.replayed,
                                                 .recovered = recovered,
                                                 .ref = ref});
    writer_.send(connection);
  }
  if (!recovered) writer_.send_gap(connection, joined.key, joined.id + 1, joined.reset, fault);
  if (joined.replayed != 0 && recovered) gate_.stats().resumed.add();
  if (joined.replayed != 0) connection.want_drained = true;
}

void WebSocketActions::tell_join_error(Connection& connection, const hub::Joined& joined, std::string_view ref) {
  if (joined.error != hub::JoinError::already_joined) {
    const Error& error = error_of(joined.error);
    writer_.send_error(connection, error.code, error.message, ref);
  } else {
    writer_.send_error(connection, "already_joined",
                       "this connection is a member of " + codec::quoted(hub::name_of(joined.key)), ref);
  }
}

void WebSocketActions::act_leave(Client& client, Connection& connection, const Action& action) {
  if (!resolve(connection, client, action)) return;
  const std::string_view name = hub::name_of(key_);
  if (hub::is_inbox(name) || hub::is_broadcast(name)) {
    return writer_.send_error(connection, "bad_room", "a WebSocket stays in its inbox and in *", action.ref);
  }
  if (client.greeted && gate_.hub().is_member(client.id, key_)) publisher_.announce(client, key_, false);
  if (!gate_.leave(client, key_)) {
    return writer_.send_error(connection, "not_joined", "this connection is not in " + codec::quoted(name), action.ref);
  }
  note_left(gate_.hub(), client);
  codec::append_left_event(writer_.begin(), name, "left", action.ref);
  writer_.send(connection);
}

void WebSocketActions::leave_room(Client& client, Connection& connection) {
  const std::string room(current_room(gate_.hub(), client));
  client.room = kNoIndex;
  if (!gate_.leave(client, room)) return;
  codec::append_left_event(writer_.begin(), hub::name_of(room), "left", {});
  writer_.send(connection);
}

bool WebSocketActions::act_query(Client& client, Connection& connection, const Action& action) {
  if (!resolve(connection, client, action)) return true;
  const Operation operation = action.kind == ActionKind::history ? Operation::history : Operation::presence;
  if (!may_read(client, connection, operation, key_, action.ref)) return true;
  const SessionOptions& options = gate_.options();
  auto asking = std::make_unique<WebSocketAsking>();
  asking->kind = action.kind;
  asking->key = key_;
  asking->ref = action.ref;
  client.extra = std::move(asking);
  gate_.hub().query({.kind = query_kind_of(action.kind),
                     .key = key_,
                     .tenant = client.tenant(),
                     .after = action.after.value_or(0),
                     .limit = std::min(action.limit.value_or(options.list_limit_default), options.list_limit_max),
                     .from = client.id,
                     .correlation = gate_.await(client)});
  return false;
}

void WebSocketActions::on_answer(Client& client, Connection& connection, const hub::Answer& answer) {
  if (!client.waiting || client.correlation != answer.correlation || client.phase != Phase::open) return;
  const std::unique_ptr<Extra> held = std::move(client.extra);
  const auto& asking = static_cast<const WebSocketAsking&>(*held);
  const std::string_view room = hub::name_of(asking.key);
  if (answer.unavailable) {
    writer_.send_error(connection, unavailable_error().code, unavailable_error().message, asking.ref);
    return gate_.proceed(client);
  }
  if (answer.kind == hub::QueryKind::members) {
    std::vector<codec::MemberRow> rows;
    rows.reserve(answer.rows.size());
    for (const hub::Row& row : answer.rows) {
      rows.push_back({.user = row.name.empty() ? codec::kAnonymousUser : std::string_view(row.name),
                      .status = text_of(static_cast<hub::Status>(row.a)),
                      .connections = row.b});
    }
    codec::append_members(writer_.begin(), codec::Shape::event, room, answer.count, rows, asking.ref);
  } else if (answer.kind == hub::QueryKind::connections) {
    tell_online(client, connection, answer);
    return gate_.proceed(client);
  } else if (table_of(form_of(client.form).dialect).read != nullptr) {
    for (const hub::Row& row : answer.rows) {
      writer_.begin() = row.text;
      writer_.send(connection);
    }
    return gate_.proceed(client);
  } else {
    std::vector<std::string_view> messages;
    messages.reserve(answer.rows.size());
    for (const hub::Row& row : answer.rows) messages.push_back(row.text);
    const auto id = [](uint64_t value) { return value == 0 ? std::nullopt : std::optional<uint64_t>(value); };
    codec::append_history(writer_.begin(), codec::Shape::event, room, messages, id(answer.oldest), id(answer.newest),
                          asking.ref);
  }
  writer_.send(connection);
  gate_.proceed(client);
}

// Each connection by its public name, as the clients of a chat hub list it.
void WebSocketActions::tell_online(const Client& client, Connection& connection, const hub::Answer& answer) {
  const std::string_view nobody = table_of(form_of(client.form).dialect).nobody;
  std::string json, name;
  codec::JsonWriter writer(json);
  writer.begin_object().string("type", "online").key("users").begin_array();
  for (const hub::Row& row : answer.rows) {
    name = row.id;
    if (name.empty()) {
      const hub::ConnectionId id{static_cast<uint32_t>(row.a), static_cast<uint32_t>(row.b)};
      gate_.append_name(name, hub::Address{static_cast<uint16_t>(row.c), id});
    }
    writer.begin_object().string("ID", name);
    writer.string("Username", codec::is_anonymous(row.text) ? nobody : std::string_view(row.text)).end_object();
  }
  writer.end_array().end_object();
  writer_.send_text(connection, json);
}

void WebSocketActions::act_status(Client& client, Connection& connection, const Action& action) {
  if (client.anonymous)
    return writer_.send_error(connection, "forbidden", "who is anonymous has no status", action.ref);
  gate_.hub().set_status(client.id, status_of(action.status));
  if (action.ref.empty()) return;
  codec::append_ack_event(writer_.begin(), {.ref = action.ref});
  writer_.send(connection);
}

// A token that is no good ends the connection, as it would have when it opened: who tries tokens has to connect anew.
void WebSocketActions::act_refresh(Client& client, Connection& connection, const Action& action) {
  if (const auto renewed = gate_.guard().renew(client, action.token); !renewed) {
    if (renewed.error().code == "forbidden" || renewed.error().code == "try_again") {
      return writer_.send_error(connection, renewed.error().code, renewed.error().message, action.ref);
    }
    writer_.send_error(connection, "unauthorized", renewed.error().message, action.ref);
    gate_.stats().auth_failure(auth_failure_of(renewed.error().code)).add();
    gate_.stats().error(ErrorCount::unauthorized).add();
    return session_.close(client, connection, 4001, "Unauthorized", reactor::CloseCause::refused);
  }
  if (action.ref.empty()) return;
  codec::append_ack_event(writer_.begin(), {.ref = action.ref});
  writer_.send(connection);
}

void WebSocketActions::act_ping(Connection& connection, const Action& action) {
  codec::append_pong_event(writer_.begin(), static_cast<int64_t>(gate_.reactor().wall_us()), action.ref);
  writer_.send(connection);
}

bool WebSocketActions::resolve(Connection& connection, const Client& client, const Action& action) {
  const std::optional<Error> error = resolve_room(gate_.hub(), client, action.room, key_);
  if (error) writer_.send_error(connection, error->code, error->message, action.ref);
  return !error;
}

}  // namespace ringcast::session
