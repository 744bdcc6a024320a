// SPDX-License-Identifier: Apache-2.0
// ringcast::Options: how an embedded server is configured. Settings have the names, values and ranges of the standalone
// server (docs/configuration.md); environment variables are not read. Several servers in one
// program write one log, with the `log_*` settings of the first.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace ringcast {

// What is wrong with a setting, or why the server cannot start: one line with the setting, its value and what is
// allowed.
class StartError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct Options {
  // A TOML file to read first; empty: none.
  std::string config_file;
  // Name and value as on the command line without dashes: {"port", "3000"}, {"heartbeat_interval", "25s"}. Later ones
  // win; lists are separated by commas.
  std::vector<std::pair<std::string, std::string>> settings;
};

}  // namespace ringcast
