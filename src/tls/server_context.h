// SPDX-License-Identifier: Apache-2.0
// One core's OpenSSL contexts for a Material: a context for each set of names, chosen by the name that the client asks
// for (SNI, RFC 6066 section 3). Its thread only; handshakes that have begun share it, connections past theirs need it
// no more.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "tls/material.h"
#include "tls/openssl_types.h"
#include "tls/ticket_keys.h"

namespace ringcast::tls {

class ServerContext {
 public:
  // `rotating` outlives it.
  [[nodiscard]] static Result<std::shared_ptr<ServerContext>> create(std::shared_ptr<const Material> material,
                                                                     RotatingTicketKeys& rotating);
  ServerContext(const ServerContext&) = delete;
  ServerContext& operator=(const ServerContext&) = delete;

  // A connection that waits for its client; null without memory. `asks_client`: for a certificate, without which the
  // handshake fails.
  SslPtr accept(bool asks_client);

 private:
  struct Entry {
    SslContextPtr context;
    const Certificate* certificate;
    std::vector<int> key_types;
  };

  ServerContext(std::shared_ptr<const Material> material, RotatingTicketKeys& rotating)
      : material_(std::move(material)), rotating_(rotating) {}
  [[nodiscard]] Result<void> add(const Certificate& certificate);
  [[nodiscard]] Result<void> use(Entry& entry, const Certificate& certificate);
  [[nodiscard]] Result<SslContextPtr> make_context();
  void trust_clients(SSL_CTX* context);

  static int choose_certificate(SSL* ssl, int* alert, void* self);
  static int choose_protocol(SSL* ssl, const unsigned char** out, unsigned char* out_size, const unsigned char* offered,
                             unsigned offered_size, void* self);
  static int use_ticket_key(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac,
                            int encrypts);

  std::shared_ptr<const Material> material_;
  RotatingTicketKeys& rotating_;
  std::string protocols_;  // as on the wire
  // Sessions of other authorities of clients are not resumed, nor those without a certificate where one is asked for.
  std::string session_context_, client_session_context_;
  std::vector<Entry> entries_;
};

}  // namespace ringcast::tls
