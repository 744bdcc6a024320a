// SPDX-License-Identifier: Apache-2.0
// From the public Message to a task for a core: checks it by the rules of POST /messages. No state beyond the thread's
// parsing scratch; any thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "api/foreign_requests.h"
#include "base/error.h"
#include "codec/native/action.h"
#include "ringcast/message.h"

namespace ringcast::embed {

using TaskPtr = std::unique_ptr<session::ForeignTask>;

// `data`: JSON or any text; `event`: any name, see check_event_name().
[[nodiscard]] Result<TaskPtr> event_task(Message message, std::string_view event, std::string_view data,
                                         const codec::JsonLimits& limits);
[[nodiscard]] Result<TaskPtr> publish_task(const Message& message, const codec::JsonLimits& limits);
// An event for one connection; not kept, and without an id.
[[nodiscard]] Result<TaskPtr> connection_task(std::string_view tenant, std::string_view connection,
                                              std::string_view event, std::string_view json,
                                              const codec::JsonLimits& limits);
// A question about the user's inbox.
[[nodiscard]] Result<TaskPtr> user_task(hub::QueryKind kind, std::string_view tenant, std::string_view user);

}  // namespace ringcast::embed
