// SPDX-License-Identifier: Apache-2.0
#include "page.h"

#include <fcntl.h>
#include <simdjson.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "codec/json/json_writer.h"

namespace ringcast::ringload {
namespace {

constexpr uintmax_t kFileBytesMax = 64 << 20;

Result<std::string> read_file(const std::string& path) {
  std::error_code error;
  const uintmax_t size = std::filesystem::file_size(path, error);
  if (error) return fail("no_file", path + ": " + error.message());
  if (size > kFileBytesMax) return fail("bad_file", path + ": larger than 64 MiB");
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file) return fail("no_file", path + " cannot be read");
  return text;
}

Result<void> check_document(const std::string& path, const std::string& text) {
  simdjson::dom::parser parser;
  simdjson::dom::object document;
  if (const auto code = parser.parse(text).get(document))
    return fail("bad_file", path + " is not a JSON object: " + simdjson::error_message(code));
  std::string_view scenario;
  simdjson::dom::array tables;
  if (document["scenario"].get(scenario) != simdjson::SUCCESS && document["tables"].get(tables) != simdjson::SUCCESS)
    return fail("bad_file", path + " was written neither by ringload --json nor by tools/compare");
  return {};
}

}  // namespace

std::string report_page(const std::vector<ReportDocument>& documents) {
  std::string json_text;
  codec::JsonWriter json(json_text);
  json.begin_array();
  for (const ReportDocument& document : documents) {
    json.begin_object();
    json.key("name").string(document.name);
    json.raw("document", document.json).end_object();
  }
  json.end_array();
  std::string page(page_before_documents());
  // Nothing in the data may end the element that it stands in. In JSON this character is found in strings only.
  for (const char c : json_text) {
    if (c == '<') {
      page += "\\u003c";
    } else {
      page += c;
    }
  }
  page += page_after_documents();
  return page;
}

Result<std::string> report_page_of_files(const std::vector<std::string>& paths) {
  std::vector<ReportDocument> documents;
  for (const std::string& path : paths) {
    auto text = read_file(path);
    if (!text) return tl::unexpected<Error>(text.error());
    if (auto checked = check_document(path, *text); !checked) return tl::unexpected<Error>(checked.error());
    documents.push_back({std::filesystem::path(path).stem().string(), std::move(*text)});
  }
  return report_page(documents);
}

Result<void> check_writable(const std::string& path) {
  const bool exists = ::access(path.c_str(), F_OK) == 0;
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
  if (file < 0) return fail_errno("cannot write " + path, errno);
  ::close(file);
  if (!exists) ::unlink(path.c_str());
  return {};
}

bool write_file(const std::string& path, const std::string& text) {
  if (path == "-") return std::fputs(text.c_str(), stdout) >= 0;
  std::ofstream file(path, std::ios::trunc | std::ios::binary);
  file << text;
  file.close();
  if (file) return true;
  std::fprintf(stderr, "ringload: cannot write %s: %s\n", path.c_str(), std::strerror(errno));
  return false;
}

int report_command(std::vector<std::string> arguments) {
  CLI::App app("ringload report: one page of what runs found, side by side", "ringload report");
  std::vector<std::string> paths;
  std::string out;
  app.add_option("files", paths, "what ringload --json or tools/compare wrote")->required();
  app.add_option("--out", out, "the page; - is standard output")->required();
  try {
    std::reverse(arguments.begin(), arguments.end());  // as CLI11 wants them
    app.parse(std::move(arguments));
  } catch (const CLI::CallForHelp&) {
    std::fputs(app.help().c_str(), stdout);
    return 0;
  } catch (const CLI::RequiredError&) {
    std::fputs("ringload report: wants files and a page, as in: ringload report a.json b.json --out page.html\n",
               stderr);
    return 2;
  } catch (const CLI::ParseError& error) {
    std::fprintf(stderr, "ringload report: %s\n", error.what());
    return 2;
  }
  const auto page = report_page_of_files(paths);
  if (!page) {
    std::fprintf(stderr, "ringload report: %s\n", page.error().message.c_str());
    return 1;
  }
  return write_file(out, *page) ? 0 : 1;
}

}  // namespace ringcast::ringload
