// SPDX-License-Identifier: Apache-2.0
#include "transport/engine_io/socket_io_events.h"

#include <algorithm>
#include <utility>

#include "api/request_limits.h"
#include "client/connection_log.h"
#include "client/decisions.h"
#include "client/guard.h"
#include "client/hooks.h"
#include "client/hub_errors.h"
#include "client/meters.h"
#include "codec/json/json_members.h"
#include "codec/json/json_writer.h"
#include "transport/gate.h"

namespace ringcast::session {

using codec::SocketIoType;
using reactor::CloseCause;

namespace {

constexpr std::string_view kUserJoined = "user-joined", kUserLeft = "user-left", kUserJoinedRoom = "user-joined-room";
constexpr std::string_view kNothing = "{}";
// Lists of names that are answered in a tick, in rows.
constexpr size_t kNamesPerTick = 8192;
constexpr size_t kFarewellsPerTick = 4096;
constexpr uint32_t kOthers = 3;  // beside a member's rooms: that of everybody, the broadcast, the inbox

// The text that a client means: a string, or a number as it was written.
bool read_text(std::string_view json, std::string& out) {
  out.clear();
  if (json.empty()) return false;
  if (json[0] == '"') return codec::append_unquoted(out, json) && !out.empty();
  if (json[0] != '-' && (json[0] < '0' || json[0] > '9')) return false;
  out = json;
  return true;
}

std::string arguments_of(std::string_view name_json, std::span<const std::string_view> values) {
  std::string json = "[";
  json += name_json;
  for (const std::string_view value : values) {
    if (json.size() > 1) json += ',';
    json += value;
  }
  json += ']';
  return json;
}

}  // namespace

std::string SocketIoEvents::arguments_json(std::span<const std::string_view> values) {
  return arguments_of({}, values);
}

// --- names ---

std::string_view SocketIoEvents::namespace_of(uint8_t nsp) const {
  return gate_.options().socketio.namespaces[nsp];
}

// "/" has the rooms of everybody else; those of "/admin" begin with "admin/".
std::string SocketIoEvents::channel(const Client& client, uint8_t nsp, std::string_view room) const {
  const std::string_view space = namespace_of(nsp);
  std::string name;
  if (space != "/") name.append(space.substr(1)).append("/");
  name += room;
  return hub::channel_key(client.tenant(), name);
}

std::string SocketIoEvents::everyone(const Client& client, uint8_t nsp) const {
  return channel(client, nsp, gate_.options().socketio.room);
}

bool SocketIoEvents::is_everyone(std::string_view key, uint8_t nsp) const {
  std::string_view name = hub::name_of(key);
  if (hub::is_broadcast(name)) return true;
  const std::string_view space = namespace_of(nsp);
  if (space != "/") {
    if (!name.starts_with(space.substr(1)) || name.size() < space.size() || name[space.size() - 1] != '/') return false;
    name.remove_prefix(space.size());
  }
  return name == gate_.options().socketio.room;
}

std::string SocketIoEvents::name_of(const Client& client) const {
  std::string name;
  gate_.append_name(name, client);
  return name;
}

std::string_view SocketIoEvents::author(const Client& client, const SocketIoMember& member) const {
  if (!client.anonymous) return client.user();
  return member.name.empty() ? codec::kAnonymousUser : std::string_view(member.name);
}

// --- what is sent ---

void SocketIoEvents::send(SocketIoMember& member, SocketIoType type, std::optional<uint64_t> id, std::string_view json,
                          std::span<const std::string> attachments) {
  EngineIoSession* const session = sessions_.find(member.session);
  if (session == nullptr) return;
  if (!attachments.empty()) {
    type = type == SocketIoType::ack ? SocketIoType::binary_ack : SocketIoType::binary_event;
  }
  text_.clear();
  codec::append_socket_io_head(text_, {.type = type,
                                       .nsp = namespace_of(member.nsp),
                                       .attachments = static_cast<uint32_t>(attachments.size()),
                                       .id = id});
  text_ += json;
  const std::vector<std::string_view> views(attachments.begin(), attachments.end());
  sessions_.send(*session, text_, views);
}

bool SocketIoEvents::spell(std::string_view tenant, uint8_t nsp, std::string_view canonical,
                           SocketIoSpelled& out) const {
  const Canonical message = read_canonical(canonical);
  std::string room;
  codec::append_unquoted(room, codec::json_member(message.json, "room"));
  return spell_socket_io(message, is_everyone(hub::channel_key(tenant, room), nsp), out);
}

std::optional<SocketIoEvent> SocketIoEvents::event_of(std::string_view tenant, uint8_t nsp,
                                                      std::string_view canonical) const {
  SocketIoSpelled spelled;
  if (!spell(tenant, nsp, canonical, spelled)) return std::nullopt;
  SocketIoEvent event{.json = std::move(spelled.json)};
  if (spelled.binary) event.attachments.emplace_back(spelled.attachment);
  codec::append_unquoted(event.at, codec::json_member(read_canonical(canonical).json, "timestamp"));
  return event;
}

void SocketIoEvents::emit(SocketIoMember& member, std::string_view json, std::span<const std::string> attachments) {
  if (member.recovery == nullptr) return send(member, SocketIoType::event, std::nullopt, json, attachments);
  SocketIoEvent event{.json = std::string(json), .attachments = {attachments.begin(), attachments.end()}};
  codec::append_iso_timestamp(event.at, static_cast<int64_t>(gate_.reactor().wall_us()));
  std::string with_offset = event.json;
  append_socket_io_offset(with_offset, journal_.keep(member.recovery->trace, std::move(event)));
  send(member, SocketIoType::event, std::nullopt, with_offset, attachments);
}

void SocketIoEvents::acknowledge(SocketIoMember& member, std::optional<uint64_t> ack, uint64_t id) {
  if (!ack) return;
  json_ = "[{\"status\":\"ok\"";
  if (id != 0) {
    json_ += ",\"id\":";
    codec::append_uint(json_, id);
  }
  json_ += "}]";
  send(member, SocketIoType::ack, ack, json_, {});
}

// Reported to a client that asked for an acknowledgement; the log says it in any case.
bool SocketIoEvents::reject(const Client& client, SocketIoMember& member, const Event& event, std::string_view code,
                            std::string_view message) {
  gate_.stats().error(ErrorCount::bad_action).add();
  gate_.log().refused(client, 0, code, message);
  if (!event.ack) return true;
  json_ = "[";
  codec::JsonWriter(json_)
      .begin_object()
      .string("status", "error")
      .string("code", code)
      .string("message", message)
      .end_object();
  json_ += ']';
  send(member, SocketIoType::ack, event.ack, json_, {});
  return true;
}

// --- events ---

bool SocketIoEvents::take(Client& client, SocketIoMember& member, const Event& event) {
  bool refused = false;
  if (!meter(client, member, event, refused)) return false;
  if (refused) return true;
  bool done = true;
  switch (gate_.options().socketio.application) {
    case SocketIoApplication::chat: done = take_chat(client, member, event); break;
    case SocketIoApplication::response: respond(member, event); break;
    case SocketIoApplication::echo: echo(member, event); break;
    case SocketIoApplication::none: done = offer(client, member, event); break;
  }
  if (done) member.metered = false;
  return done;
}

bool SocketIoEvents::meter(Client& client, SocketIoMember& member, const Event& event, bool& refused) {
  if (!client.metered || member.metered) return true;
  uint64_t bytes = event.name_json.size();
  for (const std::string_view value : event.values) bytes += value.size();
  for (const std::string& attachment : event.attachments) bytes += attachment.size();
  Judgement judgement;
  switch (gate_.meters().take(client, bytes, judgement)) {
    case Passage::passed: member.metered = true; return true;
    case Passage::waiting: return false;
    case Passage::refused: break;
  }
  refused = true;
  const access::RateLimits& limits = gate_.options().limits;
  gate_.stats().limited(judgement.scope, judgement.why).add();
  const std::string_view whose = judgement.scope == access::Scope::user ? client.user() : std::string_view();
  reject(client, member, event, "rate_limited", limit_text(limits, judgement, whose));
  if (gate_.meters().strikes(client) < limits.strikes_max) return true;
  if (EngineIoSession* const session = sessions_.find(member.session)) {
    sessions_.close(*session, CloseCause::rate_limited);
  }
  return true;
}

void SocketIoEvents::on_opened(Client&, SocketIoMember& member) {
  if (gate_.options().socketio.application != SocketIoApplication::echo) return;
  const std::string_view auth = member.auth;
  emit(member, arguments_of("\"auth\"", {&auth, 1}));
}

void SocketIoEvents::echo(SocketIoMember& member, const Event& event) {
  if (event.name == "message") {
    emit(member, arguments_of("\"message-back\"", event.values), event.attachments);
  } else if (event.name == "message-with-ack" && event.ack) {
    send(member, SocketIoType::ack, event.ack, arguments_of({}, event.values), event.attachments);
  }
}

void SocketIoEvents::respond(SocketIoMember& member, const Event& event) {
  if (event.name == "message") emit(member, arguments_of("\"response\"", event.values), event.attachments);
  if (event.ack) send(member, SocketIoType::ack, event.ack, arguments_of({}, event.values), event.attachments);
}

// The application knows the event; what it answers is the acknowledgement.
bool SocketIoEvents::offer(Client& client, SocketIoMember& member, const Event& event) {
  Hooks* const hooks = gate_.hooks();
  if (hooks == nullptr || !hooks->wants(HookEvent::event, {})) {
    return reject(client, member, event, "unknown_event", "there is no event " + codec::quoted(event.name));
  }
  if (!member.decision) {
    if (member.ticket != 0) return false;
    if (gate_.draining()) {
      return reject(client, member, event, "draining", "this server is about to stop; nobody was asked");
    }
    const std::string arguments = arguments_of({}, event.values);
    size_t bytes = event.name.size() + arguments.size();
    for (const std::string& attachment : event.attachments) bytes += attachment.size();
    if (bytes > gate_.message_max(client)) {
      return reject(client, member, event, "too_large", "the event is larger than message_size_max");
    }
    std::vector<std::string> keys;
    gate_.hub().append_joined(client.id, keys);
    std::vector<std::string_view> rooms;
    for (const std::string& key : keys) {
      const std::string_view room = hub::name_of(key);
      if (!hub::is_inbox(room) && !hub::is_broadcast(room)) rooms.push_back(room);
    }
    const Ticket ticket = gate_.decisions().open(Decisions::About::message_over_socketio, client.id);
    const std::string name = name_of(client);
    member.decision = hooks->decide_event({.connection = name,
                                           .user = author(client, member),
                                           .tenant = client.tenant(),
                                           .transport = to_string(TransportKind::socketio),
                                           .address = {}},
                                          {.nsp = namespace_of(member.nsp),
                                           .name = event.name,
                                           .arguments = arguments,
                                           .attachments = event.attachments,
                                           .rooms = rooms,
                                           .acknowledge = event.ack.has_value()},
                                          gate_.reactor().wall_us(), ticket);
    if (!member.decision) {
      member.ticket = ticket.number;
      return false;
    }
    gate_.decisions().close(ticket);
  }
  HookDecision decision = *std::exchange(member.decision, std::nullopt);
  if (!decision.allow) {
    complete_refusal(decision, "this event");
    return reject(client, member, event, decision.code, decision.reason);
  }
  follow(client, member, decision);
  if (!decision.payload) return acknowledge(member, event.ack, 0), true;
  if (event.ack) send(member, SocketIoType::ack, event.ack, *decision.payload, {});
  return true;
}

// Rooms as the application wants them: it decides instead of the rules, within the limits.
void SocketIoEvents::follow(Client& client, SocketIoMember& member, const HookDecision& decision) {
  for (const std::string& room : decision.leave) {
    const std::string key = hub::channel_key(client.tenant(), room);
    if (!is_everyone(key, member.nsp)) gate_.leave(client, key);
    if (member.recovery != nullptr) std::erase(member.recovery->granted, key);
  }
  for (const std::string& room : decision.rooms) {
    const std::string key = hub::channel_key(client.tenant(), room);
    if (gate_.hub().is_member(client.id, key)) continue;
    if (gate_.hub().joined_count(client.id) >= gate_.options().rooms_per_websocket_max + kOthers) {
      return gate_.log().refused(client, 0, "too_many_rooms",
                                 "an application's answer names more rooms than rooms_per_websocket_max allows");
    }
    gate_.hub().join({.connection = client.id, .key = key, .user = client.user()});
    if (member.recovery != nullptr) member.recovery->granted.push_back(key);
  }
}

bool SocketIoEvents::take_chat(Client& client, SocketIoMember& member, const Event& event) {
  const std::string_view argument = event.values.empty() ? std::string_view() : event.values[0];
  if (event.name == "join") return join(client, member, event);
  if (event.name == "join-room") return join_room(client, member, event);
  if (event.name == "leave-room") return leave_room(client, member, event);
  if (event.name == "room-message") return room_message(client, member, event);
  if (event.name == "direct-message") return direct(client, member, event);
  if (event.name != "message") return offer(client, member, event);
  const std::string_view content = argument.starts_with('{') && !codec::socket_io_placeholder(argument)
                                       ? codec::json_member(argument, "content")
                                       : argument;
  return message(client, member, event, everyone(client, member.nsp), content);
}

bool SocketIoEvents::join(Client& client, SocketIoMember& member, const Event& event) {
  std::string name;
  if (event.values.empty() || !read_text(event.values[0], name) || !codec::check_user(name) ||
      codec::is_anonymous(name)) {
    return reject(client, member, event, "bad_user", "join has the name of a user");
  }
  // Who has shown who it is keeps that name.
  member.name = client.anonymous ? name : std::string(client.user());
  note_name(client, member);
  switch (publish(client, member, event, everyone(client, member.nsp), {kUserJoined, kNothing}, false)) {
    case Step::wait: return false;
    case Step::refused: return true;
    case Step::done: break;
  }
  ask_names(client, member);
  acknowledge(member, event.ack, 0);
  return true;
}

bool SocketIoEvents::message(Client& client, SocketIoMember& member, const Event& event, const std::string& key,
                             std::string_view content) {
  if (content.empty()) return reject(client, member, event, "missing_field", "there is no \"content\"");
  Notice notice{.event = {}, .payload = content, .kind = hub::PayloadKind::data, .ephemeral = false};
  if (const auto number = codec::socket_io_placeholder(content)) {
    if (*number >= event.attachments.size()) {
      return reject(client, member, event, "bad_field", "there is no such attachment");
    }
    notice.payload = event.attachments[*number];
    notice.kind = hub::PayloadKind::binary;
  } else if (!event.attachments.empty()) {
    return reject(client, member, event, "bad_field", "binary content stands alone, not within JSON");
  } else if (content[0] == '"') {
    notice.kind = hub::PayloadKind::content;
  }
  return publish(client, member, event, key, notice, true) != Step::wait;
}

bool SocketIoEvents::room_of(const Client& client, const SocketIoMember& member, const Event& event,
                             std::string_view room_json, std::string& key) {
  std::string room;
  if (event.values.empty() || !read_text(room_json, room) || !codec::check_room(room)) return false;
  key = channel(client, member.nsp, room);
  return hub::name_of(key).size() <= codec::kNameBytesMax;
}

bool SocketIoEvents::room_message(Client& client, SocketIoMember& member, const Event& event) {
  const std::string_view argument = event.values.empty() ? std::string_view() : event.values[0];
  std::string key;
  if (!room_of(client, member, event, codec::json_member(argument, "room"), key)) {
    return reject(client, member, event, "bad_room", "room-message has the name of a room");
  }
  return message(client, member, event, key, codec::json_member(argument, "content"));
}

bool SocketIoEvents::join_room(Client& client, SocketIoMember& member, const Event& event) {
  std::string key;
  if (event.values.empty() || !room_of(client, member, event, event.values[0], key)) {
    return reject(client, member, event, "bad_room", "join-room has the name of a room");
  }
  if (!gate_.guard().may(client, access::Operation::subscribe, key)) {
    return reject(client, member, event, "forbidden",
                  "no rule allows subscribe in " + codec::quoted(hub::name_of(key)));
  }
  if (!gate_.hub().is_member(client.id, key)) {
    if (gate_.hub().joined_count(client.id) >= gate_.options().rooms_per_websocket_max + kOthers) {
      return reject(client, member, event, "too_many_rooms",
                    "a connection may be in " + std::to_string(gate_.options().rooms_per_websocket_max) + " rooms");
    }
    gate_.hub().join({.connection = client.id, .key = key, .user = client.user()});
  }
  // Behind the join on the way to the room's owner, so that the client hears of itself.
  std::string room;
  codec::append_json_string(room, hub::name_of(key));
  const std::string_view payload = event.values[0][0] == '"' ? event.values[0] : std::string_view(room);
  if (!gate_.guard().may(client, access::Operation::publish, key)) return acknowledge(member, event.ack, 0), true;
  switch (publish(client, member, event, key, {kUserJoinedRoom, payload}, false)) {
    case Step::wait: return false;
    case Step::refused: return true;
    case Step::done: break;
  }
  acknowledge(member, event.ack, 0);
  return true;
}

bool SocketIoEvents::leave_room(Client& client, SocketIoMember& member, const Event& event) {
  std::string key;
  if (event.values.empty() || !room_of(client, member, event, event.values[0], key) || is_everyone(key, member.nsp)) {
    return reject(client, member, event, "bad_room", "leave-room has the name of a room");
  }
  if (!gate_.leave(client, key)) {
    return reject(client, member, event, "not_joined", "this connection is not in " + codec::quoted(hub::name_of(key)));
  }
  if (member.recovery != nullptr) std::erase(member.recovery->granted, key);
  acknowledge(member, event.ack, 0);
  return true;
}

bool SocketIoEvents::direct(Client& client, SocketIoMember& member, const Event& event) {
  if (member.found) {
    const bool found = *std::exchange(member.found, std::nullopt);
    if (!found) return reject(client, member, event, "not_found", "nobody has this socket id");
    acknowledge(member, event.ack, 0);
    return true;
  }
  if (member.asking) return false;
  const std::string_view argument = event.values.empty() ? std::string_view() : event.values[0];
  const std::string_view content = codec::json_member(argument, "content");
  std::string to;
  const bool named = read_text(codec::json_member(argument, "to"), to);
  if (!named || content.empty()) {
    return reject(client, member, event, "missing_field", "direct-message has \"to\" and \"content\"");
  }
  if (!event.attachments.empty()) {
    return reject(client, member, event, "bad_field", "a direct message cannot have binary content");
  }
  if (!gate_.options().clients_may_direct) {
    return reject(client, member, event, "forbidden", "clients may not write to other users here");
  }
  const auto address = gate_.parse_name(to);
  if (!address && !gate_.may_be_elsewhere(to))
    return reject(client, member, event, "not_found", "nobody has this socket id");
  if (content.size() > gate_.message_max(client)) {
    return reject(client, member, event, "too_large", "the content is larger than message_size_max");
  }
  key_.assign(client.tenant());
  key_ += hub::kTenantEnd;
  const std::string name = name_of(client);
  hub::MessageView message;
  message.timestamp_us = gate_.reactor().wall_us();
  message.key = key_;
  message.user = author(client, member);
  message.event = "direct-message";
  message.kind = content[0] == '"' ? hub::PayloadKind::content : hub::PayloadKind::data;
  message.payload = content;
  message.connection = name;
  json_.clear();
  gate_.encoder().canonical(message, json_);
  hub::Query query{hub::QueryKind::send_to_connection};
  if (address) {
    query.address = *address;
  } else {
    query.connection = to;
  }
  query.tenant = client.tenant();
  query.payload = json_;
  query.from = client.id;
  member.asking = true;
  gate_.hub().query(query);
  return false;
}

void SocketIoEvents::on_answer(const Client&, SocketIoMember& member, const hub::Answer& answer) {
  member.asking = false;
  member.found = answer.found;
  answered_.push_back(member.session);
}

// --- publishing ---

SocketIoEvents::Step SocketIoEvents::publish(Client& client, SocketIoMember& member, const Event& event,
                                             const std::string& key, const Notice& notice, bool acknowledged) {
  if (!gate_.guard().may(client, access::Operation::publish, key)) {
    reject(client, member, event, "forbidden", "no rule allows publish in " + codec::quoted(hub::name_of(key)));
    return Step::refused;
  }
  if (gate_.draining()) {
    reject(client, member, event, "draining", "this server is about to stop; nothing was published");
    return Step::refused;
  }
  if (notice.payload.size() > gate_.message_max(client)) {
    reject(client, member, event, "too_large", "the content is larger than message_size_max");
    return Step::refused;
  }
  const std::string name = name_of(client);
  hub::Publish publish{.key = key,
                       .user = author(client, member),
                       .connection = name,
                       .event = notice.event,
                       .kind = notice.kind,
                       .payload = notice.payload,
                       .ephemeral = notice.ephemeral};
  // What only says that somebody came is nobody's to decide.
  if (!notice.ephemeral && gate_.hooks() != nullptr && gate_.hooks()->wants(HookEvent::publish, hub::name_of(key))) {
    if (!member.decision) {
      if (member.ticket != 0) return Step::wait;
      const Ticket ticket = gate_.decisions().open(Decisions::About::message_over_socketio, client.id);
      member.decision = gate_.hooks()->decide_publish({.connection = name,
                                                       .user = client.user(),
                                                       .tenant = client.tenant(),
                                                       .transport = to_string(TransportKind::socketio),
                                                       .address = {}},
                                                      {hub::name_of(key), publish.event, publish.kind, publish.payload},
                                                      gate_.reactor().wall_us(), ticket);
      if (!member.decision) {
        member.ticket = ticket.number;
        return Step::wait;
      }
      gate_.decisions().close(ticket);
    }
    HookDecision& decision = *member.decision;
    if (!decision.allow) {
      HookDecision refusal = *std::exchange(member.decision, std::nullopt);
      complete_refusal(refusal, "this message");
      reject(client, member, event, refusal.code, refusal.reason);
      return Step::refused;
    }
    if (decision.event) publish.event = *decision.event;
    if (decision.payload) {
      publish.payload = *decision.payload;
      publish.kind = decision.kind;
    }
  }
  publish.from = client.id;
  publish.acknowledge = acknowledged && event.ack.has_value();
  publish.correlation = publish.acknowledge ? last_correlation_ + 1 : 0;
  if (gate_.hub().publish(publish) == hub::PublishResult::no_credit) {
    gate_.stall(client, key);
    return Step::wait;
  }
  gate_.stats().messages_in.add();
  gate_.stats().message_bytes_in.add(publish.payload.size());
  member.decision.reset();
  if (publish.acknowledge) member.owed.push_back({++last_correlation_, *event.ack});
  return Step::done;
}

void SocketIoEvents::on_published(Client& client, SocketIoMember& member, const hub::Published& published) {
  const auto owed = std::find_if(member.owed.begin(), member.owed.end(), [&](const SocketIoMember::OwedAck& at) {
    return at.correlation == published.correlation;
  });
  if (owed == member.owed.end()) return;
  Event event;
  event.ack = owed->id;
  member.owed.erase(owed);
  const Error* const error = error_of(published.error);
  if (error == nullptr) return acknowledge(member, event.ack, published.id);
  reject(client, member, event, error->code, error->message);
}

std::optional<SocketIoEvents::Farewell> SocketIoEvents::farewell_of(const Client& client,
                                                                    const SocketIoMember& member) const {
  if (gate_.draining() || gate_.options().socketio.application != SocketIoApplication::chat) return std::nullopt;
  std::string key = everyone(client, member.nsp);
  if (!gate_.guard().may(client, access::Operation::publish, key)) return std::nullopt;
  return Farewell{std::move(key), std::string(author(client, member)), name_of(client)};
}

bool SocketIoEvents::start_turn() {
  names_budget_ = kNamesPerTick;
  farewells_budget_ = kFarewellsPerTick;
  return !name_questions_.empty() || (!farewells_.empty() && !std::exchange(no_credit_, false));
}

void SocketIoEvents::on_tick() {
  for (; farewells_budget_ != 0 && !farewells_.empty(); --farewells_budget_) {
    const Farewell& farewell = farewells_.front();
    const hub::Publish publish{.key = farewell.key,
                               .user = farewell.user,
                               .connection = farewell.connection,
                               .event = kUserLeft,
                               .kind = hub::PayloadKind::data,
                               .payload = kNothing,
                               .ephemeral = true};
    no_credit_ = gate_.hub().publish(publish) == hub::PublishResult::no_credit;  // a tick with credit will come
    if (no_credit_) break;
    farewells_.pop_front();
  }
  while (names_budget_ != 0 && !name_questions_.empty()) {
    names_budget_ -= std::min(names_budget_, answer_names(*name_questions_.front()));
    name_questions_.pop_front();
  }
  for (const EngineIoSid& sid : std::exchange(answered_, {})) {
    if (EngineIoSession* const session = sessions_.find(sid)) sessions_.resume(*session);
  }
}

// --- who is there ---

void SocketIoEvents::ask_names(Client& client, SocketIoMember& member) {
  if (member.cores_to_answer != 0) return;  // an answer is on its way
  member.cores_to_answer = gate_.cores();
  member.rows.clear();
  for (uint16_t core = 0; core < gate_.cores(); ++core) {
    auto mail = std::make_unique<EngineIoMail>();
    mail->kind = EngineIoMail::Kind::ask_names;
    mail->connection = gate_.address_of(client);
    mail->tenant = client.tenant();
    mail->number = member.nsp;
    gate_.reactor().post(core, engine_io_mail(std::move(mail)));
  }
}

std::string SocketIoEvents::names_key(std::string_view tenant, uint8_t nsp) {
  std::string key(tenant);
  key += hub::kTenantEnd;
  key += static_cast<char>(nsp);
  return key;
}

void SocketIoEvents::note_name(const Client& client, const SocketIoMember& member) {
  named_[names_key(client.tenant(), member.nsp)][{client.id.slot, client.id.generation}] = member.name;
}

void SocketIoEvents::forget_name(std::string_view tenant, uint8_t nsp, ConnectionId id) {
  const auto names = named_.find(names_key(tenant, nsp));
  if (names == named_.end()) return;
  names->second.erase({id.slot, id.generation});
  if (names->second.empty()) named_.erase(names);
}

size_t SocketIoEvents::answer_names(const EngineIoMail& question) {
  auto mail = std::make_unique<EngineIoMail>();
  mail->kind = EngineIoMail::Kind::names;
  mail->connection = question.connection;
  const auto names = named_.find(names_key(question.tenant, static_cast<uint8_t>(question.number)));
  if (names != named_.end()) {
    for (const auto& [id, name] : names->second) {
      if (mail->rows.size() >= gate_.options().list_limit_max) break;
      std::string socket;
      gate_.append_name(socket, hub::Address{gate_.core(), {id.first, id.second}});
      mail->rows.emplace_back(std::move(socket), name);
    }
  }
  const size_t rows = mail->rows.size() + 1;
  gate_.reactor().post(question.connection.core, engine_io_mail(std::move(mail)));
  return rows;
}

void SocketIoEvents::take_names(EngineIoMail& mail) {
  if (mail.kind == EngineIoMail::Kind::ask_names) {
    name_questions_.push_back(std::make_unique<EngineIoMail>(std::move(mail)));
    return;
  }
  Client* const client = gate_.find(mail.connection.connection);
  if (client == nullptr || client->kind != Kind::socket_io || client->phase != Phase::open) return;
  auto& member = client->extra_as<SocketIoMember>();
  if (member.cores_to_answer == 0) return;
  const size_t room =
      gate_.options().list_limit_max - std::min<size_t>(gate_.options().list_limit_max, member.rows.size());
  mail.rows.resize(std::min(mail.rows.size(), room));
  member.rows.insert(member.rows.end(), mail.rows.begin(), mail.rows.end());
  if (--member.cores_to_answer != 0) return;
  // Taken out, or the member would keep room for all of them.
  const auto rows = std::exchange(member.rows, std::vector<std::pair<std::string, std::string>>());
  std::string json = "[\"online-users\",";
  codec::JsonWriter writer(json);
  writer.begin_array();
  for (const auto& [id, name] : rows) writer.begin_array().string(id).string(name).end_array();
  writer.end_array();
  json += ']';
  emit(member, json);
}

}  // namespace ringcast::session
