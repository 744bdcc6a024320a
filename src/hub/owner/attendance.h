// SPDX-License-Identifier: Apache-2.0
// Who is shown in rooms, with a grace time for those who come back, and which users are online with which status. One
// per owner; its reactor's thread only.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "hub/context.h"
#include "hub/owner/channels.h"
#include "hub/owner/fan_out.h"
#include "hub/owner/graces.h"

namespace ringcast::hub {

class Attendance {
 public:
  Attendance(Context& context, Channels& channels, FanOut& fan_out)
      : context_(context), channels_(channels), fan_out_(fan_out) {}

  struct Arrival {
    std::string_view user;
    Status status;
    bool known;  // the status is what the user's inbox says, at `moment`
    Moment moment;
  };
  // Somebody enters a room; before it is counted as a member, so that it does not hear of itself. The status that its
  // user is shown with comes back.
  Status enter(Channel& channel, const Arrival& arrival);
  // `grace`: the leave may be held back. `poll`: with the grace of polls.
  void leave(uint32_t index, std::string_view user, bool grace, bool poll);
  // As shown in a room, unless what is shown is newer.
  void show_status(Channel& channel, std::string_view user, Status status, Moment moment);

  // The members of an inbox have changed: its user may have come online, or gone.
  void note_online(uint32_t index, bool grace);
  // What a connection of the inbox's user says of the user.
  void set_user_status(Channel& inbox, Status status);

  // How many are in a channel has changed: for other servers.
  void report_counts(uint32_t index);
  // All members have been taken out at once.
  void report_cleared(const Channel& channel);
  // What other servers report.
  void attend(Channel& channel, const Attendee& attendee);
  void count(Channel& channel, const Counts& counts);
  void state(Channel& inbox, Status status);

  // How many changes of users' statuses this core has ordered (protocol.h).
  Moment moment() const { return moment_; }
  void end_graces();

 private:
  void send_event(Channel& channel, PresenceView::Kind kind, std::string_view user, Status status, uint32_t members);
  // Whether who is in it concerns other servers.
  bool is_shared(const Channel& channel) const;
  void report(const Channel& channel, std::string_view user);
  const Presence::Entry* elsewhere(const Channel& channel, std::string_view user) const;
  Presence& presence_of(Channel& channel);
  Elsewhere& elsewhere_of(Channel& channel);
  bool change_status(Channel& inbox, Status status);
  uint64_t grace_end(std::chrono::milliseconds grace) const;
  void hold(uint32_t index, uint64_t ends_us, Name user);
  bool runs(const Grace& grace) const;
  void end(const Grace& grace);

  Context& context_;
  Channels& channels_;
  FanOut& fan_out_;
  Graces graces_;
  Moment moment_ = kFirstMoment;
  std::string encoded_;
};

}  // namespace ringcast::hub
