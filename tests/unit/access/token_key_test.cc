// SPDX-License-Identifier: Apache-2.0
#include "access/token_key.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <jwt.h>

#include <cstdlib>

#include "access/jwks_source.h"
#include "access/jwt.h"
#include "codec/text/base64.h"
#include "test_keys.h"

namespace ringcast::access {
namespace {

using testing::HasSubstr;

constexpr Algorithm kAll[] = {Algorithm::hs256, Algorithm::hs384, Algorithm::hs512, Algorithm::rs256, Algorithm::rs384,
                              Algorithm::rs512, Algorithm::es256, Algorithm::es384, Algorithm::es512, Algorithm::eddsa};

TokenKey key_of(Algorithm algorithm, std::string_view text) {
  auto key = TokenKey::from_text(algorithm, "", text);
  EXPECT_TRUE(key) << key.error().message;
  return *std::move(key);
}

bool accepts(const Keys& keys, std::string_view token) {
  access::Jwt jwt;
  EXPECT_FALSE(jwt.open(token));
  return keys.at(0)->verify(jwt.signing_input(), jwt.signature());
}

std::string token_of(const TokenKey& key, std::string_view payload) {
  std::string token =
      access::jwt_signing_input(R"({"alg":")" + std::string(to_string(key.algorithm())) + R"("})", payload);
  auto signature = key.sign(token);
  EXPECT_TRUE(signature);
  access::append_jwt_signature(token, *signature);
  return token;
}

class EveryAlgorithm : public testing::TestWithParam<Algorithm> {};
INSTANTIATE_TEST_SUITE_P(TokenKey, EveryAlgorithm, testing::ValuesIn(kAll),
                         [](const auto& info) { return std::string(to_string(info.param)); });

TEST_P(EveryAlgorithm, VerifiesWhatItSignedAndNothingElse) {
  const KeyTexts texts = fresh_key(GetParam());
  const TokenKey signer = key_of(GetParam(), texts.secret_or_private);
  const TokenKey verifier = key_of(GetParam(), texts.secret_or_public);
  ASSERT_TRUE(signer.can_sign());
  EXPECT_EQ(verifier.can_sign(), GetParam() <= Algorithm::hs512);
  const std::string signature = signer.sign("header.payload").value();
  EXPECT_TRUE(verifier.verify("header.payload", signature));
  EXPECT_TRUE(signer.verify("header.payload", signature));
  EXPECT_FALSE(verifier.verify("header.payloae", signature));
  EXPECT_FALSE(verifier.verify("header.payload", ""));
  EXPECT_FALSE(verifier.verify("header.payload", signature + '\0'));
  EXPECT_FALSE(verifier.verify("header.payload", std::string_view(signature).substr(1)));
  EXPECT_FALSE(verifier.verify("header.payload", std::string(signature.size(), '\0')));
  for (size_t i = 0; i < signature.size(); ++i) {
    std::string changed = signature;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_FALSE(verifier.verify("header.payload", changed)) << i;
  }
}

TEST_P(EveryAlgorithm, OtherKeysAndKindsAreRefused) {
  const KeyTexts texts = fresh_key(GetParam());
  for (const Algorithm other : kAll) {
    const bool same_kind = (other <= Algorithm::hs512) == (GetParam() <= Algorithm::hs512);
    if (other <= Algorithm::hs512 && GetParam() <= Algorithm::hs512) continue;
    const bool rsa = other >= Algorithm::rs256 && other <= Algorithm::rs512 && GetParam() >= Algorithm::rs256 &&
                     GetParam() <= Algorithm::rs512;
    const bool fits = other == GetParam() || rsa;
    EXPECT_EQ(TokenKey::from_text(other, "", texts.secret_or_public).has_value(), fits)
        << to_string(other) << (same_kind ? "" : " of another kind");
  }
}

// libjwt 1.10 knows no EdDSA; RFC 8037's vector stands in for it below.
TEST_P(EveryAlgorithm, AgreesWithLibjwt) {
  if (GetParam() == Algorithm::eddsa) GTEST_SKIP() << "libjwt 1.10 has no EdDSA";
  const KeyTexts texts = fresh_key(GetParam());
  const auto bytes = [](const std::string& text) { return reinterpret_cast<const unsigned char*>(text.data()); };
  // libjwt wants PEM with its end.
  const std::string theirs_private = texts.secret_or_private, theirs_public = texts.secret_or_public;
  const TokenKey signer = key_of(GetParam(), theirs_private);
  const Keys verifier{std::make_shared<const TokenKey>(key_of(GetParam(), theirs_public))};

  const std::string ours = token_of(signer, R"({"sub":"alice","exp":4000000000})");
  jwt_t* read = nullptr;
  ASSERT_EQ(jwt_decode(&read, ours.c_str(), bytes(theirs_public), static_cast<int>(theirs_public.size())), 0);
  EXPECT_STREQ(jwt_get_grant(read, "sub"), "alice");
  EXPECT_EQ(jwt_get_alg(read), jwt_str_alg(std::string(to_string(GetParam())).c_str()));
  jwt_free(read);

  jwt_t* made = nullptr;
  ASSERT_EQ(jwt_new(&made), 0);
  jwt_add_grant(made, "sub", "bob");
  ASSERT_EQ(jwt_set_alg(made, jwt_str_alg(std::string(to_string(GetParam())).c_str()), bytes(theirs_private),
                        static_cast<int>(theirs_private.size())),
            0);
  char* encoded = jwt_encode_str(made);
  ASSERT_NE(encoded, nullptr);
  const std::string token = encoded;
  free(encoded);
  jwt_free(made);
  EXPECT_TRUE(accepts(verifier, token));
  // Both say no to the same changes. The last character of a base64url part may carry bits that say nothing.
  for (size_t i = 0; i + 1 < token.size(); i += 3) {
    std::string changed = token;
    if (changed[i] == '.' || changed[i + 1] == '.') continue;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    jwt_t* again = nullptr;
    EXPECT_NE(jwt_decode(&again, changed.c_str(), bytes(theirs_public), static_cast<int>(theirs_public.size())), 0)
        << i;
    access::Jwt jwt;
    EXPECT_TRUE(jwt.open(changed) || !verifier[0]->verify(jwt.signing_input(), jwt.signature())) << i;
  }
}

struct Vector {
  const char* name;
  const char* jwk;
  const char* token;
};
const Vector kVectors[] = {
    {"RFC 7515 A.1",
     R"({"kty":"oct","alg":"HS256","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"})",
     "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9."
     "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-"
     "mB92K27uhbUJU1p1r_wW1gFWFOEjXk"},
    {"RFC 7515 A.2",
     R"({"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"})",
     "eyJhbGciOiJSUzI1NiJ9."
     "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ."
     "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_"
     "O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_"
     "nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-"
     "eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"},
    {"RFC 7515 A.3",
     R"({"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"})",
     "eyJhbGciOiJFUzI1NiJ9."
     "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ."
     "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"},
    {"RFC 8037 A.4", R"({"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})",
     "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-"
     "09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"},
};

