// SPDX-License-Identifier: Apache-2.0
// One connection to Redis: it is made, greeted (who we are, which run of the server this is, the scripts), lost, and
// made again after a while. The bridge's, its thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <string_view>

#include "base/error.h"
#include "cluster/protocol.h"
#include "codec/resp/resp_parser.h"
#include "io/socket_address.h"
#include "reactor/reactor.h"

namespace ringcast::cluster {

struct LinkOptions {
  std::function<Result<io::SocketAddress>()> resolve;   // where the server is; asked at each connect
  std::function<bool(const io::SocketAddress&)> moved;  // none: it stays; whether it is known to be another one now
  std::string user, password;                           // without a password: no AUTH
  uint64_t database = 0;
  std::string name;  // as CLIENT LIST shows it
  size_t reply_bytes_max = 64 << 20;
  uint64_t seed = 0;  // of the jitter
};

class Link {
 public:
  enum class State : uint8_t { idle, connecting, greeting, ready };

  // `scripts`: loads them, and knows their digests when it is ready.
  Link(const LinkOptions& options, reactor::Reactor& reactor, bool scripts);

  State state() const { return state_; }
  bool ready() const { return state_ == State::ready; }
  bool owns(reactor::ConnectionId id) const { return state_ != State::idle && id == connection_; }
  const std::string& run() const { return run_; }  // the server's run id
  const std::string& digest(Script script) const { return digests_[static_cast<size_t>(script)]; }
  codec::RespParser& parser() { return *parser_; }

  // Connects when it is idle and its time has come; an error is one that no connection could be begun for.
  [[nodiscard]] Result<void> connect_when_due();
  // It is connected.
  void greet();
  // A reply while it is greeting. An error: it cannot be used, and is to be closed.
  [[nodiscard]] Result<void> take_greeting(codec::RespValue reply);
  // Closes it, if it is open; the next one follows after a while.
  void close();
  // The next one follows at once: it was not this one's fault.
  void hurry() { retry_at_ns_ = 0; }
  // How long it has been since it was begun, in time that this thread has run.
  void pass(int64_t ns);
  bool too_slow() const;  // to connect or to greet
  // Another server has taken its place.
  bool moved() const { return state_ != State::idle && options_.moved && options_.moved(address_); }

  // What is to be sent: leaves with flush(), once a tick.
  std::string& out() { return out_; }
  void flush();
  void hold_back(bool held);  // stops and goes on reading

 private:
  reactor::Connection* connection();

  const LinkOptions options_;
  reactor::Reactor& reactor_;
  const bool scripts_;
  State state_ = State::idle;
  reactor::ConnectionId connection_;
  io::SocketAddress address_;
  std::unique_ptr<codec::RespParser> parser_;
  std::string out_, run_, digests_[kScripts];
  uint32_t greeted_ = 0, greetings_ = 0;  // replies that have come, and that are to come
  int64_t retry_at_ns_ = 0, backoff_ns_ = 0, age_ns_ = 0;
  std::mt19937_64 random_;
};

}  // namespace ringcast::cluster
