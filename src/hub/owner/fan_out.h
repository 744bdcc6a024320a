// SPDX-License-Identifier: Apache-2.0
// From a channel's owner to the cores that have members: one mail each, with a reference to the encoded bytes. One per
// owner; its reactor's thread only.
#pragma once

#include <cstdint>
#include <string_view>

#include "hub/context.h"
#include "hub/owner/channel.h"

namespace ringcast::hub {

class FanOut {
 public:
  explicit FanOut(Context& context) : context_(context) {}

  // A message with an id, which is compressed once for all members that take it so. `flags` as in Kind::deliver.
  void send(const Channel& channel, const Slice& canonical, uint64_t id, uint8_t flags, const Address& exclude);
  // One of presence, which each core may hold back for a moment (Local::holds_back()).
  void send_presence(const Channel& channel, std::string_view canonical);
  // Any other event without an id.
  void send_ephemeral(const Channel& channel, std::string_view canonical, const Address& exclude);
  // Has the way of the message that was just sent measured, of one in a millisecond; `since_ns`: when it was taken.
  void measure(const Channel& channel, uint64_t since_ns);

 private:
  void send(const Channel& channel, const Slice& canonical, const Slice* compressed, uint64_t id, uint8_t flags,
            const Address& exclude);

  Context& context_;
  BlockWriter ephemeral_{4096};
  BlockWriter compressed_{4096};
  std::string compressed_bytes_;
  int64_t next_measure_ns_ = 0;
};

}  // namespace ringcast::hub
