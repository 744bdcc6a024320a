// SPDX-License-Identifier: Apache-2.0
#include "hooks/body.h"

#include <cstdint>
#include <span>

#include "codec/json/json_writer.h"
#include "codec/text/base64.h"

namespace ringcast::hooks {

namespace {

void append_message(codec::JsonWriter& json, const Message& message) {
  json.key("message").begin_object();
  json.string("event", message.event.empty() ? std::string_view("message") : std::string_view(message.event));
  switch (message.kind) {
    case Message::Kind::none: break;
    case Message::Kind::content: json.raw("content", message.payload); break;
    case Message::Kind::data: json.raw("data", message.payload); break;
    case Message::Kind::binary: {
      std::string text;
      codec::append_base64(text, {reinterpret_cast<const uint8_t*>(message.payload.data()), message.payload.size()});
      json.string("binary", text);
      break;
    }
  }
  json.end_object();
}

void append_emitted(codec::JsonWriter& json, const Emitted& emitted) {
  json.string("namespace", emitted.nsp).string("name", emitted.name).raw("arguments", emitted.arguments);
  if (!emitted.attachments.empty()) {
    json.key("attachments").begin_array();
    std::string text;
    for (const std::string& bytes : emitted.attachments) {
      text.clear();
      codec::append_base64(text, {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
      json.string(text);
    }
    json.end_array();
  }
  json.key("rooms").begin_array();
  for (const std::string& room : emitted.rooms) json.string(room);
  json.end_array();
  json.boolean("acknowledge", emitted.acknowledge);
}

}  // namespace

void append_event(std::string& out, const Call& call, std::string_view id) {
  codec::JsonWriter json(out);
  json.begin_object();
  json.string("id", id);
  json.string("event", to_string(call.event));
  json.timestamp("time", static_cast<int64_t>(call.time_us));
  const auto optional = [&](std::string_view name, const std::string& value) {
    if (!value.empty()) json.string(name, value);
  };
  optional("connection", call.connection);
  optional("user", call.user);
  optional("tenant", call.tenant);
  optional("transport", call.transport);
  optional("address", call.address);
  optional("room", call.room);
  optional("reason", call.reason);
  if (call.event == Event::publish) append_message(json, call.message);
  if (call.emitted != nullptr) append_emitted(json, *call.emitted);
  json.end_object();
}

}  // namespace ringcast::hooks
