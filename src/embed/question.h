// SPDX-License-Identifier: Apache-2.0
// What a hook was asked and may answer later: the way back to the core that waits. Made on a reactor's thread, answered
// once by any.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "client/hooks.h"
#include "reactor/mesh_producer.h"

namespace ringcast::embed {

// Where answers of other threads leave, for as long as the server runs. Any thread, a reactor's too, which answers
// another question from within a hook: send() never waits, since that reactor may be the one that has to make room.
class AnswerDesk {
 public:
  AnswerDesk() = default;
  AnswerDesk(const AnswerDesk&) = delete;
  AnswerDesk& operator=(const AnswerDesk&) = delete;
  ~AnswerDesk() { close(); }

  void open(reactor::Producer producer);
  // After Mesh::stop_producers(), or with nothing waiting.
  void close();
  void send(session::Ticket ticket, session::HookDecision decision);

 private:
  struct Waiting {
    reactor::MemberId to;
    reactor::Mail mail;
    uint32_t bytes;
  };
  void send_waiting();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<reactor::Producer> producer_;  // under the mutex while nothing waits, else thread_'s
  std::deque<Waiting> waiting_;                // for credit, in order; at most one answer for each open question
  bool closing_ = false;
  std::thread thread_;
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
