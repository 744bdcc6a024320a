// SPDX-License-Identifier: Apache-2.0
#include "hooks/webhooks.h"

#include <array>
#include <bit>
#include <utility>

#include "client/decisions.h"
#include "codec/json/json_writer.h"

namespace ringcast::hooks {

using session::HookClient;
using session::HookDecision;
using session::HookEvent;
using session::HookMessage;
using session::HookNotice;
using session::Ticket;

namespace {

Event event_of(HookEvent event) {
  switch (event) {
    case HookEvent::connect: return Event::connect;
    case HookEvent::disconnect: return Event::disconnect;
    case HookEvent::join: return Event::join;
    case HookEvent::leave: return Event::leave;
    case HookEvent::occupied: return Event::occupied;
    case HookEvent::vacated: return Event::vacated;
    case HookEvent::publish: return Event::publish;
    case HookEvent::event: return Event::event;
  }
  return Event::connect;
}

std::unique_ptr<Call> call_of(HookEvent event, const HookClient& client, uint64_t time_us) {
  auto call = std::make_unique<Call>();
  call->event = event_of(event);
  call->time_us = time_us;
  call->connection = client.connection;
  call->user = client.user;
  call->tenant = client.tenant;
  call->transport = client.transport;
  call->address = client.address;
  return call;
}

Message::Kind kind_of(hub::PayloadKind kind) {
  switch (kind) {
    case hub::PayloadKind::content: return Message::Kind::content;
    case hub::PayloadKind::data: return Message::Kind::data;
    case hub::PayloadKind::binary: return Message::Kind::binary;
    case hub::PayloadKind::none: break;
  }
  return Message::Kind::none;
}

// What nobody has decided.
HookDecision undecided(bool allow) {
  HookDecision decision;
  decision.allow = allow;
  decision.passing = !allow;
  return decision;
}

HookDecision decision_of(const Decision& from) {
  if (!from.answered) return undecided(from.allow);
  HookDecision decision;
  decision.allow = from.allow;
  decision.code = from.code;
  decision.reason = from.reason;
  decision.user = from.user;
  decision.tenant = from.tenant;
  decision.rooms = from.rooms;
  decision.leave = from.leave;
  decision.payload = from.acknowledgement;
  decision.event = from.event;
  if (from.payload) {
    decision.payload = from.payload->payload;
    decision.kind = from.payload->kind == Message::Kind::data ? hub::PayloadKind::data : hub::PayloadKind::content;
  }
  return decision;
}

}  // namespace

Result<std::unique_ptr<Webhooks>> Webhooks::create(SenderOptions options, session::Hooks* next) {
  std::unique_ptr<Webhooks> webhooks(new Webhooks(options.cores, next));
  Webhooks* const self = webhooks.get();
  auto sender = Sender::create(std::move(options),
                               [self](Call& call, Decision& decision) { return self->answer(call, decision); });
  if (!sender) return tl::unexpected<Error>(std::move(sender.error()));
  webhooks->sender_ = *std::move(sender);
  return webhooks;
}

void Webhooks::start(reactor::Producer producer) {
  producer_.emplace(std::move(producer));
  sender_->start();
}

void Webhooks::stop() {
  sender_->stop();
  producer_.reset();
}

bool Webhooks::on_action(const HookClient& client, std::string_view text) {
  return next_ != nullptr && next_->on_action(client, text);
}

bool Webhooks::wants(HookEvent event, std::string_view room) const {
  if (next_ != nullptr && next_->wants(event, room)) return true;
  const Event wanted = event_of(event);
  if (!sender_->endpoints().wants(wanted)) return false;
  return room.empty() || sender_->endpoints().wanted(wanted, room) != 0;
}

void Webhooks::notify(const HookNotice& notice) {
  if (next_ != nullptr && next_->wants(notice.event, notice.room)) next_->notify(notice);
  if (sender_->endpoints().wanted(event_of(notice.event), notice.room) == 0) return;
  auto call = call_of(notice.event, notice.client, notice.time_us);
  call->room = notice.room;
  call->reason = notice.reason;
  sender_->offer(notice.core, call);  // what does not fit is counted there
}

std::optional<HookDecision> Webhooks::decide_connect(const HookClient& client, const session::HookRequest& request,
                                                     uint64_t time_us, Ticket ticket) {
  // One decides: the host program, where it wants to.
  if (next_ != nullptr && next_->wants(HookEvent::connect, {}))
    return next_->decide_connect(client, request, time_us, ticket);
  return ask(call_of(HookEvent::connect, client, time_us), ticket);
}

std::optional<HookDecision> Webhooks::decide_publish(const HookClient& client, const HookMessage& message,
                                                     uint64_t time_us, Ticket ticket) {
  if (next_ != nullptr && next_->wants(HookEvent::publish, message.room)) {
    return next_->decide_publish(client, message, time_us, ticket);
  }
  auto call = call_of(HookEvent::publish, client, time_us);
  call->room = message.room;
  call->message = {std::string(message.event), kind_of(message.kind), std::string(message.payload)};
  return ask(std::move(call), ticket);
}

std::optional<HookDecision> Webhooks::decide_event(const HookClient& client, const session::HookEmitted& emitted,
                                                   uint64_t time_us, Ticket ticket) {
  if (next_ != nullptr && next_->wants(HookEvent::event, {})) {
    return next_->decide_event(client, emitted, time_us, ticket);
  }
  auto call = call_of(HookEvent::event, client, time_us);
  call->emitted = std::make_unique<Emitted>();
  Emitted& made = *call->emitted;
  made.nsp = emitted.nsp;
  made.name = emitted.name;
  made.arguments = emitted.arguments;
  made.attachments.assign(emitted.attachments.begin(), emitted.attachments.end());
  made.rooms.assign(emitted.rooms.begin(), emitted.rooms.end());
  made.acknowledge = emitted.acknowledge;
  return ask(std::move(call), ticket);
}

std::optional<HookDecision> Webhooks::ask(std::unique_ptr<Call> call, Ticket ticket) {
  const Endpoints& endpoints = sender_->endpoints();
  const uint32_t endpoint = endpoints.wanted(call->event, call->room);
  if (endpoint == 0) return HookDecision{};
  call->core = ticket.core;
  call->ticket = ticket.number;
  if (sender_->offer(ticket.core, call)) return std::nullopt;
  return undecided(endpoints[static_cast<size_t>(std::countr_zero(endpoint))].allow_on_failure);
}

bool Webhooks::answer(const Call& call, const Decision& decision) {
  HookDecision made = decision_of(decision);
  const uint32_t bytes = session::decision_bytes(made);
  const reactor::Mail mail = session::decision_mail({call.core, call.ticket}, std::move(made));
  const reactor::SendResult sent = producer_->try_send(call.core, mail, bytes);
  if (sent != reactor::SendResult::sent) session::discard_decision(mail);
  return sent != reactor::SendResult::would_block;
}

void Webhooks::append_metrics(std::string& out) const {
  const auto family = [&](std::string_view name, std::string_view type, std::string_view help) {
    out.append("# HELP ringcast_webhook_").append(name).append(" ").append(help);
    out.append("\n# TYPE ringcast_webhook_").append(name).append(" ").append(type).append("\n");
  };
  const auto sample = [&](std::string_view name, std::string_view labels, uint64_t value) {
    out.append("ringcast_webhook_").append(name).append("{").append(labels).append("} ");
    codec::append_uint(out, value);
    out += '\n';
  };
  // Numbers, as URLs may show too much: in the order of the settings.
  const auto endpoint = [](size_t index) { return "endpoint=\"" + std::to_string(index) + "\""; };
  const size_t count = sender_->endpoints().size();
  using Get = uint64_t (*)(const EndpointStats&);
  struct Row {
    std::string_view name, type, help;
    Get get;
  };
  static constexpr std::array<Row, 6> kRows = {{
      {"calls_total", "counter", "Calls, each try counted.", [](const auto& stats) { return stats.calls.get(); }},
      {"retries_total", "counter", "Tries after a failed one.", [](const auto& stats) { return stats.retries.get(); }},
      {"delivered_total", "counter", "Notifications that were taken.",
       [](const auto& stats) { return stats.delivered.get(); }},
      {"failed_total", "counter", "Notifications given up.", [](const auto& stats) { return stats.failed.get(); }},
      {"in_flight", "gauge", "Calls under way.", [](const auto& stats) { return stats.in_flight.get(); }},
      {"waiting", "gauge", "Events that wait for their call.", [](const auto& stats) { return stats.waiting.get(); }},
  }};
  for (const Row& row : kRows) {
    family(row.name, row.type, row.help);
    for (size_t i = 0; i < count; ++i) sample(row.name, endpoint(i), row.get(sender_->stats(i)));
  }
  family("dropped_total", "counter", "Notifications for which there was no room.");
  for (size_t i = 0; i < count; ++i) sample("dropped_total", endpoint(i), sender_->stats(i).dropped.get());
  family("refused_total", "counter", "Events that the way to the sender had no room for, by core.");
  for (uint16_t core = 0; core < cores_; ++core) {
    sample("refused_total", "core=\"" + std::to_string(core) + "\"", sender_->refused(core));
  }
  family("decisions_total", "counter", "Decisions, by their end.");
  for (size_t i = 0; i < count; ++i) {
    const EndpointStats& stats = sender_->stats(i);
    sample("decisions_total", endpoint(i) + ",end=\"allowed\"", stats.allowed.get());
    sample("decisions_total", endpoint(i) + ",end=\"denied\"", stats.denied.get());
    sample("decisions_total", endpoint(i) + ",end=\"unanswered\"", stats.unanswered.get());
  }
  family("call_seconds", "histogram", "How long a call took.");
  constexpr size_t kHighest = 26;  // 67 s
  for (size_t i = 0; i < count; ++i) {
    const BucketHistogram& from = sender_->stats(i).latency_us;
    uint64_t seen = 0;
    for (size_t bucket = 0; bucket < BucketHistogram::kBuckets; ++bucket) {
      seen += from.bucket(bucket);
      if (bucket <= kHighest && bucket >= 6) {
        sample("call_seconds_bucket",
               endpoint(i) + ",le=\"" + std::to_string(1e-6 * static_cast<double>(1u << bucket)) + "\"", seen);
      }
    }
    sample("call_seconds_bucket", endpoint(i) + ",le=\"+Inf\"", seen);
    sample("call_seconds_count", endpoint(i), seen);
    out.append("ringcast_webhook_call_seconds_sum{").append(endpoint(i)).append("} ");
    out.append(std::to_string(1e-6 * static_cast<double>(from.sum()))).append("\n");
  }
  if (next_ != nullptr) next_->append_metrics(out);
}

}  // namespace ringcast::hooks
