// SPDX-License-Identifier: Apache-2.0
#include "receiver.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <chrono>

namespace ringcast::hooks {

Receiver::Receiver(Answer answer) : answer_(std::move(answer)) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(listen(listener_, 64), 0);
  EXPECT_EQ(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size), 0);
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { accept_all(); });
}

Receiver::~Receiver() {
  stopping_ = true;
  shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  {
    const std::lock_guard lock(mutex_);
    for (const int fd : connections_) shutdown(fd, SHUT_RDWR);
  }
  for (std::thread& thread : threads_) thread.join();
  for (const int fd : connections_) close(fd);
  close(listener_);
}

std::vector<Received> Receiver::wait_for(size_t count) {
  std::unique_lock lock(mutex_);
  EXPECT_TRUE(changed_.wait_for(lock, std::chrono::seconds(60), [&] { return received_.size() >= count; }))
      << "got " << received_.size() << " of " << count;
  return received_;
}

void Receiver::accept_all() {
  for (;;) {
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0 || stopping_) {
      if (fd >= 0) close(fd);
      return;
    }
    const std::lock_guard lock(mutex_);
    connections_.push_back(fd);
    threads_.emplace_back([this, fd] { serve(fd); });
  }
}

void Receiver::serve(int fd) {
  std::string input;
  char buffer[4096];
  const auto more = [&] {
    const ssize_t got = recv(fd, buffer, sizeof buffer, 0);
    if (got > 0) input.append(buffer, static_cast<size_t>(got));
    return got > 0;
  };
  for (;;) {
    size_t end;
    while ((end = input.find("\r\n\r\n")) == std::string::npos) {
      if (!more()) return;
    }
    Received request;
    size_t line = input.find("\r\n") + 2;
    while (line < end + 2) {
      const size_t next = input.find("\r\n", line);
      const size_t colon = input.find(':', line);
      std::string name = input.substr(line, colon - line);
      std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
      request.headers[name] = input.substr(colon + 2, next - colon - 2);
      line = next + 2;
    }
    const size_t length = std::stoul(request.headers.at("content-length"));
    while (input.size() < end + 4 + length) {
      if (!more()) return;
    }
    request.body = input.substr(end + 4, length);
    input.erase(0, end + 4 + length);

    Reply reply;
    {
      const std::lock_guard lock(mutex_);
      most_at_once_ = std::max<size_t>(most_at_once_, ++at_once_);
      reply = answer_(request, received_.size());
      received_.push_back(request);
    }
    changed_.notify_all();
    if (reply.never) {
      while (more()) {
      }
    }
    --at_once_;
    if (reply.hang_up || reply.never) {
      shutdown(fd, SHUT_RDWR);
      return;
    }
    const std::string answer = "HTTP/1.1 " + std::to_string(reply.status) + " x\r\n" + reply.headers +
                               "Content-Length: " + std::to_string(reply.body.size()) + "\r\n\r\n" + reply.body;
    if (send(fd, answer.data(), answer.size(), MSG_NOSIGNAL) < 0) return;
  }
}

}  // namespace ringcast::hooks
