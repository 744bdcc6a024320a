// SPDX-License-Identifier: Apache-2.0
// Spells native events in a dialect and frames them for a wire form. Owned by who frames (an Encoder, a session), one
// core's: its strings are reused, so that nothing is allocated per event once they have grown.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "codec/sse/sse.h"
#include "compat/dialect.h"
#include "compat/form.h"
#include "hub/encoder.h"

namespace ringcast::session {

class Spelling {
 public:
  // An event of ours as native JSON. Null: this dialect does not show it. Valid until the next call.
  const Spelled* spell(Dialect dialect, std::string_view type, std::string_view json, bool replayed = false);
  const Spelled* heartbeat(Dialect dialect, const HeartbeatEvent& heartbeat);

  // A message in canonical form, as Encoder::derive is to give it for a form that is not native.
  hub::Derived derive(Form form, std::string_view canonical, uint64_t id, bool replayed, std::string& out);
  // An event of the session's own; false when it is not shown.
  bool append_sse(Dialect dialect, codec::SseFraming framing, std::string_view type, std::string_view json,
                  std::string& out);

 private:
  Spelled spelled_;
  std::string name_;
  std::string payload_;
};

}  // namespace ringcast::session
