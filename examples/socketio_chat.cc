// SPDX-License-Identifier: Apache-2.0
// The chat of docs/socketio.md as a program: clients of Socket.IO emit events, and what they do is decided here.
//
//   socketio_chat [SETTING=VALUE…]       e.g. socketio_chat port=3000
//
//   emit('join', name)                             all hear user-joined; this client gets online-users
//   emit('message', {content})                     all hear message
//   emit('direct-message', {to, content})          the client with this socket id gets direct-message
//   emit('join-room', room)                        joins; the room hears user-joined-room
//   emit('room-message', {room, content})          the room hears room-message
//   emit('ask', {to, question})                    asks that client, and acknowledges with its answer
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <ctime>
#include <deque>
#include <functional>
#include <iostream>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "ringcast/server.h"

namespace {

using ringcast::json_string;

// Hooks run on the reactors, which must not wait: they leave work here for a thread that may.
class Queue {
 public:
  void push(std::function<void()> work) {
    {
      const std::lock_guard lock(mutex_);
      work_.push_back(std::move(work));
    }
    ready_.notify_one();
  }
  void close() {
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
    }
    ready_.notify_one();
  }
  void run() {
    std::unique_lock lock(mutex_);
    for (;;) {
      ready_.wait(lock, [this] { return closed_ || !work_.empty(); });
      if (work_.empty()) return;
      const std::function<void()> next = std::move(work_.front());
      work_.pop_front();
      lock.unlock();
      next();
      lock.lock();
    }
  }

 private:
  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<std::function<void()>> work_;
  bool closed_ = false;
};

// Texts without escapes, which is all that this example takes; a real program has a JSON parser.
std::string first_text(std::string_view arguments) {
  if (!arguments.starts_with("[\"")) return {};
  return std::string(arguments.substr(2, arguments.find_first_of("\"\\", 2) - 2));
}

std::string text_field(std::string_view json, std::string_view name) {
  const std::string key = "\"" + std::string(name) + "\":\"";
  const size_t at = json.find(key);
  if (at == std::string_view::npos) return {};
  const std::string_view value = json.substr(at + key.size());
  return std::string(value.substr(0, value.find_first_of("\"\\")));
}

std::string now() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  const std::time_t seconds = std::chrono::duration_cast<std::chrono::seconds>(since).count();
  std::tm utc;
  gmtime_r(&seconds, &utc);
  char text[32];
  const size_t size = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(since).count() % 1000;
  return std::string(text, size) + "." + std::to_string(1000 + milliseconds).substr(1) + "Z";
}

class Chat {
 public:
  explicit Chat(ringcast::Server& server) : server_(server) {}

  void emitted(const ringcast::EmitRequest& request, ringcast::EmitAnswer answer) {
    const std::string& id = request.client.connection;
    const std::string_view arguments = request.arguments;
    const std::string content = json_string(text_field(arguments, "content"));
    const std::string timestamp = ",\"timestamp\":" + json_string(now());
    if (request.event == "join") {
      names_[id] = first_text(arguments);
      server_.send_to_room("lobby", "user-joined", "{" + who("userId", id) + timestamp + "}");
      server_.send_to_connection(id, "online-users", online());
    } else if (request.event == "message") {
      server_.send_to_room("lobby", "message", "{" + who("userId", id) + ",\"content\":" + content + timestamp + "}");
    } else if (request.event == "direct-message") {
      server_.send_to_connection(text_field(arguments, "to"), "direct-message",
                                 "{" + who("from", id) + ",\"content\":" + content + timestamp + "}");
    } else if (request.event == "join-room") {
      return answer.accept({.acknowledgement = {}, .join = {first_text(arguments)}, .leave = {}});
    } else if (request.event == "room-message") {
      server_.send_to_room(text_field(arguments, "room"), "room-message",
                           "{" + who("userId", id) + ",\"content\":" + content + timestamp + "}");
    } else if (request.event == "ask") {
      server_.emit_with_ack(text_field(arguments, "to"), "question", json_string(text_field(arguments, "question")),
                            std::chrono::seconds(10), [answer](const ringcast::Acknowledgement& given) mutable {
                              if (!given.acknowledged) return answer.deny("no_answer", "nobody has answered");
                              answer.accept({.acknowledgement = given.arguments, .join = {}, .leave = {}});
                            });
      return;
    } else {
      return answer.deny("unknown_event", "there is no event " + request.event);
    }
    answer.accept();
  }

  void happened(const ringcast::Event& event) {
    const std::string& id = event.client.connection;
    if (event.client.transport != "socketio") return;
    if (event.kind == ringcast::Event::Kind::joined && event.room != "lobby") {
      server_.send_to_room(event.room, "user-joined-room",
                           "{" + who("userId", id) + ",\"room\":" + json_string(event.room) + "}");
    } else if (event.kind == ringcast::Event::Kind::disconnected) {
      const std::string gone = "{" + who("userId", id) + ",\"timestamp\":" + json_string(now()) + "}";
      names_.erase(id);
      server_.send_to_room("lobby", "user-left", gone);
    }
  }

 private:
  // Without a name there is no username.
  std::string who(std::string_view field, const std::string& id) const {
    std::string json = "\"" + std::string(field) + "\":" + json_string(id);
    const auto name = names_.find(id);
    if (name != names_.end()) json += ",\"username\":" + json_string(name->second);
    return json;
  }
  std::string online() const {
    std::string rows;
    for (const auto& [id, name] : names_) {
      rows += (rows.empty() ? "[" : ",[") + json_string(id) + "," + json_string(name) + "]";
    }
    return "[" + rows + "]";
  }

  ringcast::Server& server_;
  std::map<std::string, std::string> names_;  // by socket id
};

ringcast::Options options_of(int argc, char** argv) {
  ringcast::Options options;
  options.settings.emplace_back("socketio_application", "none");
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const size_t equals = word.find('=');
    options.settings.emplace_back(word.substr(0, equals),
                                  equals == std::string::npos ? "true" : word.substr(equals + 1));
  }
  return options;
}

}  // namespace

int main(int argc, char** argv) try {
  // Before any thread is made, so that sigwait() below is the only one who sees them.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  Queue queue;
  Chat* chat = nullptr;  // of the queue's thread only
  ringcast::Hooks hooks;
  hooks.on_emit = [&](const ringcast::EmitRequest& request, ringcast::EmitAnswer answer) {
    queue.push([&chat, request, answer] { chat->emitted(request, answer); });
  };
  hooks.on_event = [&](const ringcast::Event& event) { queue.push([&chat, event] { chat->happened(event); }); };
  ringcast::Server server(options_of(argc, argv), hooks);
  Chat application(server);
  chat = &application;
  server.start();
  for (const std::string& url : server.urls()) std::cout << "listening on " << url << std::endl;

  std::jthread worker([&queue] { queue.run(); });
  int signal = 0;
  sigwait(&signals, &signal);
  queue.close();
  worker.join();
  server.drain();
  server.stop();
  return 0;
} catch (const ringcast::StartError& error) {
  std::cerr << error.what() << '\n';
  return 2;
}
