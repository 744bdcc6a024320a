// SPDX-License-Identifier: Apache-2.0
// The host program's hooks in the sessions' terms. Called on the reactors' threads.
#pragma once

#include <memory>
#include <optional>

#include "client/hooks.h"
#include "embed/question.h"
#include "ringcast/hooks.h"

namespace ringcast::embed {

class HostHooks final : public session::Hooks {
 public:
  HostHooks(ringcast::Hooks hooks, std::shared_ptr<AnswerDesk> desk)
      : hooks_(std::move(hooks)), desk_(std::move(desk)) {}

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

 private:
  const ringcast::Hooks hooks_;
  const std::shared_ptr<AnswerDesk> desk_;
};

}  // namespace ringcast::embed
