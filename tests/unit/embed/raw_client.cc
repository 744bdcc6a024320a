// SPDX-License-Identifier: Apache-2.0
#include "raw_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>

namespace ringcast {

RawClient::RawClient(std::string_view url) {
  const auto port = static_cast<uint16_t>(std::stoi(std::string(url.substr(url.rfind(':') + 1))));
  fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const timeval patience{.tv_sec = 60, .tv_usec = 0};
  setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    close(fd_);
    throw std::runtime_error("nobody listens at " + std::string(url));
  }
}

RawClient::~RawClient() {
  close(fd_);
}

void RawClient::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) throw std::runtime_error("the server closed the connection");
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
}

void RawClient::get(std::string_view target) {
  send("GET " + std::string(target) + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
}

void RawClient::upgrade(std::string_view target) {
  send("GET " + std::string(target) +
       " HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
       "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
  const std::string head = read_until("\r\n\r\n");
  if (!head.starts_with("HTTP/1.1 101 ")) throw std::runtime_error("no upgrade: " + head);
}

void RawClient::send_text(std::string_view text) {
  // A mask of zeroes is a mask (RFC 6455, 5.3).
  std::string frame{'\x81', static_cast<char>(0x80 | text.size()), 0, 0, 0, 0};
  frame += text;
  send(frame);
}

void RawClient::send_close() {
  send(std::string{'\x88', '\x82', 0, 0, 0, 0, '\x03', '\xe8'});
}

bool RawClient::receive() {
  char buffer[4096];
  const ssize_t got = recv(fd_, buffer, sizeof buffer, 0);
  if (got < 0 && errno == ECONNRESET) return false;
  if (got < 0) throw std::runtime_error("nothing more came after: " + received_);
  received_.append(buffer, static_cast<size_t>(got));
  return got > 0;
}

std::string RawClient::read_until(std::string_view text) {
  for (;;) {
    if (const size_t at = received_.find(text); at != std::string::npos) {
      std::string before = received_.substr(0, at + text.size());
      received_.erase(0, before.size());
      return before;
    }
    if (!receive()) throw std::runtime_error("closed without \"" + std::string(text) + "\" in: " + received_);
  }
}

std::string RawClient::read_all() {
  while (receive()) continue;
  return std::move(received_);
}

}  // namespace ringcast
