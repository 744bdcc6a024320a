// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <fmt/chrono.h>
#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <ctime>
#include <iterator>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "base/line_output.h"
#include "base/log_record.h"
#include "base/spsc_ring.h"

namespace ringcast {
namespace {

constexpr std::array<std::string_view, 5> kLevelNames{"debug", "info", "warning", "error", "off"};

constexpr uint32_t kSharedRecords = 256;  // of all threads without a ring of their own
constexpr auto kLookAgain = std::chrono::milliseconds(50);
constexpr auto kLastWords = std::chrono::milliseconds(500);

// Makes lines of records and writes them, a batch at a time. Sink thread only.
class LogWriter {
 public:
  LogWriter(bool json, std::string path, std::function<void(std::string_view)> write)
      : json_(json), path_(std::move(path)), write_(std::move(write)), output_(STDERR_FILENO) {
    if (path_.empty()) return;
    auto file = LineOutput::open(path_);
    if (!file) throw std::runtime_error("log_file " + file.error().message);
    output_ = *std::move(file);
  }

  void add(const LogRecord& record) {
    const std::string_view level = kLevelNames[static_cast<size_t>(record.level)];
    const std::tm time = fmt::gmtime(record.time_us / 1'000'000);
    const int64_t milliseconds = record.time_us / 1000 % 1000;
    if (lines_.empty() && std::exchange(torn_, false)) lines_ = "\n";  // an error took the rest of that line
    // The record's content is escaped already.
    const auto end = std::back_inserter(lines_);
    if (json_) {
      fmt::format_to(end, R"({{"time":"{:%Y-%m-%dT%H:%M:%S}.{:03}Z","level":"{}",{}}})", time, milliseconds, level,
                     record.view());
    } else {
      fmt::format_to(end, "{:%Y-%m-%dT%H:%M:%S}.{:03}Z {} {}", time, milliseconds, level, record.view());
    }
    lines_ += '\n';
  }

  void add(uint32_t core, LogLevel level, std::string_view event, std::initializer_list<LogField> fields) {
    LogRecord record;
    format_log_record(record, level, core, event, fields, json_);
    add(record);
  }

  // As a line of its own, behind what was kept.
  void add_lost(uint32_t core, uint64_t count) {
    if (count == 0) return;
    add(core, LogLevel::warning, "log_records_lost", {{"count", count}});
    ++reports_;
    reported_ += count;
  }
  void add_lost() { add_lost(kNoLogCore, std::exchange(lost_, 0)); }

  // False: there is no room for all of it. What an error takes is lost: a full disk, a terminal that is gone.
  bool write(std::chrono::milliseconds patience) {
    if (write_) {
      hand_out();
    } else if (!put(patience)) {
      return false;
    }
    reports_ = reported_ = 0;
    return true;
  }

  void wait_for_room() { output_.wait_for_room(kLookAgain); }

  void reopen() {
    if (path_.empty()) return;
    if (auto file = LineOutput::open(path_)) {
      output_ = *std::move(file);
    } else {
      add(kNoLogCore, LogLevel::error, "log_reopen_failed", {{"why", file.error().message}});
    }
  }

 private:
  void hand_out() {
    for (std::string_view rest = lines_; !rest.empty();) {
      const size_t length = rest.find('\n') + 1;
      write_(rest.substr(0, length));
      rest.remove_prefix(length);
    }
    lines_.clear();
  }

  bool put(std::chrono::milliseconds patience) {
    const auto end = std::chrono::steady_clock::now() + patience;
    while (!lines_.empty()) {
      const ssize_t done = output_.write_some(lines_);
      if (done > 0) {
        torn_ = lines_[static_cast<size_t>(done) - 1] != '\n';
        lines_.erase(0, static_cast<size_t>(done));
      } else if (done == -EAGAIN) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
        if (left.count() <= 0) return false;
        output_.wait_for_room(left);
      } else {
        drop();
      }
    }
    return true;
  }

  void drop() {
    const auto lines = static_cast<uint64_t>(std::count(lines_.begin(), lines_.end(), '\n'));
    lost_ += lines - std::min(lines, reports_) + reported_;
    lines_.clear();
  }

