// SPDX-License-Identifier: Apache-2.0
// A simulated client of the echo endpoint: what it sends comes back, whole and in order, whatever the sizes, also when
// it closes with much on its way. Its payloads look like frames, so that a head looked for in the wrong place is found.
// One thread.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "codec/http1/http_response_parser.h"
#include "codec/websocket/websocket_decoder.h"
#include "sim_client.h"

namespace ringcast::simulation {

class EchoClient final : public SimClient {
 public:
  EchoClient(World& world, std::string name) : SimClient(world, std::move(name)) {}
  void say_goodbye() override;
  void check_at_rest() const override;

 private:
  void on_connected() override;
  void do_something() override;
  void on_bytes(std::span<uint8_t> bytes) override;
  void on_end() override;
  void say();
  void frames(std::span<uint8_t> bytes);

  std::unique_ptr<codec::HttpResponseParser> response_;
  std::optional<codec::WebSocketDecoder> decoder_;
  std::deque<std::pair<bool, std::string>> awaited_;  // binary, payload
  bool closing_ = false;
  bool drained_ = false;  // by the server
};

}  // namespace ringcast::simulation
