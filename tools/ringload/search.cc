// SPDX-License-Identifier: Apache-2.0
#include "search.h"

#include <algorithm>

#include <cstdio>
#include <optional>

namespace ringcast::ringload {
namespace {

constexpr double kCloseEnough = 1.1;  // between the highest good rate and the lowest bad one
constexpr double kRateMax = 1e7;

}  // namespace

Result<Results> search_rate(Options& options, const std::atomic<bool>& stop) {
  std::optional<Results> best;
  std::optional<Results> worst;
  double good = 0;
  double bad = kRateMax;
  Options attempt = options;
  while (bad / std::max(good, 1e-9) > kCloseEnough && attempt.rate < kRateMax && !stop) {
    auto results = run_scenario(attempt, stop);
    if (!results) return results;
    // A run in which the generator was the limit says nothing of the server: the search does not go beyond it.
    if (results->connected == 0) return results;
    const auto judged = verdicts(*results, attempt);
    const bool passed = results->invalid.empty() &&
                        std::none_of(judged.begin(), judged.end(), [](const Verdict& one) { return one.crossed; });
    std::fprintf(stderr, "search         %g/s: %s\n", attempt.rate,
                 passed                     ? "good"
                 : results->invalid.empty() ? "crosses a threshold"
                                            : results->invalid.front().c_str());
    if (passed) {
      good = attempt.rate;
      options.rate = good;
      best = std::move(*results);
    } else {
      bad = attempt.rate;
      if (!worst) {
        worst = std::move(*results);
      }
    }
    attempt.rate = bad == kRateMax ? good * 2 : good == 0 ? bad / 2 : (good + bad) / 2;
    if (good == 0 && attempt.rate < 0.1) break;
  }
  if (best) return std::move(*best);
  if (worst) return std::move(*worst);
  return fail("interrupted", "interrupted before the first run had ended");
}

}  // namespace ringcast::ringload
