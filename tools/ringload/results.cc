// SPDX-License-Identifier: Apache-2.0
#include "results.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <numeric>

namespace ringcast::ringload {
namespace {

constexpr double kServerBusy = 0.95;
constexpr double kGeneratorBusy = 0.90;
constexpr double kGeneratorWaits = 0.50;
constexpr int64_t kLagMaxNs = 1'000'000;

double greatest(const std::vector<double>& values) {
  return values.empty() ? 0 : *std::max_element(values.begin(), values.end());
}

std::optional<double> of_histogram(const Histogram& histogram, std::string_view name) {
  if (histogram.count() == 0) return std::nullopt;
  if (name == "max") return static_cast<double>(histogram.max()) * 1e-6;
  if (name == "mean") return histogram.mean() * 1e-6;
  double percentile = 0;
  if (!name.starts_with('p')) return std::nullopt;
  std::from_chars(name.data() + 1, name.data() + name.size(), percentile);
  return static_cast<double>(histogram.value_at_percentile(percentile)) * 1e-6;
}

}  // namespace

uint64_t Results::error_count() const {
  return std::accumulate(errors.begin(), errors.end(), uint64_t{0});
}

std::optional<double> Results::server_load() const {
  if (server_cpu_ns < 0 || server_cores <= 0 || seconds <= 0) return std::nullopt;
  return static_cast<double>(server_cpu_ns) * 1e-9 / seconds / server_cores;
}

std::optional<double> Results::cpu_us_per_delivery() const {
  if (server_cpu_ns < 0 || deliveries == 0) return std::nullopt;
  return static_cast<double>(server_cpu_ns) * 1e-3 / static_cast<double>(deliveries);
}

std::optional<double> Results::memory_per_connection() const {
  if (server_pss_before == 0 || server_pss_held == 0 || connected == 0) return std::nullopt;
  return (static_cast<double>(server_pss_held) - static_cast<double>(server_pss_before)) /
         static_cast<double>(connected);
}

std::optional<double> Results::tcp_memory_per_connection() const {
  if (connected == 0) return std::nullopt;
  return (static_cast<double>(tcp_memory_held) - static_cast<double>(tcp_memory_before)) /
         static_cast<double>(connected);
}

void judge(Results& results, const Options& options) {
  if (results.interrupted) results.invalid.push_back("interrupted: the run is shorter than asked for");
  const uint64_t wanted = options.all_connections();
  if (results.connected < wanted)
    results.invalid.push_back(fmt::format("{} of {} connections were ready", results.connected, wanted));
  const bool echo = std::any_of(options.roles.begin(), options.roles.end(),
                                [](const Role& role) { return role.kind == RoleKind::echo; });
  if (results.connected < wanted && echo && options.preset_name == "ringcast")
    results.invalid.push_back("an echo needs a server that was started with --echo");
  if (results.connected == 0) return;
  if (options.scenario == Scenario::connect) return;
  if (results.deliveries == 0 && (options.publishes() || options.echoes()))
    results.invalid.push_back("nothing was delivered");
  const double busiest = greatest(results.worker_load);
  if (options.saturating()) {
    const auto server = results.server_load();
    // A worker that stood in the queue for a core was as busy as one that had it; and one that stood there for most of
    // the time has measured its own waiting.
    double wanted = busiest;
    for (size_t i = 0; i < results.worker_load.size(); ++i)
      wanted = std::max(wanted, results.worker_load[i] + results.worker_wait[i]);
    const bool limit_here = wanted >= kGeneratorBusy || greatest(results.worker_wait) >= kGeneratorWaits;
    if (server.value_or(0) >= kServerBusy || !limit_here) return;
    const std::string limit = fmt::format("the generator was the limit: it wanted {:.0f} % of a core and had {:.0f} %",
                                          wanted * 100, busiest * 100);
    results.invalid.push_back(server ? fmt::format("{}; the server used {:.0f} % of its cores", limit, *server * 100)
                                     : limit + " (the server was not watched: --pid)");
    return;
  }
  if (busiest >= kGeneratorBusy)
    results.invalid.push_back(fmt::format("the generator used {:.0f} % of a core, 90 % at most", busiest * 100));
  const auto lag = static_cast<int64_t>(results.measures.lag.value_at_percentile(99));
  if (lag > kLagMaxNs)
    results.invalid.push_back(
        fmt::format("the schedule lagged by {:.2f} ms (p99), 1 ms at most", static_cast<double>(lag) * 1e-6));
}

std::optional<double> figure(const Results& results, std::string_view name) {
  const Measures& measures = results.measures;
  const std::pair<std::string_view, const Histogram*> histograms[] = {{"uncorrected_", &measures.uncorrected},
                                                                      {"connect_", &measures.connect},
                                                                      {"ready_", &measures.ready},
                                                                      {"lag_", &measures.lag},
                                                                      {"last_member_", &measures.end_to_end}};
  for (const auto& [prefix, histogram] : histograms) {
    if (name.starts_with(prefix)) return of_histogram(*histogram, name.substr(prefix.size()));
  }
  const auto count = [](uint64_t value) { return static_cast<double>(value); };
  if (name == "lost") return count(measures.sequence.lost);
  if (name == "duplicates") return count(measures.sequence.duplicates);
  if (name == "reordered") return count(measures.sequence.reordered);
  if (name == "renewed") return count(measures.renewed);
  if (name == "resumed") return count(measures.resumed);
  if (name == "slow_missed") return count(measures.slow.lost);
  if (name == "slow_closed") return count(measures.slow_closed);
  if (name == "gaps") return count(measures.gaps);
  if (name == "errors") return count(results.error_count());
  if (name == "deliveries") return count(results.deliveries);
  if (name == "deliveries_per_s") return results.deliveries_per_second();
  if (name == "published") return count(results.published);
  if (name == "connections") return count(results.connected);
  if (name == "invalid") return count(results.invalid.size());
  if (name == "cpu_us_per_delivery") return results.cpu_us_per_delivery();
  if (name == "tcp_memory_per_connection") return results.tcp_memory_per_connection();
  if (name == "memory_per_connection") return results.memory_per_connection();
  if (name == "server_cpu") {
    const auto load = results.server_load();
    return load ? std::optional(*load * 100) : std::nullopt;
  }
  return of_histogram(measures.latency, name);
}

std::vector<Verdict> verdicts(const Results& results, const Options& options) {
  std::vector<Verdict> out;
  for (const Threshold& threshold : options.thresholds) {
    const auto look_up = [&](std::string_view name) { return figure(results, name); };
    out.push_back({threshold.text, threshold.name, look_up(threshold.name), holds(threshold, look_up)});
  }
  return out;
}

}  // namespace ringcast::ringload
