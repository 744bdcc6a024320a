// SPDX-License-Identifier: Apache-2.0
// A small HTTP/1.1 server for tests: keeps what it got, answers what a function says. A thread for each connection.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace ringcast::hooks {

struct Received {
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
};

struct Reply {
  int status = 200;
  std::string body;
  std::string headers;   // whole lines
  bool hang_up = false;  // instead of an answer
  bool never = false;    // no answer until the client goes away
};

class Receiver {
 public:
  // `answer` gets the request and its number, from 0; on several threads, one at a time.
  using Answer = std::function<Reply(const Received&, size_t)>;
  explicit Receiver(Answer answer);
  ~Receiver();

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/hook"; }
  // Waits for it; the test fails when it does not come.
  std::vector<Received> wait_for(size_t count);
  size_t most_at_once() const { return most_at_once_; }

 private:
  void accept_all();
  void serve(int fd);

  const Answer answer_;
  int listener_ = -1;
  uint16_t port_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Received> received_;
  std::vector<int> connections_;
  std::vector<std::thread> threads_;
  std::atomic<size_t> at_once_{0}, most_at_once_{0};
  std::atomic<bool> stopping_{false};
  std::thread acceptor_;
};

}  // namespace ringcast::hooks
