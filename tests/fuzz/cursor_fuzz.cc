// SPDX-License-Identifier: Apache-2.0
// The text is read as a query string and as a cursor of streams over one, two and as many channels as it names. What is
// taken is written again and must be read as the same.
#include <algorithm>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "codec/http1/url.h"
#include "codec/native/cursor.h"
#include "codec/native/names.h"

namespace {

using namespace ringcast::codec;

void require(bool condition) {
  if (!condition) std::abort();
}

void check_cursor(std::string_view text, const std::vector<std::string_view>& sorted_names) {
  const auto cursor = parse_cursor(text, sorted_names, "alice");
  if (!cursor) return require(is_valid_utf8(cursor.error().message));
  require(cursor->positions.size() == sorted_names.size());
  bool complete = true;
  for (const uint64_t position : cursor->positions) {
    require(position <= kMessageIdMax || position == kNoPosition);
    complete = complete && position != kNoPosition;
  }
  if (!complete || cursor->match != Cursor::Match::matched) return;

  std::string token, list;
  append_cursor(token, cursor_hash(sorted_names), cursor->positions);
  for (size_t i = 0; i < sorted_names.size(); ++i) {
    append_cursor_item(list, i == 0, sorted_names[i], cursor->positions[i]);
  }
  for (const std::string& again : {token, list}) {
    const auto reread = parse_cursor(again, sorted_names, "alice");
    require(reread && reread->match == Cursor::Match::matched && reread->positions == cursor->positions);
  }
}

void check_query(std::string_view text) {
  const auto query = Query::parse(text);
  if (!query) return require(is_valid_utf8(query.error().message));
  require(query->size() <= kQueryParametersMax);
  for (const std::string_view key : {"user", "since", "last_event_id", "token"}) {
    const auto value = query->get(key);
    if (!value) continue;
    require(is_valid_utf8(*value));
    std::string encoded, decoded;
    append_percent_encoded(encoded, *value);
    require(append_percent_decoded(decoded, encoded, PlusSign::is_space) && decoded == *value);
  }
  auto rooms = room_list(*query, kCursorChannelsMax);
  if (!rooms) return require(is_valid_utf8(rooms.error().message));
  require(rooms->size() <= kCursorChannelsMax);
  std::string scratch;
  for (const std::string_view room : *rooms) {
    require(check_channel(room).has_value());
    const auto resolved = resolve_channel(room, "alice", scratch);
    require(resolved || resolved.error().code == "forbidden");
  }
  std::sort(rooms->begin(), rooms->end());
  for (const std::string_view key : {"since", "last_event_id"}) {
    if (const auto cursor = query->get(key); cursor && !rooms->empty()) check_cursor(*cursor, *rooms);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_query(text);
  check_cursor(text, {"general"});
  check_cursor(text, {"@alice", "general"});
  return 0;
}
