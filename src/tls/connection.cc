// SPDX-License-Identifier: Apache-2.0
#include "tls/connection.h"

#include <openssl/err.h>

#include <algorithm>

#include "base/assert.h"

namespace ringcast::tls {
namespace {

// What others on this thread have left in OpenSSL's queue of errors would be taken for an error of the next call.
void forget_foreign_errors() {
  if (ERR_peek_error() != 0) ERR_clear_error();
}

}  // namespace

Connection::Connection(SslPtr ssl, SharedBio& bio) : ssl_(std::move(ssl)), bio_(&bio) {
  bio.attach(ssl_.get());
}

// What a call that did not succeed means.
Connection::State Connection::judge(int result) {
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ: return state_;
    case SSL_ERROR_ZERO_RETURN: return state_ = State::ended;
    default:
      ERR_clear_error();  // the next call's error is not to be taken for this one
      return state_ = State::failed;
  }
}

Connection::State Connection::handshake(std::span<const uint8_t>& ciphertext, Bytes& out) {
  RINGCAST_ASSERT(state_ == State::handshaking);
  forget_foreign_errors();
  bio_->input = ciphertext;
  bio_->output = &out;
  const int result = SSL_do_handshake(ssl_.get());
  ciphertext = bio_->input;
  if (result == 1) return state_ = State::open;
  return judge(result);
}

Connection::State Connection::read(std::span<const uint8_t>& ciphertext, Plaintext& to, Bytes& out) {
  RINGCAST_ASSERT(state_ == State::open);
  forget_foreign_errors();
  bio_->input = ciphertext;
  bio_->output = &out;
  for (;;) {
    const std::span<uint8_t> room = to.room();
    size_t got = 0;
    const int result = SSL_read_ex(ssl_.get(), room.data(), room.size(), &got);
    if (result == 1) {
      to.take(got);
      continue;
    }
    judge(result);
    ciphertext = bio_->input;
    return state_;
  }
}

bool Connection::write_some(const uint8_t* bytes, size_t size) {
  size_t written = 0;
  const int result = SSL_write_ex(ssl_.get(), bytes, size, &written);
  // The BIO takes everything, so partial writes end at a record's end only.
  for (size_t done = written; result == 1 && done < size; done += written) {
    if (SSL_write_ex(ssl_.get(), bytes + done, size - done, &written) != 1) {
      judge(0);
      return false;
    }
  }
  if (result != 1) judge(result);
  return result == 1;
}

size_t Connection::write(std::span<const iovec> pieces, size_t bytes_max, Bytes& gather, Bytes& out) {
  RINGCAST_ASSERT(state_ == State::open || state_ == State::ended);
  bio_->input = {};
  bio_->output = &out;
  gather.clear();
  size_t written = 0, gathered = 0;
  const auto send = [&](const uint8_t* bytes, size_t size) {
    if (!write_some(bytes, size)) return false;
    written += size;
    return true;
  };
  for (const iovec& piece : pieces) {
    std::span<const uint8_t> rest(static_cast<const uint8_t*>(piece.iov_base), piece.iov_len);
    while (!rest.empty() && written + gathered < bytes_max) {
      const size_t room = std::min(kRecordMax - gathered, bytes_max - written - gathered);
      const std::span<const uint8_t> part = rest.first(std::min(rest.size(), room));
      rest = rest.subspan(part.size());
      // Alone in its record: as it lies.
      if (gathered == 0 && (part.size() == kRecordMax || pieces.size() == 1)) {
        if (!send(part.data(), part.size())) return written;
        continue;
      }
      gather.insert(gather.end(), part.begin(), part.end());
      gathered += part.size();
      if (gathered < kRecordMax) continue;
      if (!send(gather.data(), gathered)) return written;
      gather.clear();
      gathered = 0;
    }
  }
  if (gathered != 0) send(gather.data(), gathered);
  return written;
}

void Connection::close_notify(Bytes& out) {
  if (state_ != State::open && state_ != State::ended) return;
  bio_->input = {};
  bio_->output = &out;
  // 0: the peer's has not come yet, which nobody waits for.
  if (SSL_shutdown(ssl_.get()) < 0) ERR_clear_error();
}

std::string_view Connection::protocol() const {
  const unsigned char* chosen = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &chosen, &size);
  return {reinterpret_cast<const char*>(chosen), size};
}

}  // namespace ringcast::tls
