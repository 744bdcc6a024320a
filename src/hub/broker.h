// SPDX-License-Identifier: Apache-2.0
// Who gives the messages of a channel their order.
//
// A publish has two halves: *order* gives the message its id and its time, *apply* appends it to the channel's history
// and sends it to the members. Without a broker the channel's owner does both in one step. A broker is for channels
// that several servers share: the owner hands it the first half, and goes on with the second when the broker says so.
//
//   owner ── order(Unordered) ──► broker … (any time later) … broker ── Hub::apply(Ordered) ──► history, members
//                                                              broker ── Hub::settle(Publisher, Published) ──►
//                                                              publisher
//
// Threading: a broker is called by the owners of the cores whose HubOptions name it, on their reactors' threads. What
// it calls of a Hub it calls on the thread of the core that owns the channel, not from within order().
#pragma once

#include <cstdint>
#include <string_view>

#include "hub/encoder.h"
#include "hub/types.h"

namespace ringcast::hub {

// Who is to hear what became of a publish.
struct Publisher {
  uint16_t core = 0;
  ConnectionId connection;
  uint64_t correlation = 0;
  bool acknowledge = false;  // false: nobody is
};

// A message that has no place yet. Views are valid during the call only.
struct Unordered {
  MessageView message;               // `id` is 0; `timestamp_us` is the owner's clock
  uint64_t position = 0;             // the newest id that the owner has of the channel
  std::string_view idempotency_key;  // empty: none; scoped to the channel and `message.user`
  Address exclude;                   // this connection does not get it live
  bool final = false;                // takes the members out afterwards
  Publisher publisher;
};

// A message with its place: `message.id` follows the channel's newest one, `message.timestamp_us` is what all see.
struct Ordered {
  MessageView message;
  Address exclude;
  bool final = false;
};
enum class Applied : uint8_t {
  applied,
  known,         // its id is not above the channel's position: nothing was done
  hole,          // ids are missing before it: nothing was done
  channels_full  // HubOptions::channels_max: nothing was done
};

class Broker {
 public:
  virtual ~Broker() = default;
  // Whether it orders the messages of this channel; asked when the owner makes the channel, and true as long as that
  // exists.
  virtual bool orders(std::string_view key) const = 0;
  // Takes a publish over. Every one with Publisher::acknowledge is settled once, whatever becomes of it. Events without
  // an id are not ordered and do not come here.
  virtual void order(const Unordered& publish) = 0;
};

}  // namespace ringcast::hub
