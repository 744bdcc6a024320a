// SPDX-License-Identifier: Apache-2.0
// What a message is in Redis: everything but its id and its time, which the script adds and each node writes in front.
// The first byte is the version of the form, so that nodes of two releases can run side by side. What others have
// written there must do no harm: reading checks every length. Values; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "hub/encoder.h"
#include "hub/types.h"

namespace ringcast::cluster {

struct Record {
  bool final = false;
  uint64_t node = 0;     // the run of the node that it came from: `exclude` is one of its connections
  hub::Address exclude;  // does not get it live
  // Nor does the connection that goes by this name, on whichever node: 32 hexadecimal digits. In the form its bytes
  // take the place of `node` and `exclude`, so that a release that does not know it goes on without.
  std::string exclude_name{};
  hub::PayloadKind kind = hub::PayloadKind::content;
  std::string_view user, connection, event, payload;
};

Record record_of(const hub::MessageView& message, const hub::Address& exclude, bool final, uint64_t node,
                 std::string_view exclude_name = {});
void append_record(std::string& out, const Record& record);
// False: not a record of a version that is known here. Views are of `bytes`.
bool read_record(std::string_view bytes, Record& out);

// In front of what is published on a channel: "m BASE ID TIME " before a record with a place, "e " before an event
// without one, "x COMMAND NODE " before the user that a command is about; "p " before a change of who is in the channel
// (scripts.h).
struct PushHead {
  enum class Kind : uint8_t { message, event, command, change } kind = Kind::message;
  char command = 0;
  uint64_t node = 0;  // of a command
  uint64_t base = 0, id = 0, time_us = 0;
};
bool read_push(std::string_view bytes, PushHead& head, std::string_view& record);
std::string command_push(char command, uint64_t node, std::string_view user);

}  // namespace ringcast::cluster
