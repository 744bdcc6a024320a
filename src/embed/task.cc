// SPDX-License-Identifier: Apache-2.0
#include "embed/task.h"

#include "wire/compact_json.h"
#include "wire/json_writer.h"
#include "wire/names.h"

namespace ringcast::embed {

using hub::QueryKind;
using session::ForeignTask;

namespace {

tl::unexpected<Error> refused(std::string code, std::string why) {
  return tl::unexpected<Error>(Error{std::move(code), std::move(why)});
}

Result<void> check_optional(std::string_view value, Result<void> (*check)(std::string_view)) {
  return value.empty() ? Result<void>{} : check(value);
}

// What a message is published to, as the hub's name within the tenant.
Result<std::string> target_of(const Message& message) {
  const int targets = static_cast<int>(!message.room.empty()) + static_cast<int>(!message.to.empty()) +
                      static_cast<int>(message.broadcast);
  if (targets != 1) return refused("bad_message", "exactly one of room, to and broadcast must be set");
  if (message.broadcast || message.room == wire::kBroadcastChannel) return std::string(wire::kBroadcastChannel);
  const bool inbox = !message.to.empty() || message.room.starts_with('@');
  if (!inbox) {
    if (auto good = wire::check_room(message.room); !good) return tl::unexpected<Error>(good.error());
    return message.room;
  }
  const std::string user = message.to.empty() ? message.room.substr(1) : message.to;
  if (auto good = wire::check_user(user); !good) return tl::unexpected<Error>(good.error());
  if (wire::is_anonymous(user)) return refused("bad_user", "\"anonymous\" has no inbox");
  return "@" + user;
}

Result<void> set_payload(ForeignTask& task, std::string_view content, std::string_view data,
                         const wire::JsonLimits& limits) {
  if (content.empty() == data.empty()) return refused("bad_message", "exactly one of content and data must be set");
  size_t bytes_max = limits.payload_bytes_max;
  if (content.empty()) {
    task.payload_kind = hub::PayloadKind::data;
    if (auto good = wire::append_compact_json(task.payload, data, limits); !good) return good;
  } else {
    if (!wire::is_valid_utf8(content)) return refused("bad_message", "\"content\" is not valid UTF-8");
    task.payload_kind = hub::PayloadKind::content;
    wire::JsonWriter(task.payload).string(content);
    bytes_max += 2;  // its quotes
  }
  if (task.payload.size() <= bytes_max) return {};
  return refused("too_large", std::string(content.empty() ? "\"data\"" : "\"content\"") + " is larger than " +
                                  std::to_string(limits.payload_bytes_max) + " bytes");
}

}  // namespace

Result<TaskPtr> publish_task(const Message& message, const wire::JsonLimits& limits) {
  auto name = target_of(message);
  if (!name) return tl::unexpected<Error>(std::move(name.error()));
  for (const auto& good :
       {check_optional(message.tenant, wire::check_tenant), check_optional(message.user, wire::check_user),
        check_optional(message.event, wire::check_event_type),
        check_optional(message.idempotency_key, wire::check_idempotency_key)}) {
    if (!good) return tl::unexpected<Error>(good.error());
  }
  const bool inbox = hub::is_inbox(*name);
  if (message.final && (inbox || hub::is_broadcast(*name))) {
    return refused("bad_target", "\"final\" ends a room; it is not for inboxes and the broadcast channel");
  }
  auto task = std::make_unique<ForeignTask>();
  if (auto good = set_payload(*task, message.content, message.data, limits); !good) {
    return tl::unexpected<Error>(std::move(good.error()));
  }
  task->key = hub::channel_key(message.tenant, *name);
  task->tenant = message.tenant;
  task->user = message.user;
  task->event = message.event.empty() ? std::string(wire::kDefaultEventType) : message.event;
  if (inbox && task->event == wire::kDefaultEventType) task->event = "direct";
  task->idempotency_key = message.idempotency_key;
  task->final = message.final;
  return task;
}

Result<TaskPtr> connection_task(std::string_view tenant, std::string_view connection, std::string_view event,
                                std::string_view data, const wire::JsonLimits& limits) {
  for (const auto& good : {check_optional(tenant, wire::check_tenant), wire::check_connection_id(connection),
                           check_optional(event, wire::check_event_type)}) {
    if (!good) return tl::unexpected<Error>(good.error());
  }
  auto task = std::make_unique<ForeignTask>();
  if (auto good = set_payload(*task, {}, data, limits); !good) return tl::unexpected<Error>(std::move(good.error()));
  task->kind = ForeignTask::Kind::query;
  task->query = QueryKind::send_to_connection;
  task->connection = connection;
  task->key = hub::channel_key(tenant, {});
  task->tenant = tenant;
  task->event = event.empty() ? wire::kDefaultEventType : event;
  return task;
}

Result<TaskPtr> user_task(QueryKind kind, std::string_view tenant, std::string_view user) {
  if (auto good = wire::check_user(user); !good) return tl::unexpected<Error>(good.error());
  if (!tenant.empty()) {
    if (auto good = wire::check_tenant(tenant); !good) return tl::unexpected<Error>(good.error());
  }
  auto task = std::make_unique<ForeignTask>();
  task->kind = ForeignTask::Kind::query;
  task->query = kind;
  task->key = hub::channel_key(tenant, "@" + std::string(user));
  task->tenant = tenant;
  return task;
}

}  // namespace ringcast::embed

namespace ringcast {

std::string json_string(std::string_view text) {
  std::string out;
  wire::JsonWriter(out).string(text);
  return out;
}

}  // namespace ringcast
