// SPDX-License-Identifier: Apache-2.0
#include "api/foreign_message.h"

#include <string>
#include <utility>

#include "codec/json/compact_json.h"
#include "codec/json/json_writer.h"
#include "codec/native/names.h"

namespace ringcast::session {

namespace {

// What a message is published to, as the hub's name within the tenant.
Result<std::string> target_of(const ForeignMessage& message) {
  const int targets = static_cast<int>(!message.room.empty()) + static_cast<int>(!message.to.empty()) +
                      static_cast<int>(message.broadcast);
  if (targets != 1) return fail("bad_message", "exactly one of room, to and broadcast must be set");
  if (message.broadcast || message.room == codec::kBroadcastChannel) return std::string(codec::kBroadcastChannel);
  const bool inbox = !message.to.empty() || message.room.starts_with('@');
  if (!inbox) {
    if (auto good = codec::check_room(message.room); !good) return tl::unexpected<Error>(good.error());
    return std::string(message.room);
  }
  const std::string user(message.to.empty() ? message.room.substr(1) : message.to);
  if (auto good = codec::check_user(user); !good) return tl::unexpected<Error>(good.error());
  if (codec::is_anonymous(user)) return fail("bad_user", "\"anonymous\" has no inbox");
  return "@" + user;
}

tl::unexpected<Error> too_large(std::string_view field, const codec::JsonLimits& limits) {
  return fail("too_large",
              "\"" + std::string(field) + "\" is larger than " + std::to_string(limits.payload_bytes_max) + " bytes");
}

}  // namespace

Result<void> check_optional(std::string_view value, Result<void> (*check)(std::string_view)) {
  return value.empty() ? Result<void>{} : check(value);
}

Result<void> set_payload(ForeignTask& task, std::string_view content, std::string_view data,
                         const codec::JsonLimits& limits) {
  if (content.empty() == data.empty()) return fail("bad_message", "exactly one of content and data must be set");
  size_t bytes_max = limits.payload_bytes_max;
  if (content.empty()) {
    task.payload_kind = hub::PayloadKind::data;
    if (auto good = codec::append_compact_json(task.payload, data, limits); !good) return good;
  } else {
    if (!codec::is_valid_utf8(content)) return fail("bad_message", "\"content\" is not valid UTF-8");
    task.payload_kind = hub::PayloadKind::content;
    codec::JsonWriter(task.payload).string(content);
    bytes_max += 2;  // its quotes
  }
  if (task.payload.size() <= bytes_max) return {};
  return too_large(content.empty() ? "data" : "content", limits);
}

std::string json_of(std::string_view data, const codec::JsonLimits& limits) {
  std::string json;
  if (codec::append_compact_json(json, data, limits)) return json;
  json.clear();
  codec::JsonWriter(json).string(data);
  return json;
}

Result<std::unique_ptr<ForeignTask>> publish_task(const ForeignMessage& message, const codec::JsonLimits& limits) {
  auto name = target_of(message);
  if (!name) return tl::unexpected<Error>(std::move(name.error()));
  for (const auto& good :
       {check_optional(message.tenant, codec::check_tenant), check_optional(message.user, codec::check_user),
        check_optional(message.event, codec::check_event_type),
        check_optional(message.idempotency_key, codec::check_idempotency_key)}) {
    if (!good) return tl::unexpected<Error>(good.error());
  }
  const bool inbox = hub::is_inbox(*name);
  if (message.final && (inbox || hub::is_broadcast(*name))) {
    return fail("bad_target", "\"final\" ends a room; it is not for inboxes and the broadcast channel");
  }
  auto task = std::make_unique<ForeignTask>();
  if (message.compact) {
    if (message.data.size() > limits.payload_bytes_max) return too_large("data", limits);
    task->payload_kind = hub::PayloadKind::data;
    task->payload = message.data;
  } else if (auto good = set_payload(*task, message.content, message.data, limits); !good) {
    return tl::unexpected<Error>(std::move(good.error()));
  }
  task->key = hub::channel_key(message.tenant, *name);
  task->tenant = message.tenant;
  task->user = message.user;
  task->event = message.event.empty() ? codec::kDefaultEventType : message.event;
  if (inbox && task->event == codec::kDefaultEventType) task->event = "direct";
  task->idempotency_key = message.idempotency_key;
  task->final = message.final;
  return task;
}

}  // namespace ringcast::session