TEST(TokenKey, VerifiesTheVectorsOfTheRfcs) {
  for (const Vector& vector : kVectors) {
    const auto keys = keys_of_jwks(vector.jwk);
    ASSERT_TRUE(keys) << vector.name << ": " << keys.error().message;
    ASSERT_EQ(keys->size(), 1u) << vector.name;
    EXPECT_TRUE(accepts(*keys, vector.token)) << vector.name;
    for (const Vector& other : kVectors) {
      EXPECT_EQ(accepts(*keys, other.token), &other == &vector) << vector.name << " of " << other.name;
    }
  }
}

TEST(TokenKey, Ed448IsEdDsaToo) {
  const KeyTexts texts = fresh_key(Algorithm::eddsa, "ED448");
  const TokenKey signer = key_of(Algorithm::eddsa, texts.secret_or_private);
  EXPECT_TRUE(key_of(Algorithm::eddsa, texts.secret_or_public).verify("a", signer.sign("a").value()));
}

TEST(TokenKey, KeysThatAreNoGoodSayWhy) {
  const auto refused = [](Algorithm algorithm, std::string_view text) {
    const auto key = TokenKey::from_text(algorithm, "main", text);
    return key ? std::string() : key.error().message;
  };
  EXPECT_THAT(refused(Algorithm::hs256, std::string(31, 'x')),
              HasSubstr("31 bytes; a secret for HS256 needs at least 32"));
  EXPECT_EQ(refused(Algorithm::hs256, std::string(32, 'x') + "\r\n"), "");
  EXPECT_THAT(refused(Algorithm::hs384, std::string(47, 'x') + "\n"), HasSubstr("at least 48"));
  EXPECT_THAT(refused(Algorithm::hs512, std::string(63, 'x')), HasSubstr("at least 64"));
  // The classic confusion: what everybody knows is no secret.
  EXPECT_THAT(refused(Algorithm::hs256, fresh_key(Algorithm::rs256).secret_or_public),
              HasSubstr("is PEM, not a secret"));
  EXPECT_THAT(refused(Algorithm::rs256, "nonsense"), HasSubstr("neither a public key"));
  EXPECT_THAT(refused(Algorithm::rs256, ""), HasSubstr("the key \"main\""));
  EVP_PKEY* const weak = EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", size_t{1024});
  EXPECT_THAT(refused(Algorithm::rs256, pem_of(weak, false)), HasSubstr("1024 bits"));
  EVP_PKEY_free(weak);
  EXPECT_THAT(refused(Algorithm::es384, fresh_key(Algorithm::es256).secret_or_public), HasSubstr("another curve"));
  EXPECT_THAT(refused(Algorithm::es256, fresh_key(Algorithm::eddsa).secret_or_public), HasSubstr("not of the kind"));
}

