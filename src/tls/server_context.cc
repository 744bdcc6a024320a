// SPDX-License-Identifier: Apache-2.0
#include "tls/server_context.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <algorithm>
#include <cctype>
#include <ctime>

#include "base/assert.h"

namespace ringcast::tls {
namespace {

// Of TLS 1.2 what has forward secrecy and authenticated encryption; TLS 1.3 has nothing else. AES-128 first: it costs
// less to encrypt with, and its digest, SHA-256, takes 200 bytes less of each connection.
constexpr const char* kCiphers12 = "ECDHE+AES128+AESGCM:ECDHE+AESGCM:ECDHE+CHACHA20";
constexpr const char* kCiphers13 = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";

int context_index() {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

const unsigned char* bytes_of(const std::string& text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

std::string digest_of(const std::vector<X509Ptr>& certificates) {
  std::string all;
  for (const X509Ptr& each : certificates) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    X509_digest(each.get(), EVP_sha256(), digest, &size);
    all.append(reinterpret_cast<const char*>(digest), size);
  }
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  EVP_Digest(all.data(), all.size(), digest, &size, EVP_sha256(), nullptr);
  return {reinterpret_cast<const char*>(digest), size};
}

bool start_mac(EVP_MAC_CTX* mac, const TicketKey& key) {
  char digest[] = "SHA256";
  OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                         OSSL_PARAM_construct_end()};
  return EVP_MAC_init(mac, key.mac.data(), key.mac.size(), params) == 1;
}

}  // namespace

Result<std::shared_ptr<ServerContext>> ServerContext::create(std::shared_ptr<const Material> material,
                                                             RotatingTicketKeys& rotating) {
  std::shared_ptr<ServerContext> made(new ServerContext(std::move(material), rotating));
  for (const std::string& protocol : made->material_->protocols) {
    RINGCAST_ASSERT(!protocol.empty() && protocol.size() <= UINT8_MAX);
    made->protocols_ += static_cast<char>(protocol.size());
    made->protocols_ += protocol;
  }
  made->session_context_ = "any client";
  made->client_session_context_ = digest_of(made->material_->client_authorities);
  for (const auto& certificate : made->material_->certificates) {
    if (auto added = made->add(*certificate); !added) return tl::unexpected<Error>(std::move(added.error()));
  }
  return made;
}

// Certificates of the same names with keys of different kinds go together: OpenSSL takes what the client can verify.
Result<void> ServerContext::add(const Certificate& certificate) {
  const int type = certificate.key_type();
  for (Entry& entry : entries_) {
    const bool has_type = std::find(entry.key_types.begin(), entry.key_types.end(), type) != entry.key_types.end();
    if (!certificate.names.empty() && entry.certificate->names == certificate.names && !has_type)
      return use(entry, certificate);
  }
  auto context = make_context();
  if (!context) return tl::unexpected<Error>(std::move(context.error()));
  entries_.push_back({*std::move(context), &certificate, {}});
  return use(entries_.back(), certificate);
}

Result<void> ServerContext::use(Entry& entry, const Certificate& certificate) {
  STACK_OF(X509)* const rest = sk_X509_new_null();
  for (size_t i = 1; i < certificate.chain.size(); ++i) sk_X509_push(rest, certificate.chain[i].get());
  const int used =
      SSL_CTX_use_cert_and_key(entry.context.get(), certificate.chain.front().get(), certificate.key.get(), rest, 1);
  sk_X509_free(rest);
  if (used != 1)
    return fail("bad_certificate", certificate.file + ": OpenSSL does not take it: " + take_openssl_error());
  entry.key_types.push_back(certificate.key_type());
  return {};
}

Result<SslContextPtr> ServerContext::make_context() {
  SslContextPtr made(SSL_CTX_new(TLS_server_method()));
  if (made == nullptr) return fail("tls", "OpenSSL: " + take_openssl_error());
  SSL_CTX* const context = made.get();
  if (SSL_CTX_set_min_proto_version(context, material_->min_version) != 1 ||
      SSL_CTX_set_cipher_list(context, kCiphers12) != 1 || SSL_CTX_set_ciphersuites(context, kCiphers13) != 1)
    return fail("tls", "OpenSSL: " + take_openssl_error());
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                   SSL_OP_PRIORITIZE_CHACHA);
  SSL_CTX_set_mode(context,
                   SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  // The client keeps the session, in a ticket.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context, 1);
  SSL_CTX_set_timeout(context, kTicketLifetimeSeconds);
  SSL_CTX_set_tlsext_ticket_key_evp_cb(context, use_ticket_key);
  SSL_CTX_set_session_id_context(context, bytes_of(session_context_), static_cast<unsigned>(session_context_.size()));
  SSL_CTX_set_ex_data(context, context_index(), this);
  SSL_CTX_set_tlsext_servername_callback(context, choose_certificate);
  SSL_CTX_set_tlsext_servername_arg(context, this);
  if (!protocols_.empty()) SSL_CTX_set_alpn_select_cb(context, choose_protocol, this);
  if (!material_->client_authorities.empty()) trust_clients(context);
  return made;
}

void ServerContext::trust_clients(SSL_CTX* context) {
  X509_STORE* const store = SSL_CTX_get_cert_store(context);
  X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);  // an authority between may stand alone in the file
  for (const X509Ptr& authority : material_->client_authorities) {
    X509_STORE_add_cert(store, authority.get());
    SSL_CTX_add_client_CA(context, authority.get());
  }
}

