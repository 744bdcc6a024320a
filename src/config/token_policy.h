// SPDX-License-Identifier: Apache-2.0
// What the settings say about tokens and permissions, with the files that they name read: an access::Policy.
// At start and at each reload; the main thread's.
#pragma once

#include <string>
#include <string_view>

#include "access/authority.h"
#include "access/token_key.h"
#include "base/error.h"
#include "config/options.h"

namespace ringcast::config {

// An item of jwt_keys: "RS256:/etc/ringcast/key.pem", "RS256/2026-01:/etc/ringcast/key.pem".
struct KeySetting {
  access::Algorithm algorithm;
  std::string id;
  std::string file;
};
[[nodiscard]] Result<KeySetting> parse_key_setting(std::string_view item);
[[nodiscard]] Result<access::TokenKey> read_key(const KeySetting& setting);

bool is_url(std::string_view jwks);

// The error is one line and names the setting and the file.
[[nodiscard]] Result<access::Policy> token_policy(const Options& options, const access::Authority& authority);

}  // namespace ringcast::config
