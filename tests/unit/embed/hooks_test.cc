// SPDX-License-Identifier: Apache-2.0
// The host program's hooks: asked at once or later, from threads of its own.
#include <gtest/gtest.h>

#include <condition_variable>
#include <future>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "raw_client.h"
#include "ringcast/server.h"

namespace ringcast {
namespace {

Options two_reactors() {
  return {.config_file = {},
          .settings = {{"listen", "127.0.0.1"}, {"port", "0"}, {"reactors", "2"}, {"log_level", "error"}}};
}

// What hooks leave for the test's thread.
template <class T>
class Inbox {
 public:
  void put(T value) {
    const std::lock_guard lock(mutex_);
    values_.push_back(std::move(value));
    came_.notify_one();  // within the lock: who takes the last one may destroy this
  }
  // Throws after a minute.
  T take() {
    std::unique_lock lock(mutex_);
    if (!came_.wait_for(lock, std::chrono::minutes(1), [this] { return !values_.empty(); })) {
      throw std::runtime_error("nothing came");
    }
    T value = std::move(values_.front());
    values_.erase(values_.begin());
    return value;
  }

 private:
  std::mutex mutex_;
  std::condition_variable came_;
  std::vector<T> values_;
};

using ConnectQuestion = std::pair<ConnectRequest, ConnectAnswer>;
using PublishQuestion = std::pair<PublishRequest, PublishAnswer>;

struct Asked {
  Hooks hooks() {
    Hooks hooks;
    hooks.on_connect = [this](const ConnectRequest& request, ConnectAnswer answer) {
      connects.put({request, std::move(answer)});
    };
    return hooks;
  }
  Inbox<ConnectQuestion> connects;
};

TEST(EmbedConnect, AnsweredLaterFromAnotherThread) {
  Asked asked;
  Server server(two_reactors(), asked.hooks());
  server.start();
  RawClient client(server.urls().front());
  client.send("GET /events?rooms=lobby&ticket=7 HTTP/1.1\r\nHost: localhost\r\nX-Shop: blue\r\n\r\n");
  {
    auto [request, answer] = asked.connects.take();
    EXPECT_EQ(request.target, "/events?rooms=lobby&ticket=7");
    EXPECT_EQ(request.client.transport, "sse");
    EXPECT_EQ(request.client.address, "127.0.0.1");
    EXPECT_NE(std::find(request.headers.begin(), request.headers.end(),
                        std::pair<std::string, std::string>{"X-Shop", "blue"}),
              request.headers.end());
    answer.allow({.user = "alice", .tenant = {}, .rooms = {"vip"}});
  }
  client.read_until("connection_id");
  EXPECT_TRUE(server.is_online("alice").get());
  ASSERT_TRUE(server.send_to_room("vip", "news", "4711"));
  client.read_until("4711");
  ASSERT_TRUE(server.send_to_room("lobby", "news", "4712"));
  client.read_until("4712");
}

TEST(EmbedConnect, AnsweredAtOnce) {
  Hooks hooks;
  hooks.on_connect = [](const ConnectRequest& request, ConnectAnswer answer) {
    if (request.target.find("good") != std::string::npos)
      return answer.allow({.user = "bob", .tenant = {}, .rooms = {}});
    answer.deny("no_ticket", "a ticket is needed");
  };
  Server server(two_reactors(), hooks);
  server.start();
  RawClient good(server.urls().front());
  good.upgrade("/ws?ticket=good");
  good.read_until(R"("user":"bob")");
  RawClient socket(server.urls().front());
  socket.upgrade("/ws?ticket=bad");
  socket.read_until("no_ticket");
  socket.read_until("\x0f\xa3");  // 4003
  RawClient stream(server.urls().front());
  stream.get("/events?rooms=lobby");
  stream.read_until(" 403 ");
  stream.read_until("no_ticket");
}

TEST(EmbedConnect, DroppedQuestionsSayTryAgain) {
  Hooks hooks;
  std::vector<ConnectAnswer> kept;
  hooks.on_connect = [](const ConnectRequest&, ConnectAnswer) {};
  Server server(two_reactors(), hooks);
  server.start();
  RawClient client(server.urls().front());
  client.get("/poll?rooms=lobby");
  client.read_until(" 503 ");
}

TEST(EmbedConnect, DroppedLaterSaysTryAgainToo) {
  Asked asked;
  Server server(two_reactors(), asked.hooks());
  server.start();
  RawClient client(server.urls().front());
  client.get("/events?rooms=lobby");
  asked.connects.take();
  client.read_until(" 503 ");
}

TEST(EmbedConnect, GrantsAreChecked) {
  Hooks hooks;
  hooks.on_connect = [](const ConnectRequest&, ConnectAnswer answer) {
    answer.allow({.user = "a\nb", .tenant = {}, .rooms = {}});
  };
  Server server(two_reactors(), hooks);
  server.start();
  RawClient client(server.urls().front());
  client.get("/events?rooms=lobby");
  client.read_until("bad_user");
}

TEST(EmbedConnect, AnswersAfterTheServerAreIgnored) {
  Asked asked;
  std::optional<ConnectAnswer> late;
  {
    Server server(two_reactors(), asked.hooks());
    server.start();
    RawClient client(server.urls().front());
    client.get("/events?rooms=lobby");
    late = asked.connects.take().second;
  }
  late->allow();
}

struct PublishHooks : testing::Test {
  PublishHooks() { server.start(); }
  Hooks hooks() {
    Hooks made;
    made.on_publish = [this](const PublishRequest& request, PublishAnswer answer) {
      questions.put({request, std::move(answer)});
    };
    return made;
  }
  Inbox<PublishQuestion> questions;
  Server server{two_reactors(), hooks()};
};

TEST_F(PublishHooks, MessagesAreChangedRefusedAndKeptInOrder) {
  RawClient client(server.urls().front());
  client.upgrade("/ws?user=alice&room=lobby");
  client.read_until("connection_id");
  client.send_text(R"({"action":"message","room":"lobby","content":"first"})");
  client.send_text(R"({"action":"message","room":"lobby","content":"second"})");
  client.send_text(R"({"action":"message","room":"lobby","data":[3],"ref":3})");
  {
    auto [request, answer] = questions.take();
    EXPECT_EQ(request.client.user, "alice");
    EXPECT_EQ(request.room, "lobby");
    EXPECT_EQ(request.kind, PublishRequest::Kind::content);
    EXPECT_EQ(request.payload, R"("first")");
    answer.allow_content("changed");
  }
  const std::string before = client.read_until(R"("content":"changed")");
  EXPECT_EQ(before.find("second"), std::string::npos);
  questions.take().second.allow();
  client.read_until("second");
  {
    auto [request, answer] = questions.take();
    EXPECT_EQ(request.kind, PublishRequest::Kind::data);
    EXPECT_EQ(request.payload, "[3]");
    answer.deny("rude", "not here");
  }
  client.read_until("rude");
}

TEST_F(PublishHooks, ReplacementsAreChecked) {
  RawClient client(server.urls().front());
  client.upgrade("/ws?user=alice&room=lobby");
  client.read_until("connection_id");
  client.send_text(R"({"action":"message","room":"lobby","content":"x"})");
  questions.take().second.allow_data("1, 2");
  client.read_until(R"("error")");
  client.send_text(R"({"action":"message","room":"lobby","content":"x"})");
  questions.take().second.allow_data("[1, 2]");
  client.read_until(R"("data":[1,2])");
}

TEST_F(PublishHooks, TheHostsOwnMessagesAreNotAsked) {
  RawClient client(server.urls().front());
  client.upgrade("/ws?user=alice&room=lobby");
  client.read_until("connection_id");
  ASSERT_TRUE(server.send_to_room("lobby", "news", "99"));
  client.read_until("99");
}

// A client of Socket.IO over a WebSocket, connected to "/".
void connect_socket_io(RawClient& client) {
  client.upgrade("/socket.io/?EIO=4&transport=websocket");
  client.read_until("maxPayload");
  client.send_text("40");
  client.read_until("\"sid\"");
}

TEST(EmbedEmit, EventsAreAskedAndAcknowledged) {
  Inbox<std::pair<EmitRequest, EmitAnswer>> asked;
  Hooks hooks;
  hooks.on_emit = [&](const EmitRequest& request, EmitAnswer answer) {
    if (request.event == "at-once") return answer.accept({.acknowledgement = "[1, 2]", .join = {}, .leave = {}});
    if (request.event == "dropped") return;
    asked.put({request, std::move(answer)});
  };
  Server server(two_reactors(), hooks);
  server.start();
  RawClient client(server.urls().front());
  connect_socket_io(client);
  client.send_text(R"(421["at-once"])");
  client.read_until("431[1,2]");
  client.send_text(R"(422["dropped"])");
  client.read_until(R"("code":"undecided")");
  client.send_text(R"(423["later",{"a": 1}])");
  client.send_text(R"(424["next"])");
  {
    auto [request, answer] = asked.take();
    EXPECT_EQ(request.event, "later");
    EXPECT_EQ(request.arguments, R"([{"a":1}])");
    EXPECT_EQ(request.nsp, "/");
    EXPECT_EQ(request.rooms, std::vector<std::string>{"lobby"});
    EXPECT_EQ(request.client.transport, "socketio");
    EXPECT_TRUE(request.acknowledge);
    answer.accept({.acknowledgement = R"(["ok"])", .join = {"red"}, .leave = {}});
  }
  client.read_until(R"(433["ok"])");
  auto [request, answer] = asked.take();
  EXPECT_EQ(request.event, "next");
  answer.deny("rude", "be kind");
  client.read_until(R"(434[{"status":"error","code":"rude","message":"be kind"}])");
  // What the program gets wrong becomes a refusal that says so.
  for (const auto& [reply, code] :
       {std::pair(EmitReply{"{}", {}, {}}, "bad_acknowledgement"), std::pair(EmitReply{"[", {}, {}}, "bad_json"),
        std::pair(EmitReply{"", {"a,b"}, {}}, "bad_room")}) {
    client.send_text(R"(425["wrong"])");
    auto [wrong, wrong_answer] = asked.take();
    wrong_answer.accept(reply);
    client.read_until("\"code\":\"" + std::string(code));
  }
}

TEST(EmbedEmit, TheProgramAsksForAnAcknowledgement) {
  Inbox<std::string> names;
  Hooks hooks;
  hooks.on_emit = [&](const EmitRequest& request, EmitAnswer answer) {
    names.put(request.client.connection);
    answer.accept();
  };
  Server server(two_reactors(), hooks);
  server.start();
  RawClient client(server.urls().front());
  connect_socket_io(client);
  client.send_text(R"(42["who am I"])");
  const std::string id = names.take();
  Inbox<Acknowledgement> given;
  const auto ask = [&](std::string_view connection, int milliseconds) {
    return server.emit_with_ack(connection, "question", "7", std::chrono::milliseconds(milliseconds),
                                [&given](const Acknowledgement& acknowledgement) { given.put(acknowledgement); });
  };
  ASSERT_TRUE(ask(id, 60'000));
  client.read_until(R"(420["question",7])");
  client.send_text(R"(430[{"b": 2}])");
  Acknowledgement got = given.take();
  EXPECT_TRUE(got.sent && got.acknowledged);
  EXPECT_EQ(got.arguments, R"([{"b":2}])");
  ASSERT_TRUE(ask(id, 1));
  got = given.take();
  EXPECT_TRUE(got.sent && !got.acknowledged) << "nobody answers in time";
  ASSERT_TRUE(ask("nobody", 1000));
  got = given.take();
  EXPECT_FALSE(got.sent || got.acknowledged);
  ASSERT_TRUE(ask(id, 60'000));
  client.read_until(R"(422["question",7])");
  client.send_close();
  got = given.take();
  EXPECT_TRUE(got.sent && !got.acknowledged) << "the client has gone";
  EXPECT_EQ(ask(id, 0).status, PublishStatus::invalid);
  EXPECT_EQ(ask(id, 60'001).status, PublishStatus::invalid);
}

TEST(EmbedEvents, ComingsAndGoings) {
  Inbox<Event> events;
  Hooks hooks;
  hooks.on_event = [&](const Event& event) { events.put(event); };
  Server server(two_reactors(), hooks);
  server.start();
  const auto until = [&](Event::Kind kind, const std::string& room) {
    for (;;) {
      Event event = events.take();
      if (event.kind == kind && event.room == room) return event;
    }
  };
  {
    RawClient client(server.urls().front());
    client.get("/events?rooms=lobby&user=alice");
    client.read_until("connection_id");
    EXPECT_EQ(until(Event::Kind::joined, "lobby").client.user, "alice");
  }
  EXPECT_EQ(until(Event::Kind::left, "lobby").client.user, "alice");
  const Event gone = until(Event::Kind::disconnected, "");
  EXPECT_EQ(gone.client.transport, "sse");
  EXPECT_FALSE(gone.reason.empty());
}

}  // namespace
}  // namespace ringcast
