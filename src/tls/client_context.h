// SPDX-License-Identifier: Apache-2.0
// The client's end of TLS, for the load generator and for tests: verifies the server, or not, and can resume the latest
// session. One thread's.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "tls/openssl_types.h"

namespace ringcast::tls {

struct ClientOptions {
  std::string server_name;  // for SNI, and what the certificate has to be for; an address is for neither
  std::string ca_file;      // empty: the system's authorities
  bool verify = true;
  bool resume = false;                                // with the latest ticket
  int min_version = TLS1_2_VERSION, max_version = 0;  // 0: the newest
  std::string certificate_file, key_file;             // empty: none
  std::vector<std::string> protocols;                 // for ALPN, preferred ones first
};

class ClientContext {
 public:
  [[nodiscard]] static Result<std::unique_ptr<ClientContext>> create(const ClientOptions& options);
  ClientContext(const ClientContext&) = delete;
  ClientContext& operator=(const ClientContext&) = delete;

  // A connection that begins its handshake; null without memory.
  SslPtr connect();
  bool has_session() const { return session_ != nullptr; }

 private:
  using SessionPtr = std::unique_ptr<SSL_SESSION, FreeWith<SSL_SESSION_free>>;

  explicit ClientContext(const ClientOptions& options) : options_(options) {}
  [[nodiscard]] Result<void> open();
  static int keep_session(SSL* ssl, SSL_SESSION* session);

  ClientOptions options_;
  SslContextPtr context_;
  SessionPtr session_;
};

}  // namespace ringcast::tls
