// SPDX-License-Identifier: Apache-2.0
#include "inlets/lease.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace ringcast::inlets {

namespace {

// Takes it when it is free, and makes it longer when it is ours. A server that has just started may have lost it while
// its holder does not know yet.
constexpr std::string_view kAcquire =
    "local holder = redis.call('GET', KEYS[1])\n"
    "if holder and holder ~= ARGV[1] then return 0 end\n"
    "if not holder then\n"
    "  local up = tonumber(string.match(redis.call('INFO', 'server'), 'uptime_in_seconds:(%d+)'))\n"
    "  if up * 1000 < tonumber(ARGV[2]) then return 0 end\n"
    "end\n"
    "redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])\n"
    "return 1";
constexpr std::string_view kGiveBack =
    "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end\n"
    "return 1";
constexpr Time kAskPause = std::chrono::milliseconds(500);

}  // namespace

Lease::Lease(RedisConnection::Options connection, std::string key, std::string holder, Time length)
    : connection_(std::move(connection)),
      key_(std::move(key)),
      holder_(std::move(holder)),
      length_ms_(std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(length).count())),
      length_(length) {}

void Lease::work(Time now, bool wanted) {
  if (!connection_.work(now, true)) {
    // What comes back may know nothing of the lease. It connects again by itself, and the key ends by itself.
    asked_ = giving_back_ = false;
    until_ = Time(0);
  }
  if (!connection_.ready()) return;
  while (const auto reply = connection_.reply()) {
    asked_ = false;
    const bool got = reply->integer() == 1 && !giving_back_;
    // Counted from the question: the key ends later. A fifth is left for clocks and for who is under way.
    if (got) {
      until_ = asked_at_ + length_ * 4 / 5;
    } else if (!reply->is(codec::RespType::error) || giving_back_) {
      until_ = Time(0);  // it is another's
    }
    giving_back_ = false;
    next_at_ = got ? asked_at_ + length_ / 3 : std::min(asked_at_ + kAskPause, asked_at_ + length_ / 3);
  }
  if (asked_) return;
  if (wanted && now >= next_at_) {
    connection_.send({"EVAL", kAcquire, "1", key_, holder_, length_ms_});
  } else if (!wanted && until_ != Time(0)) {
    connection_.send({"EVAL", kGiveBack, "1", key_, holder_});
    giving_back_ = true;
  } else {
    return;
  }
  asked_ = true;
  asked_at_ = now;
  connection_.expect_reply(now);
  // An error shows at the next call.
  static_cast<void>(connection_.work(now, false));
}

Time Lease::due(Time now) const {
  Time due = connection_.due();
  if (connection_.ready() && !asked_) due = std::min(due, next_at_);
  if (held(now)) due = std::min(due, until_);
  return due;
}

}  // namespace ringcast::inlets
