// SPDX-License-Identifier: Apache-2.0
// The flags.
#include "options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <cmath>
#include <regex>

#include "base/command_line.h"
#include "option_texts.h"
#include "payload.h"

namespace ringcast::ringload {
namespace {

const std::vector<std::string> kScenarios{"connect", "echo", "fanout", "mixed", "resume", "slow", "search"};

constexpr uint32_t kFlagConnectionsMax = 10'000'000;
constexpr double kFlagRateMax = 1e8;

// Says in plain words what is allowed, before CLI11 converts the text.
CLI::Validator whole(uint64_t min, uint64_t max) {
  return {[min, max](std::string& text) {
            uint64_t value = 0;
            const char* const end = text.data() + text.size();
            const auto [stop, error] = std::from_chars(text.data(), end, value);
            if (error == std::errc() && stop == end && value >= min && value <= max) return std::string();
            return fmt::format("must be a whole number from {} to {}, not \"{}\"", min, max, text);
          },
          ""};
}

CLI::Validator decimal(double min, double max) {
  return {[min, max](std::string& text) {
            double value = 0;
            const char* const end = text.data() + text.size();
            const auto [stop, error] = std::from_chars(text.data(), end, value);
            if (error == std::errc() && stop == end && value >= min && value <= max) return std::string();
            return fmt::format("must be a number from {:.15g} to {:.15g}, not \"{}\"", min, max, text);
          },
          ""};
}

std::string duration_text(int64_t ns) {
  return ns % 1'000'000'000 == 0 ? fmt::format("{}s", ns / 1'000'000'000) : fmt::format("{}ms", ns / 1'000'000);
}

// What `declare` adds stands under this heading of --help.
template <class Declare>
void grouped(CLI::App& app, const std::string& name, Declare declare) {
  const size_t before = app.get_options().size();
  declare();
  const auto options = app.get_options([](CLI::Option*) { return true; });
  for (size_t i = before; i < options.size(); ++i) options[i]->group(name);
}

void add_duration(CLI::App& app, const std::string& flag, int64_t& value, const std::string& help) {
  app.add_option_function<std::string>(
         flag,
         [&value, flag](const std::string& text) {
           const auto parsed = parse_duration_ns(text);
           if (!parsed) throw CLI::ValidationError(flag, parsed.error().message);
           value = *parsed;
         },
         help)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast)
      ->type_name("DURATION")
      ->default_str(duration_text(value));
}

void declare_load(CLI::App& app, Options& options, Texts& texts) {
  app.add_option("--connections", options.connections, "members in all")->check(whole(1, kFlagConnectionsMax));
  app.add_option("--rooms", options.rooms, "rooms")->check(whole(1, 1u << 22));
  app.add_option("--members", texts.members, "members per room, instead of --connections")
      ->check(whole(0, kFlagConnectionsMax));
  app.add_option("--publishers", options.publishers, "publishing connections per room")->check(whole(1, 4096));
  app.add_option("--in-flight", options.in_flight,
                 "saturate: so many messages of each publisher until the last member has them")
      ->check(whole(0, 4096));
  app.add_option("--rate", options.rate, "messages per second: of each room; echo: of all connections")
      ->check(decimal(0, kFlagRateMax));
  app.add_option("--depth", options.depth, "echo: messages under way per connection")->check(whole(1, 1024));
  app.add_option("--mix", texts.mix,
                 "mixed: ROLE=WEIGHT,… with the roles connect, echo, http, fanout, resume, slow;\n"
                 "fanout-sse and the like fix the transport [connect=50,http=10,fanout=40;\n"
                 "with another preset than ringcast echo instead of http]");
  app.add_option("--echo-rate", options.echo_rate,
                 "mixed: messages and requests per second of all echo and http roles; 0: one each")
      ->check(decimal(0, kFlagRateMax));
  app.add_option("--size", options.payload_size, "bytes of a payload")->check(whole(1, 1u << 20));
  app.add_option("--spread", options.spread,
                 "members join one of so many rooms; for a --publish that reaches them all, in whichever they are")
      ->check(whole(0, 1u << 22));
  app.add_option("--room-prefix", options.room_prefix, "names of the rooms begin so");
  app.add_option("--churn", options.churn_per_minute, "per cent of the connections renewed per minute while holding")
      ->check(decimal(0, kFlagRateMax));
  app.add_option("--cut", options.cut_percent, "resume: per cent of the members cut while measuring")
      ->check(decimal(0, 1000));
  add_duration(app, "--away", options.away_ns, "resume: a cut member comes back after");
  app.add_option("--slow", options.slow_percent, "slow: per cent of each room's members that do not keep up")
      ->check(whole(0, 99));
  app.add_option("--slow-rate", options.slow_rate, "bytes per second that a slow member reads; 0: nothing at all")
      ->check(whole(0, uint64_t{1} << 40));
}

