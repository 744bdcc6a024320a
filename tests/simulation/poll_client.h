// SPDX-License-Identifier: Apache-2.0
// A simulated long-polling client: one or several channels, polled again and again with the cursor of the answer
// before, over a connection that is kept or cut. Whatever the cuts, its sequence of messages is exact. One thread.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "codec/http1/http_response_parser.h"
#include "sim_client.h"

namespace ringcast::simulation {

class PollClient final : public SimClient {
 public:
  PollClient(World& world, std::string name, std::string tenant, std::string user);
  void check_at_rest() const override;
  void check_drained(bool rested) const override;
  void count_in(Presences& present) const override;

 private:
  void on_connected() override;
  void do_something() override;
  void on_bytes(std::span<uint8_t> bytes) override;
  void on_end() override { waiting_ = false; }

  void ask();
  void answered();
  void take(std::string_view json);
  void check_caught_up() const;
  std::vector<uint64_t> positions(std::string_view cursor) const;
  std::string key(std::string_view room) const { return tenant_ + ':' + std::string(room); }

  std::string tenant_;
  std::string user_;
  std::vector<std::string> channels_;  // names, sorted
  std::string cursor_;                 // empty: begins at the newest
  std::unique_ptr<codec::HttpResponseParser> response_;
  std::string body_;
  bool waiting_ = false;
  bool drained_ = false;  // answered by a server that takes leave
};

}  // namespace ringcast::simulation
