// SPDX-License-Identifier: Apache-2.0
// The TOML file. Its syntax is toml++'s business; keys, types and ranges are the table's.
#include <algorithm>
#include <cerrno>
#include <fstream>
#include <optional>

#include "codec/native/names.h"
#include "compat/presets.h"
#include "config/options_toml.h"

namespace ringcast::config {
namespace {

constexpr size_t kFileSizeMax = 1 << 20;

}  // namespace

std::vector<TomlEntry> by_line(const toml::table& table) {
  std::vector<TomlEntry> entries;
  for (const auto& [key, node] : table) entries.push_back({std::string(key.str()), &node, key.source().begin.line});
  std::sort(entries.begin(), entries.end(), [](const TomlEntry& a, const TomlEntry& b) { return a.line < b.line; });
  return entries;
}

std::string spelled(const toml::node& node) {
  std::ostringstream out;
  node.visit([&](const auto& actual) { out << actual; });
  const auto string = node.value_exact<std::string>();  // toml++ would print it in single quotes
  std::string text = string ? quoted_toml(*string) : std::move(out).str();
  std::replace(text.begin(), text.end(), '\n', ' ');
  constexpr size_t kShownMax = 80;
  if (text.size() > kShownMax) text = text.substr(0, kShownMax) + "…";
  return text;
}

namespace {

// final_when = {status = ["completed", "failed"]} is the list "status=completed", "status=failed".
Result<Value> read_final_when(const Setting& setting, const toml::table& table) {
  std::vector<std::string> items;
  for (const TomlEntry& entry : by_line(table)) {
    const auto add = [&](const toml::node& node) {
      const auto text = node.value_exact<std::string>();
      if (text) items.push_back(entry.key + "=" + *text);
      return text.has_value();
    };
    const toml::array* texts = entry.node->as_array();
    const bool good = texts == nullptr
                          ? add(*entry.node)
                          : std::all_of(texts->begin(), texts->end(), [&](const auto& n) { return add(n); });
    if (!good) return fail("bad_type", "must be texts by member: {status = [\"completed\", \"failed\"]}");
  }
  Value value = std::move(items);
  if (auto checked = check_range(setting, value); !checked) return tl::unexpected(checked.error());
  return value;
}

Result<Value> read_list(const Setting& setting, const toml::node& node) {
  if (node.is_table() && setting.key == "final_when") return read_final_when(setting, *node.as_table());
  auto texts = texts_of(node);
  if (!texts) return fail("bad_type", "must be " + allowed(setting));
  Value value = *std::move(texts);
  if (auto checked = check_range(setting, value); !checked) return tl::unexpected(checked.error());
  return value;
}

}  // namespace

std::optional<std::vector<std::string>> texts_of(const toml::node& node) {
  const toml::array* const items = node.as_array();
  if (items == nullptr) return std::nullopt;
  std::vector<std::string> texts;
  for (const toml::node& item : *items) {
    const auto text = item.value_exact<std::string>();
    if (!text) return std::nullopt;
    texts.push_back(*text);
  }
  return texts;
}

// The types of TOML are held to: a count is an integer, a boolean is no string. A size may be an integer of bytes.
Result<Value> read_value(const Setting& setting, const toml::node& node) {
  const bool takes_integer = setting.kind == Kind::count || setting.kind == Kind::size;
  const bool takes_string = setting.kind == Kind::size || setting.kind == Kind::duration ||
                            setting.kind == Kind::choice || setting.kind == Kind::text;
  if (setting.kind == Kind::list) return read_list(setting, node);
  if (setting.kind == Kind::boolean) {
    if (const auto flag = node.value_exact<bool>()) return Value(*flag);
  } else if (const auto integer = node.value_exact<int64_t>(); integer && takes_integer) {
    return parse_value(setting, std::to_string(*integer));
  } else if (const auto text = node.value_exact<std::string>(); text && takes_string) {
    return parse_value(setting, *text);
  }
  return fail("bad_type", "must be " + allowed(setting));
}

Result<const toml::array*> sections_of(const TomlEntry& entry, const std::string& path, size_t max) {
  const std::string place = path + ":" + std::to_string(entry.line);
  const toml::array* sections = entry.node->as_array();
  if (sections == nullptr || !sections->is_array_of_tables())
    return fail("bad_type", place + ": " + entry.key + " must be written as [[" + entry.key + "]] sections");
  if (sections->size() > max)
    return fail("bad_value", place + ": at most " + std::to_string(max) + " [[" + entry.key + "]] sections, not " +
                                 std::to_string(sections->size()));
  return sections;
}

namespace {

Result<void> read_room(const toml::table& table, const std::string& path, Draft& draft) {
  RoomDraft room;
  room.place = path + ":" + std::to_string(table.source().begin.line);
  for (const TomlEntry& entry : by_line(table)) {
    const std::string place = path + ":" + std::to_string(entry.line);
    if (entry.key == "match") {
      const auto pattern = entry.node->value_exact<std::string>();
      const auto control = [](unsigned char c) { return c < 0x20 || c == 0x7f; };
      if (!pattern || pattern->empty() || pattern->size() > kRoomPatternSizeMax ||
          std::any_of(pattern->begin(), pattern->end(), control))
        return bad_setting(
            place, "match", spelled(*entry.node),
            "must be a pattern of 1 to " + std::to_string(kRoomPatternSizeMax) + " bytes without control characters");
      if (const std::string why = pattern_mistake(*pattern); !why.empty())
        return bad_setting(place, "match", spelled(*entry.node), "it matches no room: " + why);
      room.match = *pattern;
      continue;
    }
    const Setting* setting = find_setting(entry.key);
    if (setting != nullptr && !setting->per_room)
      return fail("unknown_setting", place + ": \"" + entry.key + "\" cannot be set per room, only at the top level");
    if (setting == nullptr)
      return unknown_setting(place, "setting of [[rooms]]", entry.key, std::string(nearest_key(entry.key, true)));
    auto value = read_value(*setting, *entry.node);
    if (!value) return bad_setting(place, entry.key, spelled(*entry.node), value.error().message);
    room.entries.push_back({setting, *std::move(value), place});
  }
  if (room.match.empty()) return fail("missing_setting", room.place + ": [[rooms]] needs match = \"…\"");
  draft.rooms.push_back(std::move(room));
  return {};
}

Result<void> read_rooms(const TomlEntry& entry, const std::string& path, Draft& draft) {
  const auto sections = sections_of(entry, path, kRoomRulesMax);
  if (!sections) return tl::unexpected(sections.error());
  for (const toml::node& section : **sections) {
    if (auto read = read_room(*section.as_table(), path, draft); !read) return read;
  }
  return {};
}

// A string or a list of strings.
std::optional<std::vector<std::string>> strings_of(const toml::node& node) {
  if (auto one = node.value_exact<std::string>()) return std::vector<std::string>{*std::move(one)};
  return texts_of(node);
}

Result<void> read_permission(const toml::table& table, const std::string& path, Draft& draft) {
  PermissionRule rule;
  const std::string section = path + ":" + std::to_string(table.source().begin.line);
  for (const TomlEntry& entry : by_line(table)) {
    const std::string place = path + ":" + std::to_string(entry.line);
    const auto wrong = [&](std::string_view why) { return bad_setting(place, entry.key, spelled(*entry.node), why); };
    if (entry.key == "match") {
      const auto pattern = entry.node->value_exact<std::string>();
      access::Rules probe;
      if (!pattern) return wrong("must be a pattern of room names");
      if (auto added = probe.add(*pattern, 1); !added) return wrong(added.error().message);
      if (*pattern == codec::kOwnInbox) return wrong("it matches no inbox; each user's own one is \"@{user}\"");
      if (const std::string why = pattern_mistake(*pattern); !why.empty()) return wrong("it matches no room: " + why);
      rule.match = *pattern;
    } else if (entry.key == "allow") {
      const auto names = strings_of(*entry.node);
      if (!names || names->empty()) return wrong("must be a list of " + std::string(access::kOperationNames));
      for (const std::string& name : *names) {
        const auto operation = access::operation_from(name);
        if (!operation) return wrong("there is no \"" + name + "\", only " + std::string(access::kOperationNames));
        rule.allow |= static_cast<access::Operations>(*operation);
      }
    } else if (entry.key == "users") {
      auto names = strings_of(*entry.node);
      if (!names || names->empty() || names->size() > kListItemsMax) {
        return wrong("must be a list of 1 to " + std::to_string(kListItemsMax) + " users");
      }
      for (const std::string& name : *names) {
        if (auto checked = codec::check_user(name); !checked) return wrong(checked.error().message);
      }
      rule.users = *std::move(names);
    } else if (entry.key == "keys") {
      auto names = strings_of(*entry.node);
      if (!names || names->empty() || names->size() > kListItemsMax) {
        return wrong("must be a list of 1 to " + std::to_string(kListItemsMax) + " names of api_keys");
      }
      rule.keys = *std::move(names);
    } else {
      return unknown_setting(place, "setting of [[permissions]]", entry.key, "");
    }
  }
  if (rule.match.empty()) return fail("missing_setting", section + ": [[permissions]] needs match = \"…\"");
  if (rule.allow == 0) return fail("missing_setting", section + ": [[permissions]] needs allow = [\"…\"]");
  if (!rule.users.empty() && !rule.keys.empty())
    return fail("bad_setting", section + ": a [[permissions]] section is for users or for keys, not for both");
  draft.options.permissions.push_back(std::move(rule));
  return {};
}

Result<void> read_permissions(const TomlEntry& entry, const std::string& path, Draft& draft) {
  const auto sections = sections_of(entry, path, kPermissionRulesMax);
  if (!sections) return tl::unexpected<Error>(sections.error());
  draft.permissions_place = path + ":" + std::to_string(entry.line);
  for (const toml::node& section : **sections) {
    if (auto read = read_permission(*section.as_table(), path, draft); !read) return read;
  }
  return {};
}

Result<std::string> read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail_errno("cannot read the configuration " + path, errno);
  std::string text(kFileSizeMax + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad() || (file.fail() && !file.eof())) return fail_errno("cannot read the configuration " + path, errno);
  text.resize(static_cast<size_t>(file.gcount()));
  if (text.size() > kFileSizeMax) return fail("bad_file", path + ": larger than " + format_size(kFileSizeMax));
  return text;
}

}  // namespace

