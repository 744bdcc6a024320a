// SPDX-License-Identifier: Apache-2.0
#include "codec/sse/sse.h"

#include <gtest/gtest.h>

#include <charconv>
#include <ostream>
#include <random>
#include <string>
#include <vector>

#include "codec/json/json_writer.h"
#include "codec/native/event_json.h"
#include "codec/sse/sse_parser.h"
#include "json_check.h"

namespace ringcast::codec {
namespace {

constexpr SseFraming kBare = SseFraming::bare;
constexpr SseFraming kChunked = SseFraming::chunked;

// The body of a chunked message, chunk by chunk; nothing when the framing is wrong.
std::vector<std::string> chunks(std::string_view body) {
  std::vector<std::string> result;
  while (!body.empty()) {
    size_t size = 0;
    const auto [end, error] = std::from_chars(body.data(), body.data() + body.size(), size, 16);
    body.remove_prefix(static_cast<size_t>(end - body.data()));
    if (error != std::errc{} || body.size() < size + 4 || !body.starts_with("\r\n")) return {};
    result.emplace_back(body.substr(2, size));
    if (body.substr(2 + size, 2) != "\r\n") return {};
    body.remove_prefix(size + 4);
  }
  return result;
}

struct Received {
  std::string type, data, id;
  bool operator==(const Received&) const = default;
  friend void PrintTo(const Received& event, std::ostream* out) {
    *out << event.id << '|' << event.type << '|' << event.data;
  }
};

std::vector<Received> received(std::string_view stream, size_t step = SIZE_MAX) {
  SseParser parser;
  std::vector<Received> events;
  for (size_t at = 0; at < stream.size(); at += std::min(step, stream.size() - at)) {
    std::string_view input = stream.substr(at, step);
    while (parser.next(input) == SseParser::Status::event) {
      events.push_back({std::string(parser.event().type), std::string(parser.event().data),
                        std::string(parser.event().last_event_id)});
    }
    EXPECT_TRUE(input.empty());
  }
  return events;
}

TEST(Sse, EventsBareAndChunked) {
  std::string bare, chunked;
  append_sse_event(bare, kBare, 17, "message", R"({"id":17})");
  EXPECT_EQ(bare, "id: 17\nevent: message\ndata: {\"id\":17}\n\n");
  append_sse_event(chunked, kChunked, 17, "message", R"({"id":17})");
  EXPECT_EQ(chunked, "27\r\n" + bare + "\r\n");

  bare.clear();
  append_sse_event(bare, kBare, std::string_view(), "", "x");
  EXPECT_EQ(bare, "data: x\n\n");
}

TEST(Sse, AStreamOverSeveralRoomsIsTwoChunks) {
  std::string out;
  append_sse_event_head(out, kChunked, "message", "{}");
  append_sse_event_cursor(out, kChunked, "1a2b3c4d.0.z");
  const auto parts = chunks(out);
  ASSERT_EQ(parts.size(), 2u);
  EXPECT_EQ(parts[0], "event: message\ndata: {}\n");
  EXPECT_EQ(parts[1], "id: 1a2b3c4d.0.z\n\n");
  EXPECT_EQ(received(parts[0] + parts[1]), (std::vector<Received>{{"message", "{}", "1a2b3c4d.0.z"}}));
}

TEST(Sse, CommentsRetryAndTheEnd) {
  std::string out;
  append_sse_comment(out, kBare, "heartbeat");
  append_sse_retry(out, kBare, 3000);
  append_sse_end(out, kBare);
  EXPECT_EQ(out, ": heartbeat\n\nretry: 3000\n\n");
  out.clear();
  append_sse_comment(out, kChunked, "heartbeat");
  append_sse_retry(out, kChunked, 3000);
  append_sse_end(out, kChunked);
  const auto parts = chunks(out);
  EXPECT_EQ(parts, (std::vector<std::string>{": heartbeat\n\n", "retry: 3000\n\n", ""}));
}

TEST(Sse, LineEndsInDataBecomeLines) {
  std::string out;
  append_sse_event(out, kBare, 1, "e", "a\nb\r\nc\rd\n");
  EXPECT_EQ(out, "id: 1\nevent: e\ndata: a\ndata: b\ndata: c\ndata: d\ndata: \n\n");
  EXPECT_EQ(received(out), (std::vector<Received>{{"e", "a\nb\nc\nd\n", "1"}}));
}

TEST(Sse, NothingAClientSentEndsAField) {
  std::string content, json, out;
  append_json_string(content, hostile_text());
  append_message_event(json, {1, "message", hostile_text(), hostile_text(), PayloadKind::content, content, 0});
  append_sse_event(out, kBare, 1, "message", json);
  append_sse_event(out, kBare, 2, "message", hostile_text());
  const auto events = received(out);
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0], (Received{"message", json, "1"}));
  EXPECT_EQ(events[1].id, "2");
  EXPECT_EQ(events[1].type, "message");
}

TEST(SseDeathTest, LineEndsInIdOrEventAreABug) {
  std::string out;
  EXPECT_DEATH(append_sse_event(out, kBare, 1, "a\nb", "x"), "assertion");
  EXPECT_DEATH(append_sse_event(out, kBare, std::string_view("1\r"), "a", "x"), "assertion");
  EXPECT_DEATH(append_sse_event_cursor(out, kBare, "1\n2"), "assertion");
  EXPECT_DEATH(append_sse_comment(out, kBare, "a\nb"), "assertion");
}

struct Stream {
  const char* name;
  std::string text;
  std::vector<Received> events;
};

