// SPDX-License-Identifier: Apache-2.0
// Texts: what the flags said, as it was written, on the way to Options. Main thread, at start.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "options.h"

namespace ringcast::ringload {

struct Texts {
  std::string scenario = "connect";
  std::string targets = "127.0.0.1:3000";
  std::string sources;
  std::string engine = "auto";
  std::string transport = "websocket";
  std::vector<std::string> headers;
  std::vector<std::string> thresholds;
  std::vector<std::string> stages;
  std::string mix;
  std::string config;
  uint32_t members = 0;
  std::map<std::string, std::string> dialect;  // replacements of the preset's texts, by flag
};

// Flags that replace a text of the preset.
const std::vector<std::string>& dialect_flags();

// What follows from the texts, and what contradicts itself.
[[nodiscard]] Result<void> complete(Options& options, const Texts& texts);

// The entries of a TOML file as flags; `known` tells the names of flags. "scenario" is the one that is no flag.
struct FileFlags {
  std::vector<std::string> flags;
  std::string scenario;
};
[[nodiscard]] Result<FileFlags> flags_of_file(const std::string& path, const std::vector<std::string>& known);

}  // namespace ringcast::ringload