SslPtr ServerContext::accept(bool asks_client) {
  SslPtr ssl(SSL_new(entries_.front().context.get()));
  if (ssl == nullptr) {
    ERR_clear_error();
    return nullptr;
  }
  SSL_set_accept_state(ssl.get());
  if (asks_client) {
    SSL_set_verify(ssl.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    SSL_set_session_id_context(ssl.get(), bytes_of(client_session_context_),
                               static_cast<unsigned>(client_session_context_.size()));
  }
  return ssl;
}

int ServerContext::choose_certificate(SSL* ssl, int*, void* argument) {
  auto& self = *static_cast<ServerContext*>(argument);
  const char* const asked = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (asked == nullptr) return SSL_TLSEXT_ERR_NOACK;
  std::string host(asked);
  std::transform(host.begin(), host.end(), host.begin(), [](unsigned char c) { return std::tolower(c); });
  for (const Entry& entry : self.entries_) {
    if (!entry.certificate->matches(host)) continue;
    if (SSL_get_SSL_CTX(ssl) != entry.context.get()) SSL_set_SSL_CTX(ssl, entry.context.get());
    return SSL_TLSEXT_ERR_OK;
  }
  return SSL_TLSEXT_ERR_NOACK;  // the first one; whether its name will do is the client's to say
}

// RFC 7301 section 3.2: a client that speaks none of ours is refused.
int ServerContext::choose_protocol(SSL*, const unsigned char** out, unsigned char* out_size,
                                   const unsigned char* offered, unsigned offered_size, void* argument) {
  const std::string& own = static_cast<ServerContext*>(argument)->protocols_;
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, out_size, bytes_of(own), static_cast<unsigned>(own.size()), offered,
                            offered_size) != OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

// SSL_CTX_set_tlsext_ticket_key_evp_cb(3): 1: go on; 2: go on, and give the client a new one; 0: no such key, a whole
// handshake follows; -1: an error.
int ServerContext::use_ticket_key(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
                                  EVP_MAC_CTX* mac, int encrypts) {
  auto& self = *static_cast<ServerContext*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), context_index()));
  const std::vector<TicketKey>& of_file = self.material_->ticket_keys;
  const std::span<const TicketKey> keys =
      of_file.empty() ? std::span<const TicketKey>(self.rotating_.at(std::time(nullptr))) : of_file;
  if (encrypts != 0) {
    const TicketKey& key = keys.front();
    if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1) return -1;
    std::copy(key.name.begin(), key.name.end(), name);
    return EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), nullptr, key.cipher.data(), iv) == 1 && start_mac(mac, key)
               ? 1
               : -1;
  }
  for (size_t i = 0; i < keys.size(); ++i) {
    const TicketKey& key = keys[i];
    if (!std::equal(key.name.begin(), key.name.end(), name)) continue;
    if (EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), nullptr, key.cipher.data(), iv) != 1 || !start_mac(mac, key))
      return -1;
    return i == 0 ? 1 : 2;
  }
  return 0;
}

}  // namespace ringcast::tls
