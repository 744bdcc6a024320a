// SPDX-License-Identifier: Apache-2.0
// What cores and the bridge send each other: kinds of mail beside the hub's own, from hub::kBrokerMail on. Payloads are
// written and read with hub::RecordWriter and RecordReader.
#pragma once

#include <cstdint>

#include "hub/broker.h"

namespace ringcast::cluster {

enum class Kind : uint8_t {
  // core → bridge
  open = hub::kBrokerMail,  // payload: key; id: the number of this opening
  close,                    // payload: key
  order,     // payload: key, idempotency key, user, record. number: the publisher's core; connection/generation, value:
             // correlation, extra: receivers; flags: kAcknowledge
  announce,  // payload: key, record
  command,   // payload: key, user. flags: a Command
  // bridge → core; extra: the number of the opening that it belongs to
  reset,   // payload: key. id: the position; value: members have missed what lies before this id; 0: there are none
  apply,   // payload: key, record. id, value: time in µs; flags: kKept
  opened,  // payload: key. flags: kReady
  event,   // payload: key, record
  // both ways: command; and who is in a channel. To a core it is what other nodes have, extra as above
  attend,   // payload: key, user. id: connections; value: Status; flags: kPresent, shown
  count,    // payload: key. id: live << 32 | anonymous; value: connections; flags: kPresent
  cleared,  // to the bridge alone. payload: key
  state,    // payload: key of an inbox. value: Status
  ask,      // core → bridge. payload: a query (hub/question_mail.h). value: the gather. Answered by hub::Kind::answer
};

// The scripts of scripts.h, in the order in which a connection loads them.
enum class Script : uint8_t { publish, sync, purge, attend, lease, clean, state, revoke };
inline constexpr uint32_t kScripts = 8;

// As it is spelled between nodes.
enum class Command : uint8_t { purge = 'p', close = 'c', disconnect = 'd', remove = 'r', state = 's' };

namespace flag {
inline constexpr uint8_t kAcknowledge = 1;  // order: the publisher waits for the outcome
inline constexpr uint8_t kKept = 1;         // apply: for the history alone
inline constexpr uint8_t kPresent = 1;      // attend, count
inline constexpr uint8_t kReady = 1;        // opened: else the history is unavailable
}  // namespace flag

}  // namespace ringcast::cluster
