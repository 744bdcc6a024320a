// SPDX-License-Identifier: Apache-2.0
#include "connections.h"

#include <unistd.h>

#include <utility>

#include "io/descriptor_table.h"

namespace ringcast::ringload {
namespace {

constexpr size_t kOutgoingKept = 64 * 1024;     // capacity of a buffer in the pool
constexpr size_t kUnsentMax = size_t{1} << 20;  // of one publisher; the schedule waits, which its lag shows

}  // namespace

Result<void> Connections::open() {
  std::vector<int> kept;
  for (const io::WakeTarget& wake : run.wakes) kept.push_back(wake.fd());
  if (auto owned = io::own_descriptor_table(kept); !owned) return owned;
  io::BackendOptions backend_options;
  backend_options.receive_buffer_size = 16 * 1024;  // runs of many frames arrive as they were sent
  backend_options.receive_buffer_count = 256;
  auto backend = io::make_backend(options.engine, backend_options, run.wakes[worker]);
  if (!backend) return tl::unexpected<Error>(backend.error());
  backend_ = std::move(*backend);
  return speak_tls();
}

// Connections are `connected` past their handshake then, and whatever else happens is in plaintext.
Result<void> Connections::speak_tls() {
  if (!options.tls) return {};
  tls::ClientOptions client;
  client.server_name = options.host.substr(0, options.host.rfind(':'));
  if (client.server_name.starts_with('['))
    client.server_name = client.server_name.substr(1, client.server_name.size() - 2);
  client.ca_file = options.tls_ca;
  client.verify = !options.tls_insecure;
  client.resume = options.tls_resume;
  client.protocols = {options.http2 > 0 ? "h2" : "http/1.1"};
  auto context = tls::ClientContext::create(client);
  if (!context) return tl::unexpected<Error>(std::move(context.error()));
  tls_client_ = *std::move(context);
  tls::TlsOptions tls_options;
  tls_options.handshakes.timeout = io::Nanoseconds(options.connect_timeout_ns);
  auto secure = std::make_unique<tls::TlsBackend>(std::move(backend_), std::move(tls_options));
  secure->connect_with(*tls_client_);
  backend_ = std::move(secure);
  return {};
}

void Connections::resize(uint32_t of_members, uint32_t of_publishers) {
  members = of_members;
  publishers = of_publishers;
  size_t carriers = 0;
  if (options.http2 > 0) {
    http2 = std::make_unique<Http2>(*this, members, publishers, options.http2);
    carriers = Http2::carriers(members, publishers, options.http2);
  }
  all_ = std::vector<Connection>(size() + carriers);
}

Outgoing& Connections::outgoing(Connection& connection) {
  if (connection.out == nullptr) {
    if (outgoing_free_.empty()) outgoing_free_.push_back(&outgoing_.emplace_back());
    connection.out = outgoing_free_.back();
    outgoing_free_.pop_back();
  }
  return *connection.out;
}

std::string& Connections::write_to(Connection& connection) {
  Outgoing& out = outgoing(connection);
  if (!out.queued && !out.blocked) {
    out.queued = true;
    dirty_.push_back(index_of(connection));
  }
  return out.bytes;
}

void Connections::on_writable(Connection& connection) {
  if (connection.out == nullptr) return;
  connection.out->blocked = false;
  if (!connection.out->queued) dirty_.push_back(index_of(connection));
  connection.out->queued = true;
}

bool Connections::is_full(const Connection& connection) const {
  return connection.out != nullptr && connection.out->bytes.size() - connection.out->sent > kUnsentMax;
}

void Connections::drop_outgoing(Connection& connection) {
  if (connection.out == nullptr) return;
  Outgoing& out = *connection.out;
  out.bytes.clear();
  if (out.bytes.capacity() > kOutgoingKept) out.bytes.shrink_to_fit();
  out.sent = 0;
  out.blocked = out.queued = false;
  outgoing_free_.push_back(connection.out);
  connection.out = nullptr;
}

void Connections::flush() {
  if (http2 != nullptr) http2->flush();
  if (dirty_.empty()) return;
  ops_.clear();
  op_owners_.clear();
  iovs_.resize(dirty_.size());
  for (const uint32_t index : dirty_) {
    Connection& connection = all_[index];
    if (connection.out == nullptr || !connection.out->queued) continue;
    Outgoing& out = *connection.out;
    out.queued = false;
    if (out.blocked || out.bytes.size() == out.sent) continue;
    iovec& iov = iovs_[ops_.size()];
    iov = {out.bytes.data() + out.sent, out.bytes.size() - out.sent};
    ops_.push_back({.socket = connection.socket, .iov_count = 1, .iov = &iov});
    op_owners_.push_back(index);
  }
  dirty_.clear();
  backend_->flush(ops_);
  for (size_t i = 0; i < ops_.size(); ++i) {
    Connection& connection = all_[op_owners_[i]];
    if (ops_[i].result < 0) {
      lost(connection, ErrorKind::reset_by_server, "a send failed");
      continue;
    }
    progress.bytes_out.add(static_cast<uint64_t>(ops_[i].result));
    Outgoing& out = *connection.out;
    out.sent += static_cast<size_t>(ops_[i].result);
    if (out.sent == out.bytes.size()) {
      drop_outgoing(connection);
    } else {
      out.blocked = true;
    }
  }
}

void Connections::hold(Connection& connection) {
  connection.held = true;
  if (http2 == nullptr) backend_->pause_receive(connection.socket);
}

void Connections::release(Connection& connection) {
  connection.held = false;
  if (http2 == nullptr) return backend_->resume_receive(connection.socket);
  http2->release(connection);
}

void Connections::close(Connection& connection, io::CloseMode mode) {
  if (http2 != nullptr) http2->reset(connection);
  drop_outgoing(connection);
  if (connection.socket.valid()) backend_->close(connection.socket, mode);
  connection.socket = {};
  if (connection.state == State::ready) progress.ready.subtract();
  connection.state = State::ended;
  if (std::exchange(connection.probing, false)) progress.probes.subtract();
  connection.http.reset();
  connection.decoder.reset();
  connection.streaming.reset();
  connection.under_way = 0;
  connection.held = false;
}

void Connections::lost(Connection& connection, ErrorKind kind, std::string_view example) {
  if (http2 != nullptr && http2->carries(connection)) return http2->lost(connection, kind, example);
  if (kind != ErrorKind::count_) {
    note(kind, example);
  }
  const bool renew = connection.state == State::closing;
  close(connection, io::CloseMode::graceful);
  if (renew) {
    reopen_at(now, connection);
  } else {
    progress.down.add();
  }
}

void Connections::note(ErrorKind kind, std::string_view example) {
  const auto index = static_cast<size_t>(kind);
  progress.errors[index].add();
  if (measures.examples[index].empty()) measures.examples[index] = example;
}

void Connections::reset_all() {
  for (Connection& connection : all_) {
    if (connection.socket.valid()) close(connection, io::CloseMode::reset);
  }
  backend_->wait(io::Nanoseconds::zero());
}

}  // namespace ringcast::ringload
