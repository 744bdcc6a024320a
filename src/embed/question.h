// SPDX-License-Identifier: Apache-2.0
// What a hook was asked and may answer later: the way back to the core that waits. Made on a reactor's thread, answered
// once by any.
#pragma once

#include <memory>
#include <mutex>
#include <optional>

#include "runtime/mesh_producer.h"
#include "session/hooks.h"

namespace ringcast::embed {

// Where answers of other threads leave, for as long as the server runs.
class AnswerDesk {
 public:
  void open(runtime::Producer producer);
  void close();
  void send(session::Ticket ticket, session::HookDecision decision);

 private:
  std::mutex mutex_;
  std::optional<runtime::Producer> producer_;
};

class Question {
 public:
  Question(std::weak_ptr<AnswerDesk> desk, session::Ticket ticket) : desk_(std::move(desk)), ticket_(ticket) {}
  ~Question() { drop(); }
  Question(const Question&) = delete;
  Question& operator=(const Question&) = delete;

  void answer(session::HookDecision decision);
  // Nobody will.
  void drop();
  // When the hook has returned: what it decided at once, if it did. Later answers go by mail.
  std::optional<session::HookDecision> at_once();

 private:
  const std::weak_ptr<AnswerDesk> desk_;
  const session::Ticket ticket_;
  std::mutex mutex_;
  bool asked_ = false;     // the hook has returned
  bool answered_ = false;  // the first answer counts
  std::optional<session::HookDecision> decision_;
};

}  // namespace ringcast::embed
