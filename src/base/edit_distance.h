// SPDX-License-Identifier: Apache-2.0
// How far apart two names are, for "did you mean". Pure function; any thread.
#pragma once

#include <cstddef>
#include <string_view>

namespace ringcast {

// Insertions, deletions and replacements of bytes that make one name out of the other (Levenshtein). Only the first 64
// bytes of each are compared, so the cost is bounded whatever a client sends; nothing is allocated.
size_t edit_distance(std::string_view a, std::string_view b);

}  // namespace ringcast
