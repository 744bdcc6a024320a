// SPDX-License-Identifier: Apache-2.0
// TlsBackend: handshakes, from a client's first bytes to the first plaintext, and how many there are of them.
#include <algorithm>
#include <cerrno>

#include "base/assert.h"
#include "tls/tls_backend.h"

namespace ringcast::tls {
namespace {

using io::CloseReason;

// What a client has sent while its handshake waits: a ClientHello, which with all extensions fits into one record.
constexpr size_t kHelloMax = kRecordMax + 2048;

// "GET / …": TLS begins with the type of a record, 22 (RFC 8446 section 5.1).
bool is_plain_http(std::span<const uint8_t> bytes) {
  return bytes.front() >= 'A' && bytes.front() <= 'Z';
}

}  // namespace

// For the wait, and anew for the handshake itself: who waited long is not short of time then.
void TlsBackend::set_deadline(int32_t fd, Link& link) {
  link.deadline = now_ + gate_.limits().timeout;
  deadlines_.push_back({reference(fd), link.deadline});
}

void TlsBackend::meet(int32_t fd, Link& link, std::span<const uint8_t> first) {
  if (is_plain_http(first)) return refuse_plain(fd, link);
  if (waiting_ == 0 && gate_.may_begin()) {
    if (begin(fd, link)) feed(fd, link, first);
    return;
  }
  if (waiting_ >= gate_.limits().waiting_max || first.size() > kHelloMax) {
    add(tls_stats_.failed);
    link.useless = true;
    return end(fd, link, CloseReason::tls_failed, EBUSY);
  }
  set_deadline(fd, link);
  link.queued = true;
  ++waiting_;
  tls_stats_.waiting.store(waiting_, std::memory_order_relaxed);
  add(tls_stats_.delayed);
  queue_.push_back(reference(fd));
  keep(link, first);
  pause_inner(fd, link);
}

bool TlsBackend::begin(int32_t fd, Link& link) {
  set_deadline(fd, link);
  link.shaking = true;
  gate_.begin();
  tls_stats_.in_flight.store(gate_.in_flight(), std::memory_order_relaxed);
  if (!link.is_client) link.context = server_;
  SslPtr ssl = link.is_client ? client_->connect() : server_->accept(link.asks_client);
  if (ssl != nullptr) {
    link.tls.emplace(std::move(ssl), bio_);
    return true;
  }
  add(tls_stats_.failed);
  leave_handshake(link);
  link.useless = true;
  end(fd, link, CloseReason::tls_failed, ENOMEM);
  return false;
}

void TlsBackend::shake(int32_t fd, Link& link, std::span<const uint8_t>& bytes) {
  const Connection::State state = link.tls->handshake(bytes, link.output);
  touch(fd, link);
  if (state == Connection::State::handshaking) return;
  leave_handshake(link);
  if (state != Connection::State::open) {
    add(tls_stats_.failed);
    link.useless = true;
    return end(fd, link, CloseReason::tls_failed, EPROTO);
  }
  const size_t version = link.tls->version() >= TLS1_3_VERSION ? 1 : 0;
  add(link.tls->resumed() ? tls_stats_.resumed[version] : tls_stats_.full[version]);
  add(tls_stats_.open);
  link.established = true;
  if (link.paused) pause_inner(fd, link);
  if (link.is_client) push({.kind = io::EventKind::connected, .owner = link.owner}, fd);
}

// Its owner closes; the answer has left by then, and says that it is the last there will be.
void TlsBackend::refuse_plain(int32_t fd, Link& link) {
  add(tls_stats_.plain_http);
  link.useless = true;
  const std::string& answer = options_.plain_http_answer;
  link.output.assign(answer.begin(), answer.end());
  send_output_now(fd, link);
  inner_->shutdown_write({fd});
  link.fin = link.fin_sent = true;
  end(fd, link, CloseReason::tls_failed, EPROTO);
}

// Its owner has nothing to say, so that the handshake would be for nothing.
void TlsBackend::give_up(int32_t fd, Link& link) {
  if (link.queued || link.shaking) add(tls_stats_.aborted);
  leave_handshake(link);
  link.useless = link.fin_sent = true;
  Bytes().swap(link.input);
  set_output(link, {});
  resume_inner(fd, link);  // its end is still to be seen
  inner_->shutdown_write({fd});
}

void TlsBackend::leave_handshake(Link& link) {
  if (link.shaking) {
    link.shaking = false;
    gate_.end();
    tls_stats_.in_flight.store(gate_.in_flight(), std::memory_order_relaxed);
  }
  if (link.queued) {
    link.queued = false;
    --waiting_;
    tls_stats_.waiting.store(waiting_, std::memory_order_relaxed);
  }
  link.context.reset();
}

void TlsBackend::serve_queue() {
  while (!queue_.empty()) {
    Descriptor* const descriptor = find(queue_.front());
    if (descriptor != nullptr && descriptor->link->queued) {
      if (!gate_.may_begin()) return;
      const int32_t fd = queue_.front().fd;
      Link& link = *descriptor->link;
      leave_handshake(link);
      const Bytes held = std::exchange(link.input, {});
      resume_inner(fd, link);
      if (begin(fd, link)) feed(fd, link, held);
    }
    queue_.pop_front();
  }
}

void TlsBackend::expire() {
  for (; !deadlines_.empty(); deadlines_.pop_front()) {
    Descriptor* const descriptor = find(deadlines_.front().of);
    if (descriptor == nullptr) continue;
    Link& link = *descriptor->link;
    if (link.deadline != deadlines_.front().at || (!link.queued && !link.shaking)) continue;
    if (deadlines_.front().at > now_) return;
    add(tls_stats_.timed_out);
    leave_handshake(link);
    link.useless = true;
    end(deadlines_.front().of.fd, link, CloseReason::tls_failed, ETIMEDOUT);
  }
}

}  // namespace ringcast::tls
