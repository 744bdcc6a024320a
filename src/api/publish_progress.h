// SPDX-License-Identifier: Apache-2.0
// How far a POST /messages has got: every target of every item is one unit; units are published in order and their
// outcomes collected. Part of a request's RequestState while it is outstanding; that connection's core only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "client/hooks.h"
#include "hub/types.h"

namespace ringcast::session {

// What a client has answered; no arguments: nothing, in time.
struct Acknowledgement {
  std::string arguments;  // a JSON array
  std::vector<std::string> attachments;
};

struct PublishOutcome {
  hub::PublishError error = hub::PublishError::none;
  bool has_id = true;
  bool duplicate = false;
  uint64_t id = 0;
  uint32_t receivers = 0;
  std::unique_ptr<Acknowledgement> acknowledgement = nullptr;  // was asked for
  std::unique_ptr<Error> refusal = nullptr;                    // by hooks
  bool passing = false;                                        // that refusal
};

// The request itself stays in the parser's body and is parsed again when publishing goes on after a wait for credit:
// that is rare, and copying every request aside would not be.
struct PublishProgress {
  std::vector<PublishOutcome> outcomes;  // one per unit
  size_t next = 0;                       // the first unit that has not been handed over
  size_t outstanding = 0;                // handed over and not yet answered
  bool single = false;                   // one item with one target: the answer is its outcome
  std::string author;                    // of items that name nobody; empty: a server, unnamed
  bool detached = false;                 // the answer does not wait for the outcomes
  bool forced = false;                   // a user's token: publishes as nobody else
  bool asking = false;                   // a unit for one connection is on its way: nothing goes on before its answer
  bool asks_hooks = false;               // it does not come from a server
  uint64_t ticket = 0;                   // of the question about the next unit; 0: none is open
  std::optional<HookDecision> decision;  // the answer; stays until that unit is published
};

}  // namespace ringcast::session
