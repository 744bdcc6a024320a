#include "process_watch.h"

#include <sched.h>
#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

namespace ringcast::ringload {
namespace {

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

}  // namespace

std::optional<ProcessSample> sample_process(int pid, bool with_memory) {
  const std::string folder = "/proc/" + std::to_string(pid);
  const std::string stat = read_all(folder + "/stat");
  // The name is in parentheses and may contain anything; utime and stime are fields 14 and 15, the name is the second.
  const size_t after_name = stat.rfind(')');
  if (after_name == std::string::npos) return std::nullopt;
  std::istringstream fields(stat.substr(after_name + 1));
  std::string skipped;
  for (int field = 3; field < 14; ++field) fields >> skipped;
  int64_t user_ticks = 0;
  int64_t system_ticks = 0;
  fields >> user_ticks >> system_ticks;
  for (int field = 16; field < 24; ++field) fields >> skipped;
  uint64_t resident_pages = 0;
  fields >> resident_pages;
  ProcessSample sample;
  sample.cpu_ns = (user_ticks + system_ticks) * (1'000'000'000 / ::sysconf(_SC_CLK_TCK));
  sample.rss_bytes = resident_pages * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  if (with_memory) sample.pss_bytes = number_after(read_all(folder + "/smaps_rollup"), "\nPss:") * 1024;
  return sample;
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
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task", error)) {
    cpu_set_t of_thread;
    CPU_ZERO(&of_thread);
    const std::string name = entry.path().filename();
    pid_t thread = 0;
    std::from_chars(name.data(), name.data() + name.size(), thread);
    if (::sched_getaffinity(thread, sizeof of_thread, &of_thread) == 0) CPU_OR(&all, &all, &of_thread);
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
