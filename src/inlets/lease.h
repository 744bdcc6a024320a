// SPDX-License-Identifier: Apache-2.0
// The right of one node to read what an inlet reads: a key at the broker's Redis that ends by itself. It is renewed
// while all is well; when that fails, or the connection is lost, it is given up before the key ends. The inlet's
// thread.
#pragma once

#include <string>
#include <vector>

#include "inlets/redis_connection.h"
#include "inlets/source.h"

namespace ringcast::inlets {

class Lease {
 public:
  // `holder`: nobody else's.
  Lease(RedisConnection::Options connection, std::string key, std::string holder, Time length);

  // Asks for it and renews it. `wanted` is false: gives it back.
  void work(Time now, bool wanted);
  bool held(Time now) const { return now < until_; }
  // It was given back, or never held.
  bool given_back() const { return until_ == Time(0) && !asked_; }
  void append_waits(std::vector<pollfd>& waits) const { waits.push_back(connection_.wait(true)); }
  Time due(Time now) const;

 private:
  enum class Asked : uint8_t { acquire, give_back };

  RedisConnection connection_;
  const std::string key_, holder_, length_ms_;
  const Time length_;
  Time until_{0};     // for sure
  Time asked_at_{0};  // when the request that is under way was sent
  Time next_at_{0};
  bool asked_ = false, giving_back_ = false;
};

}  // namespace ringcast::inlets
