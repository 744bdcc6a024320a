// SPDX-License-Identifier: Apache-2.0
#include "process_watch.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <ctime>
#include <filesystem>

namespace ringcast::ringload {
namespace {

constexpr int64_t kBurnedNs = 100'000'000;
constexpr int64_t kTicksNs = 40'000'000;  // that rounding may take, of several processes
constexpr size_t kTouched = size_t{32} << 20;

// A child whose child burns CPU time and fills memory, says so, and lives until it is asked to end.
class Family {
 public:
  Family() {
    EXPECT_EQ(::pipe(said_.data()), 0);
    EXPECT_EQ(::pipe(end_.data()), 0);
    child_ = ::fork();
    if (child_ == 0) be_child();
    ::close(said_[1]);
    ::close(end_[0]);
    char byte = 0;
    EXPECT_EQ(::read(said_[0], &byte, 1), 1);
  }

  ~Family() {
    end();
    ::close(said_[0]);
  }

  void end() {
    if (child_ <= 0) return;
    ::close(end_[1]);
    EXPECT_EQ(::waitpid(child_, nullptr, 0), child_);
    child_ = 0;
  }

  int child() const { return child_; }

 private:
  [[noreturn]] void be_child() {
    ::close(end_[1]);
    const pid_t grandchild = ::fork();
    if (grandchild == 0) be_grandchild();
    ::waitpid(grandchild, nullptr, 0);
    ::_exit(0);
  }

  [[noreturn]] void be_grandchild() {
    void* memory = ::mmap(nullptr, kTouched, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory != MAP_FAILED) std::memset(memory, 1, kTouched);
    timespec used{};
    do {
      ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    } while (int64_t{used.tv_sec} * 1'000'000'000 + used.tv_nsec < kBurnedNs);
    char byte = 0;
    if (::write(said_[1], &byte, 1) == 1) {
      while (::read(end_[0], &byte, 1) > 0) {
      }
    }
    ::_exit(0);
  }

  std::array<int, 2> said_{};
  std::array<int, 2> end_{};
  pid_t child_ = 0;
};

bool children_are_reported() {
  return std::filesystem::exists("/proc/self/task/" + std::to_string(::getpid()) + "/children");
}

TEST(ProcessWatch, DescendantsCountWithTheirProcess) {
  if (!children_are_reported()) GTEST_SKIP() << "the kernel has no CONFIG_PROC_CHILDREN";
  Family family;
  const auto sample = sample_process(family.child(), true);
  ASSERT_TRUE(sample);
  EXPECT_GE(sample->cpu_ns, kBurnedNs - kTicksNs);
  EXPECT_GE(sample->rss_bytes, kTouched);
  EXPECT_GE(sample->pss_bytes, kTouched);
  EXPECT_GT(allowed_cores(family.child()), 0u);
}

TEST(ProcessWatch, TheTimeOfOnesThatEndedStaysInTheSum) {
  if (!children_are_reported()) GTEST_SKIP() << "the kernel has no CONFIG_PROC_CHILDREN";
  const auto before = sample_process(::getpid(), false);
  Family family;
  family.end();
  const auto after = sample_process(::getpid(), false);
  ASSERT_TRUE(before && after);
  EXPECT_GE(after->cpu_ns - before->cpu_ns, kBurnedNs - kTicksNs);
}

TEST(ProcessWatch, AProcessThatIsNotThereHasNoSample) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_FALSE(sample_process(child, true));
  EXPECT_EQ(allowed_cores(child), 0u);
}

}  // namespace
}  // namespace ringcast::ringload
