// SPDX-License-Identifier: Apache-2.0
#include "controller.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <pthread.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <ctime>
#include <thread>

#include "process_watch.h"
#include "progress_line.h"
#include "series.h"
#include "server_version.h"
#include "worker/worker.h"

namespace ringcast::ringload {
namespace {

constexpr auto kLookEvery = std::chrono::milliseconds(5);
constexpr int64_t kQuietEndsNs = 1'000'000'000;  // nothing has come for so long: what is missing is lost
constexpr int64_t kDrainMaxNs = 20'000'000'000;  // … however busy workers are with what says nothing, as heartbeats do
constexpr uint64_t kQuietWaits = 2;              // … and every worker has looked so often
constexpr int64_t kPublishSoonNs = 20'000'000;   // until every worker has seen the phase

int64_t expected_ns(const Options& options) {
  const double connecting = static_cast<double>(options.all_connections()) / options.connect_rate;
  return static_cast<int64_t>(connecting * 1e9) + options.connect_timeout_ns + options.settle_ns + options.ramp_up_ns +
         options.warmup_ns + options.duration_ns + options.ramp_down_ns + 1;
}

class Controller {
 public:
  Controller(const Options& options, const std::atomic<bool>& stop)
      : options_(options), stop_(stop), run_(options), sampler_(run_, expected_ns(options)), line_(options.quiet) {}

