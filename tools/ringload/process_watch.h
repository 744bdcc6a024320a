// SPDX-License-Identifier: Apache-2.0
// What /proc says of the server's processes, of the kernel's TCP memory and of this machine's processors.
// Plain values and functions; main thread.
#pragma once

#include <cstdint>
#include <optional>

namespace ringcast::ringload {

struct ProcessSample {
  int64_t cpu_ns = 0;      // user and system, all threads; in steps of a clock tick
  uint64_t rss_bytes = 0;  // resident, cheap to ask for; what processes share is in it once for each
  uint64_t pss_bytes = 0;  // proportional set size; 0 where it may not be read
};

// Of the process and all that descend from it, so that a server counts with its workers; none when there is no such
// process. Kernels without CONFIG_PROC_CHILDREN count the process alone.
std::optional<ProcessSample> sample_process(int pid, bool with_memory);

// How long a thread of this process was ready to run while others ran in its place; 0 where the kernel does not count
// it.
int64_t waited_for_core_ns(int thread);

// Cores that the threads of these processes may run on, all together.
uint32_t allowed_cores(int pid);

// Memory of all TCP sockets of this machine (network namespace), both ends.
uint64_t tcp_memory_bytes();

}  // namespace ringcast::ringload
