// SPDX-License-Identifier: Apache-2.0
#include "tls/connection.h"

#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "tls_pair.h"

namespace ringcast::tls {
namespace {

using State = Connection::State;

class TlsConnection : public testing::TestWithParam<int> {  // the version
 protected:
  TlsConnection() {
    pki_.issue("first", {.names = {"first.example", "localhost"}});
    pki_.issue("second", {.names = {"*.second.example"}});
    pki_.issue("client", {.common_name = "a client"});
    files_ = {{pki_.path("first.pem"), pki_.path("second.pem")},
              {pki_.path("first.key"), pki_.path("second.key")},
              pki_.path("ca.pem"),
              {}};
  }
  std::shared_ptr<const Material> material(std::vector<std::string> protocols = {"http/1.1"}) {
    auto loaded = load_material(files_, TLS1_2_VERSION, std::move(protocols), std::time(nullptr));
    EXPECT_TRUE(loaded) << loaded.error().message;
    return *loaded;
  }
  ClientOptions options(const std::string& name = "first.example") {
    return {.server_name = name, .ca_file = pki_.path("ca.pem"), .max_version = GetParam()};
  }
  static std::unique_ptr<ClientContext> client(const ClientOptions& options) {
    auto made = ClientContext::create(options);
    EXPECT_TRUE(made) << made.error().message;
    return *std::move(made);
  }
  static std::string subject_seen_by(End& client) {
    const X509Ptr seen(SSL_get1_peer_certificate(client.tls.ssl()));
    char text[256] = "";
    GENERAL_NAMES* const names =
        static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(seen.get(), NID_subject_alt_name, nullptr, nullptr));
    const GENERAL_NAME* const first = sk_GENERAL_NAME_value(names, 0);
    snprintf(text, sizeof text, "%s", reinterpret_cast<const char*>(ASN1_STRING_get0_data(first->d.dNSName)));
    GENERAL_NAMES_free(names);
    return text;
  }

