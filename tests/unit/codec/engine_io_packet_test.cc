// SPDX-License-Identifier: Apache-2.0
#include "codec/engine_io/engine_io_packet.h"

#include <gtest/gtest.h>

#include <optional>
#include <vector>

namespace ringcast::codec {
namespace {

struct Read {
  EngineIoType type;
  bool binary;
  std::string data;
  bool operator==(const Read&) const = default;
};

std::optional<std::vector<Read>> read_all(std::string_view payload) {
  EngineIoPayloadReader reader(payload);
  std::vector<Read> packets;
  EngineIoPacket packet;
  for (;;) {
    switch (reader.next(packet)) {
      case EngineIoPayloadReader::Status::end: return packets;
      case EngineIoPayloadReader::Status::bad: return std::nullopt;
      case EngineIoPayloadReader::Status::packet:
        packets.push_back({packet.type, packet.binary, std::string(packet.data)});
    }
  }
}

using enum EngineIoType;

// The examples of the Engine.IO protocol, revision 4.
TEST(EngineIoPacket, TakesTheProtocolsPayloadsApart) {
  EXPECT_EQ(read_all("4hello\x1e"
                     "2\x1e"
                     "4world"),
            (std::vector<Read>{{message, false, "hello"}, {ping, false, ""}, {message, false, "world"}}));
  EXPECT_EQ(read_all("4hello\x1e"
                     "bAQIDBA=="),
            (std::vector<Read>{{message, false, "hello"}, {message, true, "\x01\x02\x03\x04"}}));
}

TEST(EngineIoPacket, TakesEachType) {
  for (const auto& [text, type] : {std::pair{"0{}", open},
                                   {"1", close},
                                   {"2probe", ping},
                                   {"3probe", pong},
                                   {"4", message},
                                   {"5", upgrade},
                                   {"6", noop}}) {
    EngineIoPacket packet;
    ASSERT_TRUE(parse_engine_io_text(text, packet)) << text;
    EXPECT_EQ(packet.type, type);
    EXPECT_EQ(packet.data, std::string_view(text).substr(1));
    EXPECT_FALSE(packet.binary);
  }
}

TEST(EngineIoPacket, RefusesWhatIsNone) {
  for (const std::string_view payload : {"", "abc", "7", "x4hello", "4hello\x1e",
                                         "\x1e"
                                         "4hello",
                                         "4a\x1e\x1e"
                                         "4b",
                                         "bAQID=", "b*",
                                         "4a\x1e"
                                         "bA"}) {
    EXPECT_EQ(read_all(payload), std::nullopt) << payload;
  }
}

TEST(EngineIoPacket, WritesWhatItReads) {
  std::string payload;
  append_engine_io_text(payload, message, "hello");
  payload += kEngineIoSeparator;
  append_engine_io_binary(payload, std::string_view("\x00\xff\x1e", 3));
  EXPECT_EQ(payload,
            "4hello\x1e"
            "bAP8e");
  EXPECT_EQ(read_all(payload),
            (std::vector<Read>{{message, false, "hello"}, {message, true, std::string("\x00\xff\x1e", 3)}}));
}

TEST(EngineIoPacket, SaysWhatIsNotReadYet) {
  EngineIoPayloadReader reader(
      "4a\x1e"
      "4b\x1e"
      "4c");
  EngineIoPacket packet;
  ASSERT_EQ(reader.next(packet), EngineIoPayloadReader::Status::packet);
  EXPECT_EQ(reader.rest(),
            "4b\x1e"
            "4c");
  ASSERT_EQ(reader.next(packet), EngineIoPayloadReader::Status::packet);
  ASSERT_EQ(reader.next(packet), EngineIoPayloadReader::Status::packet);
  EXPECT_EQ(reader.rest(), "");
}

TEST(EngineIoPacket, OpensWithTheProtocolsKeys) {
  std::string text;
  append_engine_io_opening(text, {.sid = "lv_VI97HAXpY6yYWAAAC",
                                  .websocket_upgrade = true,
                                  .ping_interval_ms = 25000,
                                  .ping_timeout_ms = 20000,
                                  .payload_max = 1000000});
  EXPECT_EQ(text, R"({"sid":"lv_VI97HAXpY6yYWAAAC","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,)"
                  R"("maxPayload":1000000})");
  text.clear();
  append_engine_io_opening(text, {.sid = "a"});
  EXPECT_NE(text.find(R"("upgrades":[],)"), std::string::npos);
}

}  // namespace
}  // namespace ringcast::codec
