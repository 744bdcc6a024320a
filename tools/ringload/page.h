// SPDX-License-Identifier: Apache-2.0
// The report page: one HTML file that needs no other, with the results of runs and of tools/compare in it as JSON;
// the scripts of page/ draw them. Pure functions; main thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace ringcast::ringload {

// What `--json` or tools/compare wrote. The name tells runs apart; an empty one leaves that to the page.
struct ReportDocument {
  std::string name;
  std::string json;
};

std::string report_page(const std::vector<ReportDocument>& documents);

// The page of files. An error names the file that is missing, is no JSON, or is the JSON of something else.
[[nodiscard]] Result<std::string> report_page_of_files(const std::vector<std::string>& paths);

// `ringload report FILE... --out FILE`, without the program's name and `report`. The exit code.
int report_command(std::vector<std::string> arguments);

// Whether write_file() could; what is there stays as it is, and nothing is left behind.
[[nodiscard]] Result<void> check_writable(const std::string& path);
bool write_file(const std::string& path, const std::string& text);  // "-": standard output. Says on stderr why not

// Made by embed_report.py: the page without its documents.
std::string_view page_before_documents();
std::string_view page_after_documents();

}  // namespace ringcast::ringload
