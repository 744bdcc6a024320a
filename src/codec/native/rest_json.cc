// SPDX-License-Identifier: Apache-2.0
#include "codec/native/rest_json.h"

#include <algorithm>

#include "codec/json/json_writer.h"
#include "codec/text/base64.h"

namespace ringcast::codec {
namespace {

void write_error(JsonWriter& writer, std::string_view code, std::string_view message) {
  writer.key("error").begin_object().string("code", code).string("message", message).end_object();
}

void write_acknowledgement(JsonWriter& writer, const PublishResult& result) {
  if (result.acknowledgement.empty()) {
    writer.key("ack").null();
    return;
  }
  writer.raw("ack", result.acknowledgement);
  if (result.attachments.empty()) return;
  writer.key("attachments").begin_array();
  std::string text;
  for (const std::string& bytes : result.attachments) {
    text.clear();
    append_base64(text, {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
    writer.string(text);
  }
  writer.end_array();
}

void write_result(JsonWriter& writer, const PublishResult& result) {
  writer.begin_object();
  if (!result.target_key.empty()) writer.string(result.target_key, result.target);
  writer.string("status", result.error == nullptr ? "sent" : "failed");
  if (result.error != nullptr) {
    write_error(writer, result.error->code, result.error->message);
  } else {
    if (result.event_id) writer.uint("event_id", *result.event_id);
    writer.uint("receivers", result.receivers);
    if (result.duplicate) writer.boolean("duplicate", true);
    if (result.asked) write_acknowledgement(writer, result);
  }
  writer.end_object();
}

void write_next(JsonWriter& writer, std::string_view next) {
  writer.key("next");
  if (next.empty()) {
    writer.null();
  } else {
    writer.string(next);
  }
}

void write_user(JsonWriter& writer, const UserRow& user) {
  writer.begin_object().string("user", user.user).boolean("online", user.online);
  writer.string("status", user.online ? user.status : "offline").uint("connections", user.connections).end_object();
}

void write_id(JsonWriter& writer, std::string_view key, std::optional<uint64_t> id) {
  writer.key(key);
  if (id) {
    writer.uint(*id);
  } else {
    writer.null();
  }
}

void begin_shape(JsonWriter& writer, Shape shape, std::string_view event_type) {
  writer.begin_object();
  if (shape == Shape::event) writer.string("event_type", event_type);
}

void end_shape(JsonWriter& writer, std::string_view ref) {
  if (!ref.empty()) writer.raw("ref", ref);
  writer.end_object();
}

}  // namespace

void append_publish_result(std::string& out, const PublishResult& result) {
  JsonWriter writer(out);
  write_result(writer, result);
}

void append_publish_results(std::string& out, std::span<const PublishResult> results) {
  const auto failed = static_cast<size_t>(std::count_if(
      results.begin(), results.end(), [](const PublishResult& result) { return result.error != nullptr; }));
  JsonWriter writer(out);
  writer.begin_object();
  writer.string("status", failed == 0 ? "sent" : failed == results.size() ? "failed" : "partial");
  writer.key("results").begin_array();
  for (const PublishResult& result : results) write_result(writer, result);
  writer.end_array().end_object();
}

void append_batch_begin(std::string& out) {
  out += '[';
}
void append_batch_next(std::string& out) {
  out += ',';
}
void append_batch_end(std::string& out) {
  out += ']';
}

void append_rooms(std::string& out, std::span<const RoomRow> rooms, std::string_view next, uint32_t silent) {
  JsonWriter writer(out);
  writer.begin_object().key("rooms").begin_array();
  for (const RoomRow& room : rooms) {
    writer.begin_object().string("room", room.room).uint("members", room.members);
    writer.uint("id", room.id).uint("messages", room.messages).end_object();
  }
  writer.end_array();
  write_next(writer, next);
  if (silent != 0) writer.uint("silent_nodes", silent);
  writer.end_object();
}

void append_members(std::string& out, Shape shape, std::string_view room, uint64_t count,
                    std::span<const MemberRow> members, std::string_view ref) {
  JsonWriter writer(out);
  begin_shape(writer, shape, "members");
  writer.string("room", room).uint("count", count).key("members").begin_array();
  for (const MemberRow& member : members) {
    writer.begin_object().string("user", member.user).string("status", member.status);
    writer.uint("connections", member.connections).end_object();
  }
  writer.end_array();
  end_shape(writer, ref);
}

void append_history(std::string& out, Shape shape, std::string_view room, std::span<const std::string_view> messages,
                    std::optional<uint64_t> oldest, std::optional<uint64_t> newest, std::string_view ref) {
  JsonWriter writer(out);
  begin_shape(writer, shape, "history");
  writer.string("room", room).key("messages").begin_array();
  for (const std::string_view message : messages) writer.raw(message);
  writer.end_array();
  write_id(writer, "oldest", oldest);
  write_id(writer, "newest", newest);
  end_shape(writer, ref);
}

void append_user(std::string& out, const UserRow& user) {
  JsonWriter writer(out);
  write_user(writer, user);
}

void append_users(std::string& out, std::span<const UserRow> users, std::string_view next, uint32_t silent) {
  JsonWriter writer(out);
  writer.begin_object().key("users").begin_array();
  for (const UserRow& user : users) write_user(writer, user);
  writer.end_array();
  write_next(writer, next);
  if (silent != 0) writer.uint("silent_nodes", silent);
  writer.end_object();
}

void append_error_body(std::string& out, std::string_view code, std::string_view message) {
  JsonWriter writer(out);
  writer.begin_object();
  write_error(writer, code, message);
  writer.end_object();
}

}  // namespace ringcast::codec
