// SPDX-License-Identifier: Apache-2.0
// Opener: connecting: the ramp, churn, cuts and returns, the opening request, and what some servers want said before a
// member is in its room. Worker's thread only.
#pragma once

#include <string_view>

#include "../schedule.h"
#include "connections.h"
#include "requests.h"
#include "tally.h"

namespace ringcast::ringload {

class Opener {
 public:
  Opener(Connections& all, Requests& requests, Tally& tally) : all_(all), requests_(requests), tally_(tally) {}

  // Which connections there are, and when each is opened.
  void plan();
  // The schedules of churn and cuts, which run while the load does.
  void start_load();
  // At `latest`, or before it.
  int64_t next_due(int64_t latest, bool loading) const;
  void connect_due();
  void churn_due();
  void cuts_due();

  void on_connected(Connection& connection);
  // The upgrade, or the head of a stream's answer, is there.
  void on_upgraded(Connection& connection);
  // What the server says before a member is ready.
  void advance_greeting(Connection& connection, std::string_view text);
  void on_joined(Connection& connection);
  void on_ended(Connection& connection, const io::Event& event);

 private:
  using State = Connection::State;
  using Speaks = Connection::Speaks;

  void connect(Connection& connection);
  void open(Connection& connection);
  void renew(Connection& connection);
  template <class Wanted>
  Connection* next_member(uint32_t& next, Wanted&& wanted);

  Connections& all_;
  Requests& requests_;
  Tally& tally_;
  Schedule connects_;
  uint64_t connects_done_ = 0;
  Schedule churn_;
  uint64_t churn_done_ = 0;
  uint32_t churn_next_ = 0;
  Schedule cuts_;
  uint64_t cuts_done_ = 0;
  uint32_t cuts_next_ = 0;
};

}  // namespace ringcast::ringload