  Pki pki_;
  MaterialFiles files_;
};

INSTANTIATE_TEST_SUITE_P(Versions, TlsConnection, testing::Values(TLS1_2_VERSION, TLS1_3_VERSION),
                         [](const auto& info) { return info.param == TLS1_3_VERSION ? "Tls13" : "Tls12"; });

TEST_P(TlsConnection, TakesRecordsHoweverTheyAreCut) {
  Core core(material());
  const auto context = client(options());
  const std::string request(20'000, 'q'), answer(70'000, 'a');
  for (const size_t piece : {size_t{1}, size_t{3}, size_t{64}, size_t{1000}, size_t{1} << 20}) {
    End client(context->connect()), server(core.context->accept(false));
    const Cut cut = [piece](size_t waiting) { return std::min(piece, waiting); };
    converse(client, server, cut);
    ASSERT_EQ(server.tls.state(), State::open);
    EXPECT_EQ(server.tls.version(), GetParam());
    EXPECT_EQ(client.write(request), request.size());
    EXPECT_EQ(server.write(answer), answer.size());
    converse(client, server, cut);
    EXPECT_EQ(server.received, request);
    EXPECT_EQ(client.received, answer);
  }
}

TEST_P(TlsConnection, PiecesGoTogetherInARecord) {
  Core core(material());
  const auto context = client(options());
  End client(context->connect()), server(core.context->accept(false));
  converse(client, server);
  std::string parts[3] = {"one ", std::string(40'000, '2'), " three"};
  iovec pieces[3];
  for (int i = 0; i < 3; ++i) pieces[i] = {parts[i].data(), parts[i].size()};
  EXPECT_EQ(server.tls.write(pieces, SIZE_MAX, server.gather, server.out), 40'010u);
  EXPECT_LT(server.out.size(), 40'010u + 3 * 64);  // three records
  converse(client, server);
  EXPECT_EQ(client.received, parts[0] + parts[1] + parts[2]);
}

TEST_P(TlsConnection, EncryptsNoMoreThanItIsAskedFor) {
  Core core(material());
  const auto context = client(options());
  End client(context->connect()), server(core.context->accept(false));
  converse(client, server);
  const std::string text(100'000, 't');
  const iovec piece{const_cast<char*>(text.data()), text.size()};
  EXPECT_EQ(server.tls.write({&piece, 1}, 65'536, server.gather, server.out), 65'536u);
  converse(client, server);
  EXPECT_EQ(client.received.size(), 65'536u);
}

TEST_P(TlsConnection, SaysWhenThePeerSendsNoMoreAndGoesOnWriting) {
  Core core(material());
  const auto context = client(options());
  End client(context->connect()), server(core.context->accept(false));
  converse(client, server);
  client.write("last words");
  client.tls.close_notify(client.out);
  const Bytes behind{1, 2, 3};
  client.out.insert(client.out.end(), behind.begin(), behind.end());
  server.take(client.out, client.out.size());
  EXPECT_EQ(server.received, "last words");
  EXPECT_EQ(server.tls.state(), State::ended);
  EXPECT_EQ(server.write("an answer"), 9u);
  client.out.clear();
  if (GetParam() == TLS1_3_VERSION) {  // TLS 1.2's close_notify ends both ways for a client of OpenSSL
    converse(client, server);
    EXPECT_EQ(client.received, "an answer");
  }
}

TEST_P(TlsConnection, ChoosesTheCertificateByName) {
  Core core(material());
  const std::pair<const char*, const char*> cases[] = {{"first.example", "first.example"},
                                                       {"FIRST.example", "first.example"},
                                                       {"a.second.example", "*.second.example"},
                                                       {"unknown.example", "first.example"},
                                                       {"", "first.example"}};
  for (const auto& [asked, expected] : cases) {
    ClientOptions wanted = options(asked);
    wanted.verify = false;
    const auto context = client(wanted);
    End client(context->connect()), server(core.context->accept(false));
    converse(client, server);
    ASSERT_EQ(client.tls.state(), State::open) << asked;
    EXPECT_EQ(subject_seen_by(client), expected) << asked;
  }
}

TEST_P(TlsConnection, OffersBothKindsOfKeysForOneName) {
  pki_.issue("rsa", {.names = {"first.example", "localhost"}, .rsa = true});
  files_.certificates.push_back(pki_.path("rsa.pem"));
  files_.keys.push_back(pki_.path("rsa.key"));
  Core core(material());
  const auto context = client(options());
  for (const auto& [algorithms, type] :
       {std::pair{"rsa_pss_rsae_sha256", EVP_PKEY_RSA}, std::pair{"ECDSA+SHA256", EVP_PKEY_EC}}) {
    SslPtr ssl = context->connect();
    SSL_set1_sigalgs_list(ssl.get(), algorithms);
    if (GetParam() == TLS1_2_VERSION)
      SSL_set_cipher_list(ssl.get(),
                          type == EVP_PKEY_RSA ? "ECDHE-RSA-AES128-GCM-SHA256" : "ECDHE-ECDSA-AES128-GCM-SHA256");
    // The authority's own signature is ECDSA.
    SSL_set_verify(ssl.get(), SSL_VERIFY_NONE, nullptr);
    End client(std::move(ssl)), server(core.context->accept(false));
    converse(client, server);
    ASSERT_EQ(client.tls.state(), State::open) << algorithms;
    const X509Ptr seen(SSL_get1_peer_certificate(client.tls.ssl()));
    EXPECT_EQ(EVP_PKEY_get_base_id(X509_get0_pubkey(seen.get())), type);
  }
}

TEST_P(TlsConnection, AgreesOnAProtocolThatIsServed) {
  struct {
    std::vector<std::string> served, offered;
    State state;
    std::string_view chosen;
  } cases[] = {{{"http/1.1"}, {"h2", "http/1.1"}, State::open, "http/1.1"},
               {{"h2", "http/1.1"}, {"http/1.1", "h2"}, State::open, "h2"},
               {{"http/1.1"}, {"h2"}, State::failed, ""},
               {{"http/1.1"}, {}, State::open, ""}};
  for (const auto& each : cases) {
    Core core(material(each.served));
    ClientOptions wanted = options();
    wanted.protocols = each.offered;
    const auto context = client(wanted);
    End client(context->connect()), server(core.context->accept(false));
    converse(client, server);
    EXPECT_EQ(server.tls.state(), each.state);
    EXPECT_EQ(client.tls.state(), each.state);
    if (each.state == State::open) {
      EXPECT_EQ(server.tls.protocol(), each.chosen);
    }
  }
}

TEST_P(TlsConnection, ResumesOnAnotherCore) {
  const auto shared = material();
  const RotatingTicketKeys keys = RotatingTicketKeys::random(std::time(nullptr));
  Core first(shared, keys), second(shared, keys), foreign(shared);
  ClientOptions wanted = options();
  wanted.resume = true;
  const auto context = client(wanted);
  const auto connects = [&](Core& core) {
    End client(context->connect()), server(core.context->accept(false));
    converse(client, server);
    EXPECT_EQ(client.tls.state(), State::open);
    EXPECT_EQ(client.tls.resumed(), server.tls.resumed());
    return server.tls.resumed();
  };
  EXPECT_FALSE(connects(first));
  ASSERT_TRUE(context->has_session());
  EXPECT_TRUE(connects(second));
  EXPECT_TRUE(connects(first));
  EXPECT_FALSE(connects(foreign));  // a whole handshake, not a failure
}

TEST_P(TlsConnection, ResumesWithKeysOfAFile) {
  const std::string older(80, 'o'), newer(80, 'n');
  files_.ticket_keys = pki_.write("old.keys", older);
  Core old_node(material());
  files_.ticket_keys = pki_.write("new.keys", newer + older);
  Core new_node(material());
  ClientOptions wanted = options();
  wanted.resume = true;
  const auto context = client(wanted);
  const auto resumes = [&](Core& core) {
    End client(context->connect()), server(core.context->accept(false));
    converse(client, server);
    return server.tls.resumed();
  };
  EXPECT_FALSE(resumes(old_node));
  EXPECT_TRUE(resumes(new_node));  // with the older key, and gets a ticket of the newer one
  // … which this one does not know. OpenSSL's own client takes no new ticket of TLS 1.2 when it resumes.
  EXPECT_EQ(resumes(old_node), GetParam() == TLS1_2_VERSION);
}

TEST_P(TlsConnection, AsksClientsForACertificate) {
  Core core(material());
  ClientOptions wanted = options();
  {
    const auto context = client(wanted);
    End client(context->connect()), server(core.context->accept(true));
    converse(client, server);
    EXPECT_EQ(server.tls.state(), State::failed);
    EXPECT_EQ(client.tls.state(), State::failed);
  }
  pki_.save("stranger", make_certificate({.common_name = "a stranger"}));
  wanted.certificate_file = pki_.path("stranger.pem");
  wanted.key_file = pki_.path("stranger.key");
  {
    const auto context = client(wanted);
    End client(context->connect()), server(core.context->accept(true));
    converse(client, server);
    EXPECT_EQ(server.tls.state(), State::failed);
  }
  wanted.certificate_file = pki_.path("client.pem");
  wanted.key_file = pki_.path("client.key");
  wanted.resume = true;
  const auto context = client(wanted);
  for (const bool resumed : {false, true}) {
    End client(context->connect()), server(core.context->accept(true));
    converse(client, server);
    EXPECT_EQ(server.tls.state(), State::open);
    EXPECT_EQ(server.tls.resumed(), resumed);
  }
}

// A ticket from where no certificate is asked for must not open the place where one is.
TEST_P(TlsConnection, ATicketIsNoCertificate) {
  Core core(material());
  ClientOptions wanted = options();
  wanted.resume = true;
  const auto context = client(wanted);
  {
    End client(context->connect()), server(core.context->accept(false));
    converse(client, server);
    ASSERT_TRUE(context->has_session());
  }
  End client(context->connect()), server(core.context->accept(true));
  converse(client, server);
  EXPECT_FALSE(server.tls.resumed());
  EXPECT_EQ(server.tls.state(), State::failed);
}

TEST_P(TlsConnection, RefusesRenegotiationAndAnswersKeyUpdates) {
  Core core(material());
  const auto context = client(options());
  End client(context->connect()), server(core.context->accept(false));
  converse(client, server);
  if (GetParam() == TLS1_3_VERSION) {
    SSL_key_update(client.tls.ssl(), SSL_KEY_UPDATE_REQUESTED);
  } else {
    SSL_renegotiate(client.tls.ssl());
  }
  client.write("after");
  server.take(client.out, client.out.size());
  if (GetParam() == TLS1_3_VERSION) {
    EXPECT_EQ(server.tls.state(), State::open);
    EXPECT_EQ(server.received, "after");
    server.write("and back");
    converse(client, server);
    EXPECT_EQ(client.received, "and back");
  } else {
    EXPECT_EQ(server.received, "");  // the client cannot go on before it is answered: an alert, and no handshake
    EXPECT_LT(server.out.size(), 64u);
  }
}

// Such as those of a token with a bad signature.
TEST_P(TlsConnection, ErrorsOfOthersAreNotItsOwn) {
  Core core(material());
  const auto context = client(options());
  End client(context->connect()), server(core.context->accept(false));
  client.take(std::span<const uint8_t>());
  ERR_raise(ERR_LIB_USER, ERR_R_INTERNAL_ERROR);
  server.take(client.out, 20);
  EXPECT_EQ(server.tls.state(), State::handshaking);
  converse(client, server);
  client.write("hello");
  ERR_raise(ERR_LIB_USER, ERR_R_INTERNAL_ERROR);
  server.take(client.out, client.out.size());
  EXPECT_EQ(server.received, "hello");
  EXPECT_EQ(server.tls.state(), State::open);
}

TEST_P(TlsConnection, FailsOnRecordsThatWereChanged) {
  Core core(material());
  const auto context = client(options());
  End client(context->connect()), server(core.context->accept(false));
  converse(client, server);
  client.write("hello");
  client.out.back() ^= 1;
  server.take(client.out, client.out.size());
  EXPECT_EQ(server.tls.state(), State::failed);
  EXPECT_EQ(server.received, "");
  EXPECT_FALSE(server.out.empty());  // an alert
}

TEST(TlsVersions, BelowTheLeastAreRefused) {
  Pki pki;
  pki.issue("own", {.names = {"localhost"}});
  auto material =
      load_material({{pki.path("own.pem")}, {pki.path("own.key")}, {}, {}}, TLS1_3_VERSION, {}, std::time(nullptr));
  ASSERT_TRUE(material);
  Core core(*material);
  const auto context =
      *ClientContext::create({.server_name = "localhost", .verify = false, .max_version = TLS1_2_VERSION});
  End client(context->connect()), server(core.context->accept(false));
  converse(client, server);
  EXPECT_EQ(server.tls.state(), State::failed);
  EXPECT_EQ(client.tls.state(), State::failed);
}

}  // namespace
}  // namespace ringcast::tls
