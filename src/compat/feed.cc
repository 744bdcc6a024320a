// SPDX-License-Identifier: Apache-2.0
// A resumable stream that is native in every message, but says in one sentence that it has lost some.

#include "codec/json/json_members.h"
#include "compat/dialect.h"

namespace ringcast::session {
namespace {

bool show(const NativeEvent& event, Spelled& out) {
  if (event.type != "lagged") {
    out.name = event.type;
    out.data = event.json;
    return true;
  }
  out.name = "system";
  out.data = "{\"warning\":\"missed ";
  out.data += codec::json_member(event.json, "missed");
  out.data += " events due to lag\"}";
  return true;
}

}  // namespace

const DialectTable kFeed{
    .name = "feed", .show = show, .read = nullptr, .heartbeat = nullptr, .user_parameter = "user", .nobody = {}};

}  // namespace ringcast::session
