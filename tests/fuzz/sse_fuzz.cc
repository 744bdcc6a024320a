// SPDX-License-Identifier: Apache-2.0
// The bytes are an event stream: the parser must give the same events for the whole and for pieces. Each event is then
// written by the server's encoder, as one and as two chunks, and must be read back as it was.
#include <charconv>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "codec/sse/sse.h"
#include "codec/sse/sse_parser.h"

namespace {

using namespace ringcast::codec;

constexpr size_t kEventBytesMax = 1024;

void require(bool condition) {
  if (!condition) std::abort();
}

struct Received {
  std::string type, data, id;
  bool operator==(const Received&) const = default;
};

struct Outcome {
  std::vector<Received> events;
  std::string last_id;
  bool too_large = false;
  bool operator==(const Outcome&) const = default;
};

Outcome parse(std::string_view stream, size_t step, size_t event_bytes_max) {
  SseParser parser(event_bytes_max);
  Outcome outcome;
  while (!stream.empty() && !outcome.too_large) {
    std::string_view input = stream.substr(0, step);
    stream.remove_prefix(input.size());
    for (auto status = parser.next(input); status != SseParser::Status::need_more; status = parser.next(input)) {
      outcome.too_large = status == SseParser::Status::too_large;
      if (outcome.too_large) break;
      const SseEvent& event = parser.event();
      require(event.data.size() <= event_bytes_max && !event.type.empty());
      outcome.events.push_back({std::string(event.type), std::string(event.data), std::string(event.last_event_id)});
    }
    require(outcome.too_large || input.empty());
  }
  outcome.last_id = parser.last_event_id();
  return outcome;
}

std::string without_chunks(std::string_view body) {
  std::string text;
  while (!body.empty()) {
    size_t size = 0;
    const auto [end, error] = std::from_chars(body.data(), body.data() + body.size(), size, 16);
    body.remove_prefix(static_cast<size_t>(end - body.data()));
    require(error == std::errc{} && body.size() >= size + 4);
    require(body.starts_with("\r\n") && body.substr(2 + size, 2) == "\r\n");
    text += body.substr(2, size);
    body.remove_prefix(size + 4);
  }
  return text;
}

void check_round_trip(const Received& event) {
  std::string bare, chunked, halves;
  append_sse_event(bare, SseFraming::bare, event.id, event.type, event.data);
  append_sse_event(chunked, SseFraming::chunked, event.id, event.type, event.data);
  append_sse_event_head(halves, SseFraming::chunked, event.type, event.data);
  append_sse_event_cursor(halves, SseFraming::chunked, event.id);
  require(without_chunks(chunked) == bare);
  for (const std::string& stream : {bare, without_chunks(halves)}) {
    const Outcome outcome = parse(stream, SIZE_MAX, SIZE_MAX / 2);
    require(outcome.events.size() == 1 && outcome.events[0] == event);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const size_t step = data[0] % 32 + 1;
  const std::string_view stream(reinterpret_cast<const char*>(data + 1), size - 1);
  const Outcome whole = parse(stream, SIZE_MAX, kEventBytesMax);
  const Outcome pieces = parse(stream, step, kEventBytesMax);
  require(whole == pieces);
  for (const Received& event : whole.events) check_round_trip(event);

  // Any bytes as data: nothing in them ends the event, and only line ends are changed, to '\n'.
  std::string text, expected;
  append_sse_event(text, SseFraming::bare, 7, "x", stream);
  for (size_t i = 0; i < stream.size(); ++i) {
    if (stream[i] == '\r' && i + 1 < stream.size() && stream[i + 1] == '\n') continue;
    expected += stream[i] == '\r' ? '\n' : stream[i];
  }
  const Outcome outcome = parse(text, SIZE_MAX, SIZE_MAX / 2);
  require(outcome.events == std::vector<Received>{{"x", expected, "7"}});
  return 0;
}
