// SPDX-License-Identifier: Apache-2.0
#include "access/rules.h"

#include <algorithm>

#include "codec/native/names.h"

namespace ringcast::access {

namespace {

// Control characters are in no name, so they can mark what is not literal.
constexpr char kStar = 1, kDeepStar = 2, kUser = 3, kTenant = 4;

constexpr std::string_view kOperations[] = {"subscribe", "publish", "presence", "history", "broadcast"};

// Backtracking goes to the last star only, and beyond it to the last double one: what an earlier one could take instead
// leads to nothing that the later one cannot reach.
bool matches(std::string_view pattern, std::string_view text, const Subject& subject) {
  constexpr size_t kNone = std::string_view::npos;
  size_t p = 0, t = 0;
  size_t star_p = kNone, star_t = 0, deep_p = kNone, deep_t = 0;
  const auto step = [&] {
    if (p == pattern.size()) return false;
    const char mark = pattern[p];
    if (mark == kUser || mark == kTenant) {
      // Literal, whatever characters it has; nobody without a name has a place under it.
      const std::string_view name = mark == kUser ? subject.user : subject.tenant;
      if (name.empty() || !text.substr(t).starts_with(name)) return false;
      ++p;
      t += name.size();
      return true;
    }
    if (t == text.size() || mark != text[t]) return false;
    ++p;
    ++t;
    return true;
  };
  for (;;) {
    if (p < pattern.size() && pattern[p] == kDeepStar) {
      deep_p = ++p;
      deep_t = t;
      star_p = kNone;
    } else if (p < pattern.size() && pattern[p] == kStar) {
      star_p = ++p;
      star_t = t;
    } else if (step()) {
    } else if (p == pattern.size() && t == text.size()) {
      return true;
    } else if (star_p != kNone && star_t < text.size() && text[star_t] != '/') {
      p = star_p;
      t = ++star_t;
    } else if (deep_p != kNone && deep_t < text.size()) {
      p = deep_p;
      t = ++deep_t;
      star_p = kNone;
    } else {
      return false;
    }
  }
}

std::string compiled(std::string_view pattern) {
  std::string out;
  while (!pattern.empty()) {
    const auto take = [&](std::string_view word, char mark) {
      if (!pattern.starts_with(word)) return false;
      out += mark;
      pattern.remove_prefix(word.size());
      return true;
    };
    if (take("**", kDeepStar) || take("*", kStar) || take("{user}", kUser) || take("{tenant}", kTenant)) continue;
    out += pattern.front();
    pattern.remove_prefix(1);
  }
  return out;
}

}  // namespace

std::optional<Operation> operation_from(std::string_view name) {
  const auto* const at = std::find(std::begin(kOperations), std::end(kOperations), name);
  if (at == std::end(kOperations)) return std::nullopt;
  return static_cast<Operation>(1 << (at - std::begin(kOperations)));
}

std::string_view to_string(Operation operation) {
  size_t at = 0;
  while (1u << at != static_cast<unsigned>(operation)) ++at;
  return kOperations[at];
}

Result<void> Rules::add(std::string_view pattern, Operations operations, std::vector<std::string> users) {
  const bool control =
      std::any_of(pattern.begin(), pattern.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; });
  if (pattern.empty() || pattern.size() > kRulePatternMax || control || !codec::is_valid_utf8(pattern)) {
    return fail("bad_rule",
                "a pattern has 1 to " + std::to_string(kRulePatternMax) + " bytes of UTF-8 without control characters");
  }
  if (operations == 0) return fail("bad_rule", "a rule allows nothing; there are " + std::string(kOperationNames));
  rules_.push_back({compiled(pattern), operations, std::move(users)});
  return {};
}

bool Rules::allow(Operation operation, std::string_view name, const Subject& subject) const {
  const bool inbox = name.starts_with('@');
  for (const Rule& rule : rules_) {
    if ((rule.operations & static_cast<Operations>(operation)) == 0) continue;
    if (!rule.users.empty() &&
        std::find(rule.users.begin(), rule.users.end(), subject.user.empty() ? codec::kAnonymousUser : subject.user) ==
            rule.users.end())
      continue;
    if (operation == Operation::broadcast) return true;
    if (inbox == rule.pattern.starts_with('@') && matches(rule.pattern, name, subject)) return true;
  }
  return false;
}

}  // namespace ringcast::access
