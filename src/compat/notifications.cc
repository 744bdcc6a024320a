// SPDX-License-Identifier: Apache-2.0
// Polled notifications. Where `data` is an object it is the notification, as its publisher wrote it; anything else
// comes as the native event.

#include "compat/dialect.h"

namespace ringcast::session {
namespace {

bool show(const NativeEvent& event, Spelled& out) {
  if (event.content.empty() && event.data.empty()) return false;
  out.data = event.data.starts_with('{') ? event.data : event.json;
  return true;
}

Result<void> check_user(std::string_view user) {
  if (user.empty()) return fail("unauthorized", "notifications are a user's: there is none");
  return {};
}

}  // namespace

const DialectTable kNotifications{.name = "notifications",
                                  .show = show,
                                  .read = nullptr,
                                  .heartbeat = nullptr,
                                  .check_user = check_user,
                                  .user_parameter = "user",
                                  .nobody = {}};

}  // namespace ringcast::session
