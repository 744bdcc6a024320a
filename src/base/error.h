// SPDX-License-Identifier: Apache-2.0
// Errors are values: a stable code and a text that names what was wrong and what is allowed.
// Owned by whoever holds the Result; any thread. Hot paths use enums of their own instead.
#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace ringcast {

struct Error {
  std::string code;     // stable, snake_case, for programs: "bad_value"
  std::string message;  // one line, for people
};

template <class T>
using Result = tl::expected<T, Error>;

inline tl::unexpected<Error> fail(std::string code, std::string message) {
  return tl::unexpected<Error>(Error{std::move(code), std::move(message)});
}

// "what: strerror(errno_value)"; errno_value is positive.
tl::unexpected<Error> fail_errno(std::string_view what, int errno_value);

}  // namespace ringcast
