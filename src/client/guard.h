// SPDX-License-Identifier: Apache-2.0
// What one core knows about tokens and permissions: the present policy, which connection's token ends when, and whether
// a client may do what it asks for. One per gate, its thread only. A check of a permission reads and takes no memory;
// newer policies and revocations are looked for once per interval and before a token is verified.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "access/authority.h"
#include "access/identity.h"
#include "access/policy.h"
#include "base/error.h"
#include "client/clients.h"

namespace ringcast::session {

// What ends with a token; called on the clients' thread. Either may close the connection.
class TokenListener {
 public:
  virtual ~TokenListener() = default;
  // Whether the client is one whose token is to be watched: a stream, a WebSocket or a poll.
  virtual bool holds_token(const Client& client) const = 0;
  virtual void tell_expiring(Client& client, uint64_t left_ms) = 0;
  virtual void end_token(Client& client, TokenEnd how) = 0;
};

class Guard {
 public:
  Guard(Clients& clients, TokenListener& listener);

  const access::Policy& policy() const { return *policy_; }
  // People's clients prove who they are.
  bool tokens() const { return policy_->tokens; }
  // Takes the newest policy. Before a request is judged.
  void refresh();
  [[nodiscard]] Result<access::Identity> verify(std::string_view token);

  // `key` is a channel's, `operation` one of subscribe, publish, presence, history. Publishing to `*` asks for the rule
  // about broadcasts.
  bool may(const Client& client, access::Operation operation, std::string_view key) const;
  // The same for a request over HTTP, `name` without the tenant. Who has no token there is a server.
  bool may(const access::Identity& identity, access::Operation operation, std::string_view name) const;

  // The connection has opened: it is notified before its token ends, and closed when it has.
  void watch(const Client& client);
  // A further token: must be for the same user. On an error nothing has changed.
  [[nodiscard]] Result<void> renew(Client& client, std::string_view token);
  // Seconds until the client's token ends, at least 1; UINT64_MAX without an end.
  uint64_t seconds_left(const Client& client) const;

  void on_interval();

 private:
  struct Due {
    uint64_t at_s;
    ConnectionId id;
    bool notified;  // that its token is about to end
  };
  static bool later(const Due& a, const Due& b) { return a.at_s > b.at_s; }

  uint64_t now_s() const;
  bool permitted(access::Operation operation, std::string_view name, std::string_view own_inbox, access::Method method,
                 const access::Subject& subject, const access::Grant* grant) const;
  const Client* watched(ConnectionId id);
  void push(Due due);
  void come_due(const Due& due);
  void sweep();

  Clients& clients_;
  TokenListener& listener_;
  access::Authority* authority_ = nullptr;
  std::shared_ptr<const access::Policy> policy_;
  uint64_t generation_ = 0;
  std::vector<Due> due_;  // a heap, the next one first; one entry per connection, and those of closed ones
  size_t due_before_thinning_ = 1024;
  // So many clients from this one on, in a circle, have not been held against the newest revocations. Further ones do
  // not begin anew, or a stream of them would leave the last clients out.
  uint32_t sweep_slot_ = 0, sweep_left_ = 0;
};

}  // namespace ringcast::session
