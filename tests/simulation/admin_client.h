// SPDX-License-Identifier: Apache-2.0
// A simulated back end: publishes over HTTP, ends, purges and closes rooms, throws people out, asks for lists. One
// request at a time. One thread.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "codec/http1/http_response_parser.h"
#include "sim_client.h"

namespace ringcast::simulation {

class AdminClient final : public SimClient {
 public:
  AdminClient(World& world, std::string name) : SimClient(world, std::move(name)) {}
  void check_at_rest() const override;

 private:
  void on_connected() override;
  void do_something() override;
  void on_bytes(std::span<uint8_t> bytes) override;
  void on_end() override;

  void request(std::string_view method, const std::string& target, const std::string& body = {});
  struct Message {
    bool once = false;  // it has an idempotency key
    std::string target, body, key, content;
  };
  void publish();
  void send_message(bool once, const std::string& target, const std::string& body);

  std::unique_ptr<codec::HttpResponseParser> response_;
  std::string asked_;
  std::string body_;
  std::string published_key_;
  std::string published_content_;
  Message sent_;                  // as of now
  std::optional<Message> again_;  // was not answered, or was: with its key it is published once
  uint64_t publisher_ = 0;
  uint64_t sequence_ = 0;
  bool waiting_ = false;
};

}  // namespace ringcast::simulation
