// SPDX-License-Identifier: Apache-2.0
#include "api/request_limits.h"

#include "api/request.h"
#include "api/request_state.h"
#include "api/responder.h"
#include "client/admission.h"
#include "client/client_address.h"
#include "client/clients.h"
#include "client/flow.h"
#include "client/meters.h"
#include "codec/native/names.h"

namespace ringcast::session {

using access::Charge;
using access::Scope;
using reactor::Connection;

namespace {

std::string_view noun_of(Charge charge) {
  switch (charge) {
    case Charge::connects: return "connects a minute";
    case Charge::messages: return "messages a second";
    case Charge::bytes: return "bytes a second";
    default: return "connections at once";
  }
}

uint64_t limit_of(const access::RateLimits& limits, Scope scope, Charge charge) {
  return charge == Charge::connections ? limits.connections(scope) : limits.rate(scope, charge).amount;
}

}  // namespace

std::string limit_text(const access::RateLimits& limits, const Judgement& judgement, std::string_view whose) {
  std::string text = whose.empty() ? "the limit of this " : "the limit of ";
  text += to_string(judgement.scope);
  if (!whose.empty()) text += " " + codec::quoted(whose);
  text += " is " + std::to_string(limit_of(limits, judgement.scope, judgement.why)) + " ";
  text += noun_of(judgement.why);
  return text;
}

// False: refused.
bool RequestLimits::find_address(Client& client, Connection& connection, const codec::HttpRequest& http) {
  const SessionOptions& options = clients_.options();
  if (options.trusted_proxies.empty() && !options.limits.any()) return true;
  auto address = addresses_.of_request(client, http.headers);
  if (!address) {
    responder_.refuse(client, connection, 400, address.error().code, address.error().message);
    return false;
  }
  responder_.state(client).address = *address;
  return true;
}

void RequestLimits::subjects_of(const Client& client, const access::Identity& identity, const IpAddress& address,
                                const Subjects& add) {
  if (identity.method == access::Method::admin) return;
  if (identity.method == access::Method::api_key) {
    return add(admission_.subject_of(Scope::key, identity.key_name), false);
  }
  if (address.is_set() && !address.is_loopback()) add(admission_.subject_of(address), client.by_address);
  if (identity.anonymous()) return;
  key_.assign(identity.tenant);
  key_ += hub::kTenantEnd;
  key_ += identity.user;
  add(admission_.subject_of(Scope::user, key_), false);
}

bool RequestLimits::ask(Client& client, const access::Identity& identity, const access::Question& cost, bool apart) {
  const access::RateLimits& limits = clients_.options().limits;
  if (!limits.any()) return false;
  questions_.clear();
  const bool opens = cost.connects != 0;
  subjects_of(client, identity, responder_.state(client).address,
              [&](const access::LimitSubject& subject, bool counted_already) {
                access::Question question = cost;
                question.subject = subject;
                question.counted = opens && limits.connections(subject.scope) != 0 && (apart || !counted_already);
                const bool rated = opens ? limits.rate(subject.scope, Charge::connects).limited()
                                         : limits.limits_sending(subject.scope);
                if (question.counted || rated) questions_.push_back(question);
              });
  if (questions_.empty()) return false;
  client.standing = true;
  if (!client.waiting) flow_.await(client);
  admission_.ask(client.id, questions_, false);
  return true;
}

void RequestLimits::meter(Client& client, const access::Identity& identity, const IpAddress& address) {
  if (!clients_.options().limits.limits_sending() || identity.method == access::Method::admin) return;
  std::array<access::LimitSubject, Meters::kSubjectsMax> subjects;
  size_t count = 0;
  subjects_of(client, identity, address,
              [&](const access::LimitSubject& subject, bool) { subjects[count++] = subject; });
  meters_.open(client, {subjects.data(), count});
}

void RequestLimits::refuse(Client& client, Connection& connection, const Judgement& judgement) {
  const RequestState& current = responder_.state(client);
  std::string whose;
  if (judgement.scope == Scope::address) whose = current.address.to_string();
  if (judgement.scope == Scope::user) whose = current.identity.user;
  if (judgement.scope == Scope::key) whose = current.identity.key_name;
  const auto after = std::chrono::ceil<milliseconds>(judgement.wait);
  responder_.refuse(client, connection, 429,
                    judgement.why == Charge::connections ? "too_many_connections" : "rate_limited",
                    limit_text(clients_.options().limits, judgement, whose), {}, after);
}

}  // namespace ringcast::session
