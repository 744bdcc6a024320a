// SPDX-License-Identifier: Apache-2.0
#include "access/jwks.h"

#include "codec/native/token_json.h"
#include "codec/text/base64.h"

namespace ringcast::access {
namespace {

using Value = simdjson::ondemand::value;

tl::unexpected<Error> bad_key_set(std::string what) {
  return fail("bad_jwks", "not a JSON Web Key Set: " + std::move(what));
}

std::string* member_of(Jwk& jwk, std::string_view key) {
  if (key == "kty") return &jwk.type;
  if (key == "kid") return &jwk.id;
  if (key == "alg") return &jwk.algorithm;
  if (key == "use") return &jwk.use;
  if (key == "crv") return &jwk.curve;
  return nullptr;
}

std::string* number_of(Jwk& jwk, std::string_view key) {
  if (key == "n") return &jwk.n;
  if (key == "e") return &jwk.e;
  if (key == "x") return &jwk.x;
  if (key == "y") return &jwk.y;
  if (key == "k") return &jwk.k;
  return nullptr;
}

void read_member(codec::FieldReader& reader, std::string_view key, Value value, Jwk& jwk) {
  std::string* const number = number_of(jwk, key);
  std::string* const text = number == nullptr ? member_of(jwk, key) : nullptr;
  if (number == nullptr && text == nullptr) return reader.ignored(value);
  std::string_view given;
  reader.text(key, value, given);
  if (text != nullptr) {
    *text = given;
  } else {
    number->clear();
    if (!codec::base64url_decode(given, *number))
      reader.complain("bad_field", "\"" + std::string(key) + "\" is not base64url");
  }
}

void read_keys(codec::JsonScratch& scratch, codec::FieldReader& reader, Value value, std::vector<Jwk>& keys,
               size_t keys_max) {
  simdjson::ondemand::array items;
  if (const auto code = value.get_array().get(items)) {
    if (code != simdjson::INCORRECT_TYPE) return reader.break_off(code);
    reader.complain("bad_field", "\"keys\" must be an array");
    return reader.ignored(value);
  }
  for (auto element : items) {
    Value item;
    if (const auto code = std::move(element).get(item)) return reader.break_off(code);
    if (keys.size() == keys_max) {
      reader.complain("bad_field", "more than " + std::to_string(keys_max) + " keys");
      return;
    }
    Jwk& jwk = keys.emplace_back();
    simdjson::ondemand::object object;
    if (const auto code = item.get_object().get(object)) {
      if (code != simdjson::INCORRECT_TYPE) return reader.break_off(code);
      jwk.fault = "it is not an object";
      reader.ignored(item);
      if (reader.broken()) return;
      continue;
    }
    codec::FieldReader of_key(scratch, codec::kTokenJsonLimits);
    of_key.members(object, [&](std::string_view key, Value member) { read_member(of_key, key, member, jwk); });
    if (of_key.broken()) return reader.complain(*of_key.take_error());
    if (of_key.error()) jwk.fault = of_key.error()->message;
    if (jwk.fault.empty() && jwk.type.empty()) jwk.fault = "it has no \"kty\"";
  }
}

}  // namespace

Result<std::vector<Jwk>> parse_jwks(std::string_view text, size_t keys_max) {
  thread_local codec::JsonScratch scratch;
  simdjson::ondemand::document document;
  simdjson::ondemand::object object;
  if (scratch.open(text, document) != simdjson::SUCCESS || document.get_object().get(object) != simdjson::SUCCESS) {
    return bad_key_set("it is not a JSON object");
  }
  codec::FieldReader reader(scratch, codec::kTokenJsonLimits);
  std::vector<Jwk> keys;
  Jwk lone;
  bool is_set = false;
  reader.members(object, [&](std::string_view key, Value value) {
    if (key != "keys") return read_member(reader, key, value, lone);
    is_set = true;
    keys.clear();
    read_keys(scratch, reader, value, keys, keys_max);
  });
  reader.end(document);
  if (reader.error()) return bad_key_set(reader.error()->message);
  if (!is_set) {
    if (lone.type.empty()) return bad_key_set("there are no \"keys\"");
    keys.push_back(std::move(lone));
  }
  return keys;
}

}  // namespace ringcast::access