  Result<Results> run() {
    if (auto started = start(); !started) return tl::unexpected<Error>(started.error());
    connect();
    if (!stop_ && results_.connected > 0) measure();
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
  Totals counts() const;  // what the workers have counted
  Totals totals() const;  // … and what the processor time and memory are
  bool wait_until(int64_t at_ns);
  std::string_view phase_at(int64_t now_ns) const;
  void sample_due();
  void in_phase(std::string_view name, int64_t now_ns);
  double part_of_phase(int64_t now_ns) const;
  bool all_delivered(const Totals& sum) const;

  const Options& options_;
  const std::atomic<bool>& stop_;
  Run run_;
  Results results_;
  uint64_t never_connected_ = 0;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<std::thread> threads_;
  std::vector<std::string> failures_;
  std::atomic<bool> worker_failed_{false};
  std::string failure_;
  Sampler sampler_;
  ProgressLine line_;
  std::string_view phase_;
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
  results_.started = fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)));
  results_.tcp_memory_before = tcp_memory_bytes();
  sampler_.begin(totals());
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

Totals Controller::counts() const {
  Totals sum;
  sum.at_ns = run_.now_ns();
  for (uint32_t i = 0; i < options_.threads; ++i) {
    const Progress& progress = run_.progress[i];
    sum.started += progress.started.get();
    sum.ready += progress.ready.get();
    sum.down += progress.down.get();
    sum.published += progress.published.get();
    sum.deliveries += progress.deliveries.get();
    sum.duplicates += progress.duplicates.get();
    sum.slow_reads += progress.slow_reads.get();
    sum.bytes_in += progress.bytes_in.get();
    sum.bytes_out += progress.bytes_out.get();
    sum.requests += progress.requests.get();
    sum.load_ended += progress.load_ended.get();
    sum.probes += progress.probes.get();
    for (const Counter& errors : progress.errors) sum.errors += errors.get();
  }
  return sum;
}

Totals Controller::totals() const {
  Totals sum = counts();
  for (const std::thread& thread : threads_) {
    clockid_t clock;
    timespec time{};
    // Its thread is alive: it ends only after `stopping`.
    if (::pthread_getcpuclockid(const_cast<std::thread&>(thread).native_handle(), &clock) == 0)
      ::clock_gettime(clock, &time);
    sum.cpu_ns.push_back(int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec);
  }
  for (uint32_t i = 0; i < threads_.size(); ++i) {
    const int thread = run_.progress[i].thread.load(std::memory_order_relaxed);
    sum.waited_ns.push_back(thread == 0 ? 0 : waited_for_core_ns(thread));
  }
  if (options_.server_pid > 0) {
    const auto sample = sample_process(options_.server_pid, false);
    if (sample) {
      sum.server_cpu_ns = sample->cpu_ns;
      sum.server_rss_bytes = sample->rss_bytes;
    }
  }
  sum.tcp_memory_bytes = tcp_memory_bytes();
  return sum;
}

// False when the run is to end now.
bool Controller::wait_until(int64_t at_ns) {
  while (!stop_ && !worker_failed_) {
    const int64_t left = at_ns - run_.now_ns();
    if (left <= 0) return true;
    std::this_thread::sleep_for(std::min<std::chrono::nanoseconds>(kLookEvery, std::chrono::nanoseconds(left)));
    sample_due();
  }
  return false;
}

// What the load is doing at that moment of the measurement.
std::string_view Controller::phase_at(int64_t now_ns) const {
  int64_t left = now_ns - run_.publish_from_ns.load(std::memory_order_relaxed);
  if (left < 0) return phase_;  // the load begins in a moment
  if (left < options_.warmup_ns) return "warmup";
  const Stage* stage = &options_.shape.front();
  while (left >= stage->duration_ns && stage != &options_.shape.back()) left -= stage++->duration_ns;
  return stage->rate_to > stage->rate_from ? "ramp_up" : stage->rate_to < stage->rate_from ? "ramp_down" : "hold";
}

// How much of the phase is over; negative when it ends when it ends.
double Controller::part_of_phase(int64_t now_ns) const {
  switch (run_.phase.load(std::memory_order_relaxed)) {
    case Phase::connecting: {
      const Totals sum = counts();
      return static_cast<double>(sum.ready + sum.down) / static_cast<double>(options_.all_connections());
    }
    case Phase::publishing: {
      const int64_t from = run_.publish_from_ns.load(std::memory_order_relaxed);
      return static_cast<double>(now_ns - from) / static_cast<double>(std::max<int64_t>(1, options_.load_ns()));
    }
    default: return -1;
  }
}

void Controller::in_phase(std::string_view name, int64_t now_ns) {
  if (phase_ == name) return;
  phase_ = name;
  results_.phases.push_back({name, static_cast<double>(now_ns) * 1e-9});
}

void Controller::sample_due() {
  const int64_t now = run_.now_ns();
  if (run_.phase.load(std::memory_order_relaxed) == Phase::publishing) in_phase(phase_at(now), now);
  if (sampler_.due(now)) line_.sampled(sampler_.take(totals(), phase_));
  if (!line_.due(now)) return;
  const auto& samples = sampler_.samples();
  line_.show(phase_, part_of_phase(now), counts(), samples.empty() ? nullptr : &samples.back());
}

void Controller::connect() {
  const Totals before = totals();
  in_phase("connect", before.at_ns);
  const uint64_t wanted = options_.all_connections();
  while (!stop_ && !worker_failed_) {
    const Totals sum = counts();
    if (sum.started == wanted && sum.ready + sum.down >= wanted) break;
    if (sum.ready == 0 && sum.at_ns - before.at_ns > options_.first_connection_ns) break;
    wait_until(run_.now_ns() + 5'000'000);
  }
  const Totals after = totals();
  results_.connected = after.ready;
  never_connected_ = after.down;
  results_.connect_seconds = static_cast<double>(after.at_ns - before.at_ns) * 1e-9;
  results_.connects_per_second = static_cast<double>(after.ready) / results_.connect_seconds;
  if (after.ready == 0) return;
  in_phase("settle", after.at_ns);
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
  const int64_t measure_from = from + options_.warmup_ns;
  const int64_t end = from + options_.load_ns();
  run_.publish_from_ns = from;
  run_.measure_from_ns = measure_from;
  run_.enter(Phase::publishing);
  wait_until(measure_from);
  const Totals before = totals();
  const LoopbackCounts loopback_before = loopback_counts();
  if (!wait_until(end)) {
    results_.interrupted = true;
    run_.interrupted.store(true, std::memory_order_relaxed);
  }
  const Totals after = totals();
  const LoopbackCounts loopback_after = loopback_counts();
  results_.seconds = static_cast<double>(after.at_ns - before.at_ns) * 1e-9;
  results_.published = after.published - before.published;
  results_.deliveries = after.deliveries - before.deliveries;
  results_.bytes_in = after.bytes_in - before.bytes_in;
  results_.bytes_out = after.bytes_out - before.bytes_out;
  results_.requests = after.requests - before.requests;
  results_.loopback = {.bytes = loopback_after.bytes - loopback_before.bytes,
                       .packets = loopback_after.packets - loopback_before.packets};
  for (size_t i = 0; i < after.cpu_ns.size(); ++i) {
    const auto part = [&](int64_t ns) { return static_cast<double>(ns) * 1e-9 / results_.seconds; };
    results_.worker_load.push_back(part(after.cpu_ns[i] - before.cpu_ns[i]));
    results_.worker_wait.push_back(part(after.waited_ns[i] - before.waited_ns[i]));
  }
  if (options_.server_pid > 0) results_.server_cpu_ns = after.server_cpu_ns - before.server_cpu_ns;
  results_.ended_connections = after.down - never_connected_;
  run_.enter(Phase::draining);
  in_phase("drain", after.at_ns);
  drain();
}

// Everything that was published: a message to a room at each of its members, an echo or answer for the rest.
bool Controller::all_delivered(const Totals& sum) const {
  uint64_t expected = sum.published;
  uint64_t slow = 0;
  for (uint32_t stream = 0; stream < run_.streams.size(); ++stream) {
    const uint64_t to_room = run_.streams[stream].published.load(std::memory_order_relaxed);
    const uint32_t room = run_.room_of_stream(stream);
    expected += to_room * run_.members_in_room(room) - to_room;
    slow += to_room * run_.slow_members_in_room(room);
  }
  return sum.deliveries - sum.duplicates >= expected && sum.slow_reads >= slow;
}

// On a busy machine silence says nothing: the server may not have had a core for seconds, nor a worker here. So the
// time counts only when the server has answered the pings behind the last messages, and every worker has found nothing.
void Controller::drain() {
  Totals last = counts();
  int64_t quiet_since = last.at_ns;
  const int64_t probes_end = last.at_ns + options_.answer_timeout_ns;
  const int64_t drain_end = probes_end + kDrainMaxNs;
  std::vector<uint64_t> waits(options_.threads);
  const auto begin_quiet = [&](int64_t now) {
    quiet_since = now;
    for (uint32_t i = 0; i < options_.threads; ++i) waits[i] = run_.progress[i].idle_waits.get();
  };
  const auto workers_looked = [&] {
    for (uint32_t i = 0; i < options_.threads; ++i) {
      if (run_.progress[i].idle_waits.get() - waits[i] < kQuietWaits) return false;
    }
    return true;
  };
  begin_quiet(last.at_ns);
  while (!worker_failed_) {
    const Totals sum = counts();
    // A worker that has not seen the phase yet may still publish what was due before it.
    const bool all_sent = sum.load_ended == options_.threads;
    if (all_sent && all_delivered(sum)) return;
    const bool all_read = sum.probes == 0 || sum.at_ns > probes_end;
    if (!all_sent || !all_read || sum.deliveries != last.deliveries || sum.slow_reads != last.slow_reads) {
      begin_quiet(sum.at_ns);
    }
    if (sum.at_ns - quiet_since > kQuietEndsNs && (workers_looked() || sum.at_ns > drain_end)) return;
    last = sum;
    std::this_thread::sleep_for(kLookEvery);
    sample_due();
  }
}

void Controller::finish() {
  if (stop_) results_.interrupted = true;
  sampler_.take(totals(), phase_);
  results_.series = sampler_.release();
  if (!stop_ && results_.connected > 0 && !options_.tls)
    results_.server_version =
        ask_server_version(options_.targets.front(), options_.host, options_.roles.front().dialect.headers);
  run_.enter(Phase::stopping);
  for (std::thread& thread : threads_) thread.join();
  for (uint32_t i = 0; i < workers_.size(); ++i) {
    if (failure_.empty()) failure_ = failures_[i];
    results_.measures.merge(workers_[i]->measures());
    results_.published_in_all += run_.progress[i].published.get();
    for (size_t kind = 0; kind < kErrorKinds; ++kind) {
      results_.errors[kind] += run_.progress[i].errors[kind].get();
    }
  }
  results_.engine = workers_.front()->engine();
  for (size_t i = 0; i < options_.roles.size(); ++i) results_.role_members.push_back(run_.members_with_role(i));
  line_.clear();
}

}  // namespace

Result<Results> run_scenario(const Options& options, const std::atomic<bool>& stop) {
  return Controller(options, stop).run();
}

}  // namespace ringcast::ringload