// RFC 7517 section 5: keys whose members are missing or out of range are ignored.
TEST(Jwks, AnUnusableKeyDoesNotTakeTheOthersWithIt) {
  const std::string good =
      R"({"kty":"OKP","crv":"Ed25519","kid":"a","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})";
  const std::string short_modulus(171, 'v');  // 1,024 bits
  for (const std::string& bad :
       {R"({"kty":"RSA","kid":"short","n":")" + short_modulus + R"(","e":"AQAB"})",
        std::string(R"({"kty":"RSA","n":"AQAB"})"),
        std::string(R"({"kty":"oct","alg":"HS256","kid":17,"k":"c2VjcmV0"})"), std::string("{}"), std::string("null"),
        std::string(
            R"({"kty":"OKP","crv":"Ed25519","alg":"RS256","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})")}) {
    for (const std::string& both : {bad + "," + good, good + "," + bad}) {
      ::testing::internal::CaptureStderr();
      const auto keys = keys_of_jwks(R"({"keys":[)" + both + "]}");
      EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("jwks_key_skipped")) << bad;
      ASSERT_TRUE(keys) << bad << keys.error().message;
      ASSERT_EQ(keys->size(), 1u) << bad;
      EXPECT_EQ((*keys)[0]->id(), "a");
    }
    EXPECT_FALSE(keys_of_jwks(R"({"keys":[)" + bad + "]}")) << "nothing is left of it";
  }
}

TEST(Jwks, TakesWhatVerifiesTokensAndPassesOverTheRest) {
  const auto keys = keys_of_jwks(R"({"keys":[
    {"kty":"OKP","crv":"Ed25519","kid":"a","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
    {"kty":"OKP","crv":"X25519","kid":"b","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
    {"kty":"OKP","crv":"Ed25519","kid":"c","use":"enc","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
    {"kty":"RSA","kid":"d","alg":"PS256","n":"AQAB","e":"AQAB"},
    {"kty":"oct","kid":"e","k":"c2VjcmV0"},
    {"kty":"XYZ","kid":"f"}]})");
  ASSERT_TRUE(keys) << keys.error().message;
  ASSERT_EQ(keys->size(), 1u);
  EXPECT_EQ((*keys)[0]->id(), "a");
  EXPECT_EQ((*keys)[0]->algorithm(), Algorithm::eddsa);
  for (
      const char* broken :
      {R"({"kty":"RSA","n":"AQAB","e":"AQAB"})", R"({"kty":"RSA"})", R"({"kty":"EC","crv":"P-256","x":"AA","y":"AA"})",
       R"({"kty":"OKP","crv":"Ed25519","x":"AA"})", R"({"kty":"oct","alg":"HS256","k":"c2VjcmV0"})",
       R"({"kty":"OKP","crv":"Ed25519","alg":"HS256","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})",
       R"({"kty":"EC","crv":"P-256","alg":"ES384","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"})",
       R"({"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"})"}) {
    EXPECT_FALSE(keys_of_jwks(broken)) << broken;
  }
}

}  // namespace
}  // namespace ringcast::access
