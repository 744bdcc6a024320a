// SPDX-License-Identifier: Apache-2.0
// What a core knows about the users, addresses and API keys that hash to it: how many connections each has over all
// cores, exactly, and its token buckets. Other cores ask by mail; this table knows nothing of mail. One per core, its
// thread only.
#pragma once

#include <array>
#include <cstdint>
#include <list>
#include <unordered_map>

#include "access/rate_limits.h"
#include "base/keyed_hash.h"

namespace ringcast::access {

// An address as it is, a user or a key as a keyed hash.
struct LimitSubject {
  Scope scope = Scope::address;
  std::array<uint8_t, 16> bytes{};
  friend bool operator==(const LimitSubject&, const LimitSubject&) = default;
};

struct LimitSubjectHash {
  KeyedHash hash;
  size_t operator()(const LimitSubject& subject) const {
    return hash({reinterpret_cast<const char*>(subject.bytes.data()), subject.bytes.size()}) ^
           static_cast<size_t>(subject.scope);
  }
};

struct Question {
  LimitSubject subject;
  bool counted = false;  // a connection: stays until release()
  uint32_t connects = 0;
  uint32_t messages = 0;
  uint64_t bytes = 0;
};

struct Verdict {
  bool allowed = true;
  Charge why = Charge::connections;
  nanoseconds wait{0};  // until asking again has a chance; zero where nobody can know
};

struct Lease {
  uint32_t messages = 0;
  uint64_t bytes = 0;
  nanoseconds wait{0};            // zero, or how long until what is missing has come
  Charge why = Charge::messages;  // of which it is missing the longest
};

class SubjectTable {
 public:
  explicit SubjectTable(const HashKey& key) : entries_(16, LimitSubjectHash{KeyedHash(key)}) {}

  // Takes everything that is asked for, or nothing.
  Verdict ask(const RateLimits& limits, const Question& question, nanoseconds now);
  void release(const LimitSubject& subject);
  // As much as is there, for a core that spends it by itself. `needed`: what it lacks before it may send again.
  Lease lease(const RateLimits& limits, const LimitSubject& subject, const Lease& wanted, const Lease& needed,
              nanoseconds now);
  // What a core did not spend (positive) or spent beyond what it had (negative).
  void settle(const RateLimits& limits, const LimitSubject& subject, int64_t messages, int64_t bytes, nanoseconds now);
  // Forgets whose buckets are full and who has no connection.
  void sweep(nanoseconds now);
  size_t size() const { return entries_.size(); }
  uint32_t connections(const LimitSubject& subject) const;

 private:
  struct Entry {
    uint32_t connections = 0;
    TokenBucket buckets[3];                   // by Charge
    std::list<LimitSubject>::iterator place;  // among the idle, while there are no connections
  };

  Entry& at(const RateLimits& limits, const LimitSubject& subject);
  void touch(Entry& entry);

  std::unordered_map<LimitSubject, Entry, LimitSubjectHash> entries_;
  std::list<LimitSubject> idle_;  // without connections, longest untouched first
};

}  // namespace ringcast::access
