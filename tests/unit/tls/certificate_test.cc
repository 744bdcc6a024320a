// SPDX-License-Identifier: Apache-2.0
#include "tls/certificate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/pem.h>

#include <ctime>

#include "pki.h"
#include "tls/material.h"

namespace ringcast::tls {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class CertificateFiles : public testing::Test {
 protected:
  std::string error_of(const std::string& certificate, const std::string& key) {
    auto loaded = load_certificate(certificate, key, now_);
    return loaded ? "" : loaded.error().message;
  }
  std::string material_error(const MaterialFiles& files) {
    auto loaded = load_material(files, TLS1_2_VERSION, {"http/1.1"}, now_);
    return loaded ? "" : loaded.error().message;
  }

  Pki pki_;
  int64_t now_ = std::time(nullptr);
};

TEST_F(CertificateFiles, GiveNamesAndDates) {
  pki_.issue("own", {.common_name = "ignored", .names = {"Example.ORG", "*.example.net"}, .ends_in = 7200});
  auto loaded = load_certificate(pki_.path("own.pem"), pki_.path("own.key"), now_);
  ASSERT_TRUE(loaded) << loaded.error().message;
  const Certificate& own = **loaded;
  EXPECT_THAT(own.names, ElementsAre("example.org", "*.example.net"));
  EXPECT_EQ(own.subject, "example.org");
  EXPECT_EQ(own.chain.size(), 2u);
  EXPECT_FALSE(own.self_signed);
  EXPECT_NEAR(static_cast<double>(own.not_after), static_cast<double>(now_ + 7200), 60);
  EXPECT_TRUE(own.matches("example.org"));
  EXPECT_TRUE(own.matches("a.example.net"));
  EXPECT_FALSE(own.matches("example.net"));
  EXPECT_FALSE(own.matches("a.b.example.net"));
  EXPECT_FALSE(own.matches(".example.net"));
}

TEST_F(CertificateFiles, ThatWillNotDoAreRefusedWithTheReason) {
  pki_.issue("own", {.names = {"own.example"}});
  pki_.issue("other", {.names = {"other.example"}});
  const std::string own = pki_.path("own.pem"), own_key = pki_.path("own.key");
  EXPECT_EQ(error_of(own, own_key), "");
  EXPECT_THAT(error_of(pki_.path("none.pem"), own_key), HasSubstr("none.pem: No such file"));
  EXPECT_THAT(error_of(own, pki_.path("none.key")), HasSubstr("none.key: No such file"));
  EXPECT_THAT(error_of(own_key, own_key), HasSubstr("own.key: there is no certificate in it"));
  EXPECT_THAT(error_of(own, own), HasSubstr("own.pem: there is no private key in it"));
  EXPECT_THAT(error_of(own, pki_.path("other.key")), HasSubstr("this key does not belong to the first certificate"));
  EXPECT_THAT(error_of(pki_.write("empty.pem", ""), own_key), HasSubstr("no certificate in it"));
  const std::string damaged = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
  EXPECT_THAT(error_of(pki_.write("damaged.pem", damaged), own_key), HasSubstr("certificate 1 in it is damaged"));

  pki_.issue("late", {.begins_in = -7200, .ends_in = -3600});
  EXPECT_THAT(error_of(pki_.path("late.pem"), pki_.path("late.key")), HasSubstr("has expired on 20"));
  pki_.issue("early", {.begins_in = 3600, .ends_in = 7200});
  EXPECT_THAT(error_of(pki_.path("early.pem"), pki_.path("early.key")), HasSubstr("is valid from 20"));
}

TEST_F(CertificateFiles, KeepTheOrderOfTheChain) {
  const MadeCertificate own = make_certificate({.names = {"own.example"}, .issuer = &pki_.authority()});
  const MadeCertificate stranger = make_certificate({.common_name = "Stranger", .authority = true});
  pki_.save("own", own);
  const std::string chain = pki_.write("chain.pem", pem_of(own.certificate.get()) + pem_of(stranger.certificate.get()));
  EXPECT_THAT(error_of(chain, pki_.path("own.key")),
              HasSubstr("certificate 2 in it is not the issuer of certificate 1"));
}

TEST_F(CertificateFiles, KeysWithAPassphraseAreRefused) {
  pki_.issue("own", {});
  const MadeCertificate made = make_certificate({});
  const BioPtr bio(BIO_new(BIO_s_mem()));
  const std::string passphrase = "open sesame";
  PEM_write_bio_PKCS8PrivateKey(bio.get(), made.key.get(), EVP_aes_256_cbc(), passphrase.data(),
                                static_cast<int>(passphrase.size()), nullptr, nullptr);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  const std::string file = pki_.write("locked.key", std::string(data, static_cast<size_t>(size)));
  EXPECT_THAT(error_of(pki_.path("own.pem"), file), HasSubstr("the private key is encrypted"));
}

TEST_F(CertificateFiles, OfAuthoritiesAndTicketsAreChecked) {
  pki_.issue("own", {.names = {"own.example"}});
  MaterialFiles files{{pki_.path("own.pem")}, {pki_.path("own.key")}, {}, {}};
  EXPECT_EQ(material_error(files), "");
  files.client_ca = pki_.path("ca.pem");
  EXPECT_EQ(material_error(files), "");
  files.client_ca = pki_.path("own.key");
  EXPECT_THAT(material_error(files), HasSubstr("own.key: there is no certificate in it"));
  files.client_ca = pki_.path("own.pem");
  EXPECT_THAT(material_error(files), HasSubstr("certificate 1 in it is not one of an authority"));
  files.client_ca.clear();
  files.ticket_keys = pki_.write("short", std::string(79, 'x'));
  EXPECT_THAT(material_error(files), HasSubstr("openssl rand -out"));
  files.ticket_keys = pki_.write("empty", "");
  EXPECT_THAT(material_error(files), HasSubstr("openssl rand -out"));
  files.ticket_keys = pki_.write("many", std::string(80 * 17, 'x'));
  EXPECT_THAT(material_error(files), HasSubstr("1 to 16 keys"));
  files.ticket_keys = pki_.write("two", std::string(160, 'x'));
  EXPECT_EQ(material_error(files), "");
}

}  // namespace
}  // namespace ringcast::tls
