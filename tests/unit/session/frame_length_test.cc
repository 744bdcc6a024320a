// SPDX-License-Identifier: Apache-2.0
#include "transport/frame_length.h"

#include <gtest/gtest.h>

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "codec/sse/sse.h"
#include "codec/websocket/websocket_frame.h"
#include "transport/encoder.h"

namespace ringcast::session {
namespace {

std::span<const uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

// Lengths of the frames that a run falls into.
std::vector<uint32_t> split(std::string_view run, reactor::FrameLength frame_length) {
  std::vector<uint32_t> lengths;
  while (!run.empty()) {
    const uint32_t length = frame_length(bytes_of(run));
    EXPECT_GT(length, 0u);
    EXPECT_LE(length, run.size());
    lengths.push_back(length);
    run.remove_prefix(std::min<size_t>(length, run.size()));
  }
  return lengths;
}

// A run of messages of all header sizes, one of them binary, in a form; the sizes as they were appended.
std::string run_of(WireForm wire, std::vector<uint32_t>& lengths) {
  Encoder encoder;
  std::string run;
  uint64_t id = 1;
  for (const size_t size : {10u, 100u, 125u, 1000u, 65000u, 70000u}) {
    for (const auto kind : {hub::PayloadKind::content, hub::PayloadKind::binary}) {
      const std::string payload =
          kind == hub::PayloadKind::content ? "\"" + std::string(size, 'x') + "\"" : std::string(size, '\0');
      std::string canonical, out;
      encoder.canonical({.id = id, .key = "\nroom", .user = "u", .kind = kind, .payload = payload}, canonical);
      const hub::Derived derived = encoder.derive(form_id(wire), canonical, id, out);
      if (derived.kind == hub::Derived::Kind::part) out = canonical.substr(derived.offset, derived.length);
      lengths.push_back(static_cast<uint32_t>(out.size()));
      run += out;
      ++id;
    }
  }
  return run;
}

class FrameLengthOf : public ::testing::TestWithParam<WireForm> {};

TEST_P(FrameLengthOf, FindsEveryBoundary) {
  std::vector<uint32_t> lengths;
  const std::string run = run_of(GetParam(), lengths);
  EXPECT_EQ(split(run, frame_length_of(GetParam())), lengths);
}

// The multi forms are left out: their events end with a connection's own cursor line, see below.
INSTANTIATE_TEST_SUITE_P(Forms, FrameLengthOf,
                         ::testing::Values(WireForm::websocket, WireForm::websocket_raw, WireForm::sse,
                                           WireForm::sse_plain));

TEST(FrameLength, CompressedPairsStayTogether) {
  Encoder encoder;
  std::string canonical, run;
  std::vector<uint32_t> lengths;
  for (uint64_t id = 1; id <= 3; ++id) {
    canonical.clear();
    const size_t begin = run.size();
    encoder.canonical({.id = id, .key = "\nroom", .kind = hub::PayloadKind::binary, .payload = std::string(3000, 'b')},
                      canonical);
    ASSERT_TRUE(encoder.compressed(canonical, run));
    lengths.push_back(static_cast<uint32_t>(run.size() - begin));
  }
  EXPECT_EQ(split(run, websocket_frame_length), lengths);
}

TEST(FrameLength, ControlFramesBetweenMessages) {
  std::string run;
  codec::append_frame(run, {.opcode = codec::WebSocketOpcode::ping}, "");
  codec::append_frame(run, {.opcode = codec::WebSocketOpcode::text}, "abc");
  codec::append_close_frame(run, 1001, "going away");
  EXPECT_EQ(split(run, websocket_frame_length), (std::vector<uint32_t>{2, 5, 14}));
}

TEST(FrameLength, MultiStreamsEndEventsWithTheCursor) {
  for (const auto framing : {codec::SseFraming::bare, codec::SseFraming::chunked}) {
    std::string head, run;
    codec::append_sse_event_head(head, framing, "message", "{}");
    run = head;
    codec::append_sse_event_cursor(run, framing, "abc.1.2");
    if (framing == codec::SseFraming::bare) {
      EXPECT_EQ(sse_event_length(bytes_of(run)), run.size());
      EXPECT_EQ(sse_event_length(bytes_of(head)), head.size());  // in a segment of its own
    } else {
      EXPECT_EQ(split(run, sse_chunk_length), (std::vector<uint32_t>{static_cast<uint32_t>(head.size()),
                                                                     static_cast<uint32_t>(run.size() - head.size())}));
    }
  }
}

}  // namespace
}  // namespace ringcast::session
