// SPDX-License-Identifier: Apache-2.0
// What the cores of a process share above the hub. Made before the reactors start; only the atomics change afterwards.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "base/keyed_hash.h"
#include "client/routes.h"
#include "client/session_stats.h"
#include "hub/broker.h"
#include "hub/hub.h"
#include "reactor/reactor.h"

namespace ringcast::codec {
class JsonWriter;
}

namespace ringcast::tls {
struct TlsStats;
}

namespace ringcast::session {

class Hooks;
class StaticFiles;
class StatisticsHistory;

// Metrics of a part that the sessions know nothing else of, and a value of JSON for /stats; without `names` it has none
// that the configuration gives. Any thread.
class MoreMetrics {
 public:
  virtual ~MoreMetrics() = default;
  virtual void append_metrics(std::string& out) const = 0;
  virtual void append_statistics(codec::JsonWriter& json, bool names) const = 0;
};

// One core's counters, for /stats and /metrics, which are answered by any core.
struct CoreView {
  const SessionStats* sessions = nullptr;
  const hub::HubStats* hub = nullptr;
  const reactor::ReactorStats* reactor = nullptr;
  const tls::TlsStats* tls = nullptr;  // none without TLS
};

// The engine that a core runs on, and why it is not io_uring where that was left to the server; empty: nothing to say.
struct EngineView {
  std::string name;
  std::string fallback;
  std::string features = {};  // comma-separated
};

// Listener number of the admin port, whose requests need no API key. Where there is one, server calls are answered
// there only (SessionOptions::admin_apart).
inline constexpr uint16_t kAdminListener = UINT16_MAX - 1;
// From this number on: listeners that speak TLS, of which the sessions know nothing else.
inline constexpr uint16_t kTlsListeners = 0x4000;
// From this number on: listeners whose connections begin with a PROXY header.
inline constexpr uint16_t kProxyListeners = 0x8000;
constexpr bool is_proxy_listener(uint16_t listener) {
  return listener >= kProxyListeners && listener < kAdminListener;
}

struct Shared {
  HashKey name_key;  // of connection names
  const Routes* routes = nullptr;
  Hooks* hooks = nullptr;                      // nullptr: nobody takes part
  const hub::BrokerStats* broker = nullptr;    // nullptr: there is none
  const MoreMetrics* inlets = nullptr;         // nullptr: there are none
  const MoreMetrics* mirror = nullptr;         // nullptr: no room has one
  const StaticFiles* files = nullptr;          // nullptr: no page
  const StatisticsHistory* history = nullptr;  // nullptr: no samples are taken (simulation)
  std::string version = "unset";               // the program sets it
  std::string engine;
  uint64_t started_wall_us = 0;
  std::vector<CoreView> cores;
  std::vector<EngineView> engines;  // by core
  // Processor time of the calling thread and memory of the process; none where runs have to be alike (simulation).
  uint64_t (*cpu_ns)() = nullptr;
  uint64_t (*resident_bytes)() = nullptr;
  std::atomic<uint32_t> connections{0};
  std::array<std::atomic<uint32_t>, kRoutesMax> by_route{};  // of routes that set a limit
};

// SIGTERM's way, see ARCHITECTURE.md "Drain". Each phase includes those before it.
enum class DrainPhase : uint8_t {
  running,
  unready,     // /ready answers 503, everything else goes on
  refusing,    // what is queued is accepted, listeners close, publishes are refused
  delivering,  // what was published before the last core refused is on its way into the outboxes
  notifying,   // connections are notified in pace and end
  finishing,   // what is left is closed
  admin,       // and at last the admin port, where the drain could be watched
};

}  // namespace ringcast::session
