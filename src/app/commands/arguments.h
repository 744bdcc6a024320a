// SPDX-License-Identifier: Apache-2.0
// What publish and subscribe share of a command line. Used while a command starts; main thread.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdio>
#include <optional>
#include <string>

#include "app/commands/transfer.h"

namespace ringcast::app {

// An exit status; none: go on.
using Exit = std::optional<int>;

class Arguments {
 public:
  Arguments(const std::string& command, const std::string& about);

  CLI::App& app() { return app_; }
  Access access;

  // Help goes to `out`, a mistake to `err`.
  Exit parse(int argc, const char* const* argv, std::FILE* out, std::FILE* err);

 private:
  CLI::App app_;
  std::string token_file_;
  std::string key_file_;
};

// "ringcast: MESSAGE" and the status.
int refuse(std::FILE* err, int status, const std::string& message);

}  // namespace ringcast::app
