// SPDX-License-Identifier: Apache-2.0
// One TLS connection without a socket (RFC 8446, RFC 5246): ciphertext in, plaintext out, and the other way round. What
// there is of it is an SSL object; buffers belong to the call. One core's, its thread only.
#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "tls/openssl_types.h"
#include "tls/plaintext.h"
#include "tls/shared_bio.h"

namespace ringcast::tls {

class Connection {
 public:
  enum class State : uint8_t {
    handshaking,
    open,
    ended,   // the peer has said that it sends no more (close_notify); writing goes on
    failed,  // nothing can be read or written any more
  };

  // Begins its handshake with the next call of handshake(). `bio` outlives it.
  Connection(SslPtr ssl, SharedBio& bio);

  State state() const { return state_; }
  // These take from the front of `ciphertext` and append to `out` what is to be sent, alerts too.
  // Up to the end of the handshake; what comes behind it is left.
  State handshake(std::span<const uint8_t>& ciphertext, Bytes& out);
  // Of an open connection; everything is taken unless it ends.
  State read(std::span<const uint8_t>& ciphertext, Plaintext& to, Bytes& out);
  // Of an open or ended connection. Encrypts the pieces one after another, up to about `bytes_max`; returns how much
  // of them. Less than that without need: it has failed.
  size_t write(std::span<const iovec> pieces, size_t bytes_max, Bytes& gather, Bytes& out);
  // We send no more. Once is enough.
  void close_notify(Bytes& out);

  bool resumed() const { return SSL_session_reused(ssl_.get()) == 1; }
  int version() const { return SSL_version(ssl_.get()); }
  // What ALPN has agreed on; empty: nothing.
  std::string_view protocol() const;
  SSL* ssl() { return ssl_.get(); }

 private:
  State judge(int result);
  bool write_some(const uint8_t* bytes, size_t size);

  SslPtr ssl_;
  SharedBio* bio_;
  State state_ = State::handshaking;
};

// A record's plaintext at most (RFC 8446 section 5.1).
inline constexpr size_t kRecordMax = 16384;

}  // namespace ringcast::tls
