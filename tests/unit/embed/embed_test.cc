// SPDX-License-Identifier: Apache-2.0
// The public library as a host program sees it: only include/ringcast, with clients over real sockets.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "raw_client.h"
#include "ringcast/server.h"

namespace ringcast {
namespace {

Options quiet(std::vector<std::pair<std::string, std::string>> settings = {}) {
  settings.insert(settings.begin(),
                  {{"listen", "127.0.0.1"}, {"port", "0"}, {"reactors", "2"}, {"log_level", "error"}});
  return {.config_file = {}, .settings = std::move(settings)};
}

std::string error_of(Options options) {
  try {
    Server server(std::move(options));
    server.start();
  } catch (const StartError& error) {
    return error.what();
  }
  return "it started";
}

struct Embed : testing::Test {
  Embed() { server.start(); }
  std::string url() const { return server.urls().front(); }
  // A Server-Sent Events client of the room, which has joined.
  std::unique_ptr<RawClient> reader(const std::string& room) const {
    auto client = std::make_unique<RawClient>(url());
    client->get("/events?rooms=" + room);
    client->read_until("connection_id");
    client->read_until("\n\n");
    return client;
  }
  Server server{quiet()};
};

TEST(EmbedOptions, WrongSettingsAreNamed) {
  EXPECT_NE(error_of(quiet({{"prot", "1"}})).find("prot"), std::string::npos);
  const std::string range = error_of(quiet({{"port", "70000"}}));
  EXPECT_NE(range.find("port"), std::string::npos) << range;
  EXPECT_NE(range.find("65535"), std::string::npos) << range;
  EXPECT_NE(error_of({.config_file = "/nonexistent.toml", .settings = {}}).find("/nonexistent.toml"),
            std::string::npos);
}

TEST(EmbedOptions, WhatPrintsIsNoSetting) {
  EXPECT_NE(error_of(quiet({{"version", "true"}})), "it started");
}

TEST(EmbedOptions, TakenPortStopsTheStart) {
  Server first(quiet());
  first.start();
  const std::string url = first.urls().front();
  const std::string port = url.substr(url.rfind(':') + 1);
  // Its own reactors share the port; another server may not.
  const std::string error = error_of(quiet({{"port", port}}));
  EXPECT_NE(error.find(port), std::string::npos) << error;
  EXPECT_NE(error.find("another process"), std::string::npos) << error;
}

TEST_F(Embed, RoomMessagesArrive) {
  auto reader = this->reader("lobby");
  ASSERT_TRUE(server.send_to_room("lobby", "price", R"({"eur": 12.5})"));
  const std::string event = reader->read_until("12.5");
  EXPECT_NE(event.find("price"), std::string::npos) << event;
}

TEST(EmbedBroker, TakesAnyTextAndAnyNameAndKeepsTenantsApart) {
  const std::string user = "7d444840-9dc0-11d1-b245-5ffdce74fad2";
  Server server(quiet({{"presets", "sse_broker"}}));
  server.start();
  RawClient client(server.urls().front());
  client.get("/sse/stream?user_id=" + user + "&tenant_id=one&topics=news");
  client.read_until("id: ");
  ASSERT_TRUE(server.send_to_user(user, "test", "elsewhere", "two"));
  ASSERT_TRUE(server.send_to_user(user, "test", "hello", "one"));
  EXPECT_NE(client.read_until("data: hello\n").find("event: test\n"), std::string::npos);
  ASSERT_TRUE(server.send_to_topic("news", "error", R"({"n": 1})", "one"));
  const std::string event = client.read_until("data: {\"n\":1}\n");
  EXPECT_NE(event.find("event: error\n"), std::string::npos);
  EXPECT_EQ(event.find("elsewhere"), std::string::npos);
  EXPECT_TRUE(server.is_online(user, "one").get());
  EXPECT_FALSE(server.is_online(user).get());
  ASSERT_TRUE(server.broadcast("all", "to everybody", "one"));
  EXPECT_NE(client.read_until("data: to everybody\n").find("event: all\n"), std::string::npos);
  EXPECT_EQ(server.online_users({}, 10, "one").get().users, std::vector<std::string>{user});
  EXPECT_EQ(server.topics("one").get(), 1u);
  EXPECT_EQ(server.topics("two").get(), 0u);
  const Stats stats = server.stats();
  EXPECT_EQ(stats.clients, 1u);
  EXPECT_EQ(stats.users, 1u);
  EXPECT_TRUE(stats.running);
}

TEST(EmbedBroker, TopicsThatAreNotEnabled) {
  Server server(quiet({{"presets", "sse_broker"}, {"sse_broker_topics", "false"}}));
  server.start();
  const PublishResult result = server.send_to_topic("news", "a", "1");
  EXPECT_EQ(result.status, PublishStatus::invalid);
  EXPECT_EQ(result.error, "topics not enabled");
}

TEST_F(Embed, ContentNeedsNoJson) {
  auto reader = this->reader("lobby");
  Message message;
  message.room = "lobby";
  message.content = "say \"hello\"\n";
  ASSERT_TRUE(server.publish(message));
  reader->read_until(R"(say \"hello\"\n)");
}

TEST_F(Embed, BroadcastReachesEveryRoom) {
  auto one = reader("one,*");
  auto two = reader("two,*");
  ASSERT_TRUE(server.broadcast("notice", R"("soon")"));
  one->read_until("soon");
  two->read_until("soon");
}

TEST_F(Embed, ReceiptHasIdReceiversAndDuplicates) {
  auto one = reader("lobby");
  auto two = reader("lobby");
  Publisher publisher = server.publisher();
  Message message;
  message.room = "lobby";
  message.content = "once";
  message.idempotency_key = "order-17";
  const Receipt first = publisher.publish_with_receipt(message).get();
  EXPECT_GT(first.id, 0u);
  EXPECT_EQ(first.receivers, 2u);
  EXPECT_FALSE(first.duplicate);
  const Receipt again = publisher.publish_with_receipt(message).get();
  EXPECT_EQ(again.id, first.id);
  EXPECT_TRUE(again.duplicate);
}

TEST_F(Embed, BadMessagesAreRefusedWithTheRule) {
  Message message;
  message.content = "x";
  PublishResult result = server.publish(message);
  EXPECT_EQ(result.status, PublishStatus::invalid);
  EXPECT_NE(result.error.find("room"), std::string::npos) << result.error;
  message.room = "lobby";
  message.data = "{}";
  EXPECT_EQ(server.publish(message).status, PublishStatus::invalid);
  message.content.clear();
  message.data = R"(1, "user": "root")";  // must not become a field
  EXPECT_EQ(server.publish(message).status, PublishStatus::invalid);
  message.data = "1";
  message.event = "connection_id";
  result = server.publish(message);
  EXPECT_EQ(result.status, PublishStatus::invalid);
  EXPECT_NE(result.error.find("connection_id"), std::string::npos) << result.error;
  message.event.clear();
  message.tenant = "a b";
  EXPECT_EQ(server.publish(message).status, PublishStatus::invalid);
  EXPECT_THROW(server.publisher().publish_with_receipt(message).get(), std::runtime_error);
  const auto error_of = [this](const Message& refused) { return server.publish(refused).error; };
  EXPECT_THAT(error_of({.to = "alice", .content = "x", .final = true}), testing::HasSubstr("ends a room"));
  EXPECT_THAT(error_of({.to = "anonymous", .content = "x"}), testing::HasSubstr("no inbox"));
  EXPECT_THAT(error_of({.room = "lobby", .content = "\xff"}), testing::HasSubstr("UTF-8"));
  EXPECT_THAT(error_of({.room = "lobby", .content = std::string(1 << 20, 'x')}), testing::HasSubstr("larger than"));
  EXPECT_THAT(error_of({.room = "lobby", .data = '"' + std::string(1 << 20, 'x') + '"'}),
              testing::HasSubstr("larger than"));
  EXPECT_THAT(error_of({.room = "a,b", .content = "x"}), testing::HasSubstr("a,b"));
  EXPECT_THAT(error_of({.room = "lobby", .user = "me", .content = "x"}), testing::HasSubstr("me"));
}

TEST_F(Embed, ARoomThatIsAnInboxIsTheUsers) {
  auto alice = reader("@me&user=alice");
  ASSERT_TRUE(server.publish({.room = "@alice", .content = "for you"}));
  EXPECT_NE(alice->read_until("for you").find("event: direct"), std::string::npos);
}

TEST_F(Embed, UsersAreFoundAndDisconnected) {
  RawClient alice(url());
  alice.upgrade("/ws?user=alice");
  alice.read_until("connection_id");
  RawClient bob(url());
  bob.upgrade("/ws?user=bob");
  bob.read_until("connection_id");
  EXPECT_TRUE(server.is_online("alice").get());
  EXPECT_FALSE(server.is_online("carol").get());
  UserPage page = server.online_users({}, 1).get();
  EXPECT_EQ(page.users, std::vector<std::string>{"alice"});
  EXPECT_TRUE(page.more);
  page = server.online_users("alice").get();
  EXPECT_EQ(page.users, std::vector<std::string>{"bob"});
  EXPECT_FALSE(page.more);
  ASSERT_TRUE(server.send_to_user("bob", "order", R"({"n":7})"));
  bob.read_until(R"({"n":7})");
  EXPECT_EQ(server.disconnect_user("alice").get(), 1u);
  alice.read_until("closed by an administrator");
  alice.send_close();
  alice.read_all();
  EXPECT_EQ(server.disconnect_user("nobody").get(), 0u);
  EXPECT_THROW(server.is_online(std::string(300, 'x')).get(), std::runtime_error);
}

TEST_F(Embed, WhoIsOfflineFindsTheMessageLater) {
  ASSERT_TRUE(server.send_to_user("dora", "order", R"({"n":8})"));
  RawClient dora(url());
  dora.get("/events?user=dora&rooms=@me&last_event_id=0");
  dora.read_until(R"({"n":8})");
}

TEST_F(Embed, ManyThreadsPublishInOrder) {
  constexpr int kThreads = 4, kMessages = 500;
  auto reader = this->reader("flow");
  std::vector<std::jthread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([this, thread] {
      Publisher publisher = server.publisher();
      Message message;
      message.room = "flow";
      for (int number = 0; number < kMessages; ++number) {
        message.data = std::to_string(thread * 100000 + number);
        while (true) {
          const PublishResult result = number % 2 == 0 ? publisher.publish(message) : publisher.try_publish(message);
          if (result) break;
          if (result.status != PublishStatus::would_block) throw std::runtime_error(result.error);
          std::this_thread::yield();
        }
      }
    });
  }
  std::vector<int> next(kThreads, 0);
  for (int count = 0; count < kThreads * kMessages; ++count) {
    std::string event = reader->read_until("\n\n");
    const size_t at = event.find("\"data\":");
    ASSERT_NE(at, std::string::npos) << event;
    const int value = std::stoi(event.substr(at + 7));
    ASSERT_EQ(value % 100000, next[static_cast<size_t>(value / 100000)]++);
  }
  for (std::jthread& thread : threads) thread.join();
  EXPECT_EQ(next, std::vector<int>(kThreads, kMessages));
  EXPECT_GE(server.stats().messages, static_cast<uint64_t>(kThreads * kMessages));
}

TEST_F(Embed, PublishersAreCounted) {
  std::vector<Publisher> all;
  try {
    while (all.size() < 100) all.push_back(server.publisher());
  } catch (const std::runtime_error&) {
  }
  EXPECT_EQ(all.size(), 62u);
  all.pop_back();
  EXPECT_NO_THROW(server.publisher());
}

TEST_F(Embed, StopEndsPublishersAndClients) {
  auto reader = this->reader("lobby");
  Publisher publisher = server.publisher();
  Message message;
  message.room = "lobby";
  message.content = "x";
  std::promise<void> flowing;
  std::jthread thread([&] {
    bool notified = false;
    while (publisher.publish(message)) {
      if (!notified) flowing.set_value();
      notified = true;
    }
  });
  flowing.get_future().wait();
  server.stop();
  thread.join();
  reader->read_all();
  EXPECT_EQ(publisher.publish(message).status, PublishStatus::stopped);
  EXPECT_EQ(server.broadcast("late", "1").status, PublishStatus::stopped);
  EXPECT_THROW(server.is_online("alice").get(), std::runtime_error);
  EXPECT_FALSE(server.stats().running);
  server.stop();
}

TEST(EmbedDrain, ClientsAreNotified) {
  Server server(quiet({{"drain_delay", "0s"}, {"drain_period", "100ms"}}));
  server.start();
  RawClient client(server.urls().front());
  client.upgrade("/ws?user=alice");
  client.read_until("connection_id");
  std::jthread drain([&server] { server.drain(); });
  client.read_until("reconnect");
  client.read_until("\x88");  // a close frame
  client.send_close();
  client.read_all();
  drain.join();
  EXPECT_EQ(server.broadcast("late", "1").status, PublishStatus::stopped);
}

TEST(EmbedDrain, WhatWasSentBeforeIsDelivered) {
  Server server(quiet({{"drain_delay", "0s"}, {"drain_period", "100ms"}}));
  server.start();
  RawClient client(server.urls().front());
  client.get("/events?rooms=lobby");
  client.read_until("connection_id");
  Publisher publisher = server.publisher();
  Message message;
  message.room = "lobby";
  for (int number = 1; number <= 200; ++number) {
    message.data = std::to_string(number);
    ASSERT_TRUE(publisher.publish(message));
  }
  std::jthread drain([&server] { server.drain(); });
  for (int number = 1; number <= 200; ++number) client.read_until("\"data\":" + std::to_string(number) + ",");
  client.read_all();
}

TEST(EmbedHooks, UnknownActionsGoToTheHost) {
  std::promise<std::string> asked;
  Server* host = nullptr;
  Hooks hooks;
  hooks.on_action = [&](const Client& client, std::string_view text) {
    if (text.find("\"roll\"") == std::string_view::npos) return false;
    asked.set_value(client.user + "|" + client.connection + "|" + std::string(text));
    return true;
  };
  Server server(quiet(), hooks);
  host = &server;
  server.start();
  RawClient client(server.urls().front());
  client.upgrade("/ws?user=alice");
  client.read_until("connection_id");
  client.send_text(R"({"action":"dance"})");
  client.read_until("unknown_action");
  client.send_text(R"({"action":"roll","sides":6})");
  const std::string question = asked.get_future().get();
  ASSERT_TRUE(question.starts_with("alice|")) << question;
  ASSERT_TRUE(question.ends_with(R"(|{"action":"roll","sides":6})")) << question;
  const std::string connection = question.substr(6, question.find('|', 6) - 6);
  EXPECT_TRUE(host->send_to_connection(connection, "rolled", "4").get());
  client.read_until("rolled");
  EXPECT_FALSE(host->send_to_connection("nobody", "rolled", "4").get());
}

TEST(EmbedSignals, ThreadsOfTheServerTakeNone) {
  Server server(quiet());
  server.start();
  sigset_t mask;
  pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  EXPECT_EQ(sigismember(&mask, SIGTERM), 0);  // the host's own mask is as before
}

TEST(EmbedJson, StringsAreEscaped) {
  EXPECT_EQ(json_string("a\"b\\\n"), R"("a\"b\\\n")");
  EXPECT_EQ(json_string(""), "\"\"");
}

TEST(EmbedTwice, TwoServersInOneProgram) {
  Server one(quiet()), two(quiet());
  one.start();
  two.start();
  RawClient a(one.urls().front()), b(two.urls().front());
  a.get("/events?room=lobby");
  b.get("/events?room=lobby");
  a.read_until("connection_id");
  b.read_until("connection_id");
  ASSERT_TRUE(one.send_to_room("lobby", "from", "1001"));
  ASSERT_TRUE(two.send_to_room("lobby", "from", "2002"));
  EXPECT_EQ(a.read_until("1001").find("2002"), std::string::npos);
  EXPECT_EQ(b.read_until("2002").find("1001"), std::string::npos);
}

}  // namespace
}  // namespace ringcast
