// SPDX-License-Identifier: Apache-2.0
#include "hooks/body.h"

#include <gtest/gtest.h>

namespace ringcast::hooks {
namespace {

std::string json_of(const Call& call) {
  std::string out;
  append_event(out, call, "id-1");
  return out;
}

TEST(Body, SaysWhatThereIs) {
  Call call;
  call.event = Event::leave;
  call.time_us = 1'700'000'000'123'000;
  call.connection = "c1";
  call.user = "al\"ice";
  call.tenant = "acme";
  call.transport = "websocket";
  call.address = "127.0.0.1";
  call.room = "chat/1";
  call.reason = "asked";
  EXPECT_EQ(json_of(call),
            R"({"id":"id-1","event":"leave","time":"2023-11-14T22:13:20.123Z","connection":"c1","user":"al\"ice",)"
            R"("tenant":"acme","transport":"websocket","address":"127.0.0.1","room":"chat/1","reason":"asked"})");
}

TEST(Body, LeavesOutWhatIsEmpty) {
  Call call;
  call.event = Event::vacated;
  call.room = "r";
  EXPECT_EQ(json_of(call), R"({"id":"id-1","event":"vacated","time":"1970-01-01T00:00:00.000Z","room":"r"})");
}

TEST(Body, CarriesWhatASocketIoClientEmits) {
  Call call;
  call.event = Event::event;
  call.connection = "c1";
  call.emitted = std::make_unique<Emitted>();
  *call.emitted = {.nsp = "/admin",
                   .name = "buy",
                   .arguments = R"([7,{"_placeholder":true,"num":0}])",
                   .attachments = {std::string("\0\xff\x07", 3)},
                   .rooms = {"lobby", "red"},
                   .acknowledge = true};
  EXPECT_EQ(json_of(call),
            R"({"id":"id-1","event":"event","time":"1970-01-01T00:00:00.000Z","connection":"c1","namespace":"/admin",)"
            R"("name":"buy","arguments":[7,{"_placeholder":true,"num":0}],"attachments":["AP8H"],)"
            R"("rooms":["lobby","red"],"acknowledge":true})");
  *call.emitted = {.nsp = "/", .name = "x", .arguments = "[]"};
  EXPECT_NE(json_of(call).find(R"("arguments":[],"rooms":[],"acknowledge":false})"), std::string::npos);
}

TEST(Body, CarriesTheMessageOfAPublish) {
  Call call;
  call.event = Event::publish;
  call.message = {"", Message::Kind::content, R"("hé")"};
  EXPECT_NE(json_of(call).find(R"("message":{"event":"message","content":"hé"}})"), std::string::npos);
  call.message = {"order", Message::Kind::data, R"({"a":[1]})"};
  EXPECT_NE(json_of(call).find(R"("message":{"event":"order","data":{"a":[1]}}})"), std::string::npos);
  call.message = {"", Message::Kind::binary, std::string("\x00\xff", 2)};
  EXPECT_NE(json_of(call).find(R"("message":{"event":"message","binary":"AP8="}})"), std::string::npos);
  call.message = {"", Message::Kind::none, ""};
  EXPECT_NE(json_of(call).find(R"("message":{"event":"message"}})"), std::string::npos);
}

}  // namespace
}  // namespace ringcast::hooks
