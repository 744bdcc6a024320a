// SPDX-License-Identifier: Apache-2.0
// From the public Message to a task for a core: checks it by the rules of POST /messages. No state beyond the thread's
// parsing scratch; any thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"
#include "ringcast/message.h"
#include "session/foreign_requests.h"
#include "wire/action.h"

namespace ringcast::embed {

using TaskPtr = std::unique_ptr<session::ForeignTask>;

Result<TaskPtr> publish_task(const Message& message, const wire::JsonLimits& limits);
// An event for one connection; not kept, and without an id.
Result<TaskPtr> connection_task(std::string_view tenant, std::string_view connection, std::string_view event,
                                std::string_view json, const wire::JsonLimits& limits);
// A question about the user's inbox.
Result<TaskPtr> user_task(hub::QueryKind kind, std::string_view tenant, std::string_view user);

}  // namespace ringcast::embed
