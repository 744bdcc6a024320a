// SPDX-License-Identifier: Apache-2.0
// What is known about every channel of a simulated world, from acknowledgements and from what any client was sent:
// which message has which id. Whatever contradicts it is a violation. One per world, one thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "trace.h"

namespace ringcast::simulation {

// "room|publisher.sequence|…": what a message's content says about itself.
struct Token {
  std::string_view key;  // tenant:room
  uint64_t publisher = 0;
  uint64_t sequence = 0;
};
std::string make_token(std::string_view key, uint64_t publisher, uint64_t sequence);
Token read_token(std::string_view token);

class Ledger {
 public:
  // Channels whose ids begin with 1: all of them are known by counting, also when a channel goes and comes back.
  void counts_from_one(std::string_view key) { channels_[std::string(key)].from_one = true; }
  // A client is about to publish a new message to channel `key`.
  void made(std::string_view key) { ++channels_[std::string(key)].made; }
  // An error was answered to `token`: nothing of it was published.
  void refused(std::string_view token);
  // A message of channel `key` ("tenant:room") with `id` and the content `token`.
  void saw(std::string_view key, uint64_t id, std::string_view token);
  // The newest id known of a channel; 0: none.
  uint64_t highest(std::string_view key) const;
  size_t messages() const { return by_token_.size(); }

 private:
  struct Channel {
    uint64_t made = 0;  // at most so many messages are in it
    bool from_one = false;
    std::map<uint64_t, std::string> messages;
    std::unordered_map<uint64_t, std::map<uint64_t, uint64_t>> by_publisher;  // sequence → id
  };
  std::map<std::string, Channel, std::less<>> channels_;
  std::unordered_map<std::string, uint64_t> by_token_;
  std::unordered_set<std::string> refused_;
};

}  // namespace ringcast::simulation
