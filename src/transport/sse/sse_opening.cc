// SPDX-License-Identifier: Apache-2.0
// SseSession: from the request to the first event. The head waits for the answers to all joins: only then is it known
// whether there is anything to come (204), and from which positions.

#include <algorithm>

#include "api/request.h"
#include "client/connection_log.h"
#include "client/guard.h"
#include "client/hub_errors.h"
#include "codec/http1/http_response.h"
#include "codec/native/cursor.h"
#include "codec/native/event_json.h"
#include "transport/frame_length.h"
#include "transport/gate.h"
#include "transport/http1/http_session.h"
#include "transport/sse/sse_session.h"
#include "transport/sse/sse_stream.h"
#include "transport/subscription.h"

namespace ringcast::session {

using codec::HttpHeader;
using reactor::CloseCause;

void SseSession::append_head(std::string& out, const Client& client, bool keep_alive) {
  std::vector<HttpHeader> headers{{"Cache-Control", kStreamCacheControl}, {"X-Accel-Buffering", "no"}};
  gate_.http().append_cors(headers, client);
  codec::append_response_head(out,
                              {.framing = client.bare() ? codec::BodyFraming::until_close : codec::BodyFraming::chunked,
                               .keep_alive = keep_alive,
                               .version_minor = static_cast<uint8_t>(client.http10 ? 0 : 1),
                               .content_type = "text/event-stream",
                               .date = gate_.http_date(),
                               .headers = headers});
}

void SseSession::open(Client& client, Connection& connection, const Request& request) {
  HttpSession& http = gate_.http();
  const SessionOptions& options = gate_.options();
  identify(client, request);
  if (request.http.method == codec::HttpMethod::post) return open_posted(client, connection, request);
  auto requested = initial_channels(request, client, options, options.rooms_per_stream_max);
  if (!requested) {
    const std::string_view code = requested.error().code;
    const uint16_t status = code == "forbidden" ? 403 : code == "topics_not_enabled" ? 500 : 400;
    return http.refuse(client, connection, status, requested.error().code, requested.error().message);
  }
  std::vector<Subscribed> channels = std::move(*requested);
  if (channels.empty()) channels.push_back({.key = channel_key_for(client, codec::kDefaultRoom)});
  // EventSource repeats the old URL when it reconnects, so its field is the newer one.
  auto cursor = request.http.headers.find("Last-Event-ID");
  if (cursor.value_or("").empty()) {
    if (const auto named = request.query.get_any({"last_event_id", "since", "last_id"})) cursor = named;
  }
  const bool resumes = cursor && apply_cursor(request, *cursor, client.user(), channels);
  const bool chat_room = request.route.dialect == Dialect::chat_room;
  if (chat_room && !resumes) {
    // What history has left comes first.
    for (Subscribed& channel : channels) channel.has_cursor = channel.kind == codec::ChannelKind::room;
  }
  if (const auto permitted = permit(gate_.guard(), client, channels); !permitted) {
    return http.refuse(client, connection, 403, permitted.error().code, permitted.error().message);
  }
  if (client.head_only) {
    out_.clear();
    append_head(out_, client, client.keep_alive);
    return http.respond_raw(client, connection, 200, out_);
  }
  client.resumes = resumes;
  begin(client, connection, request, std::make_unique<SseStream>(), std::move(channels));
}

// A stream that names its channels and positions in a body says of each channel that it cannot have what is wrong, and
// has no cursor: the ids of its events are those of their channels.
void SseSession::open_posted(Client& client, Connection& connection, const Request& request) {
  auto posted = posted_channels(request, client, gate_.guard(), gate_.options());
  if (!posted) {
    const uint16_t status = posted.error().code == "forbidden" ? 403 : 400;
    return gate_.http().refuse(client, connection, status, posted.error().code, posted.error().message);
  }
  auto stream = std::make_unique<SseStream>();
  stream->by_name = true;
  for (const RefusedChannel& refused : posted->refused) {
    note_refused(client, *stream, refused.name, refused.error.code, refused.error.message);
  }
  client.resumes = std::any_of(posted->channels.begin(), posted->channels.end(),
                               [](const Subscribed& channel) { return channel.has_cursor; });
  begin(client, connection, request, std::move(stream), std::move(posted->channels));
}

void SseSession::note_refused(const Client& client, SseStream& stream, std::string_view room, std::string_view code,
                              std::string_view message) {
  gate_.log().refused(client, 0, code, message);
  text_.clear();
  codec::append_room_error_event(text_, codec::ErrorEvent::problem, room, code, message);
  append_event(stream.refused, client, "problem", text_);
}

void SseSession::begin(Client& client, Connection& connection, const Request& request, std::unique_ptr<SseStream> made,
                       std::vector<Subscribed> channels) {
  HttpSession& http = gate_.http();
  const bool chat_room = request.route.dialect == Dialect::chat_room;
  // What the joins bring is queued before the head is; an answer still unsent would end up behind it.
  if (!connection.outbox.empty()) {
    return http.refuse(client, connection, 400, "pipelined_stream", "a stream has to wait for the answers before it");
  }

  SseStream& stream = *made;
  append_head(stream.head, client);
  std::sort(channels.begin(), channels.end(), [](const auto& a, const auto& b) { return a.name() < b.name(); });
  std::vector<std::string_view> names;
  for (const Subscribed& channel : channels) {
    names.push_back(channel.name());
    stream.channels.push_back({.key = CompactString(channel.key), .fault = channel.fault});
  }
  stream.positions.resize(channels.size(), 0);
  stream.hash = codec::cursor_hash(names);
  stream.rooms_left = static_cast<uint32_t>(channels.size());

  client.kind = Kind::sse;
  client.phase = Phase::opening;
  client.heartbeat_event = request.query.get("heartbeat").value_or("") == "event";
  client.extra = std::move(made);
  // A chat room's presence is looked at message by message.
  const bool multi = !stream.by_name && (channels.size() > 1 || chat_room);
  const WireForm form = client.bare() ? (multi ? WireForm::sse_multi_plain : WireForm::sse_plain)
                                      : (multi ? WireForm::sse_multi : WireForm::sse);
  gate_.limit_output(client, connection, frame_length_of(form));
  gate_.reactor().cork(connection, true);
  gate_.opened(client, TransportKind::sse);
  if (client.resumes) gate_.stats().reconnects.add();

  gate_.open_at_hub(client, form_id(form, request.route.dialect));
  for (const Subscribed& channel : channels) {
    if (gate_.hub().join(join_of(client, channel))) ++stream.outstanding;
  }
  // The directory counts every connection of a user, whatever it listens to.
  if (!client.anonymous && stream.find(client.inbox_key()) == SseStream::kUnknown) {
    hub::Join join{.connection = client.id,
                   .key = client.inbox_key(),
                   .name = client.who.inbox_name(),
                   .user = client.user(),
                   .silent = true};
    if (gate_.hub().join(join)) ++stream.outstanding;
  }
  RINGCAST_ASSERT(stream.outstanding != 0);
}

void SseSession::on_joined(Client& client, Connection& connection, const hub::Joined& joined) {
  if (client.phase != Phase::opening) return;
  auto& stream = client.extra_as<SseStream>();
  RINGCAST_ASSERT(stream.outstanding > 0);
  --stream.outstanding;
  const uint32_t at = stream.find(joined.key);
  if (joined.error != hub::JoinError::none) {
    if (stream.by_name && at != SseStream::kUnknown) {
      const Error& error = error_of(joined.error);
      note_refused(client, stream, hub::name_of(joined.key), error.code, error.message);
      stream.positions[at] = codec::kNoPosition;
      --stream.rooms_left;
    } else {
      stream.failed = joined.error;
    }
  } else if (at != SseStream::kUnknown) {
    stream.positions[at] = joined.id;
    if (joined.ended) ++stream.ended;
    const CursorFault fault = stream.channels[at].fault;
    const bool recovered = joined.recovered && fault == CursorFault::none;
    if (!recovered) send_gap(client, connection, joined.key, joined.id + 1, joined.reset, fault);
    if (recovered && joined.replayed != 0) gate_.stats().resumed.add();
    if (joined.replayed != 0) connection.want_drained = true;
  }
  if (stream.outstanding != 0) return;
  if (stream.failed != hub::JoinError::none || stream.ended == stream.channels.size()) {
    later_.push(client.id);
  } else {
    finish_opening(client, connection);
  }
}

void SseSession::finish_opening(Client& client, Connection& connection) {
  auto& stream = client.extra_as<SseStream>();
  const codec::SseFraming framing = framing_of(client);
  text_.clear();
  if (!stream.by_name) codec::append_cursor(text_, stream.hash, stream.positions);
  std::string& name = gate_.second_scratch();
  name.clear();
  gate_.append_name(name, client);
  std::string& json = gate_.scratch();
  json.clear();
  const std::string_view user = client.anonymous ? codec::kAnonymousUser : client.user();
  const auto heartbeat_ms = static_cast<uint64_t>(gate_.heartbeat_interval(client).count());
  if (stream.by_name) {
    std::vector<codec::ChannelPosition> positions;
    for (size_t i = 0; i < stream.channels.size(); ++i) {
      if (stream.positions[i] == codec::kNoPosition) continue;
      positions.push_back({hub::name_of(stream.channels[i].key.view()), stream.positions[i]});
    }
    codec::append_connection_id_event(json, name, user, positions, heartbeat_ms);
  } else {
    codec::append_connection_id_event(json, name, user, std::string_view(text_), heartbeat_ms);
  }
  out_ = stream.head;
  codec::append_sse_retry(out_, framing, retry_ms(client));
  const Dialect dialect = gate_.route_of(client).dialect;
  if (stream.by_name) {
    append_event(out_, client, "connection_id", json);
    out_ += stream.refused;
    std::string().swap(stream.refused);
  } else if (dialect == Dialect::native) {
    codec::append_sse_event(out_, framing, std::string_view(text_), "connection_id", json);
  } else if (const Spelled* spelled = spelling_.spell(dialect, "connection_id", json)) {
    codec::append_sse_event(out_, framing, std::string_view(text_), spelled->name, spelled->data);
  } else {
    codec::append_sse_event_cursor(out_, framing, text_);  // nothing to see, and yet it can be resumed
  }
  if (dialect == Dialect::gateway) append_heartbeat(out_, client, HeartbeatEvent::Kind::initial);
  if (dialect == Dialect::chat_room) welcome(client, out_);
  gate_.reactor().send_opening(connection, out_);
  client.phase = Phase::open;

  if (!stream.early.empty()) {
    out_.clear();
    for (const SseStream::Early& message : stream.early) {
      append_message(out_, client, message.canonical.view(), message.id, message.channel, message.replayed);
      message.canonical.hold->release();
    }
    stream.early.clear();
    stream.early.shrink_to_fit();
    gate_.reactor().send_copy(connection, out_);
  }
  gate_.reactor().send_copy(connection, stream.early_left);
  std::string().swap(stream.early_left);
  std::string().swap(stream.head);
  if (stream.rooms_left == 0) later_.push(client.id);
  gate_.let_go(client);
  if (!is_multi_sse(form_of(client.form).wire) && !stream.by_name && stream.rooms_left != 0) client.extra.reset();
  gate_.reactor().cork(connection, false);
  gate_.guard().watch(client);
  arm_beat(client, connection);
  read_again(client, connection);
}

// Who enters a chat room is sent what the others are sent of it, and then who is there.
void SseSession::welcome(Client& client, std::string& out) {
  const auto& stream = client.extra_as<SseStream>();
  const auto room = std::find_if(stream.channels.begin(), stream.channels.end(), [](const SseStream::Channel& channel) {
    const std::string_view name = hub::name_of(channel.key.view());
    return !hub::is_inbox(name) && !hub::is_broadcast(name);
  });
  if (room == stream.channels.end()) return;
  text_.clear();
  codec::append_member_joined_event(text_, hub::name_of(room->key.view()),
                                    client.anonymous ? codec::kAnonymousUser : client.user(), "online", 0);
  append_event(out, client, "member_joined", text_);
  if (!gate_.guard().may(client, access::Operation::presence, room->key.view())) return;
  online_lists_.enter(client.id, room->key.view());
}

void SseSession::refuse(Client& client, Connection& connection, std::string_view code, std::string_view message,
                        milliseconds after) {
  const codec::SseFraming framing = framing_of(client);
  out_.clear();
  append_head(out_, client);
  codec::append_sse_retry(out_, framing, std::max<uint64_t>(retry_ms(client), static_cast<uint64_t>(after.count())));
  text_.clear();
  codec::append_error_event(text_, codec::ErrorEvent::problem, code, message, {});
  append_event(out_, client, "problem", text_);
  text_.clear();
  codec::append_close_event(text_, 1013, message);
  append_event(out_, client, "close", text_);
  codec::append_sse_end(out_, framing);
  gate_.reactor().send_copy(connection, out_);
  gate_.close_gently(client, CloseCause::refused);
}

}  // namespace ringcast::session
