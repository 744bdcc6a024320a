// SPDX-License-Identifier: Apache-2.0
// A message's canonical bytes, taken apart: what history keeps and cores share is a WebSocket text frame with the JSON,
// for a binary message followed by its binary frame. Every other form is made from these.
// Pure functions over borrowed bytes; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ringcast::session {

struct Canonical {
  std::string_view json;
  std::string_view event;  // its event_type
  bool is_binary = false;
  std::string_view binary;       // the payload of the second frame
  uint32_t binary_frame_at = 0;  // where the second frame begins
};

// `bytes` are one whole message as Encoder::canonical wrote it.
Canonical read_canonical(std::string_view bytes);

// The value of "event_type" in a JSON event of ours: the first key, or the second after "id".
std::string_view event_type_of(std::string_view json);

// The JSON as SSE and poll members get it: the message's own, for a binary one with "data":"<base64>" added. Returns
// either a view of the canonical bytes or one of `scratch`.
std::string_view textual_json(const Canonical& message, std::string& scratch);

}  // namespace ringcast::session
