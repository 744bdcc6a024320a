// SPDX-License-Identifier: Apache-2.0
// Sizes and durations as people write them: "64KiB", "1MiB", "25s", "500ms". Parsed exactly, printed back to the same.
// Plain functions without state; any thread, meant for start-up and reload.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace ringcast::config {

using Duration = std::chrono::nanoseconds;

// A whole number and one of ns, us, ms, s, min, h, d; "0" needs no unit. Fractions are refused: write the smaller unit.
[[nodiscard]] Result<Duration> parse_duration(std::string_view text);
// A whole number of bytes, or with one of B, KiB, MiB, GiB, TiB (and kB, MB, GB, TB: powers of 1,000).
[[nodiscard]] Result<uint64_t> parse_size(std::string_view text);
// Decimal digits only.
[[nodiscard]] Result<uint64_t> parse_count(std::string_view text);

// The shortest spelling that parses back to the same value: 90s stays "90s", 120s becomes "2min".
std::string format_duration(Duration duration);
std::string format_size(uint64_t bytes);

}  // namespace ringcast::config
