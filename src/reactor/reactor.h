// SPDX-License-Identifier: Apache-2.0
// One core's event loop: owns its backend, connections, timing wheel and mailboxes for good. Everything here is called
// on the reactor's own thread, stop() apart. A tick is written in Reactor::tick().
#pragma once

#include <tsl/robin_map.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/block.h"
#include "base/bucket_histogram.h"
#include "base/clock.h"
#include "base/slab.h"
#include "base/timing_wheel.h"
#include "io/backend.h"
#include "reactor/connection.h"
#include "reactor/mesh.h"
#include "reactor/unread_ranking.h"

namespace ringcast::reactor {

inline constexpr io::Nanoseconds kInterval = std::chrono::milliseconds(100);
// What pools keep and nobody has needed for so long goes back to the allocator.
inline constexpr io::Nanoseconds kTrimInterval = std::chrono::seconds(1);
// Timers fire on multiples of this, so that heartbeats leave in batches.
inline constexpr io::Nanoseconds kTimerTick = std::chrono::milliseconds(50);

// Work for many connections at once is queued and done in parts, so that who waits for a single message does not wait
// for all of it. A tick takes kTurnsPerTick entries of a queue; of a long queue as many as it takes for its last entry
// to wait at most kTurnTicksMax ticks.
inline constexpr size_t kTurnsPerTick = 32;
inline constexpr size_t kTurnTicksMax = 16;
constexpr size_t turns(size_t waiting) {
  return std::min(waiting, std::max(kTurnsPerTick, (waiting + kTurnTicksMax - 1) / kTurnTicksMax));
}
// A connection with more than this to send has to wait for its turn; what others have been sent leaves first.
inline constexpr uint64_t kBulkBytes = 16 << 10;
// Answers of HTTP are made when they are asked for and only while few wait to be sent, so these need no more turns.
inline constexpr size_t kAnswersPerTick = 4;

// What lives above a reactor: the sessions. One level up, one object per reactor.
class Handler {
 public:
  virtual ~Handler() = default;
  // A connection was accepted. The handler calls Reactor::start_receive (now or later) or close.
  virtual void on_accepted(ConnectionId id, uint16_t listener) = 0;
  // Bytes in a buffer that is the handler's to change until it returns. Whatever it cannot use now (because it paused
  // reading) it must copy.
  virtual void on_bytes(ConnectionId id, std::span<uint8_t> bytes) = 0;
  // The peer sent FIN, or the socket failed. The handler must close, now or once it has answered, or, where only a send
  // has failed (Connection::input_ended is not set), when what had arrived before has been delivered and this is called
  // again.
  virtual void on_peer_gone(ConnectionId id, io::CloseReason reason) = 0;
  // Everything that was queued has been taken by the kernel; called once per flush that emptied an outbox which
  // Connection::want_drained asked about.
  virtual void on_drained(ConnectionId id) = 0;
  // More is queued than the connection's limits allow (`cause` slow_consumer), or all slow readers together hold too
  // much and this one more than half of what any of them does (`cause` unread_total), after a flush could not send it.
  virtual void on_slow(ConnectionId id, CloseCause cause) = 0;
  virtual void on_timer(ConnectionId id) = 0;
  virtual void on_mail(const Mail& mail) = 0;
  // Before the flush: what was put aside for the tick goes to the outboxes now.
  virtual void on_tick() = 0;
  // After the flush.
  virtual void on_flushed() {}
  // Every kInterval, for sweeps.
  virtual void on_interval() = 0;
  // The connection's slot is about to be freed, whoever closed it. Called at the end of the tick.
  virtual void on_closed(ConnectionId id, CloseCause cause) = 0;
};

struct ReactorOptions {
  uint16_t core = 0;
  uint32_t connections_max = 19000;
  uint32_t detached_max = 0;  // streams without a socket that nothing is sent on, beside those
  uint32_t carried_max = 0;   // streams that share connections
  uint32_t outbox_bytes_max = 1 << 20;
  uint32_t outbox_messages_max = 256;
  uint64_t unread_bytes_max = UINT64_MAX;  // of all slow readers of this core together
  io::Nanoseconds spin{0};                 // how long to look for events before sleeping
  // Tests: looks at the frames of everything that is queued, which a partial send would stumble over otherwise.
  bool checks_frames = false;
};

// Single writer, relaxed readers: see metrics.
struct ReactorStats {
  std::atomic<uint64_t> ticks{0}, accepted{0}, closed{0}, bytes_in{0}, bytes_out{0}, frames_out{0}, flushes{0};
  std::atomic<uint64_t> flushed_connections{0}, slow{0}, open{0}, busy_ns{0}, queued_bytes{0};
  BucketHistogram send_bytes, send_frames;  // what one send carried
  BucketHistogram queued_frames;            // what waited for its connection before it
  BucketHistogram flush_connections;        // of one batch of sends
  BucketHistogram mailbox_mails;            // that a tick found, where it found any
  BucketHistogram lag_us;                   // how late the ticks were that come every kInterval
  std::atomic<uint64_t> closed_by_cause[static_cast<size_t>(CloseCause::count_)]{};
  std::atomic<uint64_t> carried{0}, carried_ever{0};  // streams that share connections: open now, and ever
  std::atomic<uint64_t> carried_by_cause[static_cast<size_t>(CloseCause::count_)]{};
  // Copies of the backend's and the mailboxes' own counters, made every kInterval.
  std::atomic<uint64_t> waits{0}, syscalls{0}, sends{0}, short_sends{0}, receives{0}, buffers_exhausted{0};
  std::atomic<uint64_t> multishot_rearmed{0}, cq_overflows{0}, sq_full{0}, accept_emfile{0}, wakeups{0};
  std::atomic<uint64_t> mail_sent{0}, mail_received{0}, mail_overflowed{0}, mail_wakeups{0}, mail_depth{0};
};

class Reactor {
 public:
  Reactor(const ReactorOptions& options, std::unique_ptr<io::Backend> backend, Mailboxes& mailboxes, Clock& clock);
  ~Reactor();

