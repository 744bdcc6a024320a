// SPDX-License-Identifier: Apache-2.0
// A Redis Stream as a source, read as a consumer group. What was delivered and not acknowledged comes first: after each
// connect the group's pending entries are claimed, whichever node had them, so that nothing is lost and the order
// holds. Who reads has to be the only one (a lease).
//
// Two connections: one whose reads wait at Redis for new entries, and one for everything else.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "inlets/options.h"
#include "inlets/redis_connection.h"
#include "inlets/source.h"

namespace ringcast::inlets {

class RedisStream final : public Source {
 public:
  RedisStream(const InletOptions& options, const RedisConnection::Options& connection);

  void work(Host& host, Time now, bool reads) override;
  void settled(uint64_t token) override;
  void forget() override;
  bool flushed() const override { return acknowledging_.empty(); }
  void append_waits(std::vector<pollfd>& waits) const override;
  Time due() const override;

 private:
  enum class Stage : uint8_t { making, claiming, finding, reading };
  // What the next reply of commands_ is for: a stage's command, or so many acknowledgements.
  struct Expected {
    Stage stage;
    size_t acknowledged;  // 0: the stage's command
  };

  void lost(Host& host, std::string_view why, bool by_size);
  void start_over();
  void command_some(Host& host, Time now);
  void read_some(Host& host, Time now);
  void acknowledge(Time now);
  bool on_reply(Host& host, const Expected& expected, codec::RespValue reply);
  void drop(Host& host, std::string_view id);
  void take_entries(Host& host, codec::RespValue entries);
  uint32_t count(const Host& host) const;

  const InletOptions options_;
  const std::string stream_;
  RedisConnection commands_, reads_;
  Stage stage_ = Stage::making;
  std::deque<Expected> expected_;
  std::string cursor_ = "0-0";             // of the pending entries
  std::unordered_set<std::string> held_;   // taken, and not known to be acknowledged
  std::deque<std::string> acknowledging_;  // settled; the first `sent_` have been sent
  size_t sent_ = 0;
  std::unordered_map<uint64_t, std::string> tokens_;
  uint64_t last_token_ = 0;
  bool wanted_ = false, announced_ = false, asked_ = false, reading_ = false, has_room_ = false;
  bool one_by_one_ = false;      // a reply was too large: entries are read one at a time
  uint64_t entry_bytes_ = 1024;  // about as large as entries are
  Time pause_until_{0};
  std::vector<Field> fields_;
};

}  // namespace ringcast::inlets
