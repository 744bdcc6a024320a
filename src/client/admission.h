// SPDX-License-Identifier: Apache-2.0
// What connections ask before they may open or send something: how many connections each address and user has over all
// cores, exactly, and the rates of those and of API keys. The count and the buckets of a subject live at the core that
// it hashes to; a connection waits for the answer. Nothing is asked where there is no limit. One per gate, its thread
// only.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "access/subject_table.h"
#include "base/ip_address.h"
#include "base/keyed_hash.h"
#include "client/clients.h"
#include "reactor/mail.h"

namespace ringcast::session {

struct Judgement {
  bool allowed = true;
  access::Scope scope = access::Scope::address;  // whose limit it was
  access::Charge why = access::Charge::connections;
  access::nanoseconds wait{0};  // until it may be tried again; zero where nobody can know
};

// Who hears what Admission has found.
class AdmissionListener {
 public:
  virtual ~AdmissionListener() = default;
  // The answer to Admission::ask.
  virtual void judged(reactor::ConnectionId id, const Judgement& judgement) = 0;
  // The answer to Admission::lease.
  virtual void leased(const access::LimitSubject& subject, const access::Lease& lease) = 0;
};

// Slots from here on are no connections: sessions of Engine.IO, which count by themselves.
inline constexpr uint32_t kSessionSlots = 1u << 31;

class Admission {
 public:
  Admission(Clients& clients, AdmissionListener& listener);

  access::LimitSubject subject_of(const IpAddress& address) const;
  access::LimitSubject subject_of(access::Scope scope, std::string_view name) const;
  uint16_t owner_of(const access::LimitSubject& subject) const;

  // All of them or none. The answer comes as AdmissionListener::judged, in a later step; one asking at a time. What is
  // counted stays so until release(), with `lasting` also over release_request().
  void ask(reactor::ConnectionId id, std::span<const access::Question> questions, bool lasting);
  // A stream or poll has ended while its connection goes on.
  void release_request(reactor::ConnectionId id) { release(id, false); }
  // What was counted for the request of `from`, and would go with it, counts for `to` from now on: for something that
  // outlives its request and has an id of its own (kSessionSlots).
  void hand_on(reactor::ConnectionId from, reactor::ConnectionId to);
  // The connection is gone: it no longer counts.
  void release(reactor::ConnectionId id) { release(id, true); }
  // For Meters: as much of `wanted` as there is; the answer comes as AdmissionListener::leased. And what was not spent
  // of it (positive) or spent beyond it (negative).
  void lease(const access::LimitSubject& subject, const access::Lease& wanted, const access::Lease& needed);
  void settle(const access::LimitSubject& subject, int64_t messages, int64_t bytes);
  // False when the mail is somebody else's.
  bool on_mail(const reactor::Mail& mail);
  void sweep();

 private:
  struct Held {
    access::LimitSubject subject;
    bool lasting;
    uint32_t serial;  // of the asking that it came with
  };
  struct Standing {  // of a connection
    uint32_t generation = 0;
    uint32_t serial = 0;  // of the asking that is open, or the last one
    uint32_t outstanding = 0;
    bool lasting = false;
    Judgement judgement;
    std::vector<Held> held;
  };

  void release(reactor::ConnectionId id, bool lasting);
  void give_back(const access::LimitSubject& subject);
  void on_question(const reactor::Mail& mail);
  void on_verdict(const reactor::Mail& mail);
  void on_lease_wanted(const reactor::Mail& mail);
  void on_lease_given(const reactor::Mail& mail);
  void on_settled(const reactor::Mail& mail);

  Clients& clients_;
  AdmissionListener& listener_;
  HashKey key_;
  KeyedHash hash_;
  uint16_t cores_;
  uint32_t last_serial_ = 0;
  access::SubjectTable table_;                        // of the subjects whose owner this core is
  std::unordered_map<uint32_t, Standing> standings_;  // of this core's connections, by slot
};

}  // namespace ringcast::session