  bool json_;
  std::string path_;
  std::function<void(std::string_view)> write_;
  LineOutput output_;
  std::string lines_;      // of one batch: as much as the rings hold
  bool torn_ = false;      // what was written last ends within a line
  uint64_t reports_ = 0;   // lines of the batch that say what was lost before
  uint64_t reported_ = 0;  // … and how much that is
  uint64_t lost_ = 0;      // lines that an error took, not reported yet
};

struct Ring {
  Ring(uint32_t capacity, uint32_t index) : records(capacity), core(index) {}

  void push(const LogRecord& record) {
    // The last quarter is for warnings and errors: what clients cause by the hundred must not cost the line that says
    // what is wrong.
    const uint32_t spared = record.level < LogLevel::warning ? records.capacity() / 4 : 0;
    if (!records.try_push(record, spared)) {
      lost.store(lost.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
      return;
    }
    records.publish();
  }

  SpscRing<LogRecord> records;
  const uint32_t core;
  std::atomic<uint64_t> lost{0};  // written by the producing side
  uint64_t lost_reported = 0;     // sink thread
  bool ended = false;             // rings_lock: its thread is gone, and it goes when it is empty
};

std::atomic<LogLevel> current_level{LogLevel::info};
std::atomic<bool> current_json{false};
// Held for a few instructions, never while anything is written.
std::mutex shared_lock;                 // `service`, and the producing side of its shared ring
LogService::Shared* service = nullptr;  // shared_lock
thread_local Ring* own_ring = nullptr;
std::atomic<uint32_t> records_signal{0};  // changes with every record in a ring; the sink thread waits on it

void signal_sink() {
  records_signal.fetch_add(1, std::memory_order_release);
  records_signal.notify_one();  // no system call unless the sink thread waits
}

}  // namespace

struct LogService::Shared {
  explicit Shared(LogOptions from)
      : options(std::move(from)),
        writer(options.json, options.path, std::move(options.write)),
        common(kSharedRecords, kNoLogCore) {}

  void drain(Ring& ring) {
    ring.records.drain([this](const LogRecord& record) { writer.add(record); });
    const uint64_t lost = ring.lost.load(std::memory_order_relaxed);
    writer.add_lost(ring.core, lost - std::exchange(ring.lost_reported, lost));
  }

  void gather() {
    writer.add_lost();
    drain(common);
    const std::lock_guard lock(rings_lock);
    for (const auto& ring : rings) drain(*ring);
    std::erase_if(rings, [](const auto& ring) { return ring->ended && ring->records.empty(); });
  }

  void run() {
    for (;;) {
      // Read before the rings are looked at: a record that comes later changes it, and the wait below returns at once.
      const uint32_t seen = records_signal.load(std::memory_order_acquire);
      const uint32_t flush = flush_wanted.load(std::memory_order_acquire);
      const bool last = stopping.load(std::memory_order_acquire);
      if (reopening.exchange(false, std::memory_order_acquire)) writer.reopen();
      // What found no room goes first; until it does, records stay in their rings, or are dropped and counted there.
      bool room = writer.write(last ? kLastWords : std::chrono::milliseconds(0));
      if (room) {
        gather();
        room = writer.write(last ? kLastWords : std::chrono::milliseconds(0));
      }
      if (flush_done.exchange(flush, std::memory_order_release) != flush) flush_done.notify_all();
      if (last) return;
      if (room) {
        records_signal.wait(seen, std::memory_order_acquire);
      } else {
        writer.wait_for_room();
      }
    }
  }

