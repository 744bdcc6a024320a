// SPDX-License-Identifier: Apache-2.0
// Between an inlet's thread and a thread that may wait, because a library does: what has come goes one way through a
// bounded queue, what is wanted and what is settled the other way. Each function says whose it is.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "inlets/source.h"
#include "io/unique_fd.h"

namespace ringcast::inlets {

// A message with memory of its own.
struct Parcel {
  uint64_t token = 0;
  uint64_t epoch = 0;  // as the handover's when it was asked for
  int64_t stored_at = 0;
  size_t from = 0;  // which of `from` it came by
  std::string channel, id, body;
  std::vector<std::pair<std::string, std::string>> fields;
};

class Handover {
 public:
  // `size_max`: how many put() leaves here before it waits.
  explicit Handover(size_t size_max);

  // The inlet's thread.
  // Tells the host what has happened, and empties the descriptor.
  void report(Source::Host& host);
  // `grant`: how many may be asked for, beside those that are here. `bytes`: about so many of them.
  void want(bool reads, uint32_t grant, uint64_t bytes);
  bool take(Parcel& out);
  void settle(uint64_t token);
  // What is here, and what is on its way, is dropped.
  void forget();
  bool flushed() const;
  bool reading() const { return reading_; }
  int descriptor() const { return wake_.get(); }
  void close();

  // The waiting thread.
  struct Order {
    bool closed = false, reads = false;
    uint64_t epoch = 0;
    uint32_t grant = 0;
    uint64_t bytes = 0;
    std::vector<uint64_t> settled;
    std::vector<uint64_t> returned;  // not taken, because nothing is to be read any more
  };
  Order order();
  // Until something has changed, at the longest so long.
  void wait(std::chrono::milliseconds most);
  // So many of what was settled are known there.
  void acknowledged(size_t count);
  void connected();
  void disconnected(std::string why);
  void missed(uint64_t count);

  // The waiting thread, or another of the library's. Waits while it is full. False: it is not wanted any more.
  bool put(Parcel parcel);

 private:
  enum class News : uint8_t { connected, disconnected };
  void wake();
  void give_back();
  void add_news(News what, std::string why);

  const size_t size_max_;
  io::UniqueFd wake_;
  bool reading_ = false;        // the inlet's thread only
  std::deque<Parcel> at_hand_;  // the inlet's thread only

  mutable std::mutex mutex_;
  std::condition_variable changed_, room_;
  std::deque<Parcel> queue_;
  std::vector<uint64_t> settled_, returned_;
  size_t unacknowledged_ = 0;
  bool closed_ = false, reads_ = false, changes_ = false;
  uint64_t epoch_ = 0;
  uint32_t grant_ = 0;
  uint64_t bytes_ = 0;
  std::vector<std::pair<News, std::string>> news_;
  uint64_t missed_ = 0;
};

}  // namespace ringcast::inlets
