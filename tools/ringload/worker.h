// SPDX-License-Identifier: Apache-2.0
// Worker: one thread of the generator with its connections, its descriptor table and its backend.
// Lives on its own thread from run() on; others only read its Progress, and its Measures when the thread has ended.
// worker.cc has the loop and the way out, worker_open.cc connecting, worker_receive.cc the way in, worker_publish.cc
// the load, worker_slow.cc readers that do not keep up.
#pragma once

#include <deque>
#include <queue>
#include <random>
#include <span>
#include <vector>

#include "connection.h"
#include "run.h"
#include "schedule.h"

namespace ringcast::ringload {

class Worker {
 public:
  Worker(Run& run, uint32_t index);

  // The thread's whole life. An error when it could not begin.
  Result<void> run();

  const Measures& measures() const { return measures_; }
  std::string_view engine() const { return engine_; }

 private:
  using State = Connection::State;
  using Speaks = Connection::Speaks;

  // worker.cc
  void loop();
  int64_t next_due(int64_t now) const;
  void handle(const io::Event& event);
  Outgoing& outgoing(Connection& connection);
  std::string& write_to(Connection& connection);  // its bytes leave with the next flush
  void drop_outgoing(Connection& connection);
  void flush();
  void sweep();
  void close(Connection& connection, io::CloseMode mode);
  void lost(Connection& connection, ErrorKind kind, std::string_view example);
  void note(ErrorKind kind, std::string_view example);
  void finish();
  uint32_t index_of(const Connection& connection) const {
    return static_cast<uint32_t>(&connection - connections_.data());
  }

  // worker_open.cc
  void plan_connections();
  void connect_due();
  void churn_due();
  void cuts_due();
  void renew(Connection& connection);
  template <class Wanted>
  Connection* next_member(uint32_t& next, Wanted&& wanted);
  void connect(Connection& connection);
  void on_connected(Connection& connection);
  void on_ended(Connection& connection, const io::Event& event);
  void send_request(Connection& connection, std::string_view target);
  void on_upgraded(Connection& connection);
  void on_joined(Connection& connection);
  void advance_greeting(Connection& connection, std::string_view text);
  uint32_t joined_room(const Connection& connection) const;
  std::string room_name(uint32_t room) const;
  std::string user_name(const Connection& connection) const;
  const Role& role_of(const Connection& connection) const { return options_.roles[connection.role]; }
  const Dialect& dialect_of(const Connection& connection) const { return role_of(connection).dialect; }

  // worker_receive.cc
  void on_bytes(Connection& connection, std::span<uint8_t> bytes);
  void on_head(Connection& connection, std::span<uint8_t> rest);
  void read_websocket(Connection& connection, std::span<uint8_t> bytes);
  bool read_whole_frame(Connection& connection, std::span<uint8_t>& bytes);
  void on_frame(Connection& connection, const wire::WebSocketEvent& event);
  void read_http(Connection& connection, std::span<const uint8_t> bytes);
  void on_body(Connection& connection, std::span<const uint8_t> body);
  void on_answer(Connection& connection);
  void note_position(Connection& connection, std::string_view text);
  void on_text(Connection& connection, std::string_view text);
  void on_message(Connection& connection, std::string_view text);
  void deliver(Connection& connection, const Payload& payload);
  void record_latency(const Connection& connection, const Payload& payload);
  void count_member_share(const Connection& connection, const Payload& payload);

  // worker_publish.cc
  void start_load();
  bool all_sent();
  void end_load();
  void load_due();
  void publish_due();
  void ask_due();
  void fill_pipes();
  void echo_due();
  void publish(Connection& connection, uint32_t stream, int64_t intended_ns, int64_t sent_ns);
  void send_text(Connection& connection, std::string_view text);
  void request(Connection& connection, int64_t intended_ns);
  bool out_of_room(const Connection& connection) const;

  // worker_slow.cc
  void hold_slow_readers();
  void release_slow_readers();
  void slow_readers_due();
  void count_slow_read(Connection& connection, size_t bytes);

  // An open loop: what is due, and whose turn it is.
  struct Pace {
    Schedule schedule;
    uint64_t done = 0;
    uint32_t next = 0;
  };

  Run& run_;
  const Options& options_;
  const uint32_t index_;
  Progress& progress_;
  Measures measures_;
  std::string_view engine_;
  std::unique_ptr<io::Backend> backend_;
  std::minstd_rand random_;

  std::vector<Connection> connections_;  // members, then publishers
  uint32_t members_ = 0;
  uint32_t publishers_ = 0;
  std::vector<SequenceChecker> checkers_;
  uint32_t checkers_per_member_ = 0;
  std::vector<std::pair<uint64_t, uint32_t>> shares_;  // saturating: per stream and slot, sequence and members
  uint32_t share_window_ = 0;

  std::deque<Outgoing> outgoing_;  // stable addresses
  std::vector<Outgoing*> outgoing_free_;
  std::vector<uint32_t> dirty_;
  std::vector<io::SendOp> ops_;
  std::vector<iovec> iovs_;
  std::vector<uint32_t> op_owners_;

  Schedule connects_;
  uint64_t connects_done_ = 0;
  Schedule churn_;
  uint64_t churn_done_ = 0;
  uint32_t churn_next_ = 0;
  Schedule cuts_;
  uint64_t cuts_done_ = 0;
  uint32_t cuts_next_ = 0;
  std::deque<std::pair<int64_t, uint32_t>> reopen_;  // when, and who
  bool loading_ = false;
  bool askers_busy_ = false;  // until something happens
  int64_t give_up_at_ = 0;    // what is still to be sent after the end; 0: the end has not come
  Pace publishing_;
  Pace asking_;
  std::vector<uint32_t> askers_;                 // members that echo or ask
  std::vector<uint32_t> echo_again_;             // closed loop: may send their next
  using Release = std::pair<int64_t, uint32_t>;  // when, and which slow reader
  std::priority_queue<Release, std::vector<Release>, std::greater<>> releases_;

  int64_t now_ = 0;  // since the epoch: when the last wait() returned
  int64_t sweep_at_ = 0;
  int64_t measure_from_ = 0;
  size_t hint_ = 0;  // where the last payload lay in its text: the next one most often lies there too
  std::string key_;  // Sec-WebSocket-Key of this worker
  std::string scratch_;
  std::string payload_scratch_;
};

}  // namespace ringcast::ringload
