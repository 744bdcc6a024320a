// SPDX-License-Identifier: Apache-2.0
#include "client/meters.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "client/admission.h"

namespace ringcast::session {

using access::Charge;
using access::Lease;
using access::LimitSubject;
using access::nanoseconds;
using access::Rate;
using access::RateLimits;
using access::Scope;

namespace {

// The part of a burst that all cores together may hold in leases.
constexpr uint64_t kLeasedPart = 4;

// What a message takes of its bytes' bucket before it may pass; one larger than the bucket passes when that is full.
uint64_t needed_of(const Rate& rate, uint64_t bytes) {
  return std::min(bytes, rate.burst_units());
}

}  // namespace

Meters::Meters(Clients& clients, Admission& admission, AllowanceListener& listener)
    : clients_(clients),
      admission_(admission),
      listener_(listener),
      shares_(16, access::LimitSubjectHash{KeyedHash(clients.shared().name_key)}) {}

void Meters::open(Client& client, std::span<const LimitSubject> subjects) {
  const RateLimits& limits = clients_.options().limits;
  RINGCAST_ASSERT(!client.metered && subjects.size() <= kSubjectsMax);
  if (!limits.limits_sending()) return;
  client.metered = true;
  Meter& meter = meters_[client.id.slot];
  meter = Meter();
  size_t count = 0;
  for (const LimitSubject& subject : subjects) {
    Share& share = shares_[subject];
    share.subject = subject;
    ++share.connections;
    meter.shares[count++] = &share;
  }
}

bool Meters::covers(const Share& share, uint64_t bytes) const {
  const RateLimits& limits = clients_.options().limits;
  const Rate& messages = limits.rate(share.subject.scope, Charge::messages);
  const Rate& in_bytes = limits.rate(share.subject.scope, Charge::bytes);
  if (messages.limited() && share.messages < 1) return false;
  return !in_bytes.limited() || share.bytes >= static_cast<int64_t>(needed_of(in_bytes, bytes));
}

Passage Meters::take(const Client& client, uint64_t bytes, Judgement& judgement) {
  Meter& meter = meters_.at(client.id.slot);
  const RateLimits& limits = clients_.options().limits;
  const nanoseconds now = clients_.reactor().now();
  const auto refuse = [&](Scope scope, Charge why, nanoseconds wait) {
    judgement = {.allowed = false, .scope = scope, .why = why, .wait = wait};
    ++meter.strikes;
    return Passage::refused;
  };

  const Rate& own_messages = limits.rate(Scope::connection, Charge::messages);
  const Rate& own_bytes = limits.rate(Scope::connection, Charge::bytes);
  if (const nanoseconds wait = meter.messages.wait(own_messages, 1, now); wait.count() != 0) {
    return refuse(Scope::connection, Charge::messages, wait);
  }
  if (const nanoseconds wait = meter.bytes.wait(own_bytes, bytes, now); wait.count() != 0) {
    return refuse(Scope::connection, Charge::bytes, wait);
  }
  for (Share* share : meter.shares) {
    if (share == nullptr || covers(*share, bytes)) continue;
    // Until then the owner core would only say so again.
    if (now < share->dry_until) return refuse(share->subject.scope, share->dry_of, share->dry_until - now);
    ask(*share, bytes);
    share->waiting.push_back(client.id);
    meter.waits = true;
    return Passage::waiting;
  }

  meter.messages.take(own_messages, 1, now);
  meter.bytes.take(own_bytes, bytes, now);
  for (Share* share : meter.shares) {
    if (share != nullptr) spend(*share, bytes);
  }
  meter.strikes = 0;
  return Passage::passed;
}

void Meters::spend(Share& share, uint64_t bytes) {
  const RateLimits& limits = clients_.options().limits;
  if (limits.rate(share.subject.scope, Charge::messages).limited()) --share.messages;
  if (!limits.rate(share.subject.scope, Charge::bytes).limited()) return;
  share.bytes -= static_cast<int64_t>(bytes);
  if (share.bytes >= 0) return;
  // A message larger than the bucket: the rest is owed there.
  admission_.settle(share.subject, 0, share.bytes);
  share.bytes = 0;
}

void Meters::ask(Share& share, uint64_t bytes) {
  if (share.asking) return;
  share.asking = true;
  const RateLimits& limits = clients_.options().limits;
  const Rate& messages = limits.rate(share.subject.scope, Charge::messages);
  const Rate& in_bytes = limits.rate(share.subject.scope, Charge::bytes);
  const auto part = [this](const Rate& rate, uint64_t needed) {
    const uint64_t most = std::max(needed, rate.burst_units() / (kLeasedPart * uint64_t{clients_.cores()}));
    return std::min<uint64_t>(most, UINT32_MAX);
  };
  Lease needed, wanted;
  if (messages.limited() && share.messages < 1) {
    needed.messages = 1;
    wanted.messages = static_cast<uint32_t>(part(messages, 1));
  }
  const uint64_t bytes_needed = in_bytes.limited() ? needed_of(in_bytes, bytes) : 0;
  if (share.bytes < static_cast<int64_t>(bytes_needed)) {
    needed.bytes = bytes_needed - static_cast<uint64_t>(share.bytes);
    wanted.bytes = part(in_bytes, needed.bytes);
  }
  admission_.lease(share.subject, wanted, needed);
}

void Meters::on_lease(const LimitSubject& subject, const Lease& lease) {
  const auto it = shares_.find(subject);
  if (it == shares_.end()) {
    // Its last connection here has gone meanwhile.
    admission_.settle(subject, lease.messages, static_cast<int64_t>(lease.bytes));
    return;
  }
  Share& share = it->second;
  share.asking = false;
  share.messages += lease.messages;
  share.bytes += static_cast<int64_t>(lease.bytes);
  if (lease.wait.count() != 0) {
    share.dry_until = clients_.reactor().now() + lease.wait;
    share.dry_of = lease.why;
  }
  const std::vector<reactor::ConnectionId> waiting = std::exchange(share.waiting, {});
  for (const reactor::ConnectionId id : waiting) {
    Client* const client = clients_.find(id);
    if (client == nullptr || !client->metered) continue;
    Meter& meter = meters_.at(id.slot);
    if (!std::exchange(meter.waits, false)) continue;
    listener_.on_allowance(*client);
  }
}

uint32_t Meters::strikes(const Client& client) const {
  return meters_.at(client.id.slot).strikes;
}

void Meters::close(Client& client) {
  if (!client.metered) return;
  client.metered = false;
  const auto it = meters_.find(client.id.slot);
  for (Share* share : it->second.shares) {
    if (share == nullptr || --share->connections != 0) continue;
    if (share->messages != 0 || share->bytes != 0) {
      admission_.settle(share->subject, share->messages, share->bytes);
    }
    shares_.erase(share->subject);
  }
  meters_.erase(it);
}

}  // namespace ringcast::session
