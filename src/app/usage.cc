// SPDX-License-Identifier: Apache-2.0
#include "app/usage.h"

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <charconv>
#include <cstring>

namespace ringcast::app {

uint64_t thread_cpu_ns() {
  timespec time{};
  if (::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time) != 0) return 0;
  return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(time.tv_nsec);
}

// "size resident shared …" in pages: proc(5), /proc/pid/statm.
uint64_t resident_bytes() {
  const int file = ::open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  char text[128];
  const ssize_t length = ::read(file, text, sizeof text);
  ::close(file);
  if (length <= 0) return 0;
  const char* end = text + length;
  const char* blank = static_cast<const char*>(std::memchr(text, ' ', static_cast<size_t>(length)));
  uint64_t pages = 0;
  if (blank == nullptr || std::from_chars(blank + 1, end, pages).ec != std::errc{}) return 0;
  return pages * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace ringcast::app
