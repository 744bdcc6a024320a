// SPDX-License-Identifier: Apache-2.0
// The epoll engine: edge-triggered, batch accept, reads straight into one arena per wait(), sendmsg() at flush.
// Owned by a reactor; every call on its thread, WakeTarget::wake() apart.
// epoll_backend.cc has sockets in and out and wait(), epoll_accept.cc the listeners.
#pragma once

#include <sys/epoll.h>

#include <vector>

#include "io/accepting.h"
#include "io/descriptor_states.h"
#include "io/event_batch.h"
#include "io/reserve_descriptor.h"
#include "io/unique_fd.h"

namespace ringcast::io {

class EpollBackend final : public Backend {
 public:
  [[nodiscard]] static Result<std::unique_ptr<EpollBackend>> create(const BackendOptions& options,
                                                                    const WakeTarget& wake);
  EpollBackend(const EpollBackend&) = delete;
  EpollBackend& operator=(const EpollBackend&) = delete;
  ~EpollBackend() override;

  std::string_view name() const override { return "epoll"; }
  std::string features() const override { return "edge_triggered,batch_accept,arena_receive"; }

  [[nodiscard]] Result<void> add_listener(int fd, uint16_t listener) override;
  void close_listeners(uint16_t kept) override;
  void pause_accepting(bool paused) override;
  [[nodiscard]] Result<Socket> connect(const SocketAddress& remote, const SocketAddress* local, Owner owner) override;
  void start_receive(Socket socket, Owner owner) override;
  void pause_receive(Socket socket) override;
  void resume_receive(Socket socket) override;
  void flush(std::span<SendOp> ops) override;
  void shutdown_write(Socket socket) override;
  void close(Socket socket, CloseMode mode) override;
  SocketAddress peer_address(Socket socket) override;
  Delivery delivery(Socket socket) override;
  void tune(Socket socket, const SocketTuning& tuning) override;
  std::span<const Event> wait(Nanoseconds timeout) override;
  const BackendStats& stats() const override { return stats_; }

 private:
  // Bits of Descriptor::flags.
  static constexpr uint16_t kOpen = 1;
  static constexpr uint16_t kConnecting = 2;
  static constexpr uint16_t kStarted = 4;
  static constexpr uint16_t kPaused = 8;
  static constexpr uint16_t kBlocked = 16;    // the owner waits for `writable`
  static constexpr uint16_t kEnded = 32;      // the stream's end or failure was seen
  static constexpr uint16_t kReadable = 128;  // an edge came and the socket has not been read empty since
  static constexpr uint16_t kHangup = 256;    // … and the end is in sight: a short read is not the last
  static constexpr uint16_t kWritable = 512;  // an edge came while blocked, not reported yet
  static constexpr uint16_t kListed = 1024;   // in ready_
  static constexpr uint16_t kPolled = 2048;   // registered with epoll

  struct Descriptor {
    Owner owner = kNoOwner;
    BatchMarks marks;
    uint16_t generation = 0;  // raised at close: what refers to an earlier life is recognised
    uint16_t flags = 0;
  };
  struct Listener {
    int fd = -1;
    uint16_t id = 0;
    bool polled = false;
    Nanoseconds retry_at{0};  // after an error that time alone heals; 0: none
  };
  struct Reference {
    int fd;
    uint16_t generation;
  };
  struct ConnectFailure {
    int fd;
    uint16_t generation;
    int error;
  };

  EpollBackend(const BackendOptions& options, const WakeTarget& wake);
  [[nodiscard]] Result<void> open(const WakeTarget& wake);

  Descriptor& open_descriptor(Socket socket);
  Descriptor& register_descriptor(int fd);
  void push(Event event, Descriptor& descriptor, int fd);
  void poll_socket(Descriptor& descriptor, int fd);
  void list_ready(Descriptor& descriptor, int fd);
  void take_edges(const epoll_event& event);
  void serve_ready();
  void serve(Descriptor& descriptor, int fd);
  void read_socket(Descriptor& descriptor, int fd);
  void end_receive(Descriptor& descriptor, int fd, CloseReason reason, int error);
  void finish_connect(Descriptor& descriptor, int fd);
  void deliver_connect_failures();
  int wait_for_edges(const timespec* limit);

  // epoll_accept.cc
  void poll_listener(size_t index, bool polled);
  void accept_batch(size_t index);
  void refuse_clients(size_t index);
  void retry_later(size_t index);
  void retry_accepting();
  void deliver_late_clients();

  BackendOptions options_;
  UniqueFd epoll_;
  DescriptorStates<Descriptor> descriptors_;
  EventBatch batch_;
  BackendStats stats_;
  std::vector<epoll_event> polled_;
  std::vector<Reference> ready_;                  // has something to report or to read; in turn
  std::vector<Reference> serving_;                // the same list while it is worked off
  std::vector<ConnectFailure> connect_failures_;  // known at once, reported by the next wait()
  bool has_pwait2_ = true;

  // Bytes of the current batch; filled from the front in each wait(), so that what is used stays in the cache.
  std::unique_ptr<uint8_t[]> arena_;
  size_t arena_size_ = 0;
  size_t arena_used_ = 0;

  std::vector<Listener> listeners_;
  std::vector<size_t> listeners_ready_;
  bool accepting_paused_ = false;
  bool retry_pending_ = false;
  ReserveDescriptor reserve_;
  LateClients late_clients_;
};

}  // namespace ringcast::io
