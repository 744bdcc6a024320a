// SPDX-License-Identifier: Apache-2.0
#include "app/commands/init_command.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/random.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <span>
#include <string_view>

#include "base/assert.h"
#include "base/command_line.h"
#include "codec/text/base64.h"
#include "config/options_table.h"
#include "io/unique_fd.h"

namespace ringcast::app {

namespace {

constexpr std::string_view kInitHelp =
    "ringcast init [FILE]\n\n"
    "Writes a configuration with fresh secrets to FILE [ringcast.toml], and beside it the secret that tokens are "
    "signed\n"
    "with. Both are readable by you alone; files that are there are never replaced.\n";

constexpr std::string_view kTemplate =
    R"(# Made by `ringcast init`. Settings that are not named here have their defaults: `ringcast --help`, docs/configuration.md.
# Check it with `ringcast --config FILE --check-config`; SIGHUP reads it again.

# This machine only. Behind a proxy on this machine leave it so; ["*"] listens on every address.
listen = ["127.0.0.1", "[::1]"]

# config::Secrets of your own servers, which may publish to every room and call the server's functions:
#   Authorization: Bearer SECRET
api_keys = ["server:{api_key}"]

# Users need a token that is signed with this secret: `ringcast token --config FILE --user alice`, or any JWT library.
jwt_keys = [{jwt_key}]

# Pages that browsers may connect from, besides those that this server serves itself.
# origins = ["https://www.example.org"]

# What users may do, by the name of the room. Nothing else is allowed; a token may carry rules of its own.
[[permissions]]
match = "general"
allow = ["subscribe", "publish", "presence", "history"]
)";

std::string random_secret() {
  std::array<uint8_t, 32> bytes;
  for (size_t have = 0; have < bytes.size();) {
    const ssize_t got = ::getrandom(bytes.data() + have, bytes.size() - have, 0);
    RINGCAST_ASSERT(got > 0 || errno == EINTR);
    if (got > 0) have += static_cast<size_t>(got);
  }
  std::string text;
  codec::append_base64url(text, bytes);
  return text;
}

Result<void> make_file(const std::string& path, std::string_view text) {
  const io::UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file && errno == EEXIST) return fail("exists", path + " is there already; it is not replaced");
  if (!file) return fail_errno("cannot make " + path, errno);
  while (!text.empty()) {
    const ssize_t written = ::write(file.get(), text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      const int error = errno;
      ::unlink(path.c_str());
      return fail_errno("cannot write " + path, error);
    }
    text.remove_prefix(static_cast<size_t>(written));
  }
  return {};
}

}  // namespace

Result<InitFiles> write_initial_config(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::path config = fs::absolute(path, error);
  if (error || !config.has_filename()) return fail("bad_file", "\"" + path + "\" is no name of a file");
  InitFiles files{config.string(), fs::path(config).replace_extension(".secret").string(), random_secret()};
  const std::string key = "HS256:" + files.secret;
  // A list of the environment or the command line is split at commas, and so no item has one.
  if (auto good = config::check_range(*config::find_setting("jwt_keys"), std::vector<std::string>{key});
      !good || files.config == files.secret)
    return fail("bad_file", "\"" + path + "\": a path of at most 500 bytes without commas, and not of a .secret");
  if (auto made = make_file(files.secret, random_secret() + "\n"); !made) return tl::unexpected<Error>(made.error());
  const std::string text =
      fmt::format(kTemplate, fmt::arg("api_key", files.api_key), fmt::arg("jwt_key", config::quoted_toml(key)));
  if (auto made = make_file(files.config, text); !made) {
    ::unlink(files.secret.c_str());
    return tl::unexpected<Error>(made.error());
  }
  return files;
}

int run_init(int argc, const char* const* argv, std::FILE* out, std::FILE* err) {
  constexpr std::array<std::string_view, 1> kFlags = {"--help"};
  std::string path;
  for (const std::string_view argument : std::span(argv + 2, static_cast<size_t>(argc - 2))) {
    if (argument == "--help" || argument == "-h") {
      fmt::print(out, "{}", kInitHelp);
      return 0;
    }
    if (argument.starts_with('-') || !path.empty()) {
      const std::string why = argument == "--config" ? "init takes the file's name alone: ringcast init FILE"
                                                     : unknown_argument(argument, kFlags);
      fmt::print(err, "ringcast: command line: {}\n", why);
      return 2;
    }
    path = argument;
  }
  const auto files = write_initial_config(path.empty() ? "ringcast.toml" : path);
  if (!files) {
    fmt::print(err, "ringcast: {}\n", files.error().message);
    return 1;
  }
  fmt::print(out,
             "{}: the configuration, with the key of your servers\n{}: the secret of users' tokens\n\n"
             "ringcast --config {}\nringcast token --config {} --user alice --ttl 1h\n",
             files->config, files->secret, files->config, files->config);
  return 0;
}

}  // namespace ringcast::app
