// SPDX-License-Identifier: Apache-2.0
// Options of a run, from flags and a TOML file (keys are the flags' names; flags win).
// A value, fixed before the workers start; read by all of them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "io/backend.h"
#include "roles.h"
#include "schedule.h"
#include "thresholds.h"

namespace ringcast::ringload {

// resume and slow are fan-outs in which a share of the members is cut or does not keep up.
enum class Scenario : uint8_t { connect, echo, fanout, mixed, resume, slow };
std::string_view to_string(Scenario scenario);

struct Options {
  std::string command;  // the arguments, for reports
  Scenario scenario = Scenario::connect;
  std::string preset_name = "ringcast";
  std::vector<Role> roles;  // of the members
  bool deflate = false;
  bool tls = false;
  std::string tls_ca;  // empty: the system's
  bool tls_insecure = false;
  bool tls_resume = false;
  uint32_t http2 = 0;         // members on each connection, as streams of HTTP/2; 0: HTTP/1.1 and WebSocket
  std::string marker = "~r";  // by which payloads are found again

  std::vector<io::SocketAddress> targets;  // taken in turn
  std::vector<io::SocketAddress> sources;  // taken in turn; none: the kernel chooses
  std::string host;                        // of the Host header
  io::Engine engine = io::Engine::automatic;
  uint32_t threads = 0;  // 0: as few as the descriptor limit allows

  uint32_t connections = 1000;  // members; fanout: rooms × members
  uint32_t rooms = 1;
  uint32_t publishers = 1;  // per room
  uint32_t in_flight = 0;   // per publisher, until the last member has it; 0: paced
  uint32_t depth = 1;       // echo: messages under way per connection
  double rate = 0;       // messages per second and room (fanout), in all (echo; 0: closed loop); of the highest stage
  double echo_rate = 0;  // mixed: of all connections that echo or ask; 0: one per second each
  uint32_t payload_size = 128;
  std::string room_prefix = "load-";
  uint32_t spread = 0;  // members join so many rooms, and are one to the publishers; 0: they join the publishers' rooms

  double connect_rate = 10000;  // per second
  double churn_per_minute = 0;  // per cent of the connections, closed and opened again
  int64_t connect_timeout_ns = 10'000'000'000;
  int64_t first_connection_ns = 3'000'000'000;  // without any that is ready by then the run ends
  int64_t answer_timeout_ns = 5'000'000'000;
  int64_t settle_ns = 500'000'000;  // between the last connect and the measurement
  int64_t ramp_up_ns = 0;
  int64_t warmup_ns = 1'000'000'000;     // published, not counted
  int64_t duration_ns = 10'000'000'000;  // hold
  int64_t ramp_down_ns = 0;
  std::vector<Stage> shape;  // of the load, warm-up included, as parts of the rate

  double cut_percent = 50;        // resume: so many members are cut in the course of the measurement
  int64_t away_ns = 500'000'000;  // … and come back after
  uint32_t slow_percent = 10;     // slow: so many do not keep up
  uint64_t slow_rate = 0;         // bytes per second that each of them reads; 0: nothing at all

  bool search = false;  // the highest rate that crosses no threshold

  int server_pid = 0;
  double server_cores = 0;  // 0: what the process is allowed to run on
  std::string json_path;    // "-": standard output
  std::string csv_path;     // the series
  std::string hgrm_path;    // of the latency
  std::string report_path;  // a page with charts
  std::vector<Threshold> thresholds;
  bool quiet = false;

  bool saturating() const { return in_flight > 0 || (scenario == Scenario::echo && rate == 0); }
  bool publishes() const { return publisher_role() < roles.size(); }
  // The first role in the rooms: publishers speak its dialect. roles.size(): nobody is.
  size_t publisher_role() const {
    size_t i = 0;
    while (i < roles.size() && !roles[i].in_room()) ++i;
    return i;
  }
  bool echoes() const {
    for (const Role& role : roles) {
      if (role.asks()) return true;
    }
    return false;
  }
  uint32_t publishing_connections() const { return publishes() ? rooms * publishers : 0; }
  uint32_t all_connections() const { return connections + publishing_connections(); }
  int64_t load_ns() const { return Schedule(shape).duration_ns(); }
};

// `arguments` without the program's name. An error with the code "help" has the text of --help or --version.
[[nodiscard]] Result<Options> parse_options(std::vector<std::string> arguments);

// "127.0.0.1-127.0.0.40", "127.0.0.1:3000-3003", or a list of such, each range written out. With ports, hosts may be
// names: of several addresses the first that takes a connection counts.
[[nodiscard]] Result<std::vector<io::SocketAddress>> parse_addresses(std::string_view text, bool with_port);

// "250ms", "10s", "2min", "1h".
[[nodiscard]] Result<int64_t> parse_duration_ns(std::string_view text);

// "30s:500": to that rate, in that time. Its beginning is the end of the one before.
[[nodiscard]] Result<Stage> parse_stage(std::string_view text);

}  // namespace ringcast::ringload
