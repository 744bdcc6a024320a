// SPDX-License-Identifier: Apache-2.0
// One JSON value of any kind, checked as a whole and re-serialised on one line. Pure; uses this thread's scratch, so
// views of the last parsed body or action are gone.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "codec/native/action.h"

namespace ringcast::codec {

// Appends to `out`. Codes: bad_json, too_deep.
[[nodiscard]] Result<void> append_compact_json(std::string& out, std::string_view text, const JsonLimits& limits);

}  // namespace ringcast::codec
