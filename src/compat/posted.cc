// SPDX-License-Identifier: Apache-2.0
#include "compat/posted.h"

namespace ringcast::session {

std::optional<Error> read_posted(Dialect dialect, std::string_view text, const codec::JsonLimits& limits,
                                 codec::PublishBody& body) {
  const auto read = table_of(dialect).read;
  if (read == nullptr) {
    return parse_publish_body(
        text, limits, body,
        dialect == Dialect::native ? codec::UnknownMembers::refused : codec::UnknownMembers::ignored);
  }
  thread_local codec::PublishRequest request;
  thread_local std::string_view name;
  codec::Action action;
  if (auto error = read(text, limits, action)) return error;
  request = {};
  request.user = action.user;
  request.payload_kind = action.payload_kind;
  request.payload = action.payload;
  request.event = action.event;
  if (!action.to.empty()) {
    request.target = codec::TargetKind::user;
    name = action.to;
  } else if (action.room == codec::kBroadcastChannel) {
    request.target = codec::TargetKind::broadcast;
  } else {
    request.target = codec::TargetKind::room;
    name = action.room;
  }
  if (request.target != codec::TargetKind::broadcast) request.names = {&name, 1};
  body = {.is_batch = false, .requests = {&request, 1}};
  return std::nullopt;
}

}  // namespace ringcast::session
