// SPDX-License-Identifier: Apache-2.0
// ringcast: the server's process. Reads its settings, starts, then waits for signals: TERM and INT drain and end it (a
// second one ends it at once), HUP reads the settings again and opens the log file anew. With a word before the flags
// it is something else: a judge of the machine, a maker of tokens, a client.
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

#include "app/commands/commands.h"
#include "app/commands/doctor.h"
#include "app/commands/init_command.h"
#include "app/commands/token_command.h"
#include "app/server.h"
#include "base/free_memory.h"
#include "base/line_output.h"
#include "base/log.h"
#include "config/options.h"

namespace {

using namespace ringcast;
using namespace ringcast::app;

// The process that reads our output may be slow, or not read at all.
constexpr auto kPatience = std::chrono::seconds(1);

int die(const Error& error) {
  LineOutput(STDERR_FILENO).write_within("ringcast: " + error.message + "\n", kPatience);
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

// In portions that the log's buffer takes.
void log_settings(const config::Options& options, LogService& log) {
  constexpr size_t kPortion = 32;
  size_t count = 0;
  for (const auto& [key, value] : config::changed_settings(options)) {
    log_info("setting", {{"key", key}, {"value", value}});
    if (++count % kPortion == 0) log.flush();
  }
}

// Keys are set, so that the server listens on all addresses, and none of them is asked of clients.
bool leaves_clients_unidentified(const config::Options& options) {
  if (options.api_keys.empty() || options.has_tokens() || options.insecure) return false;
  return std::none_of(options.webhooks.begin(), options.webhooks.end(), [](const hooks::EndpointOptions& endpoint) {
    return (endpoint.events & static_cast<hooks::Events>(hooks::Event::connect)) != 0;
  });
}

bool takes_any_token(const config::Options& options) {
  const bool is_hub = std::any_of(options.routes.begin(), options.routes.end(), [](const config::RouteRule& route) {
    return route.dialect == session::Dialect::token_hub;
  });
  return (is_hub || options.token_hub_any_path) && !options.has_tokens();
}

void reload(Server& server, LogService& log, int argc, char** argv) {
  auto invocation = config::load_options(argc, argv, environ);
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

// As the user and on the machine that it runs on: what the start would refuse, this refuses.
int check_config(const config::Options& options) {
  LogOptions log_options;
  log_options.level = options.log_level;
  LogService log(log_options);
  Server server(options);
  if (auto checked = server.check(); !checked) {
    log.flush();
    return die(checked.error());
  }
  std::puts("The configuration is valid.");
  return 0;
}

std::optional<int> run_command(int argc, char** argv) {
  const std::string_view command = argc > 1 ? argv[1] : "";
  if (command == "doctor") return run_doctor(argc, argv, environ, stdout, stderr);
  if (command == "init") return run_init(argc, argv, stdout, stderr);
  if (command == "token") return run_token(argc, argv, environ, stdout, stderr);
  if (command == "publish") return app::run_publish(argc, argv, stdin, stdout, stderr);
  if (command == "subscribe") return app::run_subscribe(argc, argv, stdout, stderr);
  return std::nullopt;
}

}  // namespace

int main(int argc, char** argv) {
  if (const std::optional<int> status = run_command(argc, argv)) return *status;

  give_back_memory_at_once();
  // Before any thread: all of them inherit the mask, so that only the wait below sees these signals.
  signal(SIGPIPE, SIG_IGN);
  const sigset_t set = handled_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);

  // Waits for none of them: only a sandbox that refuses the call makes this fail otherwise.
  sigset_t none;
  sigemptyset(&none);
  if (const timespec now{}; sigtimedwait(&none, nullptr, &now) < 0 && errno != EAGAIN && errno != EINTR) {
    return die({"signals", std::string("waiting for signals: ") + std::strerror(errno)});
  }

  auto invocation = config::load_options(argc, argv, environ);
  if (!invocation) return die(invocation.error());
  if (invocation->action == config::Invocation::Action::print) {
    std::fputs(invocation->text.c_str(), stdout);
    return 0;
  }
  const config::Options& options = invocation->options;
  if (invocation->action == config::Invocation::Action::check) return check_config(options);
  LogOptions log_options;
  log_options.level = options.log_level;
  log_options.json = options.log_format == config::LogFormat::json;
  log_options.path = options.log_file;
  std::optional<LogService> started_log;
  try {
    started_log.emplace(std::move(log_options));
  } catch (const std::system_error& error) {
    return die({"threads", std::string("starting a thread: ") + error.what()});
  } catch (const std::runtime_error& error) {
    return die({"log_file", error.what()});
  }
  LogService& log = *started_log;

  Server server(options);
  if (auto started = server.start(); !started) {
    log.flush();
    return die(started.error());
  }
  if (const std::string why = server.fallback(); !why.empty()) {
    log_warning("io_uring_unavailable", {{"using", "epoll"}, {"why", why}});
  }
  log_settings(options, log);
  if (leaves_clients_unidentified(options)) {
    log_warning("clients_unidentified",
                {{"why", "api_keys protect the server calls only: a client may connect as any user"},
                 {"settings", "jwt_keys, jwks, or a [[webhooks]] section with connect"}});
  }
  if (takes_any_token(options)) {
    log_warning("tokens_unverified",
                {{"why", "a token hub without keys takes any token, and its clients have no names"},
                 {"settings", "jwt_keys, jwks"}});
  }
  for (const std::string& url : server.urls()) log_info("listening", {{"url", url}});
  log_info(
      "started",
      {{"version", RINGCAST_VERSION}, {"io", server.engine()}, {"reactors", static_cast<unsigned>(server.cores())}});
  log.flush();
  std::string addresses;
  for (const std::string& url : server.urls()) addresses += "listening on " + url + "\n";
  LineOutput(STDOUT_FILENO).write_within(addresses, kPatience);

  for (;;) {
    int number = 0;
    if (sigwait(&set, &number) != 0) continue;
    if (number != SIGHUP) break;
    log.reopen();
    reload(server, log, argc, argv);
  }
  log_info("draining");
  bool hurry = false;
  server.drain([&] { return hurry = hurry || told_to_hurry(set); });
  server.stop();
  log_info("stopped");
  return 0;
}
