// SPDX-License-Identifier: Apache-2.0
// Reads from /proc and /sys what the doctor judges by.
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <thread>

#include "app/commands/doctor.h"

namespace ringcast::app {
namespace {

// The figure at `index` (blanks between them) of a file's first line.
std::optional<uint64_t> figure(const std::string& path, size_t index = 0) {
  std::ifstream file(path);
  uint64_t value = 0;
  for (size_t at = 0; at <= index; ++at) {
    if (!(file >> value)) return std::nullopt;
  }
  return value;
}

uint64_t available_memory(const std::string& root) {
  uint64_t bytes = 0;
  std::ifstream file(root + "/proc/meminfo");
  std::string name, line;
  for (uint64_t kilobytes = 0; file >> name >> kilobytes; std::getline(file, line)) {
    if (name == "MemAvailable:") bytes = kilobytes * 1024;
  }
  const auto limit = figure(root + "/sys/fs/cgroup/memory.max");  // "max" is no figure
  const auto used = figure(root + "/sys/fs/cgroup/memory.current");
  if (limit && used) bytes = std::min(bytes, *limit > *used ? *limit - *used : 0);
  return bytes;
}

// Tried on a thread of its own, which cannot go back and ends.
std::string refusal_of_own_table() {
  int error = 0;
  std::thread([&] { error = ::unshare(CLONE_FILES) == 0 ? 0 : errno; }).join();
  return error == 0 ? std::string() : std::strerror(error);
}

}  // namespace

DoctorFacts DoctorFacts::here(const std::string& root) {
  DoctorFacts facts;
  facts.machine = Machine::here();
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) facts.machine.descriptors = files.rlim_max;
  facts.memory_available = available_memory(root);
  facts.page_size = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  const std::string sys = root + "/proc/sys/";
  facts.nr_open = figure(sys + "fs/nr_open");
  facts.file_max = figure(sys + "fs/file-max");
  facts.files_open = figure(sys + "fs/file-nr").value_or(0);
  facts.somaxconn = figure(sys + "net/core/somaxconn");
  facts.syn_backlog = figure(sys + "net/ipv4/tcp_max_syn_backlog");
  facts.wmem_max = figure(sys + "net/core/wmem_max");
  facts.tcp_pages_max = figure(sys + "net/ipv4/tcp_mem", 2);
  facts.conntrack_max = figure(sys + "net/netfilter/nf_conntrack_max");
  facts.conntrack_entries = figure(sys + "net/netfilter/nf_conntrack_count");
  facts.table_refused = refusal_of_own_table();
  facts.uring_disabled = figure(sys + "kernel/io_uring_disabled").value_or(0);
  facts.uring = io::probe_uring();
  return facts;
}

}  // namespace ringcast::app
