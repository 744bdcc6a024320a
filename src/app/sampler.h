// SPDX-License-Identifier: Apache-2.0
// Takes a sample of the server's figures once a second, on a thread of its own. Started when the cores are there,
// stopped before they go; both by the main thread.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "api/statistics_history.h"

namespace ringcast::app {

class Sampler {
 public:
  ~Sampler() { stop(); }

  // `history` outlives the thread.
  void start(session::StatisticsHistory& history);
  void stop();

 private:
  void run(session::StatisticsHistory& history);

  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
};

}  // namespace ringcast::app
