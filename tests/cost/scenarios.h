// SPDX-License-Identifier: Apache-2.0
// What the programs of this folder share: PROGRAM --list | SCENARIO small|large.
#pragma once

#include <functional>
#include <span>
#include <string_view>

// The steps whose instructions check.py has callgrind count, which goes by the name of this function.
extern "C" void ringcast_measured(const std::function<void()>& steps);

struct Scenario {
  std::string_view name;
  std::function<void()> small, large;
};

int run_scenario(std::span<const Scenario> scenarios, int argc, char** argv);
