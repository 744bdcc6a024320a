// SPDX-License-Identifier: Apache-2.0
// WebSocketSession: from the upgrade request to the first events. The 101 response waits for the answers to the first
// joins, so that `connection_id` can say from which positions the stream goes on; it is put before whatever those
// joins have brought meanwhile.

#include <algorithm>

#include "api/request.h"
#include "client/connection_log.h"
#include "client/guard.h"
#include "codec/native/event_json.h"
#include "codec/websocket/deflate_negotiation.h"
#include "codec/websocket/websocket_frame.h"
#include "codec/websocket/websocket_handshake.h"
#include "transport/frame_length.h"
#include "transport/gate.h"
#include "transport/http1/http_session.h"
#include "transport/subscription.h"
#include "transport/websocket/websocket_room.h"
#include "transport/websocket/websocket_session.h"
#include "transport/websocket/websocket_states.h"

namespace ringcast::session {
namespace {

// What a refused client may still send before its close frame; it is not looked at.
constexpr uint32_t kRefusedMessageMax = 64 << 10;

// A cursor without names speaks of the rooms that the request names, one with names of the inbox and `*` as well.
void apply_since(const Request& request, const Client& client, std::span<Subscribed> channels, size_t rooms) {
  const auto since = request.query.get_any({"since", "last_event_id", "last_id"});
  if (!since) return;
  const bool of_all = rooms == 0 || since->find('=') != std::string_view::npos;
  apply_cursor(request, *since, client.user(), of_all ? channels : channels.first(rooms));
}

}  // namespace

void WebSocketSession::open(Client& client, Connection& connection, const Request& request) {
  HttpSession& http = gate_.http();
  const SessionOptions& options = gate_.options();
  codec::WebSocketUpgrade upgrade;
  codec::HttpError error;
  if (!codec::check_websocket_request(request.http, upgrade, error)) {
    http.refuse(client, connection, error.status, error.code, error.message, codec::upgrade_error_headers(error));
    return;
  }
  // What the joins bring is queued before the response is; an answer still unsent would end up behind it.
  if (!connection.outbox.empty()) {
    http.refuse(client, connection, 400, "pipelined_upgrade", "an upgrade has to wait for the answers before it");
    return;
  }

  if (request.denial) {
    if (request.denial->code == "try_again") {
      return open_and_close(client, connection, upgrade, 1013, "try again later", *request.denial);
    }
    return open_and_close(client, connection, upgrade, 4001, "Unauthorized", *request.denial);
  }
  if (request.refusal) {
    const HookDecision& refusal = *request.refusal;
    return open_and_close(client, connection, upgrade, refusal.passing ? 1013 : 4003,
                          refusal.passing ? "try again later" : "Forbidden", {refusal.code, refusal.reason});
  }

  const bool echo = request.route.endpoint == Endpoint::echo;
  const bool native = request.route.dialect == Dialect::native;
  std::vector<Subscribed> channels;
  if (!echo) {
    identify(client, request);
    auto requested = initial_channels(request, client, options, options.rooms_per_websocket_max);
    if (!requested) {
      // What a browser can see: it hides the status of an upgrade that is refused.
      const std::string_view code = requested.error().code;
      if (code == "forbidden" || (native && code == "too_many_rooms")) {
        return open_and_close(client, connection, upgrade, 4003, "Forbidden", requested.error());
      }
      return http.refuse(client, connection, 400, requested.error().code, requested.error().message);
    }
    channels = std::move(*requested);
    const size_t rooms = channels.size();
    const auto add = [&](std::string key, codec::ChannelKind kind) {
      const bool known = std::any_of(channels.begin(), channels.end(), [&](const auto& at) { return at.key == key; });
      if (!known) channels.push_back({.key = std::move(key), .kind = kind});
    };
    if (native) {
      if (!client.anonymous) add(std::string(client.inbox_key()), codec::ChannelKind::inbox);
      add(channel_key_for(client, codec::kBroadcastChannel), codec::ChannelKind::broadcast);
    }
    apply_since(request, client, channels, rooms);
    if (const auto permitted = permit(gate_.guard(), client, channels); !permitted) {
      return open_and_close(client, connection, upgrade, 4003, "Forbidden", permitted.error());
    }
  }

  const std::string_view extension =
      options.deflate && native ? codec::negotiate_deflate(request.http.headers) : std::string_view();
  auto opening = std::make_unique<WebSocketOpening>();
  codec::append_websocket_response(opening->response, upgrade.key,
                                   upgrade.offers_protocol(kNativeProtocol) ? kNativeProtocol : std::string_view(),
                                   extension, gate_.http_date());

  client.kind = Kind::websocket;
  client.deflate = !extension.empty();
  client.echo_endpoint = echo;
  client.raw_binary = native && request.query.get("binary").value_or("") == "raw";
  client.awaiting_pong = client.close_sent = client.close_received = client.has_aside = false;
  client.decoder = codec::WebSocketDecoder({.role = codec::WebSocketRole::server,
                                            .deflate = client.deflate,
                                            .message_max = gate_.message_max(client),
                                            .inflated_max = std::min(gate_.message_max(client), options.inflated_max)});
  const WireForm form = client.raw_binary ? WireForm::websocket_raw
                        : client.deflate  ? WireForm::websocket_deflate
                                          : WireForm::websocket;
  // Of a binary pair a dialect's clients get the binary frame alone.
  gate_.limit_output(client, connection, frame_length_of(native ? form : WireForm::websocket_raw));
  connection.unlimited_output = echo;  // bounded by ease() and the size of one message instead
  gate_.stats().upgrades.add();
  gate_.opened(client, TransportKind::websocket);
  const bool returns = std::any_of(channels.begin(), channels.end(), [](const auto& at) { return at.has_cursor; });
  if (returns) gate_.stats().reconnects.add();
  arm_beat(client, connection);
  if (echo) {
    client.phase = Phase::open;
    gate_.reactor().send_opening(connection, opening->response);
    return;
  }

  client.phase = Phase::opening;
  gate_.reactor().cork(connection, true);
  gate_.open_at_hub(client, form_id(form, request.route.dialect));
  for (const Subscribed& channel : channels) {
    if (!gate_.hub().join(join_of(client, channel))) continue;
    ++opening->outstanding;
    if (channel.fault != CursorFault::none) opening->faults.emplace_back(channel.key, channel.fault);
    if (channel.kind == codec::ChannelKind::room) client.room = gate_.hub().channel_of(client.id, channel.key);
  }
  // The directory counts every connection of a user, whatever it listens to.
  const bool silent = !native && !client.anonymous && !gate_.hub().is_member(client.id, client.inbox_key());
  if (silent &&
      gate_.hub().join({.connection = client.id, .key = client.inbox_key(), .user = client.user(), .silent = true})) {
    ++opening->outstanding;
  }
  const bool none = opening->outstanding == 0;
  client.extra = std::move(opening);
  if (none) finish_opening(client, connection);
}

void WebSocketSession::open_and_close(Client& client, Connection& connection, const codec::WebSocketUpgrade& upgrade,
                                      uint16_t code, std::string_view reason, const Error& error) {
  frame_.clear();
  codec::append_websocket_response(frame_, upgrade.key,
                                   upgrade.offers_protocol(kNativeProtocol) ? kNativeProtocol : std::string_view(), {},
                                   gate_.http_date());
  gate_.reactor().send_copy(connection, frame_);
  client.kind = Kind::websocket;
  client.phase = Phase::open;
  client.echo_endpoint = client.raw_binary = client.deflate = false;
  client.awaiting_pong = client.close_sent = client.close_received = client.has_aside = false;
  client.decoder = codec::WebSocketDecoder({.role = codec::WebSocketRole::server, .message_max = kRefusedMessageMax});
  connection.unlimited_output = false;
  gate_.stats().upgrades.add();
  gate_.opened(client, TransportKind::websocket);
  const std::string_view said = code == 4001 ? std::string_view("unauthorized") : error.code;
  gate_.log().refused(client, code, said, error.message);
  gate_.stats().error(error_count_of_close(code)).add();
  if (gate_.route_of(client).dialect == Dialect::native) {
    codec::append_error_event(writer_.begin(), codec::ErrorEvent::error, said, error.message, {});
    writer_.send(connection);
  }
  close(client, connection, code, reason, reactor::CloseCause::refused);
}

void WebSocketSession::note_opening(Client& client, Connection& connection, const hub::Joined& joined) {
  auto& opening = client.extra_as<WebSocketOpening>();
  RINGCAST_ASSERT(opening.outstanding > 0);
  --opening.outstanding;
  if (joined.error == hub::JoinError::none) {
    opening.positions.emplace_back(hub::name_of(joined.key), joined.id);
    opening.members = std::max(opening.members, joined.members);
    const auto fault = std::find_if(opening.faults.begin(), opening.faults.end(),
                                    [&](const auto& at) { return at.first == joined.key; });
    actions_.tell_joined(connection, joined, {}, fault == opening.faults.end() ? CursorFault::none : fault->second);
  } else {
    note_left(gate_.hub(), client);
    actions_.tell_join_error(connection, joined, {});
  }
  if (opening.outstanding == 0) finish_opening(client, connection);
}

void WebSocketSession::finish_opening(Client& client, Connection& connection) {
  auto& opening = client.extra_as<WebSocketOpening>();
  std::vector<codec::ChannelPosition> positions;
  positions.reserve(opening.positions.size());
  for (const auto& [name, id] : opening.positions) positions.push_back({name, id});
  std::string& name = gate_.second_scratch();
  name.clear();
  gate_.append_name(name, client);
  codec::append_connection_id_event(writer_.begin(), name, client.anonymous ? codec::kAnonymousUser : client.user(),
                                    positions, static_cast<uint64_t>(gate_.heartbeat_interval(client).count()));
  frame_ = opening.response;
  writer_.append(connection, frame_);
  gate_.reactor().send_opening(connection, frame_);
  // As with presence, a large room is not notified of each.
  const bool announces = table_of(gate_.route_of(client).dialect).announces && client.room != kNoIndex;
  if (announces) {
    const hub::RoomPolicy& policy = gate_.hub().policy_of(client.room);
    client.greeted = policy.presence && opening.members <= policy.presence_events_max;
  }
  gate_.let_go(client);
  client.extra.reset();
  client.phase = Phase::open;
  gate_.reactor().cork(connection, false);
  gate_.guard().watch(client);
  if (client.greeted) publisher_.announce(client, gate_.hub().key_of(client.room), true);
  gate_.reactor().resume_reading(connection, reactor::PauseReason::answer);
  if (client.has_buffered_input || client.peer_done) gate_.read_on(client);
}

}  // namespace ringcast::session
