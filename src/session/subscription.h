// SPDX-License-Identifier: Apache-2.0
// What a visitor subscribes to, read off a request: who it is, which channels, from which positions.
// Pure functions of the request; a Subscription belongs to the call that opens a connection.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "hub/types.h"
#include "session/client.h"
#include "wire/names.h"

namespace ringcast::session {

class Guard;
struct Request;

struct Subscribed {
  std::string key;
  wire::ChannelKind kind = wire::ChannelKind::room;
  bool has_cursor = false;
  bool mismatch = false;  // the cursor was made for other channels, or may not be used: `gap` is told in any case
  uint64_t cursor = 0;
  bool granted = false;  // by hooks, whatever the rules say

  std::string_view name() const { return hub::name_of(key); }
};

// Notes who the visitor is: Client::who and `anonymous`.
void identify(Client& client, const Request& request);
std::string channel_key_for(const Client& client, std::string_view name);

// The channels that `rooms=` names, in that order, without cursors; `@me` is resolved. Codes: those of names.h.
Result<std::vector<Subscribed>> requested_channels(const Request& request, const Client& client, size_t rooms_max);

// What a connection joins at once: those of its route, then those that it names, where the dialect lets it.
Result<std::vector<Subscribed>> initial_channels(const Request& request, const Client& client, size_t rooms_max);

// Puts a cursor's positions (any of its three forms) onto channels. A cursor of the first two forms speaks of all of
// them. Code bad_cursor.
Result<void> apply_cursor(std::string_view text, std::string_view user, std::vector<Subscribed>& channels);

// Whether the client may subscribe to all of them; code forbidden. A position in a channel whose history is not for it
// is dropped, which the client is told as a gap.
Result<void> permit(const Guard& guard, const Client& client, std::vector<Subscribed>& channels);

// Joins as `apply_cursor` left it.
hub::Join join_of(const Client& client, const Subscribed& channel);

}  // namespace ringcast::session
