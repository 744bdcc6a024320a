// SPDX-License-Identifier: Apache-2.0
// [[routes]]: what is spoken at a path and what is set for the connections that come there. A key that is also a
// setting has the type and range of that setting; the others are known here.
#include <algorithm>
#include <functional>

#include "server/options_toml.h"
#include "wire/names.h"

namespace ringcast::server {
namespace {

using session::Dialect;
using session::NativeTransport;
using std::chrono::milliseconds;

constexpr std::string_view kTransports[] = {"websocket", "events", "poll"};
constexpr size_t kPathSizeMax = 128;
constexpr size_t kNamesMax = 32;
constexpr milliseconds kBrokerHeartbeatMin{5000};

milliseconds ms(const Value& value) {
  return std::chrono::duration_cast<milliseconds>(std::get<Duration>(value));
}
uint32_t count(const Value& value) {
  return static_cast<uint32_t>(std::min<uint64_t>(std::get<uint64_t>(value), UINT32_MAX));
}

// A key of [[routes]] that has a setting's type and range.
struct Borrowed {
  std::string_view key;
  std::string_view setting;
  void (*set)(session::RouteSettings& settings, const Value& value);
};
constexpr Borrowed kBorrowed[] = {
    {"heartbeat_interval", "heartbeat_interval",
     [](auto& to, const Value& value) { to.heartbeat_interval = ms(value); }},
    {"heartbeat_timeout", "heartbeat_timeout", [](auto& to, const Value& value) { to.heartbeat_timeout = ms(value); }},
    {"write_timeout", "tcp_user_timeout", [](auto& to, const Value& value) { to.write_timeout = ms(value); }},
    {"client_timeout", "tcp_user_timeout", [](auto& to, const Value& value) { to.write_timeout = ms(value); }},
    {"retry", "retry", [](auto& to, const Value& value) { to.retry = ms(value); }},
    {"message_size_max", "message_size_max", [](auto& to, const Value& value) { to.message_max = count(value); }},
    {"outbox_size_max", "outbox_size_max", [](auto& to, const Value& value) { to.outbox_bytes_max = count(value); }},
    {"outbox_messages_max", "outbox_messages_max",
     [](auto& to, const Value& value) { to.outbox_messages_max = count(value); }},
    {"client_buffer_size", "outbox_messages_max",
     [](auto& to, const Value& value) { to.outbox_messages_max = count(value); }},
    {"connections_max", "connections_per_address_max",
     [](auto& to, const Value& value) { to.connections_max = count(value); }},
    {"max_connections", "connections_per_address_max",
     [](auto& to, const Value& value) { to.connections_max = count(value); }},
    {"send_buffer_size", "send_buffer_size", [](auto& to, const Value& value) { to.send_buffer_bytes = count(value); }},
    {"slow_consumer", "slow_consumer",
     [](auto& to, const Value& value) { to.slow = static_cast<hub::SlowPolicy>(std::get<uint64_t>(value)); }},
};

Result<std::string> read_path(const toml::node& node) {
  const auto given = node.value_exact<std::string>();
  const auto bad = [](unsigned char c) { return c <= 0x20 || c >= 0x7f || c == '?' || c == '#'; };
  if (!given || !given->starts_with('/') || given->size() > kPathSizeMax ||
      std::any_of(given->begin(), given->end(), bad))
    return fail("bad_value", "must be a path such as \"/orders/{id}/live\" of at most 128 bytes");
  std::string path = *given;
  const size_t open = path.find('{');
  if (open == std::string::npos) return path;
  const size_t close = path.find('}', open);
  if (close == std::string::npos || path.find('{', open + 1) != std::string::npos)
    return fail("bad_value", "may have one {…}");
  path.replace(open, close - open + 1, "{}");
  return path;
}

Result<std::vector<std::string>> read_names(const toml::node& node) {
  const auto bad = [] { return fail("bad_type", "must be a list of at most 32 texts that are not empty"); };
  std::vector<std::string> names;
  const toml::array* array = node.as_array();
  if (array == nullptr || array->size() > kNamesMax) return bad();
  for (const toml::node& item : *array) {
    const auto text = item.value_exact<std::string>();
    if (!text || text->empty()) return bad();
    names.push_back(*text);
  }
  return names;
}

template <class Name, size_t kSize>
std::string choices(const Name (&names)[kSize]) {
  std::string out = "must be one of";
  for (size_t i = 0; i < kSize; ++i) out.append(i == 0 ? " " : ", ").append(names[i]);
  return out;
}

std::string dialects() {
  std::string_view names[session::kDialects];
  for (size_t i = 0; i < session::kDialects; ++i) names[i] = session::table_of(static_cast<Dialect>(i)).name;
  return choices(names);
}

Result<void> read_entry(const TomlEntry& entry, RouteRule& route) {
  const toml::node& node = *entry.node;
  const auto flag = [&](bool& to) -> Result<void> {
    const auto given = node.value_exact<bool>();
    if (!given) return fail("bad_type", "must be true or false");
    to = *given;
    return {};
  };
  const auto names = [&](std::vector<std::string>& to) -> Result<void> {
    auto read = read_names(node);
    if (!read) return tl::unexpected(read.error());
    to = *std::move(read);
    return {};
  };
  if (entry.key == "path") {
    auto path = read_path(node);
    if (!path) return tl::unexpected(path.error());
    route.path = *std::move(path);
    return {};
  }
  if (entry.key == "dialect") {
    const size_t found = session::find_dialect(node.value_exact<std::string>().value_or(""));
    if (found == session::kDialects) return fail("bad_value", dialects());
    route.dialect = static_cast<Dialect>(found);
    return {};
  }
  if (entry.key == "transport") {
    const auto* found =
        std::find(std::begin(kTransports), std::end(kTransports), node.value_exact<std::string>().value_or(""));
    if (found == std::end(kTransports)) return fail("bad_value", choices(kTransports));
    route.transport = static_cast<NativeTransport>(found - kTransports);
    return {};
  }
  if (entry.key == "with") return names(route.with);
  if (entry.key == "without") return names(route.without);
  if (entry.key == "join") return names(route.join);
  if (entry.key == "single_room") return flag(route.settings.single_room);
  if (entry.key == "enable_topics") return flag(route.settings.topics);
  for (const Borrowed& borrowed : kBorrowed) {
    if (borrowed.key != entry.key) continue;
    const auto value = read_value(*find_setting(borrowed.setting), node);
    if (!value) return tl::unexpected(value.error());
    borrowed.set(route.settings, *value);
    return {};
  }
  return fail("unknown_setting", "");
}

Result<void> check(const RouteRule& route) {
  const session::RouteSettings& set = route.settings;
  if (route.path.empty()) return fail("missing_setting", "[[routes]] needs path = \"/…\"");
  for (const std::string& channel : route.join) {
    const size_t hole = channel.find("{}");
    if (hole != std::string::npos && route.path.find("{}") == std::string::npos)
      return fail("bad_value", "join = \"" + channel + "\" needs a {…} in the path");
    const std::string name = hole == std::string::npos ? channel : std::string(channel).replace(hole, 2, "x");
    if (const auto kind = wire::check_channel(name); !kind) return tl::unexpected(kind.error());
  }
  if (route.dialect == Dialect::notifications && route.join != std::vector<std::string>{"@me"})
    return fail("bad_value", "notifications are those of an inbox: join = [\"@me\"]");
  if (route.dialect != Dialect::native && route.join.empty())
    return fail("missing_setting", "a dialect needs join = [\"…\"]");
  if (route.dialect != Dialect::broker) return {};
  if (set.heartbeat_interval != milliseconds(0) && set.heartbeat_interval < kBrokerHeartbeatMin)
    return fail("bad_value", "heartbeat_interval of a broker must be 5s or more");
  const milliseconds interval =
      set.heartbeat_interval == milliseconds(0) ? milliseconds(30'000) : set.heartbeat_interval;
  if (set.write_timeout != milliseconds(0) && set.write_timeout < 2 * interval)
    return fail("bad_value", "client_timeout of a broker must be two heartbeats or more");
  return {};
}

// Whether `earlier` takes every request that `later` would: the first match wins.
bool covers(const RouteRule& earlier, const RouteRule& later) {
  const auto among = [](const std::vector<std::string>& all) {
    return [&all](const std::string& name) { return std::find(all.begin(), all.end(), name) != all.end(); };
  };
  std::string_view first, second;
  return session::match_path(earlier.path, later.path, first, second) &&
         std::all_of(earlier.with.begin(), earlier.with.end(), among(later.with)) &&
         std::all_of(earlier.without.begin(), earlier.without.end(), among(later.without));
}

}  // namespace

Result<void> read_routes(const TomlEntry& entry, const std::string& path, Draft& draft) {
  const auto sections = sections_of(entry, path, session::kConfiguredRoutesMax);
  if (!sections) return tl::unexpected(sections.error());
  for (const toml::node& section : **sections) {
    const toml::table& table = *section.as_table();
    RouteRule route;
    for (const TomlEntry& each : by_line(table)) {
      const std::string place = path + ":" + std::to_string(each.line);
      if (const auto read = read_entry(each, route); !read) {
        if (read.error().code == "unknown_setting")
          return unknown_setting(place, "setting of [[routes]]", each.key, "");
        return bad_setting(place, each.key, spelled(*each.node), read.error().message);
      }
    }
    for (const RouteRule& earlier : draft.options.routes) {
      if (covers(earlier, route))
        return fail("bad_value", path + ":" + std::to_string(table.source().begin.line) + ": path = \"" + route.path +
                                     "\" is never reached: the section of \"" + earlier.path + "\" before it takes it");
    }
    if (const auto checked = check(route); !checked)
      return fail(checked.error().code,
                  path + ":" + std::to_string(table.source().begin.line) + ": " + checked.error().message);
    draft.options.routes.push_back(std::move(route));
  }
  return {};
}

std::string print_routes(const std::vector<RouteRule>& routes) {
  std::string out;
  const auto line = [&](std::string_view key, const std::string& value) {
    out.append(key).append(" = ").append(value).append("\n");
  };
  const auto list = [&](std::string_view key, const std::vector<std::string>& items) {
    if (items.empty()) return;
    std::string text;
    for (const std::string& item : items) text += (text.empty() ? "[" : ", ") + quoted_toml(item);
    line(key, text + "]");
  };
  const auto duration = [&](std::string_view key, milliseconds value) {
    if (value.count() != 0) line(key, quoted_toml(format_duration(value)));
  };
  const auto number = [&](std::string_view key, uint32_t value) {
    if (value != 0) line(key, std::to_string(value));
  };
  for (const RouteRule& route : routes) {
    const session::RouteSettings& set = route.settings;
    out += "\n[[routes]]\n";
    line("path", quoted_toml(route.path));
    line("dialect", quoted_toml(session::table_of(route.dialect).name));
    if (route.dialect == Dialect::native)
      line("transport", quoted_toml(kTransports[static_cast<size_t>(route.transport)]));
    list("with", route.with);
    list("without", route.without);
    list("join", route.join);
    duration("heartbeat_interval", set.heartbeat_interval);
    duration("heartbeat_timeout", set.heartbeat_timeout);
    duration("write_timeout", set.write_timeout);
    duration("retry", set.retry);
    number("message_size_max", set.message_max);
    number("outbox_size_max", set.outbox_bytes_max);
    number("outbox_messages_max", set.outbox_messages_max);
    number("send_buffer_size", set.send_buffer_bytes);
    number("connections_max", set.connections_max);
    if (set.slow)
      line("slow_consumer", *set.slow == hub::SlowPolicy::disconnect ? "\"disconnect\"" : "\"drop_oldest\"");
    if (set.single_room) line("single_room", "true");
    if (!set.topics) line("enable_topics", "false");
  }
  return out;
}

}  // namespace ringcast::server
