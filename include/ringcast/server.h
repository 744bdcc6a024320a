// SPDX-License-Identifier: Apache-2.0
// ringcast::Server: the push server inside another program. Threads of its own (one reactor per core) do all work;
// calls from other threads are handed to them through lock-free rings.
// Every member may be called from any thread between start() and stop(), unless it says otherwise.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
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

// What a Socket.IO client has answered to an event.
struct Acknowledgement {
  bool sent = false;          // the connection was there
  bool acknowledged = false;  // it has answered in time
  std::string arguments;      // a JSON array; {"_placeholder":true,"num":0} stands for the first attachment
  std::vector<std::string> attachments;
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
  // Asks clients to reconnect elsewhere and closes, in pace, as SIGTERM does with the standalone server; returns when
  // everybody has gone or `drain_period` is over. One thread.
  void drain();
  // Closes everything at once. Publishers that wait return `stopped`; futures that are not ready get broken. One
  // thread; may be called twice.
  void stop();

  // "http://127.0.0.1:3000" for each address, those of `listen` first; a port of 0 is resolved. Others say what they
  // are for: "http://127.0.0.1:3001 for the server calls", "… with the PROXY protocol".
  std::vector<std::string> urls() const;

  // A way of its own for a thread that publishes much. Throws std::runtime_error when 62 are in use.
  Publisher publisher();

  // For occasional use: these share one publisher, behind a lock. They wait while too much is under way.
  PublishResult publish(const Message& message);
  // `data` is JSON, or any other text, which is sent as that text; `event` any line of up to 64 bytes.
  PublishResult send_to_user(std::string_view user, std::string_view event, std::string_view data,
                             std::string_view tenant = {});
  PublishResult send_to_room(std::string_view room, std::string_view event, std::string_view data,
                             std::string_view tenant = {});
  // The same to a room that is called a topic; invalid where `sse_broker_topics` is off.
  PublishResult send_to_topic(std::string_view topic, std::string_view event, std::string_view data,
                              std::string_view tenant = {});
  PublishResult broadcast(std::string_view event, std::string_view data, std::string_view tenant = {});
  // To one connection (the id in its `connection_id` event); not kept. The future says whether it was there.
  std::future<bool> send_to_connection(std::string_view connection, std::string_view event, std::string_view data,
                                       std::string_view tenant = {});

  // The same for a Socket.IO client that is to acknowledge it within `timeout` (1 ms to 60 s). `done` is called once,
  // on a thread of the server, and must return at once; never where the server stops before. At most 65,536 for each
  // core are under way: beyond that, and for other clients' connections, nothing is acknowledged.
  PublishResult emit_with_ack(std::string_view connection, std::string_view event, std::string_view data,
                              std::chrono::milliseconds timeout, std::function<void(const Acknowledgement&)> done,
                              std::string_view tenant = {});

  std::future<bool> is_online(std::string_view user, std::string_view tenant = {});
  // At most 1,000 at a time.
  std::future<UserPage> online_users(std::string_view after = {}, uint32_t limit = 1000, std::string_view tenant = {});
  // How many rooms have members.
  std::future<uint64_t> topics(std::string_view tenant = {});
  // How many connections of the user were closed.
  std::future<uint32_t> disconnect_user(std::string_view user, std::string_view tenant = {});

  Stats stats() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ringcast
