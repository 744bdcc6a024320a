// SPDX-License-Identifier: Apache-2.0
#include "client/decisions.h"

#include <utility>

#include "base/erase_at.h"

namespace ringcast::session {

using reactor::Mail;

namespace {

// Looked at by one call, so that no tick is held up by many.
constexpr uint32_t kLooksPerInterval = 8192;
constexpr uint32_t kEndedPerInterval = 1024;

struct Answered {
  uint64_t number;
  uint32_t bytes;
  HookDecision decision;
};

}  // namespace

void complete_refusal(HookDecision& refusal, std::string_view what) {
  if (refusal.code.empty()) refusal.code = refusal.passing ? "undecided" : "refused";
  if (!refusal.reason.empty()) return;
  refusal.reason = refusal.passing ? "nobody could decide about " : "";
  refusal.reason += what;
  refusal.reason += refusal.passing ? "; try again later" : " was refused";
}

uint32_t decision_bytes(const HookDecision& decision) {
  size_t bytes = sizeof(Answered) + decision.code.size() + decision.reason.size();
  for (const std::string& room : decision.rooms) bytes += sizeof room + room.size();
  for (const std::string& room : decision.leave) bytes += sizeof room + room.size();
  if (decision.payload) bytes += decision.payload->size();
  return static_cast<uint32_t>(bytes);
}

Mail decision_mail(Ticket ticket, HookDecision decision) {
  const uint32_t bytes = decision_bytes(decision);
  Mail mail;
  mail.kind = kDecisionMail;
  mail.value = reinterpret_cast<uint64_t>(new Answered{ticket.number, bytes, std::move(decision)});
  return mail;
}

void discard_decision(const Mail& mail) {
  if (mail.kind == kDecisionMail) delete reinterpret_cast<Answered*>(mail.value);
}

Ticket Decisions::open(About about, reactor::ConnectionId id) {
  const uint64_t number = ++last_;
  open_[number] = {about, id};
  due_.push_back({clients_.reactor().now() + clients_.options().decision_timeout, number});
  return {clients_.core(), number};
}

bool Decisions::on_mail(const Mail& mail) {
  if (mail.kind != kDecisionMail) return false;
  const std::unique_ptr<Answered> answered(reinterpret_cast<Answered*>(mail.value));
  clients_.reactor().return_credit(mail.from, answered->bytes);
  answer(answered->number, std::move(answered->decision));
  return true;
}

void Decisions::on_interval() {
  uint32_t ended = 0;
  for (uint32_t looks = 0; looks < kLooksPerInterval && ended < kEndedPerInterval && !due_.empty(); ++looks) {
    const auto [at, number] = due_.front();
    const bool open = open_.contains(number);
    if (open && at > clients_.reactor().now()) return;
    due_.pop_front();
    if (!open) continue;
    ++ended;
    HookDecision decision;
    decision.allow = false;
    decision.passing = true;
    answer(number, std::move(decision));
  }
}

void Decisions::answer(uint64_t number, HookDecision decision) {
  const auto found = open_.find(number);
  if (found == open_.end()) return;  // its time had run out
  const Question question = found->second;
  erase_at(open_, found);
  listener_.decided(question.about, question.id, number, std::move(decision));
}

}  // namespace ringcast::session
