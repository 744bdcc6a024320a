// SPDX-License-Identifier: Apache-2.0
// A simulated EventSource: one or several channels, resumed with Last-Event-ID alone. One thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "codec/http1/http_response_parser.h"
#include "codec/sse/sse_parser.h"
#include "receiver.h"
#include "sim_client.h"

namespace ringcast::simulation {

class SseClient final : public SimClient {
 public:
  SseClient(World& world, std::string name, std::string tenant, std::string user);
  void check_at_rest() const override;
  void check_drained(bool rested) const override;
  void count_in(Presences& present) const override;

 private:
  void on_connected() override;
  void do_something() override;
  void on_bytes(std::span<uint8_t> bytes) override;
  void on_end() override { opened_ = false; }

  void event(const codec::SseEvent& event);
  void opened(std::string_view json);
  std::vector<uint64_t> positions(std::string_view cursor) const;
  void check_cursor(std::string_view room, uint64_t id, std::string_view cursor) const;

  std::string tenant_;
  std::string user_;
  std::vector<std::string> channels_;  // names, sorted: the same for as long as the EventSource lives
  std::string last_event_id_;
  std::unique_ptr<codec::HttpResponseParser> response_;
  codec::SseParser parser_;
  std::optional<Receiver> receiver_;
  bool opened_ = false;
  bool told_ = false;     // to go elsewhere
  bool drained_ = false;  // told, and it has ended in order
  bool ended_ = false;    // answered without a stream, or the stream has ended by itself
};

}  // namespace ringcast::simulation
