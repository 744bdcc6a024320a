// SPDX-License-Identifier: Apache-2.0
#include "transport/encoder.h"

#include "codec/json/compact_json.h"
#include "codec/json/json_members.h"
#include "codec/native/event_json.h"
#include "codec/native/names.h"
#include "codec/sse/sse.h"
#include "codec/websocket/deflate.h"
#include "codec/websocket/websocket_frame.h"
#include "compat/canonical.h"

namespace ringcast::session {
namespace {

using codec::WebSocketOpcode;

codec::UserStatus status_of(hub::Status status) {
  switch (status) {
    case hub::Status::online: return codec::UserStatus::online;
    case hub::Status::away: return codec::UserStatus::away;
    case hub::Status::busy: return codec::UserStatus::busy;
  }
  return codec::UserStatus::online;
}

std::string_view default_event_of(std::string_view channel) {
  return hub::is_inbox(channel) ? std::string_view("direct") : codec::kDefaultEventType;
}

// Other systems have names for events that native clients would take for the server's own, or cannot have.
bool is_foreign_name(std::string_view event) {
  return !event.empty() && event != "direct" && !codec::check_event_type(event);
}

// What a rule looks at: data, or data that comes as its text.
constexpr codec::JsonLimits kFinalLimits{};

codec::SseFraming framing_of(WireForm wire) {
  return is_plain_sse(wire) ? codec::SseFraming::bare : codec::SseFraming::chunked;
}

}  // namespace

void Encoder::canonical(const hub::MessageView& message, std::string& out) {
  const std::string_view channel = hub::name_of(message.key);
  const bool foreign = is_foreign_name(message.event);
  text_.clear();
  switch (message.kind) {
    case hub::PayloadKind::binary:
      codec::append_binary_event(text_, message.id, channel, message.user, message.payload.size());
      codec::append_frame(out, {.opcode = WebSocketOpcode::text}, text_);
      codec::append_frame(out, {.opcode = WebSocketOpcode::binary}, message.payload);
      return;
    case hub::PayloadKind::none: codec::append_typing_event(text_, channel, message.user); break;
    case hub::PayloadKind::content:
    case hub::PayloadKind::data:
      codec::append_message_event(
          text_, {.id = message.id,
                  .event_type = message.event.empty() || foreign ? default_event_of(channel) : message.event,
                  .room = channel,
                  .user = message.user,
                  .payload_kind =
                      message.kind == hub::PayloadKind::data ? codec::PayloadKind::data : codec::PayloadKind::content,
                  .payload = message.payload,
                  .timestamp_us = static_cast<int64_t>(message.timestamp_us),
                  .connection = message.connection,
                  .event = foreign ? message.event : std::string_view()});
      break;
  }
  codec::append_frame(out, {.opcode = WebSocketOpcode::text}, text_);
}

void Encoder::presence(const hub::PresenceView& event, std::string& out) {
  const std::string_view channel = hub::name_of(event.key);
  const std::string_view user = event.user.empty() ? codec::kAnonymousUser : event.user;
  text_.clear();
  switch (event.kind) {
    case hub::PresenceView::Kind::member_joined:
      codec::append_member_joined_event(text_, channel, user, codec::to_string(status_of(event.status)), event.members);
      break;
    case hub::PresenceView::Kind::member_left:
      codec::append_member_left_event(text_, channel, user, event.members);
      break;
    case hub::PresenceView::Kind::status:
      codec::append_status_event(text_, channel, user, codec::to_string(status_of(event.status)));
      break;
  }
  codec::append_frame(out, {.opcode = WebSocketOpcode::text}, text_);
}

bool Encoder::append_compressed_frame(std::string_view frame, std::string& out) {
  const auto opcode = static_cast<WebSocketOpcode>(static_cast<uint8_t>(frame[0]) & 0x0f);
  const size_t header = static_cast<uint8_t>(frame[1]) < 126 ? 2 : static_cast<uint8_t>(frame[1]) == 126 ? 4 : 10;
  const std::string_view payload = frame.substr(header);
  if (payload.size() >= options_.deflate_from) {
    payload_.clear();
    codec::append_deflated(payload_, payload, options_.deflate_level);
    if (payload_.size() < payload.size()) {
      codec::append_frame(out, {.opcode = opcode, .compressed = true}, payload_);
      return true;
    }
  }
  out += frame;
  return false;
}

bool Encoder::compressed(std::string_view canonical, std::string& out) {
  if (!options_.deflate || canonical.size() < options_.deflate_from) return false;
  const Canonical message = read_canonical(canonical);
  const size_t begin = out.size();
  const size_t text_end = message.is_binary ? message.binary_frame_at : canonical.size();
  bool smaller = append_compressed_frame(canonical.substr(0, text_end), out);
  if (message.is_binary) smaller |= append_compressed_frame(canonical.substr(text_end), out);
  if (!smaller) out.resize(begin);
  return smaller;
}

hub::Derived Encoder::derive(hub::FormId form, std::string_view canonical, uint64_t id, std::string& out) {
  const Form spelled = form_of(form);
  if (spelled.dialect == Dialect::native) return derive_native(spelled.wire, canonical, id, out);
  return spelling_.derive(spelled, canonical, id, false, out);
}

hub::Derived Encoder::derive_native(WireForm wire, std::string_view canonical, uint64_t id, std::string& out) {
  const auto whole = hub::Derived{.length = static_cast<uint32_t>(canonical.size())};
  if (wire == WireForm::websocket || wire == WireForm::websocket_deflate) return whole;
  const Canonical message = read_canonical(canonical);
  if (wire == WireForm::websocket_raw) {
    if (!message.is_binary) return whole;
    return {.offset = message.binary_frame_at,
            .length = static_cast<uint32_t>(canonical.size()) - message.binary_frame_at};
  }

  const size_t begin = out.size();
  const std::string_view json = textual_json(message, payload_);
  switch (wire) {
    case WireForm::sse:
    case WireForm::sse_plain:
      if (id != 0) {
        codec::append_sse_event(out, framing_of(wire), id, message.event, json);
      } else {
        codec::append_sse_event(out, framing_of(wire), std::string_view(), message.event, json);
      }
      break;
    case WireForm::sse_multi:
    case WireForm::sse_multi_plain: codec::append_sse_event_head(out, framing_of(wire), message.event, json); break;
    default: out += json; break;
  }
  return {.kind = hub::Derived::Kind::written, .length = static_cast<uint32_t>(out.size() - begin)};
}

bool Encoder::takes_compressed(hub::FormId form) const {
  return form_of(form).wire == WireForm::websocket_deflate;
}

bool Encoder::wants_entries(hub::FormId form) const {
  const WireForm wire = form_of(form).wire;
  return has_entries(wire);
}

bool Encoder::is_final(const hub::MessageView& message, std::span<const hub::FinalWhen> rules) const {
  if (rules.empty() || message.kind == hub::PayloadKind::binary) return false;
  std::string_view data = message.payload;
  thread_local std::string text, json;
  if (data.starts_with("\"{")) {
    text.clear();
    json.clear();
    if (!codec::append_unquoted(text, data) || !codec::append_compact_json(json, text, kFinalLimits)) return false;
    data = json;
  } else if (message.kind != hub::PayloadKind::data) {
    return false;
  }
  for (const hub::FinalWhen& rule : rules) {
    const std::string_view value = codec::json_member(data, rule.member);
    for (const std::string& text : rule.texts) {
      if (codec::literal_is(value, text)) return true;
    }
  }
  return false;
}

std::string_view Encoder::json(std::string_view canonical, std::string& scratch) const {
  return textual_json(read_canonical(canonical), scratch);
}

}  // namespace ringcast::session