void declare_stages(CLI::App& app, Options& options, Texts& texts) {
  app.add_option("--connect-rate", options.connect_rate, "connects per second")->check(decimal(0.01, 1e7));
  add_duration(app, "--connect-timeout", options.connect_timeout_ns, "a connection must be ready within");
  add_duration(app, "--answer-timeout", options.answer_timeout_ns, "an answer, or the last delivery, must come within");
  add_duration(app, "--settle", options.settle_ns, "between the last connect and the measurement");
  add_duration(app, "--warmup", options.warmup_ns, "load before the measurement begins");
  add_duration(app, "--ramp-up", options.ramp_up_ns, "time in which the rate grows to --rate");
  add_duration(app, "--duration", options.duration_ns, "time that the rate is held");
  add_duration(app, "--ramp-down", options.ramp_down_ns, "time in which the rate falls to nothing");
  app.add_option("--stage", texts.stages,
                 "DURATION:RATE, again and again: the rate goes in a straight line\n"
                 "from the last one, at first --rate or nothing, to this one")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->allow_extra_args(false)
      ->default_str("");
}

void declare_dialect(CLI::App& app, Options& options, Texts& texts) {
  app.add_option("--preset", options.preset_name, "dialect: ringcast, raw, socketio, centrifugo, nchan");
  app.add_option("--header", texts.headers, "NAME: VALUE of every request")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->allow_extra_args(false)
      ->default_str("");
  for (const std::string& flag : dialect_flags()) {
    const auto take = [&texts, flag](const std::string& text) { texts.dialect[flag] = text; };
    app.add_option_function<std::string>("--" + flag, take,
                                         "replaces this text of the preset; {room}, {user}, {payload}");
  }
  app.add_option("--marker", options.marker, "beginning of a payload, by which it is found again");
}

void declare_target(CLI::App& app, Options& options, Texts& texts) {
  app.add_option("--target", texts.targets, "servers, taken in turn: HOST:PORT, HOST:PORT-PORT, a list of them");
  app.add_option("--source", texts.sources,
                 "source addresses, taken in turn: ADDRESS, ADDRESS-ADDRESS, a list of them");
  app.add_option("--transport", texts.transport,
                 "how members receive; echo: http (requests) or grpc (calls of Publish)")
      ->check(CLI::IsMember({"websocket", "sse", "poll", "http", "grpc"}));
  app.add_option("--http2", options.http2,
                 "members on each connection, as streams of HTTP/2, with --transport sse, poll or http;\n"
                 "publishers POST, each over its own; 0: HTTP/1.1")
      ->check(whole(0, 1000));
  app.add_flag("--deflate", options.deflate, "offer permessage-deflate");
  app.add_flag("--tls", options.tls, "speak TLS");
  app.add_option("--tls-ca", options.tls_ca, "certificates (PEM) to trust, instead of the system's");
  app.add_flag("--tls-insecure", options.tls_insecure, "trust any certificate");
  app.add_flag("--tls-resume", options.tls_resume, "resume the latest session of each thread");
}

void declare_generator(CLI::App& app, Options& options, Texts& texts) {
  app.add_option("--config", texts.config, "TOML file with any of these flags as keys");
  app.add_option("--io", texts.engine, "kernel engine")->check(CLI::IsMember({"auto", "uring", "epoll"}));
  app.add_option("--threads", options.threads, "worker threads; 0: as few as the descriptor limit allows")
      ->check(whole(0, 1024));
  app.add_flag("--quiet", options.quiet, "no progress");
}

void declare_results(CLI::App& app, Options& options, Texts& texts) {
  app.add_option("--pid", options.server_pid, "the server's process: its CPU and memory are measured")
      ->check(whole(1, 1u << 30));
  app.add_option("--server-cores", options.server_cores, "cores that the server has; 0: what its process may run on")
      ->check(decimal(0, 4096));
  app.add_option("--json", options.json_path, "write the results as JSON; - is standard output");
  app.add_option("--csv", options.csv_path, "write the series, a line per second");
  app.add_option("--hgrm", options.hgrm_path, "write the latency as HdrHistogram's tools read it, in ms");
  app.add_option("--report", options.report_path, "write a page with charts that needs no other file");
  app.add_option("--fail-if", texts.thresholds, "condition that makes the exit code 3: p99>5ms, lost>0")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->allow_extra_args(false)
      ->default_str("");
}

void declare(CLI::App& app, Options& options, Texts& texts) {
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast)->always_capture_default();
  app.add_option("scenario", texts.scenario,
                 "connect: ramp up and hold;\n"
                 "echo: each connection its own messages;\n"
                 "fanout: publishers to the members of rooms;\n"
                 "mixed: several of these at once;\n"
                 "resume: members are cut and come back;\n"
                 "slow: members do not keep up;\n"
                 "search: the highest rate of a fanout that crosses no --fail-if")
      ->check(CLI::IsMember(kScenarios));
  grouped(app, "Target", [&] { declare_target(app, options, texts); });
  grouped(app, "Load", [&] { declare_load(app, options, texts); });
  grouped(app, "Stages", [&] { declare_stages(app, options, texts); });
  grouped(app, "Results", [&] { declare_results(app, options, texts); });
  grouped(app, "Generator", [&] { declare_generator(app, options, texts); });
  grouped(app, "Dialect", [&] { declare_dialect(app, options, texts); });
}

