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
// What others publish concerns this server only while somebody is interested in the channel. An owner opens it for the
// first one, who waits; the broker answers with the channel's position and history, and brings what follows until the
// owner closes it:
//
//   owner ── open(key) ──► broker … broker ── Hub::reset(key, position), Hub::apply(history)*, Hub::opened(key) ──►
//   those
//                                             who waited
//
// The broker also carries who is in a channel. Each server reports its own members, and receives the sums of the
// others; both are absolute, so that a repetition does no harm:
//
//   owner ── attends(key, Attendee), counts(key, Counts) ──► broker … broker ── Hub::attend(), Hub::count() ──► owner
//
// Threading: a broker is called by the owners of the cores whose HubOptions name it, on their reactors' threads. What
// it calls of a Hub it calls on the thread of the core that owns the channel, not from within order().
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

#include "hub/encoder.h"
#include "hub/types.h"

namespace ringcast::reactor {
struct Mail;
}

namespace ringcast::hub {

class Hub;

// Who is to hear what became of a publish.
struct Publisher {
  uint16_t core = 0;
  ConnectionId connection;
  uint64_t correlation = 0;
  bool acknowledge = false;  // false: nobody is
  uint32_t receivers = 0;    // members here, when it was published
};

// A message that has no place yet. Views are valid during the call only.
struct Unordered {
  MessageView message;               // `id` is 0; `timestamp_us` is the owner's clock
  uint64_t position = 0;             // the newest id that the owner has of the channel
  std::string_view idempotency_key;  // empty: none; scoped to the channel and `message.user`
  Address exclude;                   // this connection does not get it live
  std::string_view exclude_name;     // nor one of another server that goes by this name; empty: none
  bool final = false;                // takes the members out afterwards
  Publisher publisher;
};

// A message with its place: `message.id` follows the channel's newest one, `message.timestamp_us` is what all see.
struct Ordered {
  MessageView message;
  Address exclude;
  bool final = false;
  bool history_only = false;  // members have had it, or are sent a gap
};
enum class Applied : uint8_t {
  applied,
  known,  // its id is not above the channel's position: nothing was done
  hole,   // ids are missing before it: nothing was done
  closed  // the channel is not open: nothing was done
};

// Kinds of mail from here to 0xdf are the broker's own.
inline constexpr uint8_t kBrokerMail = 0xc0;
inline constexpr uint8_t kBrokerMailLast = 0xdf;

// Single writer, the broker; any thread may read.
struct BrokerStats {
  std::atomic<bool> up{false};
  std::atomic<bool> ever_up{false};       // it was, for long enough to learn what has been revoked
  std::atomic<uint64_t> losses{0};        // of the connection
  std::atomic<uint64_t> ordered{0};       // publishes with an id
  std::atomic<uint64_t> refused{0};       // publishes that were not sent
  std::atomic<uint64_t> unknown{0};       // publishes that were sent, and whose outcome is not known
  std::atomic<uint64_t> queued_bytes{0};  // of publishes without an outcome
  std::atomic<uint64_t> channels{0};      // open here
  std::atomic<uint64_t> syncs{0};         // of a channel's position
  std::atomic<uint64_t> holes{0};         // messages that did not follow the one before
  std::atomic<uint64_t> parked{0};        // messages that waited for what was missing before them
  std::atomic<uint64_t> gaps{0};          // holes that the history did not fill
  std::atomic<uint64_t> unreadable{0};    // messages that are not in a known form
  std::atomic<uint64_t> nodes{0};         // with a lease
  std::atomic<uint64_t> leases_lost{0};   // of this node, which has entered its users again
  std::atomic<uint64_t> snapshots{0};     // of who is in a channel
  std::atomic<uint64_t> revocations{0};   // that are known
  std::atomic<uint64_t> probe_us{0};      // the way of the last probe
  std::atomic<int64_t> probed_ns{0};      // when that was, by the monotonic clock
};

// Mail for the publisher's core with the outcome of the publish, for a broker that is a member of the mesh
// itself.
reactor::Mail published_mail(const Publisher& publisher, const Published& published);

class Broker {
 public:
  virtual ~Broker() = default;
  // Whether it orders the messages of this channel; asked when the owner makes the channel, and true as long as that
  // exists.
  virtual bool orders(std::string_view key) const = 0;
  // Takes a publish over. Every one with Publisher::acknowledge is settled once, whatever becomes of it.
  virtual void order(const Unordered& publish) = 0;
  // An event without an id, which members here have got: for those elsewhere.
  virtual void announce(const MessageView& event, const Address& exclude) = 0;
  // Answered by Hub::reset() and Hub::opened(), or by the latter alone when the history is unavailable.
  virtual void open(std::string_view key) = 0;
  virtual void close(std::string_view key) = 0;
  // Whether orders would get through now.
  virtual bool reachable() const = 0;
  // purge, close_room, remove_member or disconnect_user, which this server has carried out: for the others. Where the
  // history is purged, what is kept here goes with Hub::reset().
  virtual void command(QueryKind kind, std::string_view key, std::string_view user) = 0;
  // Of an open channel, inboxes and rooms that show presence: who is shown in a room, and how many are in it;
  // called at each change. `cleared`: no user is shown any more.
  virtual void attends(std::string_view key, const Attendee& attendee) = 0;
  virtual void counts(std::string_view key, const Counts& counts) = 0;
  virtual void cleared(std::string_view key) = 0;
  // The status that the user of this inbox has set. Comes back as Hub::state(), in the same order on all servers.
  virtual void state(std::string_view inbox, Status status) = 0;
  // rooms, users, connections of the other servers; or disconnect, send_to_connection with Query::connection. Answered
  // once, by a mail as question_mail.h has it for this `gather`, after a while of which the broker says how long. Or
  // revoke: this server has done so, the others are to do it; `unavailable`: they do when the broker is back.
  virtual void ask(const Query& query, uint64_t gather) = 0;
  // Of a kind of its own.
  virtual void on_mail(Hub& hub, const reactor::Mail& mail) = 0;
};

}  // namespace ringcast::hub
