#include "controller.h"

#include <fmt/format.h>
#include <pthread.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <thread>

#include "process_watch.h"
#include "worker.h"

namespace ringcast::ringload {
namespace {

constexpr auto kLookEvery = std::chrono::milliseconds(5);
constexpr int64_t kProgressEveryNs = 1'000'000'000;
constexpr int64_t kQuietEndsNs = 1'000'000'000;  // nothing has come for so long: what is missing is lost
constexpr int64_t kPublishSoonNs = 20'000'000;   // until every worker has seen the phase

// Sums over all workers at one moment.
struct Totals {
  int64_t at_ns = 0;
  uint64_t started = 0, ready = 0, down = 0, published = 0, deliveries = 0, bytes_in = 0, bytes_out = 0, errors = 0;
  std::vector<int64_t> cpu_ns;
  int64_t server_cpu_ns = 0;
};

class Controller {
 public:
  Controller(const Options& options, const std::atomic<bool>& stop) : options_(options), stop_(stop), run_(options) {}

  Result<Results> run() {
    if (auto started = start(); !started) return tl::unexpected<Error>(started.error());
    connect();
    if (!stop_) measure();
    finish();
    if (!failure_.empty()) return fail("worker", failure_);
    judge(results_, options_);
    return std::move(results_);
  }

 private:
  Result<void> start();
  void connect();
  void measure();
  void drain();
  void finish();
  Totals totals() const;
  bool wait_until(int64_t at_ns);
  void show_progress(std::string_view phase);
  uint64_t expected_deliveries() const;

