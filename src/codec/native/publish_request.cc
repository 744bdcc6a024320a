// SPDX-License-Identifier: Apache-2.0
#include "codec/native/publish_request.h"

#include <string>
#include <vector>

#include "codec/json/json_reader.h"

namespace ringcast::codec {
namespace {

using simdjson::error_code;
using simdjson::ondemand::json_type;
using simdjson::ondemand::value;

constexpr std::string_view kPublishFields[] = {
    "room",    "channel", "topic",     "rooms", "channels", "topics",  "to",    "users",           "to_connection",
    "content", "data",    "broadcast", "user",  "event",    "exclude", "final", "idempotency_key", "ack_timeout_ms",
};

// What the spans of a PublishBody point to.
struct PublishScratch {
  std::vector<PublishRequest> requests;
  std::vector<std::string_view> names;  // of all requests, one after another
  std::vector<size_t> names_end;        // per request
};

PublishScratch& scratch_of_this_thread() {
  thread_local PublishScratch scratch;
  return scratch;
}

class RequestReader {
 public:
  RequestReader(JsonScratch& json, PublishScratch& scratch, const JsonLimits& limits, UnknownMembers unknown)
      : reader_(json, limits), scratch_(scratch), limits_(limits), unknown_(unknown) {}

  // Reads one object and adds it to the scratch; an error in it is take_error()'s.
  void read(simdjson::ondemand::object object) {
    reader_.members(object, [&](std::string_view key, simdjson::ondemand::value value) { read_field(key, value); });
    if (reader_.error()) return;
    check_target();
    check_rest();
    scratch_.requests.push_back(request_);
    scratch_.names_end.push_back(scratch_.names.size());
  }

  FieldReader& fields() { return reader_; }

 private:
  void read_field(std::string_view key, value value) {
    if (key == "room" || key == "channel" || key == "topic") {
      reader_.spelled_text(key, value, room_, room_spelling_);
      request_.by_topic |= key == "topic";
    } else if (key == "rooms" || key == "channels" || key == "topics") {
      list(key, value, TargetKind::rooms, rooms_spelling_);
      request_.by_topic |= key == "topics";
    } else if (key == "content") {
      reader_.payload(PayloadKind::content, value, request_.payload_kind, request_.payload);
    } else if (key == "data") {
      reader_.payload(PayloadKind::data, value, request_.payload_kind, request_.payload);
    } else if (key == "user") {
      reader_.name(key, value, request_.user);
    } else if (key == "to") {
      reader_.name(key, value, to_);
    } else if (key == "users") {
      list(key, value, TargetKind::users, users_spelling_);
    } else if (key == "to_connection") {
      reader_.text(key, value, connection_);
    } else if (key == "broadcast") {
      reader_.flag(key, value, broadcast_);
    } else if (key == "event") {
      reader_.text(key, value, event_);
    } else if (key == "exclude") {
      reader_.text(key, value, request_.exclude);
    } else if (key == "final") {
      reader_.flag(key, value, request_.final_message);
    } else if (key == "idempotency_key") {
      reader_.text(key, value, request_.idempotency_key);
    } else if (key == "ack_timeout_ms") {
      reader_.count(key, value, ack_timeout_ms_);
    } else if (unknown_ == UnknownMembers::ignored) {
      reader_.ignored(value);
    } else {
      reader_.unknown(key, value, "a publish", kPublishFields);
    }
  }

  void list(std::string_view key, value value, TargetKind kind, std::string_view& spelling) {
    if (reader_.is_null(value) || reader_.broken()) return;
    // The lists share one run of names, so a second list, or the same one again, is an error anyway.
    if (!list_spelling_.empty()) {
      reader_.ignored(value);
      return reader_.complain("bad_target", quoted(list_spelling_) + " and " + quoted(key) + " exclude each other");
    }
    list_spelling_ = spelling = key;
    if (!reader_.is(json_type::array, key, value, "an array of names")) return;
    simdjson::ondemand::array array;
    if (const auto code = value.get_array().get(array)) return reader_.break_off(code);
    for (auto element : array) {
      simdjson::ondemand::value item;
      if (const auto code = std::move(element).get(item)) return reader_.break_off(code);
      std::string_view name;
      kind == TargetKind::rooms ? reader_.text(key, item, name) : reader_.name(key, item, name);
      if (reader_.broken()) return;
      if (scratch_.names.size() == limits_.batch_items_max) {
        return reader_.complain(too_many(limits_));
      }
      if (reader_.error()) continue;
      reader_.complain(kind == TargetKind::rooms ? check_room(name) : check_inbox_user(name));
      scratch_.names.push_back(name);
    }
    if (!reader_.error() && names_in_list() == 0) reader_.complain("bad_target", quoted(key) + " is empty");
  }

