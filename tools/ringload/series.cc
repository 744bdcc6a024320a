// SPDX-License-Identifier: Apache-2.0
#include "series.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "codec/json/json_writer.h"

namespace ringcast::ringload {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000;

double milliseconds(uint64_t ns) {
  return static_cast<double>(ns) * 1e-6;
}

uint64_t value_at(const std::vector<uint64_t>& counts, uint64_t all, double part) {
  const auto wanted = std::max<uint64_t>(1, static_cast<uint64_t>(std::ceil(part * static_cast<double>(all) - 1e-6)));
  uint64_t seen = 0;
  for (uint32_t i = 0; i < counts.size(); ++i) {
    seen += counts[i];
    if (seen >= wanted) return SharedHistogram::highest_of(i);
  }
  return 0;
}

void append_latency(codec::JsonWriter& json, std::string_view prefix, const IntervalLatency& latency) {
  if (latency.count == 0) return;
  const auto add = [&](std::string_view name, double value) {
    json.raw(fmt::format("{}{}_ms", prefix, name), fmt::format("{:.6g}", value));
  };
  add("p50", latency.p50_ms);
  add("p99", latency.p99_ms);
  add("max", latency.max_ms);
}

}  // namespace

Sampler::Sampler(const Run& run, int64_t expected_ns)
    : run_(run), interval_ns_((1 + (expected_ns - 1) / (kSamplesMax * kSecondNs)) * kSecondNs) {}

IntervalLatency Sampler::Reading::advance(const Run& run, const SharedHistogram Progress::*which) {
  std::vector<uint64_t> since(SharedHistogram::kBuckets);
  IntervalLatency result;
  uint32_t highest = 0;
  for (uint32_t i = 0; i < SharedHistogram::kBuckets; ++i) {
    uint64_t sum = 0;
    for (uint32_t worker = 0; worker < run.workers(); ++worker) sum += (run.progress[worker].*which).bucket(i);
    since[i] = sum - buckets[i];
    buckets[i] = sum;
    result.count += since[i];
    if (since[i] > 0) highest = i;
  }
  if (result.count == 0) return result;
  result.p50_ms = milliseconds(value_at(since, result.count, 0.5));
  result.p99_ms = milliseconds(value_at(since, result.count, 0.99));
  result.max_ms = milliseconds(SharedHistogram::highest_of(highest));
  return result;
}

const Sample& Sampler::take(Totals totals, std::string_view phase) {
  Sample sample;
  sample.at_s = static_cast<double>(totals.at_ns) * 1e-9;
  sample.span_s = static_cast<double>(std::max<int64_t>(1, totals.at_ns - last_.at_ns)) * 1e-9;
  const auto per_second = [&](auto now, auto before) { return static_cast<double>(now - before) / sample.span_s; };
  sample.phase = phase;
  sample.connections = totals.ready;
  sample.connects_per_s = per_second(totals.started, last_.started);
  sample.published_per_s = per_second(totals.published, last_.published);
  sample.deliveries_per_s = per_second(totals.deliveries, last_.deliveries);
  sample.bytes_in_per_s = per_second(totals.bytes_in, last_.bytes_in);
  sample.bytes_out_per_s = per_second(totals.bytes_out, last_.bytes_out);
  sample.errors = totals.errors - last_.errors;
  sample.latency = latency_.advance(run_, &Progress::latency);
  sample.ready = ready_.advance(run_, &Progress::ready_latency);
  for (size_t i = 0; i < totals.cpu_ns.size(); ++i) {
    const int64_t before = i < last_.cpu_ns.size() ? last_.cpu_ns[i] : 0;  // it had not begun
    sample.generator_load = std::max(sample.generator_load, per_second(totals.cpu_ns[i], before) * 1e-9);
  }
  if (run_.options.server_pid > 0) {
    sample.server_cores = per_second(totals.server_cpu_ns, last_.server_cpu_ns) * 1e-9;
    sample.server_rss_bytes = totals.server_rss_bytes;
  }
  sample.tcp_memory_bytes = totals.tcp_memory_bytes;
  last_ = std::move(totals);
  return samples_.emplace_back(sample);
}

std::string series_csv(const std::vector<Sample>& samples) {
  std::string out =
      "at_s,span_s,phase,connections,connects_per_s,published_per_s,deliveries_per_s,bytes_in_per_s,bytes_out_per_s,"
      "errors,p50_ms,p99_ms,max_ms,ready_p50_ms,ready_p99_ms,ready_max_ms,generator_load,server_cores,"
      "server_rss_bytes,tcp_memory_bytes\n";
  const auto latency = [](const IntervalLatency& of) {
    return of.count == 0 ? std::string(",,") : fmt::format("{:.6g},{:.6g},{:.6g}", of.p50_ms, of.p99_ms, of.max_ms);
  };
  for (const Sample& sample : samples) {
    out += fmt::format("{:.3f},{:.3f},{},{},{:.1f},{:.1f},{:.1f},{:.0f},{:.0f},{},", sample.at_s, sample.span_s,
                       sample.phase, sample.connections, sample.connects_per_s, sample.published_per_s,
                       sample.deliveries_per_s, sample.bytes_in_per_s, sample.bytes_out_per_s, sample.errors);
    out += fmt::format("{},{},{:.4f},", latency(sample.latency), latency(sample.ready), sample.generator_load);
    if (sample.server_cores) out += fmt::format("{:.4f}", *sample.server_cores);
    out += ',';
    if (sample.server_rss_bytes) out += std::to_string(*sample.server_rss_bytes);
    out += fmt::format(",{}\n", sample.tcp_memory_bytes);
  }
  return out;
}

std::string series_json(const std::vector<Sample>& samples) {
  std::string out;
  codec::JsonWriter json(out);
  json.begin_array();
  for (const Sample& sample : samples) {
    const auto number = [&](std::string_view name, double value) { json.raw(name, fmt::format("{:.6g}", value)); };
    json.begin_object().raw("at_s", fmt::format("{:.3f}", sample.at_s));
    json.raw("span_s", fmt::format("{:.3f}", sample.span_s));
    json.string("phase", sample.phase).uint("connections", sample.connections);
    number("connects_per_s", sample.connects_per_s);
    number("published_per_s", sample.published_per_s);
    number("deliveries_per_s", sample.deliveries_per_s);
    number("bytes_in_per_s", sample.bytes_in_per_s);
    number("bytes_out_per_s", sample.bytes_out_per_s);
    json.uint("errors", sample.errors);
    append_latency(json, "", sample.latency);
    append_latency(json, "ready_", sample.ready);
    number("generator_load", sample.generator_load);
    if (sample.server_cores) number("server_cores", *sample.server_cores);
    if (sample.server_rss_bytes) json.uint("server_rss_bytes", *sample.server_rss_bytes);
    json.uint("tcp_memory_bytes", sample.tcp_memory_bytes).end_object();
  }
  json.end_array();
  return out;
}

}  // namespace ringcast::ringload
