// SPDX-License-Identifier: Apache-2.0
#include "session/encoder.h"

#include "session/canonical.h"
#include "wire/deflate.h"
#include "wire/event_json.h"
#include "wire/json_members.h"
#include "wire/sse.h"
#include "wire/websocket_frame.h"

namespace ringcast::session {
namespace {

using wire::WebSocketOpcode;

wire::UserStatus status_of(hub::Status status) {
  switch (status) {
    case hub::Status::online: return wire::UserStatus::online;
    case hub::Status::away: return wire::UserStatus::away;
    case hub::Status::busy: return wire::UserStatus::busy;
  }
  return wire::UserStatus::online;
}

std::string_view event_of(const hub::MessageView& message, std::string_view channel) {
  if (!message.event.empty()) return message.event;
  return hub::is_inbox(channel) ? std::string_view("direct") : wire::kDefaultEventType;
}

wire::SseFraming framing_of(WireForm wire) {
  return is_plain_sse(wire) ? wire::SseFraming::bare : wire::SseFraming::chunked;
}

}  // namespace

void Encoder::canonical(const hub::MessageView& message, std::string& out) {
  const std::string_view channel = hub::name_of(message.key);
  text_.clear();
  switch (message.kind) {
    case hub::PayloadKind::binary:
      wire::append_binary_event(text_, message.id, channel, message.user, message.payload.size());
      wire::append_frame(out, {.opcode = WebSocketOpcode::text}, text_);
      wire::append_frame(out, {.opcode = WebSocketOpcode::binary}, message.payload);
      return;
    case hub::PayloadKind::none: wire::append_typing_event(text_, channel, message.user); break;
    case hub::PayloadKind::content:
    case hub::PayloadKind::data:
      wire::append_message_event(
          text_, {.id = message.id,
                  .event_type = event_of(message, channel),
                  .room = channel,
                  .user = message.user,
                  .payload_kind =
                      message.kind == hub::PayloadKind::data ? wire::PayloadKind::data : wire::PayloadKind::content,
                  .payload = message.payload,
                  .timestamp_us = static_cast<int64_t>(message.timestamp_us),
                  .connection = message.connection});
      break;
  }
  wire::append_frame(out, {.opcode = WebSocketOpcode::text}, text_);
}

void Encoder::presence(const hub::PresenceView& event, std::string& out) {
  const std::string_view channel = hub::name_of(event.key);
  const std::string_view user = event.user.empty() ? wire::kAnonymousUser : event.user;
  text_.clear();
  switch (event.kind) {
    case hub::PresenceView::Kind::member_joined:
      wire::append_member_joined_event(text_, channel, user, wire::to_string(status_of(event.status)), event.members);
      break;
    case hub::PresenceView::Kind::member_left:
      wire::append_member_left_event(text_, channel, user, event.members);
      break;
    case hub::PresenceView::Kind::status:
      wire::append_status_event(text_, channel, user, wire::to_string(status_of(event.status)));
      break;
  }
  wire::append_frame(out, {.opcode = WebSocketOpcode::text}, text_);
}

bool Encoder::append_compressed_frame(std::string_view frame, std::string& out) {
  const auto opcode = static_cast<WebSocketOpcode>(static_cast<uint8_t>(frame[0]) & 0x0f);
  const size_t header = static_cast<uint8_t>(frame[1]) < 126 ? 2 : static_cast<uint8_t>(frame[1]) == 126 ? 4 : 10;
  const std::string_view payload = frame.substr(header);
  if (payload.size() >= options_.deflate_from) {
    payload_.clear();
    wire::append_deflated(payload_, payload, options_.deflate_level);
    if (payload_.size() < payload.size()) {
      wire::append_frame(out, {.opcode = opcode, .compressed = true}, payload_);
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
        wire::append_sse_event(out, framing_of(wire), id, message.event, json);
      } else {
        wire::append_sse_event(out, framing_of(wire), std::string_view(), message.event, json);
      }
      break;
    case WireForm::sse_multi:
    case WireForm::sse_multi_plain: wire::append_sse_event_head(out, framing_of(wire), message.event, json); break;
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
  if (message.kind != hub::PayloadKind::data) return false;
  for (const hub::FinalWhen& rule : rules) {
    const std::string_view value = wire::json_member(message.payload, rule.member);
    for (const std::string& text : rule.texts) {
      if (wire::literal_is(value, text)) return true;
    }
  }
  return false;
}

std::string_view Encoder::json(std::string_view canonical, std::string& scratch) const {
  return textual_json(read_canonical(canonical), scratch);
}

}  // namespace ringcast::session
