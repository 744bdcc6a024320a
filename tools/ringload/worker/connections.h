// SPDX-License-Identifier: Apache-2.0
// Connections: what the parts of a worker share: its connections, what leaves on them, what goes wrong with them, the
// time of the turn, and where all is counted. Members come first, then publishers. Worker's thread only.
#pragma once

#include <deque>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../run.h"
#include "connection.h"
#include "http2.h"
#include "tls/tls_backend.h"

namespace ringcast::ringload {

class Connections {
 public:
  using State = Connection::State;

  Connections(Run& of, uint32_t index) : run(of), options(of.options), worker(index), progress(of.progress[index]) {}

  // A descriptor table of this thread's own, and the engine. An error when there is none.
  [[nodiscard]] Result<void> open();
  // RST: a million sockets in TIME_WAIT would take the ports of the next run.
  void reset_all();

  // Members and publishers, and behind them what carries them as streams, where --http2 is given.
  void resize(uint32_t of_members, uint32_t of_publishers);
  size_t size() const { return size_t{members} + publishers; }
  auto begin() { return all_.begin(); }
  auto end() { return all_.begin() + static_cast<std::ptrdiff_t>(size()); }
  Connection& operator[](size_t index) { return all_[index]; }
  uint32_t index_of(const Connection& connection) const { return static_cast<uint32_t>(&connection - all_.data()); }
  io::Backend& backend() { return *backend_; }

  const Role& role_of(const Connection& connection) const { return options.roles[connection.role]; }
  const Dialect& dialect_of(const Connection& connection) const { return role_of(connection).dialect; }

  // Bytes for the connection: they leave with the next flush.
  std::string& write_to(Connection& connection);
  void on_writable(Connection& connection);
  // More waits for it than is good.
  bool is_full(const Connection& connection) const;
  void flush();

  // Nothing more is read of it until it is released.
  void hold(Connection& connection);
  void release(Connection& connection);

  void close(Connection& connection, io::CloseMode mode);
  // It has ended: for good, or to be opened again where our close frame was out. ErrorKind::count_: no error.
  void lost(Connection& connection, ErrorKind kind, std::string_view example);
  void note(ErrorKind kind, std::string_view example);
  // It is opened again at that time; in the order of the times.
  void reopen_at(int64_t when, const Connection& connection) { reopen.push_back({when, index_of(connection)}); }

  Run& run;
  const Options& options;
  const uint32_t worker;
  Progress& progress;
  Measures measures;
  uint32_t members = 0;
  uint32_t publishers = 0;
  std::unique_ptr<Http2> http2;                     // none: each has a connection of its own
  int64_t now = 0;                                  // since the epoch: when the last wait() returned
  int64_t measure_from = 0;                         // what is intended earlier warms up
  std::deque<std::pair<int64_t, uint32_t>> reopen;  // when, and who

 private:
  [[nodiscard]] Result<void> speak_tls();
  Outgoing& outgoing(Connection& connection);
  void drop_outgoing(Connection& connection);

  std::unique_ptr<tls::ClientContext> tls_client_;  // none: plain
  std::unique_ptr<io::Backend> backend_;
  std::vector<Connection> all_;
  std::deque<Outgoing> outgoing_;  // stable addresses
  std::vector<Outgoing*> outgoing_free_;
  std::vector<uint32_t> dirty_;
  std::vector<io::SendOp> ops_;
  std::vector<iovec> iovs_;
  std::vector<uint32_t> op_owners_;
};

}  // namespace ringcast::ringload
