// SPDX-License-Identifier: Apache-2.0
#include "transport/encoder.h"

#include <gtest/gtest.h>

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "codec/native/event_json.h"
#include "codec/text/base64.h"
#include "codec/websocket/deflate.h"
#include "codec/websocket/websocket_decoder.h"
#include "compat/canonical.h"

namespace ringcast::session {
namespace {

using codec::WebSocketEventKind;
using hub::Derived;

hub::MessageView message_with(std::string_view payload, hub::PayloadKind kind = hub::PayloadKind::content) {
  return {.id = 17,
          .timestamp_us = 1'795'228'560'123'000,
          .key = "\ngeneral",
          .user = "Alice",
          .kind = kind,
          .payload = payload};
}

struct Frame {
  WebSocketEventKind kind;
  std::string payload;
  bool compressed;
  friend bool operator==(const Frame&, const Frame&) = default;
};

// What a client's decoder makes of the bytes.
std::vector<Frame> decode(std::string bytes) {
  codec::WebSocketDecoder decoder(
      {.role = codec::WebSocketRole::client, .deflate = true, .message_max = 1 << 20, .inflated_max = 1 << 20});
  std::span<uint8_t> input(reinterpret_cast<uint8_t*>(bytes.data()), bytes.size());
  std::vector<Frame> frames;
  for (;;) {
    const codec::WebSocketEvent event = decoder.next(input);
    if (event.kind == WebSocketEventKind::need_more) return frames;
    frames.push_back({event.kind, std::string(event.payload.begin(), event.payload.end()), event.compressed});
    if (event.kind == WebSocketEventKind::error) return frames;
  }
}

std::string derived(Encoder& encoder, WireForm wire, std::string_view canonical, uint64_t id) {
  std::string out = "before";
  const Derived derived = encoder.derive(form_id(wire), canonical, id, out);
  EXPECT_EQ(derived.frames, 1u);
  if (derived.kind == Derived::Kind::part) {
    EXPECT_EQ(out, "before");
    return std::string(canonical.substr(derived.offset, derived.length));
  }
  EXPECT_EQ(derived.kind, Derived::Kind::written);
  EXPECT_EQ(derived.length, out.size() - 6);
  return out.substr(6);
}

std::string json_of(const Encoder& encoder, std::string_view canonical) {
  std::string scratch;
  return std::string(encoder.json(canonical, scratch));
}

TEST(Forms, IdsAreTheTableRows) {
  for (size_t i = 0; i < kFormCount; ++i) {
    EXPECT_EQ(form_id(kFormTable[i].wire, kFormTable[i].dialect), i);
  }
}

TEST(Encoder, CanonicalIsATextFrameWithTheJson) {
  Encoder encoder;
  std::string out;
  encoder.canonical(message_with("\"Hello\""), out);
  constexpr std::string_view kJson =
      R"({"id":17,"event_type":"message","room":"general","user":"Alice","content":"Hello","timestamp":"2026-11-21T02:36:00.123Z"})";
  EXPECT_EQ(decode(out), (std::vector<Frame>{{WebSocketEventKind::text, std::string(kJson), false}}));
  EXPECT_EQ(json_of(encoder, out), kJson);
  EXPECT_EQ(read_canonical(out).event, "message");
}

TEST(Encoder, InboxMessagesAreDirectUnlessNamed) {
  Encoder encoder;
  hub::MessageView message = message_with("1", hub::PayloadKind::data);
  message.key = "acme\n@bob";
  std::string out;
  encoder.canonical(message, out);
  EXPECT_EQ(read_canonical(out).event, "direct");
  EXPECT_NE(json_of(encoder, out).find("\"room\":\"@bob\""), std::string_view::npos);
  EXPECT_NE(json_of(encoder, out).find("\"data\":1"), std::string_view::npos);
  message.event = "order.changed";
  out.clear();
  encoder.canonical(message, out);
  EXPECT_EQ(read_canonical(out).event, "order.changed");
}

TEST(Encoder, BinaryIsAnAdjacentPair) {
  Encoder encoder;
  const std::string payload("\x00\x01\xff", 3);
  std::string out;
  encoder.canonical(message_with(payload, hub::PayloadKind::binary), out);
  const std::vector<Frame> frames = decode(out);
  ASSERT_EQ(frames.size(), 2u);
  EXPECT_EQ(frames[0].payload, R"({"event_type":"binary","id":17,"room":"general","user":"Alice","bytes":3})");
  EXPECT_EQ(frames[1], (Frame{WebSocketEventKind::binary, payload, false}));

  const std::string raw = derived(encoder, WireForm::websocket_raw, out, 17);
  EXPECT_EQ(decode(raw), (std::vector<Frame>{{WebSocketEventKind::binary, payload, false}}));
  EXPECT_EQ(derived(encoder, WireForm::websocket, out, 17), out);
}

TEST(Encoder, BinaryAsTextIsWhatWireWrites) {
  Encoder encoder;
  const std::string payload = "any bytes";
  std::string out;
  encoder.canonical(message_with(payload, hub::PayloadKind::binary), out);
  std::string base64;
  codec::append_base64(base64, std::span(reinterpret_cast<const uint8_t*>(payload.data()), payload.size()));
  std::string expected;
  codec::append_binary_data_event(expected, 17, "general", "Alice", payload.size(), base64);
  EXPECT_EQ(derived(encoder, WireForm::poll, out, 17), expected);
  EXPECT_EQ(json_of(encoder, out), expected) << "lists of messages";
  EXPECT_EQ(derived(encoder, WireForm::sse_plain, out, 17), "id: 17\nevent: binary\ndata: " + expected + "\n\n");
}

TEST(Encoder, SseCarriesIdTypeAndJson) {
  Encoder encoder;
  std::string out;
  encoder.canonical(message_with("\"Hi\""), out);
  const std::string json = json_of(encoder, out);
  const std::string event = "id: 17\nevent: message\ndata: " + json + "\n\n";
  EXPECT_EQ(derived(encoder, WireForm::sse_plain, out, 17), event);
  char header[16];
  snprintf(header, sizeof header, "%zx\r\n", event.size());
  EXPECT_EQ(derived(encoder, WireForm::sse, out, 17), header + event + "\r\n");
  EXPECT_EQ(derived(encoder, WireForm::sse_multi_plain, out, 17), "event: message\ndata: " + json + "\n");
  EXPECT_EQ(derived(encoder, WireForm::poll, out, 17), json);
}

TEST(Encoder, EphemeralEventsHaveNoId) {
  Encoder encoder;
  hub::MessageView typing = message_with("", hub::PayloadKind::none);
  typing.id = 0;
  typing.event = "typing";
  std::string out;
  encoder.canonical(typing, out);
  EXPECT_EQ(json_of(encoder, out), R"({"event_type":"typing","room":"general","user":"Alice"})");
  EXPECT_EQ(derived(encoder, WireForm::sse_plain, out, 0),
            "event: typing\ndata: {\"event_type\":\"typing\",\"room\":\"general\",\"user\":\"Alice\"}\n\n");

  using Kind = hub::PresenceView::Kind;
  const std::pair<Kind, std::string_view> kinds[] = {
      {Kind::member_joined, "member_joined"}, {Kind::member_left, "member_left"}, {Kind::status, "status"}};
  for (const auto& [kind, name] : kinds) {
    out.clear();
    encoder.presence({.kind = kind, .key = "\ngeneral", .user = "Alice", .status = hub::Status::away, .members = 3},
                     out);
    const Canonical presence = read_canonical(out);
    EXPECT_EQ(presence.event, name);
    EXPECT_NE(presence.json.find("\"room\":\"general\""), std::string_view::npos);
    EXPECT_NE(presence.json.find("\"user\":\"Alice\""), std::string_view::npos);
  }
}

TEST(Encoder, CompressesFromTheLimitOn) {
  Encoder encoder({.deflate_from = 1024});
  std::string small, out;
  encoder.canonical(message_with("\"" + std::string(100, 'a') + "\""), small);
  EXPECT_FALSE(encoder.compressed(small, out));
  EXPECT_TRUE(out.empty());

  std::string large;
  encoder.canonical(message_with("\"" + std::string(4000, 'a') + "\""), large);
  ASSERT_TRUE(encoder.compressed(large, out));
  EXPECT_LT(out.size(), large.size() / 4);
  EXPECT_EQ(decode(out), (std::vector<Frame>{{WebSocketEventKind::text, json_of(encoder, large), true}}));

  Encoder off({.deflate = false});
  out.clear();
  EXPECT_FALSE(off.compressed(large, out));
}

TEST(Encoder, CompressesTheBinaryFrameOfAPair) {
  Encoder encoder;
  const std::string payload(5000, '\x07');
  std::string pair, out;
  encoder.canonical(message_with(payload, hub::PayloadKind::binary), pair);
  ASSERT_TRUE(encoder.compressed(pair, out));
  const std::vector<Frame> frames = decode(out);
  ASSERT_EQ(frames.size(), 2u);
  EXPECT_FALSE(frames[0].compressed);
  EXPECT_EQ(frames[1], (Frame{WebSocketEventKind::binary, payload, true}));
}

TEST(Encoder, KeepsWhatDoesNotShrink) {
  Encoder encoder;
  std::string payload;
  uint32_t x = 12345;
  for (int i = 0; i < 3000; ++i) payload += static_cast<char>((x = x * 1664525 + 1013904223) >> 24);
  std::string pair, out = "kept";
  encoder.canonical(message_with(payload, hub::PayloadKind::binary), pair);
  EXPECT_FALSE(encoder.compressed(pair, out));
  EXPECT_EQ(out, "kept");
}

TEST(Encoder, OnlyTheDeflateFormTakesCompressed) {
  const Encoder encoder;
  for (size_t i = 0; i < kFormCount; ++i) {
    const WireForm wire = kFormTable[i].wire;
    EXPECT_EQ(encoder.takes_compressed(static_cast<hub::FormId>(i)), wire == WireForm::websocket_deflate);
    EXPECT_EQ(encoder.wants_entries(static_cast<hub::FormId>(i)), has_entries(wire));
  }
}

}  // namespace
}  // namespace ringcast::session
