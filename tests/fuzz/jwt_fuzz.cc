// SPDX-License-Identifier: Apache-2.0
// The text is read as a token, as header and payload of one (two lines), and as a key set. What is taken has claims
// within their bounds, and taking it apart and putting it together again gives the same; what is refused is refused in
// words of ours, without a byte of the token in them.
#include <simdjson.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "access/jwks.h"
#include "access/jwt.h"
#include "codec/text/base64.h"
#include "cuts.h"
#include "dom_error.h"

using namespace ringcast::access;
using ringcast::fuzz::require;

namespace {

void check_error(const ringcast::Error& error) {
  require(error.code == "bad_token");
  require(error.message.size() < 200);
  require(std::all_of(error.message.begin(), error.message.end(), [](char c) { return c >= ' ' && c <= '~'; }));
}

bool is_json_object(std::string_view text) {
  simdjson::dom::parser parser;
  simdjson::dom::element element;
  const auto code = parser.parse(simdjson::padded_string(text)).get(element);
  // Numbers that fit no machine type are ignored here; the DOM parser refuses them.
  return is_number_too_large(code) || (!code && element.is_object());
}

void check_claims(Jwt& jwt) {
  JwtClaims claims;
  if (const auto error = jwt.read_claims({}, claims)) return check_error(*error);
  require(claims.audiences.size() <= kJwtAudiencesMax);
  require(claims.permissions.size() <= kJwtPermissionsMax);
  require(claims.has_permissions || claims.permissions.empty());
  for (const auto& [match, operation] : claims.permissions) require(!match.empty() && operation.data() != nullptr);
  for (const auto& date : {claims.expires_s, claims.not_before_s, claims.issued_s})
    require(!date || *date < 1ull << 53);
  // The same again, after another token was looked at in between.
  const std::string user(claims.user), id(claims.id);
  Jwt other;
  (void)other.open("e30.e30.");
  JwtClaims again;
  require(!jwt.read_claims({}, again) && again.user == user && again.id == id);
}

void check_token(std::string_view token) {
  Jwt jwt;
  if (const auto error = jwt.open(token)) return check_error(*error);
  require(!jwt.algorithm().empty());
  require(token.starts_with(jwt.signing_input()) && token[jwt.signing_input().size()] == '.');
  // Base64url has one encoding of each text, so nobody can make a second token of a first.
  std::string same(jwt.signing_input());
  append_jwt_signature(same, jwt.signature());
  require(same == token);
  check_claims(jwt);
}

void check_parts(std::string_view text) {
  const size_t end = text.find('\n');
  if (end == std::string_view::npos) return;
  const std::string_view header = text.substr(0, end), payload = text.substr(end + 1);
  std::string token = jwt_signing_input(header, payload);
  append_jwt_signature(token, "signature");
  Jwt jwt;
  if (const auto error = jwt.open(token)) return check_error(*error);
  require(is_json_object(header) && jwt.signature() == "signature");
  JwtClaims claims;
  if (!jwt.read_claims({}, claims)) require(is_json_object(payload));
  check_token(token);
}

void check_keys(std::string_view text) {
  const auto keys = parse_jwks(text, 8);
  if (!keys) return require(keys.error().code == "bad_jwks");
  require(keys->size() <= 8);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_token(text);
  check_parts(text);
  check_keys(text);
  return 0;
}
