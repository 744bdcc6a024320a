// SPDX-License-Identifier: Apache-2.0
// A token bucket in eight bytes: it keeps the moment at which it will be full again (the generic cell rate algorithm),
// so that it fills without anybody doing anything. The rate is given with each call and may change between them.
// Owned by whoever counts; that thread only.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace ringcast::access {

using std::chrono::nanoseconds;
// Units times nanoseconds do not fit into 64 bits.
__extension__ typedef unsigned __int128 Wide;

struct Rate {
  uint64_t amount = 0;  // per period; 0: no limit
  nanoseconds period = std::chrono::seconds(1);
  nanoseconds burst = std::chrono::seconds(10);  // what may come at once, as the time in which it would come

  bool limited() const { return amount != 0; }
  // Time in which `units` come, rounded down, or a burst taken one by one would not fit into the bucket; saturated far
  // beyond any burst.
  nanoseconds cost(uint64_t units) const {
    const Wide time = static_cast<Wide>(units) * static_cast<uint64_t>(period.count()) / amount;
    constexpr Wide kMost = uint64_t{1} << 60;
    return nanoseconds(static_cast<int64_t>(std::min(time, kMost)));
  }
  // At least one unit, or nothing would ever pass.
  nanoseconds depth() const { return std::max(burst, cost(1)); }
  uint64_t burst_units() const {
    const Wide units =
        static_cast<Wide>(static_cast<uint64_t>(depth().count())) * amount / static_cast<uint64_t>(period.count());
    return static_cast<uint64_t>(std::min<Wide>(std::max<Wide>(units, 1), uint64_t{1} << 40));
  }
};

class TokenBucket {
 public:
  // How long `units` have to wait; zero: they may be taken. What is larger than the bucket waits for a full one.
  nanoseconds wait(const Rate& rate, uint64_t units, nanoseconds now) const {
    if (!rate.limited()) return nanoseconds(0);
    const nanoseconds depth = rate.depth();
    const nanoseconds missing = std::max(full_at_ - now, nanoseconds(0)) + std::min(rate.cost(units), depth) - depth;
    return std::max(missing, nanoseconds(0));
  }
  // Takes them whether they are there or not; those that were not are owed.
  void take(const Rate& rate, uint64_t units, nanoseconds now) {
    if (rate.limited()) full_at_ = std::min(std::max(full_at_, now) + rate.cost(units), now + kDebtMax);
  }
  // As many as there are, at most `units`.
  uint64_t take_up_to(const Rate& rate, uint64_t units, nanoseconds now) {
    if (!rate.limited()) return units;
    const nanoseconds there = rate.depth() - std::max(full_at_ - now, nanoseconds(0));
    if (there.count() <= 0) return 0;
    const Wide whole = static_cast<Wide>(static_cast<uint64_t>(there.count())) * rate.amount /
                       static_cast<uint64_t>(rate.period.count());
    uint64_t taken = static_cast<uint64_t>(std::min<Wide>(whole, units));
    if (taken < units && rate.cost(taken + 1) <= there) ++taken;  // what wait() would let pass
    take(rate, taken, now);
    return taken;
  }
  void give_back(const Rate& rate, uint64_t units) {
    if (rate.limited()) full_at_ -= rate.cost(units);
  }
  // Nothing would be different if it were made anew.
  bool full(nanoseconds now) const { return full_at_ <= now; }

 private:
  static constexpr nanoseconds kDebtMax = std::chrono::hours(24);
  nanoseconds full_at_ = std::chrono::hours(-24 * 365);
};

}  // namespace ringcast::access
