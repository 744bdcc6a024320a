// SPDX-License-Identifier: Apache-2.0
#include "embed/question.h"

#include <utility>

#include "client/decisions.h"
#include "codec/json/compact_json.h"
#include "codec/native/names.h"
#include "ringcast/hooks.h"
#include "ringcast/message.h"

namespace ringcast {
namespace embed {

using session::HookDecision;

void AnswerDesk::open(reactor::Producer producer) {
  const std::lock_guard lock(mutex_);
  producer_.emplace(std::move(producer));
  closing_ = false;
  thread_ = std::thread([this] { send_waiting(); });
}

void AnswerDesk::close() {
  {
    const std::lock_guard lock(mutex_);
    if (!producer_) return;
    closing_ = true;
  }
  changed_.notify_one();
  thread_.join();
  const std::lock_guard lock(mutex_);
  for (const Waiting& answer : waiting_) session::discard_decision(answer.mail);
  waiting_.clear();
  producer_.reset();
}

void AnswerDesk::send(session::Ticket ticket, HookDecision decision) {
  const std::lock_guard lock(mutex_);
  if (!producer_) return;
  const uint32_t bytes = session::decision_bytes(decision);
  const reactor::Mail mail = session::decision_mail(ticket, std::move(decision));
  const reactor::SendResult result =
      waiting_.empty() ? producer_->try_send(ticket.core, mail, bytes) : reactor::SendResult::would_block;
  if (result == reactor::SendResult::sent) return;
  if (result == reactor::SendResult::stopped) return session::discard_decision(mail);
  waiting_.push_back({ticket.core, mail, bytes});
  changed_.notify_one();
}

void AnswerDesk::send_waiting() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return closing_ || !waiting_.empty(); });
    if (closing_) return;
    const Waiting first = waiting_.front();  // it stays there meanwhile: nobody else uses the producer
    lock.unlock();
    const reactor::SendResult result = producer_->send(first.to, first.mail, first.bytes);
    lock.lock();
    if (result != reactor::SendResult::sent) session::discard_decision(first.mail);
    waiting_.pop_front();
  }
}

void Question::drop() {
  HookDecision nobody;
  nobody.allow = false;
  nobody.passing = true;
  answer(std::move(nobody));
}

void Question::answer(HookDecision decision) {
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(answered_, true)) return;
    if (!asked_) {
      decision_ = std::move(decision);
      return;
    }
  }
  if (const auto desk = desk_.lock()) desk->send(ticket_, std::move(decision));
}

std::optional<HookDecision> Question::at_once() {
  const std::lock_guard lock(mutex_);
  asked_ = true;
  return std::exchange(decision_, std::nullopt);
}

namespace {

HookDecision refusal(std::string code, std::string reason) {
  HookDecision decision;
  decision.allow = false;
  decision.code = std::move(code);
  decision.reason = std::move(reason);
  return decision;
}

HookDecision with_payload(hub::PayloadKind kind, std::string payload) {
  HookDecision decision;
  decision.kind = kind;
  decision.payload = std::move(payload);
  return decision;
}

}  // namespace
}  // namespace embed

void ConnectAnswer::allow(ConnectGrant grant) {
  session::HookDecision decision;
  // The host's slip must not become a user's name that no other part of the server would take.
  if (!grant.user.empty()) {
    if (auto good = codec::check_user(grant.user); !good) {
      return question_->answer(embed::refusal(good.error().code, good.error().message));
    }
    decision.user = std::move(grant.user);
  }
  if (!grant.tenant.empty()) {
    if (auto good = codec::check_tenant(grant.tenant); !good) {
      return question_->answer(embed::refusal(good.error().code, good.error().message));
    }
    decision.tenant = std::move(grant.tenant);
  }
  for (const std::string& room : grant.rooms) {
    if (auto good = codec::check_channel(room); !good) {
      return question_->answer(embed::refusal(good.error().code, good.error().message));
    }
  }
  decision.rooms = std::move(grant.rooms);
  question_->answer(std::move(decision));
}

void ConnectAnswer::deny(std::string code, std::string reason) {
  question_->answer(embed::refusal(std::move(code), std::move(reason)));
}

void PublishAnswer::allow() {
  question_->answer({});
}

void PublishAnswer::allow_content(std::string text) {
  question_->answer(embed::with_payload(hub::PayloadKind::content, json_string(text)));
}

void PublishAnswer::allow_data(std::string json) {
  std::string compact;
  if (auto good = codec::append_compact_json(compact, json, {}); !good) {
    return question_->answer(embed::refusal(good.error().code, good.error().message));
  }
  question_->answer(embed::with_payload(hub::PayloadKind::data, std::move(compact)));
}

void PublishAnswer::deny(std::string code, std::string reason) {
  question_->answer(embed::refusal(std::move(code), std::move(reason)));
}

void EmitAnswer::accept(EmitReply reply) {
  session::HookDecision decision;
  for (const std::vector<std::string>* const rooms : {&reply.join, &reply.leave}) {
    for (const std::string& room : *rooms) {
      if (auto good = codec::check_room(room); !good) return deny(good.error().code, good.error().message);
    }
  }
  if (!reply.acknowledgement.empty()) {
    std::string compact;
    if (auto good = codec::append_compact_json(compact, reply.acknowledgement, {}); !good) {
      return deny(good.error().code, good.error().message);
    }
    if (!compact.starts_with('[')) return deny("bad_acknowledgement", "the acknowledgement is no JSON array");
    decision.payload = std::move(compact);
  }
  decision.rooms = std::move(reply.join);
  decision.leave = std::move(reply.leave);
  question_->answer(std::move(decision));
}

void EmitAnswer::deny(std::string code, std::string reason) {
  question_->answer(embed::refusal(std::move(code), std::move(reason)));
}

}  // namespace ringcast
