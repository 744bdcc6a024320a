// SPDX-License-Identifier: Apache-2.0
// The text is read as an action and as the body of a publish. What is taken must be sound: names that pass the checks,
// payloads on one line that simdjson's DOM parser, which checks everything, reads as the same value, and that are not
// changed by being read again.
#include <simdjson.h>

#include <cstdlib>
#include <string>
#include <string_view>

#include "codec/native/action.h"
#include "codec/native/event_json.h"
#include "codec/native/publish_request.h"
#include "dom_error.h"

namespace {

using namespace ringcast::codec;

void require(bool condition) {
  if (!condition) std::abort();
}

void check_json(std::string_view json) {
  require(json.find_first_of("\r\n") == std::string_view::npos);
  simdjson::dom::parser parser;
  const auto code = parser.parse(simdjson::padded_string(json)).error();
  // Numbers that fit no machine type are passed on as they were written; the DOM parser refuses them.
  require(!code || is_number_too_large(code));
}

void check_payload(PayloadKind kind, std::string_view payload) {
  check_json(payload);
  require(kind != PayloadKind::content || (payload.size() >= 2 && payload.front() == '"' && payload.back() == '"'));
  const std::string once(payload);
  Action action;
  require(!parse_action(R"({"action":"message","data":)" + once + "}", {}, action));
  require(action.payload == once);
}

void check_error(const ringcast::Error& error) {
  std::string event;
  append_error_event(event, ErrorEvent::error, error.code, error.message, {});
  check_json(event);
}

void check_action(std::string_view text) {
  Action action;
  const auto error = parse_action(text, {}, action);
  if (!action.ref.empty()) check_json(action.ref);
  if (error) return check_error(*error);
  require(action.kind != ActionKind::unknown);
  require(action.room.empty() || check_channel(action.room).has_value());
  require(action.to.empty() || check_user(action.to).has_value());
  require(action.event == "direct" || check_event_type(action.event).has_value());
  // Copies, since checking a payload parses again.
  const std::string payload(action.payload);
  const PayloadKind kind = action.payload_kind;
  if (kind != PayloadKind::none) check_payload(kind, payload);
}

void check_request(const PublishRequest& request) {
  require(request.payload_kind != PayloadKind::none);
  require(check_event_type(request.event).has_value());
  require(request.user.empty() || check_user(request.user).has_value());
  for (const std::string_view name : request.names) {
    switch (request.target) {
      case TargetKind::room:
      case TargetKind::rooms: require(check_room(name).has_value()); break;
      case TargetKind::user:
      case TargetKind::users: require(check_user(name).has_value()); break;
      case TargetKind::connection: require(check_connection_id(name).has_value()); break;
      case TargetKind::broadcast: require(false); break;
    }
  }
  require(request.target == TargetKind::broadcast || !request.names.empty());
}

void check_publish(std::string_view text) {
  PublishBody body;
  if (const auto error = parse_publish_body(text, {}, body)) {
    require(body.requests.empty());
    return check_error(*error);
  }
  require(body.is_batch ? !body.requests.empty() : body.requests.size() == 1);
  for (const PublishRequest& request : body.requests) check_request(request);
  const std::string first(body.requests.front().payload);
  const PayloadKind kind = body.requests.front().payload_kind;
  check_payload(kind, first);
}

// What the DOM parser takes as a whole, `data` takes, unless it nests too deeply or is too large. A byte order mark,
// which newer versions pass over, is nothing to begin a value with.
void check_completeness(std::string_view text) {
  if (text.starts_with("\xEF\xBB\xBF")) return;
  simdjson::dom::parser parser;
  simdjson::dom::element element;
  const simdjson::padded_string padded(text);
  if (parser.parse(padded).get(element)) return;
  Action action;
  const auto error = parse_action(R"({"action":"message","data":)" + std::string(text) + "\n}", {}, action);
  require(!error || error->code == "too_deep" || error->code == "too_large");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_action(text);
  check_publish(text);
  check_completeness(text);
  return 0;
}
