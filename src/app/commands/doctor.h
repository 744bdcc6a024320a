// SPDX-License-Identifier: Apache-2.0
// Says in plain words whether this machine can hold a number of connections, and which command fixes each problem.
// `ringcast doctor --connections N`: main thread only, before any server exists; changes nothing.
#pragma once

#include <array>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "app/settings.h"
#include "config/options.h"
#include "io/backend.h"

namespace ringcast::app {

// What is read from the machine. An empty optional: the kernel does not say (another network namespace, no module).
struct DoctorFacts {
  Machine machine;                // `descriptors` is the hard limit: the server raises the soft one to it
  uint64_t memory_available = 0;  // MemAvailable, or what is left of the cgroup's memory.max if that is less
  uint64_t page_size = 4096;
  std::optional<uint64_t> nr_open;            // fs.nr_open
  std::optional<uint64_t> file_max;           // fs.file-max
  uint64_t files_open = 0;                    // of the whole machine, from fs.file-nr
  std::optional<uint64_t> somaxconn;          // net.core.somaxconn
  std::optional<uint64_t> syn_backlog;        // net.ipv4.tcp_max_syn_backlog
  std::optional<uint64_t> wmem_max;           // net.core.wmem_max
  std::optional<uint64_t> tcp_pages_max;      // third figure of net.ipv4.tcp_mem
  std::optional<uint64_t> conntrack_max;      // net.netfilter.nf_conntrack_max
  std::optional<uint64_t> conntrack_entries;  // net.netfilter.nf_conntrack_count
  std::string table_refused;                  // why unshare(CLONE_FILES) fails; empty when it works
  uint64_t uring_disabled = 0;                // kernel.io_uring_disabled (since 6.6)
  io::Probe uring;

  // `root` stands before /proc and /sys. Limits of the process and the io_uring probe are always the real ones.
  static DoctorFacts here(const std::string& root = "");
};

enum class Verdict : uint8_t { ok, warning, problem };

struct Finding {
  Verdict verdict;
  std::string subject;
  std::string text;
  std::vector<std::string> fixes;  // commands or settings; empty when ok
};

struct Diagnosis {
  uint64_t connections = 0;
  uint16_t reactors = 1;
  std::vector<Finding> findings;

  bool can_hold() const;  // no problem among the findings
  std::string to_string() const;
};

// Open files that each of `reactors` needs, so that `connections` fit wherever the kernel's hash puts them.
uint64_t descriptors_needed(uint64_t connections, uint16_t reactors);

struct MemoryNeed {
  uint64_t user = 0;
  uint64_t kernel = 0;
};
MemoryNeed memory_needed(uint64_t connections, uint16_t reactors, bool uring, const config::Options& options);

Diagnosis diagnose(uint64_t connections, const config::Options& options, const DoctorFacts& facts);

// argv[1] is "doctor"; `--connections N` is its own, every other argument is the server's, so that it judges what would
// run. Returns the exit status: 0 it can, 1 it cannot, 2 the arguments are wrong.
int run_doctor(int argc, const char* const* argv, const char* const* environment, std::FILE* out, std::FILE* err);

}  // namespace ringcast::app
