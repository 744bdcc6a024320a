// SPDX-License-Identifier: Apache-2.0
// What a command line got wrong, in words that name the way out. Pure functions; any thread.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace ringcast {

// The one of `known` that `given` is most likely a slip for: at most two characters or a third of it differ. Empty:
// none.
std::string_view nearest_name(std::string_view given, std::span<const std::string_view> known);

// `unknown flag "--rom"; did you mean "--room"?`. What is no flag is an unexpected argument; a value after '=' is left
// out, as it may be a secret.
std::string unknown_argument(std::string_view given, std::span<const std::string_view> known_flags);

// CLI11's message of a parse error as a sentence: "--port: 1 required  missing" is "--port needs a value".
std::string plain_mistake(std::string_view message);

}  // namespace ringcast
