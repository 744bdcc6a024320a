// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <fcntl.h>
#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "base/log_record.h"
#include "base/spsc_ring.h"

namespace ringcast {
namespace {

constexpr std::array<std::string_view, 5> kLevelNames{"debug", "info", "warning", "error", "off"};

spdlog::level::level_enum spdlog_level(LogLevel level) {
  constexpr std::array kLevels{spdlog::level::debug, spdlog::level::info, spdlog::level::warn, spdlog::level::err,
                               spdlog::level::off};
  return kLevels[static_cast<size_t>(level)];
}

// Lines gathered until the end of a batch, which leaves in one write.
class LineSink final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 public:
  LineSink(std::string path, std::function<void(std::string_view)> write)
      : path_(std::move(path)), write_(std::move(write)) {
    reopen();
  }
  ~LineSink() override {
    flush_();
    if (!path_.empty()) ::close(fd_);
  }

  void reopen() {
    if (path_.empty()) return;
    flush_();
    const int fd = ::open(path_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
    if (fd < 0) throw std::system_error(errno, std::generic_category(), "log file " + path_);
    if (fd_ != STDERR_FILENO) ::close(fd_);
    fd_ = fd;
  }

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    if (write_) {
      write_({line.data(), line.size()});
    } else {
      lines_.append(line.data(), line.size());
    }
  }

  void flush_() override {
    std::string_view rest = lines_;
    while (!rest.empty()) {
      const ssize_t written = ::write(fd_, rest.data(), rest.size());
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) break;  // a full disk or a closed terminal: the lines are lost, the server goes on
      rest.remove_prefix(static_cast<size_t>(written));
    }
    lines_.clear();
  }

 private:
  std::string path_;
  std::function<void(std::string_view)> write_;
  int fd_ = STDERR_FILENO;
  std::string lines_;
};

// Whoever holds the output lock may use it.
class Output {
 public:
  Output(bool json, std::string path, std::function<void(std::string_view)> write)
      : sink_(std::make_shared<LineSink>(std::move(path), std::move(write))), logger_("ringcast", sink_) {
    // %v is the record: its content is escaped already.
    const char* pattern = json ? R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v})" : "%Y-%m-%dT%H:%M:%S.%eZ %l %v";
    logger_.set_formatter(std::make_unique<spdlog::pattern_formatter>(pattern, spdlog::pattern_time_type::utc, "\n"));
    logger_.set_level(spdlog::level::trace);
  }

  void write(const LogRecord& record) {
    const spdlog::log_clock::time_point time{std::chrono::microseconds(record.time_us)};
    const std::string_view text = record.view();
    logger_.log(time, {}, spdlog_level(record.level), spdlog::string_view_t(text.data(), text.size()));
  }
  void flush() { logger_.flush(); }
  void reopen() { sink_->reopen(); }

 private:
  std::shared_ptr<LineSink> sink_;
  spdlog::logger logger_;
};

struct Ring {
  Ring(uint32_t records, uint32_t core) : records(records), core(core) {}
  SpscRing<LogRecord> records;
  const uint32_t core;
  std::atomic<uint64_t> lost{0};  // written by the logging thread
  uint64_t lost_reported = 0;     // output lock
};

std::atomic<LogLevel> current_level{LogLevel::info};
std::atomic<bool> current_json{false};
std::mutex output_lock;                 // guards `service`'s output and the consuming side of all rings
LogService::Shared* service = nullptr;  // output_lock
thread_local Ring* own_ring = nullptr;
std::atomic<uint32_t> records_signal{0};  // changes with every record in a ring; the sink thread waits on it

Output& stderr_output() {
  static Output output(false, {}, {});
  return output;
}

}  // namespace

struct LogService::Shared {
  explicit Shared(LogOptions from)
      : options(std::move(from)), output(options.json, options.path, std::move(options.write)) {}

