// SPDX-License-Identifier: Apache-2.0
// ProgressLine: how the run goes, for the one who watches it: on a terminal one line that is written again and again,
// with a bar for how far the phase is; elsewhere a line for each sample. Main thread; writes to standard error.
#pragma once

#include "series.h"

namespace ringcast::ringload {

class ProgressLine {
 public:
  explicit ProgressLine(bool quiet);

  // Whether the line on the terminal is old enough to be written again.
  bool due(int64_t now_ns) const { return terminal_ && now_ns - shown_ns_ >= kEveryNs; }
  // `part` of the phase is over, 0 to 1, or negative when nobody knows; `latest` is the last sample, if there is one.
  void show(std::string_view phase, double part, const Totals& now, const Sample* latest);
  // A sample has been taken: a line of its own where there is no terminal.
  void sampled(const Sample& sample);
  void clear();

 private:
  static constexpr int64_t kEveryNs = 200'000'000;
  bool quiet_;
  bool terminal_;
  int64_t shown_ns_ = 0;
};

// For its tests: the line as it is for a terminal of so many columns.
std::string progress_text(std::string_view phase, double part, const Totals& now, const Sample* latest, size_t columns);

}  // namespace ringcast::ringload
