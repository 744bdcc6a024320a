// SPDX-License-Identifier: Apache-2.0
#include "api/foreign_requests.h"

#include <utility>

#include "client/decisions.h"
#include "client/engine_io_mail.h"
#include "hub/protocol.h"

namespace ringcast::session {

using reactor::Mail;

uint32_t ForeignTask::bytes() const {
  return static_cast<uint32_t>(sizeof *this + key.size() + user.size() + event.size() + payload.size() +
                               idempotency_key.size() + tenant.size() + after_name.size() + connection.size());
}

Mail foreign_mail(std::unique_ptr<ForeignTask> task) {
  Mail mail;
  mail.kind = kForeignMail;
  mail.value = reinterpret_cast<uint64_t>(task.release());
  return mail;
}

void discard_mail(const Mail& mail) {
  if (mail.kind == kForeignMail) {
    delete reinterpret_cast<ForeignTask*>(mail.value);
    return;
  }
  if (mail.kind == kDecisionMail) return discard_decision(mail);
  if (mail.kind >= kEngineIoMail && mail.kind <= kEngineIoFrames) return discard_engine_io(mail);
  hub::discard_mail(mail);
}

bool ForeignRequests::on_mail(const Mail& mail) {
  if (mail.kind != kForeignMail) return false;
  std::unique_ptr<ForeignTask> task(reinterpret_cast<ForeignTask*>(mail.value));
  const uint32_t bytes = task->bytes();
  if (task->kind == ForeignTask::Kind::query) {
    ask(std::move(task), mail.from);
    return true;
  }
  if (!waiting_.empty() || !publish(task)) {
    // Behind those that wait: a thread's messages to a channel keep their order.
    waiting_.push_back({std::move(task), mail.from});
    return true;
  }
  clients_.reactor().return_credit(mail.from, bytes);
  return true;
}

bool ForeignRequests::publish(std::unique_ptr<ForeignTask>& task) {
  hub::Publish publish;
  publish.key = task->key;
  publish.user = task->user;
  publish.event = task->event;
  publish.kind = task->payload_kind;
  publish.payload = task->payload;
  publish.idempotency_key = task->idempotency_key;
  publish.final = task->final;
  publish.ephemeral = publish.local = task->local;
  // Sent before the program began to drain, and called so.
  publish.always = true;
  publish.acknowledge = task->published != nullptr;
  const uint32_t place = publish.acknowledge ? pending_.acquire() : kNoIndex;
  RINGCAST_ASSERT(!publish.acknowledge || place != kNoIndex);
  publish.from = {kForeignSlot, place};
  publish.correlation = place;
  if (clients_.hub().publish(publish) == hub::PublishResult::no_credit) {
    if (publish.acknowledge) pending_.release(place);
    return false;
  }
  clients_.stats().messages_in.add();
  clients_.stats().message_bytes_in.add(task->payload.size());
  if (publish.acknowledge) pending_[place].task = std::move(task);
  return true;
}

void ForeignRequests::ask(std::unique_ptr<ForeignTask> task, uint16_t from) {
  const uint32_t bytes = task->bytes();
  hub::Query query{task->query};
  query.key = task->key;
  query.tenant = task->tenant;
  query.after_name = task->after_name;
  query.limit = task->limit;
  query.after = task->ack_timeout_ms;
  if (task->query == hub::QueryKind::send_to_connection) {
    const auto address = clients_.parse_name(task->connection);
    if (!address && !clients_.may_be_elsewhere(task->connection)) {
      task->answered(hub::Answer{task->query});
      return clients_.reactor().return_credit(from, bytes);
    }
    hub::MessageView message;
    message.timestamp_us = clients_.reactor().wall_us();
    message.key = task->key;
    message.user = task->user;
    message.event = task->event;
    message.kind = task->payload_kind;
    message.payload = task->payload;
    payload_.clear();
    encoder_.canonical(message, payload_);
    if (address) {
      query.address = *address;
    } else {
      query.connection = task->connection;
    }
    query.payload = payload_;
  }
  // What waits for a client's acknowledgement gives its credit back now: others go on meanwhile.
  const bool asks = task->ack_timeout_ms != 0;
  if (asks) clients_.reactor().return_credit(from, bytes);
  const uint32_t place = asks && asking_ >= kAsksMax ? kNoIndex : pending_.acquire();
  if (asks && place == kNoIndex) return task->answered(hub::Answer{task->query});
  RINGCAST_ASSERT(place != kNoIndex);
  asking_ += asks ? 1 : 0;
  query.from = {kForeignSlot, place};
  query.correlation = place;
  pending_[place] = {std::move(task), from, asks ? 0 : bytes};  // where the strings are stays
  clients_.hub().query(query);
}

void ForeignRequests::published(const hub::Published& published) {
  const auto place = static_cast<uint32_t>(published.correlation);
  if (place == kNoIndex) return;  // nobody asked, but a hub that is draining answers everything
  std::unique_ptr<ForeignTask> task = std::move(pending_[place].task);
  pending_.release(place);
  const auto call = std::move(task->published);
  call(std::move(task), published);
}

void ForeignRequests::answered(const hub::Answer& answer) {
  const auto place = static_cast<uint32_t>(answer.correlation);
  const Pending pending = std::move(pending_[place]);
  pending_.release(place);
  if (pending.task->ack_timeout_ms != 0) {
    --asking_;
  } else {
    clients_.reactor().return_credit(pending.from, pending.bytes);
  }
  pending.task->answered(answer);
}

void ForeignRequests::on_credit() {
  while (!waiting_.empty()) {
    const uint32_t bytes = waiting_.front().task->bytes();
    if (!publish(waiting_.front().task)) return;
    clients_.reactor().return_credit(waiting_.front().from, bytes);
    waiting_.pop_front();
  }
}

}  // namespace ringcast::session
