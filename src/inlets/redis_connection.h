// SPDX-License-Identifier: Apache-2.0
// A connection to Redis or Valkey for a thread that polls: it is made, greeted, lost, and made again after a while.
// Never waits, but for the system's resolver. Its owner's thread only.
#pragma once

#include <poll.h>

#include <algorithm>
#include <initializer_list>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>

#include "base/error.h"
#include "cluster/settings.h"
#include "codec/resp/resp_parser.h"
#include "inlets/source.h"
#include "io/unique_fd.h"

namespace ringcast::inlets {

class RedisConnection {
 public:
  struct Options {
    cluster::BrokerAddress address;
    std::string name;     // as CLIENT LIST shows it
    Time silence_max{0};  // without a byte for so long while something is owed, it is lost
    size_t reply_bytes_max = 64 << 20;
  };
  explicit RedisConnection(Options options) : options_(std::move(options)), random_(std::random_device{}()) {}

  // Connects when its time has come, goes on with that, writes what is to be sent and, with `reads`, reads once. The
  // error says why the connection was lost, or could not be made; the next one follows after a while.
  [[nodiscard]] Result<void> work(Time now, bool reads);
  bool ready() const { return state_ == State::ready; }
  // It was lost because a reply was larger than `reply_bytes_max`.
  bool lost_by_size() const { return lost_by_size_; }
  // While it is ready.
  void send(std::initializer_list<std::string_view> words);
  std::string& begin_command(uint32_t words);  // to which its words are appended
  size_t unsent() const { return out_.size(); }
  // A reply to a command, in order; valid until the next call. Nothing: none is whole, or the connection is broken, as
  // the next work() says.
  std::optional<codec::RespValue> reply();
  // Something is owed: silence is counted from now on, until something comes.
  void expect_reply(Time now) { silent_since_ = std::min(silent_since_, now); }
  void expect_nothing() { silent_since_ = kNever; }
  void close();
  pollfd wait(bool reads) const;  // fd -1: nothing
  Time due() const;

 private:
  enum class State : uint8_t { idle, connecting, greeting, ready };
  [[nodiscard]] Result<void> connect(Time now);
  [[nodiscard]] Result<void> greeted();
  [[nodiscard]] Result<void> receive();
  [[nodiscard]] Result<void> transmit();
  [[nodiscard]] Result<void> go_on(Time now, bool reads);
  std::optional<codec::RespValue> next();
  void greet();

  const Options options_;
  State state_ = State::idle;
  io::UniqueFd fd_;
  std::unique_ptr<codec::RespParser> parser_;
  std::string out_;
  uint32_t greetings_ = 0;  // replies to come
  std::string broken_;
  bool lost_by_size_ = false;
  Time retry_at_{0}, backoff_{0}, deadline_ = kNever, silent_since_ = kNever;
  std::mt19937_64 random_;
};

}  // namespace ringcast::inlets
