// SPDX-License-Identifier: Apache-2.0
// LineOutput: text to a descriptor whose reader may be slow, gone, or never read at all: standard output, standard
// error, a log file. A write takes what there is room for and never waits for the reader.
// Any thread, one at a time. No allocation; usable while the process fails.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <string_view>

#include "base/error.h"

namespace ringcast {

class LineOutput {
 public:
  // A descriptor of the process, which stays open. O_NONBLOCK belongs to the open file, which other processes share:
  // a pipe or terminal is opened once more with it.
  explicit LineOutput(int fd) noexcept;
  // Appends to a file, which is made when it is missing.
  [[nodiscard]] static Result<LineOutput> open(const std::string& path);
  LineOutput(LineOutput&& other) noexcept;
  LineOutput& operator=(LineOutput&& other) noexcept;
  ~LineOutput();

  // Bytes taken, -EAGAIN when there is no room now, or -errno.
  ssize_t write_some(std::string_view text) noexcept;
  // Returns early when there is room, or an error to be seen by the next write.
  void wait_for_room(std::chrono::milliseconds timeout) noexcept;
  // All of it, or as much as finds room within `patience` altogether; false: not all.
  bool write_within(std::string_view text, std::chrono::milliseconds patience) noexcept;

 private:
  LineOutput() = default;

  int fd_ = -1;
  bool owned_ = false;
  bool is_socket_ = false;
  bool waits_ = false;  // a write may wait when there is no room
};

}  // namespace ringcast
