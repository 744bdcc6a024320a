// SPDX-License-Identifier: Apache-2.0
#include "app/commands/doctor.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <ctime>
#include <string_view>

namespace ringcast::app {
namespace {

// docs/operating.md, "Memory". Kernel figures are for one end of a connection that has nothing queued.
constexpr uint64_t kUserBytes = 480;
constexpr uint64_t kTlsBytes = 15'000;  // OpenSSL's part of it
constexpr uint64_t kSocketBytes = 4300;
constexpr uint64_t kUringBytes = 870;  // an armed multishot receive
constexpr uint64_t kEpollBytes = 240;
constexpr uint64_t kRingBytes = 136 * 1024;  // 512 submissions, 4,096 completions
constexpr uint64_t kProcessBytes = 16 * 1024 * 1024;
constexpr uint64_t kConnectionsMax = 1'000'000'000;

// 1500000 -> "1,500,000"
std::string count(uint64_t value) {
  std::string digits = std::to_string(value);
  for (size_t at = digits.size(); at > 3;) digits.insert(at -= 3, ",");
  return digits;
}

std::string size(uint64_t bytes) {
  const auto value = static_cast<double>(bytes);
  if (bytes >= uint64_t{1} << 30) return fmt::format("{:.1f} GiB", value / static_cast<double>(1 << 30));
  return fmt::format("{:.0f} MiB", value / static_cast<double>(1 << 20));
}

uint64_t round_up(uint64_t value, uint64_t step) {
  return (value + step - 1) / step * step;
}

std::string set(std::string_view key, uint64_t value) {
  return fmt::format("sysctl -w {}={}", key, value);
}

class Examination {
 public:
  Examination(uint64_t connections, const config::Options& options, const DoctorFacts& facts)
      : connections_(connections), options_(options), facts_(facts) {
    out_.connections = connections;
    out_.reactors = reactor_count(options, facts.machine);
    uring_ = options.io != io::Engine::epoll && facts.uring.uring_usable;
  }

  Diagnosis run() {
    settings();
    descriptors();
    tables();
    files();
    memory();
    tcp_memory();
    conntrack();
    queues();
    send_buffer();
    engine();
    certificates();
    return std::move(out_);
  }

 private:
  void add(Verdict verdict, std::string_view subject, std::string text, std::vector<std::string> fixes = {}) {
    out_.findings.push_back({verdict, std::string(subject), std::move(text), std::move(fixes)});
  }

  void settings() {
    if (options_.connections_max != 0 && options_.connections_max < connections_) {
      add(Verdict::problem, "connections_max", "is set to " + count(options_.connections_max),
          {fmt::format("--connections-max {}", connections_)});
    }
  }