  LogOptions options;
  LogWriter writer;                          // sink thread
  Ring common;                               // of the threads without a ring of their own
  std::mutex rings_lock;                     // never taken by a thread that logs
  std::vector<std::unique_ptr<Ring>> rings;  // rings_lock
  std::atomic<uint32_t> flush_wanted{0};
  std::atomic<uint32_t> flush_done{0};
  std::atomic<bool> reopening{false};
  std::atomic<bool> stopping{false};
  std::thread thread;
};

std::string_view to_string(LogLevel level) {
  return kLevelNames[static_cast<size_t>(level)];
}

std::optional<LogLevel> log_level_from(std::string_view name) {
  const auto found = std::find(kLevelNames.begin(), kLevelNames.end(), name);
  if (found == kLevelNames.end()) return std::nullopt;
  return static_cast<LogLevel>(found - kLevelNames.begin());
}

bool log_enabled(LogLevel level) noexcept {
  return level != LogLevel::off && level >= current_level.load(std::memory_order_relaxed);
}

void log_event(LogLevel level, std::string_view event, std::initializer_list<LogField> fields) noexcept {
  if (!log_enabled(level)) return;
  LogRecord record;
  const bool json = current_json.load(std::memory_order_relaxed);
  if (Ring* ring = own_ring) {
    format_log_record(record, level, ring->core, event, fields, json);
    ring->push(record);
    return signal_sink();
  }
  format_log_record(record, level, kNoLogCore, event, fields, json);
  const std::lock_guard lock(shared_lock);
  if (service != nullptr) {
    service->common.push(record);
    return signal_sink();
  }
  LogWriter early(false, {}, {});
  early.add(record);
  early.write(std::chrono::milliseconds(0));
}

std::optional<uint64_t> LogSampler::pass(int64_t now_ns) noexcept {
  if (interval_start_ns_ == INT64_MIN || now_ns - interval_start_ns_ >= interval_ns_) {
    interval_start_ns_ = now_ns;
    passed_ = 0;
  }
  if (passed_ == burst_) {
    ++held_back_;
    return std::nullopt;
  }
  ++passed_;
  return std::exchange(held_back_, 0);
}

LogService::LogService(LogOptions options) : shared_(std::make_unique<Shared>(std::move(options))) {
  {
    const std::lock_guard lock(shared_lock);
    RINGCAST_ASSERT(service == nullptr);
    service = shared_.get();
    current_level.store(shared_->options.level, std::memory_order_relaxed);
    current_json.store(shared_->options.json, std::memory_order_relaxed);
  }
  // A signal is for the threads that wait for it; SIGPIPE is an error of the write here.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &before);
  shared_->thread = std::thread([shared = shared_.get()] { shared->run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

LogService::~LogService() {
  {
    const std::lock_guard lock(shared_lock);
    service = nullptr;
    current_json.store(false, std::memory_order_relaxed);
  }
  {
    const std::lock_guard lock(shared_->rings_lock);
    for (const auto& ring : shared_->rings)
      RINGCAST_ASSERT(ring->ended);  // a LogThread would be left with a ring that is gone
  }
  shared_->stopping.store(true, std::memory_order_release);
  signal_sink();
  shared_->thread.join();
}

void LogService::set_level(LogLevel level) noexcept {
  current_level.store(level, std::memory_order_relaxed);
}

void LogService::reopen() noexcept {
  shared_->reopening.store(true, std::memory_order_release);
  signal_sink();
}

void LogService::flush() {
  const uint32_t wanted = shared_->flush_wanted.fetch_add(1, std::memory_order_acq_rel) + 1;
  signal_sink();
  for (uint32_t done; (done = shared_->flush_done.load(std::memory_order_acquire)) - wanted > UINT32_MAX / 2;) {
    shared_->flush_done.wait(done, std::memory_order_acquire);
  }
}

LogThread::LogThread(uint32_t core) {
  RINGCAST_ASSERT(own_ring == nullptr);
  const std::lock_guard lock(shared_lock);
  RINGCAST_ASSERT(service != nullptr);
  const std::lock_guard rings(service->rings_lock);
  service->rings.push_back(std::make_unique<Ring>(service->options.ring_records, core));
  own_ring = service->rings.back().get();
}

LogThread::~LogThread() {
  {
    const std::lock_guard lock(shared_lock);
    const std::lock_guard rings(service->rings_lock);
    own_ring->ended = true;
    own_ring = nullptr;
  }
  signal_sink();
}

}  // namespace ringcast
