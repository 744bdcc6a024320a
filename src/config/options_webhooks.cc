// SPDX-License-Identifier: Apache-2.0
// `[[webhooks]]` sections: where events go, and how. What they mean is src/webhook's business.
#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <optional>

#include "config/options_table.h"
#include "config/options_toml.h"
#include "hooks/endpoints.h"

namespace ringcast::config {
namespace {

using hooks::EndpointOptions;

constexpr size_t kUrlSizeMax = 2048;
constexpr size_t kSecretSizeMax = 1024;

struct NumberKey {
  std::string_view key;
  uint32_t EndpointOptions::*field;
  uint32_t min, max;
};
constexpr std::array<NumberKey, 4> kNumbers = {{
    {"retries", &EndpointOptions::retries, 0, 100},
    {"queue_max", &EndpointOptions::queue_max, 1, 1'000'000},
    {"batch_max", &EndpointOptions::batch_max, 1, 10'000},
    {"concurrency", &EndpointOptions::concurrency, 1, 1'000},
}};

struct DurationKey {
  std::string_view key;
  hooks::milliseconds EndpointOptions::*field;
  std::chrono::minutes max;
};
constexpr std::array<DurationKey, 3> kDurations = {{
    {"timeout", &EndpointOptions::timeout, std::chrono::minutes(5)},
    {"retry_delay", &EndpointOptions::retry_delay, std::chrono::minutes(60)},
    {"retry_delay_max", &EndpointOptions::retry_delay_max, std::chrono::minutes(60)},
}};

constexpr std::string_view kKeys =
    "url, secret, secret_file, ca_file, events, rooms, timeout, retries, retry_delay, retry_delay_max, on_failure, "
    "queue_max, "
    "batch_max, concurrency";

// The first line of the file; the error is what is wrong with it.
Result<std::string> read_secret(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  if (!file) return fail_errno("cannot be read", errno);
  std::getline(file, line);
  return line;
}

std::string range_of(const NumberKey& number) {
  return "must be a whole number from " + std::to_string(number.min) + " to " + std::to_string(number.max);
}

// Empty: taken. Else why not.
std::string take(const TomlEntry& entry, EndpointOptions& endpoint, bool& has_secret) {
  const auto text = entry.node->value_exact<std::string>();
  if (entry.key == "url") {
    if (!text || text->size() > kUrlSizeMax || !hooks::check_url(*text))
      return "must be a URL of http or https of at most " + std::to_string(kUrlSizeMax) + " bytes";
    endpoint.url = *text;
    return {};
  }
  if (entry.key == "secret" || entry.key == "secret_file") {
    if (std::exchange(has_secret, true)) return "there is one secret: as secret or in secret_file";
    if (!text) return "must be a text";
    auto secret = entry.key == "secret" ? Result<std::string>(*text) : read_secret(*text);
    if (!secret) return secret.error().message;
    const bool control =
        std::any_of(secret->begin(), secret->end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; });
    if (*secret == kHiddenSecret) return "it was hidden when this was printed";
    if (secret->empty() || secret->size() > kSecretSizeMax || control)
      return "a secret has 1 to " + std::to_string(kSecretSizeMax) + " bytes without control characters";
    endpoint.secret = *std::move(secret);
    return {};
  }
  if (entry.key == "ca_file") {
    if (!text || text->empty()) return "must be the path of a file with certificates in PEM";
    if (!std::ifstream(*text)) return std::string("cannot be read: ") + ::strerrordesc_np(errno);
    endpoint.ca_file = *text;
    return {};
  }
  if (entry.key == "events") {
    const auto names = texts_of(*entry.node);
    if (!names || names->empty()) return "must be a list of " + std::string(hooks::kEventNames);
    for (const std::string& name : *names) {
      const auto event = hooks::event_from(name);
      if (!event) return "there is no \"" + name + "\", only " + std::string(hooks::kEventNames);
      endpoint.events |= static_cast<hooks::Events>(*event);
    }
    return {};
  }
  if (entry.key == "rooms") {
    auto patterns = texts_of(*entry.node);
    const auto bad = [](const std::string& pattern) { return pattern.empty() || pattern.size() > kRoomPatternSizeMax; };
    if (!patterns || patterns->empty() || patterns->size() > hooks::kRoomPatternsMax ||
        std::any_of(patterns->begin(), patterns->end(), bad))
      return "must be a list of 1 to " + std::to_string(hooks::kRoomPatternsMax) + " patterns of 1 to " +
             std::to_string(kRoomPatternSizeMax) + " bytes";
    endpoint.rooms = *std::move(patterns);
    return {};
  }
  if (entry.key == "on_failure") {
    if (!text || (*text != "allow" && *text != "deny")) return "must be \"allow\" or \"deny\"";
    endpoint.allow_on_failure = *text == "allow";
    return {};
  }
  for (const NumberKey& number : kNumbers) {
    if (entry.key != number.key) continue;
    const auto value = entry.node->value_exact<int64_t>();
    if (!value || *value < number.min || *value > number.max) return range_of(number);
    endpoint.*number.field = static_cast<uint32_t>(*value);
    return {};
  }
  for (const DurationKey& duration : kDurations) {
    if (entry.key != duration.key) continue;
    const auto value = text ? parse_duration(*text) : fail("bad_type", "");
    if (!value || *value < std::chrono::milliseconds(1) || *value > duration.max)
      return "must be a duration from 1ms to " + format_duration(duration.max);
    endpoint.*duration.field = std::chrono::duration_cast<hooks::milliseconds>(*value);
    return {};
  }
  return "?";
}

bool is_known(std::string_view key) {
  std::string_view rest = kKeys;
  while (!rest.empty()) {
    const std::string_view name = rest.substr(0, rest.find(','));
    if (name == key) return true;
    rest.remove_prefix(std::min(rest.size(), name.size() + 2));
  }
  return false;
}

// What of a section can never happen; empty: nothing.
std::string unreachable(const EndpointOptions& endpoint, const std::vector<EndpointOptions>& earlier) {
  const auto has = [](const EndpointOptions& of, hooks::Event event) {
    return (of.events & static_cast<hooks::Events>(event)) != 0;
  };
  bool about_rooms = false;
  for (unsigned bit = 1; bit <= endpoint.events; bit <<= 1) {
    about_rooms = about_rooms || (has(endpoint, static_cast<hooks::Event>(bit)) &&
                                  hooks::is_about_room(static_cast<hooks::Event>(bit)));
  }
  if (!endpoint.rooms.empty() && !about_rooms) return "rooms has no use: none of these events is about a room";
  for (const std::string& pattern : endpoint.rooms) {
    if (const std::string why = pattern_mistake(pattern); !why.empty())
      return "rooms: \"" + pattern + "\" matches no room: " + why;
  }
  for (const EndpointOptions& other : earlier) {
    if (has(endpoint, hooks::Event::connect) && has(other, hooks::Event::connect))
      return "connect is decided by the first section that has it, \"" + hooks::shown_url(other.url) +
             "\"; this one is never asked";
    const auto taken = [&](const std::string& pattern) {
      return std::any_of(other.rooms.begin(), other.rooms.end(),
                         [&](const std::string& first) { return pattern_covers(first, pattern); });
    };
    if (has(endpoint, hooks::Event::publish) && has(other, hooks::Event::publish) &&
        (other.rooms.empty() ||
         (!endpoint.rooms.empty() && std::all_of(endpoint.rooms.begin(), endpoint.rooms.end(), taken))))
      return "publish in these rooms is decided by a section before it, \"" + hooks::shown_url(other.url) +
             "\"; this one is never asked";
  }
  return {};
}

Result<void> read_webhook(const toml::table& table, const std::string& path, Draft& draft) {
  EndpointOptions endpoint;
  const std::string section = path + ":" + std::to_string(table.source().begin.line);
  bool has_secret = false;
  for (const TomlEntry& entry : by_line(table)) {
    const std::string place = path + ":" + std::to_string(entry.line);
    if (!is_known(entry.key))
      return fail("unknown_setting",
                  place + ": unknown setting of [[webhooks]] \"" + entry.key + "\"; there is " + std::string(kKeys));
    const std::string why = take(entry, endpoint, has_secret);
    if (why.empty()) continue;
    // A secret is nothing for a log.
    return bad_setting(place, entry.key, entry.key == "secret" ? "\"…\"" : spelled(*entry.node), why);
  }
  if (endpoint.url.empty()) return fail("missing_setting", section + ": [[webhooks]] needs url = \"…\"");
  if (endpoint.events == 0) return fail("missing_setting", section + ": [[webhooks]] needs events = [\"…\"]");
  if (const std::string why = unreachable(endpoint, draft.options.webhooks); !why.empty())
    return fail("impossible_settings", section + ": " + why);
  if (endpoint.retry_delay > endpoint.retry_delay_max)
    return fail("impossible_settings", section + ": retry_delay must not be more than retry_delay_max");
  draft.options.webhooks.push_back(std::move(endpoint));
  return {};
}

}  // namespace

Result<void> read_webhooks(const TomlEntry& entry, const std::string& path, Draft& draft) {
  const auto sections = sections_of(entry, path, hooks::kEndpointsMax);
  if (!sections) return tl::unexpected(sections.error());
  for (const toml::node& section : **sections) {
    if (auto read = read_webhook(*section.as_table(), path, draft); !read) return read;
  }
  return {};
}

void print_webhook(std::string& out, const EndpointOptions& endpoint) {
  const auto line = [&](std::string_view key, const std::string& value) {
    out.append(key).append(" = ").append(value).append("\n");
  };
  const auto list = [&](std::string_view key, const std::vector<std::string>& items) {
    out.append(key).append(" = [");
    for (size_t i = 0; i < items.size(); ++i) out += (i == 0 ? "" : ", ") + quoted_toml(items[i]);
    out += "]\n";
  };
  out += "\n[[webhooks]]\n";
  line("url", quoted_toml(endpoint.url));
  if (!endpoint.secret.empty()) line("secret", quoted_toml(endpoint.secret));
  if (!endpoint.ca_file.empty()) line("ca_file", quoted_toml(endpoint.ca_file));
  std::vector<std::string> events;
  for (unsigned bit = 1; bit <= endpoint.events; bit <<= 1) {
    if ((endpoint.events & bit) != 0) events.emplace_back(to_string(static_cast<hooks::Event>(bit)));
  }
  list("events", events);
  if (!endpoint.rooms.empty()) list("rooms", endpoint.rooms);
  for (const DurationKey& duration : kDurations)
    line(duration.key, quoted_toml(format_duration(endpoint.*duration.field)));
  for (const NumberKey& number : kNumbers) line(number.key, std::to_string(endpoint.*number.field));
  line("on_failure", endpoint.allow_on_failure ? "\"allow\"" : "\"deny\"");
}

}  // namespace ringcast::config