  // With the output lock held.
  void drain(Ring& ring) {
    ring.records.drain([this](const LogRecord& record) { output.write(record); });
    const uint64_t lost = ring.lost.load(std::memory_order_relaxed);
    if (lost == ring.lost_reported) return;
    LogRecord record;
    format_log_record(record, LogLevel::warning, ring.core, "log_records_lost",
                      {{"count", lost - std::exchange(ring.lost_reported, lost)}}, options.json);
    output.write(record);
  }

  void run() {
    for (;;) {
      // Read before the rings are looked at: a record that comes later changes it, and the wait below returns at once.
      const uint32_t seen = records_signal.load(std::memory_order_acquire);
      const uint32_t flush = flush_wanted.load(std::memory_order_acquire);
      const bool last = stopping.load(std::memory_order_acquire);
      {
        std::lock_guard lock(output_lock);
        for (const auto& ring : rings) drain(*ring);
        output.flush();
      }
      if (flush_done.exchange(flush, std::memory_order_release) != flush) flush_done.notify_all();
      if (last) return;
      records_signal.wait(seen, std::memory_order_acquire);
    }
  }

  void signal() {
    records_signal.fetch_add(1, std::memory_order_release);
    records_signal.notify_one();
  }

  LogOptions options;
  Output output;                             // output_lock
  std::vector<std::unique_ptr<Ring>> rings;  // output_lock
  std::atomic<uint32_t> flush_wanted{0};
  std::atomic<uint32_t> flush_done{0};
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
  if (Ring* ring = own_ring) {
    format_log_record(record, level, ring->core, event, fields, current_json.load(std::memory_order_relaxed));
    if (!ring->records.try_push(record)) {
      ring->lost.store(ring->lost.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
      return;
    }
    ring->records.publish();
    records_signal.fetch_add(1, std::memory_order_release);
    records_signal.notify_one();  // no system call unless the sink thread waits
    return;
  }
  std::lock_guard lock(output_lock);
  format_log_record(record, level, kNoLogCore, event, fields, current_json.load(std::memory_order_relaxed));
  Output& output = service != nullptr ? service->output : stderr_output();
  output.write(record);
  output.flush();
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
    std::lock_guard lock(output_lock);
    RINGCAST_ASSERT(service == nullptr);
    service = shared_.get();
    current_level.store(shared_->options.level, std::memory_order_relaxed);
    current_json.store(shared_->options.json, std::memory_order_relaxed);
  }
  shared_->thread = std::thread([shared = shared_.get()] { shared->run(); });
}

LogService::~LogService() {
  shared_->stopping.store(true, std::memory_order_release);
  shared_->signal();
  shared_->thread.join();
  std::lock_guard lock(output_lock);
  RINGCAST_ASSERT(shared_->rings.empty());  // a LogThread would be left with a ring that is gone
  service = nullptr;
  current_json.store(false, std::memory_order_relaxed);
}

void LogService::set_level(LogLevel level) noexcept {
  current_level.store(level, std::memory_order_relaxed);
}

void LogService::reopen() {
  std::lock_guard lock(output_lock);
  shared_->output.reopen();
}

void LogService::flush() {
  const uint32_t wanted = shared_->flush_wanted.fetch_add(1, std::memory_order_acq_rel) + 1;
  shared_->signal();
  for (uint32_t done; (done = shared_->flush_done.load(std::memory_order_acquire)) - wanted > UINT32_MAX / 2;) {
    shared_->flush_done.wait(done, std::memory_order_acquire);
  }
}

LogThread::LogThread(uint32_t core) {
  std::lock_guard lock(output_lock);
  RINGCAST_ASSERT(service != nullptr && own_ring == nullptr);
  service->rings.push_back(std::make_unique<Ring>(service->options.ring_records, core));
  own_ring = service->rings.back().get();
}

LogThread::~LogThread() {
  std::lock_guard lock(output_lock);
  service->drain(*own_ring);
  service->output.flush();
  std::erase_if(service->rings, [](const auto& ring) { return ring.get() == own_ring; });
  own_ring = nullptr;
}

}  // namespace ringcast
