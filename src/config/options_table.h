// SPDX-License-Identifier: Apache-2.0
// The table of settings: one row drives file, environment, flags, checks, help and docs/configuration.md.
// Constant data, fixed at compile time; any thread.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/options.h"

namespace ringcast::config {

enum class Kind : uint8_t { boolean, count, size, duration, choice, text, list };

// boolean | count, size, choice (its place among the choices) | duration | text | list
using Value = std::variant<bool, uint64_t, Duration, std::string, std::vector<std::string>>;

struct Setting {
  std::string_view key;  // in the file; RINGCAST_KEY in the environment, --key with dashes as a flag
  std::string_view group;
  Kind kind;
  // As written in the file, without quotes; a list is empty.
  std::string_view default_text;
  // count, size: numbers; duration: nanoseconds; text, list: length of the text or of each item. Inclusive.
  uint64_t min;
  uint64_t max;
  std::string_view zero;  // what 0 (or an empty text or list) means, allowed besides [min, max]; empty: nothing special
  std::string_view choices;  // choice: in the order of the enum, separated by "|"
  std::string_view help;
  bool per_room;
  bool reloadable;
  Value (*get)(const Options&, const RoomOptions&);
  void (*set)(Options&, RoomOptions&, Value);
};
inline constexpr size_t kListItemsMax = 64;

std::span<const Setting> settings();
const Setting* find_setting(std::string_view key);
// The known key closest to `key`, or empty when none is close.
std::string_view nearest_key(std::string_view key, bool per_room_only = false);

std::string flag_of(const Setting& setting);         // "--heartbeat-interval"
std::string environment_of(const Setting& setting);  // "RINGCAST_HEARTBEAT_INTERVAL"

// From text as in flags and environment: wrong spelling and range are refused with "must be …".
[[nodiscard]] Result<Value> parse_value(const Setting& setting, std::string_view text);
[[nodiscard]] Result<void> check_range(const Setting& setting, const Value& value);
std::vector<std::string_view> choices_of(const Setting& setting);
std::string allowed(const Setting& setting);                                   // "a duration from 1s to 1h"
std::string format_value(const Setting& setting, const Value& value);          // for people: 25s, 64KiB, a, b
std::string toml_value(const Setting& setting, const Value& value);            // "25s", 100, ["a", "b"]
std::string quoted_toml(std::string_view text);                                // without control characters in it
void print_webhook(std::string& out, const hooks::EndpointOptions& endpoint);  // a [[webhooks]] section
void print_inlet(std::string& out, const inlets::InletOptions& inlet, bool has_broker);
std::string print_routes(const std::vector<RouteRule>& routes);  // [[routes]] sections
std::string help_text();                                         // of --help
std::string reference_table();                                   // the Markdown of docs/configuration.md

}  // namespace ringcast::config
