// SPDX-License-Identifier: Apache-2.0
// The JSON of calls. An event is an object; notifications travel as {"events":[…]}, a decision as the object itself.
// Pure functions; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "hooks/event.h"

namespace ringcast::hooks {

// {"id":…,"event":"join","time":"2026-…Z","connection":…,"user":…,…}: what is empty is left out.
void append_event(std::string& out, const Call& call, std::string_view id);

}  // namespace ringcast::hooks
