// SPDX-License-Identifier: Apache-2.0
// A table of one's own: what is kept, what is closed, and why a forgotten copy matters.
#include "io/descriptor_table.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <latch>
#include <thread>

#include "engine_fixture.h"
#include "io/listener.h"

namespace ringcast::io {
namespace {

bool is_open(int fd) {
  return ::fcntl(fd, F_GETFD) >= 0;
}

TEST(DescriptorTable, KeepsWhatIsNamedAndClosesTheRestOfItsCopy) {
  const auto wake = WakeTarget::create();
  const UniqueFd other(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const UniqueFd high(::fcntl(other.get(), F_DUPFD_CLOEXEC, 500));
  const UniqueFd high_kept(::fcntl(other.get(), F_DUPFD_CLOEXEC, 600));
  bool kept = false, standard = false, closed = false;
  uint64_t count = 0;
  std::thread([&] {
    const int keep[] = {high_kept.get(), wake->fd(), -1};
    ASSERT_TRUE(own_descriptor_table(keep));
    kept = is_open(wake->fd()) && is_open(high_kept.get());
    standard = is_open(2);
    closed = !is_open(other.get()) && !is_open(high.get());
    count = open_descriptors().value_or(0);
    // Its own numbers from here on: this one is in use in the main thread's table.
    ::close(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  }).join();
  EXPECT_TRUE(kept);
  EXPECT_TRUE(standard);
  EXPECT_TRUE(closed);
  EXPECT_LE(count, 5u);
  EXPECT_GE(count, 3u);
  EXPECT_TRUE(is_open(other.get()) && is_open(high.get()) && is_open(wake->fd()));
}

// The trap that own_descriptor_table() avoids, and that it does.
TEST(DescriptorTable, ForgottenCopyKeepsAListenerAlive) {
  for (const bool forgotten : {true, false}) {
    auto listener = open_listener(*SocketAddress::parse("127.0.0.1:0"), {});
    ASSERT_TRUE(listener);
    const SocketAddress bound = local_address(listener->get());
    std::latch copied(1);
    std::latch checked(1);
    std::thread reactor([&] {
      if (forgotten) {
        EXPECT_EQ(::unshare(CLONE_FILES), 0);
      } else {
        EXPECT_TRUE(own_descriptor_table({}));
      }
      copied.count_down();
      checked.wait();
    });
    copied.wait();
    listener->reset();
    EXPECT_EQ(open_listener(bound, {.reuse_port = false}).has_value(), !forgotten);
    checked.count_down();
    reactor.join();
  }
}

TEST(DescriptorTable, LimitIsRaisedToTheHardOneAndHoldsPerTable) {
  expect_in_child([] {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_max = 300;
    limit.rlim_cur = 100;
    if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) return false;
    if (descriptor_limit() != 100 || raise_descriptor_limit().value_or(0) != 300 || descriptor_limit() != 300)
      return false;
    // Two threads with 200 descriptors each, where the process has a limit of 300.
    std::latch full(2);
    int opened[2] = {0, 0};
    const auto fill = [&](int who) {
      if (!own_descriptor_table({})) return;
      for (int i = 0; i < 200; ++i) opened[who] += ::open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0;
      full.arrive_and_wait();
    };
    std::thread first(fill, 0);
    std::thread second(fill, 1);
    first.join();
    second.join();
    return opened[0] == 200 && opened[1] == 200;
  });
}

}  // namespace
}  // namespace ringcast::io
