// SPDX-License-Identifier: Apache-2.0
// The one interface of the kernel engines: io_uring, epoll and, in tests, a simulated one.
// A reactor owns its backend and is the only thread that may touch it, wake() of a WakeTarget apart.
// Completion style: wait() hands back plain events; calls are per batch or per connection state change, not per byte.
#pragma once

#include <sys/uio.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "io/socket_address.h"

namespace ringcast::io {

// Which connection an event is about, chosen by the reactor (its slab index). Opaque to the backend.
using Owner = uint32_t;
inline constexpr Owner kNoOwner = UINT32_MAX;

// The number of no listener.
inline constexpr uint16_t kNoListener = UINT16_MAX;

// Opaque handle of an open socket. Valid from its `accepted`/`connect()` until close(); events of a closed socket are
// never delivered, however late the kernel completes them (the backend keeps generations).
struct Socket {
  int32_t value = -1;
  bool valid() const { return value >= 0; }
  friend bool operator==(Socket, Socket) = default;
};

enum class EventKind : uint8_t {
  accepted,   // `socket` is new; `listener` says where. Nothing is received until start_receive()
  connected,  // connect() succeeded; nothing is received until start_receive()
  bytes,      // `bytes` arrived; the memory is writable and the backend's own, valid until the next wait()
  writable,   // a socket whose last flush was short can take bytes again
  closed,     // the peer is gone or the socket failed (`reason`); the owner must still close()
};

enum class CloseReason : uint8_t {
  none,
  peer_closed,     // orderly end (FIN). Our direction may still be open
  peer_reset,      // ECONNRESET, EPIPE
  peer_timeout,    // ETIMEDOUT: TCP_USER_TIMEOUT or keepalive ended it
  connect_failed,  // connect() failed; `error` has the errno
  io_error,        // anything else; `error` has the errno
  tls_failed,      // the handshake or a record of TLS; `error` is ETIMEDOUT where the handshake took too long
};
std::string_view to_string(CloseReason reason);

struct Event {
  EventKind kind;
  CloseReason reason = CloseReason::none;
  uint16_t listener = 0;
  int32_t error = 0;  // errno, where `reason` has one
  Socket socket;
  Owner owner = kNoOwner;
  std::span<uint8_t> bytes;
};

// One connection's part of a flush: everything that is queued for it, in order.
// At most one per socket in a flush; none for a socket that waits for `writable`.
struct SendOp {
  Socket socket;
  uint16_t iov_count = 0;  // 1..kIovMax
  // Result: all of it was taken, but some waits in the backend for room: no other op until `writable`, as after a short
  // one.
  bool waits = false;
  const iovec* iov = nullptr;  // must stay valid until flush() returns
  // Result: bytes taken by the kernel (0..sum of iov), or -errno when the socket is broken: what had arrived before is
  // still delivered, and `closed` behind it. When it is less than the sum, the backend waits for room by itself and
  // sends one `writable` event.
  int64_t result = 0;
};
inline constexpr int kIovMax = 64;

enum class CloseMode : uint8_t {
  graceful,  // FIN after what the kernel has already taken
  reset,     // RST; what the kernel holds is discarded (SO_LINGER 0)
};

// Counters for metrics; single writer (the reactor), read by others with relaxed loads of a copy made by the reactor.
struct BackendStats {
  uint64_t waits = 0;              // blocking or polling waits
  uint64_t syscalls = 0;           // all system calls made by the backend
  uint64_t sends = 0;              // SendOps executed
  uint64_t short_sends = 0;        // SendOps not wholly taken
  uint64_t receives = 0;           // bytes events
  uint64_t buffers_exhausted = 0;  // io_uring: ENOBUFS (receive re-armed)
  uint64_t multishot_rearmed = 0;  // io_uring: multishot ended without an error
  uint64_t cq_overflows = 0;       // io_uring
  uint64_t sq_full = 0;            // io_uring: a submission had to be made to get an SQE
  uint64_t accept_emfile = 0;      // clients answered with the refusal for want of descriptors
  uint64_t wakeups = 0;            // waits ended by wake()
};

struct BackendOptions {
  uint32_t receive_buffer_size = 2048;   // bytes of one receive buffer (io_uring: of the provided-buffer ring)
  uint32_t receive_buffer_count = 1024;  // power of two
  uint32_t sq_entries = 512;             // io_uring
  uint32_t cq_entries = 4096;            // io_uring
  uint32_t events_max = 512;             // events handed back by one wait() at most
  uint32_t sends_per_submit = 64;        // 64..128 measure best
  // Sent to a client that is accepted with the reserve descriptor because all others are in use, then it is closed.
  std::string descriptors_exhausted_answer;
};

// What another thread needs to wake a backend. Made by the main thread before any reactor unshares its descriptor
// table; kept open in every table.
class WakeTarget {
 public:
  [[nodiscard]] static Result<WakeTarget> create();
  WakeTarget(WakeTarget&&) noexcept;
  WakeTarget& operator=(WakeTarget&&) noexcept;
  ~WakeTarget();
  void wake() const noexcept;  // any thread; async-signal-safe
  int fd() const { return fd_; }

