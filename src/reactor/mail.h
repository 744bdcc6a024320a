// SPDX-License-Identifier: Apache-2.0
// One slot of a mailbox: what a core sends another. Fixed size, trivially copyable; the meaning of the fields is the
// hub's (hub/protocol.h). `block` is one counted reference that travels with the mail: whoever takes the mail out owns
// it.
#pragma once

#include <cstdint>
#include <type_traits>

namespace ringcast {
class Block;
}

namespace ringcast::reactor {

struct Mail {
  uint8_t kind = 0;
  uint8_t flags = 0;
  uint16_t from = 0;       // the member that sent it; set by Mailboxes::send
  uint32_t channel = 0;    // a channel's index at the core named by the kind
  Block* block = nullptr;  // payload or frame
  uint32_t offset = 0;
  uint32_t length = 0;
  uint64_t id = 0;          // a message id or position
  uint32_t connection = 0;  // slot and generation of a connection, usually of the core that asked
  uint32_t generation = 0;
  uint32_t membership = 0;
  uint32_t number = 0;  // join number, channel generation or epoch: what makes a late mail recognisable
  uint64_t value = 0;
  uint64_t extra = 0;
};
static_assert(sizeof(Mail) == 64 && std::is_trivially_copyable_v<Mail>);

}  // namespace ringcast::reactor