 public:
  static Error too_many(const JsonLimits& limits) {
    return {"batch_too_large",
            "a request may publish to at most " + std::to_string(limits.batch_items_max) + " targets"};
  }

 private:
  size_t names_in_list() const {
    return scratch_.names.size() - (scratch_.names_end.empty() ? 0 : scratch_.names_end.back());
  }

  static Result<void> check_inbox_user(std::string_view user) {
    if (auto checked = check_user(user); !checked) return checked;
    if (is_anonymous(user)) return fail("bad_user", "\"anonymous\" has no inbox");
    return {};
  }

  void check_target() {
    const bool given[] = {!room_spelling_.empty(), !list_spelling_.empty(), to_.data() != nullptr,
                          connection_.data() != nullptr, broadcast_};
    int targets = 0;
    for (const bool one : given) targets += one ? 1 : 0;
    if (targets > 1) {
      return reader_.complain("bad_target",
                              "give one of room, rooms, to, users, to_connection, broadcast, not several");
    }
    if (!list_spelling_.empty()) {
      request_.target = users_spelling_.empty() ? TargetKind::rooms : TargetKind::users;
    } else if (to_.data() != nullptr) {
      single(TargetKind::user, to_, check_inbox_user(to_));
    } else if (connection_.data() != nullptr) {
      single(TargetKind::connection, connection_, check_connection_id(connection_));
    } else if (broadcast_ || room_ == kBroadcastChannel) {
      request_.target = TargetKind::broadcast;
    } else if (room_spelling_.empty()) {
      single(TargetKind::room, kDefaultRoom, {});
    } else if (room_.starts_with('@')) {
      single(TargetKind::user, room_.substr(1), check_inbox_user(room_.substr(1)));
    } else {
      single(TargetKind::room, room_, check_room(room_));
    }
  }

  void single(TargetKind kind, std::string_view name, const Result<void>& checked) {
    request_.target = kind;
    reader_.complain(checked);
    scratch_.names.push_back(name);
  }

  void check_rest() {
    if (request_.payload_kind == PayloadKind::none) {
      reader_.complain("missing_field", "there is neither \"content\" nor \"data\"");
    }
    if (request_.user.data() != nullptr) reader_.complain(check_user(request_.user));
    if (event_.data() != nullptr) {
      reader_.complain(unknown_ == UnknownMembers::ignored ? check_event_name(event_) : check_event_type(event_));
      request_.event = event_;
    }
    if (request_.exclude.data() != nullptr) reader_.complain(check_connection_id(request_.exclude));
    if (request_.idempotency_key.data() != nullptr) reader_.complain(check_idempotency_key(request_.idempotency_key));
    const bool to_rooms = request_.target == TargetKind::room || request_.target == TargetKind::rooms;
    if (request_.final_message && !to_rooms) {
      reader_.complain("bad_target",
                       "\"final\" ends a room; it is not for inboxes, connections and the broadcast channel");
    }
    check_acknowledgement();
    if (request_.target == TargetKind::connection && request_.exclude.data() != nullptr) {
      reader_.complain("bad_target", "\"exclude\" has no meaning with \"to_connection\"");
    }
    if (request_.target == TargetKind::connection && request_.idempotency_key.data() != nullptr) {
      reader_.complain("bad_target", "\"idempotency_key\" needs a channel; \"to_connection\" has none");
    }
  }

