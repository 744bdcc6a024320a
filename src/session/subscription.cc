// SPDX-License-Identifier: Apache-2.0
#include "session/subscription.h"

#include <algorithm>

#include "session/guard.h"
#include "session/request.h"
#include "session/routes.h"
#include "wire/cursor.h"

namespace ringcast::session {

void identify(Client& client, const Request& request) {
  client.anonymous = request.identity.anonymous();
  client.who = Who(request.identity);
}

std::string channel_key_for(const Client& client, std::string_view name) {
  return hub::channel_key(client.tenant(), name);
}

Result<std::vector<Subscribed>> requested_channels(const Request& request, const Client& client, size_t rooms_max) {
  const auto names = wire::room_list(request.query, rooms_max);
  if (!names) return tl::unexpected<Error>(names.error());
  std::vector<Subscribed> channels;
  channels.reserve(names->size());
  std::string scratch;
  for (const std::string_view name : *names) {
    const auto resolved = wire::resolve_channel(name, client.user(), scratch);
    if (!resolved) return tl::unexpected<Error>(resolved.error());
    std::string key = channel_key_for(client, resolved->name);
    // "@me" and the same inbox by its name are one channel.
    const bool known =
        std::any_of(channels.begin(), channels.end(), [&](const auto& other) { return other.key == key; });
    if (!known) channels.push_back({.key = std::move(key), .kind = resolved->kind});
  }
  return channels;
}

Result<std::vector<Subscribed>> initial_channels(const Request& request, const Client& client, size_t rooms_max) {
  const Route& route = request.route;
  std::vector<Subscribed> channels;
  const auto add = [&](Subscribed channel) {
    const bool known =
        std::any_of(channels.begin(), channels.end(), [&](const auto& other) { return other.key == channel.key; });
    if (!known) channels.push_back(std::move(channel));
  };
  std::string name, scratch;
  for (const std::string& joined : route.join) {
    if (joined == wire::kOwnInbox && client.anonymous) continue;
    name = joined;
    if (const size_t hole = name.find("{}"); hole != std::string::npos) name.replace(hole, 2, request.argument);
    const auto resolved = wire::resolve_channel(name, client.user(), scratch);
    if (!resolved) return tl::unexpected<Error>(resolved.error());
    add({.key = channel_key_for(client, resolved->name), .kind = resolved->kind});
  }
  for (const std::string& room : request.rooms) add({.key = channel_key_for(client, room), .granted = true});
  if (route.dialect == Dialect::native) {
    auto requested = requested_channels(request, client, rooms_max);
    if (!requested) return requested;
    if (channels.empty()) return requested;
    for (Subscribed& channel : *requested) add(std::move(channel));
  } else if (route.dialect == Dialect::broker && !request.query.get("topics").value_or("").empty()) {
    if (!route.settings.topics) return fail("topics_not_enabled", "topics not enabled");
    auto requested = requested_channels(request, client, rooms_max);
    if (!requested) return fail("invalid_topic", "invalid topic: " + requested.error().message);
    for (Subscribed& channel : *requested) add(std::move(channel));
  }
  if (channels.size() > rooms_max) {
    return fail("too_many_rooms", "a stream may have " + std::to_string(rooms_max) + " channels");
  }
  return channels;
}

Result<void> apply_cursor(std::string_view text, std::string_view user, std::vector<Subscribed>& channels) {
  if (text.empty() || channels.empty()) return {};
  std::vector<Subscribed*> sorted(channels.size());
  std::transform(channels.begin(), channels.end(), sorted.begin(), [](Subscribed& channel) { return &channel; });
  std::sort(sorted.begin(), sorted.end(), [](const auto* a, const auto* b) { return a->name() < b->name(); });
  std::vector<std::string_view> names(sorted.size());
  std::transform(sorted.begin(), sorted.end(), names.begin(), [](const auto* channel) { return channel->name(); });

  const auto cursor = wire::parse_cursor(text, names, user);
  if (!cursor) return tl::unexpected<Error>(cursor.error());
  if (cursor->match == wire::Cursor::Match::absent) return {};
  for (size_t i = 0; i < sorted.size(); ++i) {
    Subscribed& channel = *sorted[i];
    if (cursor->match == wire::Cursor::Match::mismatch) {
      // From the very beginning: everything that history has left is sent.
      channel.has_cursor = channel.mismatch = true;
      channel.cursor = 0;
    } else if (cursor->positions[i] != wire::kNoPosition) {
      channel.has_cursor = true;
      channel.cursor = cursor->positions[i];
    }
  }
  return {};
}

Result<void> permit(const Guard& guard, const Client& client, std::vector<Subscribed>& channels) {
  for (Subscribed& channel : channels) {
    if (channel.granted) continue;
    if (!guard.may(client, auth::Operation::subscribe, channel.key)) {
      return fail("forbidden", "this client may not subscribe to " + wire::quoted(channel.name()));
    }
    if (channel.has_cursor && !guard.may(client, auth::Operation::history, channel.key)) {
      channel.has_cursor = false;
      channel.mismatch = true;
    }
  }
  return {};
}

hub::Join join_of(const Client& client, const Subscribed& channel) {
  return {.connection = client.id,
          .key = channel.key,
          .name = channel.key == client.inbox_key() ? client.who.inbox_name() : hub::Name(),
          .has_cursor = channel.has_cursor,
          .cursor = channel.cursor,
          .user = client.user()};
}

}  // namespace ringcast::session
