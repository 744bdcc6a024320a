// SPDX-License-Identifier: Apache-2.0
// Server-Sent Events, the client's half (WHATWG HTML section 9.2.5 and 9.2.6), for the load generator and for tests.
// One parser per stream, owned by its connection's thread; fed with the response body after transfer decoding.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ringcast::codec {

struct SseEvent {
  std::string_view type;  // "message" when the stream named none
  std::string_view data;  // lines joined by '\n'
  std::string_view last_event_id;
};

class SseParser {
 public:
  enum class Status : uint8_t {
    need_more,  // the input is used up
    event,      // event() holds until the next call
    too_large,  // an event or a line above the limit; the parser stays in this state
  };

  explicit SseParser(size_t event_bytes_max = size_t{1} << 20) : event_bytes_max_(event_bytes_max) {}

  // Takes bytes off the front of `input`, up to the end of one event.
  Status next(std::string_view& input);
  const SseEvent& event() const { return event_; }

  // What a reconnect sends as Last-Event-ID; empty when none was received.
  std::string_view last_event_id() const { return last_event_id_; }
  // The newest `retry:`.
  std::optional<uint64_t> retry_ms() const { return retry_ms_; }
  uint64_t comments() const { return comments_; }

  // A new response of the same stream: drops the event begun, keeps the last event id and `retry`.
  void reconnect();

 private:
  // True when the line ended an event.
  bool take_line(std::string_view line);
  void take_field(std::string_view name, std::string_view value);

  SseEvent event_;
  std::string line_;  // the beginning of a line whose end has not arrived
  std::string data_;  // each line with a '\n' after it
  std::string type_;
  std::string id_;  // set at once, published with the event
  std::string last_event_id_;
  std::optional<uint64_t> retry_ms_;
  uint64_t comments_ = 0;
  size_t event_bytes_max_;
  bool at_start_ = true;   // a byte order mark may still come
  bool after_cr_ = false;  // a '\n' now belongs to the line end before
  bool has_dispatched_ = false;
  bool too_large_ = false;
};

}  // namespace ringcast::codec