  void set_handler(Handler* handler) { handler_ = handler; }
  // One tick; waits for at most `timeout` (negative: until something happens). Used by run() and by the simulation.
  void tick(io::Nanoseconds timeout);
  // Ticks until stop() was called.
  void run();
  // Any thread; run() returns after the tick, so wake it (Mesh::wake).
  void stop() { stop_.store(true, std::memory_order_release); }

  // --- for handlers ---
  Connection* find(ConnectionId id);  // nullptr when that connection is gone
  Connection& at(uint32_t slot);      // must be live
  // A connection made by us (load generator, tests): `connected` arrives as on_accepted with listener UINT16_MAX.
  [[nodiscard]] Result<ConnectionId> connect(const io::SocketAddress& remote, const io::SocketAddress* local);

  // A stream without a socket, for what is delivered by way of others: it has a slot and an end like any other, and
  // nothing is sent on it. The slot is kNoIndex when there are as many as there may be.
  StreamId open_detached();

  void start_receive(Connection& connection);
  void pause_reading(Connection& connection, PauseReason reason);  // reasons are a set: all must be lifted
  void resume_reading(Connection& connection, PauseReason reason);

  // Queues whole frames (OutputRules::frame_length); they leave with everything else in this tick's flush. Nothing is
  // queued any more after close_after_flush().
  void send(Connection& connection, const Segment& segment);
  // Copies a response's head with the first frames behind it: one frame (kOpening), before all that is queued. Nothing
  // has been sent yet.
  void send_opening(Connection& connection, std::string_view bytes);
  // Copies into this core's scratch block and queues: for what belongs to one connection only. `rest` follows `bytes`
  // in the same segment, so a frame's head and payload may lie apart.
  void send_copy(Connection& connection, std::string_view bytes, std::string_view rest = {});
  OwnedSlice copy(std::string_view bytes);  // into the scratch block
  // Limits and frame ends of what is queued. Until then those of ReactorOptions, and each segment is one frame. Where
  // frames end changes only while nothing is queued.
  void set_output(Connection& connection, const OutputRules& rules);
  void reset_output(Connection& connection);  // as it was accepted
  const OutputRules& output_of(const Connection& connection) const { return outputs_[connection.output]; }
  // Holds sending back (uncork lets go), e.g. while the first answer is not known yet.
  void cork(Connection& connection, bool corked);
  // on_drained follows in this tick's flush, or when the outbox gets empty later.
  void want_drained(Connection& connection);

  void close(Connection& connection, CloseCause cause, io::CloseMode mode = io::CloseMode::graceful);
  // Sends what is queued, then FIN; then waits for the peer's FIN for at most `linger`, discarding what still arrives
  // (so that the answer is not lost to an RST), then closes. The time runs from when the peer has got everything, and
  // anew for as long as it goes on reading: only a peer that reads nothing for so long is reset.
  void close_after_flush(Connection& connection, CloseCause cause, io::Nanoseconds linger);

  // Whether this peer goes on reading what was sent to it: it has taken some of it since the last call, or, where this
  // is the first that finds something under way, has answered within the last `period`. To be asked when a deadline for
  // the peer's next step is over: that runs from when the peer has got what came before. Makes system calls.
  bool still_reading(const Connection& connection, io::Nanoseconds period);

  void arm_timer(Connection& connection, io::Nanoseconds from_now);
  void cancel_timer(Connection& connection);

  // --- for the carrier ---
  // Before the first tick; outlives the reactor's last one.
  void set_carrier(Carrier* carrier) { carrier_ = carrier; }
  // A stream of its own, of a connection that came by `listener`. The slot is kNoIndex when there are as many as there
  // may be. start_receive() is called as for a connection.
  StreamId open_carried(uint16_t listener);
  // Moves up to `bytes` of what the stream has to send behind what `onto` has: the same slices, no copy. Returns how
  // many it moved. Within Carrier::flush() only, as settle().
  uint32_t pull(Stream& stream, uint32_t bytes, Connection& onto);
  // The stream's turn is over: what it has left waits for the carrier (`blocked`), within its limits; where nothing is
  // left, on_drained follows if it was wanted.
  void settle(Stream& stream);
  // Carrier::flush() is called in this tick's flush, or in the next one's.
  void mark_carrier_busy() { carrier_busy_ = true; }

