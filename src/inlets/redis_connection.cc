// SPDX-License-Identifier: Apache-2.0
#include "inlets/redis_connection.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "io/socket_address.h"

namespace ringcast::inlets {

using codec::RespType;
using codec::RespValue;

namespace {

constexpr Time kReconnectMin = std::chrono::milliseconds(100), kReconnectMax = std::chrono::seconds(2);
constexpr Time kGreetingMax = std::chrono::seconds(5);
constexpr size_t kReadSize = 64 << 10;

tl::unexpected<Error> lost(std::string why) {
  return fail("redis_lost", std::move(why));
}

tl::unexpected<Error> lost(int error) {
  return lost(std::string(::strerrordesc_np(error)));
}

}  // namespace

Result<void> RedisConnection::work(Time now, bool reads) {
  auto done = go_on(now, reads);
  if (done) return done;
  close();
  backoff_ = std::clamp(backoff_ * 2, kReconnectMin, kReconnectMax);
  const auto half = static_cast<uint64_t>(backoff_.count() / 2);
  retry_at_ = now + Time(static_cast<int64_t>(half + random_() % half));
  return done;
}

Result<void> RedisConnection::go_on(Time now, bool reads) {
  if (!broken_.empty()) return lost(std::exchange(broken_, {}));
  if (state_ == State::idle) {
    if (now < retry_at_) return {};
    if (auto begun = connect(now); !begun) return begun;
  }
  if (now >= deadline_) return lost("no connection within 5 seconds");
  if (state_ == State::connecting) {
    pollfd writable{fd_.get(), POLLOUT, 0};
    if (::poll(&writable, 1, 0) == 0) return {};
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) return lost(error);
    greet();
  }
  if (auto sent = transmit(); !sent) return sent;
  if (!reads && state_ == State::ready) return {};
  if (auto got = receive(); !got) return got;
  if (state_ == State::greeting) {
    if (auto done = greeted(); !done) return done;
  }
  if (silent_since_ != kNever && options_.silence_max.count() != 0 && now - silent_since_ > options_.silence_max)
    return lost("it has been silent for too long");
  return {};
}

Result<void> RedisConnection::connect(Time now) {
  const auto address = cluster::resolve(options_.address);
  if (!address) return lost(address.error().message);
  fd_.reset(::socket(address->family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd_) return lost(errno);
  const int on = 1;
  if (address->family() != AF_UNIX) ::setsockopt(fd_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (::connect(fd_.get(), address->data(), address->size()) != 0 && errno != EINPROGRESS) return lost(errno);
  parser_ = std::make_unique<codec::RespParser>(codec::RespLimits{.reply_bytes_max = options_.reply_bytes_max});
  out_.clear();
  lost_by_size_ = false;
  silent_since_ = kNever;
  deadline_ = now + kGreetingMax;
  state_ = State::connecting;
  return {};
}

void RedisConnection::greet() {
  state_ = State::greeting;
  greetings_ = 0;
  const auto say = [&](std::initializer_list<std::string_view> words) {
    std::string& out = begin_command(static_cast<uint32_t>(words.size()));
    for (const std::string_view word : words) codec::append_resp_word(out, word);
    ++greetings_;
  };
  const cluster::BrokerAddress& address = options_.address;
  if (!address.password.empty() && address.user.empty()) say({"AUTH", address.password});
  if (!address.password.empty() && !address.user.empty()) say({"AUTH", address.user, address.password});
  if (address.database != 0) say({"SELECT", std::to_string(address.database)});
  say({"CLIENT", "SETNAME", options_.name});
}

Result<void> RedisConnection::greeted() {
  while (greetings_ != 0) {
    const auto reply = next();
    if (!reply) return broken_.empty() ? Result<void>() : Result<void>(lost(std::exchange(broken_, {})));
    if (reply->is(RespType::error)) return lost("it refuses: " + std::string(reply->text()));
    --greetings_;
  }
  state_ = State::ready;
  deadline_ = kNever;
  backoff_ = Time(0);
  return {};
}

Result<void> RedisConnection::receive() {
  char bytes[kReadSize];
  const ssize_t got = ::recv(fd_.get(), bytes, sizeof bytes, 0);
  if (got == 0) return lost("it has closed the connection");
  if (got < 0) return errno == EAGAIN || errno == EINTR ? Result<void>() : Result<void>(lost(errno));
  parser_->append({bytes, static_cast<size_t>(got)});
  silent_since_ = kNever;
  return {};
}

Result<void> RedisConnection::transmit() {
  while (!out_.empty()) {
    const ssize_t sent = ::send(fd_.get(), out_.data(), out_.size(), MSG_NOSIGNAL);
    if (sent < 0) return errno == EAGAIN || errno == EINTR ? Result<void>() : Result<void>(lost(errno));
    out_.erase(0, static_cast<size_t>(sent));
  }
  return {};
}

std::string& RedisConnection::begin_command(uint32_t words) {
  codec::append_resp_command(out_, words);
  return out_;
}

void RedisConnection::send(std::initializer_list<std::string_view> words) {
  std::string& out = begin_command(static_cast<uint32_t>(words.size()));
  for (const std::string_view word : words) codec::append_resp_word(out, word);
}

std::optional<RespValue> RedisConnection::reply() {
  return state_ == State::ready ? next() : std::nullopt;
}

std::optional<RespValue> RedisConnection::next() {
  if (!broken_.empty()) return std::nullopt;
  switch (parser_->next()) {
    case codec::RespParser::Status::reply: return parser_->reply().root();
    case codec::RespParser::Status::need_more: return std::nullopt;
    case codec::RespParser::Status::broken: break;
  }
  broken_ = "what it sends cannot be read: " + std::string(parser_->why());
  lost_by_size_ = parser_->why().ends_with("too large") || parser_->why().ends_with("too many values");
  return std::nullopt;
}

void RedisConnection::close() {
  fd_.reset();
  state_ = State::idle;
  deadline_ = kNever;
  silent_since_ = kNever;
  broken_.clear();
  out_.clear();
}

pollfd RedisConnection::wait(bool reads) const {
  if (!broken_.empty()) return {-1, 0, 0};
  short events = 0;
  if (state_ == State::connecting || !out_.empty()) events |= POLLOUT;
  if (state_ == State::greeting || (state_ == State::ready && reads)) events |= POLLIN;
  return {events == 0 ? -1 : fd_.get(), events, 0};
}

Time RedisConnection::due() const {
  if (!broken_.empty()) return Time(0);
  if (state_ == State::idle) return retry_at_;
  Time due = deadline_;
  if (silent_since_ != kNever && options_.silence_max.count() != 0)
    due = std::min(due, silent_since_ + options_.silence_max);
  return due;
}

}  // namespace ringcast::inlets
