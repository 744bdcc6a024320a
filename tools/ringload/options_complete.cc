// SPDX-License-Identifier: Apache-2.0
// From what the flags said to a run: dialects of its roles, how many threads, what cannot be together.
#include <fmt/format.h>

#include <algorithm>

#include "io/descriptor_table.h"
#include "option_texts.h"
#include "payload.h"

namespace ringcast::ringload {
namespace {

constexpr uint64_t kAllConnectionsMax = 20'000'000;
constexpr uint32_t kDescriptorsBeside = 64;  // of a worker, for its ring and /proc

constexpr std::pair<std::string_view, std::string Dialect::*> kDialectTexts[] = {
    {"path", &Dialect::target},
    {"echo-path", &Dialect::target},
    {"request-path", &Dialect::target},
    {"publisher-path", &Dialect::publisher_target},
    {"hello", &Dialect::hello},
    {"hello-answer", &Dialect::hello_answer},
    {"join", &Dialect::join},
    {"publisher-join", &Dialect::publisher_join},
    {"joined", &Dialect::joined},
    {"publish", &Dialect::publish},
    {"echo-message", &Dialect::publish},
    {"ping", &Dialect::ping},
    {"pong", &Dialect::pong},
    {"resume-path", &Dialect::resume_target},
    {"cursor-after", &Dialect::cursor_after},
    {"send-path", &Dialect::send_target},
    {"post-path", &Dialect::post_target},
    {"post-body", &Dialect::post_body},
    {"post-type", &Dialect::post_type}};

// Whether the flag is about connections with that purpose. In a run of one role --path is always its own.
bool concerns(std::string_view flag, const Role& role, bool alone) {
  if (flag == "echo-path") return role.kind == RoleKind::echo;
  if (flag == "echo-message") return role.kind == RoleKind::echo;
  if (flag == "request-path") return role.kind == RoleKind::request;
  return alone || !role.asks();
}

Scenario scenario_of(std::string_view text) {
  for (const Scenario scenario :
       {Scenario::connect, Scenario::echo, Scenario::fanout, Scenario::mixed, Scenario::resume, Scenario::slow}) {
    if (to_string(scenario) == text) return scenario;
  }
  return Scenario::fanout;  // search
}

Result<std::vector<Role>> roles_of(const Options& options, Transport transport, const Texts& texts) {
  const auto role = [&](RoleKind kind, uint32_t weight, std::string_view name = {}) {
    return Role{.name = std::string(name.empty() ? to_string(options.scenario) : name),
                .kind = kind,
                .transport = transport,
                .weight = weight};
  };
  if (!texts.mix.empty() && options.scenario != Scenario::mixed)
    return fail("bad_value", "--mix has its place in the scenario mixed");
  switch (options.scenario) {
    case Scenario::connect: return std::vector{role(RoleKind::idle, 1)};
    case Scenario::echo:
      if (transport == Transport::sse || transport == Transport::poll)
        return fail("bad_value", "an echo goes over websocket, http or grpc");
      return std::vector{role(transport == Transport::websocket ? RoleKind::echo : RoleKind::request, 1)};
    case Scenario::fanout: return std::vector{role(RoleKind::receive, 1)};
    case Scenario::resume: return std::vector{role(RoleKind::resume, 1)};
    case Scenario::slow: {
      std::vector<Role> roles{role(RoleKind::receive, 100 - options.slow_percent, "fanout")};
      if (options.slow_percent > 0) roles.push_back(role(RoleKind::slow, options.slow_percent));
      return roles;
    }
    case Scenario::mixed:
      // A server has no echo until it is asked to; a request it always answers.
      if (!texts.mix.empty()) return parse_mix(texts.mix, transport);
      return parse_mix(
          options.preset_name == "ringcast" ? "connect=50,http=10,fanout=40" : "connect=50,echo=10,fanout=40",
          transport);
  }
  return fail("bad_value", "no such scenario");
}

Result<void> give_dialects(Options& options, const Texts& texts) {
  std::vector<std::pair<std::string, std::string>> headers;
  for (const std::string& header : texts.headers) {
    const size_t colon = header.find(':');
    if (colon == std::string::npos || colon == 0) return fail("bad_header", "a header is NAME: VALUE: " + header);
    const size_t value = std::min(header.find_first_not_of(' ', colon + 1), header.size());
    std::string name = header.substr(0, colon);
    if (options.http2 > 0) {  // RFC 9113 section 8.2: field names are in lower case
      for (char& c : name) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    }
    headers.emplace_back(std::move(name), header.substr(value));
  }
  for (Role& role : options.roles) {
    auto dialect = preset(options.preset_name, role.transport, role.purpose());
    if (!dialect) return tl::unexpected<Error>(dialect.error());
    role.dialect = std::move(*dialect);
    role.dialect.headers = headers;
    if (options.http2 > 0 && options.preset_name == "ringcast" && role.in_room()) {
      role.dialect.post_target = "/messages";
      role.dialect.post_body = R"({"room":"{room}","content":"{payload}"})";
    }
    for (const auto& [flag, place] : kDialectTexts) {
      const auto text = texts.dialect.find(std::string(flag));
      if (text == texts.dialect.end()) continue;
      if (concerns(flag, role, options.scenario != Scenario::mixed)) role.dialect.*place = text->second;
    }
    if (role.kind == RoleKind::resume && role.dialect.resume_target.empty())
      return fail("bad_value", "this preset knows no way to resume: --resume-path");
    if (!role.dialect.send_target.empty() && (role.kind == RoleKind::resume || role.kind == RoleKind::echo)) {
      return fail("bad_value", "members that POST between their polls can receive, and neither echo nor resume");
    }
    if (role.transport == Transport::poll && role.dialect.resume_target.empty())
      return fail("bad_value", "a poll goes on with its cursor: --resume-path, --cursor-after");
    if (role.kind == RoleKind::echo && role.dialect.publish.empty())
      return fail("bad_value", "this preset knows no message to echo: --echo-message");
  }
  return {};
}

Result<void> plan_stages(Options& options, const Texts& texts) {
  if (texts.stages.empty()) {
    if (options.ramp_up_ns > 0) options.shape.push_back({options.ramp_up_ns, 0, 1});
    // A ramp warms up by itself.
    if (options.ramp_up_ns > 0) options.warmup_ns = 0;
    options.shape.push_back({options.warmup_ns + options.duration_ns, 1, 1});
    if (options.ramp_down_ns > 0) options.shape.push_back({options.ramp_down_ns, 1, 0});
  } else {
    if (options.ramp_up_ns > 0 || options.ramp_down_ns > 0)
      return fail("bad_value", "--stage stands for --ramp-up, --duration and --ramp-down");
    if (options.in_flight > 0) return fail("bad_value", "a saturating run has no rate: --stage has no place in it");
    double rate = options.rate;
    if (rate == 0) options.warmup_ns = 0;
    if (options.warmup_ns > 0) options.shape.push_back({options.warmup_ns, rate, rate});
    options.duration_ns = 0;
    for (const std::string& text : texts.stages) {
      auto stage = parse_stage(text);
      if (!stage) return tl::unexpected<Error>(stage.error());
      stage->rate_from = rate;
      options.rate = std::max(options.rate, rate = stage->rate_to);
      options.duration_ns += stage->duration_ns;
      options.shape.push_back(*stage);
    }
    if (options.rate == 0) return fail("bad_value", "no --stage has a rate above 0");
    for (Stage& stage : options.shape) {
      stage.rate_from /= options.rate;
      stage.rate_to /= options.rate;
    }
  }
  return {};
}

Result<void> check_http2(const Options& options) {
  if (options.http2 == 0) return {};
  for (const Role& role : options.roles) {
    if (role.transport == Transport::websocket)
      return fail("bad_value", "--http2 carries members over sse, poll, http or grpc, not websocket: --transport");
  }
  if (options.publishes() && options.roles[options.publisher_role()].dialect.post_target.empty())
    return fail("bad_value", "publishers POST over HTTP/2: --post-path");
  if (options.slow_rate > 0)
    return fail("bad_value", "a slow stream of HTTP/2 reads nothing: --slow-rate has no place");
  return {};
}

Result<void> check_load(Options& options, const Texts& texts) {
  if (auto checked = check_http2(options); !checked) return checked;
  if (options.scenario == Scenario::mixed && options.in_flight > 0)
    return fail("bad_value", "a mixed run is paced: --in-flight has no place in it");
  if (options.spread > 0 && options.rooms != 1)
    return fail("bad_value", "--spread is for members that all get the same: --rooms has no place beside it");
  if (options.search) {
    if (options.in_flight != 0) return fail("bad_value", "a search is paced: --in-flight has no place in it");
    if (!texts.stages.empty()) return fail("bad_value", "a search makes its own rates: --stage has no place in it");
    if (options.thresholds.empty()) options.thresholds.push_back(*parse_threshold("p99>10ms"));
  }
  if (options.scenario == Scenario::connect && !texts.stages.empty())
    return fail("bad_value", "nothing is sent in the scenario connect: --stage has no place in it");
  if (!options.publishes()) return {};
  if (options.connections < options.rooms) return fail("bad_value", "fewer members than rooms");
  if (options.rate == 0 && options.in_flight == 0 && texts.stages.empty()) options.rate = 10;
  if (options.rate != 0 && options.in_flight != 0)
    return fail("bad_value", "--rate and --in-flight exclude each other");
  for (const Role& role : options.roles) {
    if (role.transport >= Transport::http && !role.asks())
      return fail("bad_value", "--transport: members receive over websocket, sse or poll, not http or grpc");
  }
  return {};
}

Result<void> take_addresses(Options& options, const Texts& texts) {
  auto targets = parse_addresses(texts.targets, true);
  if (!targets) return tl::unexpected<Error>(targets.error());
  options.targets = std::move(*targets);
  // As it was written, for servers that know themselves by name.
  options.host = texts.targets.substr(0, texts.targets.find(','));
  options.host.resize(std::min(options.host.find('-', options.host.rfind(':')), options.host.size()));
  if (options.host.starts_with("unix:") || options.host.starts_with('*') || options.host.starts_with(':'))
    options.host = options.targets.front().to_string();
  if (texts.sources.empty()) return {};
  auto sources = parse_addresses(texts.sources, false);
  if (!sources) return tl::unexpected<Error>(sources.error());
  options.sources = std::move(*sources);
  return {};
}

Result<void> count_threads(Options& options) {
  const uint64_t limit = io::descriptor_limit();
  const uint64_t least = options.all_connections() / (limit - kDescriptorsBeside) + 1;
  if (options.threads == 0) options.threads = static_cast<uint32_t>(least);
  if (options.threads >= least) return {};
  return fail("bad_value", fmt::format("with {} descriptors a thread, {} threads are needed", limit, least));
}

}  // namespace

const std::vector<std::string>& dialect_flags() {
  static const std::vector<std::string> flags = [] {
    std::vector<std::string> names;
    for (const auto& [flag, place] : kDialectTexts) names.emplace_back(flag);
    return names;
  }();
  return flags;
}

Result<void> complete(Options& options, const Texts& texts) {
  options.search = texts.scenario == "search";
  options.scenario = scenario_of(texts.scenario);
  options.engine = texts.engine == "uring"   ? io::Engine::uring
                   : texts.engine == "epoll" ? io::Engine::epoll
                                             : io::Engine::automatic;
  Transport transport = Transport::websocket;
  for (const Transport one : {Transport::sse, Transport::poll, Transport::http, Transport::grpc}) {
    if (to_string(one) == texts.transport) transport = one;
  }
  for (const std::string& text : texts.thresholds) {
    auto threshold = parse_threshold(text);
    if (!threshold) return tl::unexpected<Error>(threshold.error());
    options.thresholds.push_back(std::move(*threshold));
  }
  if (!is_marker(options.marker))
    return fail("bad_value", "a marker is 1 to 16 characters of A-Z a-z 0-9 _ ~ . : @ # -");
  if (options.payload_size < payload_min(options.marker))
    return fail("bad_value", fmt::format("a payload has at least {} bytes", payload_min(options.marker)));
  if (auto taken = take_addresses(options, texts); !taken) return taken;
  auto roles = roles_of(options, transport, texts);
  if (!roles) return tl::unexpected<Error>(roles.error());
  options.roles = std::move(*roles);
  if (transport == Transport::grpc && options.http2 == 0) options.http2 = 1;
  if (auto given = give_dialects(options, texts); !given) return given;
  const uint64_t members = uint64_t{options.rooms} * texts.members;
  const uint64_t publishers = options.publishes() ? uint64_t{options.rooms} * options.publishers : 0;
  if (std::max<uint64_t>(members, options.connections) + publishers > kAllConnectionsMax)
    return fail("bad_value",
                fmt::format("{} connections are more than {}: fewer --rooms, --members or --publishers",
                            std::max<uint64_t>(members, options.connections) + publishers, kAllConnectionsMax));
  if (texts.members != 0 && options.publishes()) options.connections = static_cast<uint32_t>(members);
  if (options.connections == 0) return fail("bad_value", "no connections");
  if (auto checked = check_load(options, texts); !checked) return checked;
  if (auto planned = plan_stages(options, texts); !planned) return planned;
  return count_threads(options);
}

}  // namespace ringcast::ringload
