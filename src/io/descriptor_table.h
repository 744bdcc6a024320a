// SPDX-License-Identifier: Apache-2.0
// A thread's descriptors: the limit, and a table of its own for each reactor. No state; each call acts on the calling
// thread.
#pragma once

#include <cstdint>
#include <span>

#include "base/error.h"

namespace ringcast::io {

// Raises the soft limit of open files to the hard one (of the process) and returns it.
[[nodiscard]] Result<uint64_t> raise_descriptor_limit();
uint64_t descriptor_limit();

// Gives the calling thread a copy of the process's table of its own: no lock is shared with other threads any more, and
// the limit holds for this thread alone. Then closes everything in the copy but 0, 1, 2 (else a client's socket would
// get one of these numbers and receive the log) and `keep`: what was inherited may be the host application's, and a
// forgotten copy keeps a socket open, a listener's place in its reuseport group among them. Call it before the thread
// opens anything. A thread that has a table of its own cannot go back.
bool can_own_descriptor_table();  // some containers refuse unshare(2); tried on a thread that ends at once
[[nodiscard]] Result<void> own_descriptor_table(std::span<const int> keep);

// How many descriptors the calling thread's table holds. Reads a directory: for metrics, not for hot paths.
[[nodiscard]] Result<uint64_t> open_descriptors();

}  // namespace ringcast::io
