// SPDX-License-Identifier: Apache-2.0
#include "tls/client_context.h"

#include <openssl/err.h>

#include "io/socket_address.h"

namespace ringcast::tls {

Result<std::unique_ptr<ClientContext>> ClientContext::create(const ClientOptions& options) {
  std::unique_ptr<ClientContext> made(new ClientContext(options));
  if (auto opened = made->open(); !opened) return tl::unexpected<Error>(std::move(opened.error()));
  return made;
}

Result<void> ClientContext::open() {
  const auto refused = [](const std::string& what) { return fail("tls", what + ": " + take_openssl_error()); };
  context_.reset(SSL_CTX_new(TLS_client_method()));
  if (context_ == nullptr) return refused("OpenSSL");
  SSL_CTX* const context = context_.get();
  SSL_CTX_set_min_proto_version(context, options_.min_version);
  SSL_CTX_set_max_proto_version(context, options_.max_version);
  SSL_CTX_set_mode(context,
                   SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  if (options_.verify) {
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    const bool trusted = options_.ca_file.empty() ? SSL_CTX_set_default_verify_paths(context) == 1
                                                  : SSL_CTX_load_verify_file(context, options_.ca_file.c_str()) == 1;
    if (!trusted) return refused(options_.ca_file.empty() ? "the system's authorities" : options_.ca_file);
  }
  if (!options_.certificate_file.empty()) {
    if (SSL_CTX_use_certificate_chain_file(context, options_.certificate_file.c_str()) != 1)
      return refused(options_.certificate_file);
    if (SSL_CTX_use_PrivateKey_file(context, options_.key_file.c_str(), SSL_FILETYPE_PEM) != 1)
      return refused(options_.key_file);
  }
  std::string protocols;
  for (const std::string& each : options_.protocols) protocols += static_cast<char>(each.size()) + each;
  if (!protocols.empty()) {
    SSL_CTX_set_alpn_protos(context, reinterpret_cast<const unsigned char*>(protocols.data()),
                            static_cast<unsigned>(protocols.size()));
  }
  SSL_CTX_set_app_data(context, this);
  if (options_.resume) {
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context, keep_session);
  } else {
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  }
  return {};
}

int ClientContext::keep_session(SSL* ssl, SSL_SESSION* session) {
  auto& self = *static_cast<ClientContext*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  self.session_.reset(SSL_SESSION_dup(session));
  return 0;
}

SslPtr ClientContext::connect() {
  SslPtr ssl(SSL_new(context_.get()));
  if (ssl == nullptr) {
    ERR_clear_error();
    return nullptr;
  }
  SSL_set_connect_state(ssl.get());
  const std::string& name = options_.server_name;
  // RFC 6066 section 3: an address is no host name.
  const bool is_address = name.find(':') != std::string::npos || io::SocketAddress::parse(name + ":0").has_value();
  if (!name.empty() && is_address) {
    // Without it any address would do.
    if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl.get()), name.c_str()) != 1) return nullptr;
  } else if (!name.empty()) {
    SSL_set_tlsext_host_name(ssl.get(), name.c_str());
    SSL_set1_host(ssl.get(), name.c_str());
  }
  if (session_ == nullptr) return ssl;
  // A copy: OpenSSL gives up the session of a connection that ends without close_notify.
  const SessionPtr session(SSL_SESSION_dup(session_.get()));
  SSL_set_session(ssl.get(), session.get());
  return ssl;
}

}  // namespace ringcast::tls
