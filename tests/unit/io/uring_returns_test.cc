// SPDX-License-Identifier: Apache-2.0
// What io_uring_enter() may return and rarely does: lost completions, no memory for requests. The calls of liburing are
// taken over by functions of the same name, which return an error where a test asks for one.
#include <dlfcn.h>
#include <liburing.h>

#include <cerrno>
#include <chrono>
#include <thread>

#include "engine_fixture.h"

namespace ringcast::io {
namespace {

struct Injected {
  int waits_fail_with = 0;  // once
  int submits_fail_with = 0;
  std::chrono::steady_clock::time_point submits_fail_until;
  uint64_t submits = 0;  // that failed
} injected;

template <class Function>
Function* real(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

}  // namespace
}  // namespace ringcast::io

using ringcast::io::injected;
using ringcast::io::real;

extern "C" {
int io_uring_submit(io_uring* ring) {
  static auto* const next = real<int(io_uring*)>("io_uring_submit");
  if (injected.submits_fail_with != 0 && std::chrono::steady_clock::now() < injected.submits_fail_until) {
    ++injected.submits;
    return injected.submits_fail_with;
  }
  return next(ring);
}

int io_uring_submit_and_wait_timeout(io_uring* ring, io_uring_cqe** cqe, unsigned count, __kernel_timespec* limit,
                                     sigset_t* mask) {
  static auto* const next =
      real<int(io_uring*, io_uring_cqe**, unsigned, __kernel_timespec*, sigset_t*)>("io_uring_submit_and_wait_timeout");
  if (injected.waits_fail_with != 0) return std::exchange(injected.waits_fail_with, 0);
  return next(ring, cqe, count, limit, mask);
}
}

namespace ringcast::io {
namespace {

using std::chrono::milliseconds;

class UringReturnsTest : public EngineTest {
 protected:
  ~UringReturnsTest() override { injected = {}; }
};

// Nobody knows whose they were: every connection ends, and the engine goes on with new ones.
TEST_P(UringReturnsTest, AfterALossOfCompletionsConnectionsEndAndNewOnesWork) {
  RINGCAST_START_ENGINE();
  const SocketAddress server = listen();
  Pair first = make_pair(server, 1);
  Pair second = make_pair(server, 2);
  injected.waits_fail_with = -EBADR;
  ASSERT_TRUE(pump_until([&] { return count(EventKind::closed) == 2; }));
  EXPECT_EQ(last(EventKind::closed)->reason, CloseReason::io_error);
  EXPECT_EQ(last(EventKind::closed)->error, EBADR);
  first.peer.send("nobody reads this");
  pump_once(milliseconds(0));
  EXPECT_EQ(received_[1], "");
  backend_->close(first.socket, CloseMode::graceful);
  backend_->close(second.socket, CloseMode::graceful);
  EXPECT_EQ(second.peer.read_to_end(), "");
  Pair later = make_pair(server, 3);
  later.peer.send("hello");
  ASSERT_TRUE(pump_until([&] { return received_[3] == "hello"; }));
  std::thread waker([&] { wake_.wake(); });
  const uint64_t before = backend_->stats().wakeups;
  EXPECT_TRUE(pump_until([&] { return backend_->stats().wakeups > before; }));
  waker.join();
}

// What waits is sent when there is memory again; until then the engine does not spin.
TEST_P(UringReturnsTest, WithoutMemoryForRequestsItTriesLessAndLessOften) {
  RINGCAST_START_ENGINE();
  Pair pair = make_pair(listen(), 1);
  for (const int error : {-ENOMEM, -EAGAIN}) {
    injected = {.submits_fail_with = error, .submits_fail_until = std::chrono::steady_clock::now() + milliseconds(200)};
    EXPECT_EQ(send(pair.socket, "bytes"), 5);
    EXPECT_LT(injected.submits, 100u);
    EXPECT_EQ(pair.peer.read_exactly(5), "bytes");
  }
}

INSTANTIATE_TEST_SUITE_P(Engines, UringReturnsTest, ::testing::Values(EngineKind::uring, EngineKind::uring_older),
                         [](const auto& parameter) { return engine_name(parameter.param); });

}  // namespace
}  // namespace ringcast::io
