// SPDX-License-Identifier: Apache-2.0
#include "app/commands/arguments.h"

#include <fstream>
#include <iostream>
#include <iterator>
#include <string_view>
#include <vector>

#include "base/command_line.h"

namespace ringcast::app {

namespace {

constexpr size_t kSecretMax = 64 << 10;

// The first line of a file, or of standard input for "-".
Result<std::string> read_secret(const std::string& path) {
  std::ifstream file;
  if (path != "-") {
    file.open(path);
    if (!file) return fail_errno("cannot read " + path, errno);
  }
  std::string line;
  std::getline(path == "-" ? std::cin : file, line);
  while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
  if (line.empty() || line.size() > kSecretMax) return fail("bad_file", path + ": the first line has to be the secret");
  return line;
}

std::string unknown(const CLI::App& app, const std::string& argument) {
  std::vector<std::string> flags;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) flags.push_back("--" + name);
  }
  const std::vector<std::string_view> known(flags.begin(), flags.end());
  return unknown_argument(argument, known);
}

}  // namespace

Arguments::Arguments(const std::string& command, const std::string& about) : app_(about, "ringcast " + command) {
  app_.allow_extras();  // to name the nearest flag
  app_.add_option("--url", access.url, "the server's address")->capture_default_str();
  app_.add_option("--token", access.token, "a user's token; better in a file, since processes' arguments are public");
  app_.add_option("--token-file", token_file_, "file with the token; - for standard input");
  app_.add_option("--api-key", access.api_key, "a server's key; better in a file");
  app_.add_option("--api-key-file", key_file_, "file with the key; - for standard input");
  app_.add_option("--ca-file", access.ca_file, "certificates to trust, in PEM, instead of the system's");
}

Exit Arguments::parse(int argc, const char* const* argv, std::FILE* out, std::FILE* err) {
  try {
    app_.parse(argc - 1, const_cast<char**>(argv + 1));
  } catch (const CLI::CallForHelp&) {
    std::fputs(app_.help().c_str(), out);
    return 0;
  } catch (const CLI::ParseError& error) {
    return refuse(err, 2, "command line: " + plain_mistake(error.what()));
  }
  if (const auto extra = app_.remaining(); !extra.empty()) {
    return refuse(err, 2, "command line: " + unknown(app_, extra.front()));
  }
  auto url = base_url(access.url);
  if (!url) return refuse(err, 2, url.error().message);
  access.url = *std::move(url);
  for (const auto& [path, secret] : {std::pair{&token_file_, &access.token}, {&key_file_, &access.api_key}}) {
    if (path->empty()) continue;
    auto read = read_secret(*path);
    if (!read) return refuse(err, 2, read.error().message);
    *secret = *std::move(read);
  }
  for (const std::string* secret : {&access.token, &access.api_key}) {
    if (secret->find_first_of("\r\n") != std::string::npos) return refuse(err, 2, "a token or key is one line");
  }
  return std::nullopt;
}

int refuse(std::FILE* err, int status, const std::string& message) {
  std::fprintf(err, "ringcast: %s\n", message.c_str());
  return status;
}

}  // namespace ringcast::app
