// SPDX-License-Identifier: Apache-2.0
// What an SSE stream does (WHATWG HTML section 9.2): its channels, the cursor in every `id:`, comments as heartbeats,
// the ways it ends. One per core, touched by its reactor only. A stream over one channel shares its frames with all
// others and needs nothing beside its Client once it is open; one over several channels keeps their positions.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "client/client.h"
#include "client/online_lists.h"
#include "codec/sse/sse.h"
#include "compat/spelling.h"
#include "hub/sink.h"
#include "reactor/reactor.h"
#include "reactor/turn_queue.h"
#include "transport/heartbeat.h"
#include "transport/subscription.h"
#include "transport/transport.h"

namespace ringcast::session {

class Gate;
struct Request;
struct SseStream;
struct Subscribed;

class SseSession final : public Transport {
 public:
  explicit SseSession(Gate& gate);

  TransportKind kind() const override { return TransportKind::sse; }
  void open(Client& client, Connection& connection, const Request& request) override;
  size_t on_bytes(Client& client, Connection& connection, std::span<uint8_t> bytes) override;
  void on_peer_gone(Client& client, Connection& connection) override;
  void on_drained(Client& client, Connection& connection) override;
  void on_slow(Client& client, Connection& connection, reactor::CloseCause cause) override;
  void on_timer(Client& client, Connection& connection) override;
  void on_joined(Client& client, Connection& connection, const hub::Joined& joined) override;
  void on_replay(Client& client, Connection& connection, std::string_view key, std::span<const Slice> canonical,
                 uint64_t first_id, uint32_t count, uint64_t gap_oldest) override;
  void on_left(Client& client, Connection& connection, std::string_view key, hub::LeftReason reason) override;
  void on_answer(Client& client, Connection& connection, const hub::Answer& answer) override;
  void on_kicked(Client& client, Connection& connection) override;
  void drain(Client& client, Connection& connection) override;
  bool send_canonical(Client& client, Connection& connection, std::string_view canonical) override;
  void on_closed(Client& client, reactor::CloseCause cause) override;
  // A run for streams over several channels: what they share is encoded once.
  void deliver(std::string_view key, const hub::Delivery& delivery) override;
  void tell_expiring(Client& client, Connection& connection, uint64_t left_ms) override;
  void end_token(Client& client, Connection& connection, TokenEnd how) override;
  // After the hub's own tick and before the flush: what the hub's calls asked for but may not be done within them.
  void on_tick() override;

  // The answer to a stream that is refused for a passing reason (full, draining): EventSource would stop for good at
  // any status but 200, so it gets 200, a jittered `retry:`, the problem, and the end.
  void refuse(Client& client, Connection& connection, std::string_view code, std::string_view message,
              std::chrono::milliseconds after);

 private:
  static codec::SseFraming framing_of(const Client& client);
  uint64_t retry_ms(const Client& client) const;

  // --- sse_opening.cc ---
  void append_head(std::string& out, const Client& client, bool keep_alive = false);
  void open_posted(Client& client, Connection& connection, const Request& request);
  void note_refused(const Client& client, SseStream& stream, std::string_view room, std::string_view code,
                    std::string_view message);
  void begin(Client& client, Connection& connection, const Request& request, std::unique_ptr<SseStream> made,
             std::vector<Subscribed> channels);
  void finish_opening(Client& client, Connection& connection);
  void welcome(Client& client, std::string& out);

  void keep_early(SseStream& stream, const Slice& canonical, uint64_t id, uint32_t channel, bool replayed);
  void append_message(std::string& out, Client& client, std::string_view canonical, uint64_t id, uint32_t channel,
                      bool replayed);
  void append_cursor(std::string& out, const Client& client, const SseStream& stream);
  // An event of ours, in the dialect if that shows it.
  bool append_event(std::string& out, const Client& client, std::string_view type, std::string_view json);
  void send_event(const Client& client, Connection& connection, std::string_view type, std::string_view json);
  void send_gap(const Client& client, Connection& connection, std::string_view key, uint64_t oldest, bool reset,
                CursorFault fault = CursorFault::none);
  void arm_beat(const Client& client, Connection& connection);
  void send_beat(const Client& client, Connection& connection);
  void append_heartbeat(std::string& out, const Client& client, HeartbeatEvent::Kind kind);
  // Says why, then ends the stream.
  void end(Client& client, Connection& connection, uint16_t code, std::string_view name, std::string_view message,
           reactor::CloseCause cause);
  void finish(Client& client, Connection& connection, reactor::CloseCause cause);
  void go_back(Client& client, Connection& connection);
  void read_again(Client& client, Connection& connection);

  Gate& gate_;
  Spelling spelling_;
  OnlineLists online_lists_;
  HeartbeatBytes beats_[2][kDialects + 1];  // by framing and dialect; the first is the comment
  reactor::TurnQueue later_;
  std::string out_;   // events being written
  std::string text_;  // JSON or cursors being written
  std::string head_;  // what the members of a run share
};

}  // namespace ringcast::session