  void descriptors() {
    const uint64_t needed = descriptors_needed(connections_, out_.reactors);
    const uint64_t limit = facts_.machine.descriptors;
    const std::string each = out_.reactors == 1 ? "one reactor" : fmt::format("each of {} reactors", out_.reactors);
    if (limit >= needed) {
      add(Verdict::ok, "open files", fmt::format("{} for {}; {} are needed", count(limit), each, count(needed)));
      return;
    }
    const uint64_t wanted = round_up(needed, 1000);
    std::vector<std::string> fixes;
    if (facts_.nr_open && *facts_.nr_open < wanted) fixes.push_back(set("fs.nr_open", round_up(wanted, 100'000)));
    fixes.push_back(fmt::format("LimitNOFILE={} in the systemd unit, or --ulimit nofile={}:{} for a container, or",
                                wanted, wanted, wanted));
    fixes.push_back(fmt::format("ulimit -n {} in the shell that starts it (root with CAP_SYS_RESOURCE)", wanted));
    // A table belongs to a reactor, so more reactors are another way out.
    for (uint32_t more = out_.reactors + 1u; more <= 256; ++more) {
      if (descriptors_needed(connections_, static_cast<uint16_t>(more)) > limit) continue;
      fixes.push_back(fmt::format("or without any of these: --reactors {}", more));
      break;
    }
    add(Verdict::problem, "open files", fmt::format("{} for {}, but {} are needed", count(limit), each, count(needed)),
        std::move(fixes));
  }

  void tables() {
    if (facts_.table_refused.empty()) return;
    const uint64_t needed = descriptors_needed(connections_, 1) + uint64_t{kDescriptorsKept} * out_.reactors;
    const bool enough = facts_.machine.descriptors >= needed;
    add(enough ? Verdict::warning : Verdict::problem, "descriptor tables",
        fmt::format(
            "reactors cannot have one each (unshare(CLONE_FILES): {}), so {} open files are all there are; {} are "
            "needed",
            facts_.table_refused, count(facts_.machine.descriptors), count(needed)),
        {"in a container: --security-opt seccomp=packaging/seccomp.json"});
  }

  void files() {
    if (!facts_.file_max) return;
    const uint64_t needed = facts_.files_open + connections_ + uint64_t{kDescriptorsKept} * out_.reactors;
    std::string text = fmt::format("{} for the whole machine, {} in use; {} are needed", count(*facts_.file_max),
                                   count(facts_.files_open), count(needed));
    if (*facts_.file_max >= needed) return add(Verdict::ok, "fs.file-max", std::move(text));
    add(Verdict::problem, "fs.file-max", std::move(text),
        {set("fs.file-max", std::max<uint64_t>(2'000'000, round_up(needed + needed / 10, 100'000)))});
  }

  void memory() {
    const MemoryNeed need = memory_needed(connections_, out_.reactors, uring_, options_);
    const uint64_t idle = need.user + need.kernel;
    const uint64_t there = facts_.memory_available;
    std::string text =
        fmt::format("{} while idle ({} ringcast{}, {} kernel) of {} available", size(idle), size(need.user),
                    options_.tls_listen.empty() ? "" : " if all of them speak TLS", size(need.kernel), size(there));
    if (idle > there) {
      const auto fit = static_cast<uint64_t>(static_cast<double>(connections_) * static_cast<double>(there) /
                                             static_cast<double>(idle));
      return add(Verdict::problem, "memory", std::move(text),
                 {fmt::format("a machine or cgroup with {} more; as it is, about {} connections fit",
                              size(idle - there), count(fit / 1000 * 1000))});
    }
    const uint64_t total = facts_.machine.memory_bytes;
    const uint64_t history = options_.history_total_size_max != 0 ? options_.history_total_size_max : total / 4;
    const uint64_t unread = options_.slow_readers_size_max != 0 ? options_.slow_readers_size_max : total / 8;
    if (idle + history + unread <= there) return add(Verdict::ok, "memory", std::move(text));
    const uint64_t left = (there - idle) / 1024 / 1024;
    add(Verdict::warning, "memory",
        fmt::format("{}; history may take {} more and slow readers {}", text, size(history), size(unread)),
        {fmt::format("--history-total-size-max {}MiB --slow-readers-size-max {}MiB", std::max<uint64_t>(1, left / 2),
                     std::max<uint64_t>(1, left / 4))});
  }

  void tcp_memory() {
    if (!facts_.tcp_pages_max) return;
    // A socket with anything queued charges at least a page; a broadcast makes all of them do so at once.
    const uint64_t bytes = *facts_.tcp_pages_max * facts_.page_size;
    std::string text = fmt::format("{} of buffers for all sockets; one page for each connection is {}", size(bytes),
                                   size(connections_ * facts_.page_size));
    if (*facts_.tcp_pages_max >= connections_) return add(Verdict::ok, "net.ipv4.tcp_mem", std::move(text));
    add(Verdict::warning, "net.ipv4.tcp_mem", text + ": a broadcast to all then has to wait for memory",
        {"tools/tune apply, or ringcast-tune apply (works it out from this machine's memory)"});
  }

  void conntrack() {
    if (!facts_.conntrack_max) return add(Verdict::ok, "conntrack", "is not loaded: nothing has to be tracked");
    if (*facts_.conntrack_max == 0) return add(Verdict::ok, "conntrack", "has no limit");
    const uint64_t entries = facts_.conntrack_entries.value_or(0);
    const uint64_t needed = entries + connections_ + connections_ / 20;  // closing ones linger
    std::string text = fmt::format("{} entries at most, {} in use; {} are needed where connections are tracked",
                                   count(*facts_.conntrack_max), count(entries), count(needed));
    if (*facts_.conntrack_max >= needed) return add(Verdict::ok, "conntrack", std::move(text));
    // Without a rule that asks for it the module tracks nothing; our own probing connection would be counted.
    const Verdict verdict = entries == 0 ? Verdict::warning : Verdict::problem;
    if (entries == 0) text += "; nothing is tracked now";
    add(verdict, "conntrack", std::move(text),
        {set("net.netfilter.nf_conntrack_max", std::max<uint64_t>(1'000'000, round_up(needed, 100'000))),
         "or keep the port out of it: nft -f sysctl/notrack.nft"});
  }

  void queue(std::string_view key, const std::optional<uint64_t>& value) {
    if (!value) return;
    if (*value >= options_.backlog) return add(Verdict::ok, key, count(*value));
    add(Verdict::warning, key,
        fmt::format("{}: the queue of each listener is cut to it (--backlog is {}); in a reconnect storm clients wait "
                    "and retry",
                    count(*value), count(options_.backlog)),
        {set(key, std::max<uint64_t>(65535, options_.backlog))});
  }

  void queues() {
    queue("net.core.somaxconn", facts_.somaxconn);
    queue("net.ipv4.tcp_max_syn_backlog", facts_.syn_backlog);
  }

  void send_buffer() {
    // What is set is half of what getsockopt() shows (socket(7)).
    const uint64_t wanted = options_.send_buffer_size / 2;
    if (!facts_.wmem_max || *facts_.wmem_max >= wanted) return;
    add(Verdict::warning, "net.core.wmem_max",
        fmt::format("{} cuts the send buffer (--send-buffer-size) to {}", count(*facts_.wmem_max),
                    count(2 * *facts_.wmem_max)),
        {set("net.core.wmem_max", wanted)});
  }

  void engine() {
    if (options_.io == io::Engine::epoll) return add(Verdict::ok, "engine", "epoll, as it is set");
    if (facts_.uring.uring_usable) return add(Verdict::ok, "engine", "io_uring: " + facts_.uring.features);
    const bool must = options_.io == io::Engine::uring;
    std::vector<std::string> fixes;
    if (facts_.uring_disabled != 0) {
      fixes.push_back(set("kernel.io_uring_disabled", 0));
    } else {
      fixes.push_back("in a container: --security-opt seccomp=packaging/seccomp.json; else a kernel of 6.1 or newer");
    }
    if (must) fixes.push_back("or --io auto, which takes epoll");
    add(must ? Verdict::problem : Verdict::warning, "engine",
        fmt::format("{} io_uring cannot be used: {}", must ? "--io uring is set, but" : "epoll;", facts_.uring.why_not),
        std::move(fixes));
  }

  void certificates() {
    if (!options_.has_tls()) return;
    const auto material = tls_material(options_);
    if (!material) return add(Verdict::problem, "TLS", material.error().message);
    for (size_t i = 0; i < (*material)->certificates.size(); ++i) {
      const tls::Certificate& certificate = *(*material)->certificates[i];
      std::string text = certificate.file + ", for " + certificate.subject;
      for (size_t name = 1; name < certificate.names.size(); ++name) text += ", " + certificate.names[name];
      text += ", until " + tls::format_date(certificate.not_after);
      if (certificate.not_after - std::time(nullptr) < tls::kExpiresSoonSeconds) {
        add(Verdict::warning, "certificate", std::move(text), {"renew it, then SIGHUP to the server"});
      } else if (certificate.names.empty()) {
        add(Verdict::warning, "certificate", text + ": it has no DNS name, which browsers insist on",
            {"a certificate with subjectAltName=DNS:…"});
      } else if (!certificate.self_signed && certificate.chain.size() == 1) {
        add(Verdict::warning, "certificate",
            text + ": it is alone in its file; clients that do not know its issuer refuse it",
            {"the file with the whole chain, fullchain.pem with certbot; nothing, if the issuer is what clients "
             "trust"});
      } else {
        add(Verdict::ok, "certificate", std::move(text));
      }
      struct stat status {};
      const std::string& key = options_.tls_key[i];
      if (::stat(key.c_str(), &status) == 0 && (status.st_mode & S_IROTH) != 0)
        add(Verdict::warning, "key", key + " can be read by everybody on this machine", {"chmod o= " + key});
    }
  }

  uint64_t connections_;
  const config::Options& options_;
  const DoctorFacts& facts_;
  bool uring_ = false;
  Diagnosis out_;
};

struct DoctorArguments {
  uint64_t connections = 0;
  bool help = false;
  std::vector<const char*> server;  // as load_options() wants them
};

Result<DoctorArguments> parse_doctor_arguments(int argc, const char* const* argv) {
  constexpr std::string_view kFlag = "--connections";
  DoctorArguments out;
  out.server.push_back(argc > 0 ? argv[0] : "ringcast");
  bool given = false;
  for (int at = 2; at < argc; ++at) {
    std::string_view argument = argv[at];
    if (argument == "--help" || argument == "-h") {
      out.help = true;
      return out;
    }
    if (argument == kFlag && at + 1 < argc) {
      argument = argv[++at];
    } else if (argument.substr(0, kFlag.size() + 1) == "--connections=") {
      argument.remove_prefix(kFlag.size() + 1);
    } else if (argument == kFlag) {
      argument = "";
    } else {
      out.server.push_back(argv[at]);
      continue;
    }
    const char* end = argument.data() + argument.size();
    const auto [stop, error] = std::from_chars(argument.data(), end, out.connections);
    if (error != std::errc() || stop != end || out.connections == 0 || out.connections > kConnectionsMax) {
      return fail("bad_flag", fmt::format("command line: --connections \"{}\": must be a whole number from 1 to {}",
                                          argument, kConnectionsMax));
    }
    given = true;
  }
  if (!given) return fail("bad_flag", "doctor needs --connections N: how many are to be held");
  return out;
}

constexpr std::string_view kDoctorHelp =
    "ringcast doctor --connections N [the server's flags]\n\n"
    "Says whether this machine can hold N connections with these settings, and which command fixes each problem.\n"
    "Changes nothing. Ends with 0 when it can, 1 when not, 2 when the arguments are wrong.\n";

}  // namespace

bool Diagnosis::can_hold() const {
  return std::none_of(findings.begin(), findings.end(),
                      [](const Finding& finding) { return finding.verdict == Verdict::problem; });
}

std::string Diagnosis::to_string() const {
  constexpr std::string_view kNames[] = {"ok", "warning", "problem"};
  std::string text = fmt::format("Can this machine hold {} connection{} on {} reactor{}?\n\n", count(connections),
                                 connections == 1 ? "" : "s", reactors, reactors == 1 ? "" : "s");
  size_t numbers[3] = {};
  for (const Finding& finding : findings) {
    ++numbers[static_cast<size_t>(finding.verdict)];
    text += fmt::format("{:<8} {}: {}\n", kNames[static_cast<size_t>(finding.verdict)], finding.subject, finding.text);
    for (const std::string& line : finding.fixes) text += fmt::format("{:<8}   -> {}\n", "", line);
  }
  const size_t problems = numbers[2], warnings = numbers[1];
  text += can_hold() ? "\nYes" : fmt::format("\nNo: {} problem{}", problems, problems == 1 ? "" : "s");
  if (warnings != 0) text += fmt::format(", with {} warning{}", warnings, warnings == 1 ? "" : "s");
  return text + ".\n";
}

uint64_t descriptors_needed(uint64_t connections, uint16_t reactors) {
  const uint64_t share = (connections + reactors - 1) / reactors;
  // Connections fall on listeners by a hash: the fullest one is a few deviations above the mean.
  const auto spread = reactors == 1 ? 0 : static_cast<uint64_t>(std::ceil(5 * std::sqrt(static_cast<double>(share))));
  const uint64_t usable = share + spread + kDescriptorsKept;
  return usable + (usable + 18) / 19;  // a twentieth of the limit is kept free
}

MemoryNeed memory_needed(uint64_t connections, uint16_t reactors, bool uring, const config::Options& options) {
  MemoryNeed need;
  const uint64_t buffers = options.receive_buffer_size * options.receive_buffers;
  const uint64_t each = kUserBytes + (options.tls_listen.empty() ? 0 : kTlsBytes);
  need.user = kProcessBytes + reactors * buffers + connections * each;
  need.kernel =
      connections * (kSocketBytes + (uring ? kUringBytes : kEpollBytes)) + (uring ? reactors * kRingBytes : 0);
  return need;
}

Diagnosis diagnose(uint64_t connections, const config::Options& options, const DoctorFacts& facts) {
  return Examination(connections, options, facts).run();
}

int run_doctor(int argc, const char* const* argv, const char* const* environment, std::FILE* out, std::FILE* err) {
  const auto refuse = [&](const Error& error) {
    fmt::print(err, "ringcast: {}\n", error.message);
    return 2;
  };
  auto arguments = parse_doctor_arguments(argc, argv);
  if (!arguments) return refuse(arguments.error());
  if (arguments->help) {
    std::fputs(std::string(kDoctorHelp).c_str(), out);
    return 0;
  }
  auto& server = arguments->server;
  auto invocation = config::load_options(static_cast<int>(server.size()), server.data(), environment);
  if (!invocation) return refuse(invocation.error());
  if (invocation->action == config::Invocation::Action::print) {
    std::fputs(invocation->text.c_str(), out);
    return 0;
  }
  if (invocation->action == config::Invocation::Action::check)
    return refuse({"bad_flag", std::string(config::kCheckAlone)});
  const Diagnosis diagnosis = diagnose(arguments->connections, invocation->options, DoctorFacts::here());
  std::fputs(diagnosis.to_string().c_str(), out);
  return diagnosis.can_hold() ? 0 : 1;
}

}  // namespace ringcast::app