namespace {

Result<void> read_toml(std::string_view text, const std::string& path, Draft& draft) {
  toml::table table;
  try {
    table = toml::parse(text, path);
  } catch (const toml::parse_error& error) {
    std::string why(error.description());
    std::replace(why.begin(), why.end(), '\n', ' ');
    return fail("bad_file", path + ":" + std::to_string(error.source().begin.line) + ": " + why);
  }
  for (const TomlEntry& entry : by_line(table)) {
    if (entry.key == "rooms") {
      if (auto read = read_rooms(entry, path, draft); !read) return read;
      continue;
    }
    if (entry.key == "permissions") {
      if (auto read = read_permissions(entry, path, draft); !read) return read;
      continue;
    }
    if (entry.key == "routes") {
      if (auto read = read_routes(entry, path, draft); !read) return read;
      continue;
    }
    if (entry.key == "sse_broker") {
      if (auto read = read_broker(entry, path, draft); !read) return read;
      continue;
    }
    if (entry.key == "inlets") {
      if (auto read = read_inlets(entry, path, draft); !read) return read;
      continue;
    }
    if (entry.key == "webhooks") {
      if (auto read = read_webhooks(entry, path, draft); !read) return read;
      continue;
    }
    const std::string place = path + ":" + std::to_string(entry.line);
    const Setting* setting = find_setting(entry.key);
    if (setting == nullptr) return unknown_setting(place, "setting", entry.key, std::string(nearest_key(entry.key)));
    auto value = read_value(*setting, *entry.node);
    if (!value) return bad_setting(place, entry.key, shown(*setting, spelled(*entry.node)), value.error().message);
    draft.set(*setting, *std::move(value), place);
  }
  return {};
}

}  // namespace

Result<void> read_file(const std::string& path, Draft& draft) {
  const auto text = read_text(path);
  if (!text) return tl::unexpected(text.error());
  return read_toml(*text, path, draft);
}

Result<void> read_presets(const std::vector<std::string>& names, const std::string& place, Draft& draft) {
  for (const std::string& name : names) {
    const session::Preset* const preset = session::find_preset(name);
    if (preset == nullptr) {
      std::string all;
      for (const session::Preset& known : session::presets()) all.append(all.empty() ? "" : ", ").append(known.name);
      return fail("unknown_preset", place + ": there is no preset \"" + name + "\"; there are " + all);
    }
    if (auto read = read_toml(preset->toml, "preset " + name, draft); !read) return read;
  }
  draft.set_aside_presets();
  return {};
}

}  // namespace ringcast::config
