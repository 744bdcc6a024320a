// SPDX-License-Identifier: Apache-2.0
// Controller: starts the workers, leads them through the phases, watches the server and collects the results.
// Main thread; the workers' threads are its own.
#pragma once

#include <atomic>

#include "results.h"

namespace ringcast::ringload {

// Runs one scenario to its end, or until `stop` is set, which ends it early with what there is so far.
[[nodiscard]] Result<Results> run_scenario(const Options& options, const std::atomic<bool>& stop);

}  // namespace ringcast::ringload
