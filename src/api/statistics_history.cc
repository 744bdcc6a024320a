// SPDX-License-Identifier: Apache-2.0
#include "api/statistics_history.h"

#include <string_view>
#include <utility>

#include "client/shared.h"
#include "codec/json/json_writer.h"

namespace ringcast::session {

namespace {

// Under the names that they have in /stats.
constexpr struct {
  std::string_view name;
  uint64_t Totals::*value;
} kFigures[] = {
    {"connections", &Totals::sockets},
    {"online_users", &Totals::online_users},
    {"channels", &Totals::channels},
    {"memberships", &Totals::memberships},
    {"buffered_events", &Totals::history_messages},
    {"history_bytes", &Totals::history_bytes},
    {"queued_bytes", &Totals::queued_bytes},
    {"messages_total", &Totals::published},
    {"deliveries_total", &Totals::delivered},
    {"bytes_in_total", &Totals::bytes_in},
    {"bytes_out_total", &Totals::bytes_out},
    {"errors_total", &Totals::errors},
    {"gaps_total", &Totals::gaps},
    {"slow_closed_total", &Totals::slow_closed},
};

}  // namespace

StatisticsHistory::StatisticsHistory(const Shared& shared) : shared_(shared), ring_(kSamples) {
  for (Sample& sample : ring_) sample.cpu_us.resize(shared.cores.size());
  taken_.cpu_us.resize(shared.cores.size());
}

void StatisticsHistory::take(uint64_t wall_us) {
  taken_.timestamp_ms = wall_us / 1000;
  taken_.resident_bytes = shared_.resident_bytes == nullptr ? 0 : shared_.resident_bytes();
  taken_.totals = {};
  for (size_t core = 0; core < taken_.cpu_us.size(); ++core) {
    taken_.totals.add(shared_.cores[core]);
    taken_.cpu_us[core] = shared_.cores[core].sessions->cpu_ns.get() / 1000;
  }
  std::shared_ptr<const std::string> old;  // freed without the lock
  const std::lock_guard lock(changing_);
  std::swap(ring_[next_], taken_);
  next_ = (next_ + 1) % kSamples;
  if (count_ < kSamples) ++count_;
  old.swap(answer_);
}

std::shared_ptr<const std::string> StatisticsHistory::answer() const {
  const std::lock_guard lock(changing_);
  if (answer_ == nullptr) {
    answer_ = std::make_shared<const std::string>(write());
    size_ = answer_->size();
    ++written_;
  }
  return answer_;
}

uint64_t StatisticsHistory::written() const {
  const std::lock_guard lock(changing_);
  return written_;
}

template <class Get>
void StatisticsHistory::append(std::string& out, Get get) const {
  out += '[';
  for (size_t i = 0; i < count_; ++i) {
    if (i != 0) out += ',';
    codec::append_uint(out, get(ring_[(next_ + kSamples - count_ + i) % kSamples]));
  }
  out += ']';
}

std::string StatisticsHistory::write() const {
  std::string out;
  out.reserve(size_ + 1024);
  std::string list;
  codec::JsonWriter json(out);
  const auto add = [&](std::string_view name, auto get) {
    list.clear();
    append(list, get);
    json.raw(name, list);
  };
  json.begin_object().uint("period_ms", kPeriodMs).uint("samples_max", kSamples);
  add("timestamp_ms", [](const Sample& sample) { return sample.timestamp_ms; });
  json.key("transports").begin_object();
  for (size_t i = 0; i < static_cast<size_t>(TransportKind::count_); ++i) {
    add(to_string(static_cast<TransportKind>(i)), [i](const Sample& sample) { return sample.totals.open[i]; });
  }
  json.end_object();
  add("resident_bytes", [](const Sample& sample) { return sample.resident_bytes; });
  for (const auto& [name, value] : kFigures) {
    add(name, [value = value](const Sample& sample) { return sample.totals.*value; });
  }
  json.key("cores").begin_array();
  for (size_t core = 0; core < shared_.cores.size(); ++core) {
    json.begin_object().uint("core", core);
    add("cpu_us", [core](const Sample& sample) { return sample.cpu_us[core]; });
    json.end_object();
  }
  json.end_array().end_object();
  return out;
}

}  // namespace ringcast::session
