// SPDX-License-Identifier: Apache-2.0
#include "inlets/redis_pubsub.h"

#include <algorithm>
#include <utility>

#include "inlets/pattern.h"

namespace ringcast::inlets {

namespace {
constexpr Time kPingPause = std::chrono::seconds(5);
}

RedisPubSub::RedisPubSub(const InletOptions& options, RedisConnection::Options connection)
    : from_(options.from), connection_(std::move(connection)) {}

void RedisPubSub::subscribe(Time now) {
  for (const std::string& name : from_) connection_.send({is_redis_pattern(name) ? "PSUBSCRIBE" : "SUBSCRIBE", name});
  subscribed_ = true;
  confirmed_ = 0;
  ping_at_ = now + kPingPause;
  connection_.expect_reply(now);
}

void RedisPubSub::work(Host& host, Time now, bool reads) {
  wanted_ = reads;
  if (!reads) {
    connection_.close();
    subscribed_ = announced_ = false;
    ping_at_ = kNever;
    return;
  }
  has_room_ = host.room() != 0;
  if (!has_room_) connection_.expect_nothing();  // what is not read is no silence
  for (bool more = true; more;) {
    more = false;
    if (auto done = connection_.work(now, has_room_); !done) {
      subscribed_ = announced_ = false;
      ping_at_ = kNever;
      return host.disconnected(done.error().message);
    }
    if (!connection_.ready()) return;
    if (!subscribed_) subscribe(now), more = true;
    while ((has_room_ = host.room() != 0)) {
      const auto push = connection_.reply();
      if (!push) break;
      take(host, *push);
      more = true;
    }
  }
  if (now >= ping_at_) {
    connection_.send({"PING"});
    if (has_room_) connection_.expect_reply(now);
    ping_at_ = now + kPingPause;
  }
}

void RedisPubSub::take(Host& host, codec::RespValue push) {
  if (push.size() == 3 && push[0].text().ends_with("subscribe")) {
    if (++confirmed_ == from_.size() && !std::exchange(announced_, true)) host.connected();
    return;
  }
  Received received;
  captured_.clear();
  if (push.size() == 3 && push[0].text() == "message") {
    received.channel = push[1].text();
    received.body = push[2].text();
  } else if (push.size() == 4 && push[0].text() == "pmessage") {
    received.channel = push[2].text();
    received.body = push[3].text();
    capture_redis(push[1].text(), received.channel, captured_);
    received.captured = captured_;
  } else {
    if (push.is(codec::RespType::error)) host.disconnected(push.text());  // no right to subscribe, say
    return;
  }
  host.take(received);
}

void RedisPubSub::append_waits(std::vector<pollfd>& waits) const {
  if (wanted_) waits.push_back(connection_.wait(has_room_));
}

Time RedisPubSub::due() const {
  return wanted_ ? std::min(connection_.due(), ping_at_) : kNever;
}

}  // namespace ringcast::inlets
