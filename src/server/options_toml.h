// SPDX-License-Identifier: Apache-2.0
// What the readers of the TOML file share: entries in the order of lines, values held to the table of settings.
// Main thread, during load_options().
#pragma once

#include <toml++/toml.h>

#include <cstdint>
#include <string>
#include <vector>

#include "server/options_draft.h"

namespace ringcast::server {

struct TomlEntry {
  std::string key;
  const toml::node* node;
  uint32_t line;
};
// toml++ sorts by key; people read by line, and the first mistake should be the first one reported.
std::vector<TomlEntry> by_line(const toml::table& table);
std::string spelled(const toml::node& node);
Result<Value> read_value(const Setting& setting, const toml::node& node);
// The sections [[NAME]] of the file, at most `max`.
Result<const toml::array*> sections_of(const TomlEntry& entry, const std::string& path, size_t max);

// options_routes.cc
Result<void> read_routes(const TomlEntry& entry, const std::string& path, Draft& draft);
// options_webhooks.cc
Result<void> read_webhooks(const TomlEntry& entry, const std::string& path, Draft& draft);

}  // namespace ringcast::server