  const Options& options_;
  const std::atomic<bool>& stop_;
  Run run_;
  Results results_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<std::thread> threads_;
  std::vector<std::string> failures_;
  std::atomic<bool> worker_failed_{false};
  std::string failure_;
  Totals shown_;
};

Result<void> Controller::start() {
  for (uint32_t i = 0; i < options_.threads; ++i) {
    auto wake = io::WakeTarget::create();
    if (!wake) return tl::unexpected<Error>(wake.error());
    run_.wakes.push_back(std::move(*wake));
    workers_.push_back(std::make_unique<Worker>(run_, i));
  }
  if (options_.server_pid > 0) {
    const auto sample = sample_process(options_.server_pid, true);
    if (!sample) return fail("no_server", fmt::format("there is no process {}", options_.server_pid));
    results_.server_pss_before = sample->pss_bytes;
    results_.server_cores = options_.server_cores > 0 ? options_.server_cores : allowed_cores(options_.server_pid);
  }
  results_.tcp_memory_before = tcp_memory_bytes();
  shown_ = totals();
  failures_.resize(options_.threads);
  for (uint32_t i = 0; i < options_.threads; ++i) {
    threads_.emplace_back([this, i] {
      if (auto ran = workers_[i]->run(); !ran) {
        failures_[i] = ran.error().message;
        worker_failed_.store(true);
      }
    });
  }
  return {};
}

Totals Controller::totals() const {
  Totals sum;
  sum.at_ns = run_.now_ns();
  for (uint32_t i = 0; i < options_.threads; ++i) {
    const Progress& progress = run_.progress[i];
    sum.started += progress.started.get();
    sum.ready += progress.ready.get();
    sum.down += progress.down.get();
    sum.published += progress.published.get();
    sum.deliveries += progress.deliveries.get();
    sum.bytes_in += progress.bytes_in.get();
    sum.bytes_out += progress.bytes_out.get();
    for (const Counter& errors : progress.errors) sum.errors += errors.get();
  }
  for (const std::thread& thread : threads_) {
    clockid_t clock;
    timespec time{};
    // Its thread is alive: it ends only after `stopping`.
    if (::pthread_getcpuclockid(const_cast<std::thread&>(thread).native_handle(), &clock) == 0)
      ::clock_gettime(clock, &time);
    sum.cpu_ns.push_back(int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec);
  }
  if (options_.server_pid > 0) {
    const auto sample = sample_process(options_.server_pid, false);
    if (sample) sum.server_cpu_ns = sample->cpu_ns;
  }
  return sum;
}

// False when the run is to end now.
bool Controller::wait_until(int64_t at_ns) {
  while (!stop_ && !worker_failed_) {
    const int64_t left = at_ns - run_.now_ns();
    if (left <= 0) return true;
    std::this_thread::sleep_for(std::min<std::chrono::nanoseconds>(kLookEvery, std::chrono::nanoseconds(left)));
    show_progress({});
  }
  return false;
}

void Controller::show_progress(std::string_view phase) {
  const int64_t now = run_.now_ns();
  if (now - shown_.at_ns < kProgressEveryNs) return;
  const Totals sum = totals();
  const double seconds = static_cast<double>(sum.at_ns - shown_.at_ns) * 1e-9;
  const bool terminal = ::isatty(STDERR_FILENO) == 1;
  const std::string line =
      fmt::format("{:6.1f} s{}{}  {} ready, {} connects/s, {:.0f} published/s, {:.0f} deliveries/s, {} errors",
                  static_cast<double>(sum.at_ns) * 1e-9, phase.empty() ? "" : " ", phase, sum.ready,
                  static_cast<uint64_t>(static_cast<double>(sum.started - shown_.started) / seconds),
                  static_cast<double>(sum.published - shown_.published) / seconds,
                  static_cast<double>(sum.deliveries - shown_.deliveries) / seconds, sum.errors);
  results_.seconds_csv +=
      fmt::format("{:.3f},{},{},{},{},{},{},{}\n", static_cast<double>(sum.at_ns) * 1e-9, sum.ready,
                  sum.published - shown_.published, sum.deliveries - shown_.deliveries, sum.bytes_in - shown_.bytes_in,
                  sum.bytes_out - shown_.bytes_out, (sum.server_cpu_ns - shown_.server_cpu_ns) / 1000, sum.errors);
  if (!options_.quiet) std::fputs((terminal ? "\r\033[K" + line : line + "\n").c_str(), stderr);
  std::fflush(stderr);
  shown_ = sum;
}

void Controller::connect() {
  const Totals before = totals();
  const uint64_t wanted = options_.all_connections();
  while (!stop_ && !worker_failed_) {
    const Totals sum = totals();
    if (sum.started == wanted && sum.ready + sum.down >= wanted) break;
    wait_until(run_.now_ns() + 5'000'000);
  }
  const Totals after = totals();
  results_.connected = after.ready;
  results_.connect_seconds = static_cast<double>(after.at_ns - before.at_ns) * 1e-9;
  results_.connects_per_second = static_cast<double>(after.ready) / results_.connect_seconds;
  wait_until(run_.now_ns() + options_.settle_ns);
  if (options_.server_pid > 0) {
    const auto sample = sample_process(options_.server_pid, true);
    if (sample) {
      results_.server_pss_held = sample->pss_bytes;
      results_.server_connect_cpu_ns = sample->cpu_ns - before.server_cpu_ns;
    }
  }
  results_.tcp_memory_held = tcp_memory_bytes();
}

void Controller::measure() {
  const int64_t from = run_.now_ns() + kPublishSoonNs;
  // A ramp warms up by itself.
  const int64_t measure_from = from + (options_.ramp_up_ns > 0 ? 0 : options_.warmup_ns);
  const int64_t end = from + options_.ramp_up_ns + options_.warmup_ns + options_.duration_ns + options_.ramp_down_ns;
  run_.publish_from_ns = from;
  run_.measure_from_ns = measure_from;
  run_.enter(Phase::publishing);
  wait_until(measure_from);
  const Totals before = totals();
  if (!wait_until(end)) results_.interrupted = true;
  const Totals after = totals();
  results_.seconds = static_cast<double>(after.at_ns - before.at_ns) * 1e-9;
  results_.published = after.published - before.published;
  results_.deliveries = after.deliveries - before.deliveries;
  results_.bytes_in = after.bytes_in - before.bytes_in;
  results_.bytes_out = after.bytes_out - before.bytes_out;
  for (size_t i = 0; i < after.cpu_ns.size(); ++i) {
    results_.worker_load.push_back(static_cast<double>(after.cpu_ns[i] - before.cpu_ns[i]) * 1e-9 / results_.seconds);
  }
  if (options_.server_pid > 0) results_.server_cpu_ns = after.server_cpu_ns - before.server_cpu_ns;
  const uint64_t ready = after.ready;
  results_.ended_connections = ready < results_.connected ? results_.connected - ready : 0;
  run_.enter(Phase::draining);
  drain();
}

uint64_t Controller::expected_deliveries() const {
  uint64_t expected = 0;
  for (uint32_t stream = 0; stream < run_.streams.size(); ++stream) {
    expected += run_.streams[stream].published.load(std::memory_order_relaxed) *
                run_.members_in_room(run_.room_of_stream(stream));
  }
  return expected;
}

void Controller::drain() {
  Totals last = totals();
  int64_t quiet_since = last.at_ns;
  while (!worker_failed_) {
    const Totals sum = totals();
    const uint64_t expected = options_.publishes() ? expected_deliveries() : sum.published;
    if (sum.deliveries >= expected) return;
    if (sum.deliveries != last.deliveries) quiet_since = sum.at_ns;
    if (sum.at_ns - quiet_since > kQuietEndsNs) return;
    last = sum;
    std::this_thread::sleep_for(kLookEvery);
  }
}

void Controller::finish() {
  if (stop_) results_.interrupted = true;
  run_.enter(Phase::stopping);
  for (std::thread& thread : threads_) thread.join();
  for (uint32_t i = 0; i < workers_.size(); ++i) {
    if (failure_.empty()) failure_ = failures_[i];
    results_.measures.merge(workers_[i]->measures());
    for (size_t kind = 0; kind < kErrorKinds; ++kind) {
      results_.errors[kind] += run_.progress[i].errors[kind].get();
    }
  }
  results_.engine = workers_.front()->engine();
  if (!options_.quiet && ::isatty(STDERR_FILENO) == 1) std::fputs("\r\033[K", stderr);
}

}  // namespace

Result<Results> run_scenario(const Options& options, const std::atomic<bool>& stop) {
  return Controller(options, stop).run();
}

}  // namespace ringcast::ringload
