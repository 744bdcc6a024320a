// SPDX-License-Identifier: Apache-2.0
// The channels that hash to this core: it alone gives their messages ids (or applies those of a broker), keeps history
// and presence, and knows how many members each core has. Its reactor's thread only.
#pragma once

#include <tsl/robin_map.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "hub/broker.h"
#include "hub/context.h"
#include "hub/owner/attendance.h"
#include "hub/owner/channels.h"
#include "hub/owner/credit_return.h"
#include "hub/owner/directory.h"
#include "hub/owner/fan_out.h"
#include "hub/owner/histories.h"
#include "hub/owner/idempotency.h"

namespace ringcast::hub {

class Owner {
 public:
  explicit Owner(Context& context);
  ~Owner();

  void on_publish(const Mail& mail);
  void on_join(const Mail& mail);
  void on_replay_next(const Mail& mail);
  void on_leave(const Mail& mail);
  void on_status(const Mail& mail);
  // The second half of a publish that a broker has ordered (hub/broker.h).
  Applied apply(const Ordered& ordered);
  void show(const MessageView& event);
  void reset(std::string_view key, uint64_t position, uint64_t gap_oldest);
  void attend(std::string_view key, const Attendee& attendee);
  void count(std::string_view key, const Counts& counts);
  void state(std::string_view inbox, Status status);
  // Whether this mail waits for its channel to be opened; then it is kept.
  bool holds(const Mail& mail);
  // The channel has been opened, or cannot be: gives out the mail that was kept.
  std::vector<Mail> opened(std::string_view key);
  // Mail that was kept, where the channel cannot be opened.
  void refuse(const Mail& mail);
  Directory& directory() { return directory_; }
  // Gives credit back for publishes whose fan-out has left this core.
  void tick() { credit_.tick(); }
  void sweep();

  // Invariants, for tests: counts agree with shares, ids with history. Aborts when violated.
  void check() const;

 private:
  struct Joiner {  // who asks, in mail terms
    uint16_t core;
    uint32_t channel, generation;  // the core's local channel
    uint32_t membership, number;
    uint8_t flags;
    std::string_view user;
    Status status;  // the user's, with kKnown
    Moment moment;  // of it
  };

  // Nameless polls would come and go with every answer: they are counted while they wait, and not announced.
  static bool shows_presence(const Joiner& joiner) {
    return (joiner.flags & flag::kSilent) == 0 && ((joiner.flags & flag::kBrief) == 0 || !joiner.user.empty());
  }
  // What `join` and `replay_next` have in common; the fields that lie elsewhere in each are the caller's to set.
  static Joiner joiner_of(const Mail& mail, RecordReader& record);
  Channel* addressed(const Mail& mail) { return channels_.get({mail.channel, mail.number}); }
  bool says_final(const Channel& channel, const MessageView& message) const;
  // Gives the message its id and its time.
  void order(uint32_t index, MessageView& message);
  // `taken_ns`: when the publish was taken; 0: its way is not measured.
  void apply(uint32_t index, const MessageView& message, bool final, const Address& exclude, uint64_t taken_ns);
  // A copy of what apply() has just encoded, where the room has a mirror.
  void mirror(uint32_t index);
  void keep(uint32_t index, const MessageView& message, bool final);
  bool is_open(const Channel& channel) const { return !channel.brokered || channel.position != 0; }
  Channel* brokered(std::string_view key);
  void close_if_unused(uint32_t index);
  void send_failure(const Joiner& joiner, JoinError error = JoinError::channels_full);
  void send_piece(uint32_t index, const Joiner& joiner, uint64_t position, uint64_t gap_oldest);
  // Sends what follows `position`, as far as a piece goes; returns the last id that was sent.
  uint64_t send_ranges(const Channel& channel, const Joiner& joiner, uint64_t position);
  Status enter_presence(Channel& channel, const Joiner& joiner);
  void add_member(uint32_t index, const Joiner& joiner);

  Context& context_;
  Channels channels_;
  Histories histories_;
  FanOut fan_out_;
  Attendance attendance_;
  CreditReturn credit_;
  Directory directory_;
  IdempotencyKeys idempotency_;
  std::string encoded_, scratch_;
  tsl::robin_map<uint32_t, std::vector<Mail>> waiting_;  // by channel, for it to be opened
  uint32_t sweep_at_ = 0;
};

// Mail with the outcome of a publish, for its publisher.
void send_published(Context& context, const Publisher& publisher, const Published& published);

}  // namespace ringcast::hub
