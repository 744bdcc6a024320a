// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "base/assert.h"
#include "base/line_output.h"

namespace ringcast {

tl::unexpected<Error> fail_errno(std::string_view what, int errno_value) {
  char buffer[128];
  return fail("system", std::string(what) + ": " + strerror_r(errno_value, buffer, sizeof buffer));
}

void assertion_failed(const char* expression, const char* file, int line) noexcept {
  char text[1024];
  const int length =
      std::snprintf(text, sizeof text, "ringcast: assertion failed: %s at %s:%d\n", expression, file, line);
  // Nothing that reads slowly may keep a process alive that must end.
  const size_t size = std::min(sizeof text - 1, static_cast<size_t>(std::max(0, length)));
  LineOutput(STDERR_FILENO).write_within({text, size}, std::chrono::milliseconds(100));
  std::abort();
}

}  // namespace ringcast
