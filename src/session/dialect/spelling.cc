// SPDX-License-Identifier: Apache-2.0
#include "session/dialect/spelling.h"

#include "session/canonical.h"
#include "wire/json_members.h"
#include "wire/websocket_frame.h"

namespace ringcast::session {
namespace {

NativeEvent take_apart(std::string_view type, std::string_view json) {
  NativeEvent event{.json = json, .type = type};
  wire::JsonMembers members(json);
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
  NativeEvent event = take_apart(type, json);
  event.replayed = replayed;
  return table.show(event, spelled_) ? &spelled_ : nullptr;
}

const Spelled* Spelling::beat(Dialect dialect, const Beat& beat) {
  spelled_.data.clear();
  spelled_.name = "heartbeat";
  const DialectTable& table = table_of(dialect);
  return table.beat != nullptr && table.beat(beat, spelled_) ? &spelled_ : nullptr;
}

hub::Derived Spelling::derive(Form form, std::string_view canonical, uint64_t id, bool replayed, std::string& out) {
  using Kind = hub::Derived::Kind;
  const Canonical message = read_canonical(canonical);
  if (is_websocket(form.wire) && message.is_binary) {
    return {.offset = message.binary_frame_at,
            .length = static_cast<uint32_t>(canonical.size()) - message.binary_frame_at};
  }
  const Spelled* spelled = spell(form.dialect, message.event, textual_json(message, payload_), replayed);
  if (spelled == nullptr) return {.kind = Kind::nothing};
  const size_t begin = out.size();
  const auto framing = is_plain_sse(form.wire) ? wire::SseFraming::bare : wire::SseFraming::chunked;
  switch (form.wire) {
    case WireForm::websocket:
    case WireForm::websocket_deflate:
    case WireForm::websocket_raw:
      wire::append_frame(out, {.opcode = wire::WebSocketOpcode::text}, spelled->data);
      break;
    case WireForm::sse:
    case WireForm::sse_plain:
      if (id != 0) {
        wire::append_sse_event(out, framing, id, spelled->name, spelled->data);
      } else {
        wire::append_sse_event(out, framing, std::string_view(), spelled->name, spelled->data);
      }
      break;
    case WireForm::sse_multi:
    case WireForm::sse_multi_plain: wire::append_sse_event_head(out, framing, spelled->name, spelled->data); break;
    case WireForm::poll: out += spelled->data; break;
  }
  return {.kind = Kind::written, .length = static_cast<uint32_t>(out.size() - begin)};
}

bool Spelling::append_sse(Dialect dialect, wire::SseFraming framing, std::string_view type, std::string_view json,
                          std::string& out) {
  if (dialect == Dialect::native) {
    wire::append_sse_event(out, framing, std::string_view(), type, json);
    return true;
  }
  const Spelled* spelled = spell(dialect, type, json);
  if (spelled == nullptr) return false;
  wire::append_sse_event(out, framing, std::string_view(), spelled->name, spelled->data);
  return true;
}

}  // namespace ringcast::session
