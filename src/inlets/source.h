// SPDX-License-Identifier: Apache-2.0
// Where an inlet's messages come from: another system, to which a source keeps its connection. One per inlet, its
// thread only. Never waits: what it does, it does in work(), which is called when one of its descriptors is ready, when
// its time has come, and when there is room again.
//
//   work() ── Host::take(Received) ──► the inlet … (the message has its id) … settled(token) ──► acknowledged there
#pragma once

#include <poll.h>

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ringcast::inlets {

// By the monotonic clock.
using Time = std::chrono::nanoseconds;
inline constexpr Time kNever = Time::max();

struct Field {
  std::string_view name, value;
};

// What has come. Views are valid during take().
struct Received {
  uint64_t token = 0;             // the source's own: given back by settled()
  std::string_view channel = {};  // where it was published: channel, stream
  std::string_view id = {};       // the same each time that this message comes, and no other's; empty: it has none
  int64_t stored_at = 0;          // when it was stored there, where ids may begin anew: tells two of the same id apart
  std::string_view key = {};      // beside the body, where the other system has such a thing
  std::string_view body = {};
  std::span<const Field> fields = {};               // headers; of a stream's entry all that is in it
  std::span<const std::string_view> captured = {};  // what the wildcards of the pattern stood for
  bool too_large = false;                           // so much so that there is no body here
};

class Source {
 public:
  class Host {
   public:
    virtual ~Host() = default;
    // How many more messages, and bytes of them, are taken now. Nothing is lost by leaving more where it is.
    virtual uint32_t room() const = 0;
    virtual uint64_t room_bytes() const = 0;
    // At most as many as room() said when they were asked for; settled() follows, not from within.
    virtual void take(const Received& received) = 0;
    // The other side answers; it does not: why.
    virtual void connected() = 0;
    virtual void disconnected(std::string_view why) = 0;
    // So many have been lost before they came here: why.
    virtual void missed(uint64_t count, std::string_view why) = 0;
  };

  virtual ~Source() = default;
  // Connects, reads what there is room for, sends acknowledgements. `reads` is false: nothing more is to be taken, and
  // another may read in our place; what has been taken is still settled.
  virtual void work(Host& host, Time now, bool reads) = 0;
  // The message has got its id, or will never have one: it may be forgotten there.
  virtual void settled(uint64_t token) = 0;
  // Another node has taken over and gets what is not settled, so that it will not be settled here.
  virtual void forget() = 0;
  // Nothing that was settled waits to be acknowledged.
  virtual bool flushed() const = 0;
  // What to wait for before the next work(), and until when at the longest.
  virtual void append_waits(std::vector<pollfd>& waits) const = 0;
  virtual Time due() const = 0;
};

}  // namespace ringcast::inlets
