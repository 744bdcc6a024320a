// SPDX-License-Identifier: Apache-2.0
// Presets: what one word in the configuration stands for. A preset is the name of a system and the settings, routes and
// rooms, written as a configuration file, with which this server answers that system's clients as they expect it.
// Constant data; any thread.
#pragma once

#include <span>
#include <string_view>

namespace ringcast::session {

struct Preset {
  std::string_view name;
  std::string_view system;  // what it stands in for
  std::string_view toml;    // as in the file; what the operator sets wins over it
};

std::span<const Preset> presets();
// Null: there is none of that name.
const Preset* find_preset(std::string_view name);

}  // namespace ringcast::session
