// SPDX-License-Identifier: Apache-2.0
// The TOML file: its entries become flags that stand before the real ones. What is no flag is refused by name.
#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <optional>

#include "option_texts.h"

namespace ringcast::ringload {
namespace {

std::optional<std::string> text_of(const toml::node& node) {
  if (const auto text = node.value_exact<std::string>()) return *text;
  if (const auto integer = node.value_exact<int64_t>()) return std::to_string(*integer);
  if (const auto real = node.value_exact<double>()) return fmt::format("{}", *real);
  return std::nullopt;
}

class FileReader {
 public:
  FileReader(const std::string& path, const std::vector<std::string>& known) : path_(path), known_(known) {}

  Result<FileFlags> read(const toml::table& table) {
    for (const auto& [key, node] : table) {
      if (auto added = add(std::string(key.str()), node); !added) return tl::unexpected<Error>(added.error());
    }
    return std::move(found_);
  }

 private:
  tl::unexpected<Error> bad(const toml::node& node, std::string_view why) const {
    return fail("bad_file", fmt::format("{}:{}: {}", path_, node.source().begin.line, why));
  }

  Result<void> add(const std::string& key, const toml::node& node) {
    if (key == "scenario") {
      const auto text = node.value_exact<std::string>();
      if (!text) return bad(node, "scenario is a string");
      found_.scenario = *text;
      return {};
    }
    if (std::find(known_.begin(), known_.end(), key) == known_.end())
      return bad(node, fmt::format("there is no setting '{}'; the keys are scenario and the flags of --help", key));
    if (const auto boolean = node.value_exact<bool>()) {
      if (*boolean) found_.flags.push_back("--" + key);
      return {};
    }
    if (const toml::table* table = node.as_table()) {
      if (key != "mix") return bad(node, fmt::format("'{}' is no table", key));
      return add_mix(*table);
    }
    if (const toml::array* array = node.as_array()) {
      for (const toml::node& element : *array) {
        auto text = element.is_table() && key == "stage" ? stage_text(*element.as_table()) : value_text(key, element);
        if (!text) return tl::unexpected<Error>(text.error());
        add_flag(key, *text);
      }
      return {};
    }
    auto text = value_text(key, node);
    if (!text) return tl::unexpected<Error>(text.error());
    add_flag(key, *text);
    return {};
  }

  // CLI11 takes "--name=" for a name whose value is the next word.
  void add_flag(const std::string& key, const std::string& text) {
    if (text.empty()) {
      found_.flags.insert(found_.flags.end(), {"--" + key, ""});
    } else {
      found_.flags.push_back("--" + key + "=" + text);
    }
  }

  Result<std::string> value_text(const std::string& key, const toml::node& node) const {
    auto text = text_of(node);
    if (!text) return bad(node, fmt::format("'{}' wants a string, a number or a list of them", key));
    return std::move(*text);
  }

  // [[stage]] duration = "30s", rate = 500
  Result<std::string> stage_text(const toml::table& table) const {
    std::string duration;
    std::string rate;
    for (const auto& [key, node] : table) {
      const auto text = text_of(node);
      if (key.str() != "duration" && key.str() != "rate")
        return bad(node, fmt::format("a stage has duration and rate, no '{}'", key.str()));
      if (!text) return bad(node, fmt::format("the {} of a stage is a string or a number", key.str()));
      (key.str() == "rate" ? rate : duration) = *text;
    }
    if (duration.empty() || rate.empty()) return bad(table, "a stage wants duration and rate");
    return duration + ":" + rate;
  }

  // [mix] connect = 50, fanout = 40
  Result<void> add_mix(const toml::table& table) {
    std::string mix;
    for (const auto& [key, node] : table) {
      const auto weight = node.value_exact<int64_t>();
      if (!weight) return bad(node, fmt::format("the weight of '{}' is a whole number", key.str()));
      mix += fmt::format("{}{}={}", mix.empty() ? "" : ",", key.str(), *weight);
    }
    found_.flags.push_back("--mix=" + mix);
    return {};
  }

  const std::string& path_;
  const std::vector<std::string>& known_;
  FileFlags found_;
};

}  // namespace

Result<FileFlags> flags_of_file(const std::string& path, const std::vector<std::string>& known) {
  try {
    const toml::table table = toml::parse_file(path);
    return FileReader(path, known).read(table);
  } catch (const toml::parse_error& error) {
    const uint32_t line = error.source().begin.line;
    return fail("bad_file", line == 0 ? fmt::format("{}: {}", path, error.description())
                                      : fmt::format("{}:{}: {}", path, line, error.description()));
  }
}

}  // namespace ringcast::ringload
