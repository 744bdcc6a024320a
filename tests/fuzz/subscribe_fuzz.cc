// SPDX-License-Identifier: Apache-2.0
// The text is read as the body of POST /events. What is taken must be JSON as a whole and within its limits, and must
// be read as the same when it is written again; what is refused leaves nothing behind.
#include <simdjson.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <string_view>

#include "codec/json/json_writer.h"
#include "codec/native/event_json.h"
#include "codec/native/names.h"
#include "codec/native/subscribe_request.h"
#include "dom_error.h"

namespace {

using namespace ringcast::codec;

constexpr size_t kNamesMax = 8;

void require(bool condition) {
  if (!condition) std::abort();
}

void check_json(std::string_view json) {
  simdjson::dom::parser parser;
  const auto code = parser.parse(simdjson::padded_string(json)).error();
  // Numbers that fit no machine type are not looked at where null, or another type, is as good.
  require(!code || is_number_too_large(code));
}

std::string written(const SubscribeRequest& request) {
  std::string text = "{\"rooms\":[";
  for (const std::string_view room : request.rooms) {
    if (text.back() != '[') text += ',';
    append_json_string(text, room);
  }
  text += "],\"positions\":{";
  for (const auto& [channel, id] : request.positions) {
    if (text.back() != '{') text += ',';
    append_json_string(text, channel);
    text += ':' + std::to_string(id);
  }
  text += '}';
  if (request.timeout_s) text += ",\"timeout\":" + std::to_string(*request.timeout_s);
  return text + '}';
}

void check_taken(std::string_view text, const SubscribeRequest& request) {
  check_json(text);
  require(request.rooms.size() <= kNamesMax && request.positions.size() <= kNamesMax);
  for (const std::string_view room : request.rooms) require(is_valid_utf8(room));
  for (const auto& [channel, id] : request.positions) require(is_valid_utf8(channel) && id <= kMessageIdMax);
  // Views of the scratch: a second reading ends them.
  const std::string once = written(request);
  SubscribeRequest again;
  require(!parse_subscribe_body(once, {}, kNamesMax, again));
  require(written(again) == once);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  SubscribeRequest request;
  if (const auto error = parse_subscribe_body(text, {}, kNamesMax, request)) {
    require(request.rooms.empty() && request.positions.empty() && !request.timeout_s);
    std::string event;
    append_error_event(event, ErrorEvent::error, error->code, error->message, {});
    check_json(event);
    return 0;
  }
  check_taken(text, request);
  return 0;
}
