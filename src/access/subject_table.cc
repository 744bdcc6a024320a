// SPDX-License-Identifier: Apache-2.0
#include "access/subject_table.h"

#include "base/assert.h"

namespace ringcast::access {

namespace {

constexpr Charge kRated[] = {Charge::connects, Charge::messages, Charge::bytes};
// Looked at by one sweep, so that no tick is held up by many.
constexpr int kSweptMax = 1000;

TokenBucket& bucket(TokenBucket (&buckets)[3], Charge charge) {
  return buckets[static_cast<size_t>(charge)];
}

uint64_t asked(const Question& question, Charge charge) {
  switch (charge) {
    case Charge::connects: return question.connects;
    case Charge::messages: return question.messages;
    default: return question.bytes;
  }
}

}  // namespace

SubjectTable::Entry& SubjectTable::at(const RateLimits& limits, const LimitSubject& subject) {
  const auto found = entries_.find(subject);
  if (found != entries_.end()) return found->second;
  // Who was idle the longest loses at most what its buckets still lacked.
  if (entries_.size() >= limits.subjects_max && !idle_.empty()) {
    entries_.erase(idle_.front());
    idle_.pop_front();
  }
  Entry& entry = entries_[subject];
  entry.place = idle_.insert(idle_.end(), subject);
  return entry;
}

void SubjectTable::touch(Entry& entry) {
  if (entry.connections == 0) idle_.splice(idle_.end(), idle_, entry.place);
}

Verdict SubjectTable::ask(const RateLimits& limits, const Question& question, nanoseconds now) {
  Entry& entry = at(limits, question.subject);
  touch(entry);
  const Scope scope = question.subject.scope;
  const uint32_t most = limits.connections(scope);
  if (question.counted && most != 0 && entry.connections >= most) return {false, Charge::connections, nanoseconds(0)};
  for (const Charge charge : kRated) {
    const uint64_t units = asked(question, charge);
    if (units == 0) continue;
    const nanoseconds wait = bucket(entry.buckets, charge).wait(limits.rate(scope, charge), units, now);
    if (wait.count() != 0) return {false, charge, wait};
  }
  for (const Charge charge : kRated) {
    const uint64_t units = asked(question, charge);
    if (units != 0) bucket(entry.buckets, charge).take(limits.rate(scope, charge), units, now);
  }
  if (question.counted && entry.connections++ == 0) idle_.erase(entry.place);
  return {};
}

void SubjectTable::release(const LimitSubject& subject) {
  const auto found = entries_.find(subject);
  RINGCAST_ASSERT(found != entries_.end() && found->second.connections > 0);
  if (--found->second.connections == 0) found->second.place = idle_.insert(idle_.end(), subject);
}

Lease SubjectTable::lease(const RateLimits& limits, const LimitSubject& subject, const Lease& wanted,
                          const Lease& needed, nanoseconds now) {
  Entry& entry = at(limits, subject);
  touch(entry);
  const Rate& messages = limits.rate(subject.scope, Charge::messages);
  const Rate& bytes = limits.rate(subject.scope, Charge::bytes);
  Lease lease;
  TokenBucket& of_messages = bucket(entry.buckets, Charge::messages);
  TokenBucket& of_bytes = bucket(entry.buckets, Charge::bytes);
  lease.messages = static_cast<uint32_t>(of_messages.take_up_to(messages, wanted.messages, now));
  lease.bytes = of_bytes.take_up_to(bytes, wanted.bytes, now);
  // What is missing is waited for, if only for a moment: rounding must not have the asker ask again at once.
  const auto miss = [&lease](Charge charge, nanoseconds wait) {
    wait = std::max(wait, nanoseconds(1));
    if (wait <= lease.wait) return;
    lease.wait = wait;
    lease.why = charge;
  };
  if (lease.messages < needed.messages) {
    miss(Charge::messages, of_messages.wait(messages, needed.messages - lease.messages, now));
  }
  if (lease.bytes < needed.bytes) miss(Charge::bytes, of_bytes.wait(bytes, needed.bytes - lease.bytes, now));
  return lease;
}

void SubjectTable::settle(const RateLimits& limits, const LimitSubject& subject, int64_t messages, int64_t bytes,
                          nanoseconds now) {
  Entry& entry = at(limits, subject);
  touch(entry);
  const auto book = [&](Charge charge, int64_t units) {
    const Rate& rate = limits.rate(subject.scope, charge);
    TokenBucket& tokens = bucket(entry.buckets, charge);
    if (units > 0) tokens.give_back(rate, static_cast<uint64_t>(units));
    if (units < 0) tokens.take(rate, static_cast<uint64_t>(-units), now);
  };
  book(Charge::messages, messages);
  book(Charge::bytes, bytes);
}

void SubjectTable::sweep(nanoseconds now) {
  for (int looked = 0; looked < kSweptMax && !idle_.empty(); ++looked) {
    const auto found = entries_.find(idle_.front());
    for (const TokenBucket& tokens : found->second.buckets) {
      // Those behind it were touched later; most of them are not full either.
      if (!tokens.full(now)) return;
    }
    entries_.erase(found);
    idle_.pop_front();
  }
}

uint32_t SubjectTable::connections(const LimitSubject& subject) const {
  const auto found = entries_.find(subject);
  return found == entries_.end() ? 0 : found->second.connections;
}

}  // namespace ringcast::access
