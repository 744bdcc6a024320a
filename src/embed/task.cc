// SPDX-License-Identifier: Apache-2.0
#include "embed/task.h"

#include "wire/compact_json.h"
#include "wire/json_writer.h"
#include "wire/names.h"
#include "wire/publish_request.h"

namespace ringcast::embed {

using hub::QueryKind;
using session::ForeignTask;
using wire::TargetKind;

namespace {

void text_field(wire::JsonWriter& json, std::string_view name, std::string_view value) {
  if (!value.empty()) json.key(name).string(value);
}

// Re-serialised first: what is no JSON value must not become further fields.
Result<void> data_field(wire::JsonWriter& json, std::string_view text, const wire::JsonLimits& limits) {
  thread_local std::string compact;
  compact.clear();
  if (auto good = wire::append_compact_json(compact, text, limits); !good) return good;
  json.key("data").raw(compact);
  return {};
}

Error one_of(std::string_view what, std::string_view names) {
  return {"bad_message", std::string(what) + " of " + std::string(names) + " must be set"};
}

// What POST /messages would have as its body, so that there is one set of rules.
Result<TaskPtr> checked(const std::string& body, std::string_view tenant, const wire::JsonLimits& limits) {
  if (!tenant.empty()) {
    if (auto good = wire::check_tenant(tenant); !good) return tl::unexpected<Error>(good.error());
  }
  wire::PublishBody parsed;
  if (auto error = parse_publish_body(body, limits, parsed)) return tl::unexpected<Error>(*error);
  const wire::PublishRequest& request = parsed.requests[0];
  auto task = std::make_unique<ForeignTask>();
  const bool inbox = request.target == TargetKind::user;
  std::string name;
  if (request.target == TargetKind::broadcast) {
    name = wire::kBroadcastChannel;
  } else if (request.target != TargetKind::connection) {
    name = (inbox ? "@" : "") + std::string(request.names[0]);
  } else {
    task->connection = request.names[0];
  }
  task->key = hub::channel_key(tenant, name);
  task->tenant = tenant;
  task->user = request.user;
  task->event = inbox && request.event == wire::kDefaultEventType ? "direct" : request.event;
  task->payload_kind =
      request.payload_kind == wire::PayloadKind::content ? hub::PayloadKind::content : hub::PayloadKind::data;
  task->payload = request.payload;
  task->idempotency_key = request.idempotency_key;
  task->final = request.final_message;
  return task;
}

}  // namespace

Result<TaskPtr> publish_task(const Message& message, const wire::JsonLimits& limits) {
  const int targets = static_cast<int>(!message.room.empty()) + static_cast<int>(!message.to.empty()) +
                      static_cast<int>(message.broadcast);
  if (targets != 1) return tl::unexpected<Error>(one_of("exactly one", "room, to and broadcast"));
  if (message.content.empty() == message.data.empty()) {
    return tl::unexpected<Error>(one_of("exactly one", "content and data"));
  }
  thread_local std::string body;
  body.clear();
  wire::JsonWriter json(body);
  json.begin_object();
  text_field(json, "room", message.room);
  text_field(json, "to", message.to);
  if (message.broadcast) json.key("broadcast").boolean(true);
  text_field(json, "user", message.user);
  text_field(json, "event", message.event);
  text_field(json, "idempotency_key", message.idempotency_key);
  if (message.final) json.key("final").boolean(true);
  text_field(json, "content", message.content);
  if (!message.data.empty()) {
    if (auto good = data_field(json, message.data, limits); !good) return tl::unexpected<Error>(good.error());
  }
  json.end_object();
  return checked(body, message.tenant, limits);
}

Result<TaskPtr> connection_task(std::string_view tenant, std::string_view connection, std::string_view event,
                                std::string_view data, const wire::JsonLimits& limits) {
  thread_local std::string body;
  body.clear();
  wire::JsonWriter json(body);
  json.begin_object().key("to_connection").string(connection);
  text_field(json, "event", event);
  if (auto good = data_field(json, data, limits); !good) return tl::unexpected<Error>(good.error());
  json.end_object();
  auto task = checked(body, tenant, limits);
  if (!task) return task;
  (*task)->kind = ForeignTask::Kind::query;
  (*task)->query = QueryKind::send_to_connection;
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
