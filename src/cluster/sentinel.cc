// SPDX-License-Identifier: Apache-2.0
#include "cluster/sentinel.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "cluster/keys.h"
#include "codec/resp/resp_parser.h"
#include "io/unique_fd.h"

namespace ringcast::cluster {

namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr milliseconds kEvery{5000}, kWanted{500};
constexpr size_t kReplyMax = 64 << 10;

tl::unexpected<Error> refused(const HostAndPort& sentinel, const std::string& why) {
  return fail("no_master", "Sentinel " + sentinel.host + ":" + std::to_string(sentinel.port) + ": " + why);
}

// False: the time is over.
bool wait_for(int fd, short events, Clock::time_point until) {
  for (;;) {
    const auto left = std::chrono::duration_cast<milliseconds>(until - Clock::now()).count();
    if (left <= 0) return false;
    pollfd one{.fd = fd, .events = events, .revents = 0};
    const int found = ::poll(&one, 1, static_cast<int>(left));
    if (found > 0) return true;
    if (found < 0 && errno != EINTR) return false;
  }
}

Result<void> exchange(int fd, std::string_view command, Clock::time_point until, codec::RespParser& parser) {
  while (!command.empty()) {
    const ssize_t sent = ::send(fd, command.data(), command.size(), MSG_NOSIGNAL);
    if (sent > 0) {
      command.remove_prefix(static_cast<size_t>(sent));
    } else if (errno != EAGAIN && errno != EINTR) {
      return fail("no_master", std::strerror(errno));
    } else if (!wait_for(fd, POLLOUT, until)) {
      return fail("no_master", "it does not answer");
    }
  }
  char buffer[4096];
  for (;;) {
    const auto status = parser.next();
    if (status == codec::RespParser::Status::broken) return fail("no_master", std::string(parser.why()));
    if (status != codec::RespParser::Status::need_more) return {};
    if (!wait_for(fd, POLLIN, until)) return fail("no_master", "it does not answer");
    const ssize_t read = ::recv(fd, buffer, sizeof buffer, 0);
    if (read == 0) return fail("no_master", "it closed the connection");
    if (read > 0) parser.append({buffer, static_cast<size_t>(read)});
    if (read < 0 && errno != EAGAIN && errno != EINTR) return fail("no_master", std::strerror(errno));
  }
}

Result<io::SocketAddress> ask(const HostAndPort& sentinel, const std::string& master, milliseconds patience) {
  const Clock::time_point until = Clock::now() + patience;
  auto address = resolve(sentinel);
  if (!address) return address;
  io::UniqueFd fd(::socket(address->family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return refused(sentinel, std::strerror(errno));
  if (::connect(fd.get(), address->data(), address->size()) != 0) {
    if (errno != EINPROGRESS) return refused(sentinel, std::strerror(errno));
    if (!wait_for(fd.get(), POLLOUT, until)) return refused(sentinel, "it does not answer");
    int error = 0;
    socklen_t length = sizeof error;
    ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &length);
    if (error != 0) return refused(sentinel, std::strerror(error));
  }
  std::string command;
  codec::append_resp_command(command, 3);
  codec::append_resp_word(command, std::string_view("SENTINEL"));
  codec::append_resp_word(command, std::string_view("get-master-addr-by-name"));
  codec::append_resp_word(command, master);
  codec::RespParser parser(codec::RespLimits{.reply_bytes_max = kReplyMax});
  if (auto answered = exchange(fd.get(), command, until, parser); !answered)
    return refused(sentinel, answered.error().message);
  const codec::RespValue reply = parser.reply().root();
  if (reply.is(codec::RespType::error)) return refused(sentinel, std::string(reply.text()));
  if (reply.size() != 2) return refused(sentinel, "it knows no master \"" + master + "\"");
  return resolve(HostAndPort{std::string(reply[0].text()), static_cast<uint16_t>(number_of(reply[1].text()))});
}

}  // namespace

Result<io::SocketAddress> ask_sentinels(const BrokerAddress& address, milliseconds patience) {
  Result<io::SocketAddress> found = fail("no_master", "no Sentinel is named");
  for (const HostAndPort& sentinel : address.sentinels) {
    found = ask(sentinel, address.master, patience);
    if (found) return found;
  }
  return found;
}

MasterWatch::~MasterWatch() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

Result<io::SocketAddress> MasterWatch::master() {
  const std::lock_guard lock(mutex_);
  wanted_ = true;
  if (thread_.joinable()) {
    changed_.notify_all();
  } else {
    thread_ = std::thread([this] { run(); });
  }
  return last_;
}

bool MasterWatch::moved_from(const io::SocketAddress& address) {
  const std::lock_guard lock(mutex_);
  return last_ && !(*last_ == address);
}

void MasterWatch::run() {
  pthread_setname_np(pthread_self(), "sentinel");
  std::unique_lock lock(mutex_);
  while (!stop_) {
    wanted_ = false;
    lock.unlock();
    Result<io::SocketAddress> found = ask_sentinels(address_);
    lock.lock();
    last_ = std::move(found);
    const auto asked = Clock::now();
    changed_.wait_until(lock, asked + kEvery, [&] { return stop_ || wanted_; });
    // Who has no connection asks again and again; Sentinels are not asked more often than this.
    changed_.wait_until(lock, asked + kWanted, [&] { return stop_; });
  }
}

}  // namespace ringcast::cluster
