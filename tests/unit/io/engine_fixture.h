// SPDX-License-Identifier: Apache-2.0
// One suite over all engines: each test runs on epoll, on io_uring as the kernel offers it, and on io_uring as an older
// kernel would (fewer setup flags; plain sends). A test's peers are ordinary blocking sockets on the same thread.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "io/backend.h"
#include "io/unique_fd.h"

namespace ringcast::io {

enum class EngineKind { epoll, uring, uring_older, uring_plain };
std::string engine_name(EngineKind kind);
inline bool is_uring(EngineKind kind) {
  return kind != EngineKind::epoll;
}

// A client with a limit on everything it waits for, so that a lost byte fails a test instead of hanging it.
class Peer {
 public:
  Peer() = default;
  explicit Peer(const SocketAddress& server, int receive_buffer = 0);
  explicit Peer(UniqueFd fd) : fd_(std::move(fd)) {}

  void send(std::string_view bytes);
  std::string read_exactly(size_t count);  // shorter when the end or an error came first
  std::string read_to_end();               // sets error() when it was not an orderly end
  int error() const { return error_; }
  uint16_t port() const;
  void shutdown_write();
  void reset();  // RST
  void close() { fd_.reset(); }
  int fd() const { return fd_.get(); }

 private:
  UniqueFd fd_;
  int error_ = 0;
};

struct Seen {
  EventKind kind;
  CloseReason reason;
  int error;
  uint16_t listener;
  Socket socket;
  Owner owner;
  std::string bytes;
};

class EngineTest : public ::testing::TestWithParam<EngineKind> {
 protected:
  EngineTest();
  void start(BackendOptions options = {});
  SocketAddress listen(const std::string& address = "127.0.0.1:0", uint16_t listener = 0, int send_buffer = 0);

  // One wait(); its events are kept in seen, bytes also per owner in received.
  size_t pump_once(Nanoseconds timeout);
  // Waits until `done`; false (and a failure) when it does not come about.
  bool pump_until(const std::function<bool()>& done);
  size_t count(EventKind kind) const;
  const Seen* last(EventKind kind) const;

  // A client and the server's end of it, which receives for `owner`.
  struct Pair {
    Peer peer;
    Socket socket;
  };
  Socket accept_next();
  Pair make_pair(const SocketAddress& server, Owner owner, int receive_buffer = 0);
  int64_t send(Socket socket, std::string_view bytes);
  // Sends until the socket takes no more; what was taken.
  size_t fill(Socket socket);

  bool uring() const { return is_uring(GetParam()); }

  WakeTarget wake_;
  std::unique_ptr<Backend> backend_;
  std::vector<Seen> seen_;
  std::map<Owner, std::string> received_;
  std::vector<UniqueFd> extra_;
  std::function<void(const Event&)> on_event_;

 private:
  size_t accepted_taken_ = 0;
};

// Runs `body` in a forked child (for limits of a whole process); it must return true.
void expect_in_child(const std::function<bool()>& body);

#define RINGCAST_FOR_EACH_ENGINE(suite)                                                                          \
  INSTANTIATE_TEST_SUITE_P(                                                                                      \
      Engines, suite,                                                                                            \
      ::testing::Values(EngineKind::epoll, EngineKind::uring, EngineKind::uring_older, EngineKind::uring_plain), \
      [](const auto& parameter) { return engine_name(parameter.param); })

// A test's first line. The reason is the probe's.
#define RINGCAST_START_ENGINE(...) \
  start(__VA_ARGS__);              \
  if (IsSkipped() || HasFatalFailure()) return

}  // namespace ringcast::io
