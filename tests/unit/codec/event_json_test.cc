// SPDX-License-Identifier: Apache-2.0
#include "codec/native/event_json.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "codec/json/json_writer.h"
#include "json_check.h"

namespace ringcast::codec {
namespace {

constexpr int64_t kTime = 1795228560123456;

std::string made(const std::function<void(std::string&)>& append) {
  std::string out = "kept";
  append(out);
  EXPECT_EQ(out.substr(0, 4), "kept");
  out.erase(0, 4);
  expect_one_line_json(out);
  return out;
}

TEST(EventJson, AMessageIsAsInTheProtocol) {
  EXPECT_EQ(made([](std::string& out) {
              const PayloadSpan payload = append_message_event(
                  out, {17, "message", "general", "Alice", PayloadKind::content, R"("Hello")", kTime});
              EXPECT_EQ(out.substr(payload.offset, payload.size), R"("Hello")");
            }),
            R"({"id":17,"event_type":"message","room":"general","user":"Alice","content":"Hello",)"
            R"("timestamp":"2026-11-21T02:36:00.123Z"})");
  EXPECT_EQ(made([](std::string& out) {
              const PayloadSpan payload =
                  append_message_event(out, {0, "news", "", "", PayloadKind::data, R"({"a":[1]})", kTime});
              EXPECT_EQ(out.substr(payload.offset, payload.size), R"({"a":[1]})");
            }),
            R"({"event_type":"news","data":{"a":[1]},"timestamp":"2026-11-21T02:36:00.123Z"})");
}

TEST(EventJson, Binary) {
  EXPECT_EQ(made([](std::string& out) { append_binary_event(out, 9, "files", "bob", 5); }),
            R"({"event_type":"binary","id":9,"room":"files","user":"bob","bytes":5})");
  EXPECT_EQ(made([](std::string& out) {
              const PayloadSpan payload = append_binary_data_event(out, 9, "files", "bob", 5, "aGVsbG8=");
              EXPECT_EQ(out.substr(payload.offset, payload.size), R"("aGVsbG8=")");
            }),
            R"({"event_type":"binary","id":9,"room":"files","user":"bob","bytes":5,"data":"aGVsbG8="})");
}

TEST(EventJson, TheFirstEventCarriesTheCursor) {
  const std::vector<ChannelPosition> positions = {{"*", 1}, {"@alice", 2}, {"say \"hi\"", 3}};
  EXPECT_EQ(made([&](std::string& out) { append_connection_id_event(out, "1-2", "alice", positions, 25000); }),
            R"({"event_type":"connection_id","connection_id":"1-2","user":"alice",)"
            R"("positions":{"*":1,"@alice":2,"say \"hi\"":3},"heartbeat_interval_ms":25000})");
  EXPECT_EQ(made([](std::string& out) { append_connection_id_event(out, "1-2", "alice", "17", 25000); }),
            R"({"event_type":"connection_id","connection_id":"1-2","user":"alice","cursor":"17",)"
            R"("heartbeat_interval_ms":25000})");
}

TEST(EventJson, AnswersToActions) {
  EXPECT_EQ(made([](std::string& out) {
              append_joined_event(out, {"general", 17, 3, 2, true, R"("r")"});
            }),
            R"({"event_type":"joined","room":"general","id":17,"members":3,"replayed":2,"recovered":true,"ref":"r"})");
  EXPECT_EQ(made([](std::string& out) { append_left_event(out, "general", "final", ""); }),
            R"({"event_type":"left","room":"general","reason":"final"})");
  EXPECT_EQ(made([](std::string& out) { append_left_event(out, "general", "", "7"); }),
            R"({"event_type":"left","room":"general","ref":7})");
  EXPECT_EQ(
      made([](std::string& out) {
        append_ack_event(out, {17, "general", 3, true, "k", "7"});
      }),
      R"({"event_type":"ack","id":17,"room":"general","receivers":3,"duplicate":true,"idempotency_key":"k","ref":7})");
  EXPECT_EQ(made([](std::string& out) { append_ack_event(out, {}); }), R"({"event_type":"ack"})");
  EXPECT_EQ(made([](std::string& out) { append_pong_event(out, kTime, "1"); }),
            R"({"event_type":"pong","timestamp":"2026-11-21T02:36:00.123Z","ref":1})");
}

