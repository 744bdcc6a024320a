// SPDX-License-Identifier: Apache-2.0
#include "base/free_memory.h"

// Declared here because the names in mimalloc's header differ between its versions; the numbers do not.
extern "C" {
[[gnu::weak]] void mi_collect(bool force);
[[gnu::weak]] void mi_option_set_default(int option, long value);  // NOLINT(google-runtime-int)
}

namespace ringcast {

namespace {
constexpr int kPurgeDelay = 15;  // mi_option_purge_delay; mi_option_decommit_delay before mimalloc 2.1
}  // namespace

void give_back_memory_at_once() {
  if (mi_option_set_default != nullptr) mi_option_set_default(kPurgeDelay, 0);  // MIMALLOC_PURGE_DELAY wins
}

void give_back_free_memory() {
  if (mi_collect != nullptr) mi_collect(true);
}

}  // namespace ringcast
