// SPDX-License-Identifier: Apache-2.0
#include "session/dialect/posted.h"

namespace ringcast::session {

std::optional<Error> read_posted(Dialect dialect, std::string_view text, const wire::JsonLimits& limits,
                                 wire::PublishBody& body) {
  const auto read = table_of(dialect).read;
  if (read == nullptr) return parse_publish_body(text, limits, body);
  thread_local wire::PublishRequest request;
  thread_local std::string_view name;
  wire::Action action;
  if (auto error = read(text, limits, action)) return error;
  request = {};
  request.user = action.user;
  request.payload_kind = action.payload_kind;
  request.payload = action.payload;
  request.event = action.event;
  if (!action.to.empty()) {
    request.target = wire::TargetKind::user;
    name = action.to;
  } else if (action.room == wire::kBroadcastChannel) {
    request.target = wire::TargetKind::broadcast;
  } else {
    request.target = wire::TargetKind::room;
    name = action.room;
  }
  if (request.target != wire::TargetKind::broadcast) request.names = {&name, 1};
  body = {.is_batch = false, .requests = {&request, 1}};
  return std::nullopt;
}

}  // namespace ringcast::session
