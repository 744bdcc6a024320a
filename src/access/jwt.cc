// SPDX-License-Identifier: Apache-2.0
#include "access/jwt.h"

#include <cmath>

#include "codec/native/token_json.h"
#include "codec/text/base64.h"

namespace ringcast::access {
namespace {

using simdjson::ondemand::json_type;
using Value = simdjson::ondemand::value;

std::optional<Error> bad_token(std::string_view what) {
  return Error{"bad_token", "the token is not valid: " + std::string(what)};
}

// A thread's own, beside the one for messages: a token may be part of a message that is still being looked at.
codec::JsonScratch& scratch_of_tokens() {
  thread_local codec::JsonScratch scratch;
  return scratch;
}

// RFC 7519 section 2, NumericDate: seconds, possibly with a fraction.
void read_date(codec::FieldReader& reader, std::string_view name, Value value, std::optional<uint64_t>& to) {
  double seconds = 0;
  if (reader.is_null(value) || reader.broken()) return;
  const auto code = value.get_double().get(seconds);
  if (code == simdjson::INCORRECT_TYPE) {
    reader.complain("bad_field", "\"" + std::string(name) + "\" must be a number of seconds");
    return reader.ignored(value);
  }
  if (code) return reader.break_off(code);
  // The upper bound is exact as a double and far beyond any clock.
  if (!std::isfinite(seconds) || seconds < 0 || seconds > 9007199254740991.0) {
    return reader.complain("bad_field", "\"" + std::string(name) + "\" is out of range");
  }
  to = static_cast<uint64_t>(seconds);
}

// A string or an array of strings; what is neither is complained about.
template <class Take>
void read_strings(codec::FieldReader& reader, std::string_view name, Value value, Take&& take) {
  json_type type;
  if (const auto code = value.type().get(type)) return reader.break_off(code);
  std::string_view text;
  if (type != json_type::array) {
    reader.text(name, value, text);
    if (text.data() != nullptr) take(text);
    return;
  }
  simdjson::ondemand::array items;
  if (const auto code = value.get_array().get(items)) return reader.break_off(code);
  for (auto element : items) {
    Value item;
    if (const auto code = std::move(element).get(item)) return reader.break_off(code);
    text = {};
    reader.text(name, item, text);
    if (reader.broken()) return;
    if (text.data() != nullptr) take(text);
  }
}

void read_permission(codec::FieldReader& reader, Value value, JwtClaims& claims) {
  simdjson::ondemand::object object;
  const auto wrong = value.get_object().get(object);
  if (wrong == simdjson::INCORRECT_TYPE) {
    reader.complain("bad_field", "each of \"permissions\" must be an object");
    return reader.ignored(value);
  }
  if (wrong) return reader.break_off(wrong);
  std::string_view match;
  const size_t first = claims.permissions.size();
  reader.members(object, [&](std::string_view key, Value member) {
    if (key == "match") {
      reader.text(key, member, match);
    } else if (key == "allow") {
      read_strings(reader, key, member, [&](std::string_view operation) {
        if (claims.permissions.size() == kJwtPermissionsMax) {
          return reader.complain("bad_field", "there are too many \"permissions\"");
        }
        claims.permissions.emplace_back(std::string_view(), operation);
      });
    } else {
      reader.ignored(member);
    }
  });
  if (reader.broken()) return;
  if (match.empty()) reader.complain("bad_field", "each of \"permissions\" needs \"match\", a pattern of room names");
  for (size_t i = first; i < claims.permissions.size(); ++i) claims.permissions[i].first = match;
}

void read_permissions(codec::FieldReader& reader, Value value, JwtClaims& claims) {
  if (reader.is_null(value) || reader.broken()) return;
  simdjson::ondemand::array items;
  const auto code = value.get_array().get(items);
  if (code == simdjson::INCORRECT_TYPE) {
    reader.complain("bad_field", "\"permissions\" must be an array");
    return reader.ignored(value);
  }
  if (code) return reader.break_off(code);
  claims.permissions.clear();
  claims.has_permissions = true;
  for (auto element : items) {
    Value item;
    if (const auto error = std::move(element).get(item)) return reader.break_off(error);
    read_permission(reader, item, claims);
    if (reader.broken()) return;
  }
}

// Every member of an object, each read or checked to be JSON.
template <class Read>
std::optional<Error> read_object(std::string_view what, std::string_view text, Read&& read) {
  codec::JsonScratch& scratch = scratch_of_tokens();
  simdjson::ondemand::document document;
  simdjson::ondemand::object object;
  if (scratch.open(text, document) != simdjson::SUCCESS || document.get_object().get(object) != simdjson::SUCCESS) {
    return bad_token(std::string(what) + " is not a JSON object");
  }
  codec::FieldReader reader(scratch, codec::kTokenJsonLimits);
  reader.members(object, [&](std::string_view key, Value value) { read(reader, key, value); });
  reader.end(document);
  if (reader.broken()) return bad_token(std::string(what) + " is not valid JSON");
  if (reader.error()) return bad_token(reader.error()->message);
  return std::nullopt;
}

}  // namespace

std::optional<Error> Jwt::open(std::string_view token) {
  algorithm_.clear();
  key_id_.clear();
  header_.clear();
  payload_.clear();
  signature_.clear();
  signing_input_ = {};
  const size_t first = token.find('.');
  const size_t second = first == std::string_view::npos ? first : token.find('.', first + 1);
  if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos) {
    return bad_token("it has not three parts");
  }
  if (!codec::base64url_decode(token.substr(0, first), header_) ||
      !codec::base64url_decode(token.substr(first + 1, second - first - 1), payload_) ||
      !codec::base64url_decode(token.substr(second + 1), signature_)) {
    return bad_token("its parts are not base64url");
  }
  bool critical = false, encoded = true;
  auto error = read_object("its header", header_, [&](codec::FieldReader& reader, std::string_view key, Value value) {
    std::string_view text;
    if (key == "alg" || key == "kid") {
      reader.text(key, value, text);
      (key == "alg" ? algorithm_ : key_id_) = text;
    } else {
      // RFC 7515 section 4.1.11: what must be understood and is not, is refused; RFC 7797's b64 must be listed there.
      critical |= key == "crit";
      encoded &= key != "b64";
      reader.ignored(value);
    }
  });
  if (error) return error;
  if (critical || !encoded) return bad_token("its header asks for an extension");
  if (algorithm_.empty()) return bad_token("its header names no algorithm");
  signing_input_ = token.substr(0, second);
  return std::nullopt;
}

