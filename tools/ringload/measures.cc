// SPDX-License-Identifier: Apache-2.0
#include "measures.h"

namespace ringcast::ringload {

std::string_view to_string(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::no_socket: return "no_socket";
    case ErrorKind::connect_failed: return "connect_failed";
    case ErrorKind::connect_timeout: return "connect_timeout";
    case ErrorKind::refused: return "refused";
    case ErrorKind::bad_answer: return "bad_answer";
    case ErrorKind::closed_by_server: return "closed_by_server";
    case ErrorKind::reset_by_server: return "reset_by_server";
    case ErrorKind::answer_timeout: return "answer_timeout";
    case ErrorKind::server_error: return "server_error";
    case ErrorKind::count_: break;
  }
  return "unknown";
}

void Measures::merge(const Measures& other) {
  latency.merge(other.latency);
  uncorrected.merge(other.uncorrected);
  connect.merge(other.connect);
  ready.merge(other.ready);
  lag.merge(other.lag);
  end_to_end.merge(other.end_to_end);
  sequence.add(other.sequence);
  slow.add(other.slow);
  if (of_role.empty()) {
    of_role = other.of_role;
  } else {
    for (size_t i = 0; i < of_role.size(); ++i) of_role[i].merge(other.of_role[i]);
  }
  renewed += other.renewed;
  resumed += other.resumed;
  slow_closed += other.slow_closed;
  gaps += other.gaps;
  for (size_t i = 0; i < kErrorKinds; ++i) {
    if (examples[i].empty()) examples[i] = other.examples[i];
  }
}

}  // namespace ringcast::ringload
