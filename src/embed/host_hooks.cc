// SPDX-License-Identifier: Apache-2.0
#include "embed/host_hooks.h"

#include <chrono>
#include <utility>

#include "codec/http1/http_message.h"

namespace ringcast::embed {

using session::HookDecision;
using session::HookEvent;

namespace {

Client client_of(const session::HookClient& from) {
  return {.connection = std::string(from.connection),
          .user = std::string(from.user),
          .tenant = std::string(from.tenant),
          .transport = std::string(from.transport),
          .address = std::string(from.address)};
}

Event::Kind kind_of(HookEvent event) {
  switch (event) {
    case HookEvent::disconnect: return Event::Kind::disconnected;
    case HookEvent::leave: return Event::Kind::left;
    case HookEvent::occupied: return Event::Kind::occupied;
    case HookEvent::vacated: return Event::Kind::vacated;
    case HookEvent::join:
    case HookEvent::connect:
    case HookEvent::publish:
    case HookEvent::event: break;
  }
  return Event::Kind::joined;
}

PublishRequest::Kind kind_of(hub::PayloadKind kind) {
  switch (kind) {
    case hub::PayloadKind::content: return PublishRequest::Kind::content;
    case hub::PayloadKind::data: return PublishRequest::Kind::data;
    case hub::PayloadKind::binary: return PublishRequest::Kind::binary;
    case hub::PayloadKind::none: break;
  }
  return PublishRequest::Kind::none;
}

// Where nobody else holds the question, nobody can answer it later.
std::optional<HookDecision> verdict(Question& question, bool dropped) {
  if (dropped) question.drop();
  return question.at_once();
}

}  // namespace

bool HostHooks::on_action(const session::HookClient& client, std::string_view text) {
  return hooks_.on_action && hooks_.on_action(client_of(client), text);
}

bool HostHooks::wants(HookEvent event, std::string_view) const {
  switch (event) {
    case HookEvent::connect: return hooks_.on_connect != nullptr;
    case HookEvent::publish: return hooks_.on_publish != nullptr;
    case HookEvent::event: return hooks_.on_emit != nullptr;
    default: return hooks_.on_event != nullptr;
  }
}

void HostHooks::notify(const session::HookNotice& notice) {
  hooks_.on_event({.kind = kind_of(notice.event),
                   .client = client_of(notice.client),
                   .room = std::string(notice.room),
                   .reason = std::string(notice.reason),
                   .time = std::chrono::system_clock::time_point(std::chrono::microseconds(notice.time_us))});
}

std::optional<HookDecision> HostHooks::decide_connect(const session::HookClient& client,
                                                      const session::HookRequest& request, uint64_t,
                                                      session::Ticket ticket) {
  ConnectRequest asked{.client = client_of(client), .target = std::string(request.target), .headers = {}};
  for (const codec::HttpHeader& header : request.headers.all()) asked.headers.emplace_back(header.name, header.value);
  auto question = std::make_shared<Question>(desk_, ticket);
  hooks_.on_connect(asked, ConnectAnswer(question));
  return verdict(*question, question.use_count() == 1);
}

std::optional<HookDecision> HostHooks::decide_publish(const session::HookClient& client,
                                                      const session::HookMessage& message, uint64_t,
                                                      session::Ticket ticket) {
  const PublishRequest asked{.client = client_of(client),
                             .room = std::string(message.room),
                             .event = std::string(message.event),
                             .kind = kind_of(message.kind),
                             .payload = std::string(message.payload)};
  auto question = std::make_shared<Question>(desk_, ticket);
  hooks_.on_publish(asked, PublishAnswer(question));
  return verdict(*question, question.use_count() == 1);
}

std::optional<HookDecision> HostHooks::decide_event(const session::HookClient& client,
                                                    const session::HookEmitted& emitted, uint64_t,
                                                    session::Ticket ticket) {
  const EmitRequest asked{.client = client_of(client),
                          .nsp = std::string(emitted.nsp),
                          .event = std::string(emitted.name),
                          .arguments = std::string(emitted.arguments),
                          .attachments = {emitted.attachments.begin(), emitted.attachments.end()},
                          .rooms = {emitted.rooms.begin(), emitted.rooms.end()},
                          .acknowledge = emitted.acknowledge};
  auto question = std::make_shared<Question>(desk_, ticket);
  hooks_.on_emit(asked, EmitAnswer(question));
  return verdict(*question, question.use_count() == 1);
}

}  // namespace ringcast::embed