  void check_acknowledgement() {
    if (!ack_timeout_ms_) return;
    if (*ack_timeout_ms_ == 0 || *ack_timeout_ms_ > kAckTimeoutMaxMs) {
      reader_.complain("bad_field", "\"ack_timeout_ms\" must be 1 to " + std::to_string(kAckTimeoutMaxMs));
    } else if (request_.target != TargetKind::connection) {
      reader_.complain("bad_target", "\"ack_timeout_ms\" is for \"to_connection\": one client acknowledges");
    }
    request_.ack_timeout_ms = *ack_timeout_ms_;
  }

  FieldReader reader_;
  PublishScratch& scratch_;
  const JsonLimits& limits_;
  UnknownMembers unknown_;
  PublishRequest request_;
  std::string_view room_, room_spelling_;
  std::string_view rooms_spelling_, users_spelling_, list_spelling_;
  std::string_view to_, connection_, event_;
  bool broadcast_ = false;
  std::optional<uint32_t> ack_timeout_ms_;
};

std::optional<Error> read_batch(simdjson::ondemand::array array, JsonScratch& json, PublishScratch& scratch,
                                const JsonLimits& limits, UnknownMembers unknown) {
  size_t index = 0;
  const auto named = [&index](Error error) {
    error.message.insert(0, "item " + std::to_string(index) + ": ");
    return error;
  };
  for (auto element : array) {
    value item;
    if (const auto code = std::move(element).get(item)) return named(json_error(code, limits.depth_max));
    if (index == limits.batch_items_max) return RequestReader::too_many(limits);
    json_type type;
    if (const auto code = item.type().get(type)) return named(json_error(code, limits.depth_max));
    if (type != json_type::object) return named({"bad_json", "a publish is a JSON object"});
    simdjson::ondemand::object object;
    if (const auto code = item.get_object().get(object)) return named(json_error(code, limits.depth_max));
    RequestReader reader(json, scratch, limits, unknown);
    reader.read(object);
    if (auto error = reader.fields().take_error()) return named(std::move(*error));
    if (scratch.requests.back().ack_timeout_ms != 0) {
      return named({"bad_field", "\"ack_timeout_ms\" has no place in a batch: its other items would wait"});
    }
    if (scratch.names.size() > limits.batch_items_max) return RequestReader::too_many(limits);
    ++index;
  }
  if (index == 0) return Error{"empty_batch", "the batch is empty"};
  return std::nullopt;
}

}  // namespace

std::optional<Error> parse_publish_body(std::string_view text, const JsonLimits& limits, PublishBody& body,
                                        UnknownMembers unknown) {
  body = PublishBody{};
  JsonScratch& json = JsonScratch::of_this_thread();
  PublishScratch& scratch = scratch_of_this_thread();
  scratch.requests.clear();
  scratch.names.clear();
  scratch.names_end.clear();

  simdjson::ondemand::document document;
  json_type type;
  auto code = json.open(text, document);
  if (!code) code = document.type().get(type);
  if (code) return json_error(code, limits.depth_max);
  if (type == json_type::array) {
    simdjson::ondemand::array array;
    if (const auto failure = document.get_array().get(array)) return json_error(failure, limits.depth_max);
    body.is_batch = true;
    if (auto error = read_batch(array, json, scratch, limits, unknown)) return error;
  } else if (type == json_type::object) {
    simdjson::ondemand::object object;
    if (const auto failure = document.get_object().get(object)) return json_error(failure, limits.depth_max);
    RequestReader reader(json, scratch, limits, unknown);
    reader.read(object);
    if (auto error = reader.fields().take_error()) return error;
  } else {
    return wrong_root("the body must be a JSON object, or an array of them");
  }
  if (const auto failure = expect_end(document)) return json_error(failure, limits.depth_max);

  size_t begin = 0;
  for (size_t i = 0; i < scratch.requests.size(); ++i) {
    const size_t end = scratch.names_end[i];
    scratch.requests[i].names = std::span<const std::string_view>(scratch.names).subspan(begin, end - begin);
    begin = end;
  }
  json.assert_output_in_place();
  body.requests = scratch.requests;
  return std::nullopt;
}

int http_status_of(const Error& error) {
  if (error.code == "too_large" || error.code == "batch_too_large") return 413;
  if (error.code == "forbidden") return 403;
  return 400;
}

}  // namespace ringcast::codec
