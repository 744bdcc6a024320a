// SPDX-License-Identifier: Apache-2.0
#include "sim_backend.h"

#include <algorithm>
#include <cerrno>

#include "base/assert.h"

namespace ringcast::simulation {

using io::CloseReason;
using io::Event;
using io::EventKind;

bool SimBackend::arrive(const std::shared_ptr<Pipe>& pipe) {
  if (!listening_) return false;
  backlog_.push_back(pipe);
  return true;
}

Pipe& SimBackend::at(io::Socket socket) {
  RINGCAST_ASSERT(socket.valid() && static_cast<size_t>(socket.value) < sockets_.size());
  const std::shared_ptr<Pipe>& pipe = sockets_[static_cast<size_t>(socket.value)];
  RINGCAST_ASSERT(pipe != nullptr);  // a socket that was given up
  return *pipe;
}

bool SimBackend::has_news(const Pipe& pipe) {
  if (pipe.blocked && (pipe.to_client.size() < pipe.window || pipe.client_reset)) return true;
  if (!pipe.started || pipe.paused || pipe.end_reported) return false;
  return !pipe.to_server.empty() || pipe.client_fin || pipe.client_reset;
}

bool SimBackend::ready() const {
  if (accepting_ && !backlog_.empty()) return true;
  return std::any_of(sockets_.begin(), sockets_.end(),
                     [](const std::shared_ptr<Pipe>& pipe) { return pipe != nullptr && has_news(*pipe); });
}

Result<io::Socket> SimBackend::connect(const io::SocketAddress&, const io::SocketAddress*, io::Owner) {
  return fail("unsupported", "the simulated backend only accepts");
}

void SimBackend::start_receive(io::Socket socket, io::Owner owner) {
  Pipe& pipe = at(socket);
  RINGCAST_ASSERT(!pipe.started);
  pipe.started = true;
  pipe.owner = owner;
}

void SimBackend::flush(std::span<io::SendOp> ops) {
  for (io::SendOp& op : ops) {
    Pipe& pipe = at(op.socket);
    RINGCAST_ASSERT(!pipe.blocked && !pipe.server_fin && op.iov_count >= 1 && op.iov_count <= io::kIovMax);
    ++stats_.sends;
    if (pipe.client_reset) {
      op.result = random_.percent(50) ? -ECONNRESET : -EPIPE;
      continue;
    }
    uint64_t wanted = 0;
    for (uint16_t i = 0; i < op.iov_count; ++i) wanted += op.iov[i].iov_len;
    uint64_t room = pipe.window > pipe.to_client.size() ? pipe.window - pipe.to_client.size() : 0;
    room = std::min(room, wanted);
    if (room != 0 && random_.percent(faults_.short_write)) room = random_.below(room + 1);
    uint64_t left = room;
    for (uint16_t i = 0; i < op.iov_count && left != 0; ++i) {
      const uint64_t part = std::min<uint64_t>(left, op.iov[i].iov_len);
      pipe.to_client.append(static_cast<const char*>(op.iov[i].iov_base), part);
      left -= part;
    }
    op.result = static_cast<int64_t>(room);
    if (room < wanted) {
      ++stats_.short_sends;
      pipe.blocked = true;
    }
  }
}

void SimBackend::shutdown_write(io::Socket socket) {
  Pipe& pipe = at(socket);
  RINGCAST_ASSERT(!pipe.server_fin);
  pipe.server_fin = true;
}

void SimBackend::close(io::Socket socket, io::CloseMode mode) {
  Pipe& pipe = at(socket);
  // Bytes that nobody took make a close an RST (RFC 2525 section 2.17), and that may overtake what was sent.
  if (mode == io::CloseMode::reset || !pipe.to_server.empty()) {
    pipe.server_reset = true;
    if (!pipe.to_client.empty() && random_.percent(50)) pipe.to_client.resize(random_.below(pipe.to_client.size()));
  } else {
    pipe.server_fin = true;
  }
  pipe.closed = true;
  for (Event& event : events_) {
    if (event.socket == socket) event = Event{.kind = EventKind::bytes};
  }
  sockets_[static_cast<size_t>(socket.value)] = nullptr;
  free_.push_back(socket.value);
}

io::SocketAddress SimBackend::peer_address(io::Socket) {
  return *io::SocketAddress::parse("127.0.0.1:40000");
}

void SimBackend::take(int32_t socket, Pipe& pipe) {
  if (random_.percent(faults_.delay)) return;
  const io::Socket handle{socket};
  if (pipe.blocked && (pipe.to_client.size() < pipe.window || pipe.client_reset)) {
    pipe.blocked = false;
    events_.push_back({.kind = EventKind::writable, .socket = handle, .owner = pipe.owner});
  }
  if (!pipe.started || pipe.paused || pipe.end_reported) return;
  if (pipe.client_reset) {
    pipe.to_server.clear();
    pipe.end_reported = true;
    events_.push_back(
        {.kind = EventKind::closed, .reason = CloseReason::peer_reset, .socket = handle, .owner = pipe.owner});
    return;
  }
  while (!pipe.to_server.empty()) {
    size_t length = pipe.to_server.size();
    const bool split = random_.percent(faults_.split);
    if (split) length = 1 + random_.below(length);
    ++stats_.receives;
    buffers_.emplace_back(pipe.to_server.begin(), pipe.to_server.begin() + static_cast<std::ptrdiff_t>(length));
    pipe.to_server.erase(0, length);
    events_.push_back({.kind = EventKind::bytes, .socket = handle, .owner = pipe.owner, .bytes = buffers_.back()});
    if (split && random_.percent(50)) return;
  }
  if (pipe.client_fin) {
    pipe.end_reported = true;
    events_.push_back(
        {.kind = EventKind::closed, .reason = CloseReason::peer_closed, .socket = handle, .owner = pipe.owner});
  }
}

std::span<const Event> SimBackend::wait(io::Nanoseconds timeout) {
  events_.clear();
  buffers_.clear();
  ++stats_.waits;
  if (timeout != io::Nanoseconds::zero() && !ready()) {
    const int64_t now = clock_.ahead().monotonic_ns;
    throw WouldSleep{timeout < io::Nanoseconds::zero() ? INT64_MAX : now + timeout.count()};
  }
  while (accepting_ && !backlog_.empty()) {
    int32_t socket;
    if (free_.empty()) {
      socket = static_cast<int32_t>(sockets_.size());
      sockets_.emplace_back();
    } else {
      socket = free_.back();
      free_.pop_back();
    }
    sockets_[static_cast<size_t>(socket)] = std::move(backlog_.front());
    backlog_.pop_front();
    events_.push_back({.kind = EventKind::accepted, .socket = {socket}});
  }
  if (sockets_.empty()) return events_;
  // From a random one on, up or down: events of different sockets come in any order.
  const size_t count = sockets_.size();
  const size_t first = random_.below(count);
  const bool down = random_.percent(50);
  for (size_t i = 0; i < count; ++i) {
    const size_t index = (first + (down ? count - i : i)) % count;
    if (sockets_[index] != nullptr && has_news(*sockets_[index])) take(static_cast<int32_t>(index), *sockets_[index]);
  }
  return events_;
}

}  // namespace ringcast::simulation
