// SPDX-License-Identifier: Apache-2.0
// A blocking client of an embedded server: HTTP and WebSocket text over one TCP connection, read until a text comes.
#pragma once

#include <string>
#include <string_view>

namespace ringcast {

class RawClient {
 public:
  // To "http://127.0.0.1:PORT"; a failure ends the test with an exception, like every other of this class.
  explicit RawClient(std::string_view url);
  ~RawClient();
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  void send(std::string_view bytes);
  void get(std::string_view target);
  // The handshake, and its 101.
  void upgrade(std::string_view target);
  void send_text(std::string_view text);  // at most 125 bytes
  void send_close();                      // 1000
  // Everything that came, up to and with `text`, which is then behind; throws after a minute without it.
  std::string read_until(std::string_view text);
  // Until the server closes.
  std::string read_all();

 private:
  bool receive();

  int fd_ = -1;
  std::string received_;
};

}  // namespace ringcast
