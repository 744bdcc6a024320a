// SPDX-License-Identifier: Apache-2.0
// What of Socket.IO needs no server: the names of sessions, and how events of others are serialized.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <vector>

#include "client/engine_io_mail.h"
#include "codec/websocket/websocket_frame.h"
#include "lone_core.h"
#include "transport/encoder.h"
#include "transport/engine_io/socket_io_spelling.h"

namespace ringcast::session {
namespace {

TEST(EngineIoSid, NamesASession) {
  EngineIoSid sid{.core = 3, .index = 70000, .generation = 9};
  for (size_t i = 0; i < sid.secret.size(); ++i) sid.secret[i] = static_cast<uint8_t>(200 + i);
  std::string text;
  append_engine_io_sid(text, sid);
  EXPECT_EQ(parse_engine_io_sid(text, 4), sid);
  EXPECT_EQ(parse_engine_io_sid(text, 3), std::nullopt) << "there is no such core";
  EXPECT_EQ(parse_engine_io_sid(text + "A", 4), std::nullopt);
  EXPECT_EQ(parse_engine_io_sid(text.substr(1), 4), std::nullopt);
  text[5] = '*';
  EXPECT_EQ(parse_engine_io_sid(text, 4), std::nullopt);
  EXPECT_EQ(parse_engine_io_sid("", 4), std::nullopt);
}

std::string spelled(const hub::MessageView& message, bool everyone = false) {
  Encoder encoder;
  std::string canonical;
  encoder.canonical(message, canonical);
  SocketIoSpelled out;
  if (!spell_socket_io(read_canonical(canonical), everyone, out)) return "-";
  return out.json + (out.binary ? "+" + std::string(out.attachment) : std::string());
}

hub::MessageView said(std::string_view event, hub::PayloadKind kind, std::string_view payload,
                      std::string_view connection = {}) {
  return {.id = 7,
          .timestamp_us = 1795228560123000,
          .key = "\nroom",
          .user = "alice",
          .event = event,
          .kind = kind,
          .payload = payload,
          .connection = connection};
}

using enum hub::PayloadKind;
constexpr std::string_view kTime = R"("timestamp":"2026-11-21T02:36:00.123Z")";

TEST(SocketIoSpelling, MessagesOfClients) {
  EXPECT_EQ(spelled(said({}, content, "\"hi\"", "c1"), true),
            R"(["message",{"userId":"c1","username":"alice","content":"hi",)" + std::string(kTime) + "}]");
  EXPECT_EQ(spelled(said({}, content, "\"hi\"", "c1")),
            R"(["room-message",{"userId":"c1","username":"alice","content":"hi",)" + std::string(kTime) + "}]");
  EXPECT_EQ(spelled(said("direct-message", data, "[1]", "c1")),
            R"(["direct-message",{"from":"c1","username":"alice","content":[1],)" + std::string(kTime) + "}]");
  hub::MessageView nobody = said({}, content, "\"hi\"", "c1");
  nobody.user = "anonymous";
  EXPECT_EQ(spelled(nobody, true), R"(["message",{"userId":"c1","content":"hi",)" + std::string(kTime) + "}]");
}

TEST(SocketIoSpelling, WhoComesAndGoes) {
  EXPECT_EQ(spelled(said("user-joined", data, "{}", "c1"), true),
            R"(["user-joined",{"userId":"c1","username":"alice",)" + std::string(kTime) + "}]");
  EXPECT_EQ(spelled(said("user-joined-room", data, "\"general\"", "c1")),
            R"(["user-joined-room",{"userId":"c1","username":"alice","room":"general"}])");
}

TEST(SocketIoSpelling, WhatServersPublish) {
  EXPECT_EQ(spelled(said("price", data, R"({"of":[1]})")), R"(["price",{"of":[1]}])");
  EXPECT_EQ(spelled(said("news", content, "\"text\"")), R"(["news","text"])");
  EXPECT_EQ(spelled(said({}, data, "[1]"), true), R"(["message",[1]])");
  // Nobody but a client of Socket.IO says who joins.
  EXPECT_EQ(spelled(said("user-joined", data, "{}")), R"(["user-joined",{}])");
}

TEST(SocketIoSpelling, BinaryIsAnAttachment) {
  EXPECT_EQ(spelled(said({}, binary, "\x01\x02"), true),
            "[\"message\",{\"username\":\"alice\",\"content\":{\"_placeholder\":true,\"num\":0}}]+\x01\x02");
}

TEST(SocketIoSpelling, PresenceIsNotShown) {
  EXPECT_EQ(spelled(said({}, none, {})), "-");
}

// --- many at once, on one core ---

constexpr std::string_view kUpgrade =
    "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

std::string masked(std::string_view text) {
  std::string frame;
  codec::append_masked_frame(frame, {.opcode = codec::WebSocketOpcode::text}, text, {1, 2, 3, 4});
  return frame;
}

class SocketIoCrowd : public testing::Test {
 protected:
  static LoneCore::Setup setup() {
    LoneCore::Setup setup;
    setup.connections_max = 4096;
    setup.socketio_path = "/socket.io/";
    setup.sessions.list_limit_max = 1000;
    return setup;
  }
  void connect(size_t count) {
    while (peers.size() < count) {
      peers.push_back(std::make_unique<Peer>(core));
      peers.back()->send(std::string(kUpgrade));
      peers.back()->send(masked("40"));
      ASSERT_NE(peers.back()->take().find("40{\"sid\""), std::string::npos);
    }
  }

  LoneCore core{setup()};
  std::vector<std::unique_ptr<Peer>> peers;
};

// Sessions that began together have their heartbeats together, in pieces.
TEST_F(SocketIoCrowd, HeartbeatsAreSentInTurns) {
  connect(2500);
  core.advance(core.gate().options().socketio.ping_interval - std::chrono::milliseconds(200));
  ASSERT_EQ(core.stats().heartbeats.get(), 0u);
  uint64_t most = 0;
  for (int tick = 0; tick < 50 && core.stats().heartbeats.get() < peers.size(); ++tick) {
    const uint64_t before = core.stats().heartbeats.get();
    core.advance(reactor::kTimerTick);
    most = std::max(most, core.stats().heartbeats.get() - before);
  }
  EXPECT_EQ(core.stats().heartbeats.get(), peers.size());
  EXPECT_EQ(most, 1024u);
}

// Each who joins is given the names of all: of many at once, a share in each tick.
TEST_F(SocketIoCrowd, ListsOfNamesAreMadeInTurns) {
  connect(200);
  std::vector<std::string> frames(peers.size(), masked(R"(42["join","n"])"));
  for (size_t i = 0; i < peers.size(); ++i) {
    core.backend().arrive(static_cast<int32_t>(i), {reinterpret_cast<uint8_t*>(frames[i].data()), frames[i].size()});
  }
  const auto given = [&] {
    return static_cast<size_t>(std::count_if(peers.begin(), peers.end(), [](const auto& peer) {
      return peer->socket().sent.find("online-users") != std::string::npos;
    }));
  };
  size_t most = 0;
  for (int tick = 0; tick < 50 && given() < peers.size(); ++tick) {
    const size_t before = given();
    core.tick();
    most = std::max(most, given() - before);
  }
  EXPECT_LE(most, 8192u / peers.size() + 1);
  EXPECT_EQ(given(), peers.size());
}

}  // namespace
}  // namespace ringcast::session
