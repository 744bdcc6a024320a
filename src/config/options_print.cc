// SPDX-License-Identifier: Apache-2.0
// The settings written out: as a configuration file, as the reference table of the docs, as the difference of two.
#include <algorithm>

#include "access/api_keys.h"
#include "cluster/settings.h"
#include "config/options_table.h"
#include "inlets/address.h"

namespace ringcast::config {
namespace {

std::string markdown_default(const Setting& setting) {
  if (setting.default_text.empty()) return setting.kind == Kind::list ? "`[]`" : "`\"\"`";
  const auto value = parse_value(setting, setting.default_text);
  return "`" + toml_value(setting, *value) + "`";
}

// A bar would end the cell.
std::string escaped_for_cell(std::string text) {
  for (size_t at = 0; (at = text.find('|', at)) != std::string::npos; at += 2) text.insert(at, 1, '\\');
  return text;
}

std::string_view placeholder(const Setting& setting) {
  switch (setting.kind) {
    case Kind::boolean: return "";
    case Kind::count: return " COUNT";
    case Kind::size: return " SIZE";
    case Kind::duration: return " DURATION";
    case Kind::choice: return " CHOICE";
    case Kind::text: return " TEXT";
    case Kind::list: return " A,B,...";
  }
  return "";
}

// Two columns; the second is wrapped.
void add_help(std::string& out, const std::string& left, const std::string& right) {
  constexpr size_t kLeftWidth = 36;
  constexpr size_t kWidth = 110;
  std::string line = "  " + left;
  if (line.size() + 1 > kLeftWidth) {
    out += line + "\n";
    line.clear();
  }
  line.resize(kLeftWidth, ' ');
  bool first = true;
  for (size_t at = 0; at < right.size();) {
    const size_t end = std::min(right.find(' ', at), right.size());
    if (line.size() + 1 + (end - at) > kWidth) {
      out += line + "\n";
      line.assign(kLeftWidth, ' ');
      first = true;
    }
    line += (first ? "" : " ") + right.substr(at, end - at);
    first = false;
    at = end + 1;
  }
  out += line + "\n";
}

std::string help_with_default(const Setting& setting) {
  if (setting.kind == Kind::boolean) return std::string(setting.help);
  std::string help = std::string(setting.help) + " [";
  if (setting.kind == Kind::choice) help.insert(help.size() - 2, ": " + std::string(setting.choices));
  const bool is_zero = setting.default_text.empty() || setting.default_text.front() == '0';
  if (is_zero && !setting.zero.empty()) return help + std::string(setting.zero) + "]";
  return help + std::string(setting.default_text) + "]";
}

bool can_reload(const Setting& setting, const Options& running, const Options& loaded) {
  if (setting.key == "api_keys" && running.has_authentication() != loaded.has_authentication()) return false;
  if (setting.key == "jwt_keys" && running.has_tokens() != loaded.has_tokens()) return false;
  return setting.reloadable;
}

template <class Visit>
void for_each_difference(const Options& a, const Options& b, Visit&& visit) {
  for (const Setting& setting : settings()) {
    if (setting.get(a, a.room_defaults) != setting.get(b, b.room_defaults)) visit(setting);
  }
}

// A URL may hold a password or a key.
void hide_in_url(std::string& url) {
  const std::string shown = hooks::shown_url(url);
  if (shown != url && hooks::check_url(url)) url = std::string(kHiddenSecret) + " " + shown;
}

Options without_secrets(Options options) {
  options.broker = cluster::without_password(options.broker, kHiddenSecret);
  options.mirror_url = cluster::without_password(options.mirror_url, kHiddenSecret);
  for (inlets::InletOptions& inlet : options.inlets) {
    inlet.url = inlets::shown_address(inlet.type, inlet.url, kHiddenSecret);
  }
  const access::ApiKeys keys(options.api_keys);
  for (size_t i = 0; i < options.api_keys.size(); ++i) {
    std::string& item = options.api_keys[i];
    const bool named = item.size() != keys.all()[i].secret.size();
    item = (named ? keys.all()[i].name + ":" : std::string()).append(kHiddenSecret);
  }
  hide_in_url(options.jwks);
  for (hooks::EndpointOptions& endpoint : options.webhooks) {
    hide_in_url(endpoint.url);
    if (!endpoint.secret.empty()) endpoint.secret = kHiddenSecret;
  }
  return options;
}

}  // namespace

std::string print_config(const Options& given, Secrets secrets) {
  const Options options = secrets == Secrets::shown ? given : without_secrets(given);
  std::string out;
  std::string_view group;
  const auto line = [&](const Setting& setting, const RoomOptions& room) {
    out.append(setting.key).append(" = ").append(toml_value(setting, setting.get(options, room))).append("\n");
  };
  for (const Setting& setting : settings()) {
    if (setting.group != group) {
      group = setting.group;
      out.append(out.empty() ? "" : "\n").append("# ").append(group).append("\n");
    }
    line(setting, options.room_defaults);
  }
  for (const RoomRule& rule : options.rooms) {
    out += "\n[[rooms]]\nmatch = " + quoted_toml(rule.match) + "\n";
    for (const Setting& setting : settings()) {
      if (setting.per_room) line(setting, rule.options);
    }
  }
  for (const PermissionRule& rule : options.permissions) {
    const auto list = [&](std::string_view key, const std::vector<std::string>& items) {
      out.append(key).append(" = [");
      for (size_t i = 0; i < items.size(); ++i) out += (i == 0 ? "" : ", ") + quoted_toml(items[i]);
      out += "]\n";
    };
    std::vector<std::string> allow;
    for (unsigned bit = 1; bit <= rule.allow; bit <<= 1) {
      if ((rule.allow & bit) != 0) allow.emplace_back(to_string(static_cast<access::Operation>(bit)));
    }
    out += "\n[[permissions]]\nmatch = " + quoted_toml(rule.match) + "\n";
    list("allow", allow);
    if (!rule.users.empty()) list("users", rule.users);
    if (!rule.keys.empty()) list("keys", rule.keys);
  }
  for (const hooks::EndpointOptions& endpoint : options.webhooks) print_webhook(out, endpoint);
  for (const inlets::InletOptions& inlet : options.inlets) print_inlet(out, inlet, !options.broker.empty());
  return out + print_routes(options.routes);
}

std::vector<std::pair<std::string, std::string>> changed_settings(const Options& given) {
  const Options options = without_secrets(given);
  std::vector<std::pair<std::string, std::string>> changed;
  for_each_difference(options, Options(), [&](const Setting& setting) {
    changed.emplace_back(setting.key, format_value(setting, setting.get(options, options.room_defaults)));
  });
  const auto sections = [&](std::string_view name, size_t count) {
    if (count != 0) changed.emplace_back(name, std::to_string(count) + (count == 1 ? " section" : " sections"));
  };
  sections("rooms", options.rooms.size());
  sections("permissions", options.permissions.size());
  sections("routes", options.routes.size());
  sections("webhooks", options.webhooks.size());
  sections("inlets", options.inlets.size());
  return changed;
}

std::string help_text() {
  std::string out =
      "ringcast: a real-time push server. WebSocket, Server-Sent Events and long polling.\n"
      "Usage: ringcast [flags]            serve\n"
      "       ringcast doctor [flags]     say whether this machine can hold the clients that these flags are for, and\n"
      "                                   what to change; `ringcast doctor --help`\n"
      "       ringcast init [FILE]        write a configuration with fresh secrets\n"
      "       ringcast token [flags]      make a user's token with a key of these settings, or --check one;\n"
      "                                   `ringcast token --help`\n"
      "       ringcast publish, subscribe be a client of a running server; `ringcast publish --help`\n\n";
  add_help(out, "-h, --help", "show this and end");
  add_help(out, "--version", "show the version and end");
  add_help(out, "-c, --config FILE", "TOML file with any of the settings below; RINGCAST_CONFIG names it as well");
  add_help(out, "--print-config", "print all settings as TOML and end; secrets only with --show-secrets");
  add_help(out, "--presets", "list the presets, which --preset or the setting presets switches on, and end");
  add_help(out, "--check-config", "check all settings, do everything that a start does but listen, and end");
  std::string_view group;
  for (const Setting& setting : settings()) {
    if (setting.group != group) {
      group = setting.group;
      out.append("\n").append(group).append(":\n");
    }
    const bool on_by_default = setting.kind == Kind::boolean && setting.default_text == "true";
    const std::string flag = on_by_default ? "--no-" + flag_of(setting).substr(2) : flag_of(setting);
    add_help(out, flag + std::string(placeholder(setting)),
             (on_by_default ? "turn off: " : "") + help_with_default(setting));
  }
  return out +
         "\nEvery setting can also stand in the file (heartbeat_interval = \"25s\") and in the environment\n"
         "(RINGCAST_HEARTBEAT_INTERVAL=25s). A flag wins over the environment, the environment over the file.\n";
}

std::string reference_table() {
  std::string out;
  std::string_view group;
  for (const Setting& setting : settings()) {
    if (setting.group != group) {
      group = setting.group;
      out.append(out.empty() ? "" : "\n").append("### ").append(group).append("\n\n");
      out +=
          "| setting | default | allowed | what it is | per room | reload |\n| --- | --- | --- | --- | --- | --- |\n";
    }
    out.append("| `").append(setting.key).append("` | ").append(markdown_default(setting)).append(" | ");
    out.append(escaped_for_cell(allowed(setting))).append(" | ").append(escaped_for_cell(std::string(setting.help)));
    if (setting.kind == Kind::list) out.append("; empty: ").append(setting.zero);
    out.append(" | ").append(setting.per_room ? "yes" : "").append(" | ");
    out.append(setting.reloadable ? "yes" : "").append(" |\n");
  }
  return out;
}

OptionsChange diff_reloadable(const Options& running, const Options& loaded) {
  OptionsChange change;
  for_each_difference(running, loaded, [&](const Setting& setting) {
    (can_reload(setting, running, loaded) ? change.reloadable : change.needs_restart).emplace_back(setting.key);
  });
  if (running.rooms != loaded.rooms) change.needs_restart.emplace_back("rooms");
  if (running.permissions != loaded.permissions) change.reloadable.emplace_back("permissions");
  if (running.routes != loaded.routes) change.needs_restart.emplace_back("routes");
  if (running.webhooks != loaded.webhooks) change.needs_restart.emplace_back("webhooks");
  if (running.inlets != loaded.inlets) change.needs_restart.emplace_back("inlets");
  return change;
}

Options apply_reloadable(const Options& running, const Options& loaded) {
  Options merged = running;
  for_each_difference(running, loaded, [&](const Setting& setting) {
    if (can_reload(setting, running, loaded))
      setting.set(merged, merged.room_defaults, setting.get(loaded, loaded.room_defaults));
  });
  merged.permissions = loaded.permissions;
  return merged;
}

}  // namespace ringcast::config
