// SPDX-License-Identifier: Apache-2.0
#include "access/policy.h"

#include <algorithm>

#include "access/jwt.h"
#include "codec/native/names.h"

namespace ringcast::access {

namespace {

template <class List>
bool is_among(const List& list, std::string_view text) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

tl::unexpected<Error> bad(std::string_view what) {
  return fail("bad_token", "the token is not valid: " + std::string(what));
}

Result<Rules> rules_of(const JwtClaims& claims) {
  Rules rules;
  for (size_t i = 0; i < claims.permissions.size();) {
    const std::string_view match = claims.permissions[i].first;
    Operations operations = 0;
    // Pairs of one rule lie side by side and share the view.
    for (; i < claims.permissions.size() && claims.permissions[i].first.data() == match.data(); ++i) {
      const auto operation = operation_from(claims.permissions[i].second);
      if (!operation) return bad("its \"permissions\" allow something else than " + std::string(kOperationNames));
      operations |= static_cast<Operations>(*operation);
    }
    if (auto added = rules.add(match, operations); !added) return bad(added.error().message);
  }
  return rules;
}

}  // namespace

std::shared_ptr<const Grant> Policy::grant_of_key(std::string_view name) const {
  for (const auto& [key, grant] : limited_keys) {
    if (key == name) return grant;
  }
  return nullptr;
}

Result<Identity> Policy::verify(std::string_view text, uint64_t now_s, const Revocations& revoked,
                                std::optional<std::string>& unknown_key) const {
  unknown_key.reset();
  if (text.size() > token.size_max) {
    return bad("it is larger than " + std::to_string(token.size_max) + " bytes");
  }
  thread_local Jwt jwt;
  if (auto error = jwt.open(text)) return tl::unexpected<Error>(*std::move(error));

  // A key takes part when its name fits, or it has none, and it was made for the algorithm that the token claims.
  bool named = false, verified = false;
  for (const auto& key : keys) {
    if (!jwt.key_id().empty() && !key->id().empty() && key->id() != jwt.key_id()) continue;
    named |= key->id() == jwt.key_id();
    if (to_string(key->algorithm()) != jwt.algorithm()) continue;
    verified = key->verify(jwt.signing_input(), jwt.signature());
    if (verified) break;
  }
  if (!verified) {
    if (!named) unknown_key = std::string(jwt.key_id());
    return bad("none of the keys here has signed it");
  }

  thread_local JwtClaims claims;
  if (auto error = jwt.read_claims({token.user_claim, token.tenant_claim, token.name_claim}, claims)) {
    return tl::unexpected<Error>(*std::move(error));
  }
  const auto leeway = static_cast<uint64_t>(token.leeway.count());
  if (!claims.expires_s && token.expiry_required) return bad("it has no \"exp\", a time at which it ends");
  if (claims.expires_s && now_s >= *claims.expires_s + leeway) return fail("token_expired", "the token has expired");
  if (claims.not_before_s && now_s + leeway < *claims.not_before_s) return bad("it is not good yet (\"nbf\")");
  if (!token.issuers.empty() && !is_among(token.issuers, claims.issuer)) return bad("its \"iss\" is not expected here");
  if (!token.audiences.empty() &&
      std::none_of(claims.audiences.begin(), claims.audiences.end(),
                   [&](std::string_view audience) { return is_among(token.audiences, audience); })) {
    return bad("its \"aud\" does not name this server");
  }
  if (!codec::check_user(claims.user) || codec::is_anonymous(claims.user)) {
    return bad("\"" + token.user_claim + "\" does not name a user");
  }
  if (!claims.tenant.empty() && !codec::check_tenant(claims.tenant)) {
    return bad("\"" + token.tenant_claim + "\" does not name a tenant");
  }

  auto grant = std::make_shared<Grant>();
  if (claims.has_permissions) {
    auto rules_given = rules_of(claims);
    if (!rules_given) return tl::unexpected<Error>(rules_given.error());
    grant->rules = *std::move(rules_given);
  }
  if (codec::check_event_name(claims.name)) grant->name = claims.name;  // a line of text, as shown
  if (claims.expires_s) grant->expires_s = *claims.expires_s + leeway;
  grant->issued_s = claims.issued_s.value_or(0);
  grant->id_hash = claims.id.empty() ? 0 : revoked.hash_of_id(claims.id);
  grant->user_hash = revoked.hash_of_user(claims.tenant, claims.user);
  if (is_revoked(*grant, revoked) || (listed != nullptr && is_revoked(*grant, *listed))) {
    return fail("token_revoked", "the token has been revoked");
  }
  Identity identity;
  identity.user = claims.user;
  identity.tenant = claims.tenant;
  identity.method = Method::token;
  identity.grant = std::move(grant);
  return identity;
}

}  // namespace ringcast::access
