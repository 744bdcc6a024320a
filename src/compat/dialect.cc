// SPDX-License-Identifier: Apache-2.0
#include "compat/dialect.h"

#include "codec/json/json_members.h"

namespace ringcast::session {

const DialectTable kNative{
    .name = "native", .show = nullptr, .read = nullptr, .heartbeat = nullptr, .user_parameter = "user", .nobody = {}};

const DialectTable kRoomChat{.name = "room-chat",
                             .show = nullptr,
                             .read = nullptr,
                             .heartbeat = nullptr,
                             .user_parameter = "user",
                             .nobody = {},
                             .bad_body = R"({"error":"invalid body"})"};

// Its events are made for each namespace where its sessions are.
const DialectTable kSocketIo{.name = "socket-io",
                             .show = [](const NativeEvent&, Spelled&) { return false; },
                             .read = nullptr,
                             .heartbeat = nullptr,
                             .user_parameter = "user",
                             .nobody = {}};

const DialectTable& table_of(Dialect dialect) {
  static const DialectTable* const kTables[] = {&kNative,        &kOrderStatus, &kTokenHub, &kFeed,
                                                &kBroker,        &kGateway,     &kChatRoom, &kChatHub,
                                                &kNotifications, &kRoomChat,    &kSocketIo};
  static_assert(sizeof(kTables) / sizeof(kTables[0]) == kDialects);
  return *kTables[static_cast<size_t>(dialect)];
}

size_t find_dialect(std::string_view name) {
  size_t i = 0;
  while (i < kDialects && table_of(static_cast<Dialect>(i)).name != name) ++i;
  return i;
}

bool append_bare_payload(std::string& out, const NativeEvent& event) {
  const std::string_view payload = event.payload();
  if (payload.starts_with('"')) return codec::append_unquoted(out, payload);
  out += payload;
  return !payload.empty();
}

void take_payload(codec::Action& action, std::string_view json) {
  if (json == "null") json = "\"\"";
  action.payload_kind = json.starts_with('"') ? codec::PayloadKind::content : codec::PayloadKind::data;
  action.payload = json;
}

}  // namespace ringcast::session
