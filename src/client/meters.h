// SPDX-License-Identifier: Apache-2.0
// What WebSockets send, held against the rates of the connection, its user, its address and its API key. A connection's
// own buckets lie here. The buckets of the others lie at their owner core (Admission), from which this core takes
// leases: so many messages and bytes, spent here by subtraction, so that a message makes no way to another core unless
// its lease is spent. What a core has leased and not spent is at most a quarter of the burst over all cores.
// One per gate, its thread only.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "access/subject_table.h"
#include "base/keyed_hash.h"
#include "client/clients.h"

namespace ringcast::session {

class Admission;
struct Judgement;

enum class Passage : uint8_t {
  passed,
  refused,
  waiting,  // for a lease: AllowanceListener is called when to ask again
};

class AllowanceListener {
 public:
  virtual ~AllowanceListener() = default;
  // A client whose message waited may ask again.
  virtual void on_allowance(Client& client) = 0;
};

class Meters {
 public:
  // Of those whose limits hold for a connection: its user and its address, or its key.
  static constexpr size_t kSubjectsMax = 2;

  Meters(Clients& clients, Admission& admission, AllowanceListener& listener);

  // The client has become a WebSocket. Sets client.metered where there is a limit on what it sends; without one nothing
  // is kept, also when a reload brings one.
  void open(Client& client, std::span<const access::LimitSubject> subjects);
  // A message: taken from all buckets or from none. Where it is refused, `judgement` says why.
  Passage take(const Client& client, uint64_t bytes, Judgement& judgement);
  // How many messages in a row have been refused.
  uint32_t strikes(const Client& client) const;
  void close(Client& client);

  // From Admission: what the subject's owner core has given. `lease.wait` is zero, or how long what was needed takes.
  void on_lease(const access::LimitSubject& subject, const access::Lease& lease);

 private:
  struct Share {  // of a subject, at this core
    access::LimitSubject subject;
    uint32_t connections = 0;
    int64_t messages = 0;
    int64_t bytes = 0;
    bool asking = false;
    access::nanoseconds dry_until{0};
    access::Charge dry_of = access::Charge::messages;
    std::vector<reactor::ConnectionId> waiting;
  };
  struct Meter {  // of a connection
    access::TokenBucket messages;
    access::TokenBucket bytes;
    std::array<Share*, kSubjectsMax> shares{};
    uint32_t strikes = 0;
    bool waits = false;
  };

  bool covers(const Share& share, uint64_t bytes) const;
  void spend(Share& share, uint64_t bytes);
  void ask(Share& share, uint64_t bytes);

  Clients& clients_;
  Admission& admission_;
  AllowanceListener& listener_;
  std::unordered_map<access::LimitSubject, Share, access::LimitSubjectHash> shares_;
  std::unordered_map<uint32_t, Meter> meters_;  // by slot
};

}  // namespace ringcast::session
