// SPDX-License-Identifier: Apache-2.0
#include "progress_line.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace ringcast::ringload {
namespace {

constexpr size_t kBarWidth = 20;
constexpr size_t kColumnsUnknown = 80;

std::string bar(double part) {
  const auto done = static_cast<size_t>(std::clamp(part, 0.0, 1.0) * kBarWidth);
  return "[" + std::string(done, '#') + std::string(kBarWidth - done, '.') + "]";
}

std::string rates(const Sample& sample) {
  std::string text = sample.connects_per_s > 0 ? fmt::format(", {:.0f} connects/s", sample.connects_per_s) : "";
  if (sample.published_per_s > 0 || sample.deliveries_per_s > 0)
    text += fmt::format(", {:.0f} published/s, {:.0f} deliveries/s", sample.published_per_s, sample.deliveries_per_s);
  if (sample.latency.count > 0) text += fmt::format(", p99 {:.3g} ms", sample.latency.p99_ms);
  return text;
}

}  // namespace

std::string progress_text(std::string_view phase, double part, const Totals& now, const Sample* latest,
                          size_t columns) {
  std::string line = fmt::format("{:6.1f} s {:9} ", static_cast<double>(now.at_ns) * 1e-9, phase);
  if (part >= 0) line += fmt::format("{} {:3.0f} %  ", bar(part), std::clamp(part, 0.0, 1.0) * 100);
  line += fmt::format("{} ready", now.ready);
  if (now.errors > 0) line += fmt::format(", {} errors", now.errors);
  if (latest != nullptr) line += rates(*latest);
  // A line that wraps could not be written over.
  if (line.size() >= columns) line.resize(columns - 1);
  return line;
}

ProgressLine::ProgressLine(bool quiet) : quiet_(quiet), terminal_(!quiet && ::isatty(STDERR_FILENO) == 1) {}

void ProgressLine::show(std::string_view phase, double part, const Totals& now, const Sample* latest) {
  winsize size{};
  const bool known = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1;
  const std::string text = progress_text(phase, part, now, latest, known ? size.ws_col : kColumnsUnknown);
  std::fputs(("\r\033[K" + text).c_str(), stderr);
  std::fflush(stderr);
  shown_ns_ = now.at_ns;
}

void ProgressLine::sampled(const Sample& sample) {
  if (quiet_ || terminal_) return;
  std::string line =
      fmt::format("{:6.1f} s {:9} {} ready{}", sample.at_s, sample.phase, sample.connections, rates(sample));
  if (sample.errors > 0) line += fmt::format(", {} errors", sample.errors);
  std::fputs((line + "\n").c_str(), stderr);
  std::fflush(stderr);
}

void ProgressLine::clear() {
  if (terminal_) std::fputs("\r\033[K", stderr);
}

}  // namespace ringcast::ringload