std::optional<Error> Jwt::read_claims(const JwtClaimNames& names, JwtClaims& claims) {
  claims = {};
  bool crowded = false;
  auto error = read_object("its payload", payload_, [&](codec::FieldReader& reader, std::string_view key, Value value) {
    if (key == names.user) {
      reader.name(key, value, claims.user);
    } else if (key == names.name) {
      if (reader.is_text(value)) {
        reader.text(key, value, claims.name);
      } else {
        reader.ignored(value);
      }
    } else if (key == names.tenant) {
      reader.text(key, value, claims.tenant);
    } else if (key == "iss") {
      reader.text(key, value, claims.issuer);
    } else if (key == "jti") {
      reader.text(key, value, claims.id);
    } else if (key == "aud") {
      claims.audiences.clear();
      read_strings(reader, key, value, [&](std::string_view audience) {
        crowded |= claims.audiences.size() == kJwtAudiencesMax;
        if (!crowded) claims.audiences.push_back(audience);
      });
    } else if (key == "exp") {
      read_date(reader, key, value, claims.expires_s);
    } else if (key == "nbf") {
      read_date(reader, key, value, claims.not_before_s);
    } else if (key == "iat") {
      read_date(reader, key, value, claims.issued_s);
    } else if (key == "permissions") {
      read_permissions(reader, value, claims);
    } else {
      reader.ignored(value);
    }
  });
  if (!error && crowded) error = bad_token("it names too many audiences");
  return error;
}

std::string jwt_signing_input(std::string_view header, std::string_view payload) {
  const auto bytes = [](std::string_view text) {
    return std::span<const uint8_t>(reinterpret_cast<const uint8_t*>(text.data()), text.size());
  };
  std::string out;
  codec::append_base64url(out, bytes(header));
  out += '.';
  codec::append_base64url(out, bytes(payload));
  return out;
}

void append_jwt_signature(std::string& token, std::string_view signature) {
  token += '.';
  codec::append_base64url(token, {reinterpret_cast<const uint8_t*>(signature.data()), signature.size()});
}

}  // namespace ringcast::access
