// SPDX-License-Identifier: Apache-2.0
// [[routes]]: what is spoken at a path and what is set for the connections that come there. A key that is also a
// setting has the type and range of that setting; the others are known here.
#include <algorithm>
#include <functional>

#include "codec/native/names.h"
#include "config/options_toml.h"

namespace ringcast::config {
namespace {

using session::Dialect;
using session::NativeTransport;
using std::chrono::milliseconds;

constexpr std::string_view kTransports[] = {"websocket", "events", "poll", "post"};
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
  std::string_view ours = {};  // of an SSE broker's name: what it is called elsewhere
};
constexpr Borrowed kBorrowed[] = {
    {"heartbeat_interval", "heartbeat_interval",
     [](auto& to, const Value& value) { to.heartbeat_interval = ms(value); }},
    {"heartbeat_timeout", "heartbeat_timeout", [](auto& to, const Value& value) { to.heartbeat_timeout = ms(value); }},
    {"write_timeout", "tcp_user_timeout", [](auto& to, const Value& value) { to.write_timeout = ms(value); }},
    {"client_timeout", "tcp_user_timeout", [](auto& to, const Value& value) { to.write_timeout = ms(value); },
     "write_timeout"},
    {"retry", "retry", [](auto& to, const Value& value) { to.retry = ms(value); }},
    {"message_size_max", "message_size_max", [](auto& to, const Value& value) { to.message_max = count(value); }},
    {"outbox_size_max", "outbox_size_max", [](auto& to, const Value& value) { to.outbox_bytes_max = count(value); }},
    {"outbox_messages_max", "outbox_messages_max",
     [](auto& to, const Value& value) { to.outbox_messages_max = count(value); }},
    {"client_buffer_size", "outbox_messages_max",
     [](auto& to, const Value& value) { to.outbox_messages_max = count(value); }, "outbox_messages_max"},
    {"connections_max", "connections_per_address_max",
     [](auto& to, const Value& value) { to.connections_max = count(value); }},
    {"max_connections", "connections_per_address_max",
     [](auto& to, const Value& value) { to.connections_max = count(value); }, "connections_max"},
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
  auto names = texts_of(node);
  if (!names || names->size() > kNamesMax || std::ranges::count(*names, "") != 0) return bad();
  return *std::move(names);
}

template <class Name, size_t kSize>
std::string choices(const Name (&names)[kSize]) {
  std::string out = "must be one of";
  for (size_t i = 0; i < kSize; ++i) out.append(i == 0 ? " " : ", ").append(names[i]);
  return out;
}

std::string dialects() {
  std::string_view names[session::kDialects - 1];
  size_t count = 0;
  for (size_t i = 0; i < session::kDialects; ++i) {
    if (static_cast<Dialect>(i) != Dialect::socket_io) names[count++] = session::table_of(static_cast<Dialect>(i)).name;
  }
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
    if (route.dialect == Dialect::socket_io)
      return fail("bad_value", "has its own setting: socketio_path says where Socket.IO is spoken");
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
  if (entry.key == "without_subprotocol") return flag(route.without_subprotocol);
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

// What the connections of a route can have no use for.
Result<void> check_use_of(const RouteRule& route) {
  using session::Endpoint;
  const session::RouteSettings& set = route.settings;
  const Endpoint endpoint = session::endpoint_of(route.dialect, route.transport);
  const bool posted = route.transport == NativeTransport::post;
  const bool is_websocket = !posted && endpoint == Endpoint::websocket;
  const bool is_stream = !posted && endpoint == Endpoint::events;
  const bool chosen = route.transport == NativeTransport::events || route.transport == NativeTransport::poll;
  if (chosen && endpoint != session::endpoint_of(Dialect::native, route.transport))
    return fail("bad_value", "the dialect " + std::string(session::table_of(route.dialect).name) +
                                 " has a transport of its own; leave transport out");
  const struct {
    std::string_view key;
    bool given;
    bool useful;
  } uses[] = {
      {"join", !route.join.empty(), !posted},
      {"heartbeat_interval", set.heartbeat_interval.count() != 0, is_websocket || is_stream},
      {"heartbeat_timeout", set.heartbeat_timeout.count() != 0, is_websocket},
      {"write_timeout", set.write_timeout.count() != 0, !posted},
      {"retry", set.retry.count() != 0, is_stream},
      {"message_size_max", set.message_max != 0, is_websocket},
      {"outbox_size_max", set.outbox_bytes_max != 0, !posted},
      {"outbox_messages_max", set.outbox_messages_max != 0, !posted},
      {"send_buffer_size", set.send_buffer_bytes != 0, !posted},
      {"connections_max", set.connections_max != 0, !posted},
      {"slow_consumer", set.slow.has_value(), !posted},
      {"without_subprotocol", route.without_subprotocol, is_websocket},
      {"single_room", set.single_room, is_websocket},
      {"enable_topics = false", !set.topics, !posted && route.dialect == Dialect::broker},
  };
  for (const auto& use : uses) {
    if (!use.given || use.useful) continue;
    return fail("impossible_settings",
                std::string(use.key) + " has no use on the route " + route.path + ": leave it out");
  }
  return {};
}

Result<void> check(const RouteRule& route) {
  const session::RouteSettings& set = route.settings;
  if (route.path.empty()) return fail("missing_setting", "[[routes]] needs path = \"/…\"");
  if (auto checked = check_use_of(route); !checked) return checked;
  for (const std::string& channel : route.join) {
    const size_t hole = channel.find("{}");
    if (hole != std::string::npos && route.path.find("{}") == std::string::npos)
      return fail("bad_value", "join = \"" + channel + "\" needs a {…} in the path");
    const std::string name = hole == std::string::npos ? channel : std::string(channel).replace(hole, 2, "x");
    if (const auto kind = codec::check_channel(name); !kind) return tl::unexpected(kind.error());
  }
  if (route.transport == NativeTransport::post) {
    if (session::is_posted(route.dialect)) return {};
    return fail("bad_value",
                "transport = \"post\" is not for the dialect " + std::string(session::table_of(route.dialect).name));
  }
  if (route.dialect == Dialect::notifications && route.join != std::vector<std::string>{"@me"})
    return fail("bad_value", "notifications are those of an inbox: join = [\"@me\"]");
  if (route.dialect != Dialect::native && route.dialect != Dialect::room_chat && route.join.empty())
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
         std::all_of(earlier.without.begin(), earlier.without.end(), among(later.without)) &&
         (!earlier.without_subprotocol || later.without_subprotocol) &&
         (earlier.transport == NativeTransport::post) == (later.transport == NativeTransport::post);
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
      const auto* const borrowed = std::find_if(std::begin(kBorrowed), std::end(kBorrowed),
                                                [&](const Borrowed& row) { return row.key == each.key; });
      const bool brokers = borrowed != std::end(kBorrowed) && !borrowed->ours.empty();
      if (brokers && table["dialect"].value_or(std::string_view()) != session::table_of(Dialect::broker).name)
        return bad_setting(place, each.key, spelled(*each.node),
                           "this is a name of the SSE broker's; elsewhere it is " + std::string(borrowed->ours));
      if (const auto read = read_entry(each, route); !read) {
        if (read.error().code == "unknown_setting")
          return unknown_setting(place, "setting of [[routes]]", each.key, "");
        return bad_setting(place, each.key, spelled(*each.node), read.error().message);
      }
    }
    // Of two presets that claim a path the first has it.
    const bool of_preset = path.starts_with("preset ");
    bool taken = false;
    for (const RouteRule& earlier : draft.options.routes) {
      if (!covers(earlier, route)) continue;
      taken = true;
      if (!of_preset)
        return fail("bad_value", path + ":" + std::to_string(table.source().begin.line) + ": path = \"" + route.path +
                                     "\" is never reached: the section of \"" + earlier.path + "\" before it takes it");
    }
    if (const auto checked = check(route); !checked)
      return fail(checked.error().code,
                  path + ":" + std::to_string(table.source().begin.line) + ": " + checked.error().message);
    if (!taken) draft.options.routes.push_back(std::move(route));
  }
  return {};
}

