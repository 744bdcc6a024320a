// SPDX-License-Identifier: Apache-2.0
#include "client/guard.h"

#include <algorithm>

#include "base/log.h"

namespace ringcast::session {

using access::Method;
using access::Operation;

namespace {

// Connections held against new revocations in one interval: short enough not to be felt, a million in a few seconds.
constexpr uint32_t kSweptPerInterval = 32 << 10;
constexpr uint32_t kDuePerInterval = 2048;

std::string own_inbox_of(const access::Identity& identity) {
  return identity.anonymous() ? std::string() : '@' + identity.user;
}

}  // namespace

Guard::Guard(Clients& clients, TokenListener& listener)
    : clients_(clients), listener_(listener), policy_(std::make_shared<access::Policy>()) {
  refresh();
}

uint64_t Guard::now_s() const {
  return clients_.reactor().wall_us() / 1'000'000;
}

void Guard::refresh() {
  access::Authority* const authority = clients_.options().authority;
  if (authority == nullptr || (authority == authority_ && authority->generation() == generation_)) return;
  authority_ = authority;
  // Read before the policy: what changes in between is seen again, never missed.
  generation_ = authority->generation();
  policy_ = authority->policy();
  sweep_left_ = UINT32_MAX;
}

Result<access::Identity> Guard::verify(std::string_view token) {
  if (!authority_->complete()) return fail("try_again", "what other nodes have revoked is not known yet");
  std::optional<std::string> unknown_key;
  auto identity = policy_->verify(token, now_s(), authority_->revoked(), unknown_key);
  if (!unknown_key) return identity;
  if (authority_->may_come(*unknown_key)) {
    return fail("try_again", "the key that has signed this token is being fetched");
  }
  if (authority_->generation() == generation_) return identity;
  refresh();  // it came in the meantime, or does not come
  return policy_->verify(token, now_s(), authority_->revoked(), unknown_key);
}

bool Guard::permitted(Operation operation, std::string_view name, std::string_view own_inbox, Method method,
                      const access::Subject& subject, const access::Grant* grant) const {
  const SessionOptions& options = clients_.options();
  const bool server = method == Method::api_key || method == Method::admin;
  // Such a key names users as it likes, so that nothing is its own, and nothing that clients may do without a rule.
  if (server && grant != nullptr) {
    if (hub::is_broadcast(name) && operation == Operation::publish) operation = Operation::broadcast;
    if (hub::is_broadcast(name) && operation == Operation::subscribe) return true;
    return grant->rules.allow(operation, name, subject);
  }
  const bool free = server || !policy_->restricts();
  if (hub::is_inbox(name)) {
    if (!own_inbox.empty() && name == own_inbox) return true;
    if (operation != Operation::publish) return false;
    return server || options.clients_may_direct || (!free && policy_->allows(operation, name, subject, grant));
  }
  if (hub::is_broadcast(name)) {
    switch (operation) {
      case Operation::publish:
        return server || options.clients_may_broadcast ||
               (!free && policy_->allows(Operation::broadcast, name, subject, grant));
      case Operation::presence: return free;
      default: return true;
    }
  }
  return free || policy_->allows(operation, name, subject, grant);
}

bool Guard::may(const Client& client, Operation operation, std::string_view key) const {
  const std::string_view inbox = client.inbox_key();
  return permitted(operation, hub::name_of(key), client.anonymous ? std::string_view() : hub::name_of(inbox),
                   client.who.method(), {client.tenant(), client.anonymous ? std::string_view() : client.user()},
                   client.who.grant());
}

bool Guard::may(const access::Identity& identity, Operation operation, std::string_view name) const {
  if (identity.method != Method::token && identity.grant == nullptr) return true;
  return permitted(operation, name, own_inbox_of(identity), identity.method, {identity.tenant, identity.user},
                   identity.grant.get());
}

// --- the end of tokens ---

void Guard::watch(const Client& client) {
  const access::Grant* const grant = client.who.grant();
  if (grant == nullptr || grant->expires_s == 0) return;
  push({std::max(now_s(), grant->expires_s - std::min(grant->expires_s, clients_.options().token_notice_s)), client.id,
        clients_.options().token_notice_s == 0});
}

void Guard::push(Due due) {
  // Entries of connections that are gone stay until their time; they may be as many again as those that are open.
  if (due_.size() >= due_before_thinning_) {
    std::erase_if(due_, [this](const Due& entry) { return watched(entry.id) == nullptr; });
    std::make_heap(due_.begin(), due_.end(), later);
    due_before_thinning_ = std::max<size_t>(1024, 2 * due_.size());
  }
  due_.push_back(due);
  std::push_heap(due_.begin(), due_.end(), later);
}

const Client* Guard::watched(ConnectionId id) {
  const Client* const client = clients_.find(id);
  return client != nullptr && listener_.holds_token(*client) && client->who.grant() != nullptr &&
                 client->phase != Phase::closing
             ? client
             : nullptr;
}

void Guard::come_due(const Due& due) {
  if (watched(due.id) == nullptr) return;
  Client& client = *clients_.find(due.id);
  const uint64_t expires_s = client.who.grant()->expires_s;
  if (expires_s == 0) return;  // renewed for good
  const uint64_t now = now_s();
  const uint64_t notice = clients_.options().token_notice_s;
  if (now >= expires_s) {
    clients_.stats().auth_failure(AuthFailure::token_ended).add();
    return listener_.end_token(client, TokenEnd::expired);
  }
  if (notice != 0 && now + notice < expires_s) return push({expires_s - notice, due.id, false});  // renewed meanwhile
  if (!due.notified && client.phase != Phase::open) return push({now + 1, due.id, false});
  if (!due.notified) {
    const uint64_t left_ms = (expires_s - now) * 1000;
    listener_.tell_expiring(client, left_ms);
  }
  push({expires_s, due.id, true});
}

Result<void> Guard::renew(Client& client, std::string_view token) {
  refresh();
  if (!policy_->tokens || client.who.method() != Method::token) {
    return fail("forbidden", "this connection was not opened with a token");
  }
  auto identity = verify(token);
  if (!identity) return tl::unexpected<Error>(identity.error());
  if (identity->user != client.user() || identity->tenant != client.tenant()) {
    return fail("bad_token", "the token is another user's");
  }
  const bool was_watched = client.who.grant()->expires_s != 0;
  const uint64_t before_s = client.who.grant()->expires_s;
  // The one entry of the connection comes due by the old token's end, and finds the new one then.
  if (was_watched && identity->grant->expires_s != 0 && identity->grant->expires_s < before_s) {
    return fail("bad_token", "the token ends before the one that it is to replace");
  }
  client.who.set_grant(std::move(identity->grant));
  if (!was_watched) watch(client);
  return {};
}

uint64_t Guard::seconds_left(const Client& client) const {
  const access::Grant* const grant = client.who.grant();
  if (grant == nullptr || grant->expires_s == 0) return UINT64_MAX;
  const uint64_t now = now_s();
  return grant->expires_s > now ? grant->expires_s - now : 1;
}

void Guard::sweep() {
  const uint32_t slots = clients_.slots_end();
  sweep_left_ = std::min(sweep_left_, slots);
  for (uint32_t left = std::min(sweep_left_, kSweptPerInterval); left != 0; --left, --sweep_left_) {
    if (sweep_slot_ >= slots) sweep_slot_ = 0;
    const uint32_t slot = sweep_slot_++;
    if (!clients_.holds(slot)) continue;
    Client& client = clients_.at(slot);
    const access::Grant* const grant = client.kind == Kind::none ? nullptr : client.who.grant();
    if (grant == nullptr || watched(client.id) == nullptr) continue;
    if (!is_revoked(*grant, authority_->revoked()) &&
        (policy_->listed == nullptr || !is_revoked(*grant, *policy_->listed))) {
      continue;
    }
    clients_.stats().auth_failure(AuthFailure::token_revoked).add();
    listener_.end_token(client, TokenEnd::revoked);
  }
}

void Guard::on_interval() {
  refresh();
  const uint64_t now = now_s();
  for (uint32_t n = 0; n < kDuePerInterval && !due_.empty() && due_.front().at_s <= now; ++n) {
    const Due due = due_.front();
    std::pop_heap(due_.begin(), due_.end(), later);
    due_.pop_back();
    come_due(due);
  }
  if (sweep_left_ != 0) sweep();
}

}  // namespace ringcast::session
