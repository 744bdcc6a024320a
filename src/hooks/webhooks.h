// SPDX-License-Identifier: Apache-2.0
// Webhooks as hooks of the sessions: what happens on a core becomes a call of the sender, and what the operator's
// server decides becomes mail to that core. Made, started and stopped by the main thread; the hooks' functions belong
// to the reactors. Stands before other hooks, if there are any, which hear of everything too.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/error.h"
#include "client/hooks.h"
#include "hooks/sender.h"
#include "reactor/mesh_producer.h"

namespace ringcast::hooks {

class Webhooks final : public session::Hooks {
 public:
  // Before the reactors start; wake_descriptor() must stay open in their tables. `next` may be null.
  [[nodiscard]] static Result<std::unique_ptr<Webhooks>> create(SenderOptions options, session::Hooks* next);

  int wake_descriptor() const { return sender_->wake_descriptor(); }
  void start(reactor::Producer producer);
  // When no reactor runs any more.
  void stop();

  bool on_action(const session::HookClient& client, std::string_view text) override;
  bool wants(session::HookEvent event, std::string_view room) const override;
  void notify(const session::HookNotice& notice) override;
  std::optional<session::HookDecision> decide_connect(const session::HookClient& client,
                                                      const session::HookRequest& request, uint64_t time_us,
                                                      session::Ticket ticket) override;
  std::optional<session::HookDecision> decide_publish(const session::HookClient& client,
                                                      const session::HookMessage& message, uint64_t time_us,
                                                      session::Ticket ticket) override;
  std::optional<session::HookDecision> decide_event(const session::HookClient& client,
                                                    const session::HookEmitted& emitted, uint64_t time_us,
                                                    session::Ticket ticket) override;
  void append_metrics(std::string& out) const override;

 private:
  Webhooks(uint16_t cores, session::Hooks* next) : cores_(cores), next_(next) {}
  std::optional<session::HookDecision> ask(std::unique_ptr<Call> call, session::Ticket ticket);
  bool answer(const Call& call, const Decision& decision);

  const uint16_t cores_;
  session::Hooks* const next_;
  std::optional<reactor::Producer> producer_;  // the sender's thread's
  std::unique_ptr<Sender> sender_;
};

}  // namespace ringcast::hooks
