// SPDX-License-Identifier: Apache-2.0
#include "transport/engine_io/socket_io_transport.h"

#include <algorithm>
#include <map>
#include <utility>

#include "api/request_limits.h"
#include "client/admission.h"
#include "client/connection_log.h"
#include "client/guard.h"
#include "client/hub_errors.h"
#include "codec/json/json_members.h"
#include "codec/websocket/websocket_frame.h"
#include "compat/form.h"
#include "transport/engine_io/engine_io_transport.h"
#include "transport/frame_length.h"
#include "transport/gate.h"
#include "transport/http1/http_session.h"

namespace ringcast::session {

using codec::SocketIoPacket;
using codec::SocketIoType;
using codec::WebSocketOpcode;
using reactor::CloseCause;
using reactor::Connection;

// What a session has at this layer.
struct SocketIoTransport::Session final : Extra {
  std::vector<ConnectionId> members;
  // A packet whose attachments are coming.
  bool assembling = false;
  uint32_t wanted = 0;
  size_t bytes = 0;
  std::string text;
  std::vector<std::string> attachments;
  // Whether the client of the connect in hand comes back.
  enum class Back : uint8_t { unasked, asked, answered } back = Back::unasked;
  std::unique_ptr<SocketIoReturn> from;
};

namespace {

// Ends after which a client may come back: those that it had no part in.
bool may_come_back(CloseCause cause) {
  switch (cause) {
    case CloseCause::protocol_error:
    case CloseCause::refused:
    case CloseCause::rate_limited:
    case CloseCause::kicked:
    case CloseCause::token_expired:
    case CloseCause::drained:
    case CloseCause::shutdown: return false;
    default: return true;
  }
}

}  // namespace

SocketIoTransport::SocketIoTransport(Gate& gate)
    : gate_(gate),
      sessions_(gate, gate.admission(), *this),
      journal_(gate.core(), gate.shared().name_key),
      events_(gate, sessions_, journal_),
      asks_(gate),
      returns_(gate, sessions_, events_, journal_, *this) {}
SocketIoTransport::~SocketIoTransport() = default;

bool SocketIoTransport::on_mail(const reactor::Mail& mail, EngineIoTransport& connections) {
  if (mail.kind == kEngineIoFrames) return connections.take_frames(mail), true;
  if (mail.kind != kEngineIoMail) return false;
  const std::unique_ptr<EngineIoMail> message(reinterpret_cast<EngineIoMail*>(mail.value));
  if (message->kind <= EngineIoMail::Kind::gone) {
    sessions_.take(*message);
  } else if (message->kind <= EngineIoMail::Kind::close) {
    connections.take(*message);
  } else if (!returns_.take(*message)) {
    events_.take_names(*message);
  }
  return true;
}

std::string_view SocketIoTransport::name_of(uint8_t nsp) const {
  return events_.namespace_of(nsp);
}

codec::JsonLimits SocketIoTransport::json_limits() const {
  const SessionOptions& options = gate_.options();
  return {options.json_depth_max, options.socketio.payload_max, options.batch_items_max};
}

// --- packets ---

bool SocketIoTransport::on_message(EngineIoSession& session, bool binary, std::string_view data) {
  if (session.above == nullptr) session.above = std::make_unique<Session>();
  auto& state = static_cast<Session&>(*session.above);
  const SocketIoOptions& options = gate_.options().socketio;
  SocketIoPacket packet;
  if (!binary) {
    if (state.assembling) return fail(session, "text among the attachments of a packet"), true;
    if (!codec::parse_socket_io_packet(data, packet)) return fail(session, "no packet of Socket.IO"), true;
    if (packet.attachments == 0) return take_packet(session, packet, {});
    if (packet.attachments > options.attachments_max) return fail(session, "too many attachments"), true;
    // Nothing is collected for what is no event.
    const codec::JsonLimits limits = json_limits();
    if (!(packet.type == SocketIoType::binary_ack ? codec::read_socket_io_ack(packet.json, limits, arguments_)
                                                  : codec::read_socket_io_event(packet.json, limits, arguments_))) {
      return fail(session, "no arguments before the attachments"), true;
    }
    state.assembling = true;
    state.wanted = packet.attachments;
    state.bytes = data.size();
    state.text = data;
    return true;
  }
  if (!state.assembling) return fail(session, "an attachment of no packet"), true;
  // The last one comes again where the event had to wait.
  if (state.attachments.size() < state.wanted) {
    state.bytes += data.size();
    if (state.bytes > options.payload_max) return fail(session, "the attachments are too large"), true;
    state.attachments.emplace_back(data);
    if (state.attachments.size() < state.wanted) return true;
  }
  codec::parse_socket_io_packet(state.text, packet);
  if (!take_packet(session, packet, state.attachments)) return false;
  state.assembling = false;
  state.attachments.clear();
  return true;
}

bool SocketIoTransport::take_packet(EngineIoSession& session, const SocketIoPacket& packet,
                                    std::span<const std::string> attachments) {
  if (packet.type == SocketIoType::connect) return connect(session, packet);
  Client* const client = member_of(session, packet.nsp);
  if (client == nullptr) return fail(session, "a packet for a namespace that is not connected"), true;
  auto& member = client->extra_as<SocketIoMember>();
  const codec::JsonLimits limits = json_limits();
  switch (packet.type) {
    case SocketIoType::disconnect: leave(*client, CloseCause::peer_closed); return true;
    case SocketIoType::event:
    case SocketIoType::binary_event: {
      if (const auto read = codec::read_socket_io_event(packet.json, limits, arguments_); !read) {
        return fail(session, read.error().message), true;
      }
      return events_.take(*client, member,
                          {.name = arguments_.name,
                           .name_json = arguments_.name_json,
                           .values = arguments_.values,
                           .attachments = attachments,
                           .ack = packet.id});
    }
    case SocketIoType::ack:
    case SocketIoType::binary_ack:
      if (!packet.id || !codec::read_socket_io_ack(packet.json, limits, arguments_)) {
        return fail(session, "no acknowledgement"), true;
      }
      asks_.acknowledged(client->id, *packet.id, events_.arguments_json(arguments_.values), attachments);
      return true;
    case SocketIoType::connect:
    case SocketIoType::connect_error: break;
  }
  fail(session, "a packet that only servers send");
  return true;
}

// What breaks the protocol ends the session, as everywhere.
void SocketIoTransport::fail(EngineIoSession& session, std::string_view why) {
  gate_.stats().error(ErrorCount::protocol).add();
  if (const auto held_back = mistakes_.pass(gate_.reactor().now().count())) {
    log_debug("socketio_protocol_error", {{"core", gate_.core()}, {"why", why}, {"held_back", *held_back}});
  }
  sessions_.close(session, CloseCause::protocol_error);
}

// --- namespaces ---

Client* SocketIoTransport::member_of(EngineIoSession& session, std::string_view nsp) {
  if (session.above == nullptr) return nullptr;
  for (const ConnectionId id : static_cast<Session&>(*session.above).members) {
    Client* const client = gate_.find(id);
    if (client == nullptr || client->phase != Phase::open) continue;
    if (name_of(client->extra_as<SocketIoMember>().nsp) == nsp) return client;
  }
  return nullptr;
}

void SocketIoTransport::refuse_connect(EngineIoSession& session, std::string_view nsp, std::string_view why) {
  text_.clear();
  codec::append_socket_io_connect_error(text_, nsp, why);
  sessions_.send(session, text_);
}

bool SocketIoTransport::connect(EngineIoSession& session, const SocketIoPacket& packet) {
  const SessionOptions& options = gate_.options();
  const std::vector<std::string>& namespaces = options.socketio.namespaces;
  const auto& members = static_cast<Session&>(*session.above).members;
  const bool known = std::any_of(members.begin(), members.end(), [&](ConnectionId id) {
    const Client* const client = gate_.find(id);
    return client != nullptr && client->phase != Phase::closing &&
           name_of(static_cast<const SocketIoMember&>(*client->extra).nsp) == packet.nsp;
  });
  if (known) return fail(session, "the namespace is connected already"), true;
  std::string auth;
  if (const auto read = codec::read_socket_io_auth(packet.json, json_limits(), auth); !read) {
    return fail(session, read.error().message), true;
  }
  if (auth.size() > options.message_max) {
    return refuse_connect(session, packet.nsp, "what comes with the connect is larger than message_size_max"), true;
  }
  const auto found = std::find(namespaces.begin(), namespaces.end(), packet.nsp);
  if (found == namespaces.end()) {
    return refuse_connect(session, packet.nsp, "Invalid namespace"), true;
  }
  if (gate_.draining()) {
    return refuse_connect(session, packet.nsp, "this server is about to stop"), true;
  }
  const auto identity = identity_of(session, auth);
  if (!identity) {
    gate_.stats().error(ErrorCount::unauthorized).add();
    return refuse_connect(session, packet.nsp, identity.error().message), true;
  }
  if (!count(session, *identity)) return false;
  if (!session.over_limit.empty()) {
    return refuse_connect(session, packet.nsp, std::exchange(session.over_limit, {})), true;
  }
  const auto nsp = static_cast<uint8_t>(found - namespaces.begin());
  if (!ask_back(session, nsp, *identity, auth)) return false;
  auto from = std::move(static_cast<Session&>(*session.above).from);
  open_member(session, nsp, *identity, std::move(auth), std::move(from));
  return true;
}

// False: whether the client comes back is asked where it was.
bool SocketIoTransport::ask_back(EngineIoSession& session, uint8_t nsp, const access::Identity& identity,
                                 std::string_view auth) {
  auto& state = static_cast<Session&>(*session.above);
  if (!returns_.on() || state.back == Session::Back::answered) {
    state.back = Session::Back::unasked;
    return true;
  }
  if (state.back == Session::Back::asked) return false;
  std::string pid, offset;
  if (!codec::append_unquoted(pid, codec::json_member(auth, "pid"))) return true;
  codec::append_unquoted(offset, codec::json_member(auth, "offset"));
  if (!returns_.ask(session, nsp, identity, pid, offset)) {
    gate_.stats().socketio_unrecovered.add();
    return true;
  }
  state.back = Session::Back::asked;
  return false;
}

void SocketIoTransport::on_answer(const EngineIoSid& sid, std::unique_ptr<SocketIoReturn> from) {
  EngineIoSession* const session = sessions_.find(sid);
  if (session == nullptr) return;
  auto& state = static_cast<Session&>(*session->above);
  if (from == nullptr) gate_.stats().socketio_unrecovered.add();
  state.back = Session::Back::answered;
  state.from = std::move(from);
  sessions_.resume(*session);
}

// The handshake's request has said who it is, or what comes with the connect does: {"token":…}.
Result<access::Identity> SocketIoTransport::identity_of(const EngineIoSession& session, std::string_view auth) {
  Guard& guard = gate_.guard();
  guard.refresh();
  std::string token;
  const bool given = codec::append_unquoted(token, codec::json_member(auth, "token")) && !token.empty();
  if (!guard.tokens() || session.identity.is_server() || (!given && !session.denial)) return session.identity;
  if (!given) return tl::unexpected<Error>(*session.denial);
  auto identity = guard.verify(token);
  if (!identity) gate_.stats().auth_failure(auth_failure_of(identity.error().code)).add();
  return identity;
}

// A token that comes with the connect says only now whose connection it is.
bool SocketIoTransport::count(EngineIoSession& session, const access::Identity& identity) {
  if (session.asking) return false;
  const access::RateLimits& limits = gate_.options().limits;
  if (!session.over_limit.empty() || identity.anonymous() || identity.is_server() ||
      (limits.connections(access::Scope::user) == 0 &&
       !limits.rate(access::Scope::user, access::Charge::connects).limited())) {
    return true;
  }
  const std::string user = user_key(identity);
  if (user == session.counted_user) return true;
  session.counted_user = user;
  session.asking = true;
  const access::Question question{.subject = gate_.admission().subject_of(access::Scope::user, user),
                                  .counted = limits.connections(access::Scope::user) != 0,
                                  .connects = 1};
  gate_.admission().ask(EngineIoSessions::id_of(session), {&question, 1}, true);
  return false;
}

void SocketIoTransport::on_judged(ConnectionId id, const Judgement& judgement) {
  EngineIoSession* const session = sessions_.find(id);
  if (session == nullptr) return;
  session->asking = false;
  if (!judgement.allowed) {
    gate_.stats().limited(judgement.scope, judgement.why).add();
    session->counted_user.clear();
    session->over_limit = limit_text(gate_.options().limits, judgement, {});
  }
  sessions_.resume(*session);
}

void SocketIoTransport::open_member(EngineIoSession& session, uint8_t nsp, const access::Identity& identity,
                                    std::string auth, std::unique_ptr<SocketIoReturn> from) {
  const ConnectionId id = gate_.reactor().open_detached();
  if (id.slot == kNoIndex) return refuse_connect(session, name_of(nsp), "this server is full");
  sessions_.note_connected(session);
  Client& client = gate_.add(id);
  client.kind = Kind::socket_io;
  client.phase = Phase::opening;
  client.route = session.route;
  client.anonymous = identity.anonymous();
  client.who = Who(identity);
  auto made = std::make_unique<SocketIoMember>();
  SocketIoMember& member = *made;
  member.session = session.sid;
  member.nsp = nsp;
  member.auth = std::move(auth);
  client.extra = std::move(made);
  static_cast<Session&>(*session.above).members.push_back(id);
  gate_.opened(client, TransportKind::socketio);
  gate_.http().meter(client, identity, session.address);
  gate_.open_at_hub(client, form_id(WireForm::socket_io, Dialect::socket_io));
  if (returns_.on()) member.recovery = returns_.begin(client, identity, std::move(from));
  SocketIoReturning* const returning = member.returning();
  if (returning != nullptr) {
    for (SocketIoEvent& event : returning->from->events) member.early.push_back({.event = std::move(event)});
    returning->messages = member.early.size();
  }
  for (Subscribed& channel : channels_of(client, session, member)) {
    if (!permit(gate_.guard(), client, {&channel, 1})) {
      if (returning != nullptr && channel.has_cursor) return begin_anew(client, member);
      continue;
    }
    if (!gate_.hub().join(join_of(client, channel))) continue;
    ++member.outstanding;
    if (channel.granted && member.recovery != nullptr) member.recovery->granted.push_back(channel.key);
  }
  open_if_joined(client, member);
}

std::vector<Subscribed> SocketIoTransport::channels_of(const Client& client, const EngineIoSession& session,
                                                       const SocketIoMember& member) const {
  std::vector<Subscribed> channels;
  if (const SocketIoReturning* const returning = member.returning()) {
    for (const SocketIoReturn::Room& room : returning->from->rooms) {
      channels.push_back({.key = room.key, .has_cursor = true, .cursor = room.position, .granted = room.granted});
    }
  } else {
    channels.push_back({.key = events_.everyone(client, member.nsp)});
    channels.push_back(
        {.key = channel_key_for(client, codec::kBroadcastChannel), .kind = codec::ChannelKind::broadcast});
    if (!client.anonymous) {
      channels.push_back({.key = std::string(client.inbox_key()), .kind = codec::ChannelKind::inbox});
    }
  }
  for (const std::string& room : session.rooms) {
    channels.push_back({.key = events_.channel(client, member.nsp, room), .granted = true});
  }
  return channels;
}

void SocketIoTransport::on_joined(Client& client, Connection&, const hub::Joined& joined) {
  const bool failed = joined.error != hub::JoinError::none;
  if (failed) {
    const Error& error = error_of(joined.error);
    gate_.log().refused(client, 0, error.code, error.message);
  }
  if (client.phase == Phase::closing) return;
  auto& member = client.extra_as<SocketIoMember>();
  SocketIoRecovery* const recovery = member.recovery.get();
  if (recovery != nullptr && !failed) {
    journal_.join(recovery->trace, gate_.hub().channel_of(client.id, joined.key), joined.key, joined.id, joined.newest);
  }
  if (client.phase != Phase::opening) return;
  RINGCAST_ASSERT(member.outstanding > 0);
  --member.outstanding;
  if (SocketIoReturning* const returning = member.returning()) {
    returning->messages += joined.replayed;
    if (failed || !joined.recovered || returning->messages > gate_.options().socketio.recovery_messages_max) {
      return begin_anew(client, member);
    }
  }
  open_if_joined(client, member);
}

void SocketIoTransport::on_replay(Client& client, Connection&, std::string_view key, std::span<const Slice> canonical,
                                  uint64_t first_id, uint32_t, uint64_t gap_oldest) {
  if (client.phase == Phase::closing) return;
  auto& member = client.extra_as<SocketIoMember>();
  const uint32_t channel = gate_.hub().channel_of(client.id, key);
  if (gap_oldest != 0 && member.recovery != nullptr) {
    if (member.returning() != nullptr) return begin_anew(client, member);
    journal_.lose(channel, gap_oldest - 1);
  }
  const bool everyone = events_.is_everyone(key, member.nsp);
  uint64_t id = first_id;
  for (const Slice& slice : canonical) {
    std::string_view run = slice.view();
    for (; !run.empty(); ++id) {
      const uint32_t length = websocket_frame_length({reinterpret_cast<const uint8_t*>(run.data()), run.size()});
      const std::string_view message = run.substr(0, length);
      run.remove_prefix(length);
      if (!spell_socket_io(read_canonical(message), everyone, spelled_)) continue;
      send_spelled(client, member, message, channel, id);
      if (client.phase == Phase::closing) return;
    }
  }
  if (gate_.hub().replaying(client.id)) replaying_.push_back(client.id);
  if (client.phase == Phase::opening) open_if_joined(client, member);
}

void SocketIoTransport::open_if_joined(Client& client, SocketIoMember& member) {
  if (member.outstanding != 0 || client.phase != Phase::opening) return;
  if (member.returning() == nullptr || !gate_.hub().replaying(client.id)) finish_opening(client, member);
}

// Whether its client may come back, though its session is gone.
static bool stays(const SocketIoMember& member) {
  return member.recovery != nullptr && member.recovery->stays;
}

// By their times, as far as each room's order allows.
static void sort_missed(std::vector<SocketIoMember::Early>& events) {
  std::map<uint32_t, std::string> last;  // by room
  for (SocketIoMember::Early& early : events) {
    std::string& at = last[early.channel];
    if (early.event.at < at) {
      early.event.at = at;
    } else {
      at = early.event.at;
    }
  }
  std::stable_sort(events.begin(), events.end(), [](const auto& a, const auto& b) { return a.event.at < b.event.at; });
}

void SocketIoTransport::finish_opening(Client& client, SocketIoMember& member) {
  EngineIoSession* const session = sessions_.find(member.session);
  if (session == nullptr) return;
  client.phase = Phase::open;
  SocketIoRecovery* const recovery = member.recovery.get();
  if (member.returning() != nullptr) {
    returns_.settle(client, *recovery);
    member.name = std::move(recovery->returning->from->name);
    if (!member.name.empty()) events_.note_name(client, member);
    recovery->returning.reset();
    sort_missed(member.early);
  }
  text_.clear();
  codec::append_socket_io_head(text_, {.type = SocketIoType::connect, .nsp = name_of(member.nsp)});
  text_ += "{\"sid\":\"";
  gate_.append_name(text_, client);
  if (recovery != nullptr) {
    text_ += "\",\"pid\":\"";
    append_engine_io_sid(text_, recovery->pid);
  }
  text_ += "\"}";
  sessions_.send(*session, text_);
  gate_.guard().watch(client);
  events_.on_opened(client, member);
  member.auth = {};
  member.early_bytes = 0;
  for (SocketIoMember::Early& early : std::exchange(member.early, {})) {
    const std::vector<std::string_view> attachments(early.event.attachments.begin(), early.event.attachments.end());
    send_alone(client, member,
               {.json = early.event.json,
                .attachments = attachments,
                .at = early.event.at,
                .channel = early.channel,
                .id = early.id});
  }
}

void SocketIoTransport::begin_anew(Client& client, SocketIoMember& member) {
  member.recovery->returning->failed = true;
  member.early = {};
  gate_.stats().socketio_unrecovered.add();
  leave(client, CloseCause::done);
}

void SocketIoTransport::on_replaced(Client& client) {
  leave(client, CloseCause::done);
  client.extra_as<SocketIoMember>().farewell = false;
}

void SocketIoTransport::on_late(Client& client, SocketIoEvent event) {
  auto& member = client.extra_as<SocketIoMember>();
  if (client.phase == Phase::closing) {
    keep_late(client, member, std::move(event));
    return;
  }
  const std::vector<std::string_view> attachments(event.attachments.begin(), event.attachments.end());
  send_alone(client, member, {.json = event.json, .attachments = attachments, .at = event.at});
}

bool SocketIoTransport::keep_late(const Client& client, SocketIoMember& member, SocketIoEvent event) {
  if (returns_.knows(client.id)) return returns_.send_late(client.id, std::move(event));
  if (!stays(member)) return false;
  journal_.keep(member.recovery->trace, std::move(event));
  return true;
}

// --- what the hub brings ---

void SocketIoTransport::deliver(std::string_view key, const hub::Delivery& delivery) {
  for (Prepared& prepared : prepared_) prepared = {};
  prepared_.resize(gate_.options().socketio.namespaces.size());
  SocketIoOffset offset;
  if (returns_.on()) {
    uint64_t first = 0, last = 0;
    for (const hub::RunEntry& entry : delivery.entries) {
      if (first == 0) first = entry.id;
      if (entry.id != 0) last = entry.id;
    }
    const uint64_t position = journal_.position(delivery.channel, first);
    offset = journal_.offset(journal_.run(delivery.channel, first, last), position);
  }
  uint64_t sent = 0;
  for (const uint32_t slot : delivery.members) {
    Client& client = gate_.at(slot);
    if (client.kind != Kind::socket_io || client.phase == Phase::closing) continue;
    auto& member = client.extra_as<SocketIoMember>();
    if (client.phase == Phase::opening) {
      const bool everyone = events_.is_everyone(key, member.nsp);
      for (const hub::RunEntry& entry : delivery.entries) {
        const std::string_view canonical = entry.canonical.view();
        if (!spell_socket_io(read_canonical(canonical), everyone, spelled_)) continue;
        send_spelled(client, member, canonical, delivery.channel, entry.id);
        if (client.phase == Phase::closing) break;
      }
      continue;
    }
    const EngineIoShared* const shared = shared_for(member.nsp, key, delivery.entries, offset);
    EngineIoSession* const session = shared == nullptr ? nullptr : sessions_.find(member.session);
    if (session == nullptr) continue;
    sessions_.send_shared(*session, *shared);
    ++sent;
  }
  gate_.stats().out(TransportKind::socketio).add(sent * delivery.entries.size());
}

// The run as the members of a namespace get it: written once. Null: there is nothing for them in it.
const EngineIoShared* SocketIoTransport::shared_for(uint8_t nsp, std::string_view key,
                                                    std::span<const hub::RunEntry> entries, SocketIoOffset offset) {
  Prepared& prepared = prepared_[nsp];
  EngineIoShared& shared = prepared.shared;
  if (prepared.made) return shared.packets == 0 ? nullptr : &shared;
  prepared.made = true;
  const bool everyone = events_.is_everyone(key, nsp);
  frames_.clear();
  for (const hub::RunEntry& entry : entries) {
    if (entry.id != 0) offset.id = entry.id;
    if (!spell_socket_io(read_canonical(entry.canonical.view()), everyone, spelled_)) continue;
    if (returns_.on()) append_socket_io_offset(spelled_.json, offset);
    text_.clear();
    codec::append_engine_io_text(text_, codec::EngineIoType::message, {});
    codec::append_socket_io_head(text_, {.type = spelled_.binary ? SocketIoType::binary_event : SocketIoType::event,
                                         .nsp = name_of(nsp),
                                         .attachments = 1});
    text_ += spelled_.json;
    codec::append_frame(frames_, {.opcode = WebSocketOpcode::text}, text_);
    if (!shared.payload.empty()) shared.payload += codec::kEngineIoSeparator;
    shared.payload += text_;
    ++shared.packets;
    if (!spelled_.binary) continue;
    codec::append_frame(frames_, {.opcode = WebSocketOpcode::binary}, spelled_.attachment);
    shared.payload += codec::kEngineIoSeparator;
    codec::append_engine_io_binary(shared.payload, spelled_.attachment);
    ++shared.packets;
  }
  if (shared.packets == 0) return nullptr;
  shared.frames = gate_.reactor().copy(frames_);
  return &shared;
}

bool SocketIoTransport::send_and_ask(Client& client, std::string_view canonical, std::chrono::milliseconds time,
                                     const hub::Asker& asker) {
  const auto& member = client.extra_as<SocketIoMember>();
  EngineIoSession* const session = sessions_.find(member.session);
  if (session == nullptr || !events_.spell(client.tenant(), member.nsp, canonical, spelled_)) return false;
  text_.clear();
  codec::append_socket_io_head(text_, {.type = spelled_.binary ? SocketIoType::binary_event : SocketIoType::event,
                                       .nsp = name_of(member.nsp),
                                       .attachments = 1,
                                       .id = asks_.open(client.id, asker, time)});
  text_ += spelled_.json;
  gate_.stats().out(TransportKind::socketio).add();
  sessions_.send(*session, text_, {&spelled_.attachment, spelled_.binary ? size_t{1} : size_t{0}});
  return true;
}

bool SocketIoTransport::send_canonical(Client& client, Connection&, std::string_view canonical) {
  auto& member = client.extra_as<SocketIoMember>();
  if (client.phase == Phase::closing) {
    auto event = events_.event_of(client.tenant(), member.nsp, canonical);
    return event && keep_late(client, member, *std::move(event));
  }
  if (!events_.spell(client.tenant(), member.nsp, canonical, spelled_)) return false;
  return send_spelled(client, member, canonical, kNoIndex, 0);
}

bool SocketIoTransport::send_spelled(Client& client, SocketIoMember& member, std::string_view canonical,
                                     uint32_t channel, uint64_t id) {
  std::string at;
  if (member.recovery != nullptr) {
    codec::append_unquoted(at, codec::json_member(read_canonical(canonical).json, "timestamp"));
  }
  return send_alone(client, member,
                    {.json = spelled_.json,
                     .attachments = {&spelled_.attachment, spelled_.binary ? size_t{1} : size_t{0}},
                     .at = at,
                     .channel = channel,
                     .id = id});
}

bool SocketIoTransport::send_alone(Client& client, SocketIoMember& member, const Alone& event) {
  if (client.phase == Phase::opening) return send_early(client, member, event);
  EngineIoSession* const session = sessions_.find(member.session);
  if (session == nullptr) return false;
  if (member.recovery != nullptr) {
    SocketIoJournal::Trace& trace = member.recovery->trace;
    append_socket_io_offset(
        event.json, event.channel != kNoIndex
                        ? journal_.own(trace, event.channel, event.id)
                        : journal_.keep(trace, {.json = event.json,
                                                .attachments = {event.attachments.begin(), event.attachments.end()},
                                                .at = std::string(event.at)}));
  }
  text_.clear();
  const bool binary = !event.attachments.empty();
  codec::append_socket_io_head(text_, {.type = binary ? SocketIoType::binary_event : SocketIoType::event,
                                       .nsp = name_of(member.nsp),
                                       .attachments = static_cast<uint32_t>(event.attachments.size())});
  text_ += event.json;
  sessions_.send(*session, text_, event.attachments);
  gate_.stats().out(TransportKind::socketio).add();
  return true;
}

// A client that comes back gets all that it missed, or begins anew; for another one it is as if it did not read.
bool SocketIoTransport::send_early(Client& client, SocketIoMember& member, const Alone& event) {
  const SessionOptions& options = gate_.options();
  const bool comes_back = member.returning() != nullptr;
  SocketIoMember::Early early{.event = {.json = event.json,
                                        .attachments = {event.attachments.begin(), event.attachments.end()},
                                        .at = std::string(event.at)},
                              .channel = event.channel,
                              .id = event.id};
  member.early_bytes += early.event.bytes();
  const uint64_t bytes_max = comes_back
                                 ? std::min<uint64_t>(options.socketio.recovery_size_max, options.outbox_bytes_max)
                                 : options.outbox_bytes_max;
  if (member.early.size() < options.outbox_messages_max && member.early_bytes <= bytes_max) {
    member.early.push_back(std::move(early));
    return true;
  }
  if (comes_back) {
    begin_anew(client, member);
  } else if (EngineIoSession* const session = sessions_.find(member.session)) {
    gate_.stats().slow_closed.add();
    sessions_.close(*session, CloseCause::slow_consumer);
  }
  return false;
}

void SocketIoTransport::on_published(Client& client, Connection&, const hub::Published& published) {
  if (client.phase == Phase::closing) return;
  events_.on_published(client, client.extra_as<SocketIoMember>(), published);
}

void SocketIoTransport::on_answer(Client& client, Connection&, const hub::Answer& answer) {
  if (client.phase == Phase::closing) return;
  events_.on_answer(client, client.extra_as<SocketIoMember>(), answer);
}

// --- what waited ---

void SocketIoTransport::go_on(Client& client) {
  if (client.extra == nullptr) return;
  if (EngineIoSession* const session = sessions_.find(client.extra_as<SocketIoMember>().session)) {
    sessions_.resume(*session);
  }
}

void SocketIoTransport::on_decided(ConnectionId id, uint64_t ticket, HookDecision decision) {
  Client* const client = gate_.find(id);
  if (client == nullptr || client->kind != Kind::socket_io || client->phase == Phase::closing) return;
  auto& member = client->extra_as<SocketIoMember>();
  if (member.ticket != ticket) return;
  member.ticket = 0;
  member.decision = std::move(decision);
  go_on(*client);
}

void SocketIoTransport::on_tick() {
  for (const Leaving& leaving : std::exchange(leaving_, {})) {
    Client* const client = gate_.find(leaving.id);
    if (client == nullptr) continue;
    auto& member = client->extra_as<SocketIoMember>();
    if (stays(member)) returns_.keep(*client, member);
    gate_.close_now(*client, leaving.cause);
  }
  for (Anew& anew : std::exchange(anew_, {})) {
    EngineIoSession* const session = sessions_.find(anew.session);
    if (session != nullptr) open_member(*session, anew.nsp, anew.identity, std::move(anew.auth), nullptr);
  }
  for (const ConnectionId id : std::exchange(replaying_, {})) {
    if (const Client* const client = gate_.find(id); client != nullptr && client->phase != Phase::closing) {
      gate_.hub().replay_next(id);
    }
  }
  returns_.on_tick();
  events_.on_tick();
  sessions_.on_tick();
}

// --- ends ---

void SocketIoTransport::disconnect(Client& client, CloseCause cause) {
  if (client.phase == Phase::closing) return;
  auto& member = client.extra_as<SocketIoMember>();
  if (EngineIoSession* const session = sessions_.find(member.session)) {
    text_.clear();
    codec::append_socket_io_head(text_, {.type = SocketIoType::disconnect, .nsp = name_of(member.nsp)});
    sessions_.send(*session, text_);
  }
  leave(client, cause);
}

// This may be a call of the hub, which is left later.
void SocketIoTransport::leave(Client& client, CloseCause cause) {
  if (client.phase == Phase::closing) return;
  client.extra_as<SocketIoMember>().farewell = client.phase == Phase::open;
  client.phase = Phase::closing;
  leaving_.push_back({client.id, cause});
}

void SocketIoTransport::on_closed(EngineIoSession& session, CloseCause cause) {
  if (session.above == nullptr) return;
  for (const ConnectionId id : static_cast<Session&>(*session.above).members) {
    Client* const client = gate_.find(id);
    if (client == nullptr || client->phase == Phase::closing) continue;
    SocketIoRecovery* const recovery = client->extra_as<SocketIoMember>().recovery.get();
    if (recovery != nullptr && client->phase == Phase::open && may_come_back(cause) && !gate_.draining()) {
      recovery->stays = true;
    }
    leave(*client, cause);
  }
}

void SocketIoTransport::on_closed(Client& client, CloseCause cause) {
  gate_.stats().closed_by(TransportKind::socketio, cause).add();
  gate_.ended(client, TransportKind::socketio);
  asks_.gone(client.id);
  auto& member = client.extra_as<SocketIoMember>();
  if (client.phase == Phase::open) member.farewell = true;  // closed from elsewhere
  SocketIoRecovery* const recovery = member.recovery.get();
  if (!stays(member)) {
    if (auto farewell = member.farewell ? events_.farewell_of(client, member) : std::nullopt) {
      events_.say(*std::move(farewell));
    }
    events_.forget_name(client.tenant(), member.nsp, client.id);
    if (recovery != nullptr) returns_.end(client, *recovery);
  }
  EngineIoSession* const session = sessions_.find(member.session);
  if (session == nullptr) return;
  if (SocketIoReturning* const returning = member.returning(); returning != nullptr && returning->failed) {
    returns_.give_up(*returning->from);
    anew_.push_back({session->sid, member.nsp, std::move(returning->identity), std::move(member.auth)});
    gate_.reactor().tick_again();
  }
  std::erase(static_cast<Session&>(*session->above).members, client.id);
  sessions_.resume(*session);
}

void SocketIoTransport::on_kicked(Client& client, Connection&) {
  if (client.phase == Phase::closing) {
    auto& member = client.extra_as<SocketIoMember>();
    if (returns_.knows(client.id)) return returns_.kick(client.id);
    if (member.recovery != nullptr) member.recovery->stays = false;
    return;
  }
  disconnect(client, CloseCause::kicked);
}

void SocketIoTransport::end_token(Client& client, Connection&, TokenEnd how) {
  disconnect(client, how == TokenEnd::expired ? CloseCause::token_expired : CloseCause::refused);
}

void SocketIoTransport::drain(Client& client, Connection&) {
  if (client.phase == Phase::closing) return;
  EngineIoSession* const session = sessions_.find(client.extra_as<SocketIoMember>().session);
  if (session != nullptr) sessions_.close(*session, CloseCause::drained);
}

}  // namespace ringcast::session
