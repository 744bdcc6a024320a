// SPDX-License-Identifier: Apache-2.0
#include "tls/tls_backend.h"

#include <algorithm>
#include <cerrno>

#include "base/assert.h"

namespace ringcast::tls {
namespace {

using io::CloseReason;
using io::EventKind;

constexpr size_t kFlushMax = 64 * 1024;   // plaintext of one connection and flush
constexpr size_t kArenaMax = 256 * 1024;  // ciphertext of many; then it is sent
// Of a connection whose peer sends what has to be answered (RFC 8446 section 4.6.3) and takes no answer.
constexpr size_t kUnsentMax = 256 * 1024;
constexpr io::Nanoseconds kTrimInterval = std::chrono::seconds(1);

io::Nanoseconds steady_now() {
  return std::chrono::steady_clock::now().time_since_epoch();
}

size_t length_of(const io::SendOp& op) {
  size_t total = 0;
  for (size_t i = 0; i < op.iov_count; ++i) total += op.iov[i].iov_len;
  return total;
}

}  // namespace

TlsBackend::TlsBackend(std::unique_ptr<io::Backend> inner, TlsOptions options)
    : inner_(std::move(inner)), options_(std::move(options)), gate_(options_.handshakes) {
  if (options_.now == nullptr) options_.now = steady_now;
}

TlsBackend::~TlsBackend() = default;

Result<void> TlsBackend::serve(std::shared_ptr<const Material> material, const RotatingTicketKeys& keys) {
  ticket_keys_.emplace(keys);
  return renew(std::move(material));
}

Result<void> TlsBackend::renew(std::shared_ptr<const Material> material) {
  auto made = ServerContext::create(std::move(material), *ticket_keys_);
  if (!made) return tl::unexpected<Error>(std::move(made.error()));
  server_ = *std::move(made);
  return {};
}

void TlsBackend::secure_listener(uint16_t listener, bool asks_client) {
  secure_listeners_.push_back({listener, asks_client});
}

TlsBackend::Link* TlsBackend::link_of(io::Socket socket) {
  return descriptors_[socket.value].link.get();
}

TlsBackend::Descriptor* TlsBackend::find(Reference reference) {
  Descriptor& descriptor = descriptors_[reference.fd];
  return descriptor.generation == reference.generation && descriptor.link != nullptr ? &descriptor : nullptr;
}

void TlsBackend::push(io::Event event, int32_t fd) {
  event.socket = {fd};
  batch_.push(event, descriptors_[fd].marks);
}

// --- events ---

std::span<const io::Event> TlsBackend::wait(io::Nanoseconds timeout) {
  batch_.clear();
  plaintext_.clear();
  now_ = options_.now();
  gate_.begin_turn(now_);
  serve_listed();
  serve_queue();
  send_touched();
  const std::span<const io::Event> events = inner_->wait(wait_time(timeout));
  now_ = options_.now();
  for (const io::Event& event : events) take(event);
  expire();
  send_touched();
  if (now_ >= next_trim_) trim();
  return batch_.events();
}

io::Nanoseconds TlsBackend::wait_time(io::Nanoseconds timeout) {
  if (!batch_.empty() || !listed_.empty()) return io::Nanoseconds::zero();
  io::Nanoseconds next = waiting_ != 0 ? gate_.until_next() : io::Nanoseconds::max();
  if (!deadlines_.empty()) next = std::min(next, std::max(deadlines_.front().at - now_, io::Nanoseconds::zero()));
  if (next == io::Nanoseconds::max()) return timeout;
  return timeout < io::Nanoseconds::zero() ? next : std::min(timeout, next);
}

void TlsBackend::trim() {
  next_trim_ = now_ + kTrimInterval;
  plaintext_.trim();
  if (arena_.capacity() > 2 * kArenaMax) Bytes().swap(arena_);
}

void TlsBackend::take(const io::Event& event) {
  if (event.kind == EventKind::accepted) return take_accepted(event);
  Link* const link = link_of(event.socket);
  if (link == nullptr) {
    batch_.push(event, descriptors_[event.socket.value].marks);
    return;
  }
  switch (event.kind) {
    case EventKind::connected: return take_connected(event, *link);
    case EventKind::bytes: return feed(event.socket.value, *link, event.bytes);
    case EventKind::writable:
      link->blocked = false;
      touch(event.socket.value, *link);
      return;
    case EventKind::closed: return take_closed(event, *link);
    case EventKind::accepted: return;
  }
}

void TlsBackend::take_accepted(const io::Event& event) {
  Descriptor& descriptor = descriptors_.add(event.socket.value);
  RINGCAST_ASSERT(descriptor.link == nullptr);
  for (const SecureListener& secure : secure_listeners_) {
    if (secure.listener != event.listener) continue;
    descriptor.link = std::make_unique<Link>();
    descriptor.link->asks_client = secure.asks_client;
    ++links_;
  }
  batch_.push(event, descriptor.marks);
}

void TlsBackend::take_connected(const io::Event& event, Link& link) {
  inner_->start_receive(event.socket, link.owner);
  std::span<const uint8_t> nothing;
  if (begin(event.socket.value, link)) shake(event.socket.value, link, nothing);
}

void TlsBackend::take_closed(const io::Event& event, Link& link) {
  if (link.over) return;
  if (link.queued || link.shaking) {
    add(tls_stats_.aborted);
    leave_handshake(link);
    link.useless = event.reason != CloseReason::peer_closed;
  } else if (!link.input.empty()) {
    link.end = event.reason;
    link.end_error = event.error;
    return;
  }
  end(event.socket.value, link, event.reason, event.error);
}

void TlsBackend::feed(int32_t fd, Link& link, std::span<const uint8_t> bytes) {
  if (link.over || (link.useless && !link.established)) return;
  if (link.queued || !link.input.empty()) return keep(link, bytes);
  if (!link.tls) return meet(fd, link, bytes);
  if (link.tls->state() == Connection::State::handshaking) shake(fd, link, bytes);
  if (!bytes.empty()) read(fd, link, bytes);
}

void TlsBackend::keep(Link& link, std::span<const uint8_t> bytes) {
  link.input.insert(link.input.end(), bytes.begin(), bytes.end());
}

void TlsBackend::read(int32_t fd, Link& link, std::span<const uint8_t> bytes) {
  if (link.over || link.tls->state() != Connection::State::open) return;
  if (holds(link)) {
    keep(link, bytes);
    return pause_inner(fd, link);
  }
  plaintext_.next_pieces();
  const size_t unsent = link.output.size();
  const Connection::State state = link.tls->read(bytes, plaintext_, link.output);
  if (link.fin) link.output.resize(unsent);  // nothing follows close_notify (RFC 8446 section 6.1)
  for (const std::span<uint8_t> piece : plaintext_.pieces()) {
    push({.kind = EventKind::bytes, .owner = link.owner, .bytes = piece}, fd);
  }
  if (!link.output.empty()) touch(fd, link);
  if (state == Connection::State::ended) {
    end(fd, link, CloseReason::peer_closed, 0);
  } else if (state == Connection::State::failed || link.output.size() > kUnsentMax) {
    add(tls_stats_.broken);
    link.useless = true;
    end(fd, link, CloseReason::tls_failed, EPROTO);
  }
}

void TlsBackend::end(int32_t fd, Link& link, CloseReason reason, int32_t error) {
  if (link.over) return;
  link.over = true;
  Bytes().swap(link.input);
  push({.kind = EventKind::closed, .reason = reason, .error = error, .owner = link.owner}, fd);
}

void TlsBackend::list(int32_t fd, Link& link) {
  if (link.listed) return;
  link.listed = true;
  listed_.push_back(reference(fd));
}

void TlsBackend::serve_listed() {
  serving_.swap(listed_);
  for (const Reference reference : serving_) {
    Descriptor* const descriptor = find(reference);
    if (descriptor == nullptr) continue;
    descriptor->link->listed = false;
    serve(reference.fd, *descriptor->link);
  }
  serving_.clear();
}

void TlsBackend::serve(int32_t fd, Link& link) {
  after_output(fd, link);
  if (link.over || link.queued || holds(link)) return;
  if (!link.input.empty()) {
    const Bytes held = std::exchange(link.input, {});
    read(fd, link, held);
  }
  if (link.end != CloseReason::none) return end(fd, link, link.end, link.end_error);
  resume_inner(fd, link);
}

void TlsBackend::pause_inner(int32_t fd, Link& link) {
  if (link.inner_paused) return;
  link.inner_paused = true;
  inner_->pause_receive({fd});
}

void TlsBackend::resume_inner(int32_t fd, Link& link) {
  if (!link.inner_paused) return;
  link.inner_paused = false;
  inner_->resume_receive({fd});
}

// --- what the owner asks for ---

Result<io::Socket> TlsBackend::connect(const io::SocketAddress& remote, const io::SocketAddress* local,
                                       io::Owner owner) {
  auto socket = inner_->connect(remote, local, owner);
  if (!socket) return socket;
  Descriptor& descriptor = descriptors_.add(socket->value);
  RINGCAST_ASSERT(descriptor.link == nullptr);
  if (client_ == nullptr) return socket;
  descriptor.link = std::make_unique<Link>();
  descriptor.link->owner = owner;
  descriptor.link->is_client = true;
  ++links_;
  return socket;
}

void TlsBackend::start_receive(io::Socket socket, io::Owner owner) {
  Link* const link = link_of(socket);
  if (link == nullptr) return inner_->start_receive(socket, owner);
  link->owner = owner;
  link->started = true;
  if (!link->is_client) return inner_->start_receive(socket, owner);
  if (!link->input.empty() || link->inner_paused) list(socket.value, *link);
}

// Not during the handshake, which has to go on: what it leaves behind is kept then.
void TlsBackend::pause_receive(io::Socket socket) {
  Link* const link = link_of(socket);
  if (link == nullptr) return inner_->pause_receive(socket);
  link->paused = true;
  if (link->tls && link->tls->state() != Connection::State::handshaking) pause_inner(socket.value, *link);
}

void TlsBackend::resume_receive(io::Socket socket) {
  Link* const link = link_of(socket);
  if (link == nullptr) return inner_->resume_receive(socket);
  link->paused = false;
  if (link->queued) return;
  if (!link->input.empty() || link->end != CloseReason::none) return list(socket.value, *link);
  resume_inner(socket.value, *link);
}

void TlsBackend::shutdown_write(io::Socket socket) {
  Link* const link = link_of(socket);
  if (link == nullptr) return inner_->shutdown_write(socket);
  if (link->fin) return;
  link->fin = true;
  if (!link->established) return give_up(socket.value, *link);
  if (!link->useless) link->tls->close_notify(link->output);
  if (!link->blocked) send_output_now(socket.value, *link);
  if (!link->output.empty()) return;
  link->fin_sent = true;
  inner_->shutdown_write(socket);
}

void TlsBackend::close(io::Socket socket, io::CloseMode mode) {
  Descriptor& descriptor = descriptors_[socket.value];
  batch_.withdraw(socket, descriptor.marks);
  if (Link* const link = descriptor.link.get()) {
    if (mode == io::CloseMode::graceful && !link->fin && writes(*link)) {
      link->tls->close_notify(link->output);
      send_output_now(socket.value, *link);
    }
    if (link->queued || link->shaking) add(tls_stats_.aborted);
    if (link->established) add(tls_stats_.open, UINT64_MAX);
    leave_handshake(*link);
    set_output(*link, {});
    descriptor.link.reset();
    --links_;
  }
  ++descriptor.generation;
  inner_->close(socket, mode);
}

io::Delivery TlsBackend::delivery(io::Socket socket) {
  io::Delivery delivery = inner_->delivery(socket);
  if (const Link* const link = link_of(socket)) delivery.unacknowledged += link->output.size();
  return delivery;
}

std::string_view TlsBackend::application_protocol(io::Socket socket) {
  const Link* const link = link_of(socket);
  return link != nullptr && link->tls ? link->tls->protocol() : std::string_view();
}

// --- the way out ---

bool TlsBackend::writes(const Link& link) {
  return link.tls && !link.useless && !link.blocked && link.output.empty() &&
         (link.tls->state() == Connection::State::open || link.tls->state() == Connection::State::ended);
}

void TlsBackend::touch(int32_t fd, Link& link) {
  if (link.touched) return;
  link.touched = true;
  touched_.push_back(reference(fd));
}

// What reading and handshakes have to send, in one flush. Only from within wait(): it reports.
void TlsBackend::send_touched() {
  if (touched_.empty()) return;
  sends_.clear();
  send_iovs_.clear();
  send_iovs_.reserve(touched_.size());
  for (const Reference reference : touched_) {
    Descriptor* const descriptor = find(reference);
    if (descriptor == nullptr) continue;
    Link& link = *descriptor->link;
    if (link.blocked || link.output.empty()) continue;
    send_iovs_.push_back({link.output.data(), link.output.size()});
    sends_.push_back({.socket = {reference.fd}, .iov_count = 1, .iov = &send_iovs_.back()});
  }
  if (!sends_.empty()) inner_->flush(sends_);
  for (const io::SendOp& sent : sends_) take_sent(*link_of(sent.socket), sent.result);
  for (const Reference reference : touched_) {
    Descriptor* const descriptor = find(reference);
    if (descriptor == nullptr) continue;
    descriptor->link->touched = false;
    after_output(reference.fd, *descriptor->link);
  }
  touched_.clear();
}

void TlsBackend::take_sent(Link& link, int64_t result) {
  if (result < 0) {
    link.useless = true;  // `closed` follows
    return set_output(link, {});
  }
  const auto sent = static_cast<size_t>(result);
  link.blocked = sent < link.output.size();
  const Bytes rest(link.output.begin() + static_cast<std::ptrdiff_t>(sent), link.output.end());
  set_output(link, rest);
}

void TlsBackend::send_output_now(int32_t fd, Link& link) {
  if (link.output.empty()) return;
  const iovec iov{link.output.data(), link.output.size()};
  io::SendOp op{.socket = {fd}, .iov_count = 1, .iov = &iov};
  inner_->flush({&op, 1});
  take_sent(link, op.result);
}

// Only from within wait().
void TlsBackend::after_output(int32_t fd, Link& link) {
  if (!link.output.empty() || link.blocked) return;
  if (link.fin && !link.fin_sent) {
    link.fin_sent = true;
    inner_->shutdown_write({fd});
  }
  if (!link.wants_writable || !writes(link)) return;
  link.wants_writable = false;
  push({.kind = EventKind::writable, .owner = link.owner}, fd);
}

void TlsBackend::set_output(Link& link, std::span<const uint8_t> rest) {
  const auto counted = static_cast<uint32_t>(rest.size());
  add(tls_stats_.waiting_bytes, uint64_t{counted} - link.counted);
  link.counted = counted;
  if (rest.empty()) {
    Bytes().swap(link.output);
  } else {
    link.output = Bytes(rest.begin(), rest.end());
  }
}

void TlsBackend::flush(std::span<io::SendOp> ops) {
  if (links_ == 0) return inner_->flush(ops);
  arena_.clear();
  passages_.clear();
  for (io::SendOp& op : ops) {
    op.waits = false;
    if (Link* const link = link_of(op.socket)) {
      encrypt(op, *link);
    } else {
      passages_.push_back({.op = &op, .link = nullptr, .offset = 0, .length = 0, .consumed = 0});
    }
    if (arena_.size() >= kArenaMax) submit();
  }
  submit();
}

void TlsBackend::encrypt(io::SendOp& op, Link& link) {
  op.result = 0;
  if (link.useless) {
    op.result = -EPIPE;
    return;
  }
  if (!writes(link)) {
    link.wants_writable = true;
    return;
  }
  const size_t offset = arena_.size();
  const size_t consumed = link.tls->write({op.iov, op.iov_count}, kFlushMax, gather_, arena_);
  if (link.tls->state() == Connection::State::failed) {
    add(tls_stats_.broken);
    link.useless = true;
    arena_.resize(offset);
    op.result = -EPIPE;
    return;
  }
  passages_.push_back(
      {.op = &op, .link = &link, .offset = offset, .length = arena_.size() - offset, .consumed = consumed});
}

void TlsBackend::submit() {
  if (passages_.empty()) return;
  sends_.clear();
  send_iovs_.clear();
  send_iovs_.reserve(passages_.size());
  for (const Passage& passage : passages_) {
    io::SendOp send{.socket = passage.op->socket, .iov_count = passage.op->iov_count, .iov = passage.op->iov};
    if (passage.link != nullptr) {
      send_iovs_.push_back({arena_.data() + passage.offset, passage.length});
      send.iov = &send_iovs_.back();
      send.iov_count = 1;
    }
    sends_.push_back(send);
  }
  inner_->flush(sends_);
  for (size_t i = 0; i < passages_.size(); ++i) {
    const Passage& passage = passages_[i];
    io::SendOp& op = *passage.op;
    op.result = sends_[i].result;
    if (passage.link == nullptr || op.result < 0) continue;
    Link& link = *passage.link;
    const auto sent = static_cast<size_t>(op.result);
    op.result = static_cast<int64_t>(passage.consumed);
    if (sent < passage.length) {
      link.blocked = op.waits = link.wants_writable = true;
      set_output(link, {arena_.data() + passage.offset + sent, passage.length - sent});
    } else if (passage.consumed < length_of(op)) {
      link.wants_writable = true;
      list(op.socket.value, link);
    }
  }
  passages_.clear();
  arena_.clear();
}

}  // namespace ringcast::tls
