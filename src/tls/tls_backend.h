// SPDX-License-Identifier: Apache-2.0
// TLS over the bytes of another backend, itself a backend: who uses it sees plaintext and knows nothing of TLS. Sockets
// of listeners that were named with secure_listener(), and those of connect() once there is a ClientContext, speak TLS;
// all others pass through. A server without TLS has no object of this kind and pays nothing. One reactor's, its thread
// only.
//
// The way out: plaintext is encrypted when it is flushed and is gone from the owner's queue then, whole runs into
// records, many connections' into one arena that lives until their sends are done. What a socket does not take of it is
// kept here (SendOp::waits), and no more is encrypted for it until that has left.
// The way in: a batch of the other backend is decrypted at once, into memory that lives until the next wait().
// Handshakes: `accepted` comes at once, so that limits and timeouts of connections apply before any costs of TLS; they
// begin with the client's first bytes, and as many at a time as HandshakeLimits say.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "io/backend.h"
#include "io/descriptor_states.h"
#include "tls/client_context.h"
#include "tls/connection.h"
#include "tls/event_list.h"
#include "tls/handshake_limits.h"
#include "tls/server_context.h"
#include "tls/stats.h"

namespace ringcast::tls {

struct TlsOptions {
  HandshakeLimits handshakes;
  std::string plain_http_answer;       // sent, in plain, to a client that speaks HTTP without TLS
  io::Nanoseconds (*now)() = nullptr;  // null: the steady clock
};

class TlsBackend final : public io::Backend {
 public:
  TlsBackend(std::unique_ptr<io::Backend> inner, TlsOptions options);
  ~TlsBackend() override;

  // --- server ---
  // The keys of tickets are copied: all cores get the same ones.
  [[nodiscard]] Result<void> serve(std::shared_ptr<const Material> material, const RotatingTicketKeys& keys);
  // From the next handshake on; connections and handshakes that have begun keep what they have.
  [[nodiscard]] Result<void> renew(std::shared_ptr<const Material> material);
  void set_handshake_limits(const HandshakeLimits& limits) { gate_.set_limits(limits); }
  void secure_listener(uint16_t listener, bool asks_client);
  // --- client: from the next connect() on. `context` outlives the connections. ---
  void connect_with(ClientContext& context) { client_ = &context; }

  const TlsStats& tls_stats() const { return tls_stats_; }

  std::string_view name() const override { return inner_->name(); }
  std::string features() const override { return inner_->features(); }
  [[nodiscard]] Result<void> add_listener(int fd, uint16_t listener) override {
    return inner_->add_listener(fd, listener);
  }
  void close_listeners(uint16_t kept) override { inner_->close_listeners(kept); }
  void pause_accepting(bool paused) override { inner_->pause_accepting(paused); }
  [[nodiscard]] Result<io::Socket> connect(const io::SocketAddress& remote, const io::SocketAddress* local,
                                           io::Owner owner) override;
  void start_receive(io::Socket socket, io::Owner owner) override;
  void pause_receive(io::Socket socket) override;
  void resume_receive(io::Socket socket) override;
  void flush(std::span<io::SendOp> ops) override;
  void shutdown_write(io::Socket socket) override;
  void close(io::Socket socket, io::CloseMode mode) override;
  io::SocketAddress peer_address(io::Socket socket) override { return inner_->peer_address(socket); }
  io::Delivery delivery(io::Socket socket) override;
  void tune(io::Socket socket, const io::SocketTuning& tuning) override { inner_->tune(socket, tuning); }
  std::string_view application_protocol(io::Socket socket) override;
  std::span<const io::Event> wait(io::Nanoseconds timeout) override;
  const io::BackendStats& stats() const override { return inner_->stats(); }

