// SPDX-License-Identifier: Apache-2.0
// Hubs of several cores in one thread: an encoder with readable bytes, sinks that write down what they get, and
// mail that goes through bounded rings with overflow behind them. For tests; one thread.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "hub/hub.h"

namespace ringcast::hub {

using namespace std::chrono_literals;

inline constexpr FormId kPlain = 0, kEntries = 1, kDeflated = 2, kShortLived = 3;

// A message is "<id:payload>", an event "(joined alice)".
class TestEncoder final : public Encoder {
 public:
  void canonical(const MessageView& message, std::string& out) override;
  void presence(const PresenceView& event, std::string& out) override;
  bool compressed(std::string_view canonical, std::string& out) override;
  Derived derive(FormId form, std::string_view canonical, uint64_t id, std::string& out) override;
  bool takes_compressed(FormId form) const override { return form == kDeflated; }
  std::vector<uint32_t> members;  // of each presence event
  bool wants_entries(FormId form) const override { return form == kEntries; }
  bool short_lived(FormId form) const override { return form == kShortLived; }
  std::string_view json(std::string_view canonical, std::string&) const override { return canonical; }
};

class TestSink final : public Sink {
 public:
  void attach(Hub& hub) { hub_ = &hub; }
  void deliver(const Delivery& delivery) override;
  void joined(ConnectionId connection, const Joined& joined) override;
  void replay(ConnectionId connection, std::string_view key, std::span<const Slice> canonical, uint64_t first_id,
              uint32_t count, uint64_t gap_oldest, bool more) override;
  void left(ConnectionId connection, std::string_view key, LeftReason reason) override;
  void published(ConnectionId, const Published& published) override { outcomes.push_back(published); }
  void credit_available() override { ++credit_calls; }
  void answered(ConnectionId, const Answer& answer) override { answers.push_back(answer); }
  std::string_view user_of(uint32_t slot) const override {
    return slot < users.size() ? std::string_view(users[slot]) : std::string_view();
  }
  bool is_of_tenant(ConnectionId, std::string_view) override { return true; }
  void occupancy(std::string_view key, bool occupied) override {
    occupancies.push_back((occupied ? "+" : "-") + std::string(name_of(key)));
  }
  void kicked(ConnectionId connection) override { got(connection.slot) += "{kicked}"; }
  bool send_canonical(ConnectionId connection, std::string_view canonical) override;

  // Everything that a connection was sent, in order, by slot.
  std::string& got(uint32_t slot);
  std::vector<Published> outcomes;
  std::vector<std::string> occupancies;  // "+room", "-room"
  std::vector<Answer> answers;
  std::vector<Joined> joins;  // without their keys
  uint32_t credit_calls = 0;
  uint64_t handed = 0;             // runs that members were given
  bool records = true;             // what was delivered, for got()
  std::vector<std::string> users;  // by slot

 private:
  Hub* hub_ = nullptr;
  std::vector<std::string> got_;
};

class Cluster {
 public:
  struct Options {
    uint16_t cores = 1;
    uint32_t ring_slots = 8;
    HubOptions hub;
    RoomPolicy rooms;
    RoomPolicy inbox;
    Options() {
      rooms.presence = inbox.presence = false;
      rooms.presence_interval = 0ms;
      rooms.first_id = inbox.first_id = 1;
      hub.replay_chunk = 24;
    }
  };
  explicit Cluster(const Options& options);
  ~Cluster();

  Hub& hub(uint16_t core);
  TestSink& sink(uint16_t core);
  RoomPolicies& policies() { return policies_; }
  TestEncoder& encoder() { return encoder_; }

  void open(uint16_t core, uint32_t slot, FormId form = kPlain) { hub(core).open({slot, 1}, form); }
  void join(uint16_t core, uint32_t slot, std::string_view key, std::string_view user = {});
  void join_after(uint16_t core, uint32_t slot, std::string_view key, uint64_t cursor);
  PublishResult publish(uint16_t core, std::string_view key, std::string_view payload);
  PublishResult publish(uint16_t core, Publish message);
  const Answer& ask(uint16_t core, Query query);
  // Ticks every core that is not paused until nothing moves.
  void run();
  void tick(uint16_t core);  // until it has no mail for itself
  void turn(uint16_t core);  // its mail and one tick
  void pause(uint16_t core, bool paused);
  void advance(std::chrono::milliseconds time);
  // Time passes, and nobody notices yet.
  void wait(std::chrono::milliseconds time);
  // What the connection has been sent since the last look.
  std::string take(uint16_t core, uint32_t slot);
  uint64_t overflow_peak() const { return overflow_peak_; }
  // A room whose owner is `core`.
  std::string room_at(uint16_t core);

 private:
  struct Core;
  class TestPost;
  struct Pair {
    std::deque<reactor::Mail> ring;
    std::deque<reactor::Mail> overflow;
    uint64_t enqueued = 0;
  };
  Pair& pair(uint16_t from, uint16_t to) { return pairs_[size_t{from} * options_.cores + to]; }
  bool refill();

  Options options_;
  RoomPolicies policies_;
  VirtualClock clock_;
  TestEncoder encoder_;
  std::vector<Pair> pairs_;
  std::vector<std::unique_ptr<Core>> cores_;
  uint64_t overflow_peak_ = 0;
};

}  // namespace ringcast::hub
