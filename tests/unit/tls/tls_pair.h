// SPDX-License-Identifier: Apache-2.0
// A client and a server of TLS in one thread, with nothing between them but bytes that a test cuts as it likes.
#pragma once

#include <ctime>
#include <functional>
#include <string>
#include <string_view>

#include "pki.h"
#include "tls/client_context.h"
#include "tls/connection.h"
#include "tls/server_context.h"

namespace ringcast::tls {

// How many of the waiting bytes go on in one piece.
using Cut = std::function<size_t(size_t waiting)>;
inline size_t whole(size_t waiting) {
  return waiting;
}

struct End {
  explicit End(SslPtr ssl) : tls(std::move(ssl), bio) {}

  // Takes the first `size` bytes of what `from` has sent.
  void take(Bytes& from, size_t size) {
    const Bytes piece(from.begin(), from.begin() + static_cast<std::ptrdiff_t>(size));
    from.erase(from.begin(), from.begin() + static_cast<std::ptrdiff_t>(size));
    take(std::span<const uint8_t>(piece));
  }
  void take(std::span<const uint8_t> piece) {
    if (tls.state() == Connection::State::handshaking) tls.handshake(piece, out);
    if (tls.state() != Connection::State::open || piece.empty()) return;
    plaintext.clear();
    tls.read(piece, plaintext, out);
    for (const auto part : plaintext.pieces()) received.append(part.begin(), part.end());
  }
  size_t write(std::string_view text) {
    const iovec piece{const_cast<char*>(text.data()), text.size()};
    return tls.write({&piece, 1}, SIZE_MAX, gather, out);
  }

  SharedBio bio;
  Connection tls;
  Bytes out, gather;
  Plaintext plaintext;
  std::string received;
};

// The server's side of a core.
struct Core {
  explicit Core(std::shared_ptr<const Material> material,
                RotatingTicketKeys keys = RotatingTicketKeys::random(std::time(nullptr)))
      : keys(std::move(keys)), context(*ServerContext::create(std::move(material), this->keys)) {}
  RotatingTicketKeys keys;
  std::shared_ptr<ServerContext> context;
};

// Until neither has anything to say.
inline void converse(End& client, End& server, const Cut& cut = whole) {
  if (client.tls.state() == Connection::State::handshaking) client.take(std::span<const uint8_t>());
  while (!client.out.empty() || !server.out.empty()) {
    if (!client.out.empty()) server.take(client.out, cut(client.out.size()));
    if (!server.out.empty()) client.take(server.out, cut(server.out.size()));
  }
}

}  // namespace ringcast::tls
