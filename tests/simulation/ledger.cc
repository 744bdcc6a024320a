// SPDX-License-Identifier: Apache-2.0
#include "ledger.h"

#include <charconv>
#include <iterator>

namespace ringcast::simulation {

std::string make_token(std::string_view key, uint64_t publisher, uint64_t sequence) {
  return std::string(key) + '|' + std::to_string(publisher) + '.' + std::to_string(sequence) + '|';
}

Token read_token(std::string_view token) {
  Token out;
  const size_t first = token.find('|');
  const size_t dot = token.find('.', first == std::string_view::npos ? 0 : first);
  if (first == std::string_view::npos || dot == std::string_view::npos) violated("content", std::string(token));
  out.key = token.substr(0, first);
  const char* end = token.data() + token.size();
  std::from_chars(token.data() + first + 1, end, out.publisher);
  std::from_chars(token.data() + dot + 1, end, out.sequence);
  return out;
}

void Ledger::refused(std::string_view token) {
  if (by_token_.count(std::string(token)) != 0) violated("half-applied", std::string(token) + " was refused");
  refused_.emplace(token);
}

void Ledger::saw(std::string_view key, uint64_t id, std::string_view token) {
  const Token parts = read_token(token);
  const auto what = [&] { return std::string(token) + " as " + std::string(key) + " " + std::to_string(id); };
  if (parts.key != key) violated("tenant", what());
  auto found = channels_.find(key);
  if (found == channels_.end()) found = channels_.emplace(std::string(key), Channel{}).first;
  Channel& channel = found->second;
  if (refused_.count(std::string(token)) != 0) violated("half-applied", what() + " was refused");
  if (channel.from_one && (id == 0 || id > channel.made)) {
    violated("contiguous", what() + " with " + std::to_string(channel.made) + " messages ever sent to it");
  }
  const auto [at, fresh] = channel.messages.emplace(id, token);
  if (!fresh) {
    if (at->second != token) violated("one-order", what() + ", which is also " + at->second);
    return;
  }
  if (!by_token_.emplace(std::string(token), id).second) violated("duplicate-message", what());
  // Messages of one connection to one channel keep their order.
  std::map<uint64_t, uint64_t>& own = channel.by_publisher[parts.publisher];
  const auto place = own.emplace(parts.sequence, id).first;
  if (place != own.begin() && std::prev(place)->second > id) violated("publisher-order", what());
  if (std::next(place) != own.end() && std::next(place)->second < id) violated("publisher-order", what());
}

uint64_t Ledger::highest(std::string_view key) const {
  const auto found = channels_.find(key);
  return found == channels_.end() || found->second.messages.empty() ? 0 : found->second.messages.rbegin()->first;
}

}  // namespace ringcast::simulation
