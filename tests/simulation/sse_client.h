// SPDX-License-Identifier: Apache-2.0
// A simulated EventSource on a connection of its own. One thread.
#pragma once

#include <memory>
#include <string>

#include "codec/http1/http_response_parser.h"
#include "event_stream.h"
#include "sim_client.h"

namespace ringcast::simulation {

class SseClient final : public SimClient {
 public:
  SseClient(World& world, std::string name, std::string tenant, std::string user)
      : SimClient(world, name), stream_(world, name, std::move(tenant), std::move(user)) {}
  void check_at_rest() const override { stream_.check_at_rest(); }
  void check_drained(bool) const override { stream_.check_drained(); }
  void count_in(Presences& present) const override { stream_.count_in(present); }

 private:
  void on_connected() override;
  void do_something() override;
  void on_bytes(std::span<uint8_t> bytes) override;
  void on_end() override {
    if (stream_.under_way()) stream_.lost();
  }

  EventStream stream_;
  std::unique_ptr<codec::HttpResponseParser> response_;
};

}  // namespace ringcast::simulation
