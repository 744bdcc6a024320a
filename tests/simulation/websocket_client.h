// SPDX-License-Identifier: Apache-2.0
// A simulated WebSocket client: joins, publishes, leaves, is cut and resumes with what it has, and holds the server to
// every promise about it. One thread.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "codec/http1/http_response_parser.h"
#include "codec/websocket/websocket_decoder.h"
#include "receiver.h"
#include "sim_client.h"

namespace ringcast::simulation {

class WebSocketClient final : public SimClient {
 public:
  WebSocketClient(World& world, std::string name, std::string tenant, std::string user);
  void say_goodbye() override;
  void check_at_rest() const override;
  void check_drained(bool rested) const override;
  void count_in(Presences& present) const override;
  // Asks who is in a room that it is in; the answer is compared with `present`, and with what it was notified of
  // before.
  bool ask_members(const std::string& room, const Presences& present);
  const std::string& connection_name() const { return connection_name_; }

 private:
  enum class Stage : uint8_t { idle, handshake, opening, open, closing };
  struct Awaited {
    std::string room;
    std::string content;
    bool excluded = false;
    bool ephemeral = false;
    std::string key;  // of a message that may be sent again
  };
  // A message with an idempotency key that may have been published or not.
  struct Retry {
    std::string room;
    std::string content;
  };
  struct Joining {
    std::optional<uint64_t> cursor;
    bool at_opening = false;
  };

  void on_connected() override;
  void do_something() override;
  void on_bytes(std::span<uint8_t> bytes) override;
  void on_end() override;

  void frames(std::span<uint8_t> bytes);
  void text(std::string_view json);
  void opened(std::string_view json);
  void joined(std::string_view json);
  void acknowledged(std::string_view json);
  void refused(std::string_view json);
  void frame(std::string_view payload, bool binary = false);
  std::string some_room();
  void join();
  void publish();
  void publish_once();
  void publish_binary();
  void presence(std::string_view json, bool joined);
  void compare_members(std::string_view json);
  void direct();
  void keep_cursors();

  std::string tenant_;
  std::string user_;
  Stage stage_ = Stage::idle;
  std::unique_ptr<codec::HttpResponseParser> response_;
  std::optional<codec::WebSocketDecoder> decoder_;
  std::optional<Receiver> receiver_;
  std::map<std::string, uint64_t> cursors_;  // of the connections before: where to go on
  std::map<std::string, Joining> joining_;
  std::map<uint64_t, Awaited> awaited_;                                    // by ref
  std::optional<std::pair<std::string, uint64_t>> pair_;                   // a binary event whose frame must follow
  std::map<std::string, Retry> retries_;                                   // by idempotency key; outlives a connection
  std::map<std::string, std::map<std::string, bool>, std::less<>> heard_;  // of each room: who came, who went
  std::set<std::string, std::less<>> deaf_;                                // rooms of which events may be missing
  const Presences* expected_ = nullptr;                                    // of the answer that is awaited
  bool notified_ = false;                                                  // to go elsewhere
  std::optional<std::chrono::nanoseconds> parted_;                         // when it sent a close frame
  bool drained_ = false;                                                   // notified, and closed in order
  std::string connection_name_;
  uint64_t publisher_ = 0;
  uint64_t sequence_ = 0;
  uint64_t ref_ = 0;
};

}  // namespace ringcast::simulation
