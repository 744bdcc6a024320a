// SPDX-License-Identifier: Apache-2.0
// Which engine one gets. Runs twice: as it is, and under a filter that refuses io_uring (URING_IS_REFUSED is
// set), as containers do.
#include <cstdlib>

#include "engine_fixture.h"

namespace ringcast::io {
namespace {

bool refused() {
  return std::getenv("URING_IS_REFUSED") != nullptr;
}

TEST(Fallback, ProbeSaysWhatTheKernelOffersOrWhyNot) {
  const Probe probe = probe_uring();
  if (refused()) {
    EXPECT_FALSE(probe.uring_usable);
    EXPECT_NE(probe.why_not.find("Operation not permitted"), std::string::npos) << probe.why_not;
    EXPECT_NE(probe.why_not.find("seccomp"), std::string::npos) << probe.why_not;
    return;
  }
  if (!probe.uring_usable) GTEST_SKIP() << probe.why_not;
  EXPECT_TRUE(probe.why_not.empty());
  EXPECT_NE(probe.features.find("multishot_recv"), std::string::npos) << probe.features;
}

TEST(Fallback, AutomaticTakesWhatIsThere) {
  const auto wake = WakeTarget::create();
  std::string why_not;
  const auto backend = make_backend(Engine::automatic, {}, *wake, &why_not);
  EXPECT_EQ(why_not, probe_uring().why_not);
  ASSERT_TRUE(backend) << backend.error().message;
  EXPECT_EQ((*backend)->name(), probe_uring().uring_usable ? "uring" : "epoll");
  if (refused()) {
    EXPECT_EQ((*backend)->name(), "epoll");
  }
  EXPECT_FALSE((*backend)->features().empty());
}

TEST(Fallback, UringOnDemandFailsWithTheReason) {
  const auto wake = WakeTarget::create();
  const auto backend = make_backend(Engine::uring, {}, *wake);
  const Probe probe = probe_uring();
  ASSERT_EQ(backend.has_value(), probe.uring_usable);
  if (!backend) {
    EXPECT_EQ(backend.error().message, probe.why_not);
  }
}

TEST(Fallback, EpollIsAlwaysThere) {
  const auto wake = WakeTarget::create();
  const auto backend = make_backend(Engine::epoll, {}, *wake);
  ASSERT_TRUE(backend);
  EXPECT_EQ((*backend)->name(), "epoll");
}

}  // namespace
}  // namespace ringcast::io
