// SPDX-License-Identifier: Apache-2.0
#include "embed/task.h"

#include "api/foreign_message.h"
#include "codec/json/json_writer.h"
#include "codec/native/names.h"

namespace ringcast::embed {

using hub::QueryKind;
using session::check_optional;
using session::ForeignTask;
using session::json_of;
using session::set_payload;

namespace {

session::ForeignMessage foreign(const Message& message) {
  return {.tenant = message.tenant,
          .room = message.room,
          .to = message.to,
          .broadcast = message.broadcast,
          .user = message.user,
          .event = message.event,
          .content = message.content,
          .data = message.data,
          .idempotency_key = message.idempotency_key,
          .final = message.final};
}

}  // namespace

Result<TaskPtr> event_task(Message message, std::string_view event, std::string_view data,
                           const codec::JsonLimits& limits) {
  if (!codec::is_valid_utf8(data)) return fail("bad_message", "the data is not valid UTF-8");
  if (auto good = check_optional(event, codec::check_event_name); !good) {
    return tl::unexpected<Error>(good.error());
  }
  message.data = json_of(data, limits);
  auto task = publish_task(message, limits);
  if (task && !event.empty() && event != codec::kDefaultEventType) (*task)->event = event;
  return task;
}

Result<TaskPtr> publish_task(const Message& message, const codec::JsonLimits& limits) {
  return session::publish_task(foreign(message), limits);
}

Result<TaskPtr> connection_task(std::string_view tenant, std::string_view connection, std::string_view event,
                                std::string_view data, const codec::JsonLimits& limits) {
  for (const auto& good : {check_optional(tenant, codec::check_tenant), codec::check_connection_id(connection),
                           check_optional(event, codec::check_event_name)}) {
    if (!good) return tl::unexpected<Error>(good.error());
  }
  if (!codec::is_valid_utf8(data)) return fail("bad_message", "the data is not valid UTF-8");
  auto task = std::make_unique<ForeignTask>();
  if (auto good = set_payload(*task, {}, json_of(data, limits), limits); !good)
    return tl::unexpected<Error>(std::move(good.error()));
  task->kind = ForeignTask::Kind::query;
  task->query = QueryKind::send_to_connection;
  task->connection = connection;
  task->key = hub::channel_key(tenant, {});
  task->tenant = tenant;
  task->event = event.empty() ? codec::kDefaultEventType : event;
  return task;
}

Result<TaskPtr> user_task(QueryKind kind, std::string_view tenant, std::string_view user) {
  if (auto good = codec::check_user(user); !good) return tl::unexpected<Error>(good.error());
  if (!tenant.empty()) {
    if (auto good = codec::check_tenant(tenant); !good) return tl::unexpected<Error>(good.error());
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
  codec::JsonWriter(out).string(text);
  return out;
}

}  // namespace ringcast
