// SPDX-License-Identifier: Apache-2.0
// One setting's value: parsed, checked against its row, printed; and the spellings of its key.
#include <algorithm>

#include "base/command_line.h"
#include "codec/text/utf8.h"
#include "config/options_table.h"

namespace ringcast::config {
namespace {

bool has_control_character(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

tl::unexpected<Error> refuse(const Setting& setting) {
  return fail("bad_value", "must be " + allowed(setting));
}

std::string quantity(const Setting& setting, uint64_t number) {
  switch (setting.kind) {
    case Kind::size: return format_size(number);
    case Kind::duration: return format_duration(Duration(static_cast<int64_t>(number)));
    default: return std::to_string(number);
  }
}

bool number_in_range(const Setting& setting, uint64_t number) {
  return (number >= setting.min && number <= setting.max) || (number == 0 && !setting.zero.empty());
}

bool text_in_range(const Setting& setting, std::string_view text) {
  return text.size() >= setting.min && text.size() <= setting.max && !has_control_character(text) &&
         codec::is_utf8(text);
}

std::string joined(const std::vector<std::string>& items, std::string (*form)(std::string_view)) {
  std::string out;
  for (const std::string& item : items) out += (out.empty() ? "" : ", ") + form(item);
  return out;
}

}  // namespace

std::string quoted_toml(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

std::vector<std::string_view> choices_of(const Setting& setting) {
  std::vector<std::string_view> names;
  for (std::string_view rest = setting.choices; !rest.empty();) {
    const size_t bar = std::min(rest.find('|'), rest.size());
    names.push_back(rest.substr(0, bar));
    rest.remove_prefix(std::min(bar + 1, rest.size()));
  }
  return names;
}

std::string allowed(const Setting& setting) {
  const std::string range = quantity(setting, setting.min) + " to " + quantity(setting, setting.max);
  const auto also_zero = [&](std::string_view word) {
    return setting.zero.empty() ? std::string() : ", or " + std::string(word) + " (" + std::string(setting.zero) + ")";
  };
  switch (setting.kind) {
    case Kind::boolean: return "true or false";
    case Kind::count: return "a whole number from " + range + also_zero("0");
    case Kind::size: return "a size from " + range + also_zero("0");
    case Kind::duration: return "a duration from " + range + also_zero("0");
    case Kind::text: return "a text of " + range + " bytes of UTF-8 without control characters" + also_zero("empty");
    case Kind::list:
      return "a list of at most " + std::to_string(kListItemsMax) + " texts of " + range +
             " bytes of UTF-8 without commas and control characters";
    case Kind::choice: break;
  }
  std::string names;
  const auto all = choices_of(setting);
  for (size_t i = 0; i < all.size(); ++i)
    names.append(i == 0 ? "" : i + 1 == all.size() ? " or " : ", ").append(quoted_toml(all[i]));
  return names;
}

Result<void> check_range(const Setting& setting, const Value& value) {
  bool fits = true;
  switch (setting.kind) {
    case Kind::boolean:
    case Kind::choice: break;
    case Kind::count:
    case Kind::size: fits = number_in_range(setting, std::get<uint64_t>(value)); break;
    case Kind::duration:
      fits = number_in_range(setting, static_cast<uint64_t>(std::get<Duration>(value).count()));
      break;
    case Kind::text: {
      const auto& text = std::get<std::string>(value);
      fits = (text.empty() && !setting.zero.empty()) || text_in_range(setting, text);
      break;
    }
    case Kind::list: {
      const auto& items = std::get<std::vector<std::string>>(value);
      fits = items.size() <= kListItemsMax && std::all_of(items.begin(), items.end(), [&](const std::string& item) {
               return text_in_range(setting, item) && item.find(',') == std::string::npos && trim(item) == item;
             });
      break;
    }
  }
  if (!fits) return refuse(setting);
  return {};
}

Result<Value> parse_value(const Setting& setting, std::string_view text) {
  Value value;
  const auto take = [&](auto parsed) -> Result<void> {
    if (!parsed) return fail("bad_value", parsed.error().message + "; must be " + allowed(setting));
    value = *std::move(parsed);
    return {};
  };
  Result<void> taken;
  switch (setting.kind) {
    case Kind::boolean:
      if (text != "true" && text != "false") return refuse(setting);
      value = text == "true";
      break;
    case Kind::count: taken = take(parse_count(text)); break;
    case Kind::size: taken = take(parse_size(text)); break;
    case Kind::duration: taken = take(parse_duration(text)); break;
    case Kind::text: value = std::string(text); break;
    case Kind::choice: {
      const auto names = choices_of(setting);
      const auto found = std::find(names.begin(), names.end(), text);
      if (found == names.end()) return refuse(setting);
      value = static_cast<uint64_t>(found - names.begin());
      break;
    }
    case Kind::list: {
      std::vector<std::string> items;
      while (!text.empty()) {
        const size_t comma = std::min(text.find(','), text.size());
        items.emplace_back(trim(text.substr(0, comma)));
        if (comma + 1 == text.size()) items.emplace_back();  // "a," has an empty second item, which is refused below
        text.remove_prefix(std::min(comma + 1, text.size()));
      }
      value = std::move(items);
      break;
    }
  }
  if (!taken) return tl::unexpected(taken.error());
  if (auto checked = check_range(setting, value); !checked) return tl::unexpected(checked.error());
  return value;
}

std::string format_value(const Setting& setting, const Value& value) {
  switch (setting.kind) {
    case Kind::boolean: return std::get<bool>(value) ? "true" : "false";
    case Kind::count:
    case Kind::size: return quantity(setting, std::get<uint64_t>(value));
    case Kind::duration: return format_duration(std::get<Duration>(value));
    case Kind::choice: return std::string(choices_of(setting)[std::get<uint64_t>(value)]);
    case Kind::text: return std::get<std::string>(value);
    case Kind::list: break;
  }
  return joined(std::get<std::vector<std::string>>(value), [](std::string_view item) { return std::string(item); });
}

std::string toml_value(const Setting& setting, const Value& value) {
  switch (setting.kind) {
    case Kind::boolean:
    case Kind::count: return format_value(setting, value);
    case Kind::list: return "[" + joined(std::get<std::vector<std::string>>(value), quoted_toml) + "]";
    case Kind::size:
    case Kind::duration:
    case Kind::choice:
    case Kind::text: break;
  }
  return quoted_toml(format_value(setting, value));
}

std::string flag_of(const Setting& setting) {
  if (setting.key == "presets") return "--preset";  // one at a time; --presets lists them
  std::string flag = "--" + std::string(setting.key);
  std::replace(flag.begin(), flag.end(), '_', '-');
  return flag;
}

std::string environment_of(const Setting& setting) {
  std::string name = "RINGCAST_" + std::string(setting.key);
  std::transform(name.begin(), name.end(), name.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
  return name;
}

std::string_view nearest_key(std::string_view key, bool per_room_only) {
  std::vector<std::string_view> known;
  for (const Setting& setting : settings()) {
    if (setting.per_room || !per_room_only) known.push_back(setting.key);
  }
  return nearest_name(key, known);
}

}  // namespace ringcast::config