// The WHATWG section's own examples among them.
const std::vector<Stream>& streams() {
  static const std::vector<Stream> all = {
      {"one line", "data: This is the first message.\n\n", {{"message", "This is the first message.", ""}}},
      {"two lines", "data: a\ndata: b\n\n", {{"message", "a\nb", ""}}},
      {"named",
       "event: add\ndata: 73857293\n\nevent: remove\ndata: 2153\n\n",
       {{"add", "73857293", ""}, {"remove", "2153", ""}}},
      {"comment, id, id cleared, one leading blank",
       ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
       {{"message", "first event", "1"}, {"message", "second event", ""}, {"message", " third event", ""}}},
      {"empty data lines; the incomplete end is dropped",
       "data\n\ndata\ndata\n\ndata:",
       {{"message", "", ""}, {"message", "\n", ""}}},
      {"blank after the colon", "data:test\n\ndata: test\n\n", {{"message", "test", ""}, {"message", "test", ""}}},
      {"CR", "id: 1\rdata: a\r\rdata: b\r\r", {{"message", "a", "1"}, {"message", "b", "1"}}},
      {"CR LF", "id: 1\r\ndata: a\r\n\r\ndata: b\r\n\r\n", {{"message", "a", "1"}, {"message", "b", "1"}}},
      {"mixed", "data: a\r\ndata: b\rdata: c\n\r\n", {{"message", "a\nb\nc", ""}}},
      {"byte order mark",
       "\xEF\xBB\xBF"
       "data: a\n\n\xEF\xBB\xBF"
       "data: b\n\n",
       {{"message", "a", ""}}},
      {"NUL in id",
       std::string("id: 1\ndata: a\n\nid: 2\0\ndata: b\n\n", 31),
       {{"message", "a", "1"}, {"message", "b", "1"}}},
      {"unknown fields", "foo: bar\n data: x\nDATA: y\ndata: z\n\n", {{"message", "z", ""}}},
      {"type without data is forgotten", "event: x\n\ndata: a\n\n", {{"message", "a", ""}}},
      {"empty type", "event: x\nevent:\ndata: a\n\n", {{"message", "a", ""}}},
      {"an id without data counts for the next", "id: 7\n\ndata: a\n\n", {{"message", "a", "7"}}},
      {"colons in the value", "data: a:b: c\n\n", {{"message", "a:b: c", ""}}},
  };
  return all;
}

TEST(SseParser, FollowsTheStandardHoweverTheBytesArrive) {
  for (const Stream& stream : streams()) {
    for (size_t step = 1; step < 12; ++step)
      EXPECT_EQ(received(stream.text, step), stream.events) << stream.name << step;
    EXPECT_EQ(received(stream.text), stream.events) << stream.name;
  }
}

TEST(SseParser, RetryAndCommentsAndTheLastId) {
  SseParser parser;
  std::string_view input = ": one\nretry: 3000\n:\nretry: 5s\nretry:\nretry: -1\nid: 5\n";
  EXPECT_EQ(parser.next(input), SseParser::Status::need_more);
  EXPECT_EQ(parser.retry_ms(), 3000u);
  EXPECT_EQ(parser.comments(), 2u);
  EXPECT_EQ(parser.last_event_id(), "");  // counts from the blank line on
  input = "\n";
  EXPECT_EQ(parser.next(input), SseParser::Status::need_more);
  EXPECT_EQ(parser.last_event_id(), "5");
}

TEST(SseParser, AReconnectKeepsOnlyTheIdAndTheDelay) {
  SseParser parser;
  std::string_view input = "id: 5\nretry: 10\ndata: a\n\nid: 6\nevent: x\ndata: half\r";
  EXPECT_EQ(parser.next(input), SseParser::Status::event);
  EXPECT_EQ(parser.next(input), SseParser::Status::need_more);
  parser.reconnect();
  input = "\ndata: b\n\n";
  ASSERT_EQ(parser.next(input), SseParser::Status::event);
  EXPECT_EQ(parser.event().data, "b");
  EXPECT_EQ(parser.event().type, "message");
  EXPECT_EQ(parser.event().last_event_id, "5");
  EXPECT_EQ(parser.retry_ms(), 10u);
}

TEST(SseParser, EventsAreBounded) {
  for (const std::string& text : {"data: " + std::string(100, 'x'), std::string(101, ':'), [] {
                                    std::string lines;
                                    for (int i = 0; i < 20; ++i) lines += "data: xxxxxx\n";
                                    return lines;
                                  }()}) {
    for (const size_t step : {size_t{1}, size_t{7}, text.size()}) {
      SseParser parser(100);
      auto status = SseParser::Status::need_more;
      for (size_t at = 0; at < text.size() && status == SseParser::Status::need_more; at += step) {
        std::string_view input = std::string_view(text).substr(at, step);
        status = parser.next(input);
      }
      EXPECT_EQ(status, SseParser::Status::too_large);
      std::string_view more = "\n\ndata: a\n\n";
      EXPECT_EQ(parser.next(more), SseParser::Status::too_large);
    }
  }
}

TEST(SseParser, WhatTheServerWritesIsReadBack) {
  std::mt19937 random(5);
  std::string stream;
  std::vector<Received> sent;
  for (int i = 0; i < 300; ++i) {
    std::string data;
    for (size_t n = random() % 50; n > 0; --n) data += static_cast<char>(random() % 96 + 32);
    std::string id = std::to_string(random());
    append_sse_event(stream, kBare, id, "e" + std::to_string(i % 7), data);
    sent.push_back({"e" + std::to_string(i % 7), data, id});
    if (random() % 4 == 0) append_sse_comment(stream, kBare, "heartbeat");
    if (random() % 8 == 0) append_sse_retry(stream, kBare, random() % 5000);
  }
  EXPECT_EQ(received(stream), sent);
  EXPECT_EQ(received(stream, 1), sent);
  EXPECT_EQ(received(stream, 1 + random() % 64), sent);
}

}  // namespace
}  // namespace ringcast::codec
