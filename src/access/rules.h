// SPDX-License-Identifier: Apache-2.0
// What may be done in which rooms: rules of a pattern and operations, from the settings or from a token. What no rule
// allows is forbidden. Compiled once; a check reads and takes no memory. Immutable once made; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace ringcast::access {

enum class Operation : uint8_t {
  subscribe = 1,   // join a room
  publish = 2,     // messages, binary frames and typing; to an inbox where the pattern begins with '@'
  presence = 4,    // ask who is in a room
  history = 8,     // ask for old messages, and resume from a position
  broadcast = 16,  // publish to everybody; the pattern says nothing
};
using Operations = uint8_t;
inline constexpr std::string_view kOperationNames = "subscribe, publish, presence, history, broadcast";
std::optional<Operation> operation_from(std::string_view name);
std::string_view to_string(Operation operation);

inline constexpr size_t kRulePatternMax = 128;

// Whom a rule is asked about. `user` is empty for who is anonymous.
struct Subject {
  std::string_view tenant;
  std::string_view user;
};

class Rules {
 public:
  // In `pattern` a `*` stands for any run of characters but '/', `**` for any run, `{user}` and `{tenant}` for those
  // names; all else is literal. A pattern that begins with '@' is about inboxes, any other about rooms. With `users`
  // the rule holds for these only. Code bad_rule.
  [[nodiscard]] Result<void> add(std::string_view pattern, Operations operations, std::vector<std::string> users = {});

  bool empty() const { return rules_.empty(); }
  size_t size() const { return rules_.size(); }
  // `name` is the channel's: "general", "@alice", "*".
  bool allow(Operation operation, std::string_view name, const Subject& subject) const;

 private:
  struct Rule {
    std::string pattern;  // with the marks of rules.cc for what is not literal
    Operations operations;
    std::vector<std::string> users;
  };
  std::vector<Rule> rules_;
};

}  // namespace ringcast::access
