// SPDX-License-Identifier: Apache-2.0
// Worker: one thread of the generator with its connections, its descriptor table and its backend.
// Lives on its own thread from run() on; others only read its Progress, and its Measures when the thread has ended.
#pragma once

#include <string_view>

#include "connections.h"
#include "load.h"
#include "opener.h"
#include "receiver.h"
#include "requests.h"
#include "slow_readers.h"
#include "tally.h"

namespace ringcast::ringload {

class Worker {
 public:
  Worker(Run& run, uint32_t index) : run_(run), all_(run, index) {}

  // The thread's whole life. An error when it could not begin.
  [[nodiscard]] Result<void> run();

  const Measures& measures() const { return all_.measures; }
  std::string_view engine() const { return engine_; }

 private:
  void loop();
  void start_load();
  void end_load();
  int64_t next_due(int64_t now) const;
  void handle(const io::Event& event);
  void handle_carrier(Connection& carrier, const io::Event& event);
  void sweep();

  Run& run_;
  Connections all_;
  Requests requests_{all_};
  Load load_{all_, requests_};
  Tally tally_{all_, load_};
  Opener opener_{all_, requests_, tally_};
  Receiver receiver_{all_, requests_, tally_, opener_};
  SlowReaders slow_readers_{all_};
  std::string_view engine_;
  int64_t sweep_at_ = 0;
};

}  // namespace ringcast::ringload
