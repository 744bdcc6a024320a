// SPDX-License-Identifier: Apache-2.0
#include "api/messages_api.h"

#include <algorithm>

#include "api/request.h"
#include "api/request_limits.h"
#include "api/request_state.h"
#include "api/responder.h"
#include "api/rooms_api.h"
#include "base/assert.h"
#include "client/decisions.h"
#include "client/flow.h"
#include "client/guard.h"
#include "client/hub_errors.h"
#include "codec/http1/http_syntax.h"
#include "codec/json/json_writer.h"
#include "codec/native/publish_request.h"
#include "codec/native/rest_json.h"
#include "compat/posted.h"

namespace ringcast::session {

using codec::TargetKind;
using reactor::Connection;

namespace {

bool declares_json(std::string_view content_type) {
  std::string_view type;
  if (!codec::next_part(content_type, ';', type)) return false;
  if (codec::equal_ignoring_case(type, "application/json")) return true;
  constexpr std::string_view kSuffix = "+json";
  return type.size() > kSuffix.size() && codec::equal_ignoring_case(type.substr(type.size() - kSuffix.size()), kSuffix);
}

codec::JsonLimits json_limits_of(const SessionOptions& options) {
  return {options.json_depth_max, options.message_max, options.batch_items_max};
}

hub::PayloadKind kind_of(codec::PayloadKind kind) {
  return kind == codec::PayloadKind::data ? hub::PayloadKind::data : hub::PayloadKind::content;
}

size_t units_of(const codec::PublishRequest& request) {
  return request.target == TargetKind::broadcast ? 1 : request.names.size();
}

bool has_results(const codec::PublishRequest& request) {
  return request.target == TargetKind::rooms || request.target == TargetKind::users;
}

std::optional<Error> read_body(Dialect dialect, const RequestState& state, std::string_view text,
                               const codec::JsonLimits& limits, codec::PublishBody& body) {
  if (state.pushes) return parse_publish_body(text, limits, body, codec::UnknownMembers::ignored);
  return read_posted(dialect, text, limits, body);
}

// The second time a body is parsed nothing can be wrong with it: what was accepted stays accepted, also when a reload
// in between has made a limit narrower.
codec::PublishBody parse_again(Dialect dialect, const RequestState& state) {
  constexpr codec::JsonLimits kWide{1024, UINT32_MAX, UINT32_MAX};
  codec::PublishBody body;
  const auto error = read_body(dialect, state, state.parser->request().body, kWide, body);
  RINGCAST_ASSERT(!error);
  return body;
}

std::string_view author_for(const PublishProgress& progress, const codec::PublishRequest& item) {
  return progress.forced || item.user.empty() ? std::string_view(progress.author) : item.user;
}

bool all_refused(const PublishProgress& progress) {
  return std::all_of(progress.outcomes.begin(), progress.outcomes.end(),
                     [](const PublishOutcome& outcome) { return outcome.refusal != nullptr; });
}

codec::PublishResult result_of(const PublishOutcome& outcome) {
  codec::PublishResult result;
  if (outcome.has_id && outcome.error == hub::PublishError::none) result.event_id = outcome.id;
  result.receivers = outcome.receivers;
  if (outcome.acknowledgement != nullptr) {
    result.asked = true;
    result.acknowledgement = outcome.acknowledgement->arguments;
    result.attachments = outcome.acknowledgement->attachments;
  }
  result.duplicate = outcome.duplicate;
  result.error = outcome.refusal != nullptr ? outcome.refusal.get() : error_of(outcome.error);
  return result;
}

}  // namespace

void MessagesApi::begin(Client& client, Connection& connection, const Request& request) {
  const Dialect dialect = request.route.dialect;
  // Clients of other systems declare what they like. Pages that are not listed have been refused by now.
  if (dialect == Dialect::native && !declares_json(request.http.headers.find_or("Content-Type", ""))) {
    return responder_.refuse(client, connection, 415, "not_json",
                             "the body must be declared as Content-Type: application/json");
  }
  codec::PublishBody body;
  RequestState& current = responder_.state(client);
  if (const auto error = read_body(dialect, current, request.http.body, json_limits_of(clients_.options()), body)) {
    if (const std::string_view answer = table_of(dialect).bad_body; !answer.empty()) {
      return responder_.refuse_as(client, connection, 400, *error, answer);
    }
    return responder_.refuse(client, connection, static_cast<uint16_t>(codec::http_status_of(*error)), error->code,
                             error->message);
  }
  const bool by_topic = std::any_of(body.requests.begin(), body.requests.end(),
                                    [](const codec::PublishRequest& item) { return item.by_topic; });
  if (by_topic && !clients_.options().broker_topics) {
    return responder_.refuse(client, connection, 500, "topics_not_enabled", "topics not enabled");
  }
  if (!may_publish(client, connection, request.identity, body)) return;
  size_t units = 0;
  for (const codec::PublishRequest& item : body.requests) {
    units += units_of(item);
    clients_.stats().messages_in.add();
    clients_.stats().message_bytes_in.add(item.payload.size());
  }
  current.endpoint = Endpoint::messages;
  current.name = request.identity.tenant;
  current.publish = std::make_unique<PublishProgress>();
  current.publish->detached = current.pushes;
  current.publish->outcomes.resize(units);
  current.publish->forced = request.identity.method == access::Method::token;
  // Nobody by name is `anonymous` here as over a WebSocket; a server need not name an author.
  if (!request.identity.is_server() || !request.identity.anonymous()) {
    current.publish->author = request.identity.user;
  }
  current.publish->asks_hooks = clients_.hooks() != nullptr && !request.identity.is_server();
  current.publish->single = !body.is_batch && !has_results(body.requests[0]);
  flow_.await(client);
  current.identity = request.identity;
  const access::Question cost{.messages = static_cast<uint32_t>(units), .bytes = request.http.body.size()};
  if (limits_.ask(client, request.identity, cost, false)) return;
  publish(client, connection, body);
}

bool MessagesApi::may_publish(Client& client, Connection& connection, const access::Identity& identity,
                              const codec::PublishBody& body) {
  if (identity.method != access::Method::token && identity.grant == nullptr) return true;
  const std::string others = identity.is_server() ? "only keys without rules may " : "only servers may ";
  size_t index = 0;
  for (const codec::PublishRequest& item : body.requests) {
    std::string why;
    if (item.target == TargetKind::connection) {
      why = others + "send to one connection";
    } else if (item.final_message) {
      why = others + "end a room with a final message";
    } else if (item.target == TargetKind::broadcast) {
      if (!guard_.may(identity, access::Operation::publish, codec::kBroadcastChannel)) {
        why = "clients may not publish to everyone here";
      }
    } else {
      const bool inbox = item.target == TargetKind::user || item.target == TargetKind::users;
      for (const std::string_view name : item.names) {
        key_.assign(inbox ? "@" : "");
        key_ += name;
        if (guard_.may(identity, access::Operation::publish, key_)) continue;
        why = "no rule allows publish in " + codec::quoted(key_);
        break;
      }
    }
    if (!why.empty()) {
      if (body.is_batch) why.insert(0, "item " + std::to_string(index) + ": ");
      responder_.refuse(client, connection, 403, "forbidden", why);
      return false;
    }
    ++index;
  }
  return true;
}

void MessagesApi::publish(Client& client, Connection& connection, const codec::PublishBody& body) {
  RequestState& current = responder_.state(client);
  PublishProgress& progress = *current.publish;
  const std::string_view tenant = current.name;

  size_t unit = 0;
  for (const codec::PublishRequest& item : body.requests) {
    const size_t units = units_of(item);
    if (unit + units <= progress.next) {
      unit += units;
      continue;
    }
    for (size_t i = 0; i < units; ++i, ++unit) {
      if (unit < progress.next) continue;
      if (progress.asking || progress.ticket != 0) return;
      const uint64_t correlation = uint64_t{client.correlation} << 32 | unit;
      if (item.target == TargetKind::connection) {
        send_to_connection(client, item, item.names[i], tenant, correlation);
        ++progress.next;
        continue;
      }
      key_.assign(tenant);
      key_ += hub::kTenantEnd;
      const bool inbox = item.target == TargetKind::user || item.target == TargetKind::users;
      if (item.target == TargetKind::broadcast) {
        key_ += codec::kBroadcastChannel;
      } else {
        if (inbox) key_ += '@';
        key_ += item.names[i];
      }
      hub::Publish publish;
      publish.key = key_;
      publish.user = author_for(progress, item);
      publish.event = inbox && item.event == codec::kDefaultEventType ? "direct" : item.event;
      publish.kind = kind_of(item.payload_kind);
      publish.payload = item.payload;
      publish.idempotency_key = item.idempotency_key;
      publish.final = item.final_message;
      if (!item.exclude.empty()) {
        // A name that nobody gave belongs to a connection that is gone: nobody to leave out.
        if (const auto excluded = clients_.parse_name(item.exclude)) {
          publish.exclude = *excluded;
        } else if (clients_.may_be_elsewhere(item.exclude)) {
          publish.exclude_name = item.exclude;
        }
      }
      publish.from = client.id;
      publish.acknowledge = !progress.detached;
      publish.correlation = correlation;
      if (progress.asks_hooks) {
        const Verdict verdict = ask_about(client, publish, progress.outcomes[unit]);
        if (verdict == Verdict::wait) return;
        if (verdict == Verdict::refused) {
          ++progress.next;
          continue;
        }
      }
      if (clients_.hub().publish(publish) == hub::PublishResult::no_credit) return flow_.stall(client, key_);
      progress.decision.reset();
      ++progress.next;
      if (!progress.detached) ++progress.outstanding;
    }
  }
  if (progress.outstanding == 0 && !progress.asking) finish(client, connection);
}

void MessagesApi::send_to_connection(Client& client, const codec::PublishRequest& item, std::string_view name,
                                     std::string_view tenant, uint64_t correlation) {
  PublishProgress& progress = *responder_.state(client).publish;
  PublishOutcome& outcome = progress.outcomes[progress.next];
  outcome.has_id = false;
  if (item.ack_timeout_ms != 0) outcome.acknowledgement = std::make_unique<Acknowledgement>();
  const auto address = clients_.parse_name(name);
  if (!address && !clients_.may_be_elsewhere(name)) return;
  key_.assign(tenant);
  key_ += hub::kTenantEnd;
  hub::MessageView message;
  message.timestamp_us = clients_.reactor().wall_us();
  message.key = key_;
  message.user = author_for(progress, item);
  message.event = item.event;
  message.kind = kind_of(item.payload_kind);
  message.payload = item.payload;
  body_.clear();
  encoder_.canonical(message, body_);
  hub::Query query{hub::QueryKind::send_to_connection};
  if (address) {
    query.address = *address;
  } else {
    query.connection = name;
  }
  query.tenant = tenant;
  query.payload = body_;
  query.after = item.ack_timeout_ms;
  query.from = client.id;
  query.correlation = correlation;
  progress.asking = true;
  clients_.hub().query(query);
}

void MessagesApi::on_published(Client& client, Connection& connection, const hub::Published& published) {
  if (!client.waiting || client.extra == nullptr) return;
  RequestState& current = client.extra_as<RequestState>();
  if (current.publish == nullptr || published.correlation >> 32 != client.correlation) return;
  PublishProgress& progress = *current.publish;
  const auto unit = static_cast<size_t>(published.correlation & UINT32_MAX);
  if (unit >= progress.outcomes.size() || progress.outstanding == 0) return;
  progress.outcomes[unit] = {
      .error = published.error, .duplicate = published.duplicate, .id = published.id, .receivers = published.receivers};
  --progress.outstanding;
  if (progress.outstanding == 0 && progress.next == progress.outcomes.size() && !progress.asking) {
    finish(client, connection);
  }
}

void MessagesApi::on_answer(Client& client, Connection& connection, const hub::Answer& answer) {
  PublishProgress& progress = *responder_.state(client).publish;
  if (!progress.asking || answer.correlation >> 32 != client.correlation) return;
  const auto unit = static_cast<size_t>(answer.correlation & UINT32_MAX);
  PublishOutcome& outcome = progress.outcomes[unit];
  outcome.receivers = static_cast<uint32_t>(affected(answer));
  if (outcome.acknowledgement != nullptr && !answer.rows.empty()) {
    outcome.acknowledgement->arguments = answer.rows[0].text;
    for (size_t i = 1; i < answer.rows.size(); ++i) outcome.acknowledgement->attachments.push_back(answer.rows[i].text);
  }
  progress.asking = false;
  if (progress.next < progress.outcomes.size()) {
    // From within a call of the hub nothing may be published: the rest goes on before the flush.
    responder_.continue_later(client);
  } else if (progress.outstanding == 0) {
    finish(client, connection);
  }
}

void MessagesApi::go_on(Client& client, Connection& connection) {
  if (client.extra == nullptr) return;
  const RequestState& current = client.extra_as<RequestState>();
  if (current.publish != nullptr) publish(client, connection, parse_again(clients_.route_of(client).dialect, current));
}

void MessagesApi::finish(Client& client, Connection& connection) {
  flow_.proceed(client);
  RequestState& current = responder_.state(client);
  const PublishProgress& progress = *current.publish;
  body_.clear();
  if (progress.detached && !all_refused(progress)) {
    codec::JsonWriter(body_).begin_object().string("status", "accepted").end_object();
    return responder_.respond(client, connection, {202, kJson, body_});
  }
  if (progress.single || progress.detached) {
    const codec::PublishResult result = result_of(progress.outcomes[0]);
    if (result.error != nullptr) {
      const PublishOutcome& outcome = progress.outcomes[0];
      const uint16_t status = outcome.refusal != nullptr && !outcome.passing ? 403 : 503;
      const Error error = *result.error;  // the outcome goes with the request
      return responder_.refuse(client, connection, status, error.code, error.message);
    }
    codec::append_publish_result(body_, result);
    return responder_.respond(client, connection, {200, kJson, body_});
  }
  const codec::PublishBody body = parse_again(clients_.route_of(client).dialect, current);
  if (body.is_batch) codec::append_batch_begin(body_);
  size_t unit = 0;
  for (const codec::PublishRequest& item : body.requests) {
    if (unit != 0) codec::append_batch_next(body_);
    if (!has_results(item)) {
      codec::append_publish_result(body_, result_of(progress.outcomes[unit++]));
      continue;
    }
    results_.clear();
    for (const std::string_view name : item.names) {
      results_.push_back(result_of(progress.outcomes[unit++]));
      results_.back().target_key = item.target == TargetKind::rooms ? "room" : "user";
      results_.back().target = name;
    }
    codec::append_publish_results(body_, results_);
  }
  if (body.is_batch) codec::append_batch_end(body_);
  responder_.respond(client, connection, {200, kJson, body_});
}

MessagesApi::Verdict MessagesApi::ask_about(Client& client, hub::Publish& publish, PublishOutcome& outcome) {
  PublishProgress& progress = *responder_.state(client).publish;
  if (!progress.decision) {
    Hooks& hooks = *clients_.hooks();
    const HookMessage message{
        .room = hub::name_of(publish.key), .event = publish.event, .kind = publish.kind, .payload = publish.payload};
    if (!hooks.wants(HookEvent::publish, message.room)) return Verdict::publish;
    const Ticket ticket = decisions_.open(Decisions::About::message_over_http, client.id);
    const HookClient asked{.connection = {},
                           .user = publish.user,
                           .tenant = hub::tenant_of(publish.key),
                           .transport = "http",
                           .address = {}};
    progress.decision = hooks.decide_publish(asked, message, clients_.reactor().wall_us(), ticket);
    if (!progress.decision) {
      progress.ticket = ticket.number;
      return Verdict::wait;
    }
    decisions_.close(ticket);
  }
  HookDecision& decision = *progress.decision;
  if (!decision.allow) {
    complete_refusal(decision, "this message");
    outcome.refusal = std::make_unique<Error>(Error{decision.code, decision.reason});
    outcome.passing = decision.passing;
    progress.decision.reset();
    return Verdict::refused;
  }
  if (decision.event) publish.event = *decision.event;
  if (decision.payload) {
    publish.payload = *decision.payload;
    publish.kind = decision.kind;
  }
  return Verdict::publish;
}

}  // namespace ringcast::session
