// SPDX-License-Identifier: Apache-2.0
// A simulated EventSource, whatever carries it: one or several channels, resumed with Last-Event-ID alone. Part of a
// client; one thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "codec/sse/sse_parser.h"
#include "receiver.h"
#include "sim_client.h"

namespace ringcast::simulation {

class EventStream {
 public:
  enum class State : uint8_t {
    closed,  // has no request; the next one resumes
    asked,   // not answered
    open,    // gets events
    ended,   // answered without a stream, or the stream has ended by itself
  };

  EventStream(World& world, std::string name, std::string tenant, std::string user);

  State state() const { return state_; }
  bool under_way() const { return state_ == State::asked || state_ == State::open; }
  const std::string& last_event_id() const { return last_event_id_; }
  // A request is made: its target.
  std::string ask();
  void answered(int status);
  void take(std::string_view body);
  // The answer is complete.
  void completed();
  // What carried it is gone.
  void lost() { state_ = State::closed; }

  void check_at_rest() const;
  void check_drained() const;
  void count_in(Presences& present) const;

 private:
  void note(std::string_view what) { world_.trace.note(name_ + ' ' + std::string(what)); }
  void event(const codec::SseEvent& event);
  void opened(std::string_view json);
  std::vector<uint64_t> positions(std::string_view cursor) const;
  void check_cursor(std::string_view room, uint64_t id, std::string_view cursor) const;

  World& world_;
  const std::string name_;
  const std::string tenant_;
  const std::string user_;
  std::vector<std::string> channels_;  // names, sorted: the same for as long as the EventSource lives
  std::string last_event_id_;
  codec::SseParser parser_;
  std::optional<Receiver> receiver_;
  State state_ = State::closed;
  bool parted_ = false;   // the server has asked it to go elsewhere
  bool drained_ = false;  // … and it has ended in order
};

}  // namespace ringcast::simulation