 private:
  // What a secure socket has besides the other backend's part.
  struct Link {
    std::optional<Connection> tls;           // once its handshake has begun
    std::shared_ptr<ServerContext> context;  // while that lasts
    Bytes output;                            // encrypted, not sent yet
    Bytes input;                             // received, not looked at yet
    io::Nanoseconds deadline{0};             // of what its handshake is at
    uint32_t counted = 0;                    // of `output`, in stats
    io::Owner owner = io::kNoOwner;
    io::CloseReason end = io::CloseReason::none;  // behind `input`
    int32_t end_error = 0;
    bool is_client : 1 = false;
    bool asks_client : 1 = false;
    bool started : 1 = false;  // start_receive() was called
    bool paused : 1 = false;   // by the owner
    bool inner_paused : 1 = false;
    bool queued : 1 = false;   // its handshake waits for its turn
    bool shaking : 1 = false;  // its handshake counts as one in flight
    bool established : 1 = false;
    bool wants_writable : 1 = false;
    bool blocked : 1 = false;  // the other backend will report `writable`
    bool fin : 1 = false;      // close_notify was made; FIN follows what is still to be sent
    bool fin_sent : 1 = false;
    bool over : 1 = false;     // the end has been reported to the owner
    bool useless : 1 = false;  // nothing can be sent any more
    bool touched : 1 = false;  // in touched_
    bool listed : 1 = false;   // in listed_
  };
  struct Descriptor {
    std::unique_ptr<Link> link;  // none: not secure
    EventMarks marks;
    uint32_t generation = 0;  // raised at close
  };
  struct Reference {
    int32_t fd;
    uint32_t generation;
  };
  struct Deadline {
    Reference of;
    io::Nanoseconds at;
  };
  struct SecureListener {
    uint16_t listener;
    bool asks_client;
  };
  // One op of a flush on its way through the other backend.
  struct Passage {
    io::SendOp* op;
    Link* link;     // null: not secure
    size_t offset;  // of its ciphertext in the arena
    size_t length;
    size_t consumed;  // of its plaintext
  };

  static bool writes(const Link& link);
  static bool holds(const Link& link) { return link.paused || !link.started; }
  Link* link_of(io::Socket socket);
  Descriptor* find(Reference reference);
  Reference reference(int32_t fd) { return {fd, descriptors_[fd].generation}; }
  void push(io::Event event, int32_t fd);

  // tls_backend.cc: events
  void take(const io::Event& event);
  void take_accepted(const io::Event& event);
  void take_connected(const io::Event& event, Link& link);
  void take_closed(const io::Event& event, Link& link);
  void feed(int32_t fd, Link& link, std::span<const uint8_t> bytes);
  void keep(Link& link, std::span<const uint8_t> bytes);
  void read(int32_t fd, Link& link, std::span<const uint8_t> bytes);
  void end(int32_t fd, Link& link, io::CloseReason reason, int32_t error);
  void list(int32_t fd, Link& link);
  void serve_listed();
  void serve(int32_t fd, Link& link);
  void pause_inner(int32_t fd, Link& link);
  void resume_inner(int32_t fd, Link& link);
  io::Nanoseconds wait_time(io::Nanoseconds timeout);
  void trim();

  // tls_handshakes.cc
  void set_deadline(int32_t fd, Link& link);
  void meet(int32_t fd, Link& link, std::span<const uint8_t> first);
  bool begin(int32_t fd, Link& link);
  void shake(int32_t fd, Link& link, std::span<const uint8_t>& bytes);
  void refuse_plain(int32_t fd, Link& link);
  void give_up(int32_t fd, Link& link);
  void leave_handshake(Link& link);
  void serve_queue();
  void expire();

  // tls_backend.cc: the way out
  void touch(int32_t fd, Link& link);
  void send_touched();
  void after_output(int32_t fd, Link& link);
  void take_sent(Link& link, int64_t result);
  void send_output_now(int32_t fd, Link& link);
  void encrypt(io::SendOp& op, Link& link);
  void submit();
  void set_output(Link& link, std::span<const uint8_t> rest);

  std::unique_ptr<io::Backend> inner_;
  TlsOptions options_;
  SharedBio bio_;
  TlsStats tls_stats_;
  std::optional<RotatingTicketKeys> ticket_keys_;
  std::shared_ptr<ServerContext> server_;
  ClientContext* client_ = nullptr;
  std::vector<SecureListener> secure_listeners_;
  io::DescriptorStates<Descriptor> descriptors_;
  size_t links_ = 0;
  io::Nanoseconds now_{0};
  io::Nanoseconds next_trim_{0};

  EventList batch_;
  Plaintext plaintext_;
  std::vector<Reference> touched_;  // have output of this wait()
  std::vector<Reference> listed_;   // have something to report that no event of the other backend announces
  std::vector<Reference> serving_;

  HandshakeGate gate_;
  std::deque<Reference> queue_;     // handshakes that wait for their turn; what has gone is skipped
  std::deque<Deadline> deadlines_;  // of handshakes, the earliest first; those that have another by now are skipped
  uint32_t waiting_ = 0;

  Bytes arena_;   // ciphertext of the flush that is being made
  Bytes gather_;  // a record's plaintext that lies in pieces
  std::vector<Passage> passages_;
  std::vector<io::SendOp> sends_;
  std::vector<iovec> send_iovs_;
};

}  // namespace ringcast::tls
