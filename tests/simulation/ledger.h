// What is known about every channel of a simulated world, from acknowledgements and from what any client was sent:
// which message has which id. Whatever contradicts it is a violation. One per world, one thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>

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
  // A message of channel `key` ("tenant:room") with `id` and the content `token`.
  void saw(std::string_view key, uint64_t id, std::string_view token);
  // The newest id known of a channel; 0: none.
  uint64_t highest(std::string_view key) const;
  size_t messages() const { return by_token_.size(); }

 private:
  struct Channel {
    std::map<uint64_t, std::string> messages;
    std::unordered_map<uint64_t, std::map<uint64_t, uint64_t>> by_publisher;  // sequence → id
  };
  std::map<std::string, Channel, std::less<>> channels_;
  std::unordered_map<std::string, uint64_t> by_token_;
};

}  // namespace ringcast::simulation
