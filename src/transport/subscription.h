// SPDX-License-Identifier: Apache-2.0
// What a visitor subscribes to, read off a request: who it is, which channels, from which positions.
// Pure functions of the request; a Subscription belongs to the call that opens a connection.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "client/client.h"
#include "codec/native/names.h"
#include "hub/types.h"

namespace ringcast::session {

class Guard;
struct Request;
struct SessionOptions;

// Why a client gets a `gap`, whatever the channel's history has.
enum class CursorFault : uint8_t {
  none,
  other_channels,  // its cursor was made for others: all that history has left is sent
  unreadable,      // it is none that this server gives: the channel begins live
};
// The reason that the `gap` gives; empty: none.
constexpr std::string_view gap_reason(CursorFault fault) {
  return fault == CursorFault::unreadable ? "unknown_cursor" : "";
}

struct Subscribed {
  std::string key;
  codec::ChannelKind kind = codec::ChannelKind::room;
  bool has_cursor = false;
  bool replays = true;  // history is for this client
  CursorFault fault = CursorFault::none;
  uint64_t cursor = 0;
  bool granted = false;  // by hooks, whatever the rules say

  std::string_view name() const { return hub::name_of(key); }
};

// Notes who the visitor is: Client::who and `anonymous`.
void identify(Client& client, const Request& request);
std::string channel_key_for(const Client& client, std::string_view name);

// The channels that `rooms=` names, in that order, without cursors; `@me` is resolved. Codes: those of names.h.
[[nodiscard]] Result<std::vector<Subscribed>> requested_channels(const Request& request, const Client& client,
                                                                 size_t rooms_max);

// What a connection joins at once: those of its route, then those that it names, where the dialect lets it.
[[nodiscard]] Result<std::vector<Subscribed>> initial_channels(const Request& request, const Client& client,
                                                               const SessionOptions& options, size_t rooms_max);

// A channel that was asked for and is not joined, and why.
struct RefusedChannel {
  std::string name;
  Error error;
};

// What a body names (POST /events, POST /poll): each channel that the client may subscribe to, in order of their names,
// with its position. What is wrong with one of them ends nothing: it goes into `refused`. Codes: those of
// parse_subscribe_body(), missing_rooms, and that of the first refusal when no channel is left.
struct PostedChannels {
  std::vector<Subscribed> channels;
  std::vector<RefusedChannel> refused;
  std::optional<uint32_t> timeout_s;
};
[[nodiscard]] Result<PostedChannels> posted_channels(const Request& request, const Client& client, const Guard& guard,
                                                     const SessionOptions& options);

// Puts a cursor's positions (any of its three forms) onto channels. A cursor of the first two forms speaks of all of
// them, and so does one that cannot be read, which is no error: an EventSource would give up for good. True: it could
// be read, so that the client goes on from there.
bool apply_cursor(const Request& request, std::string_view text, std::string_view user, std::span<Subscribed> channels);

// Whether the client may subscribe to all of them; code forbidden. In a channel whose history is not for it a position
// only says whether it has missed something.
[[nodiscard]] Result<void> permit(const Guard& guard, const Client& client, std::span<Subscribed> channels);

// Joins as `apply_cursor` left it.
hub::Join join_of(const Client& client, const Subscribed& channel);

}  // namespace ringcast::session
