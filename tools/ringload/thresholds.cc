// SPDX-License-Identifier: Apache-2.0
#include "thresholds.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace ringcast::ringload {
namespace {

constexpr std::array<std::string_view, 9> kOfHistogram{"p50",   "p75",    "p90", "p95", "p99",
                                                       "p99.9", "p99.99", "max", "mean"};
constexpr std::array<std::string_view, 5> kHistograms{"uncorrected_", "connect_", "ready_", "lag_", "last_member_"};
constexpr std::array<std::string_view, 18> kCounts{"lost",
                                                   "duplicates",
                                                   "reordered",
                                                   "errors",
                                                   "deliveries",
                                                   "deliveries_per_s",
                                                   "published",
                                                   "invalid",
                                                   "connections",
                                                   "cpu_us_per_delivery",
                                                   "memory_per_connection",
                                                   "tcp_memory_per_connection",
                                                   "server_cpu",
                                                   "gaps",
                                                   "renewed",
                                                   "resumed",
                                                   "slow_missed",
                                                   "slow_closed"};

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

std::string figure_names() {
  std::string out;
  const auto append = [&out](std::string_view name) { out.append(out.empty() ? "" : ", ").append(name); };
  for (const std::string_view name : kOfHistogram) append(name);
  out += ", each of them also as";
  for (const std::string_view prefix : kHistograms)
    out.append(prefix == kHistograms[0] ? " " : ", ").append(prefix).append("p99");
  out += "; and";
  for (const std::string_view name : kCounts) out.append(name == kCounts[0] ? " " : ", ").append(name);
  return out;
}

}  // namespace

bool is_figure_name(std::string_view name) {
  return is_time_figure(name) || std::find(kCounts.begin(), kCounts.end(), name) != kCounts.end();
}

bool is_time_figure(std::string_view name) {
  for (const std::string_view histogram : kHistograms) {
    if (name.starts_with(histogram)) {
      name.remove_prefix(histogram.size());
      break;
    }
  }
  return std::find(kOfHistogram.begin(), kOfHistogram.end(), name) != kOfHistogram.end();
}

Result<Threshold> parse_threshold(std::string_view text) {
  Threshold threshold;
  threshold.text = std::string(text);
  const auto bad = [&](std::string_view why) {
    return fail("bad_threshold", "threshold '" + threshold.text + "': " + std::string(why));
  };
  const size_t at = text.find_first_of("<>");
  if (at == std::string_view::npos) return bad("wants one of > >= < <=");
  threshold.name = std::string(trimmed(text.substr(0, at)));
  if (!is_figure_name(threshold.name))
    return bad("no figure is called '" + threshold.name + "'; there are " + figure_names());
  const bool or_equal = at + 1 < text.size() && text[at + 1] == '=';
  using Comparison = Threshold::Comparison;
  threshold.comparison = text[at] == '>' ? (or_equal ? Comparison::at_least : Comparison::above)
                                         : (or_equal ? Comparison::at_most : Comparison::below);
  const std::string_view value = trimmed(text.substr(at + (or_equal ? 2 : 1)));
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), threshold.value);
  if (error != std::errc()) return bad("wants a number behind the operator");
  const std::string_view unit = trimmed(value.substr(static_cast<size_t>(end - value.data())));
  if (unit == "ns") {
    threshold.value *= 1e-6;
  } else if (unit == "us") {
    threshold.value *= 1e-3;
  } else if (unit == "s") {
    threshold.value *= 1e3;
  } else if (!unit.empty() && unit != "ms" && unit != "%") {
    return bad("unknown unit; there are ns, us, ms, s, %");
  }
  return threshold;
}

bool holds(const Threshold& threshold, const FigureLookup& figures) {
  const std::optional<double> figure = figures(threshold.name);
  if (!figure) return true;
  switch (threshold.comparison) {
    case Threshold::Comparison::above: return *figure > threshold.value;
    case Threshold::Comparison::at_least: return *figure >= threshold.value;
    case Threshold::Comparison::below: return *figure < threshold.value;
    case Threshold::Comparison::at_most: return *figure <= threshold.value;
  }
  return true;
}

}  // namespace ringcast::ringload
