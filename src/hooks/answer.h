// SPDX-License-Identifier: Apache-2.0
// What an operator's server answers when it is asked for a decision. A pure function; any thread (it uses the thread's
// parsing scratch).
#pragma once

#include <string_view>

#include "base/error.h"
#include "hooks/event.h"

namespace ringcast::hooks {

inline constexpr size_t kExtraRoomsMax = 32;
inline constexpr size_t kReasonBytesMax = 256;

// {"allow":true|false,"code":…,"reason":…} and, by the event, {"user","tenant","rooms"}, {"event","content"|"data"}
// or {"ack","rooms","leave"}.
// An empty body allows. Whatever is not said, or null, stays as it was; members of other names are ignored.
// `payload_max` bounds a changed message and an acknowledgement. Code bad_answer.
[[nodiscard]] Result<Decision> read_answer(Event event, std::string_view body, uint32_t payload_max);

}  // namespace ringcast::hooks
