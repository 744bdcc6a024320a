// SPDX-License-Identifier: Apache-2.0
// What an operator's server answers when it is asked for a decision. A pure function; any thread (it uses the thread's
// parsing scratch).
#pragma once

#include <string_view>

#include "base/error.h"
#include "webhook/event.h"

namespace ringcast::webhook {

inline constexpr size_t kExtraRoomsMax = 32;
inline constexpr size_t kReasonBytesMax = 256;

// {"allow":true|false,"code":…,"reason":…} and, by the event, {"user","tenant","rooms"} or {"event","content"|"data"}.
// An empty body allows. Whatever is not said, or null, stays as it was; members of other names are ignored.
// `payload_max` bounds a changed message. Code bad_answer.
Result<Decision> read_answer(Event event, std::string_view body, uint32_t payload_max);

}  // namespace ringcast::webhook
