// SPDX-License-Identifier: Apache-2.0
#include "compat/spelling.h"

#include "codec/json/json_members.h"
#include "codec/websocket/websocket_frame.h"
#include "compat/canonical.h"

namespace ringcast::session {
namespace {

// `given`: for the name that its publisher gave it, where that is no native one.
NativeEvent take_apart(std::string_view type, std::string_view json, std::string& given) {
  NativeEvent event{.json = json, .type = type};
  codec::JsonMembers members(json);
  std::string_view name, value;
  while (members.next(name, value)) {
    if (name == "id") {
      event.id = value;
    } else if (name == "room") {
      event.room = value;
    } else if (name == "user") {
      event.user = value;
    } else if (name == "connection" || name == "connection_id") {
      event.connection = value;
    } else if (name == "content") {
      event.content = value;
    } else if (name == "data") {
      event.data = value;
    } else if (name == "timestamp") {
      event.timestamp = value;
    } else if (name == "code") {
      event.code = value;
    } else if (name == "message") {
      event.message = value;
    } else if (name == "receivers") {
      event.receivers = value;
    } else if (name == "event") {
      given.clear();
      if (codec::append_unquoted(given, value)) event.type = given;
    }
  }
  return event;
}

}  // namespace

const Spelled* Spelling::spell(Dialect dialect, std::string_view type, std::string_view json, bool replayed) {
  spelled_.data.clear();
  spelled_.name = type;
  const DialectTable& table = table_of(dialect);
  if (table.show == nullptr) {
    spelled_.data = json;
    return &spelled_;
  }
  spelled_.name = {};
  NativeEvent event = take_apart(type, json, name_);
  event.replayed = replayed;
  return table.show(event, spelled_) ? &spelled_ : nullptr;
}

const Spelled* Spelling::heartbeat(Dialect dialect, const HeartbeatEvent& heartbeat) {
  spelled_.data.clear();
  spelled_.name = "heartbeat";
  const DialectTable& table = table_of(dialect);
  return table.heartbeat != nullptr && table.heartbeat(heartbeat, spelled_) ? &spelled_ : nullptr;
}

hub::Derived Spelling::derive(Form form, std::string_view canonical, uint64_t id, bool replayed, std::string& out) {
  using Kind = hub::Derived::Kind;
  const Canonical message = read_canonical(canonical);
  // Binary frames are of those dialects only that have them; as text they are of none.
  if (message.is_binary && (!is_websocket(form.wire) || !table_of(form.dialect).shows_binary)) {
    return {.kind = Kind::nothing};
  }
  if (message.is_binary) {
    return {.offset = message.binary_frame_at,
            .length = static_cast<uint32_t>(canonical.size()) - message.binary_frame_at};
  }
  const Spelled* spelled = spell(form.dialect, message.event, textual_json(message, payload_), replayed);
  if (spelled == nullptr) return {.kind = Kind::nothing};
  const size_t begin = out.size();
  const auto framing = is_plain_sse(form.wire) ? codec::SseFraming::bare : codec::SseFraming::chunked;
  switch (form.wire) {
    case WireForm::websocket:
    case WireForm::websocket_deflate:
    case WireForm::websocket_raw:
      codec::append_frame(out, {.opcode = codec::WebSocketOpcode::text}, spelled->data);
      break;
    case WireForm::sse:
    case WireForm::sse_plain:
      if (id != 0) {
        codec::append_sse_event(out, framing, id, spelled->name, spelled->data);
      } else {
        codec::append_sse_event(out, framing, std::string_view(), spelled->name, spelled->data);
      }
      break;
    case WireForm::sse_multi:
    case WireForm::sse_multi_plain: codec::append_sse_event_head(out, framing, spelled->name, spelled->data); break;
    case WireForm::poll: out += spelled->data; break;
    case WireForm::socket_io: return {.kind = Kind::nothing};  // made by its sessions
  }
  return {.kind = Kind::written, .length = static_cast<uint32_t>(out.size() - begin)};
}

bool Spelling::append_sse(Dialect dialect, codec::SseFraming framing, std::string_view type, std::string_view json,
                          std::string& out) {
  if (dialect == Dialect::native) {
    codec::append_sse_event(out, framing, std::string_view(), type, json);
    return true;
  }
  const Spelled* spelled = spell(dialect, type, json);
  if (spelled == nullptr) return false;
  codec::append_sse_event(out, framing, std::string_view(), spelled->name, spelled->data);
  return true;
}

}  // namespace ringcast::session
