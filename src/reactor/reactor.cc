// SPDX-License-Identifier: Apache-2.0
#include "reactor/reactor.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/erase_at.h"
#include "base/free_memory.h"

namespace ringcast::reactor {

namespace {

constexpr size_t kFlushBatch = 256;
// Sets of limits that are kept apart; the numbers above are for wire forms that none of them has, of which there is a
// handful.
constexpr size_t kOutputsMax = 4096;
// Several small pieces of one connection are laid together up to this: one buffer is cheaper for the kernel than many.
constexpr uint64_t kGatherMax = 8192;
constexpr io::Nanoseconds kTrimIntervalMax = std::chrono::seconds(10);
constexpr int kTrimSpacing = 1000;  // times as long as what a trim has taken passes until the next

void add(std::atomic<uint64_t>& counter, uint64_t by = 1) {
  // Single writer: a load and a store are enough, readers may be a moment late.
  counter.store(counter.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
}

CloseCause cause_of(io::CloseReason reason) {
  switch (reason) {
    case io::CloseReason::peer_closed: return CloseCause::peer_closed;
    case io::CloseReason::peer_reset: return CloseCause::peer_reset;
    case io::CloseReason::peer_timeout: return CloseCause::peer_timeout;
    case io::CloseReason::connect_failed: return CloseCause::connect_failed;
    case io::CloseReason::tls_failed: return CloseCause::tls_failed;
    default: return CloseCause::io_error;
  }
}

io::CloseReason reason_of(int error) {
  switch (error) {
    case EPIPE:
    case ECONNRESET: return io::CloseReason::peer_reset;
    case ETIMEDOUT: return io::CloseReason::peer_timeout;
    default: return io::CloseReason::io_error;
  }
}

}  // namespace

Reactor::Reactor(const ReactorOptions& options, std::unique_ptr<io::Backend> backend, Mailboxes& mailboxes,
                 Clock& clock)
    : options_(options),
      backend_(std::move(backend)),
      mailboxes_(mailboxes),
      clock_(clock),
      now_(clock.monotonic_ns()),
      wall_us_(static_cast<uint64_t>(clock.wall_us())),
      next_interval_(now_ + kInterval),
      connections_(options.connections_max + options.detached_max + options.carried_max, 1024),
      outputs_{{nullptr, options.outbox_bytes_max, options.outbox_messages_max}},
      wheel_(TimerNodes{&connections_}, now_.count(), kTimerTick.count()) {}

Reactor::~Reactor() {
  // Sockets close with the backend; what was queued is given back while blocks can still be counted.
  connections_.for_each([](uint32_t, Connection& connection) { connection.outbox.clear(); });
}

void Reactor::tick(io::Nanoseconds timeout) {
  timeout = wait_time(timeout);
  tick_again_ = false;
  if (timeout != io::Nanoseconds::zero() && !mailboxes_.prepare_sleep()) timeout = io::Nanoseconds::zero();
  const std::span<const io::Event> events = backend_->wait(timeout);
  mailboxes_.finish_sleep();
  clock_.refresh();
  now_ = io::Nanoseconds(clock_.monotonic_ns());
  wall_us_ = static_cast<uint64_t>(clock_.wall_us());
  if (!events.empty()) last_active_ = now_;
  take_events(events);
  take_mail();
  take_timers();
  handler_->on_tick();
  flush();
  handler_->on_flushed();
  take_slow();
  reap();
  overflow_moved_ = mailboxes_.publish();
  add(stats_.ticks);
  stats_.open.store(open_connections(), std::memory_order_relaxed);
  stats_.queued_bytes.store(unread_bytes_, std::memory_order_relaxed);
}

void Reactor::run() {
  while (!stop_.load(std::memory_order_acquire)) tick(io::Nanoseconds(-1));
}

io::Nanoseconds Reactor::wait_time(io::Nanoseconds timeout) {
  const bool anybody_waits =
      !dirty_.empty() || !idle_.empty() || !streams_.empty() || !answers_.empty() || !slow_.empty() || !due_.empty();
  if (anybody_waits || carrier_busy_ || mailboxes_.has_self() || overflow_moved_ || tick_again_)
    return io::Nanoseconds::zero();
  // Against the clock as it is now: the work since the tick's beginning has taken its time.
  const io::Nanoseconds now(clock_.refresh().monotonic_ns);
  if (now - last_active_ < options_.spin) return io::Nanoseconds::zero();
  const io::Nanoseconds due = std::min(next_interval_, io::Nanoseconds(wheel_.next_expiry_ns()));
  const io::Nanoseconds until = std::max(due - now, io::Nanoseconds::zero());
  return timeout < io::Nanoseconds::zero() ? until : std::min(timeout, until);
}

Connection* Reactor::find(ConnectionId id) {
  Connection* connection = connections_.get(id.slot, id.generation);
  return connection == nullptr || connection->dead ? nullptr : connection;
}

Connection& Reactor::at(uint32_t slot) {
  return connections_[slot];
}

void Reactor::take_events(std::span<const io::Event> events) {
  for (const io::Event& event : events) {
    if (event.kind == io::EventKind::accepted) {
      take_accepted(event);
      continue;
    }
    if (!connections_.live(event.owner)) continue;
    Connection& connection = connections_[event.owner];
    // The batch may hold events of a connection that an earlier event of the same batch has closed.
    if (connection.dead || connection.socket != event.socket) continue;
    switch (event.kind) {
      case io::EventKind::connected: handler_->on_accepted(connection.id(), connection.listener); break;
      case io::EventKind::bytes:
        add(stats_.bytes_in, event.bytes.size());
        if (!connection.closing) handler_->on_bytes(connection.id(), event.bytes);
        break;
      case io::EventKind::writable: take_writable(connection); break;
      case io::EventKind::closed:
        // A send that failed before has said why; what follows it is the end of the input.
        if (!connection.peer_gone && !connection.closing) connection.close_cause = cause_of(event.reason);
        connection.peer_gone = connection.input_ended = true;
        if (connection.closing && (connection.fin_sent || event.reason != io::CloseReason::peer_closed)) {
          close(connection, connection.close_cause);
        } else if (!connection.closing) {
          handler_->on_peer_gone(connection.id(), event.reason);
        }
        break;
      case io::EventKind::accepted: break;
    }
  }
}

void Reactor::take_writable(Connection& connection) {
  connection.blocked = false;
  count_unread(connection);
  if (!connection.outbox.empty()) return mark_dirty(connection);
  // What had been taken before waited in the backend.
  if (connection.closing) {
    if (!connection.fin_sent) finish_closing(connection);
  } else if (connection.want_drained) {
    idle_.push_back(connection.id());
  }
}

void Reactor::take_accepted(const io::Event& event) {
  const uint32_t slot = open_connections() < options_.connections_max ? connections_.acquire() : kNoIndex;
  if (slot == kNoIndex) {
    backend_->close(event.socket, io::CloseMode::reset);
    add(stats_.closed_by_cause[static_cast<size_t>(CloseCause::refused)]);
    return;
  }
  Connection& connection = connections_[slot];
  connection.socket = event.socket;
  connection.slot = slot;
  connection.generation = connections_.generation(slot);
  connection.listener = event.listener;
  add(stats_.accepted);
  handler_->on_accepted(connection.id(), event.listener);
}

Result<ConnectionId> Reactor::connect(const io::SocketAddress& remote, const io::SocketAddress* local) {
  const uint32_t slot = connections_.acquire();
  if (slot == kNoIndex) {
    return fail("connections_full", "all " + std::to_string(options_.connections_max) + " connections are in use");
  }
  auto socket = backend_->connect(remote, local, slot);
  if (!socket) {
    connections_.release(slot);
    return tl::unexpected<Error>(std::move(socket.error()));
  }
  Connection& connection = connections_[slot];
  connection.socket = *socket;
  connection.slot = slot;
  connection.generation = connections_.generation(slot);
  connection.listener = UINT16_MAX;
  return connection.id();
}

// Of `open` streams there may be `max`.
Stream* Reactor::open_without_socket(uint32_t& open, uint32_t max, uint16_t listener) {
  const uint32_t slot = open < max ? connections_.acquire() : kNoIndex;
  if (slot == kNoIndex) return nullptr;
  ++open;
  Stream& stream = connections_[slot];
  stream.slot = slot;
  stream.generation = connections_.generation(slot);
  stream.listener = listener;
  return &stream;
}

StreamId Reactor::open_detached() {
  Stream* const stream = open_without_socket(detached_, options_.detached_max, UINT16_MAX);
  if (stream == nullptr) return {kNoIndex, 0};
  stream->corked = true;
  return stream->id();
}

StreamId Reactor::open_carried(uint16_t listener) {
  RINGCAST_ASSERT(carrier_ != nullptr);
  Stream* const stream = open_without_socket(carried_, options_.carried_max, listener);
  if (stream == nullptr) return {kNoIndex, 0};
  add(stats_.carried_ever);
  stats_.carried.store(carried_, std::memory_order_relaxed);
  stream->carried = true;
  return stream->id();
}

uint32_t Reactor::pull(Stream& stream, uint32_t bytes, Connection& onto) {
  RINGCAST_ASSERT(stream.carried && !stream.dead && !stream.corked);
  bytes = static_cast<uint32_t>(std::min<uint64_t>(bytes, stream.outbox.bytes()));
  if (bytes == 0) return 0;
  stream.outbox.copy_to(onto.outbox, bytes);
  stream.outbox.consume(bytes, output_of(stream).frame_length);
  if (!onto.blocked) mark_dirty(onto);
  return bytes;
}

void Reactor::settle(Stream& stream) {
  if (stream.dead) return;
  stream.blocked = !stream.outbox.empty();
  count_unread(stream);
  if (stream.blocked) return note_slow(stream);
  if (stream.want_drained && !stream.closing) idle_.push_back(stream.id());
}

void Reactor::take_mail() {
  // Mail to this core itself may cause more of it; the chain is finite because every step moves a request forward.
  do {
    const uint32_t mails = mailboxes_.drain([this](const Mail& mail) { handler_->on_mail(mail); });
    if (mails != 0) stats_.mailbox_mails.record(mails);
  } while (mailboxes_.has_self());
}

void Reactor::take_timers() {
  wheel_.advance(now_.count(), [this](TimerId slot) {
    Connection& connection = connections_[slot];
    if (connection.dead) return;
    connection.due = true;
    due_.push_back(connection.id());
  });
  for (size_t left = turns(due_.size()); left != 0; --left) {
    Connection* const connection = find(due_.front());
    due_.pop_front();
    if (connection == nullptr || !connection->due) continue;
    connection->due = false;
    if (connection->closing) {
      end_lingering(*connection);
    } else {
      handler_->on_timer(connection->id());
    }
  }
  if (now_ >= next_interval_) {
    stats_.lag_us.record(static_cast<uint64_t>((now_ - next_interval_).count()) / 1000);
    next_interval_ = now_ + kInterval;
    copy_counters();
    if (now_ >= next_trim_) trim_pools();
    handler_->on_interval();
  }
}

void Reactor::start_receive(Connection& connection) {
  RINGCAST_ASSERT(!connection.receiving && !connection.dead);
  connection.receiving = true;
  if (connection.carried) return;
  backend_->start_receive(connection.socket, connection.slot);
  if (connection.pauses != 0) backend_->pause_receive(connection.socket);
}

void Reactor::pause_reading(Connection& connection, PauseReason reason) {
  const bool was_paused = connection.pauses != 0;
  connection.pauses |= static_cast<uint8_t>(reason);
  if (connection.carried) return;  // what is not taken is not asked for
  if (!was_paused && connection.receiving && !connection.dead) backend_->pause_receive(connection.socket);
}

void Reactor::resume_reading(Connection& connection, PauseReason reason) {
  if ((connection.pauses & static_cast<uint8_t>(reason)) == 0) return;
  connection.pauses &= static_cast<uint8_t>(~static_cast<uint8_t>(reason));
  if (connection.pauses != 0 || !connection.receiving || connection.dead) return;
  if (connection.carried) return carrier_->on_reading(connection);
  backend_->resume_receive(connection.socket);
}

void Reactor::send(Connection& connection, const Segment& segment) {
  if (connection.dead || connection.closing || segment.length == 0) return;
  check_frames(connection, segment);
  connection.outbox.append(segment);
  if (connection.blocked) {
    count_unread(connection);
    note_slow(connection);
  } else {
    mark_dirty(connection);
  }
}

void Reactor::send_opening(Connection& connection, std::string_view bytes) {
  if (connection.dead || connection.closing) return;
  const Slice slice = scratch_.append(bytes);
  connection.outbox.prepend({.hold = slice.hold, .offset = slice.offset, .length = slice.length, .channel = kOpening});
  if (!connection.blocked) mark_dirty(connection);
}

OwnedSlice Reactor::copy(std::string_view bytes) {
  return OwnedSlice(scratch_.append(bytes));
}

void Reactor::send_copy(Connection& connection, std::string_view bytes, std::string_view rest) {
  if (bytes.empty() || connection.dead || connection.closing) return;
  const Slice slice = scratch_.append(bytes, rest);
  send(connection, Segment{.hold = slice.hold, .offset = slice.offset, .length = slice.length});
}

void Reactor::check_frames(const Connection& connection, const Segment& segment) const {
  if (!options_.checks_frames) return;
  const FrameLength frame_length = output_of(connection).frame_length;
  if (frame_length == nullptr || segment.channel == kOpening) return;
  std::span<const uint8_t> rest(segment.hold->data() + segment.offset, segment.length);
  while (!rest.empty()) {
    const uint32_t length = frame_length(rest);
    RINGCAST_ASSERT(length != 0 && length <= rest.size());
    rest = rest.subspan(length);
  }
}

void Reactor::reset_output(Connection& connection) {
  RINGCAST_ASSERT(connection.outbox.empty() || output_of(connection).frame_length == nullptr);
  connection.output = 0;
}

void Reactor::set_output(Connection& connection, const OutputRules& rules) {
  RINGCAST_ASSERT(connection.outbox.empty() || output_of(connection).frame_length == rules.frame_length);
  // A few, unless settings are reloaded often; the newest are those in use.
  auto found = std::find(outputs_.rbegin(), outputs_.rend(), rules);
  if (found == outputs_.rend() && outputs_.size() >= kOutputsMax) {  // limits stay as they were last
    found = std::find_if(outputs_.rbegin(), outputs_.rend(),
                         [&](const OutputRules& held) { return held.frame_length == rules.frame_length; });
  }
  if (found == outputs_.rend()) {
    RINGCAST_ASSERT(outputs_.size() <= UINT16_MAX);
    outputs_.push_back(rules);
    found = outputs_.rbegin();
  }
  connection.output = static_cast<uint16_t>(outputs_.rend() - found - 1);
}

void Reactor::cork(Connection& connection, bool corked) {
  connection.corked = corked;
  if (!corked && !connection.outbox.empty() && !connection.blocked) mark_dirty(connection);
}

void Reactor::want_drained(Connection& connection) {
  connection.want_drained = true;
  if (connection.outbox.empty() && !connection.blocked) idle_.push_back(connection.id());
}

void Reactor::mark_dirty(Connection& connection) {
  if (connection.dirty || connection.corked) return;
  connection.dirty = true;
  dirty_.push_back(connection.slot);
}

void Reactor::flush() {
  // Answers to on_drained may queue more; that leaves in the same tick, so a replay flows without waiting.
  for (size_t from = 0, idle = 0; from < dirty_.size() || carrier_busy_ || idle < idle_.size();) {
    if (from == dirty_.size()) {
      if (carrier_busy_) {
        carrier_busy_ = false;
        carrier_->flush();
        continue;
      }
      Connection* const connection = find(idle_[idle++]);
      if (connection == nullptr || !connection->want_drained || !connection->outbox.empty()) continue;
      if (connection->closing || connection->corked || connection->blocked) continue;
      connection->want_drained = false;
      handler_->on_drained(connection->id());
      continue;
    }
    std::array<uint32_t, kFlushBatch> slots;
    const size_t count = std::min(kFlushBatch, dirty_.size() - from);
    std::copy_n(dirty_.begin() + static_cast<std::ptrdiff_t>(from), count, slots.begin());
    from += count;
    flush_batch({slots.data(), count}, Turn::first);
  }
  dirty_.clear();
  idle_.clear();
  // What sessions queue from here on leaves in the next tick.
  flush_queue(streams_, turns(streams_.size()));
  flush_queue(answers_, kAnswersPerTick);
}

void Reactor::flush_queue(std::deque<ConnectionId>& queue, size_t count) {
  std::array<uint32_t, kFlushBatch> slots;
  for (count = std::min(count, queue.size()); count != 0;) {
    const size_t batch = std::min(count, kFlushBatch);
    size_t used = 0;
    for (size_t i = 0; i < batch; ++i) {
      if (find(queue.front()) != nullptr) slots[used++] = queue.front().slot;
      queue.pop_front();
    }
    flush_batch({slots.data(), used}, Turn::bulk);
    count -= batch;
  }
}

void Reactor::flush_batch(std::span<const uint32_t> slots, Turn turn) {
  std::array<io::SendOp, kFlushBatch> ops;
  std::array<iovec, kFlushBatch> single;
  std::array<uint64_t, kFlushBatch> wanted;
  std::array<uint32_t, kFlushBatch> owners;
  // Pieces of connections with several segments: rare, so they share one table and leave with the batch that fills it.
  std::array<iovec, 4 * io::kIovMax> many;
  size_t many_used = 0;
  size_t count = 0;
  gather_.resize(kFlushBatch * 1024);
  size_t gathered = 0;
  const auto leave = [&] {
    if (count == 0) return;
    backend_->flush({ops.data(), count});
    add(stats_.flushes);
    add(stats_.flushed_connections, count);
    stats_.flush_connections.record(count);
    // Sessions may touch any connection, so they are called when every outbox holds only what is still to be sent.
    size_t finished = 0;
    for (size_t i = 0; i < count; ++i) {
      if (!take_result(connections_[owners[i]], ops[i], wanted[i])) continue;
      owners[finished] = owners[i];
      ops[finished++].result = ops[i].result;
    }
    for (size_t i = 0; i < finished; ++i) {
      Connection& connection = connections_[owners[i]];
      if (!connection.dead) after_send(connection, ops[i].result);
    }
    count = many_used = gathered = 0;
  };
  for (const uint32_t slot : slots) {
    if (many_used + io::kIovMax > many.size()) leave();  // before the connection is looked at: sessions are called
    if (!connections_.live(slot)) continue;
    Connection& connection = connections_[slot];
    connection.dirty = false;
    if (connection.dead || connection.blocked || connection.corked || connection.outbox.empty()) continue;
    if (connection.carried) {
      carrier_->on_output(connection);
      carrier_busy_ = true;
      continue;
    }
    if (turn == Turn::first && connection.outbox.bytes() > kBulkBytes) {
      connection.dirty = true;
      (connection.unlimited_output ? answers_ : streams_).push_back(connection.id());
      continue;
    }
    io::SendOp& op = ops[count];
    op.socket = connection.socket;
    op.waits = false;
    op.result = 0;
    if (connection.outbox.single()) {
      const Segment& segment = connection.outbox.first();
      single[count] = {const_cast<uint8_t*>(segment.hold->data() + segment.offset), segment.length};
      wanted[count] = segment.length;
      op.iov = &single[count];
      op.iov_count = 1;
    } else {
      iovec* pieces = &many[many_used];
      const int number = connection.outbox.gather(pieces, io::kIovMax, wanted[count]);
      if (number > 1 && wanted[count] <= kGatherMax && gathered + wanted[count] <= gather_.size()) {
        uint8_t* to = gather_.data() + gathered;
        single[count] = {to, wanted[count]};
        for (int i = 0; i < number; ++i) {
          std::memcpy(to, pieces[i].iov_base, pieces[i].iov_len);
          to += pieces[i].iov_len;
        }
        gathered += wanted[count];
        op.iov = &single[count];
        op.iov_count = 1;
      } else {
        op.iov = pieces;
        op.iov_count = static_cast<uint16_t>(number);
        many_used += static_cast<size_t>(number);
      }
    }
    owners[count++] = slot;
  }
  leave();
}

// What one send took. True: all that was queued has left, or the socket is broken.
bool Reactor::take_result(Connection& connection, const io::SendOp& op, uint64_t wanted) {
  const int64_t result = op.result;
  if (result < 0) {
    connection.peer_gone = true;
    connection.outbox.clear();
    return true;
  }
  add(stats_.bytes_out, static_cast<uint64_t>(result));
  const uint32_t queued = connection.outbox.messages();
  stats_.queued_frames.record(queued);
  connection.outbox.consume(static_cast<uint64_t>(result), output_of(connection).frame_length);
  stats_.send_bytes.record(static_cast<uint64_t>(result));
  stats_.send_frames.record(queued - connection.outbox.messages());
  if (static_cast<uint64_t>(result) < wanted || op.waits) {
    connection.blocked = true;
    count_unread(connection);
    note_slow(connection);
    return false;
  }
  if (connection.outbox.empty()) return connection.closing || connection.want_drained;
  mark_dirty(connection);  // more segments than one call takes
  return false;
}

void Reactor::after_send(Connection& connection, int64_t result) {
  if (result < 0) {
    if (connection.closing) return close(connection, connection.close_cause);
    const io::CloseReason reason = reason_of(static_cast<int>(-result));
    connection.close_cause = cause_of(reason);
    handler_->on_peer_gone(connection.id(), reason);
    return;
  }
  if (!connection.outbox.empty()) return;  // another connection's session has queued more
  if (connection.closing) {
    if (!connection.fin_sent) finish_closing(connection);
  } else if (connection.want_drained) {
    connection.want_drained = false;
    handler_->on_drained(connection.id());
  }
}

void Reactor::count_unread(Connection& connection) {
  const uint64_t bytes = connection.blocked && !connection.dead ? connection.outbox.bytes() : 0;
  const auto counted = static_cast<uint32_t>(std::min<uint64_t>(bytes, UINT32_MAX));
  unread_bytes_ += uint64_t{counted} - connection.unread_bytes;
  unread_.update(connection.slot, connection.unread_bytes, counted);
  connection.unread_bytes = counted;
}

bool Reactor::is_over_limits(const Connection& connection) const {
  const OutputRules& rules = output_of(connection);
  return !connection.unlimited_output &&
         (connection.outbox.bytes() > rules.bytes_max || connection.outbox.messages() > rules.messages_max);
}

void Reactor::note_slow(Connection& connection) {
  if (connection.noted_slow || connection.closing || !is_over_limits(connection)) return;
  connection.noted_slow = true;
  slow_.push_back(connection.id());
}

void Reactor::take_slow() {
  for (size_t left = turns(slow_.size()); left != 0; --left) {
    Connection* const connection = find(slow_.front());
    slow_.pop_front();
    if (connection == nullptr) continue;
    connection->noted_slow = false;
    // It may have been read from while it waited here.
    if (connection->closing || !is_over_limits(*connection)) continue;
    add(stats_.slow);
    handler_->on_slow(connection->id(), CloseCause::slow_consumer);
    if (!connection->dead) count_unread(*connection);
  }
  for (size_t left = std::max(kTurnsPerTick, turns(unread_.size())); unread_bytes_ > options_.unread_bytes_max;
       --left) {
    if (left == 0) return tick_again();
    const uint32_t slot = unread_.largest();
    if (slot == kNoIndex) break;
    Connection& largest = connections_[slot];
    const uint64_t before = unread_bytes_;
    if (!largest.closing) handler_->on_slow(largest.id(), CloseCause::unread_total);
    if (!largest.dead) count_unread(largest);
    if (unread_bytes_ == before) close(largest, CloseCause::unread_total, io::CloseMode::reset);
  }
}

void Reactor::close(Connection& connection, CloseCause cause, io::CloseMode mode) {
  if (connection.dead) return;
  connection.dead = true;
  connection.close_cause = cause;
  count_unread(connection);
  wheel_.cancel(connection.slot);
  if (connection.socket.valid()) backend_->close(connection.socket, mode);
  if (connection.carried) carrier_->on_closed(connection, mode);
  connection.outbox.clear();
  dead_.push_back(connection.slot);
  if (!acknowledged_.empty()) erase_key(acknowledged_, connection.slot);
}

void Reactor::close_after_flush(Connection& connection, CloseCause cause, io::Nanoseconds linger) {
  if (connection.dead || connection.closing) return;
  connection.closing = true;
  connection.corked = false;
  connection.close_cause = cause;
  linger_ = linger;
  if (connection.outbox.empty() && !connection.blocked) return finish_closing(connection);
  arm_timer(connection, linger_);
  if (!connection.blocked) mark_dirty(connection);
}

void Reactor::finish_closing(Connection& connection) {
  // With the peer's FIN seen nothing can arrive any more that would turn our answer into an RST.
  if (connection.peer_gone) return close(connection, connection.close_cause);
  if (connection.carried) {
    arm_timer(connection, linger_);
    return carrier_->on_output(connection);
  }
  connection.fin_sent = true;
  backend_->shutdown_write(connection.socket);
  arm_timer(connection, linger_);
  // A paused socket would never show the peer's FIN.
  if (connection.pauses != 0) {
    connection.pauses = 0;
    if (connection.receiving) backend_->resume_receive(connection.socket);
  }
}

void Reactor::end_lingering(Connection& connection) {
  if (still_reading(connection, linger_)) return arm_timer(connection, linger_);
  // An RST where everything has arrived could only destroy what the peer has not looked at yet.
  const bool arrived = connection.fin_sent && delivery_of(connection).unacknowledged == 0;
  close(connection, connection.close_cause, arrived ? io::CloseMode::graceful : io::CloseMode::reset);
}

io::Delivery Reactor::delivery_of(const Connection& connection) const {
  return connection.carried ? carrier_->delivery(connection) : backend_->delivery(connection.socket);
}

bool Reactor::still_reading(const Connection& connection, io::Nanoseconds period) {
  const io::Delivery delivery = delivery_of(connection);
  const bool under_way = !connection.outbox.empty() || delivery.unacknowledged != 0;
  const auto before = acknowledged_.find(connection.slot);
  const bool reading = before == acknowledged_.end() ? under_way && delivery.since_acknowledgement < period
                                                     : before->second != delivery.acknowledged;
  if (under_way) {
    acknowledged_[connection.slot] = delivery.acknowledged;
  } else if (before != acknowledged_.end()) {
    erase_at(acknowledged_, before);
  }
  return reading;
}

// What a burst took goes back: a pool's few scattered objects would hold whole pages of the allocator.
void Reactor::trim_pools() {
  Hold::trim_pool();
  Outbox::trim_pool();
  mailboxes_.trim();
  // The more it has to look at, the rarer: a thousandth of this core's time.
  const io::Nanoseconds begin = read_clock();
  give_back_free_memory();
  next_trim_ =
      now_ + std::clamp<io::Nanoseconds>(kTrimSpacing * (read_clock() - begin), kTrimInterval, kTrimIntervalMax);
}

void Reactor::copy_counters() {
  const auto copy = [](std::atomic<uint64_t>& to, uint64_t from) { to.store(from, std::memory_order_relaxed); };
  const io::BackendStats& from = backend_->stats();
  copy(stats_.waits, from.waits);
  copy(stats_.syscalls, from.syscalls);
  copy(stats_.sends, from.sends);
  copy(stats_.short_sends, from.short_sends);
  copy(stats_.receives, from.receives);
  copy(stats_.buffers_exhausted, from.buffers_exhausted);
  copy(stats_.multishot_rearmed, from.multishot_rearmed);
  copy(stats_.cq_overflows, from.cq_overflows);
  copy(stats_.sq_full, from.sq_full);
  copy(stats_.accept_emfile, from.accept_emfile);
  copy(stats_.wakeups, from.wakeups);
  const MailboxStats& mail = mailboxes_.stats();
  copy(stats_.mail_sent, mail.sent);
  copy(stats_.mail_received, mail.received);
  copy(stats_.mail_overflowed, mail.overflowed);
  copy(stats_.mail_wakeups, mail.wakeups);
  copy(stats_.mail_depth, mail.overflow_depth);
}

void Reactor::reap() {
  for (size_t i = 0; i < dead_.size(); ++i) {  // on_closed may close others
    const uint32_t slot = dead_[i];
    Connection& connection = connections_[slot];
    handler_->on_closed(connection.id(), connection.close_cause);
    if (connection.socket.valid()) {
      add(stats_.closed);
      add(stats_.closed_by_cause[static_cast<size_t>(connection.close_cause)]);
    } else if (connection.carried) {
      stats_.carried.store(--carried_, std::memory_order_relaxed);
      add(stats_.carried_by_cause[static_cast<size_t>(connection.close_cause)]);
    } else {
      --detached_;
    }
    connections_.release(slot);
  }
  dead_.clear();
}

void Reactor::arm_timer(Connection& connection, io::Nanoseconds from_now) {
  connection.due = false;
  wheel_.arm(connection.slot, (now_ + from_now).count());
}

void Reactor::cancel_timer(Connection& connection) {
  connection.due = false;
  wheel_.cancel(connection.slot);
}

}  // namespace ringcast::reactor
