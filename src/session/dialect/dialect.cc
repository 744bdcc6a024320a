// SPDX-License-Identifier: Apache-2.0
#include "session/dialect/dialect.h"

#include "wire/json_members.h"

namespace ringcast::session {

const DialectTable kNative{
    .name = "native", .show = nullptr, .read = nullptr, .beat = nullptr, .user_parameter = "user", .nobody = {}};

const DialectTable& table_of(Dialect dialect) {
  static const DialectTable* const kTables[] = {&kNative,  &kOrderStatus, &kTokenHub, &kFeed,         &kBroker,
                                                &kGateway, &kChatRoom,    &kChatHub,  &kNotifications};
  static_assert(sizeof(kTables) / sizeof(kTables[0]) == kDialects);
  return *kTables[static_cast<size_t>(dialect)];
}

size_t find_dialect(std::string_view name) {
  size_t i = 0;
  while (i < kDialects && table_of(static_cast<Dialect>(i)).name != name) ++i;
  return i;
}

bool append_bare_payload(std::string& out, const NativeEvent& event) {
  if (!event.content.empty()) return wire::append_unquoted(out, event.content);
  out += event.data;
  return !event.data.empty();
}

}  // namespace ringcast::session
