// SPDX-License-Identifier: Apache-2.0
// Gives the publishing cores their credit back, once what their publishes caused has left this core. One per owner; its
// reactor's thread only.
#pragma once

#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

#include "hub/context.h"

namespace ringcast::hub {

class CreditReturn {
 public:
  explicit CreditReturn(Context& context) : context_(context), received_(context.options.cores) {}

  void on_publish(const Mail& mail);
  // Once a tick, after its publishes.
  void tick();

 private:
  // One tick's publishes, given back once every pair's overflow has moved past its mark.
  struct Batch {
    std::vector<uint64_t> marks;                          // per core
    std::vector<std::pair<uint32_t, uint64_t>> received;  // per core: publishes, bytes
  };
  void give_back(uint16_t core, uint32_t publishes, uint64_t bytes);

  Context& context_;
  std::vector<std::pair<uint32_t, uint64_t>> received_;  // this tick's, per core
  bool received_any_ = false;
  std::deque<Batch> batches_;
};

}  // namespace ringcast::hub
