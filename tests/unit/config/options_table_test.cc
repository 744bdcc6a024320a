// SPDX-License-Identifier: Apache-2.0
#include "config/options_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cctype>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

namespace ringcast::config {
namespace {

using testing::HasSubstr;

bool is_text(const Setting& setting) {
  return setting.kind == Kind::text || setting.kind == Kind::list;
}
bool has_range(const Setting& setting) {
  return is_text(setting) || setting.kind == Kind::count || setting.kind == Kind::size ||
         setting.kind == Kind::duration;
}

std::vector<Setting> only(bool (*wanted)(const Setting&)) {
  std::vector<Setting> found;
  for (const Setting& setting : settings()) {
    if (wanted(setting)) found.push_back(setting);
  }
  return found;
}

// A value as the file, a flag or the environment would carry it.
std::string as_text(const Setting& setting, uint64_t number) {
  if (is_text(setting)) return std::string(number, 'x');
  if (setting.kind == Kind::size) return format_size(number);
  if (setting.kind == Kind::duration) return format_duration(Duration(static_cast<int64_t>(number)));
  return std::to_string(number);
}

class EverySetting : public testing::TestWithParam<Setting> {};
class RangedSetting : public EverySetting {};
class ChoiceSetting : public EverySetting {};
class TextSetting : public EverySetting {};

const auto kName = [](const auto& info) { return std::string(info.param.key); };
INSTANTIATE_TEST_SUITE_P(Settings, EverySetting, testing::ValuesIn(settings().begin(), settings().end()), kName);
INSTANTIATE_TEST_SUITE_P(Settings, RangedSetting, testing::ValuesIn(only(has_range)), kName);
INSTANTIATE_TEST_SUITE_P(Settings, ChoiceSetting,
                         testing::ValuesIn(only([](const Setting& s) { return !has_range(s); })), kName);
INSTANTIATE_TEST_SUITE_P(Settings, TextSetting, testing::ValuesIn(only(is_text)), kName);

TEST_P(EverySetting, KeyIsSnakeCaseAndUnique) {
  const Setting& setting = GetParam();
  for (const char c : setting.key) {
    EXPECT_TRUE(std::islower(static_cast<unsigned char>(c)) || std::isdigit(static_cast<unsigned char>(c)) || c == '_')
        << setting.key;
  }
  int same = 0;
  for (const Setting& other : settings()) same += other.key == setting.key;
  EXPECT_EQ(same, 1);
  EXPECT_EQ(find_setting(setting.key)->key, setting.key);
  EXPECT_NE(setting.key, "rooms");
  EXPECT_NE(setting.key, "match");
  EXPECT_NE(setting.key, "config");
}

TEST_P(EverySetting, DefaultIsAllowedAndStoredWhereItIsRead) {
  const Setting& setting = GetParam();
  const auto value = parse_value(setting, setting.default_text);
  ASSERT_TRUE(value) << value.error().message;
  const Options defaults;
  EXPECT_EQ(setting.get(defaults, defaults.room_defaults), *value);
}

TEST_P(EverySetting, NoOtherSettingSharesItsPlace) {
  const Setting& setting = GetParam();
  Options changed;
  Value other;
  switch (setting.kind) {
    case Kind::boolean: other = setting.default_text == "false"; break;
    case Kind::count:
    case Kind::size: other = setting.max - 7; break;
    case Kind::duration: other = Duration(7); break;
    case Kind::choice: other = uint64_t{setting.default_text == choices_of(setting)[0]}; break;
    case Kind::text: other = std::string("other"); break;
    case Kind::list: other = std::vector<std::string>{"other"}; break;
  }
  setting.set(changed, changed.room_defaults, other);
  const Options defaults;
  for (const Setting& each : settings()) {
    const bool differs = each.get(changed, changed.room_defaults) != each.get(defaults, defaults.room_defaults);
    EXPECT_EQ(differs, each.key == setting.key) << each.key;
  }
}

TEST_P(RangedSetting, MinAndMaxAreAllowed) {
  EXPECT_TRUE(parse_value(GetParam(), as_text(GetParam(), GetParam().min))) << as_text(GetParam(), GetParam().min);
  EXPECT_TRUE(parse_value(GetParam(), as_text(GetParam(), GetParam().max)));
}

TEST_P(RangedSetting, OneBeyondIsRefused) {
  const Setting& setting = GetParam();
  const auto above = parse_value(setting, as_text(setting, setting.max + 1));
  ASSERT_FALSE(above);
  EXPECT_THAT(above.error().message, HasSubstr(allowed(setting)));
  if (setting.min < 2) return;  // one below is 0, see ZeroIsAllowedWhereItMeansSomething
  const auto below = parse_value(setting, as_text(setting, setting.min - 1));
  ASSERT_FALSE(below);
  EXPECT_THAT(below.error().message, HasSubstr(allowed(setting)));
}

TEST_P(RangedSetting, ZeroIsAllowedWhereItMeansSomething) {
  const Setting& setting = GetParam();
  const bool expected = setting.min == 0 || !setting.zero.empty();
  EXPECT_EQ(parse_value(setting, is_text(setting) ? "" : "0").has_value(), expected);
}

TEST_P(ChoiceSetting, ChoicesAreExactlyThose) {
  const Setting& setting = GetParam();
  const auto names =
      setting.kind == Kind::choice ? choices_of(setting) : std::vector<std::string_view>{"false", "true"};
  for (const std::string_view name : names) {
    const auto value = parse_value(setting, name);
    ASSERT_TRUE(value) << name;
    EXPECT_EQ(format_value(setting, *value), name);
  }
  for (const char* text : {"", "1", "yes please", "TRUE", "auto "}) EXPECT_FALSE(parse_value(setting, text)) << text;
}

TEST_P(TextSetting, TextsAreOfOneLineOfUtf8) {
  const Setting& setting = GetParam();
  const std::string filler(setting.min, 'x');
  for (const char* part : {"\n", "\t", "\x7f", "\x1b", "\xff", "\xc3"})
    EXPECT_FALSE(parse_value(setting, filler + part));
  EXPECT_TRUE(parse_value(setting, filler + "\xc3\xa9"));
}

TEST(ListSetting, ItemsAreSeparatedByCommasAndBounded) {
  const Setting& setting = *find_setting("origins");
  const auto items = [&](std::string_view text) {
    return std::get<std::vector<std::string>>(parse_value(setting, text).value());
  };
  EXPECT_THAT(items("a"), testing::ElementsAre("a"));
  EXPECT_THAT(items("a, b ,c"), testing::ElementsAre("a", "b", "c"));
  EXPECT_THAT(items(""), testing::IsEmpty());
  for (const char* text : {",", "a,", ",a", "a,,b", " "}) EXPECT_FALSE(parse_value(setting, text)) << text;
  std::string many = "a";
  for (size_t i = 1; i < kListItemsMax; ++i) many += ",a";
  EXPECT_EQ(items(many).size(), kListItemsMax);
  EXPECT_FALSE(parse_value(setting, many + ",a"));
}

TEST(NearestKey, FindsTyposAndNothingElse) {
  EXPECT_EQ(nearest_key("heartbeat_intervall"), "heartbeat_interval");
  EXPECT_EQ(nearest_key("hearbeat_timeout"), "heartbeat_timeout");
  EXPECT_EQ(nearest_key("prot"), "port");
  EXPECT_EQ(nearest_key("xyzzy_plugh"), "");
  EXPECT_EQ(nearest_key("history_message", true), "history_messages");
  EXPECT_EQ(nearest_key("port", true), "");
}

TEST(SettingNames, FlagAndVariable) {
  EXPECT_EQ(flag_of(*find_setting("heartbeat_interval")), "--heartbeat-interval");
  EXPECT_EQ(environment_of(*find_setting("heartbeat_interval")), "RINGCAST_HEARTBEAT_INTERVAL");
}

// docs/configuration.md carries the table between two marks; UPDATE_DOCS=1 writes it anew.
TEST(Documentation, TableIsTheTable) {
  const std::string path = SOURCE_ROOT "/docs/configuration.md";
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  const std::string page = text.str();
  const std::string begin_mark = "<!-- settings: begin -->\n";
  const size_t begin = page.find(begin_mark);
  const size_t end = page.find("<!-- settings: end -->");
  ASSERT_NE(begin, std::string::npos);
  ASSERT_NE(end, std::string::npos);
  const size_t from = begin + begin_mark.size();
  const std::string written = page.substr(from, end - from);
  const std::string wanted = "\n" + reference_table() + "\n";
  if (std::getenv("UPDATE_DOCS") != nullptr && written != wanted)
    std::ofstream(path) << page.substr(0, from) << wanted << page.substr(end);
  EXPECT_EQ(written, wanted) << "run UPDATE_DOCS=1 config_test --gtest_filter=Documentation.*";
}

}  // namespace
}  // namespace ringcast::config
