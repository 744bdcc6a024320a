// SPDX-License-Identifier: Apache-2.0
#include "inlets/pattern.h"

#include <algorithm>
#include <cstdint>
#include <vector>

namespace ringcast::inlets {

Result<void> check_redis_pattern(std::string_view pattern) {
  if (pattern.find_first_of("?[\\") != std::string_view::npos)
    return fail("bad_pattern", "of Redis's patterns only * may be used, not ?, [ and \\");
  if (wildcards_of(pattern) > 9) return fail("bad_pattern", "at most nine *");
  if (pattern.find("**") != std::string_view::npos) return fail("bad_pattern", "** is the same as *");
  return {};
}

uint32_t wildcards_of(std::string_view redis_pattern) {
  return static_cast<uint32_t>(std::count(redis_pattern.begin(), redis_pattern.end(), '*'));
}

bool capture_redis(std::string_view pattern, std::string_view name, std::vector<std::string_view>& captured) {
  captured.clear();
  const size_t first = std::min(pattern.find('*'), pattern.size());
  if (name.substr(0, first) != pattern.substr(0, first)) return false;
  pattern.remove_prefix(first);
  name.remove_prefix(first);
  while (!pattern.empty()) {
    pattern.remove_prefix(1);  // the *
    const std::string_view literal = pattern.substr(0, pattern.find('*'));
    pattern.remove_prefix(literal.size());
    // The last piece has to end the name.
    if (pattern.empty() && !name.ends_with(literal)) return false;
    const size_t at = pattern.empty() ? name.size() - literal.size() : name.find(literal);
    if (at == std::string_view::npos) return false;
    captured.push_back(name.substr(0, at));
    name.remove_prefix(at + literal.size());
  }
  return name.empty();
}

bool redis_patterns_meet(std::string_view one, std::string_view other) {
  // From the ends: whether what is left of `one` behind a place and of `other` behind another meet.
  std::vector<bool> after(other.size() + 1), here(other.size() + 1);
  for (size_t i = one.size() + 1; i-- > 0;) {
    for (size_t j = other.size() + 1; j-- > 0;) {
      const bool one_ends = i == one.size(), other_ends = j == other.size();
      if (one_ends && other_ends) {
        here[j] = true;
      } else if (!one_ends && one[i] == '*') {
        here[j] = after[j] || (!other_ends && here[j + 1]);
      } else if (!other_ends && other[j] == '*') {
        here[j] = here[j + 1] || (!one_ends && after[j]);
      } else {
        here[j] = !one_ends && !other_ends && one[i] == other[j] && after[j + 1];
      }
    }
    after.swap(here);
  }
  return after[0];
}

namespace {

// Takes the first word of a subject off it.
std::string_view next_word(std::string_view& subject) {
  const size_t dot = subject.find('.');
  const std::string_view word = subject.substr(0, dot);
  subject.remove_prefix(dot == std::string_view::npos ? subject.size() : dot + 1);
  return word;
}

}  // namespace

Result<void> check_nats_subject(std::string_view subject) {
  if (subject.ends_with('.')) return fail("bad_pattern", "a subject is words with dots between them");
  if (nats_wildcards_of(subject) > 9) return fail("bad_pattern", "at most nine * and >");
  while (!subject.empty()) {
    const std::string_view word = next_word(subject);
    if (word.empty() || word.find(' ') != std::string_view::npos)
      return fail("bad_pattern", "a subject is words with dots between them");
    if (word.size() > 1 && word.find_first_of("*>") != std::string_view::npos)
      return fail("bad_pattern", "* and > must be whole words between dots");
    if (word == ">" && !subject.empty()) return fail("bad_pattern", "> must be the last word");
  }
  return {};
}

uint32_t nats_wildcards_of(std::string_view subject) {
  return static_cast<uint32_t>(
      std::count_if(subject.begin(), subject.end(), [](char c) { return c == '*' || c == '>'; }));
}

bool capture_nats(std::string_view pattern, std::string_view subject, std::vector<std::string_view>& captured) {
  captured.clear();
  while (!pattern.empty()) {
    const std::string_view wanted = next_word(pattern);
    if (subject.empty()) return false;
    if (wanted == ">") {
      captured.push_back(subject);
      return true;
    }
    const std::string_view word = next_word(subject);
    if (wanted == "*") {
      captured.push_back(word);
    } else if (word != wanted) {
      return false;
    }
  }
  return subject.empty();
}

}  // namespace ringcast::inlets
