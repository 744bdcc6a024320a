// SPDX-License-Identifier: Apache-2.0
// Access and tokens: values that no request could ever match or that nothing would look at are mistakes, as who wrote
// them believes in a protection or a permission that is not there.
#include <algorithm>
#include <cctype>

#include "access/api_keys.h"
#include "access/origin.h"
#include "config/options_draft.h"
#include "config/token_policy.h"

namespace ringcast::config {
namespace {

tl::unexpected<Error> bad_access(const std::string& message) {
  return fail("impossible_settings", message);
}

Result<void> check_hosts_and_origins(const Draft& draft) {
  const Options& options = draft.options;
  for (const std::string& entry : options.hosts) {
    if (auto good = access::check_host_entry(entry); !good)
      return bad_access(draft.describe("hosts") + ": " + good.error().message);
  }
  for (const std::string& entry : options.origins) {
    if (auto good = access::check_origin_entry(entry); !good)
      return bad_access(draft.describe("origins") + ": " + good.error().message);
  }
  if (!options.cors_credentials) return {};
  if (options.origins.empty())
    return bad_access(draft.describe("cors_credentials") + " has no use without origins, whose pages it is about");
  // Any page could act with its visitor's cookies.
  if (std::find(options.origins.begin(), options.origins.end(), "*") != options.origins.end())
    return bad_access(draft.describe("cors_credentials") + " must not be with \"*\" in " + draft.describe("origins"));
  return {};
}

// Keys are secrets: messages name them by their place in the list.
Result<void> check_api_keys(const Draft& draft) {
  const Options& options = draft.options;
  const access::ApiKeys keys(options.api_keys);
  for (size_t i = 0; i < options.api_keys.size(); ++i) {
    const std::string key = "api_keys (" + draft.place_of("api_keys") + "): key " + std::to_string(i + 1);
    const std::string& item = options.api_keys[i];
    const std::string& secret = keys.all()[i].secret;
    if (secret == kHiddenSecret) return bad_access(key + " is not there: its secret was hidden when this was printed");
    // What is no NAME:SECRET would be taken as a secret as a whole, which no client sends.
    if (item.find(':') != std::string::npos && secret.size() == item.size())
      return bad_access(key + " is not of the form NAME:SECRET with a name of 1 to " +
                        std::to_string(access::kApiKeyNameMax) + " letters, digits, '_', '.' and '-' and a secret of " +
                        std::to_string(access::kApiKeySecretMin) +
                        " bytes or more; a secret with a colon needs a name");
    if (secret.front() == ' ')
      return bad_access(key + " has a blank after the colon, which no header field begins with");
    for (size_t j = 0; j < i; ++j) {
      if (keys.all()[j].secret == secret)
        return bad_access(key + " has the secret of key " + std::to_string(j + 1) + "; each needs its own");
    }
  }
  for (const PermissionRule& rule : options.permissions) {
    for (const std::string& name : rule.keys) {
      const bool known = std::any_of(keys.all().begin(), keys.all().end(),
                                     [&](const access::ApiKey& each) { return each.name == name; });
      const bool inlet = std::any_of(options.inlets.begin(), options.inlets.end(),
                                     [&](const inlets::InletOptions& each) { return each.name == name; });
      if (!known && !inlet)
        return bad_access(draft.permissions_place + ": [[permissions]]: there is no API key or inlet \"" + name + "\"");
    }
  }
  return {};
}

// RFC 6265 section 4.1.1: a cookie's name is a token.
bool is_cookie_name(std::string_view name) {
  return std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return c < 0x80 && (std::isalnum(c) != 0 || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos);
  });
}

Result<void> check_tokens(const Draft& draft) {
  const Options& options = draft.options;
  for (const std::string& item : options.jwt_keys) {
    if (auto parsed = parse_key_setting(item); !parsed)
      return bad_access(draft.describe("jwt_keys") + ": " + parsed.error().message);
  }
  if (options.jwt_user_claim == options.jwt_tenant_claim)
    return bad_access(draft.describe("jwt_user_claim") + " must differ from " + draft.describe("jwt_tenant_claim"));
  if (!is_cookie_name(options.token_cookie))
    return bad_access(draft.describe("token_cookie") + " is no name of a cookie: letters, digits and !#$%&'*+-.^_`|~");
  if (options.jwks.find("://") != std::string::npos) {
    if (!is_url(options.jwks) || !hooks::check_url(options.jwks))
      return bad_access("jwks (" + draft.place_of("jwks") +
                        ") must be a file or a URL that begins with http:// or "
                        "https://, with a host");
  }
  if (!options.jwks_ca_file.empty() && !options.jwks.starts_with("https://"))
    return bad_access(draft.describe("jwks_ca_file") + " has no use without jwks = \"https://…\"");
  if (options.has_tokens()) return {};
  // Without keys no token is looked at, whatever these say.
  for (const std::string_view key : {"jwt_issuers", "jwt_audiences", "token_cookie", "revocations_file"}) {
    const Setting& setting = *find_setting(key);
    const Value value = setting.get(options, options.room_defaults);
    const auto* list = std::get_if<std::vector<std::string>>(&value);
    if (list != nullptr ? list->empty() : std::get<std::string>(value).empty()) continue;
    return bad_access(draft.describe(key) + " has no use without jwt_keys or jwks: no token is verified");
  }
  return {};
}

}  // namespace

Result<void> check_access(const Draft& draft) {
  if (auto checked = check_hosts_and_origins(draft); !checked) return checked;
  if (auto checked = check_api_keys(draft); !checked) return checked;
  return check_tokens(draft);
}

}  // namespace ringcast::config