TEST(EventJson, PresenceAndNotices) {
  EXPECT_EQ(made([](std::string& out) { append_member_joined_event(out, "general", "bob", "away", 4); }),
            R"({"event_type":"member_joined","room":"general","user":"bob","status":"away","members":4})");
  EXPECT_EQ(made([](std::string& out) { append_member_left_event(out, "general", "bob", 3); }),
            R"({"event_type":"member_left","room":"general","user":"bob","members":3})");
  EXPECT_EQ(made([](std::string& out) { append_typing_event(out, "general", "bob"); }),
            R"({"event_type":"typing","room":"general","user":"bob"})");
  EXPECT_EQ(made([](std::string& out) { append_status_event(out, "general", "bob", "busy"); }),
            R"({"event_type":"status","room":"general","user":"bob","status":"busy"})");
  EXPECT_EQ(made([](std::string& out) { append_gap_event(out, "general", 5, true); }),
            R"({"event_type":"gap","room":"general","oldest":5,"reset":true})");
  EXPECT_EQ(made([](std::string& out) { append_lagged_event(out, "general", 3, 5, 7); }),
            R"({"event_type":"lagged","room":"general","missed":3,"from":5,"to":7})");
  EXPECT_EQ(made([](std::string& out) { append_reconnect_event(out, 1500); }),
            R"({"event_type":"reconnect","after_ms":1500})");
  EXPECT_EQ(made([](std::string& out) { append_token_expiring_event(out, 60000); }),
            R"({"event_type":"token_expiring","expires_in_ms":60000})");
  EXPECT_EQ(made([](std::string& out) { append_error_event(out, ErrorEvent::error, "bad_room", "no", R"("r")"); }),
            R"({"event_type":"error","code":"bad_room","message":"no","ref":"r"})");
  EXPECT_EQ(made([](std::string& out) { append_error_event(out, ErrorEvent::problem, "full", "later", ""); }),
            R"({"event_type":"problem","code":"full","message":"later"})");
  EXPECT_EQ(made([](std::string& out) { append_close_event(out, 4011, "closed"); }),
            R"({"event_type":"close","code":4011,"reason":"closed"})");
  EXPECT_EQ(made([](std::string& out) { append_heartbeat(out, "periodic", kTime); }),
            R"({"type":"periodic","timestamp":1795228560123})");
}

TEST(EventJson, HostileTextStaysInsideItsMember) {
  const std::string text = hostile_text();
  std::string content;
  append_json_string(content, text);
  const std::vector<ChannelPosition> positions = {{text, 1}};
  const std::function<void(std::string&)> events[] = {
      [&](std::string& out) {
        append_message_event(out, {1, text, text, text, PayloadKind::content, content, kTime});
      },
      [&](std::string& out) { append_binary_event(out, 1, text, text, 1); },
      [&](std::string& out) { append_binary_data_event(out, 1, text, text, 1, text); },
      [&](std::string& out) { append_connection_id_event(out, text, text, positions, 1); },
      [&](std::string& out) { append_connection_id_event(out, text, text, text, 1); },
      [&](std::string& out) {
        append_joined_event(out, {text, 1, 1, 1, true, content});
      },
      [&](std::string& out) { append_left_event(out, text, text, content); },
      [&](std::string& out) {
        append_ack_event(out, {1, text, 1, true, text, content});
      },
      [&](std::string& out) { append_member_joined_event(out, text, text, text, 1); },
      [&](std::string& out) { append_member_left_event(out, text, text, 1); },
      [&](std::string& out) { append_typing_event(out, text, text); },
      [&](std::string& out) { append_status_event(out, text, text, text); },
      [&](std::string& out) { append_pong_event(out, kTime, content); },
      [&](std::string& out) { append_gap_event(out, text, 1, false); },
      [&](std::string& out) { append_lagged_event(out, text, 1, 1, 1); },
      [&](std::string& out) { append_error_event(out, ErrorEvent::error, text, text, content); },
      [&](std::string& out) { append_close_event(out, 1001, text); },
      [&](std::string& out) { append_heartbeat(out, text, kTime); },
  };
  for (const auto& event : events) {
    const std::string json = made(event);
    const bool is_heartbeat = json.starts_with(R"({"type")");
    EXPECT_NE(member(json, is_heartbeat ? "/type" : "/event_type"), "(none)") << json;
  }
}

}  // namespace
}  // namespace ringcast::codec
