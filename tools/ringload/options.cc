// Flags and the TOML file: the file's entries become flags that come before the real ones.
#include "options.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <toml++/toml.h>
#include <CLI/CLI.hpp>
#include <charconv>
#include <map>

#include "io/descriptor_table.h"
#include "payload.h"

namespace ringcast::ringload {
namespace {

constexpr uint32_t kAddressesMax = 4096;
constexpr uint32_t kDescriptorsBeside = 64;  // of a worker, for its ring and /proc

bool read_uint(std::string_view text, uint64_t& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

Result<void> append_range(std::vector<io::SocketAddress>& out, std::string_view item, bool with_port) {
  const size_t dash = item.find('-');
  const std::string_view first_text = item.substr(0, dash);
  auto first = io::SocketAddress::parse(with_port ? std::string(first_text) : std::string(first_text) + ":0");
  if (!first) return tl::unexpected<Error>(first.error());
  if (dash == std::string_view::npos) {
    out.push_back(*first);
    return {};
  }
  const std::string_view last_text = item.substr(dash + 1);
  if (with_port) {
    uint64_t last = 0;
    if (!read_uint(last_text, last) || last > 65535 || last < first->port())
      return fail("bad_address", "a range of ports ends in a port not below its first: " + std::string(item));
    for (uint32_t port = first->port(); port <= last; ++port) {
      first->set_port(static_cast<uint16_t>(port));
      out.push_back(*first);
    }
    return {};
  }
  const auto last = io::SocketAddress::parse(std::string(last_text) + ":0");
  if (!last) return tl::unexpected<Error>(last.error());
  if (first->family() != AF_INET || last->family() != AF_INET)
    return fail("bad_address", "ranges are of IPv4 addresses: " + std::string(item));
  sockaddr_in address{};
  std::memcpy(&address, last->data(), sizeof address);
  const uint32_t end = ntohl(address.sin_addr.s_addr);
  std::memcpy(&address, first->data(), sizeof address);
  for (uint32_t host = ntohl(address.sin_addr.s_addr); host <= end; ++host) {
    if (out.size() == kAddressesMax) return fail("bad_address", "more addresses than 4096");
    address.sin_addr.s_addr = htonl(host);
    out.push_back(io::SocketAddress::from(reinterpret_cast<const sockaddr*>(&address), sizeof address));
  }
  return {};
}

Result<std::vector<std::string>> flags_of_file(const std::string& path) {
  const toml::parse_result parsed = [&] {
    try {
      return toml::parse_file(path);
    } catch (const toml::parse_error& error) {
      throw CLI::ValidationError(path + ":" + std::to_string(error.source().begin.line) + ": " +
                                 std::string(error.description()));
    }
  }();
  std::vector<std::string> flags;
  for (const auto& [key, node] : parsed) {
    const std::string flag = "--" + std::string(key.str());
    const auto add = [&](const auto& value) {
      if (const auto boolean = value.template value_exact<bool>()) {
        if (*boolean) flags.push_back(flag);
      } else if (const auto text = value.template value<std::string>()) {
        flags.push_back(flag + "=" + *text);
      } else if (const auto integer = value.template value_exact<int64_t>()) {
        flags.push_back(flag + "=" + std::to_string(*integer));
      } else if (const auto real = value.template value<double>()) {
        flags.push_back(flag + "=" + std::to_string(*real));
      }
    };
    if (const toml::array* array = node.as_array()) {
      for (const toml::node& element : *array) add(element);
    } else {
      add(node);
    }
  }
  return flags;
}

// What CLI11 has no types for, as it was written.
struct Texts {
  std::string scenario = "connect";
  std::string targets = "127.0.0.1:3000";
  std::string sources;
  std::string engine = "auto";
  std::string transport = "websocket";
  std::vector<std::string> headers;
  std::vector<std::string> thresholds;
  std::string config;
  uint32_t members = 0;
  // Replacements of the preset's texts.
  std::map<std::string, std::string> texts;
};

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
      ->type_name("DURATION");
}

void declare(CLI::App& app, Options& options, Texts& texts) {
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  app.add_option("scenario", texts.scenario,
                 "connect: ramp up and hold; echo: each connection its own messages; "
                 "fanout: publishers to the members of rooms; "
                 "resume: members are cut and come back; slow: members do not read; "
                 "search: the highest rate of a fanout that crosses no --fail-if")
      ->check(CLI::IsMember({"connect", "echo", "fanout", "resume", "slow", "search"}));
  app.add_option("--config", texts.config, "TOML file with any of these flags as keys");

  app.add_option("--target", texts.targets, "servers, taken in turn: HOST:PORT, HOST:PORT-PORT, a list of them");
  app.add_option("--source", texts.sources,
                 "source addresses, taken in turn: ADDRESS, ADDRESS-ADDRESS, a list of them");
  app.add_option("--io", texts.engine, "kernel engine")->check(CLI::IsMember({"auto", "uring", "epoll"}));
  app.add_option("--threads", options.threads, "worker threads; 0: as few as the descriptor limit allows");
  app.add_option("--transport", texts.transport, "how members receive")
      ->check(CLI::IsMember({"websocket", "sse", "poll", "http"}));
  app.add_flag("--deflate", options.deflate, "offer permessage-deflate");

  app.add_option("--connections", options.connections, "connections (connect, echo)");
  app.add_option("--rooms", options.rooms, "rooms")->check(CLI::Range(1u, 1u << 22));
  app.add_option("--members", texts.members, "members per room (fanout)");
  app.add_option("--publishers", options.publishers, "publishing connections per room (fanout)")
      ->check(CLI::Range(1u, 4096u));
  app.add_option("--in-flight", options.in_flight,
                 "saturate: so many messages of each publisher until the last member has them")
      ->check(CLI::Range(0u, 4096u));
  app.add_option("--rate", options.rate, "messages per second: of each room (fanout), of all connections (echo)")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--depth", options.depth, "echo: messages under way per connection")->check(CLI::Range(1u, 1024u));
  app.add_option("--size", options.payload_size, "bytes of a payload")
      ->check(CLI::Range(static_cast<uint32_t>(kPayloadMin), 1u << 20));
  app.add_option("--room-prefix", options.room_prefix, "names of the rooms begin so");

  app.add_option("--connect-rate", options.connect_rate, "connects per second")->check(CLI::PositiveNumber);
  app.add_option("--churn", options.churn_per_minute, "per cent of the connections renewed per minute while holding");
  add_duration(app, "--connect-timeout", options.connect_timeout_ns, "a connection must be ready within");
  add_duration(app, "--answer-timeout", options.answer_timeout_ns, "an answer, or the last delivery, must come within");
  add_duration(app, "--settle", options.settle_ns, "between the last connect and the measurement");
  add_duration(app, "--warmup", options.warmup_ns, "load before the measurement begins");
  add_duration(app, "--ramp-up", options.ramp_up_ns, "time in which the rate grows to --rate");
  add_duration(app, "--duration", options.duration_ns, "time that the rate is held");
  add_duration(app, "--ramp-down", options.ramp_down_ns, "time in which the rate falls to nothing");

  app.add_option("--cut", options.cut_percent, "resume: per cent of the members cut while measuring")
      ->check(CLI::Range(0.0, 1000.0));
  add_duration(app, "--away", options.away_ns, "resume: a cut member comes back after");
  app.add_option("--slow", options.slow_percent, "slow: per cent of each room's members that do not read")
      ->check(CLI::Range(0u, 99u));

  app.add_option("--preset", options.preset_name, "dialect: ringcast, raw, socketio, centrifugo, nchan");
  app.add_option("--header", texts.headers, "NAME: VALUE of every request")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  for (const char* name : {"path", "publisher-path", "hello", "hello-answer", "join", "joined", "publish",
                           "resume-path", "cursor-after", "post-path", "post-body", "post-type"}) {
    app.add_option(std::string("--") + name, texts.texts[name],
                   "replaces this text of the preset; {room}, {user}, {payload}");
  }

  app.add_option("--pid", options.server_pid, "the server's process: its CPU and memory are measured");
  app.add_option("--server-cores", options.server_cores, "cores that the server has [what its process may run on]");
  app.add_option("--json", options.json_path, "write the results as JSON; - is standard output");
  app.add_option("--csv", options.csv_path, "write a line per second");
  app.add_option("--hgrm", options.hgrm_path, "write the latency as HdrHistogram's tools read it, in ms");
  app.add_option("--report", options.report_path, "write a page with charts that needs no other file");
  app.add_option("--fail-if", texts.thresholds, "condition that makes the exit code 3: p99>5ms, lost>0")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_flag("--quiet", options.quiet, "no progress");
}

void replace_texts(Dialect& dialect, const Texts& texts) {
  const std::map<std::string, std::string*> places{{"path", &dialect.target},
                                                   {"publisher-path", &dialect.publisher_target},
                                                   {"hello", &dialect.hello},
                                                   {"hello-answer", &dialect.hello_answer},
                                                   {"join", &dialect.join},
                                                   {"joined", &dialect.joined},
                                                   {"publish", &dialect.publish},
                                                   {"resume-path", &dialect.resume_target},
                                                   {"cursor-after", &dialect.cursor_after},
                                                   {"post-path", &dialect.post_target},
                                                   {"post-body", &dialect.post_body},
                                                   {"post-type", &dialect.post_type}};
  for (const auto& [name, text] : texts.texts) {
    if (!text.empty()) *places.at(name) = text;
  }
}

Result<void> complete(Options& options, const Texts& texts) {
  options.search = texts.scenario == "search";
  options.scenario = texts.scenario == "echo"      ? Scenario::echo
                     : texts.scenario == "resume"  ? Scenario::resume
                     : texts.scenario == "slow"    ? Scenario::slow
                     : texts.scenario == "connect" ? Scenario::connect
                                                   : Scenario::fanout;
  options.engine = texts.engine == "uring"   ? io::Engine::uring
                   : texts.engine == "epoll" ? io::Engine::epoll
                                             : io::Engine::automatic;
  options.transport = texts.transport == "sse"    ? Transport::sse
                      : texts.transport == "poll" ? Transport::poll
                      : texts.transport == "http" ? Transport::http
                                                  : Transport::websocket;
  auto targets = parse_addresses(texts.targets, true);
  if (!targets) return tl::unexpected<Error>(targets.error());
  options.targets = std::move(*targets);
  options.host = options.targets.front().to_string();
  if (!texts.sources.empty()) {
    auto sources = parse_addresses(texts.sources, false);
    if (!sources) return tl::unexpected<Error>(sources.error());
    options.sources = std::move(*sources);
  }
  const Purpose purpose = options.transport == Transport::http ? Purpose::request
                          : options.scenario == Scenario::echo ? Purpose::echo
                                                               : Purpose::member;
  auto dialect = preset(options.preset_name, options.transport, purpose);
  if (!dialect) return tl::unexpected<Error>(dialect.error());
  options.dialect = std::move(*dialect);
  replace_texts(options.dialect, texts);
  for (const std::string& header : texts.headers) {
    const size_t colon = header.find(':');
    if (colon == std::string::npos || colon == 0) return fail("bad_header", "a header is NAME: VALUE: " + header);
    const size_t value = std::min(header.find_first_not_of(' ', colon + 1), header.size());
    options.dialect.headers.emplace_back(header.substr(0, colon), header.substr(value));
  }
  for (const std::string& text : texts.thresholds) {
    auto threshold = parse_threshold(text);
    if (!threshold) return tl::unexpected<Error>(threshold.error());
    options.thresholds.push_back(std::move(*threshold));
  }
  if (options.search) {
    if (options.in_flight != 0) return fail("bad_value", "a search is paced: --in-flight has no place in it");
    if (options.thresholds.empty()) options.thresholds.push_back(*parse_threshold("p99>10ms"));
  }
  if (options.publishes()) {
    if (texts.members != 0) options.connections = options.rooms * texts.members;
    if (options.connections < options.rooms) return fail("bad_value", "fewer members than rooms");
    if (options.rate == 0 && options.in_flight == 0) options.rate = 10;
    if (options.rate != 0 && options.in_flight != 0)
      return fail("bad_value", "--rate and --in-flight exclude each other");
    if (options.transport == Transport::http) return fail("bad_value", "it needs a transport that receives");
    if (options.scenario == Scenario::resume && options.dialect.resume_target.empty())
      return fail("bad_value", "this preset knows no way to resume: --resume-path");
  }
  if (options.connections == 0) return fail("bad_value", "no connections");
  const uint64_t limit = io::descriptor_limit();
  const uint64_t least = options.all_connections() / (limit - kDescriptorsBeside) + 1;
  if (options.threads == 0) options.threads = static_cast<uint32_t>(least);
  if (options.threads < least)
    return fail("bad_value", "with " + std::to_string(limit) + " descriptors a thread, " + std::to_string(least) +
                                 " threads are needed");
  return {};
}

}  // namespace

std::string_view to_string(Scenario scenario) {
  switch (scenario) {
    case Scenario::connect: return "connect";
    case Scenario::echo: return "echo";
    case Scenario::fanout: return "fanout";
    case Scenario::resume: return "resume";
    case Scenario::slow: return "slow";
  }
  return "unknown";
}

Result<std::vector<io::SocketAddress>> parse_addresses(std::string_view text, bool with_port) {
  std::vector<io::SocketAddress> out;
  while (!text.empty()) {
    const size_t comma = std::min(text.find(','), text.size());
    if (auto added = append_range(out, text.substr(0, comma), with_port); !added)
      return tl::unexpected<Error>(added.error());
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  if (out.empty()) return fail("bad_address", "no address given");
  return out;
}

Result<int64_t> parse_duration_ns(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const std::string_view unit = text.substr(static_cast<size_t>(end - text.data()));
  const double factor = unit == "ns"    ? 1
                        : unit == "us"  ? 1e3
                        : unit == "ms"  ? 1e6
                        : unit == "s"   ? 1e9
                        : unit == "min" ? 60e9
                        : unit == "h"   ? 3600e9
                                        : 0;
  if (error != std::errc() || value < 0 || (factor == 0 && !(unit.empty() && value == 0)))
    return fail("bad_duration", "a duration is a number and one of ns, us, ms, s, min, h: " + std::string(text));
  return static_cast<int64_t>(value * factor);
}

Result<Options> parse_options(std::vector<std::string> arguments) {
  Options options;
  Texts texts;
  CLI::App app("ringload: load generator for real-time push servers", "ringload");
  app.footer("ringload report FILE... --out FILE makes one page of several runs; see ringload report --help");
  declare(app, options, texts);
  try {
    for (size_t i = 0; i < arguments.size(); ++i) {
      std::string path;
      if (arguments[i] == "--config" && i + 1 < arguments.size()) path = arguments[i + 1];
      if (arguments[i].starts_with("--config=")) path = arguments[i].substr(9);
      if (path.empty()) continue;
      auto flags = flags_of_file(path);
      if (!flags) return tl::unexpected<Error>(flags.error());
      arguments.insert(arguments.begin(), flags->begin(), flags->end());
      break;
    }
    std::reverse(arguments.begin(), arguments.end());  // as CLI11 wants them
    app.parse(std::move(arguments));
  } catch (const CLI::CallForHelp&) {
    return fail("help", app.help());
  } catch (const CLI::ParseError& error) {
    return fail("bad_flag", error.what());
  }
  if (auto completed = complete(options, texts); !completed) return tl::unexpected<Error>(completed.error());
  return options;
}

}  // namespace ringcast::ringload
