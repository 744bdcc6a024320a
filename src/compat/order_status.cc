// SPDX-License-Identifier: Apache-2.0
// The state of one thing over SSE. Events whose data is the bare payload, unnamed unless their publisher named them;
// the newest first, where the room is a last-value one; nothing else, so that `onmessage` sees states only.

#include "compat/dialect.h"

namespace ringcast::session {
namespace {

bool show(const NativeEvent& event, Spelled& out) {
  if (event.named()) out.name = event.type;
  return append_bare_payload(out.data, event);
}

}  // namespace

const DialectTable kOrderStatus{.name = "order-status",
                                .show = show,
                                .read = nullptr,
                                .heartbeat = nullptr,
                                .user_parameter = "user",
                                .nobody = {}};

}  // namespace ringcast::session
