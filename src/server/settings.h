// SPDX-License-Identifier: Apache-2.0
// Turns the operator's options into what each layer is set to. Pure functions; any thread.
#pragma once

#include "hub/hub.h"
#include "hub/policy.h"
#include "io/backend.h"
#include "io/listener.h"
#include "runtime/mesh.h"
#include "runtime/reactor.h"
#include "server/options.h"
#include "session/encoder.h"
#include "session/session_options.h"

namespace ringcast::server {

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

uint16_t reactor_count(const Options& options, const Machine& machine);
auth::RateLimits rate_limits(const Options& options, uint16_t cores);
session::Routes::Options route_options(const Options& options);
session::SessionOptions session_options(const Options& options, const Machine& machine);
hub::RoomPolicies room_policies(const Options& options);
hub::HubOptions hub_options(const Options& options, const Machine& machine);
io::BackendOptions backend_options(const Options& options);
io::ListenerOptions listener_options(const Options& options);
runtime::ReactorOptions reactor_options(const Options& options, const Machine& machine);
runtime::MeshOptions mesh_options(const Options& options, const Machine& machine);
session::EncoderOptions encoder_options(const Options& options);

}  // namespace ringcast::server
