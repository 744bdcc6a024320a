// SPDX-License-Identifier: Apache-2.0
// The hub's vocabulary: names, messages, joins, what sessions ask for and what they get. Plain values; views are
// valid during the call that passes them. No sockets, no wire forms.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/block.h"
#include "hub/name.h"
#include "reactor/connection.h"

namespace ringcast::hub {

using reactor::ConnectionId;

// A channel's name within its tenant: tenant + '\n' + name ('\n' is in neither). "general" of the unnamed tenant is
// "\ngeneral"; alice's inbox is "\n@alice", the broadcast "\n*".
inline constexpr char kTenantEnd = '\n';
std::string channel_key(std::string_view tenant, std::string_view name);
inline std::string_view name_of(std::string_view key) {
  return key.substr(key.find(kTenantEnd) + 1);
}
inline std::string_view tenant_of(std::string_view key) {
  return key.substr(0, key.find(kTenantEnd));
}
inline bool is_inbox(std::string_view name) {
  return !name.empty() && name[0] == '@';
}
inline bool is_broadcast(std::string_view name) {
  return name == "*";
}

// What a broker calls revoked tokens: the one with this id, or those of the user with this inbox.
inline std::string revocation_of_id(std::string_view id) {
  return std::string("i").append(id);
}
inline std::string revocation_of_user(std::string_view tenant, std::string_view user) {
  return std::string("u").append(channel_key(tenant, user));
}

// A connection anywhere in the process.
struct Address {
  uint16_t core = UINT16_MAX;
  ConnectionId connection;
  bool valid() const { return core != UINT16_MAX; }
  friend bool operator==(const Address&, const Address&) = default;
};

// A user's presence status, as shown.
enum class Status : uint8_t { online, away, busy };

// Who is shown in a room, of some servers of a cluster (broker.h).
struct Attendee {
  std::string_view user;
  bool shown = false;        // false: not any more
  uint32_t connections = 0;  // 0 in the grace time
  Status status = Status::online;
};
// How many are in a channel, of some servers of a cluster.
struct Counts {
  uint32_t live = 0;         // members that get messages
  uint32_t anonymous = 0;    // of them, those that are shown without a name
  uint32_t connections = 0;  // silent ones too
  bool present = false;      // a room has members; an inbox's user is online
  friend bool operator==(const Counts&, const Counts&) = default;
};

// How a connection wants its frames; numbered by the Encoder. At most 32.
using FormId = uint8_t;
inline constexpr FormId kForms = 32;
enum class PayloadKind : uint8_t {
  content,  // `payload` is a JSON string literal
  data,     // `payload` is any JSON value on one line
  binary,   // `payload` is raw bytes
  none,     // ephemeral events without a payload (typing)
};

struct Publish {
  std::string_view key;         // channel_key()
  std::string_view user;        // who is shown as the author; empty: none
  std::string_view connection;  // the publishing connection's public name, if the message is to say it
  std::string_view event;       // event type; empty: "message" ("direct" for inboxes is the caller's choice)
  PayloadKind kind = PayloadKind::content;
  std::string_view payload;
  std::string_view idempotency_key;  // empty: none; scoped to (channel, user)
  Address exclude;                   // this connection does not get it live
  std::string_view exclude_name{};   // nor one of another server that goes by this name. Only with a broker
  bool ephemeral = false;            // no id, no history
  bool local = false;                // ephemeral: not for other servers
  bool final = false;                // takes the subscribers out afterwards
  bool always = false;               // taken while draining too: its sender stops by itself
  // Where the outcome goes (Sink::published); invalid: it is not reported.
  ConnectionId from;
  bool acknowledge = false;
  uint64_t correlation = 0;  // given back in Published
};
enum class PublishResult : uint8_t {
  accepted,   // the owner core has or will have it; its outcome comes as Sink::published where asked for
  no_credit,  // nothing was done: stop reading this publisher; Sink::credit_available() follows
};
enum class PublishError : uint8_t {
  none,
  draining,
  channels_full,
  unavailable,  // the broker cannot be reached: nothing was published
  unknown,      // the broker was lost before it answered: it may have been published
};
struct Published {
  uint64_t correlation = 0;
  PublishError error = PublishError::none;
  uint64_t id = 0;         // 0 for ephemeral
  uint32_t receivers = 0;  // members counted at the owner core in the step that gave the id
  bool duplicate = false;  // the idempotency key was known: `id` is the first message's
};

struct Join {
  ConnectionId connection;
  std::string_view key;
  Name name = {};  // the key, where the caller keeps it anyway: then the channel shares it
  bool has_cursor = false;
  uint64_t cursor = 0;       // with has_cursor: replay what came after it
  bool replays = true;       // false: it may not have history, and learns only whether it has missed something
  std::string_view user;     // shown in presence; empty: anonymous, an entry of its own for each connection
  bool silent = false;       // counts (directory, inbox of SSE and poll users) but receives nothing
  uint64_t correlation = 0;  // given back in Joined
};
enum class JoinError : uint8_t { none, channels_full, already_joined, unavailable };
struct Joined {
  uint64_t correlation = 0;
  JoinError error = JoinError::none;
  std::string_view key;
  uint64_t id = 0;        // the position from which what follows goes on
  uint32_t members = 0;   // including this one
  uint64_t replayed = 0;  // how many history holds after `id`
  bool recovered = true;  // no gap
  bool reset = false;     // the cursor was ahead of the channel
  uint64_t newest = 0;    // the channel's position
  bool ended = false;     // the newest message was final and lies at or before the cursor
  bool keeps_history = true;
};

enum class LeftReason : uint8_t { asked, final, kicked, closed, disconnected };
// As clients, hooks and the log see it; clients are not there for the last one.
constexpr std::string_view text_of(LeftReason reason) {
  constexpr std::string_view kTexts[] = {"left", "final", "kicked", "closed", "disconnected"};
  return kTexts[static_cast<size_t>(reason)];
}

// A run of whole frames of one wire form.
struct RunPiece {
  Slice slice;
  uint32_t frames = 0;
  uint64_t first_id = 0;  // ids within a piece are contiguous; 0: ephemeral
};
// One message in canonical form, for connections that need them singly (cursor lines, polls).
struct RunEntry {
  Slice canonical;
  uint64_t id = 0;  // 0: ephemeral
};
struct Delivery {
  uint32_t channel = 0;  // local channel; Hub::channel_key_of() has the name
  FormId form = 0;
  std::span<const RunPiece> pieces;   // empty for forms that want entries
  std::span<const RunEntry> entries;  // only for forms that want entries
  std::span<const uint32_t> members;  // connection slots
};

// Questions that may concern other cores; the answer comes as Sink::answered.
enum class QueryKind : uint8_t {
  members,      // key → rows {name: user, a: status, b: connections}; numbers: count
  history,      // key, after (0: from the oldest), limit → rows {a: id, text: the message's JSON}; oldest, newest
  rooms,        // after_name, limit → rows {name, a: members, b: newest id, c: messages kept}
  busiest,      // limit → rows {name, a: members} of the rooms with the most; count: rooms that have any
  users,        // after_name, limit → rows {name, a: status, b: connections} of those online
  user,         // key (inbox) → rows {name, a: status, b: connections} or none
  connections,  // user/room filter by key (may be empty), after_name, limit → rows {name: "core.slot.gen", text: user,
                // a: slot, b: generation, c: core}; those of another server {name: behind all of this one, text, id}
  purge,               // key: drop history; found: whether the channel existed
  close_room,          // key: everybody is taken out (LeftReason::closed), history dropped
  disconnect_user,     // key (inbox): every connection of the user is kicked; a: how many
  disconnect,          // address: that connection is kicked; a: 0 or 1
  remove_member,       // key (room), user: taken out of the room (LeftReason::kicked); a: how many connections
  send_to_connection,  // address, payload: canonical bytes for one connection; a: 0 or 1. after: milliseconds to wait
                       // for its acknowledgement (0: none is asked for) → no rows where none came, else rows {text: its
                       // arguments, a JSON array} and {text: bytes} for each attachment
  revoke,  // key: revocation_of_id() or revocation_of_user(), after: until this second; found: all servers have it
};
struct Query {
  QueryKind kind;
  std::string_view key;
  std::string_view user;
  std::string_view tenant;  // of rooms, busiest, users, connections
  std::string_view after_name;
  uint64_t after = 0;
  uint32_t limit = 100;
  Address address;
  std::string_view payload;
  // disconnect, send_to_connection: the name of a connection of another server, in place of `address`. Only with a
  // broker.
  std::string_view connection;
  ConnectionId from;  // whom Sink::answered is for
  uint64_t correlation = 0;
};
// Where the answer to a question belongs that was not answered at once.
struct Asker {
  uint16_t core = 0;
  uint64_t gather = 0;
};
struct Row {
  std::string name;
  std::string text;
  uint64_t a = 0, b = 0, c = 0;
  std::string id{};  // connections: what another server calls it; empty: one of this server
};
struct Answer {
  QueryKind kind;
  uint64_t correlation = 0;
  bool found = false;
  bool more = false;         // rows were cut at the limit
  bool unavailable = false;  // the broker cannot be reached, and nothing is known of the channel
  uint32_t silent = 0;       // other servers that did not answer in time
  uint64_t oldest = 0, newest = 0, count = 0;
  std::vector<Row> rows;  // sorted by name (history: by id; busiest: by members, the most first)
};

}  // namespace ringcast::hub
