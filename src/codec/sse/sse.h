// SPDX-License-Identifier: Apache-2.0
// Server-Sent Events (WHATWG HTML section 9.2), the server's half: events, comments and `retry:`, bare for HTTP/1.0 or
// each as an HTTP/1.1 chunk (RFC 9112 section 7.1) whose header lies in the same bytes, so that they can be shared.
// Pure functions appending to a string that the caller reuses; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ringcast::codec {

enum class SseFraming : uint8_t {
  chunked,  // HTTP/1.1
  bare,     // HTTP/1.0, until close
};

// One event, complete. `id` and `event` may be empty and are then left out (no `event:` line means "message" to a
// client). Data with line ends in it becomes several `data:` lines; id and event must have none (asserted).
void append_sse_event(std::string& out, SseFraming framing, std::string_view id, std::string_view event,
                      std::string_view data);
// The same with a message id in decimal: a stream over one channel.
void append_sse_event(std::string& out, SseFraming framing, uint64_t id, std::string_view event, std::string_view data);

// For a stream over several channels: what every member shares, without the end of the event …
void append_sse_event_head(std::string& out, SseFraming framing, std::string_view event, std::string_view data);
// … and each connection's own cursor line with the blank line that ends the event.
void append_sse_event_cursor(std::string& out, SseFraming framing, std::string_view cursor);
// Whether `bytes`, of which the first frame is looked at, is that.
bool is_sse_event_cursor(SseFraming framing, std::string_view bytes);

// ": heartbeat" and a blank line.
void append_sse_comment(std::string& out, SseFraming framing, std::string_view text);
void append_sse_retry(std::string& out, SseFraming framing, uint64_t retry_ms);
// What ends the response: the last chunk, or nothing where the connection's end says so.
void append_sse_end(std::string& out, SseFraming framing);

}  // namespace ringcast::codec
