// SPDX-License-Identifier: Apache-2.0
// The results as a summary for people and as JSON for programs.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "codec/json/json_writer.h"
#include "results.h"

namespace ringcast::ringload {
namespace {

struct Level {
  const char* name;
  double percentile;
};
constexpr std::array<Level, 7> kLevels{
    {{"p50", 50}, {"p75", 75}, {"p90", 90}, {"p95", 95}, {"p99", 99}, {"p99.9", 99.9}, {"p99.99", 99.99}}};

constexpr double kCurveStepsPerDecade = 8;  // of 1/(1-q)

std::string time_text(uint64_t ns) {
  if (ns < 10'000) return fmt::format("{} ns", ns);
  if (ns < 10'000'000) return fmt::format("{:.1f} us", static_cast<double>(ns) * 1e-3);
  if (ns < 10'000'000'000) return fmt::format("{:.1f} ms", static_cast<double>(ns) * 1e-6);
  return fmt::format("{:.1f} s", static_cast<double>(ns) * 1e-9);
}

std::string bytes_text(double bytes) {
  if (bytes < 10'000) return fmt::format("{:.0f} B", bytes);
  if (bytes < 10'000'000) return fmt::format("{:.1f} kB", bytes * 1e-3);
  return fmt::format("{:.1f} MB", bytes * 1e-6);
}

std::string rate_text(double per_second) {
  return fmt::format("{:.{}f}/s", per_second, per_second < 100 ? 2 : 0);
}

void append_line(std::string& out, std::string_view name, const std::string& value) {
  out += fmt::format("{:<14} {}\n", name, value);
}

void append_latency(std::string& out, std::string_view name, const Histogram& histogram) {
  if (histogram.count() == 0) return;
  std::string line;
  for (const double percentile : {50.0, 90.0, 99.0, 99.9, 99.99}) {
    line += fmt::format("p{:g} {}  ", percentile, time_text(histogram.value_at_percentile(percentile)));
  }
  append_line(out, name, line + "max " + time_text(histogram.max()));
}

// The latencies on a logarithmic scale, a row from each 1, 2 and 5 of a decade to the next.
void append_bars(std::string& out, const Histogram& histogram) {
  constexpr size_t kWidth = 40;
  struct Row {
    uint64_t below;
    uint64_t count = 0;
  };
  std::vector<Row> rows;
  for (uint64_t decade = 1'000; decade <= 100'000'000'000; decade *= 10) {
    for (const uint64_t step : {1u, 2u, 5u}) rows.push_back({decade * step});
  }
  rows.push_back({UINT64_MAX});
  histogram.for_each_bucket([&](uint64_t lowest, uint64_t, uint64_t count) {
    auto row = std::upper_bound(rows.begin(), rows.end(), lowest,
                                [](uint64_t value, const Row& one) { return value < one.below; });
    row->count += count;
  });
  const auto filled = [](const Row& row) { return row.count > 0; };
  const auto first = std::find_if(rows.begin(), rows.end(), filled);
  const auto last = std::find_if(rows.rbegin(), rows.rend(), filled).base();
  uint64_t most = 1;
  for (auto row = first; row < last; ++row) most = std::max(most, row->count);
  for (auto row = first; row < last; ++row) {
    const auto cells =
        static_cast<size_t>(std::ceil(static_cast<double>(row->count) * kWidth / static_cast<double>(most)));
    std::string bar;
    for (size_t i = 0; i < cells; ++i) bar += "█";
    const std::string below = row->below == UINT64_MAX ? "more" : "< " + time_text(row->below);
    const double share = static_cast<double>(row->count) * 100 / static_cast<double>(histogram.count());
    out += fmt::format("  {:>12} {:>7.3f} % {}\n", below, share, bar);
  }
}

// What is measured as a difference of two moments may come out below nothing: then it was too little to be seen.
std::string memory_text(double bytes) {
  return bytes < 0 ? "below the noise" : bytes_text(bytes) + " per connection";
}

// With its unit.
std::string figure_text(std::string_view name, double value) {
  if (is_time_figure(name)) return time_text(static_cast<uint64_t>(std::max(0.0, value * 1e6)));
  if (name.ends_with("memory_per_connection")) return value < 0 ? "below the noise" : bytes_text(value);
  if (name == "cpu_us_per_delivery") return fmt::format("{:.3f} us", value);
  return fmt::format("{:.6g}", value);
}

void append_verdicts(std::string& out, const Results& results, const Options& options) {
  for (const Verdict& verdict : verdicts(results, options)) {
    out +=
        fmt::format("{} {:<30} {}\n", verdict.crossed ? "✗" : "✓", verdict.text,
                    verdict.value ? figure_text(verdict.name, *verdict.value) : "there is no such figure in this run");
  }
}

void append_histogram(codec::JsonWriter& json, std::string_view name, const Histogram& histogram) {
  if (histogram.count() == 0) return;
  const auto milliseconds = [](double ns) { return fmt::format("{:.6f}", ns * 1e-6); };
  json.key(name).begin_object().uint("count", histogram.count());
  json.raw("mean", milliseconds(histogram.mean()));
  for (const Level& level : kLevels)
    json.raw(level.name, milliseconds(static_cast<double>(histogram.value_at_percentile(level.percentile))));
  json.raw("max", milliseconds(static_cast<double>(histogram.max())));
  json.key("curve").begin_array();
  for (int step = 0;; ++step) {
    const double above = std::pow(10.0, -step / kCurveStepsPerDecade);
    if (above * static_cast<double>(histogram.count()) < 1) break;
    const auto value = static_cast<double>(histogram.value_at_percentile((1 - above) * 100));
    json.raw(fmt::format("[{:.8g},{}]", 1 - above, milliseconds(value)));
  }
  json.raw(fmt::format("[{:.8g},{}]", 1 - 1 / static_cast<double>(histogram.count()),
                       milliseconds(static_cast<double>(histogram.max()))));
  json.end_array().end_object();
}

void append_number(codec::JsonWriter& json, std::string_view name, std::optional<double> value) {
  if (value) json.raw(name, fmt::format("{:.6g}", *value));
}

// Of all its members, or "mixed".
std::string_view transport_of(const Options& options) {
  for (const Role& role : options.roles) {
    if (role.transport != options.roles.front().transport) return "mixed";
  }
  return to_string(options.roles.front().transport);
}

void append_roles(codec::JsonWriter& json, const Results& results, const Options& options) {
  if (options.roles.size() < 2) return;
  json.key("roles").begin_array();
  for (size_t i = 0; i < options.roles.size(); ++i) {
    const Role& role = options.roles[i];
    json.begin_object().string("name", role.name).string("transport", to_string(role.transport));
    json.boolean("slow", role.kind == RoleKind::slow).uint("connections", results.role_members[i]);
    append_histogram(json, "latency_ms", results.measures.of_role[i]);
    json.end_object();
  }
  json.end_array();
}

}  // namespace

std::string summary(const Results& results, const Options& options) {
  const Measures& measures = results.measures;
  std::string out;
  const std::string carried =
      options.http2 == 0 ? "" : fmt::format(" on streams of HTTP/2, {} a connection", options.http2);
  append_line(out, "scenario",
              fmt::format("{} over {}{}, {} with {} thread{}", to_string(options.scenario), transport_of(options),
                          carried, results.engine, options.threads, options.threads == 1 ? "" : "s"));
  append_line(out, "connections",
              fmt::format("{} of {} in {:.2f} s, {:.0f}/s", results.connected, options.all_connections(),
                          results.connect_seconds, results.connects_per_second));
  append_latency(out, "connect", measures.connect);
  append_latency(out, "ready", measures.ready);
  if (results.server_connect_cpu_ns > 0 && results.connected > 0)
    append_line(
        out, "connect CPU",
        fmt::format("{:.1f} us of the server per connection", static_cast<double>(results.server_connect_cpu_ns) *
                                                                  1e-3 / static_cast<double>(results.connected)));
  if (const auto memory = results.memory_per_connection())
    append_line(out, "memory", "PSS of the server: " + memory_text(*memory));
  if (const auto memory = results.tcp_memory_per_connection())
    append_line(
        out, "TCP memory",
        fmt::format("{} -> {} of the kernel, both ends; {}", bytes_text(static_cast<double>(results.tcp_memory_before)),
                    bytes_text(static_cast<double>(results.tcp_memory_held)), memory_text(*memory)));
  if (options.scenario != Scenario::connect && results.seconds > 0) {
    append_line(out, "published",
                fmt::format("{} in {:.2f} s, {}", results.published, results.seconds,
                            rate_text(static_cast<double>(results.published) / results.seconds)));
    append_line(out, "delivered",
                fmt::format("{}, {}, {}/s", results.deliveries, rate_text(results.deliveries_per_second()),
                            bytes_text(static_cast<double>(results.bytes_in) / results.seconds)));
    append_latency(out, "latency", measures.latency);
    append_bars(out, measures.latency);
    append_latency(out, "uncorrected", measures.uncorrected);
    append_latency(out, "last member", measures.end_to_end);
    append_latency(out, "schedule lag", measures.lag);
    append_line(out, "exactness",
                fmt::format("lost {}, duplicates {}, reordered {}", measures.sequence.lost,
                            measures.sequence.duplicates, measures.sequence.reordered));
  }
  bool resume = false;
  bool slow = false;
  for (size_t i = 0; i < options.roles.size(); ++i) {
    const Role& role = options.roles[i];
    resume = resume || role.kind == RoleKind::resume;
    slow = slow || role.kind == RoleKind::slow;
    if (options.roles.size() == 1) break;
    append_latency(out, fmt::format("  {}", role.name), measures.of_role[i]);
  }
  if (measures.renewed > 0) append_line(out, "churn", fmt::format("{} connections renewed", measures.renewed));
  if (resume) append_line(out, "resumed", fmt::format("{} times, {} gaps reported", measures.resumed, measures.gaps));
  if (slow)
    append_line(out, "slow readers",
                fmt::format("{} messages read, {} missed, {} connections closed by the server", measures.slow.received,
                            measures.slow.lost, measures.slow_closed));
  if (const auto cost = results.cpu_us_per_delivery())
    append_line(out, "server CPU", fmt::format("{:.3f} us per delivery", *cost));
  if (const auto load = results.server_load())
    append_line(out, "server load", fmt::format("{:.0f} % of {:g} cores", *load * 100, results.server_cores));
  for (size_t i = 0; i < results.worker_load.size(); ++i)
    append_line(out, "generator",
                fmt::format("{:.0f} % of a core, waited for one {:.0f} % of the time", results.worker_load[i] * 100,
                            results.worker_wait[i] * 100));
  for (size_t i = 0; i < kErrorKinds; ++i) {
    if (results.errors[i] == 0) continue;
    append_line(
        out, "error",
        fmt::format("{} {} ({})", results.errors[i], to_string(static_cast<ErrorKind>(i)), measures.examples[i]));
  }
  if (results.ended_connections > 0)
    append_line(out, "ended", fmt::format("{} connections before the end", results.ended_connections));
  append_verdicts(out, results, options);
  for (const std::string& reason : results.invalid) append_line(out, "INVALID", reason);
  return out;
}

std::string to_json(const Results& results, const Options& options) {
  const Measures& measures = results.measures;
  std::string out;
  codec::JsonWriter json(out);
  json.begin_object();
  json.string("scenario", to_string(options.scenario)).string("transport", transport_of(options));
  if (options.http2 > 0) json.uint("http2", options.http2);
  json.string("started", results.started).string("command", "ringload" + options.command);
  json.string("version", RINGCAST_VERSION).string("target", options.host);
  json.string("server_version", results.server_version);
  json.string("preset", options.preset_name).string("engine", results.engine).uint("threads", options.threads);
  json.uint("wanted_connections", options.all_connections()).uint("connections", results.connected);
  json.uint("ended_connections", results.ended_connections);
  json.uint("rooms", options.rooms).uint("publishers", options.publishers).uint("in_flight", options.in_flight);
  append_number(json, "rate", options.rate);
  json.uint("payload_bytes", options.payload_size);
  append_number(json, "connects_per_s", results.connects_per_second);
  append_number(json, "connect_cpu_us",
                results.connected == 0 || results.server_connect_cpu_ns <= 0
                    ? std::nullopt
                    : std::optional(static_cast<double>(results.server_connect_cpu_ns) * 1e-3 /
                                    static_cast<double>(results.connected)));
  append_number(json, "seconds", results.seconds);
  json.uint("published_in_all", results.published_in_all)
      .uint("published", results.published)
      .uint("deliveries", results.deliveries);
  append_number(json, "deliveries_per_s", results.deliveries_per_second());
  json.uint("bytes_in", results.bytes_in).uint("bytes_out", results.bytes_out);
  json.uint("requests", results.requests);
  json.key("loopback").begin_object().uint("bytes", results.loopback.bytes);
  json.uint("packets", results.loopback.packets).end_object();
  json.key("latency_ms").begin_object();
  append_histogram(json, "corrected", measures.latency);
  append_histogram(json, "uncorrected", measures.uncorrected);
  append_histogram(json, "last_member", measures.end_to_end);
  append_histogram(json, "connect", measures.connect);
  append_histogram(json, "ready", measures.ready);
  append_histogram(json, "lag", measures.lag);
  json.end_object();
  json.uint("received", measures.sequence.received).uint("lost", measures.sequence.lost);
  json.uint("duplicates", measures.sequence.duplicates).uint("reordered", measures.sequence.reordered);
  json.uint("gaps", measures.gaps).uint("renewed", measures.renewed).uint("resumed", measures.resumed);
  json.key("slow").begin_object().uint("received", measures.slow.received).uint("missed", measures.slow.lost);
  json.uint("duplicates", measures.slow.duplicates).uint("reordered", measures.slow.reordered);
  json.uint("closed", measures.slow_closed).end_object();
  append_roles(json, results, options);
  json.key("errors").begin_object();
  for (size_t i = 0; i < kErrorKinds; ++i) {
    if (results.errors[i] > 0) json.uint(to_string(static_cast<ErrorKind>(i)), results.errors[i]);
  }
  json.end_object();
  json.key("server").begin_object();
  append_number(json, "cpu_us_per_delivery", results.cpu_us_per_delivery());
  append_number(json, "load", results.server_load());
  append_number(json, "cores", results.server_cores);
  append_number(json, "memory_per_connection", results.memory_per_connection());
  append_number(json, "tcp_memory_per_connection", results.tcp_memory_per_connection());
  json.uint("pss_before", results.server_pss_before).uint("pss_held", results.server_pss_held).end_object();
  json.uint("tcp_memory_before", results.tcp_memory_before).uint("tcp_memory_held", results.tcp_memory_held);
  json.key("generator_load").begin_array();
  for (const double load : results.worker_load) json.raw(fmt::format("{:.4f}", load));
  json.end_array().key("generator_wait").begin_array();
  for (const double wait : results.worker_wait) json.raw(fmt::format("{:.4f}", wait));
  json.end_array();
  json.raw("series", series_json(results.series));
  json.key("phases").begin_array();
  for (const Results::PhaseStart& phase : results.phases) {
    json.begin_object().string("name", phase.name);
    append_number(json, "at_s", phase.at_s);
    json.end_object();
  }
  json.end_array();
  json.key("thresholds").begin_array();
  for (const Verdict& verdict : verdicts(results, options)) {
    json.begin_object().string("text", verdict.text);
    append_number(json, "value", verdict.value);
    if (verdict.value) json.string("measured", figure_text(verdict.name, *verdict.value));
    json.boolean("crossed", verdict.crossed).end_object();
  }
  json.end_array();
  json.boolean("valid", results.invalid.empty()).key("invalid").begin_array();
  for (const std::string& reason : results.invalid) json.string(reason);
  json.end_array().end_object();
  out += '\n';
  return out;
}

}  // namespace ringcast::ringload
