// SPDX-License-Identifier: Apache-2.0
#include "access/policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "access/authority.h"
#include "access/jwt.h"
#include "test_keys.h"

namespace ringcast::access {
namespace {

using testing::HasSubstr;

constexpr uint64_t kNow = 1'790'000'000;

std::shared_ptr<const TokenKey> secret(std::string id, char fill) {
  return std::make_shared<const TokenKey>(
      TokenKey::from_secret(Algorithm::hs256, std::move(id), std::string(32, fill)).value());
}

struct World {
  Authority authority{8};
  Policy policy;
  World() {
    policy.tokens = true;
    policy.keys = {secret("", 'k')};
  }
  std::string mint(std::string_view payload, const TokenKey& key, std::string_view header = R"({"alg":"HS256"})") {
    std::string token = access::jwt_signing_input(header, payload);
    access::append_jwt_signature(token, key.sign(token).value());
    return token;
  }
  Result<Identity> verify(std::string_view token) {
    return policy.verify(token, kNow, authority.revoked(), unknown_key);
  }
  // Of alice, and good for another hour, with further claims.
  Result<Identity> claim(const std::string& more) {
    return verify(mint(R"({"sub":"alice","exp":)" + std::to_string(kNow + 3600) + more + "}", *policy.keys[0]));
  }
  std::string refusal(const std::string& more) {
    const auto identity = claim(more);
    return identity ? std::string() : identity.error().code + ": " + identity.error().message;
  }
  std::optional<std::string> unknown_key;
};

TEST(Policy, AGoodTokenNamesUserAndTenant) {
  World world;
  const auto identity = world.claim(
      R"(,"tenant":"acme","iat":17,"jti":"x","permissions":[{"match":"a","allow":["publish","history"]},{"match":"b","allow":["publish"]}])");
  ASSERT_TRUE(identity) << identity.error().message;
  EXPECT_EQ(identity->user, "alice");
  EXPECT_EQ(identity->tenant, "acme");
  EXPECT_EQ(identity->method, Method::token);
  EXPECT_EQ(identity->grant->expires_s, kNow + 3600 + 30);
  EXPECT_EQ(identity->grant->issued_s, 17u);
  EXPECT_EQ(identity->grant->rules.size(), 2u);
  EXPECT_TRUE(world.policy.allows(Operation::history, "a", {"acme", "alice"}, identity->grant.get()));
  EXPECT_FALSE(world.policy.allows(Operation::history, "b", {"acme", "alice"}, identity->grant.get()));
  EXPECT_FALSE(world.policy.allows(Operation::history, "a", {"acme", "alice"}, nullptr));
}

TEST(Policy, TimesAreLookedAtWithLeeway) {
  World world;
  const auto at = [&](std::string_view name, int64_t offset) {
    return world.verify(world.mint(R"({"sub":"alice","exp":4000000000,")" + std::string(name) +
                                       "\":" + std::to_string(static_cast<int64_t>(kNow) + offset) + "}",
                                   *world.policy.keys[0]));
  };
  EXPECT_TRUE(at("exp", -29));
  EXPECT_EQ(at("exp", -30).error().code, "token_expired");
  EXPECT_TRUE(at("nbf", 30));
  EXPECT_EQ(at("nbf", 31).error().code, "bad_token");
  const std::string endless = world.mint(R"({"sub":"alice"})", *world.policy.keys[0]);
  EXPECT_THAT(world.verify(endless).error().message, HasSubstr("no \"exp\""));
  world.policy.token.expiry_required = false;
  ASSERT_TRUE(world.verify(endless));
  EXPECT_EQ(world.verify(endless)->grant->expires_s, 0u);
}

TEST(Policy, IssuerAndAudienceAreLookedAtWhereSet) {
  World world;
  EXPECT_EQ(world.refusal(R"(,"iss":"x","aud":"y")"), "");
  world.policy.token.issuers = {"one", "two"};
  EXPECT_EQ(world.refusal(R"(,"iss":"two")"), "");
  EXPECT_THAT(world.refusal(R"(,"iss":"three")"), HasSubstr("iss"));
  EXPECT_THAT(world.refusal(""), HasSubstr("iss"));
  world.policy.token.issuers.clear();
  world.policy.token.audiences = {"push"};
  EXPECT_EQ(world.refusal(R"(,"aud":["other","push"])"), "");
  EXPECT_EQ(world.refusal(R"(,"aud":"push")"), "");
  EXPECT_THAT(world.refusal(R"(,"aud":"pus")"), HasSubstr("aud"));
  EXPECT_THAT(world.refusal(""), HasSubstr("aud"));
}

TEST(Policy, RefusesNamesAndRulesThatAreNone) {
  World world;
  for (const char* more :
       {R"(,"sub":"")", R"(,"sub":null,"sub":"anonymous")", R"(,"sub":"me")", R"(,"sub":"a,b")", R"(,"sub":"a\nb")",
        R"(,"tenant":"a b")", R"(,"permissions":[{"match":"a","allow":["join"]}])",
        R"(,"permissions":[{"match":"a"}]x)", R"(,"permissions":[{"match":"a\nb","allow":["publish"]}])"}) {
    EXPECT_THAT(world.refusal(more), HasSubstr("bad_token")) << more;
  }
  world.policy.token.size_max = 100;
  EXPECT_THAT(world.refusal(""), HasSubstr("larger than 100 bytes"));
}

TEST(Policy, TheKeyNotTheTokenChoosesTheAlgorithm) {
  World world;
  const std::string payload = R"({"sub":"alice","exp":4000000000})";
  const TokenKey& key = *world.policy.keys[0];
  EXPECT_TRUE(world.verify(world.mint(payload, key)));
  EXPECT_FALSE(world.verify(world.mint(payload, key, R"({"alg":"HS512"})")));
  EXPECT_FALSE(world.verify(world.mint(payload, key, R"({"alg":"none"})")));
  EXPECT_FALSE(world.verify(world.mint(payload, key, R"({"alg":"hs256"})")));
  std::string unsigned_token = access::jwt_signing_input(R"({"alg":"none"})", payload);
  access::append_jwt_signature(unsigned_token, "");
  EXPECT_FALSE(world.verify(unsigned_token));
  // A public key that somebody signs with as if it were a secret.
  const KeyTexts rsa = fresh_key(Algorithm::rs256);
  world.policy.keys = {
      std::make_shared<const TokenKey>(TokenKey::from_pem(Algorithm::rs256, "", rsa.secret_or_public).value())};
  const TokenKey confused = TokenKey::from_secret(Algorithm::hs256, "", rsa.secret_or_public).value();
  EXPECT_FALSE(world.verify(world.mint(payload, confused)));
}

TEST(Policy, SeveralKeysAtOnceForRotation) {
  World world;
  world.policy.keys = {secret("old", 'a'), secret("new", 'b'), secret("", 'c')};
  const std::string payload = R"({"sub":"alice","exp":4000000000})";
  const auto good = [&](size_t key, std::string_view header) {
    return world.verify(world.mint(payload, *world.policy.keys[key], header)).has_value();
  };
  EXPECT_TRUE(good(0, R"({"alg":"HS256","kid":"old"})"));
  EXPECT_TRUE(good(1, R"({"alg":"HS256","kid":"new"})"));
  EXPECT_TRUE(good(1, R"({"alg":"HS256"})"));
  EXPECT_TRUE(good(2, R"({"alg":"HS256","kid":"whatever"})")) << "a key without a name takes any";
  EXPECT_FALSE(good(0, R"({"alg":"HS256","kid":"new"})"));
  EXPECT_FALSE(world.unknown_key);
  EXPECT_FALSE(good(0, R"({"alg":"HS256","kid":"newest"})"));
  EXPECT_EQ(world.unknown_key, "newest") << "it may have been added since the keys were fetched";
}

TEST(Revocations, ByIdAndByUser) {
  World world;
  const auto revoked = [&](const std::string& more) { return world.refusal(more).starts_with("token_revoked"); };
  ASSERT_TRUE(world.authority.revoke_id("bad"));
  EXPECT_TRUE(revoked(R"(,"jti":"bad")"));
  EXPECT_FALSE(revoked(R"(,"jti":"good")"));
  EXPECT_FALSE(revoked(""));
  const uint64_t before = world.authority.generation();
  ASSERT_TRUE(world.authority.revoke_user("acme", "alice", 1000));
  EXPECT_GT(world.authority.generation(), before);
  EXPECT_TRUE(revoked(R"(,"tenant":"acme","iat":1000)"));
  EXPECT_TRUE(revoked(R"(,"tenant":"acme")")) << "who does not say when it was issued was before";
  EXPECT_FALSE(revoked(R"(,"tenant":"acme","iat":1001)"));
  EXPECT_FALSE(revoked(R"(,"iat":1)")) << "alice of another tenant is somebody else";
  ASSERT_TRUE(world.authority.revoke_user("acme", "alice", 500));
  EXPECT_TRUE(revoked(R"(,"tenant":"acme","iat":1000)")) << "a revocation does not end earlier by another";
}

TEST(Revocations, AreBounded) {
  Authority authority(3);
  for (const char* id : {"a", "b", "c"}) EXPECT_TRUE(authority.revoke_id(id));
  EXPECT_FALSE(authority.revoke_id("d"));
  EXPECT_TRUE(authority.revoke_id("a")) << "what is there already needs no room";
  const Revocations& revoked = authority.revoked();
  EXPECT_EQ(revoked.size(), 3u);
  EXPECT_TRUE(revoked.holds(revoked.hash_of_id("c"), 0));
  EXPECT_FALSE(revoked.holds(revoked.hash_of_id("d"), 0));
  EXPECT_FALSE(revoked.holds(0, 0));
}

TEST(Revocations, AFileListsThem) {
  World world;
  auto list = world.authority.make_list(3);
  ASSERT_TRUE(list->read("# since Monday\n\njti x y\nuser bob smith\r\nuser@acme alice", "file"));
  world.policy.listed = list;
  EXPECT_THAT(world.refusal(R"(,"jti":"x y")"), HasSubstr("token_revoked"));
  EXPECT_THAT(world.refusal(R"(,"tenant":"acme","iat":4000000000)"), HasSubstr("token_revoked"));
  EXPECT_EQ(world.refusal(""), "");
  for (const char* text : {"jti", "jti ", "user", "user a,b", "user@a_b/ c", "users x", "jti a\njti b\njti c\njti d"}) {
    const auto read = world.authority.make_list(3)->read(text, "/etc/revoked");
    ASSERT_FALSE(read) << text;
    EXPECT_THAT(read.error().message, HasSubstr("/etc/revoked:"));
  }
}

TEST(Authority, KeepsFetchedKeysBesideTheConfiguredOnes) {
  Authority authority(1);
  Policy policy;
  policy.keys = {secret("a", 'a')};
  authority.set_policy(policy);
  authority.set_fetched({secret("b", 'b')});
  EXPECT_EQ(authority.policy()->keys.size(), 2u);
  policy.keys = {};
  authority.set_policy(policy);
  ASSERT_EQ(authority.policy()->keys.size(), 1u);
  EXPECT_EQ(authority.policy()->keys[0]->id(), "b");
  authority.set_fetched(Keys(kTokenKeysMax + 1, secret("b", 'b')));
  EXPECT_EQ(authority.policy()->keys.size(), kTokenKeysMax);
}

}  // namespace
}  // namespace ringcast::access
