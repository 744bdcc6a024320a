// SPDX-License-Identifier: Apache-2.0
// Memory that was freed and that the allocator keeps: given back to the system. Without mimalloc (a program that embeds
// the library, or has a sanitizer) both do nothing.
#pragma once

namespace ringcast {

// For the process, before its threads start: what gets free goes back at once. By default mimalloc notes such stretches
// and gives them back when it next takes memory next to them, which on a server that its clients have left is never.
void give_back_memory_at_once();

// Now and then, on every thread that takes much memory: what other threads have freed of its memory, which its own has
// to collect, and what the allocator keeps for the next need. Takes longer the more memory the thread has in use.
void give_back_free_memory();

}  // namespace ringcast
