// SPDX-License-Identifier: Apache-2.0
#include "io/descriptor_table.h"

#include <thread>

#include <dirent.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <limits>
#include <memory>
#include <vector>

namespace ringcast::io {
namespace {

// /proc/self is the main thread's table, which is another one after unshare().
constexpr const char* kOwnTable = "/proc/thread-self/fd";

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

constexpr uint64_t kLimitUnknown = 1024;  // the kernel's own default

Result<std::vector<int>> list_descriptors() {
  const std::unique_ptr<DIR, CloseDirectory> directory(::opendir(kOwnTable));
  if (!directory) return fail_errno(kOwnTable, errno);
  std::vector<int> found;
  while (const dirent* entry = ::readdir(directory.get())) {
    if (entry->d_name[0] == '.') continue;
    const int fd = std::atoi(entry->d_name);
    if (fd != ::dirfd(directory.get())) found.push_back(fd);
  }
  return found;
}

// For kernels before 5.9 and filters that refuse close_range().
Result<void> close_one_by_one(const std::vector<int>& sorted_keep) {
  const auto found = list_descriptors();
  if (!found) return tl::unexpected<Error>(found.error());
  for (const int fd : *found) {
    if (!std::binary_search(sorted_keep.begin(), sorted_keep.end(), fd)) ::close(fd);
  }
  return {};
}

}  // namespace

uint64_t descriptor_limit() {
  rlimit limit{};
  return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : kLimitUnknown;
}

Result<uint64_t> raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return fail_errno("getrlimit(RLIMIT_NOFILE)", errno);
  if (limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) return fail_errno("setrlimit(RLIMIT_NOFILE)", errno);
  }
  return limit.rlim_cur;
}

bool can_own_descriptor_table() {
#if defined(__SANITIZE_THREAD__)
  return false;  // ThreadSanitizer knows one table: it would take two sockets of the same number for one
#else
  bool can = false;
  std::thread([&can] { can = ::unshare(CLONE_FILES) == 0; }).join();
  return can;
#endif
}

Result<void> own_descriptor_table(std::span<const int> keep) {
  std::vector<int> kept{0, 1, 2};
  kept.insert(kept.end(), keep.begin(), keep.end());
  std::sort(kept.begin(), kept.end());
  if (::unshare(CLONE_FILES) != 0) return fail_errno("unshare(CLONE_FILES)", errno);

  unsigned first = 0;
  const auto close_up_to = [&first](unsigned last) {  // [first, last]
    return first > last || ::close_range(first, last, 0) == 0;
  };
  for (const int fd : kept) {
    if (fd < 0) continue;
    const auto number = static_cast<unsigned>(fd);
    if (number > 0 && !close_up_to(number - 1)) return close_one_by_one(kept);
    first = number + 1;
  }
  if (!close_up_to(std::numeric_limits<unsigned>::max())) return close_one_by_one(kept);
  return {};
}

Result<uint64_t> open_descriptors() {
  const auto found = list_descriptors();
  if (!found) return tl::unexpected<Error>(found.error());
  return found->size();
}

}  // namespace ringcast::io
