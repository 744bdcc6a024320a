// SPDX-License-Identifier: Apache-2.0
// A chat with commands of its own: what the server does not know itself comes to the program, which answers the one who
// asked, or the room.
//
//   chat_commands [SETTING=VALUE…]       e.g. chat_commands port=3000
//
//   {"action":"join","room":"lobby"}                 the server's
//   {"action":"message","content":"hello"}           the server's
//   {"action":"roll","room":"lobby"}                 ours: everybody in the room sees a die
//   {"action":"who"}                                 ours: the asker sees who is online
#include <condition_variable>
#include <csignal>
#include <deque>
#include <iostream>
#include <mutex>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "ringcast/server.h"

namespace {

struct Command {
  ringcast::Client client;
  bool roll = false;
  std::string room;
};

// A field that is a text without escapes, which is all that this example takes; a real program has a JSON parser.
std::string text_field(std::string_view json, std::string_view name) {
  const std::string key = "\"" + std::string(name) + "\":\"";
  const size_t at = json.find(key);
  if (at == std::string_view::npos) return {};
  const std::string_view value = json.substr(at + key.size());
  return std::string(value.substr(0, value.find_first_of("\"\\")));
}

// Hooks run on the reactors, which must not wait: they leave commands here for a thread that may.
class CommandQueue {
 public:
  void push(Command command) {
    {
      const std::lock_guard lock(mutex_);
      commands_.push_back(std::move(command));
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
  // False when there will be no more.
  bool pop(Command& command) {
    std::unique_lock lock(mutex_);
    ready_.wait(lock, [this] { return closed_ || !commands_.empty(); });
    if (commands_.empty()) return false;
    command = std::move(commands_.front());
    commands_.pop_front();
    return true;
  }

 private:
  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<Command> commands_;
  bool closed_ = false;
};

void roll(ringcast::Server& server, const Command& command) {
  static std::mt19937 random{std::random_device{}()};
  const int eyes = std::uniform_int_distribution<int>(1, 6)(random);
  ringcast::Message message;
  message.room = command.room;
  message.tenant = command.client.tenant;
  message.user = command.client.user;
  message.event = "rolled";
  message.data = std::to_string(eyes);
  if (const auto result = server.publish(message); !result) std::cerr << "not rolled: " << result.error << '\n';
}

void who(ringcast::Server& server, const Command& command) {
  std::string names;
  for (const std::string& user : server.online_users({}, 100, command.client.tenant).get().users) {
    names += (names.empty() ? "" : ",") + ringcast::json_string(user);
  }
  server.send_to_connection(command.client.connection, "online", "[" + names + "]", command.client.tenant).wait();
}

ringcast::Options options_of(int argc, char** argv) {
  ringcast::Options options;
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

  CommandQueue queue;
  ringcast::Hooks hooks;
  hooks.on_action = [&queue](const ringcast::Client& client, std::string_view text) {
    const std::string action = text_field(text, "action");
    if (action != "roll" && action != "who") return false;
    queue.push({client, action == "roll", text_field(text, "room")});
    return true;
  };
  ringcast::Server server(options_of(argc, argv), hooks);
  server.start();
  for (const std::string& url : server.urls()) std::cout << "listening on " << url << std::endl;

  std::jthread worker([&] {
    for (Command command; queue.pop(command);) command.roll ? roll(server, command) : who(server, command);
  });
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
