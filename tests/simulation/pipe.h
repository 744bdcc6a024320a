// SPDX-License-Identifier: Apache-2.0
// One simulated TCP connection: what is under way in either direction and what each end has said last.
// Shared by the client that made it and the backend that accepted it; one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "io/backend.h"

namespace ringcast::simulation {

struct Pipe {
  // From the client.
  std::string to_server;
  bool client_fin = false;
  bool client_reset = false;
  // From the server.
  std::string to_client;
  size_t window = 65536;  // bytes that to_client takes
  bool server_fin = false;
  bool server_reset = false;

  // The server's end, kept by its backend.
  bool closed = false;  // given up by the server
  bool started = false;
  bool paused = false;
  bool blocked = false;       // the last flush was short; `writable` is owed
  bool end_reported = false;  // `closed` was handed out
  io::Owner owner = io::kNoOwner;
};

}  // namespace ringcast::simulation
