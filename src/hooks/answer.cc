// SPDX-License-Identifier: Apache-2.0
#include "hooks/answer.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "codec/json/json_fields.h"
#include "codec/json/json_members.h"
#include "codec/native/names.h"

namespace ringcast::hooks {

namespace {

using Kind = codec::JsonField::Kind;

enum Field : size_t { kAllow, kCode, kReason, kUser, kTenant, kRooms, kEvent, kContent, kData, kAck, kLeave, kFields };

// Of `rooms` as JSON: each name in quotes, each byte escaped at worst.
constexpr uint32_t kRoomsBytesMax = kExtraRoomsMax * (2 * codec::kNameBytesMax + 3) + 2;

tl::unexpected<Error> bad(std::string message) {
  return fail("bad_answer", std::move(message));
}

// The strings of an array, whose text is on one line and valid.
Result<std::vector<std::string>> strings_of(std::string_view name, std::string_view array) {
  std::vector<std::string> items;
  const auto no_list = [&] { return bad(std::string(name) + " must be a list of room names"); };
  if (!array.starts_with('[')) return no_list();
  std::string_view rest = array.substr(1);
  while (!rest.starts_with(']')) {
    size_t end = 1;
    while (end < rest.size() && rest[end] != '"') end += rest[end] == '\\' ? 2 : 1;
    std::string item;
    if (!rest.starts_with('"') || end >= rest.size() || !codec::append_unquoted(item, rest.substr(0, end + 1))) {
      return no_list();
    }
    items.push_back(std::move(item));
    rest.remove_prefix(end + 1);
    if (rest.starts_with(',')) rest.remove_prefix(1);
  }
  return items;
}

Result<void> read_rooms(std::string_view name, const codec::JsonField& field, std::vector<std::string>& out) {
  if (!field.given() || field.value == "null") return {};
  auto rooms = strings_of(name, field.value);
  if (!rooms) return tl::unexpected<Error>(rooms.error());
  if (rooms->size() > kExtraRoomsMax) {
    return bad(std::string(name) + " has more than " + std::to_string(kExtraRoomsMax) + " names");
  }
  for (const std::string& room : *rooms) {
    if (auto checked = codec::check_room(room); !checked) {
      return bad(std::string(name) + ": " + checked.error().message);
    }
  }
  out = *std::move(rooms);
  return {};
}

Result<void> read_connect(std::span<const codec::JsonField> fields, Decision& decision) {
  if (fields[kUser].given()) {
    if (auto checked = codec::check_user(fields[kUser].value); !checked) return bad("user: " + checked.error().message);
    decision.user = fields[kUser].value;
  }
  if (fields[kTenant].given()) {
    if (auto checked = codec::check_tenant(fields[kTenant].value); !checked)
      return bad("tenant: " + checked.error().message);
    decision.tenant = fields[kTenant].value;
  }
  return read_rooms("rooms", fields[kRooms], decision.rooms);
}

Result<void> read_event(std::span<const codec::JsonField> fields, uint32_t payload_max, Decision& decision) {
  if (auto read = read_rooms("rooms", fields[kRooms], decision.rooms); !read) return read;
  if (auto read = read_rooms("leave", fields[kLeave], decision.leave); !read) return read;
  if (!fields[kAck].given() || fields[kAck].value == "null") return {};
  if (!fields[kAck].value.starts_with('[')) return bad("ack must be a list: the acknowledgement's arguments");
  if (fields[kAck].value.size() > payload_max) {
    return bad("the acknowledgement would be larger than " + std::to_string(payload_max) + " bytes");
  }
  decision.acknowledgement = fields[kAck].value;
  return {};
}

Result<void> read_publish(std::span<const codec::JsonField> fields, uint32_t payload_max, Decision& decision) {
  if (fields[kEvent].given()) {
    if (auto checked = codec::check_event_type(fields[kEvent].value); !checked)
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
  std::array<codec::JsonField, kFields> fields = {{{"allow", Kind::data},
                                                   {"code", Kind::text},
                                                   {"reason", Kind::text},
                                                   {"user", Kind::text},
                                                   {"tenant", Kind::text},
                                                   {"rooms", Kind::data},
                                                   {"event", Kind::text},
                                                   {"content", Kind::content},
                                                   {"data", Kind::data},
                                                   {"ack", Kind::data},
                                                   {"leave", Kind::data}}};
  codec::JsonLimits limits;
  limits.payload_bytes_max = std::max(payload_max, kRoomsBytesMax);
  if (const auto error = codec::read_json_fields(body, limits, fields)) return bad(error->message);
  if (fields[kAllow].given() && fields[kAllow].value != "true" && fields[kAllow].value != "false") {
    return bad("allow must be true or false");
  }
  decision.allow = fields[kAllow].value != "false";
  if (!decision.allow) {
    if (fields[kCode].given()) {
      if (auto checked = codec::check_connection_id(fields[kCode].value); !checked)
        return bad("code must be 1 to 64 of A-Z a-z 0-9 _ . : -");
      decision.code = fields[kCode].value;
    }
    if (fields[kReason].value.size() > kReasonBytesMax)
      return bad("reason has more than " + std::to_string(kReasonBytesMax) + " bytes");
    decision.reason = fields[kReason].value;
    return decision;
  }
  const auto read = event == Event::publish ? read_publish(fields, payload_max, decision)
                    : event == Event::event ? read_event(fields, payload_max, decision)
                                            : read_connect(fields, decision);
  if (!read) return tl::unexpected<Error>(read.error());
  return decision;
}

}  // namespace ringcast::hooks
