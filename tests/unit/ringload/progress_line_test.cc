// SPDX-License-Identifier: Apache-2.0
#include "progress_line.h"

#include <gtest/gtest.h>

namespace ringcast::ringload {
namespace {

TEST(ProgressLine, HasABarWhereTheEndIsKnown) {
  Totals now;
  now.at_ns = 12'300'000'000;
  now.ready = 450;
  EXPECT_EQ(progress_text("connect", 0.45, now, nullptr, 100),
            "  12.3 s connect   [#########...........]  45 %  450 ready");
  EXPECT_EQ(progress_text("drain", -1, now, nullptr, 100), "  12.3 s drain     450 ready");
  EXPECT_NE(progress_text("hold", 1.5, now, nullptr, 100).find("[####################] 100 %"), std::string::npos);
}

TEST(ProgressLine, HasTheLastSampleAndFitsTheTerminal) {
  Totals now;
  now.errors = 3;
  Sample sample;
  sample.published_per_s = 10;
  sample.deliveries_per_s = 1000;
  sample.latency = {.count = 1000, .p50_ms = 1, .p99_ms = 2.345, .max_ms = 9};
  const std::string whole = progress_text("hold", 0.5, now, &sample, 200);
  EXPECT_NE(whole.find("0 ready, 3 errors, 10 published/s, 1000 deliveries/s, p99 2.35 ms"), std::string::npos)
      << whole;
  EXPECT_EQ(progress_text("hold", 0.5, now, &sample, 40), whole.substr(0, 39));
}

}  // namespace
}  // namespace ringcast::ringload