// [sse_broker]: settings of that preset under the names that they have there.
Result<void> read_broker(const TomlEntry& entry, const std::string& path, Draft& draft) {
  draft.broker_place = path + ":" + std::to_string(entry.line);
  const toml::table* const table = entry.node->as_table();
  if (table == nullptr) return fail("bad_type", draft.broker_place + ": sse_broker must be a section [sse_broker]");
  for (const TomlEntry& each : by_line(*table)) {
    const std::string place = path + ":" + std::to_string(each.line);
    const auto wrong = [&](const Error& error) {
      return bad_setting(place, each.key, spelled(*each.node), error.message);
    };
    const auto set = [&](std::string_view key, const Value& value) { draft.set(*find_setting(key), value, place); };
    const bool topics = each.key == "enable_topics", history = each.key == "history_size";
    if (topics || history) {
      const auto value = read_value(*find_setting(topics ? "sse_broker_topics" : "history_messages"), *each.node);
      if (!value) return wrong(value.error());
      set(topics ? "sse_broker_topics" : "history_messages", *value);
      if (history) set("inbox_messages", *value);
      continue;
    }
    const auto* const borrowed = std::find_if(std::begin(kBorrowed), std::end(kBorrowed), [&](const Borrowed& row) {
      return row.key == each.key && (!row.ours.empty() || row.key == "heartbeat_interval");
    });
    if (borrowed == std::end(kBorrowed)) return unknown_setting(place, "setting of [sse_broker]", each.key, "");
    const auto value = read_value(*find_setting(borrowed->setting), *each.node);
    if (!value) return wrong(value.error());
    borrowed->set(draft.broker, *value);
  }
  return {};
}