 private:
  explicit WakeTarget(int fd) : fd_(fd) {}
  int fd_ = -1;
};

using Nanoseconds = std::chrono::nanoseconds;

struct SocketTuning {
  uint32_t send_buffer_bytes = 0;             // as getsockopt shows it
  std::chrono::milliseconds user_timeout{0};  // TCP_USER_TIMEOUT (RFC 5482)
};

// How far what the kernel has taken from us has come.
struct Delivery {
  uint64_t unacknowledged = 0;           // bytes (and a FIN) that the peer has not acknowledged
  uint64_t acknowledged = 0;             // changes whenever the peer acknowledges more
  Nanoseconds since_acknowledgement{0};  // since it last said anything about what it got; 0 where that is not known
};

class Backend {
 public:
  virtual ~Backend() = default;

  virtual std::string_view name() const = 0;  // "uring", "epoll", "sim"
  // Features in use, for logs and metrics: "single_issuer,defer_taskrun,multishot_recv,…".
  virtual std::string features() const = 0;

  // Takes ownership of a listening descriptor; accepting starts at once. `listener` comes back in `accepted`.
  [[nodiscard]] virtual Result<void> add_listener(int fd, uint16_t listener) = 0;
  // Stops accepting, takes what is queued in the listeners' backlogs (as `accepted` events), closes them: all but the
  // listener `kept`.
  virtual void close_listeners(uint16_t kept) = 0;
  // Holds back accepting for as long as `paused` (more connections than the reactor may hold at once).
  virtual void pause_accepting(bool paused) = 0;

  // Starts a TCP (or unix) connection from `local` (any address or port when unset) to `remote`; the outcome is a
  // `connected` or `closed` event. Fails at once with the errno's text when no socket can be made.
  [[nodiscard]] virtual Result<Socket> connect(const SocketAddress& remote, const SocketAddress* local,
                                               Owner owner) = 0;

  // Says whose socket this is and starts receiving. Called once for each accepted or connected socket.
  virtual void start_receive(Socket socket, Owner owner) = 0;
  // Stops the flow of `bytes` events: after this call returns no new ones are made for it, except for events of the
  // batch that the last wait() returned. The peer's window fills. resume_receive() goes on without loss.
  virtual void pause_receive(Socket socket) = 0;
  virtual void resume_receive(Socket socket) = 0;

  // Sends everything, in batches; synchronous: on return each op has its result and its memory is free again.
  virtual void flush(std::span<SendOp> ops) = 0;

  // FIN after what was taken; receiving goes on.
  virtual void shutdown_write(Socket socket) = 0;
  // Gives the socket up. No event for it follows; what the current batch still holds for it is withdrawn: those events
  // become `bytes` without bytes, socket and owner (kNoOwner), to be skipped.
  virtual void close(Socket socket, CloseMode mode) = 0;

  // The peer's address; unset (family AF_UNSPEC) when it is already gone.
  virtual SocketAddress peer_address(Socket socket) = 0;
  // What both ends have agreed to speak by ALPN (RFC 7301); empty: nothing, HTTP/1.1 then.
  virtual std::string_view application_protocol(Socket) { return {}; }
  // One or two system calls: for deadlines that are over, not for hot paths.
  virtual Delivery delivery(Socket) { return {}; }
  // Options of a connected socket that differ from its listener's; zero: as they are. Advice: a failure is not
  // reported.
  virtual void tune(Socket, const SocketTuning&) {}

  // Submits what is queued, gives back the buffers of the last batch, waits for events until `timeout` has passed
  // (0: only looks; negative: no limit) or somebody wakes this backend. May return an empty batch.
  virtual std::span<const Event> wait(Nanoseconds timeout) = 0;

  virtual const BackendStats& stats() const = 0;
};

enum class Engine : uint8_t { automatic, uring, epoll };

// What the running kernel offers, found once at start.
struct Probe {
  bool uring_usable = false;
  std::string why_not;   // one line, when unusable: "io_uring_setup: Operation not permitted (seccomp or …)"
  std::string features;  // comma-separated, when usable
};
Probe probe_uring();

// `automatic` takes io_uring where the probe allows it, else epoll. `uring` fails with why_not where it cannot be used.
// Must be called on the thread that will use it, after that thread's unshare(CLONE_FILES). `wake` outlives it. Where
// `automatic` could not take io_uring, `why_not` says why; otherwise it is left alone.
[[nodiscard]] Result<std::unique_ptr<Backend>> make_backend(Engine engine, const BackendOptions& options,
                                                            const WakeTarget& wake, std::string* why_not = nullptr);

}  // namespace ringcast::io
