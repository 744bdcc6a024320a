// SPDX-License-Identifier: Apache-2.0
// `ringcast init`: a configuration to start from, with secrets of its own, that lets nobody in without one of them.
// Main thread only, without a server.
#pragma once

#include <cstdio>
#include <string>

#include "base/error.h"

namespace ringcast::app {

struct InitFiles {
  std::string config;
  std::string secret;  // that tokens are signed with; beside the configuration
  std::string api_key;
};

// Makes both files, readable by this user alone. What is there is never replaced: then nothing is made.
[[nodiscard]] Result<InitFiles> write_initial_config(const std::string& path);

// argv[1] is "init". Returns the exit status: 0 they are made, 1 they cannot be, 2 the arguments are wrong.
int run_init(int argc, const char* const* argv, std::FILE* out, std::FILE* err);

}  // namespace ringcast::app
