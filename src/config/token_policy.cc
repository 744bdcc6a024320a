// SPDX-License-Identifier: Apache-2.0
#include "config/token_policy.h"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <map>

#include "access/jwks_source.h"
#include "config/size_duration.h"

namespace ringcast::config {

namespace {

constexpr size_t kKeyFileMax = 64 << 10;
constexpr size_t kRevocationsFileMax = 64 << 20;
constexpr size_t kCertificatesFileMax = 4 << 20;
constexpr size_t kKeyIdMax = 128;

tl::unexpected<Error> wrong(std::string_view setting, const Error& error) {
  return fail(error.code, std::string(setting) + ": " + error.message);
}

Result<std::string> read_all(const std::string& path, size_t bytes_max) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail_errno("cannot read " + path, errno);
  std::string text;
  char part[4096];
  while (file.read(part, sizeof part) || file.gcount() > 0) {
    text.append(part, static_cast<size_t>(file.gcount()));
    if (text.size() > bytes_max) return fail("bad_file", path + " is larger than " + format_size(bytes_max));
  }
  if (file.bad() || !file.eof()) return fail_errno("cannot read " + path, errno == 0 ? EIO : errno);
  return text;
}

}  // namespace

Result<KeySetting> parse_key_setting(std::string_view item) {
  const size_t colon = item.find(':');
  const std::string_view head = item.substr(0, colon);
  const size_t slash = head.find('/');
  const auto algorithm = access::algorithm_from(head.substr(0, slash));
  if (colon == std::string_view::npos || colon + 1 == item.size() || !algorithm) {
    return fail("bad_key",
                "a key is ALGORITHM:FILE or ALGORITHM/KEY_ID:FILE with one of " + std::string(access::kAlgorithmNames));
  }
  KeySetting setting{*algorithm, {}, std::string(item.substr(colon + 1))};
  if (slash != std::string_view::npos) setting.id = head.substr(slash + 1);
  if ((slash != std::string_view::npos && setting.id.empty()) || setting.id.size() > kKeyIdMax) {
    return fail("bad_key", "a key id has 1 to " + std::to_string(kKeyIdMax) + " bytes");
  }
  return setting;
}

Result<access::TokenKey> read_key(const KeySetting& setting) {
  auto text = read_all(setting.file, kKeyFileMax);
  if (!text) return tl::unexpected<Error>(text.error());
  auto key = access::TokenKey::from_text(setting.algorithm, setting.id, *text);
  if (!key) return fail(key.error().code, setting.file + ": " + key.error().message);
  return key;
}

bool is_url(std::string_view jwks) {
  return jwks.starts_with("https://") || jwks.starts_with("http://");
}

Result<access::Policy> token_policy(const Options& options, const access::Authority& authority) {
  access::Policy policy;
  policy.tokens = options.has_tokens();
  policy.token = {.issuers = options.jwt_issuers,
                  .audiences = options.jwt_audiences,
                  .leeway = std::chrono::duration_cast<std::chrono::seconds>(options.jwt_leeway),
                  .expiry_required = options.jwt_expiry_required,
                  .user_claim = options.jwt_user_claim,
                  .tenant_claim = options.jwt_tenant_claim,
                  .name_claim = options.jwt_name_claim,
                  .size_max = static_cast<uint32_t>(options.token_size_max)};
  for (const std::string& item : options.jwt_keys) {
    const auto setting = parse_key_setting(item);
    if (!setting) return wrong("jwt_keys", setting.error());
    auto key = read_key(*setting);
    if (!key) return wrong("jwt_keys", key.error());
    policy.keys.push_back(std::make_shared<const access::TokenKey>(*std::move(key)));
  }
  if (!options.jwks.empty() && !is_url(options.jwks)) {
    const auto text = read_all(options.jwks, kKeyFileMax * 16);
    if (!text) return wrong("jwks", text.error());
    auto keys = access::keys_of_jwks(*text);
    if (!keys) return wrong("jwks", {keys.error().code, options.jwks + ": " + keys.error().message});
    if (keys->empty())
      return wrong("jwks", {"bad_jwks", options.jwks + ": there is no key in it that verifies tokens"});
    policy.keys.insert(policy.keys.end(), keys->begin(), keys->end());
  }
  if (!options.jwks_ca_file.empty()) {
    const auto text = read_all(options.jwks_ca_file, kCertificatesFileMax);
    if (!text) return wrong("jwks_ca_file", text.error());
    if (text->find("-----BEGIN CERTIFICATE-----") == std::string::npos &&
        text->find("-----BEGIN TRUSTED CERTIFICATE-----") == std::string::npos) {
      return wrong("jwks_ca_file", {"bad_file", options.jwks_ca_file + ": there is no certificate in PEM in it"});
    }
  }
  if (policy.keys.size() > access::kTokenKeysMax) {
    return fail("bad_key", "jwt_keys, jwks: more than " + std::to_string(access::kTokenKeysMax) + " keys");
  }
  std::map<std::string, access::Grant> limited;
  for (const PermissionRule& rule : options.permissions) {
    Result<void> added;
    if (rule.keys.empty()) added = policy.rules.add(rule.match, rule.allow, rule.users);
    for (const std::string& key : rule.keys) {
      if (added) added = limited[key].rules.add(rule.match, rule.allow);
    }
    if (!added) return wrong("permissions", added.error());
  }
  for (auto& [key, grant] : limited) {
    policy.limited_keys.emplace_back(key, std::make_shared<const access::Grant>(std::move(grant)));
  }
  if (!options.revocations_file.empty()) {
    const auto text = read_all(options.revocations_file, kRevocationsFileMax);
    if (!text) return wrong("revocations_file", text.error());
    const auto list = authority.make_list(options.revocations_max);
    if (auto read = list->read(*text, options.revocations_file); !read) return wrong("revocations_file", read.error());
    policy.listed = list;
  }
  return policy;
}

}  // namespace ringcast::config
