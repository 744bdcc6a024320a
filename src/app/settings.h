// SPDX-License-Identifier: Apache-2.0
// Turns the operator's options into what each layer is set to. Pure functions; any thread.
#pragma once

#include <optional>

#include "client/session_options.h"
#include "cluster/bridge.h"
#include "config/options.h"
#include "hub/hub.h"
#include "hub/policy.h"
#include "inlets/inlets.h"
#include "inlets/mirror.h"
#include "io/backend.h"
#include "io/listener.h"
#include "reactor/mesh.h"
#include "reactor/reactor.h"
#include "tls/client_context.h"
#include "tls/tls_backend.h"
#include "transport/encoder.h"

namespace ringcast::app {

// Facts of the machine that defaults depend on, read once at start.
struct Machine {
  uint16_t cpus = 1;            // that this process may use
  uint64_t memory_bytes = 0;    // of the machine, or of the cgroup if that is less
  uint64_t descriptors = 1024;  // per descriptor table
  bool own_tables = true;       // each reactor has a table; else all share one and its limit
  static Machine here();
};

// Of each table, kept free of clients beside a twentieth of it: rings, listeners, wake descriptors, files being read.
inline constexpr uint64_t kDescriptorsKept = 64;

uint16_t reactor_count(const config::Options& options, const Machine& machine);
access::RateLimits rate_limits(const config::Options& options, uint16_t cores);
session::Routes::Options route_options(const config::Options& options);
session::SessionOptions session_options(const config::Options& options, const Machine& machine);
hub::RoomPolicies room_policies(const config::Options& options);
hub::HubOptions hub_options(const config::Options& options, const Machine& machine);
io::BackendOptions backend_options(const config::Options& options);
io::ListenerOptions listener_options(const config::Options& options);
reactor::ReactorOptions reactor_options(const config::Options& options, const Machine& machine);
reactor::MeshOptions mesh_options(const config::Options& options, const Machine& machine);
// With `broker` set; the policies are the caller's to add.
cluster::BridgeOptions bridge_options(const config::Options& options);
// None without TLS; its files are there and make sense.
[[nodiscard]] Result<std::optional<tls::ClientOptions>> broker_tls(const config::Options& options);
// Of so many cores; what is shared with the rest is the caller's to add.
inlets::InletsPlan inlets_plan(const config::Options& options, uint16_t cores);
// With a mirror; `members`: who makes copies.
inlets::MirrorPlan mirror_plan(const config::Options& options, uint16_t members);
session::EncoderOptions encoder_options(const config::Options& options);
// Of one of `reactors`.
tls::HandshakeLimits handshake_limits(const config::Options& options, uint16_t reactors);
tls::TlsOptions tls_options(const config::Options& options, uint16_t reactors);
// What the settings' files hold now; none without TLS. The error names the setting and the file.
[[nodiscard]] Result<std::shared_ptr<const tls::Material>> tls_material(const config::Options& options);

}  // namespace ringcast::app
