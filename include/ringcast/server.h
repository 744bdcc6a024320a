// SPDX-License-Identifier: Apache-2.0
// ringcast::Server: the push server inside another program. Threads of its own (one reactor per core) do all work;
// calls from other threads are handed to them through lock-free rings.
// Every member may be called from any thread between start() and stop(), unless it says otherwise.
#pragma once

#include <cstdint>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ringcast/hooks.h"
#include "ringcast/message.h"
#include "ringcast/options.h"
#include "ringcast/publisher.h"

namespace ringcast {

struct Stats {
  uint64_t clients = 0;  // open WebSockets and streams, and waiting polls
  uint64_t users = 0;    // online
  uint64_t channels = 0;
  uint64_t messages = 0;    // published since the start
  uint64_t deliveries = 0;  // handed to members since the start
  uint64_t history_messages = 0;
  uint64_t history_bytes = 0;
  uint16_t cores = 0;
  bool running = false;
};

struct UserPage {
  std::vector<std::string> users;  // sorted
  bool more = false;               // ask again with the last one as `after`
};

class Server {
 public:
  // Reads and checks the settings; throws StartError. Nothing is opened yet.
  explicit Server(Options options, Hooks hooks = {});
  // stop().
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Opens the listeners and starts the reactors; throws StartError. Once, by one thread.
  void start();
  // Tells clients to reconnect elsewhere and closes, in pace, as SIGTERM does with the standalone server; returns when
  // everybody has gone or `drain_period` is over. One thread.
  void drain();
  // Closes everything at once. Publishers that wait return `stopped`; futures that are not ready get broken. One
  // thread; may be called twice.
  void stop();

  // "http://127.0.0.1:3000" for each address; a port of 0 is resolved.
  std::vector<std::string> urls() const;

  // A way of its own for a thread that publishes much. Throws std::runtime_error when 62 are in use.
  Publisher publisher();

  // For occasional use: these share one publisher, behind a lock. They wait while too much is under way.
  PublishResult publish(const Message& message);
  PublishResult send_to_user(std::string_view user, std::string_view event, std::string_view json);
  PublishResult send_to_room(std::string_view room, std::string_view event, std::string_view json);
  PublishResult broadcast(std::string_view event, std::string_view json);
  // To one connection (the id that its `connection_id` event told); not kept. The future says whether it was there.
  std::future<bool> send_to_connection(std::string_view connection, std::string_view event, std::string_view json,
                                       std::string_view tenant = {});

  std::future<bool> is_online(std::string_view user, std::string_view tenant = {});
  // At most 1,000 at a time.
  std::future<UserPage> online_users(std::string_view after = {}, uint32_t limit = 1000, std::string_view tenant = {});
  // How many connections of the user were closed.
  std::future<uint32_t> disconnect_user(std::string_view user, std::string_view tenant = {});

  Stats stats() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ringcast
