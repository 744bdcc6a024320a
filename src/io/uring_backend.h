// SPDX-License-Identifier: Apache-2.0
// The io_uring engine: one ring, multishot accept and receive, provided buffers, sends that report only failures.
// Owned by a reactor; every call on the thread that created it (SINGLE_ISSUER), WakeTarget::wake() apart.
// uring_receive.cc has the way in, uring_backend.cc the rest.
#pragma once

#include <sys/socket.h>

#include <vector>

#include "io/buffer_ring.h"
#include "io/descriptor_states.h"
#include "io/event_batch.h"
#include "io/held_bytes.h"
#include "io/uring_abi.h"
#include "io/uring_listeners.h"
#include "io/uring_probe.h"
#include "io/uring_ring.h"
#include "io/uring_sends.h"

namespace ringcast::io {

class UringBackend final : public Backend, private UringListeners::Acceptor {
 public:
  [[nodiscard]] static Result<std::unique_ptr<UringBackend>> create(const BackendOptions& options,
                                                                    const UringFeatures& features,
                                                                    const WakeTarget& wake);
  UringBackend(const UringBackend&) = delete;
  UringBackend& operator=(const UringBackend&) = delete;
  ~UringBackend() override;

  std::string_view name() const override { return "uring"; }
  std::string features() const override { return features_.to_string(); }

  [[nodiscard]] Result<void> add_listener(int fd, uint16_t listener) override { return listeners_.add(fd, listener); }
  void close_listeners(uint16_t kept) override { listeners_.close(kept); }
  void pause_accepting(bool paused) override { listeners_.pause(paused); }
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
  static constexpr uint16_t kConnecting = 2;  // OP_CONNECT is in the kernel
  static constexpr uint16_t kReceiving = 4;   // a multishot receive is armed, or its last completion is still to come
  static constexpr uint16_t kCancelling = 8;  // a cancel of it has not reported yet
  static constexpr uint16_t kPaused = 16;
  static constexpr uint16_t kBlocked = 32;  // waits for POLLOUT
  static constexpr uint16_t kEnded = 64;    // the stream's end or failure was seen: never received from again
  static constexpr uint16_t kStarted = 256;
  static constexpr uint16_t kListed = 512;  // in resumed_
  static constexpr uint16_t kWary = 1024;   // was paused: its next receive takes one buffer, in case it is again

  struct Descriptor {
    Owner owner = kNoOwner;
    HeldBytes::Index held = HeldBytes::kNone;
    BatchMarks marks;
    uint16_t generation = 0;  // raised at close: completions of an earlier life are recognised
    uint16_t flags = 0;
  };
  static_assert(sizeof(Descriptor) == 16, "paid for every connection");

  struct Reference {  // a socket, remembered across waits
    int fd;
    uint16_t generation;
  };

  UringBackend(const BackendOptions& options, const UringFeatures& features, const WakeTarget& wake);
  [[nodiscard]] Result<void> open();

  // --- UringListeners::Acceptor ---
  void on_client(int fd, uint16_t listener) override;
  bool has_room() const override { return !batch_.full(); }

  // uring_backend.cc
  void begin_batch();
  void deliver_losses();
  size_t reap();  // how many completions
  void complete(const io_uring_cqe& cqe);
  void on_connected(Descriptor& descriptor, int fd, int result);
  void wait_for_room(Socket socket);
  void arm_wake();
  Descriptor* find(UserData data);  // nullptr when that life of the descriptor is over
  Descriptor& open_descriptor(Socket socket);
  Descriptor& register_descriptor(int fd);
  void push(Event event, Descriptor& descriptor, int fd);
  void push_closed(Descriptor& descriptor, int fd, CloseReason reason, int error);

  // uring_receive.cc
  void arm_receive(Descriptor& descriptor, int fd);
  void cancel_receive(Descriptor& descriptor, int fd);
  void on_receive(const io_uring_cqe& cqe, UserData data);
  void on_bytes(Descriptor& descriptor, int fd, uint16_t buffer, uint32_t length);
  void on_receive_end(Descriptor& descriptor, int fd, int result);
  void rearm_starved();
  void note_resumed(Descriptor& descriptor, int fd);
  void take_resumed();

  BackendOptions options_;
  UringFeatures features_;
  int wake_fd_;
  BackendStats stats_;
  EventBatch batch_;
  UringRing ring_;
  UringSends sends_;
  UringListeners listeners_;
  std::unique_ptr<BufferRing> buffers_;  // registered with the ring
  DescriptorStates<Descriptor> descriptors_;

  std::vector<uint16_t> lent_buffers_;  // named by events of the current batch
  int run_fd_ = -1;                     // of the last bytes in the batch
  uint32_t run_length_ = 0;             // events of these one after another
  bool flooded_ = false;                // one socket has a long run in the batch
  HeldBytes held_;
  std::vector<Reference> resumed_;  // have held bytes to deliver, or no receive that is armed
  std::vector<Reference> starved_;  // receive ended for want of buffers; oldest first
  size_t starved_first_ = 0;

  int losses_from_ = -1;  // after a loss of completions: descriptors from here on have not been reported; -1: all have
  std::vector<SocketAddress> connect_addresses_;  // must stay put until they are submitted
  size_t connects_queued_ = 0;
};

}  // namespace ringcast::io
