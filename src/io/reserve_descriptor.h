// SPDX-License-Identifier: Apache-2.0
// One descriptor kept back for the moment when all others are in use: a client that cannot be served is taken with it,
// answered and closed, instead of waiting in the backlog for ever. Owned by a backend; reactor thread only.
#pragma once

#include <string>

#include "io/unique_fd.h"

namespace ringcast::io {

class ReserveDescriptor {
 public:
  // `original` is duplicated; what it is does not matter (the wake eventfd: needs no file system).
  ReserveDescriptor(int original, std::string answer);

  enum class Outcome {
    refused,         // one client was answered and closed
    nobody_waiting,  // the backlog is empty
    failed,          // not even the reserve was to be had
  };
  // `listener` must be non-blocking.
  Outcome refuse_one(int listener);

 private:
  bool restore();

  int original_;
  std::string answer_;
  UniqueFd reserve_;
};

}  // namespace ringcast::io
