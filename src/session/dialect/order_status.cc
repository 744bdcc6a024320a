// SPDX-License-Identifier: Apache-2.0
// R1: the state of one thing over SSE. Unnamed events whose data is the bare payload; the newest first, because the
// room is a last-value one; nothing else, so that `onmessage` sees states only.

#include "session/dialect/dialect.h"

namespace ringcast::session {
namespace {

bool show(const NativeEvent& event, Spelled& out) {
  return append_bare_payload(out.data, event);
}

}  // namespace

const DialectTable kOrderStatus{
    .name = "order-status", .show = show, .read = nullptr, .beat = nullptr, .user_parameter = "user", .nobody = {}};

}  // namespace ringcast::session
