// SPDX-License-Identifier: Apache-2.0
// What the settings say about tokens and permissions, with the files that they name read: an auth::Policy.
// At start and at each reload; the main thread's.
#pragma once

#include <string>
#include <string_view>

#include "auth/authority.h"
#include "auth/token_key.h"
#include "base/error.h"
#include "server/options.h"

namespace ringcast::server {

// An item of jwt_keys: "RS256:/etc/ringcast/key.pem", "RS256/2026-01:/etc/ringcast/key.pem".
struct KeySetting {
  auth::Algorithm algorithm;
  std::string id;
  std::string file;
};
Result<KeySetting> parse_key_setting(std::string_view item);
Result<auth::TokenKey> read_key(const KeySetting& setting);

bool is_url(std::string_view jwks);

// The error is one line and names the setting and the file.
Result<auth::Policy> token_policy(const Options& options, const auth::Authority& authority);

}  // namespace ringcast::server
