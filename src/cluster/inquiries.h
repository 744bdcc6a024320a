// SPDX-License-Identifier: Apache-2.0
// Inquiries: questions of this node's cores that other nodes have to answer (who is connected there, which rooms they
// have), or that concern a connection of theirs; and the answers to those of other nodes, for which the cores of this
// one are asked.
//
// A question is published on a channel that all nodes have subscribed to. How many did hear it is what PUBLISH answers:
// so many answers are waited for, or `kPatience`, whichever comes first. They come on a channel of the asking node's
// own. What is on these channels may be of another release, or rubbish: every length is checked.
//
// The bridge's; its thread only.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "hub/types.h"
#include "reactor/mail.h"

namespace ringcast::cluster {

// What connections are called outside; both from any thread.
struct ConnectionNames {
  std::function<std::string(const hub::Address&)> name_of;
  std::function<std::optional<hub::Address>(std::string_view)> address_of;  // none: not one of this node
};

class Inquiries {
 public:
  static constexpr std::chrono::nanoseconds kPatience = std::chrono::milliseconds(500);
  static constexpr size_t kOthersMax = 256;  // of other nodes, answered at the same time
  static constexpr uint32_t kRowsMax = 10'000;

  class Host {
   public:
    virtual ~Host() = default;
    // The number of those who hear it comes as Inquiries::on_heard().
    virtual void publish(std::string_view channel, std::string_view text, uint64_t question) = 0;
    virtual void post_text(uint16_t core, reactor::Mail mail, std::string_view text) = 0;
  };

  Inquiries(std::string prefix, uint64_t node, uint16_t cores, ConnectionNames names, Host& host);

  std::string questions_channel() const { return prefix_ + ":questions"; }
  std::string answers_channel(uint64_t node) const { return prefix_ + ":answers:" + std::to_string(node); }
  std::string answers_channel() const { return answers_channel(node_); }

  // `reachable`: others hear this node, and it hears them.
  void ask(uint16_t core, uint64_t gather, const hub::Query& query, bool reachable, int64_t now_ns);
  void on_heard(uint64_t question, uint64_t receivers);
  void on_question(std::string_view text, int64_t now_ns);
  void on_answer(std::string_view text);
  // Of a core of this node, to a question of another.
  void on_core_answer(const reactor::Mail& mail);
  // The connection was lost: nobody answers any more.
  void on_lost();
  void on_interval(int64_t now_ns);

 private:
  struct Own {
    uint16_t core = 0;
    uint64_t gather = 0;
    int64_t until_ns = 0;
    std::optional<uint64_t> others;  // how many have heard it
    uint64_t answered = 0;
    hub::Answer answer{};
  };
  struct Others {
    uint64_t node = 0, question = 0;
    uint32_t missing = 0, limit = 0;
    int64_t until_ns = 0;
    hub::Answer answer{};
  };
  void settle(uint64_t question, Own& own);
  void finish(uint64_t question, uint32_t silent);
  void send_answer(const Others& others);
  void ask_core(uint16_t core, uint64_t handle, const hub::Query& query);

  const std::string prefix_;
  const uint64_t node_;
  const uint16_t cores_;
  const ConnectionNames names_;
  Host& host_;
  std::map<uint64_t, Own> own_;        // by the number of the question
  std::map<uint64_t, Others> others_;  // by the handle that cores answer with
  uint64_t last_ = 0;
  std::string scratch_;
};

}  // namespace ringcast::cluster
