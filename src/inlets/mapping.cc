// SPDX-License-Identifier: Apache-2.0
#include "inlets/mapping.h"

#include <algorithm>
#include <charconv>
#include <span>
#include <utility>

#include "base/keyed_hash.h"
#include "codec/json/json_writer.h"
#include "codec/native/names.h"
#include "codec/text/base64.h"

namespace ringcast::inlets {

namespace {

constexpr size_t kDeadBodyMax = 4096;

// At most `bytes_max`, cut between characters of valid UTF-8.
std::string_view cut(std::string_view text, size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  while (bytes_max > 0 && (static_cast<uint8_t>(text[bytes_max]) & 0xc0) == 0x80) --bytes_max;
  return text.substr(0, bytes_max);
}

// As text where it is text, else as base64 under a name that says so.
void append_bytes(codec::JsonWriter& writer, std::string_view name, std::string_view bytes, size_t bytes_max) {
  if (codec::is_valid_utf8(bytes)) {
    writer.key(name).string(cut(bytes, bytes_max));
    return;
  }
  bytes = bytes.substr(0, bytes_max);
  std::string encoded;
  codec::append_base64(encoded, {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
  writer.key(std::string(name) + "_base64").string(encoded);
}

tl::unexpected<Error> missing(std::string_view what, std::string_view text) {
  return fail("missing", std::string(what) + " = " + codec::quoted(text, 80) + " has no value in it");
}

}  // namespace

Result<Mapping> Mapping::create(const InletOptions& options, const MappingLimits& limits) {
  Mapping out(options, limits);
  const std::pair<const std::string*, std::pair<std::string_view, Template*>> parts[] = {
      {&out.options_.room, {"room", &out.room_}},       {&out.options_.to, {"to", &out.to_}},
      {&out.options_.tenant, {"tenant", &out.tenant_}}, {&out.options_.user, {"user", &out.user_}},
      {&out.options_.event, {"event", &out.event_}},    {&out.options_.idempotency_key, {"idempotency_key", &out.key_}},
      {&out.options_.data, {"data", &out.data_}},
  };
  for (const auto& [text, part] : parts) {
    auto parsed = Template::parse(*text);
    if (!parsed) return fail(parsed.error().code, std::string(part.first) + ": " + parsed.error().message);
    *part.second = *std::move(parsed);
  }
  if (!out.data_.is_single())
    return fail("bad_template", "data: must be one placeholder, such as {body} or {$.data}, and nothing beside it");
  return out;
}

Result<void> Mapping::fill(const Body& body) {
  const auto required = [&](std::string_view what, const Template& from, std::string_view text,
                            std::string& to) -> Result<void> {
    to.clear();
    if (from.empty()) return {};
    const auto done = from.expand(body, to);
    if (!done) return tl::unexpected<Error>(done.error());
    return *done ? Result<void>() : missing(what, text);
  };
  // A part that may be left out, where it is one placeholder: no value there, then it is.
  const auto optional = [&](std::string_view what, const Template& from, std::string_view text,
                            std::string& to) -> Result<void> {
    auto done = required(what, from, text, to);
    if (!done && done.error().code == "missing" && from.is_single()) return to.clear(), Result<void>();
    return done;
  };
  if (auto done = required("room", room_, options_.room, filled_.room); !done) return done;
  if (auto done = required("to", to_, options_.to, filled_.to); !done) return done;
  if (auto done = required("tenant", tenant_, options_.tenant, filled_.tenant); !done) return done;
  if (auto done = optional("user", user_, options_.user, filled_.user); !done) return done;
  if (auto done = optional("event", event_, options_.event, filled_.event); !done) return done;
  if (auto done = optional("idempotency_key", key_, options_.idempotency_key, filled_.key); !done) return done;
  auto data = data_.json(body, limits_.json);
  if (!data) return tl::unexpected<Error>(std::move(data.error()));
  if (data->empty()) return missing("data", options_.data);
  filled_.data = *std::move(data);
  return {};
}

// The same on each node and after each restart.
std::string Mapping::own_key(const Received& received) const {
  if (received.id.empty()) return {};
  std::string key = options_.name + ":" + std::string(received.channel) + ":" + std::string(received.id);
  if (received.stored_at != 0) key += ":" + std::to_string(received.stored_at);
  if (key.size() <= codec::kIdempotencyKeyBytesMax && codec::is_valid_utf8(key)) return key;
  char text[17];
  std::string hashed = options_.name + ":";
  for (const uint64_t half : {uint64_t{1}, uint64_t{2}}) {
    const auto [end, error] = std::to_chars(text, text + sizeof text, siphash_2_4({half, half}, key), 16);
    hashed.append(text, end).append(":");
  }
  return hashed;
}

Result<void> Mapping::check_rights(const access::Grant& grant, std::string_view channel, std::string_view tenant,
                                   std::string_view user) const {
  const auto operation = hub::is_broadcast(channel) ? access::Operation::broadcast : access::Operation::publish;
  if (grant.rules.allow(operation, channel, {tenant, user})) return {};
  return fail("forbidden", "no rule allows " + std::string(to_string(operation)) + " in " + codec::quoted(channel));
}

Result<std::unique_ptr<session::ForeignTask>> Mapping::map(const Received& received, const access::Grant* grant) {
  if (received.too_large || received.body.size() > limits_.body_bytes_max)
    return fail("too_large", "the body is larger than " + std::to_string(limits_.body_bytes_max) + " bytes");
  const Body body(received, limits_.json, json_);
  if (auto filled = fill(body); !filled) return tl::unexpected<Error>(std::move(filled.error()));
  // A room by that name only: an inbox and the broadcast are said by `to` and `broadcast`.
  if (!room_.empty()) {
    if (auto good = codec::check_room(filled_.room); !good) return tl::unexpected<Error>(good.error());
  }
  std::string key = filled_.key.empty() ? own_key(received) : filled_.key;
  auto task = session::publish_task({.tenant = filled_.tenant,
                                     .room = filled_.room,
                                     .to = filled_.to,
                                     .broadcast = options_.broadcast,
                                     .user = filled_.user,
                                     .event = filled_.event,
                                     .data = filled_.data,
                                     .compact = true,
                                     .idempotency_key = key},
                                    limits_.json);
  if (!task || grant == nullptr) return task;
  const std::string_view channel = hub::name_of((*task)->key);
  if (auto may = check_rights(*grant, channel, filled_.tenant, filled_.user); !may) {
    return tl::unexpected<Error>(std::move(may.error()));
  }
  return task;
}

std::unique_ptr<session::ForeignTask> Mapping::dead_letter(const Received& received, const Error& why) const {
  // In JSON a character takes six bytes at most.
  const size_t bytes_max = std::min<size_t>(kDeadBodyMax, limits_.json.payload_bytes_max / 16);
  std::string data;
  codec::JsonWriter writer(data);
  writer.begin_object().string("inlet", options_.name).string("reason", to_string(reason_of(why)));
  append_bytes(writer, "why", why.message, 200);
  append_bytes(writer, "channel", received.channel, 128);
  append_bytes(writer, "id", received.id, 128);
  append_bytes(writer, "key", received.key, 128);
  append_bytes(writer, "body", received.body, bytes_max);
  writer.boolean("cut", received.body.size() > bytes_max).end_object();
  auto task = std::make_unique<session::ForeignTask>();
  task->key = hub::channel_key({}, options_.dead_letter);
  task->event = "dead_letter";
  task->payload_kind = hub::PayloadKind::data;
  task->payload = std::move(data);
  task->idempotency_key = own_key(received);
  return task;
}

Reason Mapping::reason_of(const Error& error) {
  if (error.code == "bad_json" || error.code == "too_deep" || error.code == "bad_utf8") return Reason::not_json;
  if (error.code == "missing") return Reason::missing;
  if (error.code == "too_large") return Reason::too_large;
  if (error.code == "forbidden") return Reason::forbidden;
  return Reason::bad_value;
}

}  // namespace ringcast::inlets
