// SPDX-License-Identifier: Apache-2.0
#include "webhook/answer.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "wire/json_fields.h"
#include "wire/json_members.h"
#include "wire/names.h"

namespace ringcast::webhook {

namespace {

using Kind = wire::JsonField::Kind;

enum Field : size_t { kAllow, kCode, kReason, kUser, kTenant, kRooms, kEvent, kContent, kData, kFields };

// Of `rooms` as JSON: each name in quotes, each byte escaped at worst.
constexpr uint32_t kRoomsBytesMax = kExtraRoomsMax * (2 * wire::kNameBytesMax + 3) + 2;

tl::unexpected<Error> bad(std::string message) {
  return fail("bad_answer", std::move(message));
}

// The strings of an array, whose text is on one line and valid.
Result<std::vector<std::string>> strings_of(std::string_view array) {
  std::vector<std::string> items;
  if (!array.starts_with('[')) return bad("rooms must be a list of room names");
  std::string_view rest = array.substr(1);
  while (!rest.starts_with(']')) {
    size_t end = 1;
    while (end < rest.size() && rest[end] != '"') end += rest[end] == '\\' ? 2 : 1;
    std::string item;
    if (!rest.starts_with('"') || end >= rest.size() || !wire::append_unquoted(item, rest.substr(0, end + 1))) {
      return bad("rooms must be a list of room names");
    }
    items.push_back(std::move(item));
    rest.remove_prefix(end + 1);
    if (rest.starts_with(',')) rest.remove_prefix(1);
  }
  return items;
}

Result<void> read_connect(std::span<const wire::JsonField> fields, Decision& decision) {
  if (fields[kUser].given()) {
    if (auto checked = wire::check_user(fields[kUser].value); !checked) return bad("user: " + checked.error().message);
    decision.user = fields[kUser].value;
  }
  if (fields[kTenant].given()) {
    if (auto checked = wire::check_tenant(fields[kTenant].value); !checked)
      return bad("tenant: " + checked.error().message);
    decision.tenant = fields[kTenant].value;
  }
  if (!fields[kRooms].given() || fields[kRooms].value == "null") return {};
  auto rooms = strings_of(fields[kRooms].value);
  if (!rooms) return tl::unexpected<Error>(rooms.error());
  if (rooms->size() > kExtraRoomsMax) return bad("rooms has more than " + std::to_string(kExtraRoomsMax) + " names");
  for (const std::string& room : *rooms) {
    if (auto checked = wire::check_room(room); !checked) return bad("rooms: " + checked.error().message);
  }
  decision.rooms = *std::move(rooms);
  return {};
}

Result<void> read_publish(std::span<const wire::JsonField> fields, uint32_t payload_max, Decision& decision) {
  if (fields[kEvent].given()) {
    if (auto checked = wire::check_event_type(fields[kEvent].value); !checked)
      return bad("event: " + checked.error().message);
    decision.event = fields[kEvent].value;
  }
  const bool data = fields[kData].given() && fields[kData].value != "null";
  if (fields[kContent].given() && data) return bad("either content or data, not both");
  if (std::max(fields[kContent].value.size(), fields[kData].value.size()) > payload_max)
    return bad("the message would be larger than " + std::to_string(payload_max) + " bytes");
  if (fields[kContent].given()) {
    decision.payload = Message{{}, Message::Kind::content, std::string(fields[kContent].value)};
  } else if (data) {
    decision.payload = Message{{}, Message::Kind::data, std::string(fields[kData].value)};
  }
  return {};
}

}  // namespace

Result<Decision> read_answer(Event event, std::string_view body, uint32_t payload_max) {
  Decision decision;
  decision.answered = true;
  if (body.find_first_not_of(" \t\r\n") == std::string_view::npos) return decision;
  std::array<wire::JsonField, kFields> fields = {{{"allow", Kind::data},
                                                  {"code", Kind::text},
                                                  {"reason", Kind::text},
                                                  {"user", Kind::text},
                                                  {"tenant", Kind::text},
                                                  {"rooms", Kind::data},
                                                  {"event", Kind::text},
                                                  {"content", Kind::content},
                                                  {"data", Kind::data}}};
  wire::JsonLimits limits;
  limits.payload_bytes_max = std::max(payload_max, kRoomsBytesMax);
  if (const auto error = wire::read_json_fields(body, limits, fields)) return bad(error->message);
  if (fields[kAllow].given() && fields[kAllow].value != "true" && fields[kAllow].value != "false") {
    return bad("allow must be true or false");
  }
  decision.allow = fields[kAllow].value != "false";
  if (!decision.allow) {
    if (fields[kCode].given()) {
      if (auto checked = wire::check_connection_id(fields[kCode].value); !checked)
        return bad("code must be 1 to 64 of A-Z a-z 0-9 _ . : -");
      decision.code = fields[kCode].value;
    }
    if (fields[kReason].value.size() > kReasonBytesMax)
      return bad("reason has more than " + std::to_string(kReasonBytesMax) + " bytes");
    decision.reason = fields[kReason].value;
    return decision;
  }
  const auto read =
      event == Event::publish ? read_publish(fields, payload_max, decision) : read_connect(fields, decision);
  if (!read) return tl::unexpected<Error>(read.error());
  return decision;
}

}  // namespace ringcast::webhook
