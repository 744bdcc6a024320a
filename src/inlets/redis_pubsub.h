// SPDX-License-Identifier: Apache-2.0
// Redis Pub/Sub as a source: what is published while nobody is connected is lost there, and its messages have no ids.
#pragma once

#include <string>
#include <vector>

#include "inlets/options.h"
#include "inlets/redis_connection.h"
#include "inlets/source.h"

namespace ringcast::inlets {

class RedisPubSub final : public Source {
 public:
  RedisPubSub(const InletOptions& options, RedisConnection::Options connection);

  void work(Host& host, Time now, bool reads) override;
  void settled(uint64_t) override {}
  void forget() override {}
  bool flushed() const override { return true; }
  void append_waits(std::vector<pollfd>& waits) const override;
  Time due() const override;

 private:
  void subscribe(Time now);
  void take(Host& host, codec::RespValue push);

  const std::vector<std::string> from_;
  RedisConnection connection_;
  bool wanted_ = false, subscribed_ = false, announced_ = false, has_room_ = true;
  size_t confirmed_ = 0;
  Time ping_at_ = kNever;
  std::vector<std::string_view> captured_;
};

}  // namespace ringcast::inlets