Result<void> add_preset_routes(Draft& draft) {
  bool has_broker = false;
  std::vector<RouteRule>& routes = draft.options.routes;
  for (RouteRule& route : draft.of_presets.routes) {
    const bool known =
        std::any_of(routes.begin(), routes.end(), [&](const RouteRule& earlier) { return covers(earlier, route); });
    has_broker |= route.dialect == Dialect::broker;
    if (known) continue;
    if (route.dialect == Dialect::broker) {
      const session::RouteSettings& set = draft.broker;
      if (set.heartbeat_interval.count() != 0) route.settings.heartbeat_interval = set.heartbeat_interval;
      if (set.write_timeout.count() != 0) route.settings.write_timeout = set.write_timeout;
      if (set.outbox_messages_max != 0) route.settings.outbox_messages_max = set.outbox_messages_max;
      if (set.connections_max != 0) route.settings.connections_max = set.connections_max;
      if (const auto checked = check(route); !checked)
        return fail(checked.error().code, draft.broker_place + ": [sse_broker]: " + checked.error().message);
    }
    routes.push_back(std::move(route));
  }
  draft.of_presets.routes.clear();
  if (draft.broker_place.empty() || has_broker) return {};
  return fail("impossible_settings",
              draft.broker_place + ": [sse_broker] has no use without presets = [\"sse_broker\"]");
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
    const bool native = route.dialect == Dialect::native || route.dialect == Dialect::room_chat;
    if (native || route.transport == NativeTransport::post)
      line("transport", quoted_toml(kTransports[static_cast<size_t>(route.transport)]));
    list("with", route.with);
    list("without", route.without);
    if (route.without_subprotocol) line("without_subprotocol", "true");
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
      line("slow_consumer", quoted_toml(choices_of(*find_setting("slow_consumer"))[static_cast<size_t>(*set.slow)]));
    if (set.single_room) line("single_room", "true");
    if (!set.topics) line("enable_topics", "false");
  }
  return out;
}

}  // namespace ringcast::config
