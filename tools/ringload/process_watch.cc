// SPDX-License-Identifier: Apache-2.0
#include "process_watch.h"

#include <sched.h>
#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

namespace ringcast::ringload {
namespace {

constexpr size_t kFamilyMax = 4096;

std::string read_all(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The number behind `name`, 0 without it.
uint64_t number_after(const std::string& text, const std::string& name) {
  size_t at = text.find(name);
  if (at == std::string::npos) return 0;
  at = text.find_first_of("0123456789", at + name.size());
  uint64_t value = 0;
  if (at != std::string::npos) std::from_chars(text.data() + at, text.data() + text.size(), value);
  return value;
}

// Calls `visit` with the number of each thread of the process.
template <class Visit>
void for_each_thread(int pid, Visit&& visit) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task", error)) {
    const std::string name = entry.path().filename();
    pid_t thread = 0;
    std::from_chars(name.data(), name.data() + name.size(), thread);
    visit(thread);
  }
}

// The process and all that descend from it: a server may have workers that are processes.
std::vector<int> family_of(int pid) {
  std::vector<int> family{pid};
  for (size_t i = 0; i < family.size() && family.size() < kFamilyMax; ++i) {
    const int parent = family[i];
    for_each_thread(parent, [&](int thread) {
      std::istringstream children(
          read_all("/proc/" + std::to_string(parent) + "/task/" + std::to_string(thread) + "/children"));
      for (int child = 0; children >> child;) family.push_back(child);
    });
  }
  return family;
}

std::optional<ProcessSample> sample_one(int pid, bool with_memory) {
  const std::string folder = "/proc/" + std::to_string(pid);
  const std::string stat = read_all(folder + "/stat");
  // The name is in parentheses and may contain anything; it is field 2. Fields 14 to 17 are utime, stime, cutime and
  // cstime: the time of children that ended stays in the sum.
  const size_t after_name = stat.rfind(')');
  if (after_name == std::string::npos) return std::nullopt;
  std::istringstream fields(stat.substr(after_name + 1));
  std::string skipped;
  for (int field = 3; field < 14; ++field) fields >> skipped;
  int64_t all_ticks = 0;
  for (int field = 14; field < 18; ++field) {
    int64_t ticks = 0;
    fields >> ticks;
    all_ticks += ticks;
  }
  for (int field = 18; field < 24; ++field) fields >> skipped;
  uint64_t resident_pages = 0;
  fields >> resident_pages;
  ProcessSample sample;
  sample.cpu_ns = all_ticks * (1'000'000'000 / ::sysconf(_SC_CLK_TCK));
  sample.rss_bytes = resident_pages * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  if (with_memory) sample.pss_bytes = number_after(read_all(folder + "/smaps_rollup"), "\nPss:") * 1024;
  return sample;
}

}  // namespace

std::optional<ProcessSample> sample_process(int pid, bool with_memory) {
  auto sum = sample_one(pid, with_memory);
  if (!sum) return std::nullopt;
  const std::vector<int> family = family_of(pid);
  for (size_t i = 1; i < family.size(); ++i) {
    const auto one = sample_one(family[i], with_memory);
    if (!one) continue;  // it ended meanwhile
    sum->cpu_ns += one->cpu_ns;
    sum->rss_bytes += one->rss_bytes;
    sum->pss_bytes += one->pss_bytes;
  }
  return sum;
}

int64_t waited_for_core_ns(int thread) {
  std::istringstream fields(read_all("/proc/self/task/" + std::to_string(thread) + "/schedstat"));
  int64_t ran_ns = 0;
  int64_t waited_ns = 0;
  fields >> ran_ns >> waited_ns;
  return fields ? waited_ns : 0;
}

uint32_t allowed_cores(int pid) {
  cpu_set_t all;
  CPU_ZERO(&all);
  for (const int one : family_of(pid)) {
    for_each_thread(one, [&](int thread) {
      cpu_set_t of_thread;
      CPU_ZERO(&of_thread);
      if (::sched_getaffinity(thread, sizeof of_thread, &of_thread) == 0) CPU_OR(&all, &all, &of_thread);
    });
  }
  return static_cast<uint32_t>(CPU_COUNT(&all));
}

uint64_t tcp_memory_bytes() {
  const std::string text = read_all("/proc/net/sockstat");
  const size_t line = text.find("TCP:");
  if (line == std::string::npos) return 0;
  return number_after(text.substr(line, text.find('\n', line) - line), " mem ") *
         static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace ringcast::ringload