  void post(uint16_t to, const Mail& mail) { mailboxes_.send(to, mail); }
  // Mails that their receivers have no room for yet.
  uint32_t mail_waiting() const { return mailboxes_.stats().overflow_depth; }
  // For one publish of a foreign thread.
  void return_credit(MemberId producer, uint32_t bytes) { mailboxes_.return_credit(producer, 1, bytes); }
  // Connections whose answers (Connection::unlimited_output) wait for their turn to be sent.
  size_t answers_waiting() const { return answers_.size(); }
  // The next tick follows at once: there is work that no event announces.
  void tick_again() { tick_again_ = true; }
  io::Nanoseconds now() const { return now_; }  // monotonic, read once per tick
  // Not the tick's time but now.
  io::Nanoseconds read_clock() { return io::Nanoseconds(clock_.refresh().monotonic_ns); }
  uint64_t wall_us() const { return wall_us_; }  // since 1970, read once per tick
  io::Backend& backend() { return *backend_; }
  const ReactorOptions& options() const { return options_; }
  uint16_t core() const { return options_.core; }
  ReactorStats& stats() { return stats_; }
  uint32_t open_connections() const { return connections_.size() - detached_ - carried_; }  // with a socket
  uint32_t live_connections() const { return connections_.size(); }                         // and without
  template <class F>
  void for_each(F&& f);  // every live connection

 private:
  struct TimerNodes {
    Slab<Connection>* connections;
    TimerNode& operator()(TimerId slot) const { return (*connections)[slot].timer; }
  };
  void take_events(std::span<const io::Event> events);
  void take_accepted(const io::Event& event);
  void take_writable(Connection& connection);
  void take_mail();
  void take_timers();
  void flush();
  void flush_queue(std::deque<ConnectionId>& queue, size_t count);
  enum class Turn : uint8_t { first, bulk };  // `first`: those with much to send are put into a line
  void flush_batch(std::span<const uint32_t> slots, Turn turn);
  bool take_result(Connection& connection, const io::SendOp& op, uint64_t wanted);
  void after_send(Connection& connection, int64_t result);
  Stream* open_without_socket(uint32_t& open, uint32_t max, uint16_t listener);
  void finish_closing(Connection& connection);
  io::Delivery delivery_of(const Connection& connection) const;
  void end_lingering(Connection& connection);
  void mark_dirty(Connection& connection);
  void check_frames(const Connection& connection, const Segment& segment) const;
  void take_slow();
  void trim_pools();
  void copy_counters();
  bool is_over_limits(const Connection& connection) const;
  void note_slow(Connection& connection);
  void count_unread(Connection& connection);
  void reap();
  io::Nanoseconds wait_time(io::Nanoseconds timeout);

  ReactorOptions options_;
  std::unique_ptr<io::Backend> backend_;
  Mailboxes& mailboxes_;
  Clock& clock_;
  Handler* handler_ = nullptr;
  io::Nanoseconds now_;
  uint64_t wall_us_;
  io::Nanoseconds next_interval_;
  io::Nanoseconds next_trim_{0};
  io::Nanoseconds last_active_{0};
  Slab<Connection> connections_;
  uint32_t detached_ = 0, carried_ = 0;  // of those, without a socket
  Carrier* carrier_ = nullptr;
  bool carrier_busy_ = false;
  std::vector<OutputRules> outputs_;  // each that a connection has had, once
  TimingWheel<TimerNodes> wheel_;
  std::vector<uint32_t> dirty_;                      // have something to send in this tick
  std::vector<ConnectionId> idle_;                   // have nothing to send, and want on_drained
  std::deque<ConnectionId> streams_, answers_;       // have much to send, and wait for their turn
  std::deque<ConnectionId> slow_;                    // over their limits
  std::deque<ConnectionId> due_;                     // whose timers have fired
  std::vector<uint32_t> dead_;                       // closed in this tick, freed at its end
  std::vector<uint8_t> gather_;                      // where small pieces of one connection are laid together
  io::Nanoseconds linger_{0};                        // of the latest close_after_flush()
  tsl::robin_map<uint32_t, uint64_t> acknowledged_;  // by slot: at the last still_reading() that found something
  uint64_t unread_bytes_ = 0;                        // queued on blocked connections
  UnreadRanking unread_;                             // which ones
  BlockWriter scratch_{16384};
  bool tick_again_ = false;
  bool overflow_moved_ = false;  // the last tick's end has: credit may be given back for it
  std::atomic<bool> stop_{false};
  ReactorStats stats_;
};

template <class F>
void Reactor::for_each(F&& f) {
  connections_.for_each([&](uint32_t, Connection& connection) {
    if (!connection.dead) f(connection);
  });
}

}  // namespace ringcast::reactor
