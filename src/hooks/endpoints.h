// SPDX-License-Identifier: Apache-2.0
// Where events go: the `[[webhooks]]` sections of the settings, in their order. Immutable once made; any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "hooks/event.h"

namespace ringcast::hooks {

using std::chrono::milliseconds;

inline constexpr size_t kEndpointsMax = 32;  // bits of Call::endpoints
inline constexpr size_t kRoomPatternsMax = 64;

struct EndpointOptions {
  std::string url;
  std::string secret;
  std::string ca_file;  // authorities to trust, in PEM; empty: the system's
  Events events = 0;
  std::vector<std::string> rooms;  // patterns for events about rooms; empty: all
  milliseconds timeout{5'000};     // of one try; for decisions of all of them
  uint32_t retries = 5;            // of notifications
  milliseconds retry_delay{1'000};
  milliseconds retry_delay_max{60'000};
  bool allow_on_failure = false;  // decisions that nobody makes
  uint32_t queue_max = 10'000;    // events that wait
  uint32_t batch_max = 100;       // notifications in one call
  uint32_t concurrency = 32;      // decisions under way

  friend bool operator==(const EndpointOptions&, const EndpointOptions&) = default;
};

// http or https with a host. Code bad_url.
[[nodiscard]] Result<void> check_url(std::string_view url);
// The URL without what may be secret in it: user and password, query. For logs and metrics.
std::string shown_url(std::string_view url);

class Endpoints {
 public:
  explicit Endpoints(std::vector<EndpointOptions> options);

  size_t size() const { return options_.size(); }
  const EndpointOptions& operator[](size_t index) const { return options_[index]; }

  // Whether anybody wants to hear of such an event, whatever the room.
  bool wants(Event event) const { return (events_ & static_cast<Events>(event)) != 0; }
  // The bits of those that get it: notifications go to all who want them, decisions to the first.
  uint32_t wanted(Event event, std::string_view room) const;

 private:
  std::vector<EndpointOptions> options_;
  Events events_ = 0;
};

}  // namespace ringcast::hooks
