// SPDX-License-Identifier: Apache-2.0
#include "transport/subscription.h"

#include <algorithm>
#include <unordered_set>

#include "api/request.h"
#include "client/guard.h"
#include "client/routes.h"
#include "client/session_options.h"
#include "codec/native/cursor.h"
#include "codec/native/subscribe_request.h"

namespace ringcast::session {

void identify(Client& client, const Request& request) {
  client.anonymous = request.identity.anonymous();
  client.who = Who(request.identity);
}

std::string channel_key_for(const Client& client, std::string_view name) {
  return hub::channel_key(client.tenant(), name);
}

Result<std::vector<Subscribed>> requested_channels(const Request& request, const Client& client, size_t rooms_max) {
  const auto names = codec::room_list(request.query, rooms_max);
  if (!names) return tl::unexpected<Error>(names.error());
  std::vector<Subscribed> channels;
  channels.reserve(names->size());
  std::string scratch;
  for (const std::string_view name : *names) {
    const auto resolved = codec::resolve_channel(name, client.user(), scratch);
    if (!resolved) return tl::unexpected<Error>(resolved.error());
    std::string key = channel_key_for(client, resolved->name);
    // "@me" and the same inbox by its name are one channel.
    const bool known =
        std::any_of(channels.begin(), channels.end(), [&](const auto& other) { return other.key == key; });
    if (!known) channels.push_back({.key = std::move(key), .kind = resolved->kind});
  }
  return channels;
}

namespace {

// topics=a,,b: empty ones are none. False: one of them cannot be a room.
template <class Add>
bool add_topics(const Request& request, const Client& client, Add&& add) {
  for (size_t i = 0; i < request.query.size(); ++i) {
    const auto [key, value] = request.query.at(i);
    if (!codec::is_room_parameter(key)) continue;
    std::string_view rest = value;
    while (!rest.empty()) {
      const std::string_view topic = rest.substr(0, rest.find(','));
      rest.remove_prefix(std::min(rest.size(), topic.size() + 1));
      if (topic.empty()) continue;
      if (!codec::check_room(topic)) return false;
      add(Subscribed{.key = channel_key_for(client, topic)});
    }
  }
  return true;
}

}  // namespace

Result<std::vector<Subscribed>> initial_channels(const Request& request, const Client& client,
                                                 const SessionOptions& options, size_t rooms_max) {
  const Route& route = request.route;
  std::vector<Subscribed> channels;
  const auto add = [&](Subscribed channel) {
    const bool known =
        std::any_of(channels.begin(), channels.end(), [&](const auto& other) { return other.key == channel.key; });
    if (!known) channels.push_back(std::move(channel));
  };
  std::string name, scratch;
  for (const std::string& joined : route.join) {
    if (joined == codec::kOwnInbox && client.anonymous) continue;
    name = joined;
    if (const size_t hole = name.find("{}"); hole != std::string::npos) name.replace(hole, 2, request.argument);
    const auto resolved = codec::resolve_channel(name, client.user(), scratch);
    if (!resolved) return tl::unexpected<Error>(resolved.error());
    add({.key = channel_key_for(client, resolved->name), .kind = resolved->kind});
  }
  for (const std::string& room : request.rooms) add({.key = channel_key_for(client, room), .granted = true});
  if (route.dialect == Dialect::native) {
    auto requested = requested_channels(request, client, rooms_max);
    if (!requested) return requested;
    if (channels.empty()) return requested;
    for (Subscribed& channel : *requested) add(std::move(channel));
  } else if (route.dialect == Dialect::broker && codec::names_rooms(request.query)) {
    if (!route.settings.topics || !options.broker_topics) return fail("topics_not_enabled", "topics not enabled");
    if (!add_topics(request, client, add)) return fail("invalid_topic", "invalid topic");
  }
  if (channels.size() > rooms_max) {
    return fail("too_many_rooms", "a stream may have " + std::to_string(rooms_max) + " channels");
  }
  return channels;
}

namespace {

// In the order in which they were named.
void keep_first_rooms(PostedChannels& posted, size_t rooms_max) {
  std::unordered_set<std::string> rooms;
  std::erase_if(posted.channels, [&](const Subscribed& channel) {
    if (channel.kind != codec::ChannelKind::room || rooms.contains(channel.key)) return false;
    if (rooms.size() < rooms_max) {
      rooms.insert(channel.key);
      return false;
    }
    posted.refused.push_back({std::string(channel.name()),
                              {"too_many_rooms", "a connection may be in " + std::to_string(rooms_max) + " rooms"}});
    return true;
  });
}

}  // namespace

Result<PostedChannels> posted_channels(const Request& request, const Client& client, const Guard& guard,
                                       const SessionOptions& options) {
  codec::SubscribeRequest asked;
  const codec::JsonLimits limits{options.json_depth_max, options.message_max, options.batch_items_max};
  // The inbox and `*` are no rooms. Of what is above the limit as much again is refused by itself.
  const size_t rooms_max = options.rooms_per_websocket_max;
  if (auto error = codec::parse_subscribe_body(request.http.body, limits, 2 * rooms_max + 2, asked)) {
    return tl::unexpected<Error>(*std::move(error));
  }
  PostedChannels posted;
  posted.timeout_s = asked.timeout_s;
  for (const std::string& room : request.rooms) {
    posted.channels.push_back({.key = channel_key_for(client, room), .granted = true});
  }
  std::string scratch;
  for (const std::string_view name : asked.rooms) {
    const auto resolved = codec::resolve_channel(name, client.user(), scratch);
    if (!resolved) {
      posted.refused.push_back({std::string(name), resolved.error()});
      continue;
    }
    posted.channels.push_back({.key = channel_key_for(client, resolved->name), .kind = resolved->kind});
  }
  if (posted.channels.size() > rooms_max) keep_first_rooms(posted, rooms_max);
  const auto in_order = [](const Subscribed& a, const Subscribed& b) { return a.name() < b.name(); };
  const auto same = [](const Subscribed& a, const Subscribed& b) { return a.key == b.key; };
  std::stable_sort(posted.channels.begin(), posted.channels.end(), in_order);
  posted.channels.erase(std::unique(posted.channels.begin(), posted.channels.end(), same), posted.channels.end());
  for (const auto& [name, id] : asked.positions) {
    const auto resolved = codec::resolve_channel(name, client.user(), scratch);
    if (!resolved) continue;
    const Subscribed wanted{.key = channel_key_for(client, resolved->name)};
    const auto at = std::lower_bound(posted.channels.begin(), posted.channels.end(), wanted, in_order);
    if (at == posted.channels.end() || at->key != wanted.key) continue;
    at->has_cursor = true;
    at->cursor = id;
  }
  std::erase_if(posted.channels, [&](Subscribed& channel) {
    const auto permitted = permit(guard, client, {&channel, 1});
    if (!permitted) posted.refused.push_back({std::string(channel.name()), permitted.error()});
    return !permitted;
  });
  if (!posted.channels.empty()) return posted;
  if (!posted.refused.empty()) return tl::unexpected<Error>(posted.refused[0].error);
  return fail("missing_rooms", "the body names no channels: {\"rooms\":[…]}");
}

bool apply_cursor(const Request& request, std::string_view text, std::string_view user,
                  std::span<Subscribed> channels) {
  std::vector<Subscribed*> sorted(channels.size());
  std::transform(channels.begin(), channels.end(), sorted.begin(), [](Subscribed& channel) { return &channel; });
  std::sort(sorted.begin(), sorted.end(), [](const auto* a, const auto* b) { return a->name() < b->name(); });
  std::vector<std::string_view> names(sorted.size());
  std::transform(sorted.begin(), sorted.end(), names.begin(), [](const auto* channel) { return channel->name(); });

  const auto cursor = codec::parse_cursor(text, names, user);
  if (!cursor || cursor->match == codec::Cursor::Match::absent) {
    // A dialect knows nothing of gaps.
    if (request.route.dialect != Dialect::native) return false;
    for (Subscribed& channel : channels) channel.fault = CursorFault::unreadable;
    return false;
  }
  for (size_t i = 0; i < sorted.size(); ++i) {
    Subscribed& channel = *sorted[i];
    if (cursor->match == codec::Cursor::Match::mismatch) {
      // From the very beginning: everything that history has left is sent.
      channel.has_cursor = true;
      channel.fault = CursorFault::other_channels;
      channel.cursor = 0;
    } else if (cursor->positions[i] != codec::kNoPosition) {
      channel.has_cursor = true;
      channel.cursor = cursor->positions[i];
    }
  }
  return true;
}

Result<void> permit(const Guard& guard, const Client& client, std::span<Subscribed> channels) {
  for (Subscribed& channel : channels) {
    if (channel.granted) continue;
    if (!guard.may(client, access::Operation::subscribe, channel.key)) {
      return fail("forbidden", "this client may not subscribe to " + codec::quoted(channel.name()));
    }
    channel.replays = !channel.has_cursor || guard.may(client, access::Operation::history, channel.key);
  }
  return {};
}

hub::Join join_of(const Client& client, const Subscribed& channel) {
  return {.connection = client.id,
          .key = channel.key,
          .name = channel.key == client.inbox_key() ? client.who.inbox_name() : hub::Name(),
          .has_cursor = channel.has_cursor,
          .cursor = channel.cursor,
          .replays = channel.replays,
          .user = client.user()};
}

}  // namespace ringcast::session
