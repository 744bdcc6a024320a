// SPDX-License-Identifier: Apache-2.0
// What the readers of the TOML file share: entries in the order of lines, values held to the table of settings.
// Main thread, during load_options().
#pragma once

#include <toml++/toml.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/options_draft.h"

namespace ringcast::config {

struct TomlEntry {
  std::string key;
  const toml::node* node;
  uint32_t line;
};
// toml++ sorts by key; people read by line, and the first mistake should be the first one reported.
std::vector<TomlEntry> by_line(const toml::table& table);
// A list of strings; nothing where it is something else.
std::optional<std::vector<std::string>> texts_of(const toml::node& node);
std::string spelled(const toml::node& node);
[[nodiscard]] Result<Value> read_value(const Setting& setting, const toml::node& node);
// The sections [[NAME]] of the file, at most `max`.
[[nodiscard]] Result<const toml::array*> sections_of(const TomlEntry& entry, const std::string& path, size_t max);

// options_routes.cc
[[nodiscard]] Result<void> read_routes(const TomlEntry& entry, const std::string& path, Draft& draft);
[[nodiscard]] Result<void> read_broker(const TomlEntry& entry, const std::string& path, Draft& draft);
// options_webhooks.cc
[[nodiscard]] Result<void> read_webhooks(const TomlEntry& entry, const std::string& path, Draft& draft);
// options_inlets.cc
[[nodiscard]] Result<void> read_inlets(const TomlEntry& entry, const std::string& path, Draft& draft);

}  // namespace ringcast::config
