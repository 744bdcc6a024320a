// SPDX-License-Identifier: Apache-2.0
// What clients are sent when a join or a publish fails. Constant; any thread.
#pragma once

#include "base/error.h"
#include "hub/types.h"

namespace ringcast::session {

inline constexpr std::string_view kBrokerUnavailable = "broker_unavailable";

inline const Error& unavailable_error() {
  static const Error kError{std::string(kBrokerUnavailable), "the broker cannot be reached now; try again"};
  return kError;
}

// Of an error other than none and already_joined.
inline const Error& error_of(hub::JoinError error) {
  static const Error kFull{"channels_full", "there are as many channels as there may be"};
  return error == hub::JoinError::unavailable ? unavailable_error() : kFull;
}

// nullptr: none.
inline const Error* error_of(hub::PublishError error) {
  static const Error kDraining{"draining", "this server is about to stop; nothing was published"};
  static const Error kFull{"channels_full", "there are as many channels as there may be"};
  static const Error kUnavailable{std::string(kBrokerUnavailable),
                                  "the broker cannot be reached now, and nothing was published; try again"};
  static const Error kUnknown{"outcome_unknown",
                              "the broker was lost before it answered: whether this was published is not known; with "
                              "an idempotency_key it can be repeated safely"};
  switch (error) {
    case hub::PublishError::none: return nullptr;
    case hub::PublishError::draining: return &kDraining;
    case hub::PublishError::channels_full: return &kFull;
    case hub::PublishError::unavailable: return &kUnavailable;
    case hub::PublishError::unknown: return &kUnknown;
  }
  return nullptr;
}

}  // namespace ringcast::session
