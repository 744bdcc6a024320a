// SPDX-License-Identifier: Apache-2.0
#include "access/jwt.h"

#include <gtest/gtest.h>

#include "access/jwks.h"
#include "codec/text/base64.h"

namespace ringcast::access {
namespace {

std::string token_of(std::string_view header, std::string_view payload) {
  std::string token = jwt_signing_input(header, payload);
  append_jwt_signature(token, "signature");
  return token;
}

std::string refusal(std::string_view token) {
  Jwt jwt;
  const auto error = jwt.open(token);
  return error ? error->code : "";
}

std::string refused_claims(std::string_view payload) {
  Jwt jwt;
  if (jwt.open(token_of(R"({"alg":"HS256"})", payload))) return "header";
  JwtClaims claims;
  const auto error = jwt.read_claims({}, claims);
  return error ? error->message : "";
}

TEST(Base64Url, HasNoPaddingAndItsOwnAlphabet) {
  for (const auto& [bytes, text] : std::initializer_list<std::pair<std::string, std::string>>{
           {"", ""}, {"f", "Zg"}, {"fo", "Zm8"}, {"foo", "Zm9v"}, {"foob", "Zm9vYg"}, {"\xfb\xff\xbf", "-_-_"}}) {
    std::string encoded, decoded;
    codec::append_base64url(encoded, {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
    EXPECT_EQ(encoded, text);
    EXPECT_TRUE(codec::base64url_decode(text, decoded));
    EXPECT_EQ(decoded, bytes);
  }
  for (const char* text : {"Z", "Zg==", "Zh", "Zm9", "+/+/", "Zm 9v", "Zm9v\n"}) {
    std::string out = "kept";
    EXPECT_FALSE(codec::base64url_decode(text, out)) << text;
    EXPECT_EQ(out, "kept");
  }
}

TEST(Jwt, TakesATokenApart) {
  const std::string token =
      token_of(R"({"typ":"JWT","alg":"RS256","kid":"2026 \u00e4","x5c":["a",{"b":1}]})",
               R"({"iss":"i","sub":"alice","aud":["a","b"],"exp":1790000000.9,"nbf":1,"iat":2,"jti":"t","extra":[1]})");
  Jwt jwt;
  ASSERT_FALSE(jwt.open(token));
  EXPECT_EQ(jwt.algorithm(), "RS256");
  EXPECT_EQ(jwt.key_id(), "2026 ä");
  EXPECT_EQ(jwt.signing_input(), token.substr(0, token.rfind('.')));
  EXPECT_EQ(jwt.signature(), "signature");
  JwtClaims claims;
  ASSERT_FALSE(jwt.read_claims({}, claims));
  EXPECT_EQ(claims.issuer, "i");
  EXPECT_EQ(claims.user, "alice");
  EXPECT_EQ(claims.id, "t");
  EXPECT_EQ(claims.tenant, "");
  EXPECT_EQ(claims.audiences, (std::vector<std::string_view>{"a", "b"}));
  EXPECT_EQ(claims.expires_s, 1790000000u);
  EXPECT_EQ(claims.not_before_s, 1u);
  EXPECT_EQ(claims.issued_s, 2u);
  EXPECT_FALSE(claims.has_permissions);
}

TEST(Jwt, ReadsPermissionsAndNamedClaims) {
  Jwt jwt;
  ASSERT_FALSE(jwt.open(token_of(
      R"({"alg":"HS256"})",
      R"({"uid":"bob","org":"acme","sub":"x","aud":"one","permissions":[{"allow":["subscribe","publish"],"match":"chat/*"},{"match":"a","allow":"history"}]})")));
  JwtClaims claims;
  ASSERT_FALSE(jwt.read_claims({"uid", "org"}, claims));
  EXPECT_EQ(claims.user, "bob");
  EXPECT_EQ(claims.tenant, "acme");
  EXPECT_EQ(claims.audiences, std::vector<std::string_view>{"one"});
  using Pair = std::pair<std::string_view, std::string_view>;
  EXPECT_EQ(claims.permissions, (std::vector<Pair>{{"chat/*", "subscribe"}, {"chat/*", "publish"}, {"a", "history"}}));
}

TEST(Jwt, RefusesWhatIsNoToken) {
  for (const char* token : {"", ".", "..", "a.b", "a.b.c.d", "e30.e30.", "e30.e30.=", "e30=.e30.e30"}) {
    EXPECT_EQ(refusal(token), "bad_token") << token;
  }
  for (const char* header :
       {"", "[]", "1", "{", "{}", R"({"alg":1})", R"({"alg":""})", R"({"alg":null})", "{\"alg\":\"HS256\"} x",
        R"({"alg":"HS256","crit":["exp"]})", R"({"alg":"HS256","b64":false})", R"({"alg":"HS256","x":tru})",
        "{\"alg\":\"HS256\",\"kid\":\"\xff\"}"}) {
    EXPECT_EQ(refusal(token_of(header, "{}")), "bad_token") << header;
  }
  EXPECT_EQ(refusal(token_of(R"({"alg":"none"})", "{}")), "") << "which algorithms are good is for the keys to say";
}

TEST(Jwt, RefusesWhatIsNoClaim) {
  for (const char* payload :
       {"", "[]", "{\"a\":}", R"({"sub":1.5})", R"({"exp":"1"})", R"({"exp":-1})", R"({"exp":1e300})",
        R"({"exp":true})", R"({"nbf":[]})", R"({"aud":[1]})", R"({"aud":{}})", R"({"permissions":{}})",
        R"({"permissions":[1]})", R"({"permissions":[{"allow":["publish"]}]})",
        R"({"permissions":[{"match":"a","allow":[1]}]})"}) {
    EXPECT_NE(refused_claims(payload), "") << payload;
  }
  EXPECT_EQ(refused_claims(R"({"exp":null,"aud":null,"permissions":null,"sub":null})"), "");
  std::string many = R"({"aud":[)";
  for (size_t i = 0; i <= kJwtAudiencesMax; ++i) many += i == 0 ? "\"a\"" : ",\"a\"";
  EXPECT_NE(refused_claims(many + "]}"), "");
  many = R"({"permissions":[{"match":"a","allow":[)";
  for (size_t i = 0; i <= kJwtPermissionsMax; ++i) many += i == 0 ? "\"a\"" : ",\"a\"";
  EXPECT_NE(refused_claims(many + "]}]}"), "");
}

TEST(Jwt, NoMessageQuotesTheToken) {
  const std::string secret = "c2VjcmV0";
  for (const std::string& token : {secret, secret + "." + secret + "." + secret, token_of("secret", "secret")}) {
    Jwt jwt;
    const auto error = jwt.open(token);
    ASSERT_TRUE(error);
    EXPECT_EQ(error->message.find("secret"), std::string::npos);
    EXPECT_EQ(error->message.find(secret), std::string::npos);
  }
}

TEST(Jwks, AFaultyKeyIsNoFaultOfTheSet) {
  const auto set = parse_jwks(
      R"({"keys":[1,{},{"kty":"RSA","n":"!"},{"kty":1},{"kty":"oct","kid":7,"k":"c2VjcmV0"},{"kty":"OKP","kid":"good","x":["a"]},
                  {"kty":"oct","kid":"good","k":"c2VjcmV0"}]})",
      8);
  ASSERT_TRUE(set) << set.error().message;
  ASSERT_EQ(set->size(), 7u);
  for (size_t i = 0; i < 6; ++i) EXPECT_NE((*set)[i].fault, "") << i;
  EXPECT_NE((*set)[4].fault.find("\"kid\""), std::string::npos) << (*set)[4].fault;
  EXPECT_EQ((*set)[6].fault, "");
  EXPECT_EQ((*set)[6].k, "secret");
}

TEST(Jwks, ReadsSetsAndSingleKeys) {
  const auto set = parse_jwks(
      R"({"keys":[{"kty":"RSA","kid":"a","use":"sig","alg":"RS256","n":"AQAB","e":"AQAB","x5c":["z"]},{"kty":"OKP","crv":"Ed25519","x":"AA"}],"more":{}})",
      2);
  ASSERT_TRUE(set) << set.error().message;
  ASSERT_EQ(set->size(), 2u);
  EXPECT_EQ((*set)[0].id, "a");
  EXPECT_EQ((*set)[0].n, std::string("\1\0\1", 3));
  EXPECT_EQ((*set)[1].curve, "Ed25519");
  const auto one = parse_jwks(R"({"kty":"oct","k":"c2VjcmV0","alg":"HS256"})", 1);
  ASSERT_TRUE(one);
  EXPECT_EQ((*one)[0].k, "secret");
  EXPECT_TRUE(parse_jwks(R"({"keys":[]})", 1)) << "a set may be empty for a while";
  for (const char* text : {"", "[]", "{}", R"({"keys":{}})", R"({"keys":[{"kty":"a"},{"kty":"b"}]})",
                           R"({"keys":[]} x)", R"({"keys":[{"kty":"RSA","n")", R"({"keys":[{"kty":1]})"}) {
    EXPECT_FALSE(parse_jwks(text, 1)) << text;
  }
}

}  // namespace
}  // namespace ringcast::access
