// SPDX-License-Identifier: Apache-2.0
#include "client/admission.h"

#include <algorithm>
#include <cstring>

#include "base/assert.h"

namespace ringcast::session {

using access::Charge;
using access::LimitSubject;
using access::Scope;
using reactor::ConnectionId;
using reactor::Mail;

namespace {

// Beside the hub's kinds, which count from 0. In all of them `value` and `extra` hold the subject's bytes and the low
// half of `flags` its scope.
constexpr uint8_t kQuestion = 0xF0;  // core → owner; channel, membership, id: connects, messages, bytes
constexpr uint8_t kVerdict = 0xF1;   // owner → core; membership: the Charge that was refused; id: nanoseconds to wait
constexpr uint8_t kRelease = 0xF2;   // core → owner: a connection that counted is gone

constexpr uint8_t kLease = 0xF3;  // core → owner; membership, id: messages and bytes wanted; number, length: needed
constexpr uint8_t kLeased = 0xF4;  // owner → core; membership, id: messages and bytes; connection, generation: the wait
constexpr uint8_t kSettle = 0xF5;  // core → owner; membership, id: messages and bytes to take back

constexpr uint8_t kScopeMask = 0x0F, kCounted = 0x10, kAllowed = 0x20;
constexpr uint8_t kOwed = 0x40;     // of a kSettle: they were spent beyond what was there
constexpr uint8_t kOfBytes = 0x80;  // of a kLeased: bytes are missing rather than messages

Mail mail_about(const LimitSubject& subject, uint8_t kind) {
  Mail mail;
  mail.kind = kind;
  mail.flags = static_cast<uint8_t>(subject.scope);
  std::memcpy(&mail.value, subject.bytes.data(), 8);
  std::memcpy(&mail.extra, subject.bytes.data() + 8, 8);
  return mail;
}

LimitSubject subject_in(const Mail& mail) {
  LimitSubject subject;
  subject.scope = static_cast<Scope>(mail.flags & kScopeMask);
  RINGCAST_ASSERT(subject.scope < Scope::count_);
  std::memcpy(subject.bytes.data(), &mail.value, 8);
  std::memcpy(subject.bytes.data() + 8, &mail.extra, 8);
  return subject;
}

std::string_view bytes_of(const LimitSubject& subject) {
  return {reinterpret_cast<const char*>(subject.bytes.data()), subject.bytes.size()};
}

}  // namespace

Admission::Admission(Clients& clients, AdmissionListener& listener)
    : clients_(clients),
      listener_(listener),
      key_(clients.shared().name_key),
      hash_(key_),
      cores_(clients.cores()),
      table_(key_) {}

LimitSubject Admission::subject_of(const IpAddress& address) const {
  const unsigned bits = address.is_v4() ? 128 : clients_.options().limits.ipv6_prefix;
  return {Scope::address, address.prefix(bits).bytes()};
}

LimitSubject Admission::subject_of(Scope scope, std::string_view name) const {
  // Two keyed hashes: nobody can look for names that share a bucket.
  LimitSubject subject{scope, {}};
  const uint64_t halves[2] = {hash_("subject", name), hash_("subject2", name)};
  std::memcpy(subject.bytes.data(), halves, sizeof halves);
  return subject;
}

uint16_t Admission::owner_of(const LimitSubject& subject) const {
  return static_cast<uint16_t>(hash_.owner_core(to_string(subject.scope), bytes_of(subject), cores_));
}

void Admission::ask(ConnectionId id, std::span<const access::Question> questions, bool lasting) {
  RINGCAST_ASSERT(!questions.empty());
  Standing& standing = standings_[id.slot];
  RINGCAST_ASSERT(standing.outstanding == 0 && (standing.held.empty() || standing.generation == id.generation));
  standing.generation = id.generation;
  standing.serial = ++last_serial_;
  standing.outstanding = static_cast<uint32_t>(questions.size());
  standing.lasting = lasting;
  standing.judgement = {};
  for (const access::Question& question : questions) {
    Mail mail = mail_about(question.subject, kQuestion);
    if (question.counted) mail.flags |= kCounted;
    mail.connection = id.slot;
    mail.generation = id.generation;
    mail.number = standing.serial;
    mail.channel = question.connects;
    mail.membership = question.messages;
    mail.id = question.bytes;
    clients_.reactor().post(owner_of(question.subject), mail);
  }
}

void Admission::give_back(const LimitSubject& subject) {
  clients_.reactor().post(owner_of(subject), mail_about(subject, kRelease));
}

void Admission::release(ConnectionId id, bool lasting) {
  const auto it = standings_.find(id.slot);
  if (it == standings_.end() || it->second.generation != id.generation) return;
  Standing& standing = it->second;
  std::erase_if(standing.held, [&](const Held& held) {
    if (held.lasting && !lasting) return false;
    give_back(held.subject);
    return true;
  });
  // A verdict that is still on its way to a connection that is gone finds nobody and is taken back then.
  if (standing.held.empty() && (lasting || standing.outstanding == 0)) standings_.erase(it);
}

void Admission::hand_on(ConnectionId from, ConnectionId to) {
  const auto it = standings_.find(from.slot);
  if (it == standings_.end() || it->second.generation != from.generation) return;
  std::vector<Held> handed;
  std::erase_if(it->second.held, [&](const Held& held) {
    if (held.lasting) return false;
    handed.push_back(held);
    return true;
  });
  if (handed.empty()) return;
  Standing& standing = standings_[to.slot];
  standing.generation = to.generation;
  for (Held& held : handed) {
    held.lasting = true;
    standing.held.push_back(held);
  }
}

bool Admission::on_mail(const Mail& mail) {
  switch (mail.kind) {
    case kQuestion: on_question(mail); return true;
    case kVerdict: on_verdict(mail); return true;
    case kRelease: table_.release(subject_in(mail)); return true;
    case kLease: on_lease_wanted(mail); return true;
    case kLeased: on_lease_given(mail); return true;
    case kSettle: on_settled(mail); return true;
    default: return false;
  }
}

void Admission::on_question(const Mail& mail) {
  const access::Question question{.subject = subject_in(mail),
                                  .counted = (mail.flags & kCounted) != 0,
                                  .connects = mail.channel,
                                  .messages = mail.membership,
                                  .bytes = mail.id};
  const access::Verdict verdict = table_.ask(clients_.options().limits, question, clients_.reactor().now());
  Mail answer = mail_about(question.subject, kVerdict);
  answer.flags |= mail.flags & kCounted;
  if (verdict.allowed) answer.flags |= kAllowed;
  answer.connection = mail.connection;
  answer.generation = mail.generation;
  answer.number = mail.number;
  answer.membership = static_cast<uint32_t>(verdict.why);
  answer.id = static_cast<uint64_t>(verdict.wait.count());
  clients_.reactor().post(mail.from, answer);
}

void Admission::on_verdict(const Mail& mail) {
  const ConnectionId id{mail.connection, mail.generation};
  const LimitSubject subject = subject_in(mail);
  const bool allowed = (mail.flags & kAllowed) != 0;
  const bool counted = allowed && (mail.flags & kCounted) != 0;
  const auto it = standings_.find(id.slot);
  if (it == standings_.end() || it->second.generation != id.generation || it->second.serial != mail.number) {
    if (counted) give_back(subject);
    return;
  }
  Standing& standing = it->second;
  RINGCAST_ASSERT(standing.outstanding > 0);
  --standing.outstanding;
  if (counted) standing.held.push_back({subject, standing.lasting, standing.serial});
  if (!allowed) {
    standing.judgement = {false, subject.scope, static_cast<Charge>(mail.membership),
                          access::nanoseconds(static_cast<int64_t>(mail.id))};
  }
  if (standing.outstanding != 0) return;
  const Judgement judgement = standing.judgement;
  if (!judgement.allowed) {
    std::erase_if(standing.held, [&](const Held& held) {
      if (held.serial != standing.serial) return false;
      give_back(held.subject);
      return true;
    });
  }
  if (standing.held.empty()) standings_.erase(it);
  listener_.judged(id, judgement);
}

// --- leases ---

void Admission::lease(const LimitSubject& subject, const access::Lease& wanted, const access::Lease& needed) {
  RINGCAST_ASSERT(needed.bytes <= UINT32_MAX);  // of one message
  Mail mail = mail_about(subject, kLease);
  mail.membership = wanted.messages;
  mail.id = wanted.bytes;
  mail.number = needed.messages;
  mail.length = static_cast<uint32_t>(needed.bytes);
  clients_.reactor().post(owner_of(subject), mail);
}

void Admission::on_lease_wanted(const Mail& mail) {
  const LimitSubject subject = subject_in(mail);
  const access::Lease lease =
      table_.lease(clients_.options().limits, subject, {.messages = mail.membership, .bytes = mail.id},
                   {.messages = mail.number, .bytes = mail.length}, clients_.reactor().now());
  Mail answer = mail_about(subject, kLeased);
  if (lease.why == Charge::bytes) answer.flags |= kOfBytes;
  answer.membership = lease.messages;
  answer.id = lease.bytes;
  const auto wait = static_cast<uint64_t>(lease.wait.count());
  answer.connection = static_cast<uint32_t>(wait);
  answer.generation = static_cast<uint32_t>(wait >> 32);
  clients_.reactor().post(mail.from, answer);
}

void Admission::on_lease_given(const Mail& mail) {
  const uint64_t wait = uint64_t{mail.generation} << 32 | mail.connection;
  listener_.leased(subject_in(mail), {.messages = mail.membership,
                                      .bytes = mail.id,
                                      .wait = access::nanoseconds(static_cast<int64_t>(wait)),
                                      .why = (mail.flags & kOfBytes) != 0 ? Charge::bytes : Charge::messages});
}

void Admission::settle(const LimitSubject& subject, int64_t messages, int64_t bytes) {
  // Both have one sign: a message is never owed, and what is left is not negative.
  RINGCAST_ASSERT(messages >= 0 && (bytes >= 0 || messages == 0));
  Mail mail = mail_about(subject, kSettle);
  if (bytes < 0) mail.flags |= kOwed;
  mail.membership = static_cast<uint32_t>(std::min<int64_t>(messages, UINT32_MAX));
  mail.id = static_cast<uint64_t>(bytes < 0 ? -bytes : bytes);
  clients_.reactor().post(owner_of(subject), mail);
}

void Admission::on_settled(const Mail& mail) {
  const bool owed = (mail.flags & kOwed) != 0;
  const auto signed_of = [owed](uint64_t units) {
    return owed ? -static_cast<int64_t>(units) : static_cast<int64_t>(units);
  };
  table_.settle(clients_.options().limits, subject_in(mail), signed_of(mail.membership), signed_of(mail.id),
                clients_.reactor().now());
}

void Admission::sweep() {
  table_.sweep(clients_.reactor().now());
}

}  // namespace ringcast::session
