// SPDX-License-Identifier: Apache-2.0
// Invariants, asserted in release builds too. A failure names the place and ends the process.
#pragma once

namespace ringcast {
[[noreturn]] void assertion_failed(const char* expression, const char* file, int line) noexcept;
}

#define RINGCAST_ASSERT(expression)                             \
  (__builtin_expect(static_cast<bool>(expression), 1) ? void(0) \
                                                      : ::ringcast::assertion_failed(#expression, __FILE__, __LINE__))
