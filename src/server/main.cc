// SPDX-License-Identifier: Apache-2.0
// ringcast: the server's process. Reads its settings, starts, then waits for signals: TERM and INT drain and end it (a
// second one ends it at once), HUP reads the settings again. With a word before the flags it is something else: a
// judge of the machine, a maker of tokens, a client.
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

#include "base/log.h"
#include "cli/commands.h"
#include "server/doctor.h"
#include "server/options.h"
#include "server/server.h"
#include "server/token_command.h"

namespace {

using namespace ringcast;
using namespace ringcast::server;

int die(const Error& error) {
  std::fprintf(stderr, "ringcast: %s\n", error.message.c_str());
  return 1;
}

sigset_t handled_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, number);
  return set;
}

// True when TERM or INT is pending.
bool told_to_hurry(const sigset_t& set) {
  const timespec now{0, 0};
  const int number = sigtimedwait(&set, nullptr, &now);
  return number == SIGTERM || number == SIGINT;
}

void reload(Server& server, LogService& log, int argc, char** argv) {
  auto invocation = load_options(argc, argv, environ);
  if (!invocation) {
    log_error("reload_refused", {{"why", invocation.error().message}});
    return;
  }
  const LogLevel level = invocation->options.log_level;
  const auto waiting = server.reload(invocation->options);
  if (!waiting) {
    log_error("reload_refused", {{"why", waiting.error().message}});
    return;
  }
  log.set_level(level);
  std::string names;
  for (const std::string& name : *waiting) names += (names.empty() ? "" : ", ") + name;
  if (names.empty()) {
    log_info("reloaded");
  } else {
    log_warning("reloaded", {{"needs_restart", names}});
  }
}

std::optional<int> run_command(int argc, char** argv) {
  const std::string_view command = argc > 1 ? argv[1] : "";
  if (command == "doctor") return run_doctor(argc, argv, environ, stdout, stderr);
  if (command == "token") return run_token(argc, argv, environ, stdout, stderr);
  if (command == "publish") return cli::run_publish(argc, argv, stdin, stdout, stderr);
  if (command == "subscribe") return cli::run_subscribe(argc, argv, stdout, stderr);
  return std::nullopt;
}

}  // namespace

int main(int argc, char** argv) {
  if (const std::optional<int> status = run_command(argc, argv)) return *status;

  // Before any thread: all of them inherit the mask, so that only the wait below sees these signals.
  signal(SIGPIPE, SIG_IGN);
  const sigset_t set = handled_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);

  auto invocation = load_options(argc, argv, environ);
  if (!invocation) return die(invocation.error());
  if (invocation->action == Invocation::Action::print) {
    std::fputs(invocation->text.c_str(), stdout);
    return 0;
  }
  const Options& options = invocation->options;
  LogOptions log_options;
  log_options.level = options.log_level;
  log_options.json = options.log_format == LogFormat::json;
  LogService log(log_options);

  Server server(options);
  if (auto started = server.start(); !started) {
    log.flush();
    return die(started.error());
  }
  if (const std::string why = server.fallback(); !why.empty()) {
    log_warning("io_uring_unavailable", {{"using", "epoll"}, {"why", why}});
  }
  log_info(
      "started",
      {{"version", RINGCAST_VERSION}, {"io", server.engine()}, {"reactors", static_cast<unsigned>(server.cores())}});
  log.flush();
  for (const std::string& url : server.urls()) std::printf("listening on %s\n", url.c_str());
  std::fflush(stdout);

  for (;;) {
    int number = 0;
    if (sigwait(&set, &number) != 0) continue;
    if (number != SIGHUP) break;
    reload(server, log, argc, argv);
  }
  log_info("draining");
  bool hurry = false;
  server.drain([&] { return hurry = hurry || told_to_hurry(set); });
  server.stop();
  log_info("stopped");
  return 0;
}
