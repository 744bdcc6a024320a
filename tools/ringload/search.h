// SPDX-License-Identifier: Apache-2.0
// Search: the highest rate of a fan-out that crosses no threshold, by doubling and then halving the interval.
// Main thread.
#pragma once

#include "controller.h"

namespace ringcast::ringload {

// The results of the best run; of the first one when none passed. `options.rate` is where it begins, and is set to the
// rate of those results.
[[nodiscard]] Result<Results> search_rate(Options& options, const std::atomic<bool>& stop);

}  // namespace ringcast::ringload
