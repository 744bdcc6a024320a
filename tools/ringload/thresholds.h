// SPDX-License-Identifier: Apache-2.0
// Threshold: a condition that fails a run, as --fail-if writes it: "p99>5ms", "lost>0", "deliveries_per_s<100000".
// Values and plain functions; main thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace ringcast::ringload {

struct Threshold {
  enum class Comparison : uint8_t { above, at_least, below, at_most };
  std::string text;  // as given
  std::string name;
  Comparison comparison = Comparison::above;
  double value = 0;  // times in milliseconds
};

// "NAME OPERATOR VALUE" with > >= < <=. A value may have a unit of time (ns, us, ms, s) or be in per cent ("1%" is 1).
[[nodiscard]] Result<Threshold> parse_threshold(std::string_view text);

// Looks the name up (no value: the run has no such figure) and says whether the condition holds, that is, the run
// fails. A figure that is missing fails too: a run that measured nothing must not pass.
using FigureLookup = std::function<std::optional<double>(std::string_view name)>;
bool holds(const Threshold& threshold, const FigureLookup& figures);

// Whether there is a figure of that name at all: p50 p75 p90 p95 p99 p99.9 p99.99 max mean (of the corrected latency),
// the same with "uncorrected_", "connect_", "ready_" and "lag_" before them, and the counts of the report.
bool is_figure_name(std::string_view name);
bool is_time_figure(std::string_view name);

}  // namespace ringcast::ringload