constexpr std::string_view kUsage =
    "a scenario is missing, such as\n"
    "  ringload connect --connections 1000 --target localhost:3000\n"
    "  ringload fanout --rooms 10 --members 100 --rate 10 --fail-if 'p99>10ms' --report report.html\n"
    "There are connect, echo, fanout, mixed, resume, slow and search; ringload --help has all flags.";

// What a file may set: every flag but those that are about the command line itself.
std::vector<std::string> keys_of(const CLI::App& app) {
  std::vector<std::string> keys;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) {
      if (name != "config" && name != "help" && name != "version") keys.push_back(name);
    }
  }
  return keys;
}

// The file's entries before the flags, which thereby win. A scenario on the command line does, too; stages that are
// given there replace all of the file's.
Result<void> read_file(const CLI::App& app, std::vector<std::string>& arguments, Texts& texts) {
  std::string path;
  bool stages = false;
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i] == "--config" && i + 1 < arguments.size()) path = arguments[i + 1];
    if (arguments[i].starts_with("--config=")) path = arguments[i].substr(9);
    stages = stages || arguments[i].starts_with("--stage");
  }
  if (path.empty()) return {};
  auto file = flags_of_file(path, keys_of(app));
  if (!file) return tl::unexpected<Error>(file.error());
  if (stages) std::erase_if(file->flags, [](const std::string& flag) { return flag.starts_with("--stage="); });
  if (!file->scenario.empty()) {
    if (std::find(kScenarios.begin(), kScenarios.end(), file->scenario) == kScenarios.end())
      return fail("bad_file", path + ": there is no scenario '" + file->scenario + "'");
    texts.scenario = file->scenario;
  }
  arguments.insert(arguments.begin(), file->flags.begin(), file->flags.end());
  return {};
}

// As a shell takes it.
std::string quoted(const std::string& word) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:,=@%+";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos) return word;
  std::string out = "'";
  for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

// Values in texts (a query, JSON) whose names say that they let somebody in.
std::string without_secrets(const std::string& text) {
  static const std::regex kSecrets(R"re(((?:token|key|secret|password)["']?[=:]\s*["']?)[^&"',;}\s]+)re",
                                   std::regex::icase);
  return std::regex_replace(text, kSecrets, "$1…");
}

// The arguments for a report, which others read too: without what may be tokens and keys, such as values of headers.
std::string command_text(const std::vector<std::string>& arguments) {
  std::string out;
  bool header = false;
  for (const std::string& argument : arguments) {
    const bool hidden = header || argument.starts_with("--header=");
    out += " " + quoted(hidden ? argument.substr(0, argument.find(':')) + ": …" : without_secrets(argument));
    header = argument == "--header";
  }
  return out;
}

}  // namespace

std::string_view to_string(Scenario scenario) {
  switch (scenario) {
    case Scenario::connect: return "connect";
    case Scenario::echo: return "echo";
    case Scenario::fanout: return "fanout";
    case Scenario::mixed: return "mixed";
    case Scenario::resume: return "resume";
    case Scenario::slow: return "slow";
  }
  return "unknown";
}

Result<Options> parse_options(std::vector<std::string> arguments) {
  if (arguments.empty()) return fail("usage", std::string(kUsage));
  Options options;
  Texts texts;
  CLI::App app("ringload: load generator for real-time push servers", "ringload");
  app.footer("ringload report FILE... --out FILE makes one page of several runs; see ringload report --help");
  app.set_version_flag("--version", "ringload " RINGCAST_VERSION);
  app.allow_extras();  // to name the nearest flag
  declare(app, options, texts);
  options.command = command_text(arguments);
  try {
    if (auto read = read_file(app, arguments, texts); !read) return tl::unexpected<Error>(read.error());
    std::reverse(arguments.begin(), arguments.end());  // as CLI11 wants them
    app.parse(std::move(arguments));
  } catch (const CLI::CallForHelp&) {
    return fail("help", app.help());
  } catch (const CLI::CallForVersion& version) {
    return fail("help", version.what());
  } catch (const CLI::ParseError& error) {
    return fail("bad_flag", plain_mistake(error.what()));
  }
  if (const auto extra = app.remaining(); !extra.empty()) {
    std::vector<std::string> flags;
    for (const std::string& key : keys_of(app)) flags.push_back("--" + key);
    const std::vector<std::string_view> known(flags.begin(), flags.end());
    return fail("bad_flag", unknown_argument(extra.front(), known));
  }
  // Who sets how long a connection may take waits so long for the first one, too, and a moment to count it.
  if (app.count("--connect-timeout") > 0) options.first_connection_ns = options.connect_timeout_ns + 1'000'000'000;
  if (auto completed = complete(options, texts); !completed) return tl::unexpected<Error>(completed.error());
  return options;
}

}  // namespace ringcast::ringload
