// SPDX-License-Identifier: Apache-2.0
#include "engine_fixture.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "io/epoll_backend.h"
#include "io/listener.h"
#include "io/uring_backend.h"
#include "io/uring_probe.h"

namespace ringcast::io {
namespace {

constexpr auto kPatience = std::chrono::seconds(20);

void set_patience(int fd) {
  const timeval limit{.tv_sec = kPatience.count(), .tv_usec = 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

}  // namespace

std::string engine_name(EngineKind kind) {
  switch (kind) {
    case EngineKind::epoll: return "epoll";
    case EngineKind::uring: return "uring";
    case EngineKind::uring_older: return "uring_older";
    case EngineKind::uring_plain: return "uring_plain";
  }
  return "unknown";
}

Peer::Peer(const SocketAddress& server, int receive_buffer)
    : fd_(::socket(server.family(), SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  set_patience(fd_.get());
  if (receive_buffer > 0) ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
  // A ring without DEFER_TASKRUN interrupts this thread's calls for its own work; connect() goes on behind the scenes.
  int result = 0;
  do {
    result = ::connect(fd_.get(), server.data(), server.size());
  } while (result != 0 && (errno == EINTR || errno == EALREADY));
  if (result != 0 && errno != EISCONN) {
    error_ = errno;
    ADD_FAILURE() << "connect " << server.to_string() << ": " << std::strerror(error_);
  }
}

void Peer::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) {
      error_ = errno;
      return;
    }
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
}

std::string Peer::read_exactly(size_t count) {
  std::string bytes(count, '\0');
  size_t got = 0;
  while (got < count) {
    const ssize_t n = ::recv(fd_.get(), bytes.data() + got, count - got, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) error_ = errno;
    if (n <= 0) break;
    got += static_cast<size_t>(n);
  }
  bytes.resize(got);
  return bytes;
}

std::string Peer::read_to_end() {
  std::string bytes;
  for (;;) {
    const std::string piece = read_exactly(4096);
    bytes += piece;
    if (piece.size() < 4096) return bytes;
  }
}

uint16_t Peer::port() const {
  return local_address(fd_.get()).port();
}

void Peer::shutdown_write() {
  ::shutdown(fd_.get(), SHUT_WR);
}

void Peer::reset() {
  const linger now{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
  fd_.reset();
}

EngineTest::EngineTest() : wake_(std::move(*WakeTarget::create())) {}

void EngineTest::start(BackendOptions options) {
  if (GetParam() == EngineKind::epoll) {
    auto made = EpollBackend::create(options, wake_);
    ASSERT_TRUE(made) << made.error().message;
    backend_ = std::move(*made);
    return;
  }
  auto features = find_uring_features();
  if (!features) GTEST_SKIP() << features.error().message;
  if (GetParam() == EngineKind::uring_older) features->setup_flags = IORING_SETUP_COOP_TASKRUN;
  if (GetParam() == EngineKind::uring_plain) {
    features->setup_flags = 0;
    features->inline_sends = features->registered_ring = false;
    features->kernel_bits &= ~static_cast<uint32_t>(IORING_FEAT_CQE_SKIP);
  }
  auto made = UringBackend::create(options, *features, wake_);
  ASSERT_TRUE(made) << made.error().message;
  backend_ = std::move(*made);
}

SocketAddress EngineTest::listen(const std::string& address, uint16_t listener, int send_buffer) {
  const auto parsed = SocketAddress::parse(address);
  EXPECT_TRUE(parsed) << address;
  auto fd = open_listener(*parsed, {.send_buffer_bytes = send_buffer});
  EXPECT_TRUE(fd) << fd.error().message;
  SocketAddress bound = local_address(fd->get());
  const auto added = backend_->add_listener(fd->release(), listener);
  EXPECT_TRUE(added);
  return bound;
}

size_t EngineTest::pump_once(Nanoseconds timeout) {
  const auto events = backend_->wait(timeout);
  for (const Event& event : events) {
    if (on_event_) on_event_(event);
    seen_.push_back({event.kind, event.reason, event.error, event.listener, event.socket, event.owner,
                     std::string(event.bytes.begin(), event.bytes.end())});
    if (event.kind == EventKind::bytes) received_[event.owner] += seen_.back().bytes;
  }
  return events.size();
}

bool EngineTest::pump_until(const std::function<bool()>& done) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!done()) {
    if (std::chrono::steady_clock::now() > deadline) {
      ADD_FAILURE() << "waited in vain";
      return false;
    }
    pump_once(std::chrono::milliseconds(500));
  }
  return true;
}

size_t EngineTest::count(EventKind kind) const {
  size_t result = 0;
  for (const Seen& seen : seen_) result += seen.kind == kind;
  return result;
}

const Seen* EngineTest::last(EventKind kind) const {
  for (auto seen = seen_.rbegin(); seen != seen_.rend(); ++seen) {
    if (seen->kind == kind) return &*seen;
  }
  return nullptr;
}

Socket EngineTest::accept_next() {
  const size_t index = accepted_taken_++;
  if (!pump_until([&] { return count(EventKind::accepted) > index; })) return {};
  size_t found = 0;
  for (const Seen& seen : seen_) {
    if (seen.kind == EventKind::accepted && found++ == index) return seen.socket;
  }
  return {};
}

EngineTest::Pair EngineTest::make_pair(const SocketAddress& server, Owner owner, int receive_buffer) {
  Pair pair{Peer(server, receive_buffer), {}};
  pair.socket = accept_next();
  if (pair.socket.valid()) backend_->start_receive(pair.socket, owner);
  return pair;
}

int64_t EngineTest::send(Socket socket, std::string_view bytes) {
  const iovec iov{const_cast<char*>(bytes.data()), bytes.size()};
  SendOp op{.socket = socket, .iov_count = 1, .iov = &iov};
  backend_->flush({&op, 1});
  return op.result;
}

size_t EngineTest::fill(Socket socket) {
  const std::string piece(1 << 20, 'f');
  size_t taken = 0;
  for (;;) {
    const int64_t result = send(socket, piece);
    if (result > 0) taken += static_cast<size_t>(result);
    if (result != static_cast<int64_t>(piece.size())) return taken;
  }
}

void expect_in_child(const std::function<bool()>& body) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const bool good = body();
    std::fflush(nullptr);
    ::_exit(good && !::testing::Test::HasFailure() ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "in a child process, status " << status;
}

}  // namespace ringcast::io
