// SPDX-License-Identifier: Apache-2.0
#include "app/sampler.h"

#include <pthread.h>
#include <signal.h>

#include <chrono>
#include <cstdint>

#include "base/clock.h"

namespace ringcast::app {

// Signals are for the threads of the host program.
void Sampler::start(session::StatisticsHistory& history) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this, &history] { run(history); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void Sampler::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Sampler::run(session::StatisticsHistory& history) {
  pthread_setname_np(pthread_self(), "statistics");
  constexpr std::chrono::milliseconds kPeriod(session::StatisticsHistory::kPeriodMs);
  auto due = std::chrono::steady_clock::now();
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    lock.unlock();
    history.take(static_cast<uint64_t>(SystemClock::system_now().wall_us));
    lock.lock();
    // After a pause of the whole machine there is one sample, not one for each second of the pause.
    const auto now = std::chrono::steady_clock::now();
    due = now - due > kPeriod ? now + kPeriod : due + kPeriod;
    changed_.wait_until(lock, due, [this] { return stopping_; });
  }
}

}  // namespace ringcast::app
