// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "base/assert.h"

namespace ringcast {

tl::unexpected<Error> fail_errno(std::string_view what, int errno_value) {
  char buffer[128];
  return fail("system", std::string(what) + ": " + strerror_r(errno_value, buffer, sizeof buffer));
}

void assertion_failed(const char* expression, const char* file, int line) noexcept {
  std::fprintf(stderr, "ringcast: assertion failed: %s at %s:%d\n", expression, file, line);
  std::abort();
}

}  // namespace ringcast
