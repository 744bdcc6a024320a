// SPDX-License-Identifier: Apache-2.0
// What the process uses of the machine, for /stats. Any thread.
#pragma once

#include <cstdint>

namespace ringcast::app {

// Processor time of the calling thread.
uint64_t thread_cpu_ns();
// Memory of the process that lies in RAM; 0 where /proc does not say.
uint64_t resident_bytes();

}  // namespace ringcast::app
