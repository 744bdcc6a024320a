// SPDX-License-Identifier: Apache-2.0
#include "scenarios.h"

#include <cstdio>
#include <string>

// Neither inlined nor cloned.
extern "C" [[gnu::noipa]] void ringcast_measured(const std::function<void()>& steps) {
  steps();
}

int run_scenario(std::span<const Scenario> scenarios, int argc, char** argv) {
  if (argc == 2 && std::string_view(argv[1]) == "--list") {
    for (const Scenario& scenario : scenarios) std::printf("%s\n", std::string(scenario.name).c_str());
    return 0;
  }
  for (const Scenario& scenario : scenarios) {
    if (argc != 3 || scenario.name != argv[1]) continue;
    (argv[2] == std::string_view("large") ? scenario.large : scenario.small)();
    return 0;
  }
  std::fprintf(stderr, "usage: %s --list | SCENARIO small|large\n", argv[0]);
  return 2;
}
