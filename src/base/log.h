// SPDX-License-Identifier: Apache-2.0
// Logging front: events with named fields, formatted on the spot into small records, written by a sink thread.
// No thread ever waits for what reads the log: records go through rings of a bounded size, one of each LogThread
// (reactors) and one that the other threads share under a lock that is never held while something is written. What does
// not fit is dropped and counted, and `log_records_lost` gives the count when there is room again.
// Text from clients is safe in fields: control characters and broken UTF-8 are escaped, long values cut.
#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace ringcast {

enum class LogLevel : uint8_t { debug, info, warning, error, off };
std::string_view to_string(LogLevel level);
std::optional<LogLevel> log_level_from(std::string_view name);

struct LogField {
  enum class Kind : uint8_t { text, integer, natural, real, boolean };

  LogField(std::string_view key, std::string_view value) : key(key), kind(Kind::text), text(value) {}
  LogField(std::string_view key, const std::string& value) : LogField(key, std::string_view(value)) {}
  LogField(std::string_view key, const char* value) : LogField(key, std::string_view(value)) {}
  LogField(std::string_view key, bool value) : key(key), kind(Kind::boolean), natural(value) {}
  LogField(std::string_view key, std::signed_integral auto value) : key(key), kind(Kind::integer), integer(value) {}
  LogField(std::string_view key, std::unsigned_integral auto value) : key(key), kind(Kind::natural), natural(value) {}
  LogField(std::string_view key, double value) : key(key), kind(Kind::real), real(value) {}

  std::string_view key;  // a literal of ours
  Kind kind;
  std::string_view text;
  union {
    int64_t integer;
    uint64_t natural;
    double real;
  };
};

bool log_enabled(LogLevel level) noexcept;

// `event`: a literal of ours, snake_case: what happened, not a sentence.
void log_event(LogLevel level, std::string_view event, std::initializer_list<LogField> fields = {}) noexcept;
inline void log_debug(std::string_view event, std::initializer_list<LogField> fields = {}) noexcept {
  log_event(LogLevel::debug, event, fields);
}
inline void log_info(std::string_view event, std::initializer_list<LogField> fields = {}) noexcept {
  log_event(LogLevel::info, event, fields);
}
inline void log_warning(std::string_view event, std::initializer_list<LogField> fields = {}) noexcept {
  log_event(LogLevel::warning, event, fields);
}
inline void log_error(std::string_view event, std::initializer_list<LogField> fields = {}) noexcept {
  log_event(LogLevel::error, event, fields);
}

// For events that clients can cause as often as they like: lets `burst` through per interval, counts the others. One
// thread, one per kind of event.
class LogSampler {
 public:
  explicit LogSampler(uint32_t burst = 10, int64_t interval_ns = 1'000'000'000)
      : burst_(burst), interval_ns_(interval_ns) {}
  // Whether to log now, and then how many were held back since the last one that was logged.
  std::optional<uint64_t> pass(int64_t now_ns) noexcept;

 private:
  uint32_t burst_;
  int64_t interval_ns_;
  int64_t interval_start_ns_ = INT64_MIN;
  uint32_t passed_ = 0;
  uint64_t held_back_ = 0;
};

struct LogOptions {
  LogLevel level = LogLevel::info;
  bool json = false;           // one JSON object a line
  std::string path;            // of a file that is appended to; empty: standard error
  uint32_t ring_records = 64;  // per LogThread, of 512 bytes; a power of two; a quarter is for warnings and errors
  std::function<void(std::string_view)> write;  // in place of the file, for tests: gets each line, on the sink thread
};

// The sink thread, for as long as this lives. One at a time per process; made by the main thread, which outlives those
// that log. The destructor writes what is still in the rings, as far as it finds room within half a second.
class LogService {
 public:
  // Throws std::runtime_error when the file cannot be opened.
  explicit LogService(LogOptions options);
  LogService(const LogService&) = delete;
  LogService& operator=(const LogService&) = delete;
  ~LogService();

  void set_level(LogLevel level) noexcept;
  void reopen() noexcept;  // after the file was moved away: what is logged from now on goes to a new one
  void flush();            // returns when everything logged before is written, or finds no room

  struct Shared;

 private:
  std::unique_ptr<Shared> shared_;
};

// Gives the calling thread a ring of its own, for as long as this lives. Within the life of the LogService.
class LogThread {
 public:
  explicit LogThread(uint32_t core);
  LogThread(const LogThread&) = delete;
  LogThread& operator=(const LogThread&) = delete;
  ~LogThread();
};

// Appends `text` so that it can neither end a line, nor a quoted string, nor steer a terminal. In JSON form the result
// is the inside of a JSON string.
void append_log_escaped(std::string& out, std::string_view text, bool json);

}  // namespace ringcast
