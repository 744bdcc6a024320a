// SPDX-License-Identifier: Apache-2.0
// One log line as it travels to the sink: text of bounded size, formatted by the thread that logs.
// Private to the logging front and its tests.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string_view>

#include "base/log.h"

namespace ringcast {

struct LogRecord {
  int64_t time_us;  // since 1970
  uint16_t length;
  LogLevel level;
  char text[501];  // not terminated; in JSON form the members of an object without its braces
  std::string_view view() const { return {text, length}; }
};
static_assert(sizeof(LogRecord) == 512);

inline constexpr uint32_t kNoLogCore = UINT32_MAX;

void format_log_record(LogRecord& record, LogLevel level, uint32_t core, std::string_view event,
                       std::initializer_list<LogField> fields, bool json) noexcept;

}  // namespace ringcast
