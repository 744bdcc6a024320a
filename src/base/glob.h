// SPDX-License-Identifier: Apache-2.0
// Patterns of names, as settings spell them. A pure function; any thread.
#pragma once

#include <string_view>

namespace ringcast {

// `*` matches any run of characters but '/', `**` any run; everything else is literal.
bool glob_match(std::string_view pattern, std::string_view text);

}  // namespace ringcast
