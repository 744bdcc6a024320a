// SPDX-License-Identifier: Apache-2.0
// The chat and live-stats page, built into the program so that it runs from anywhere. Constant; any thread.
#pragma once

#include <span>
#include <string_view>

namespace ringcast::app {

struct PageFile {
  std::string_view name;  // relative, "index.html"
  std::string_view body;
};
std::span<const PageFile> built_in_page();

}  // namespace ringcast::app
