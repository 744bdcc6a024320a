// SPDX-License-Identifier: Apache-2.0
// Who a request comes from, and the connection that it opens: user and tenant, what proved it, and what that grants.
// Made in one place (api/sign_in.h) for every kind of session; belongs to its request. Plain value.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "codec/native/names.h"

namespace ringcast::access {

enum class Method : uint8_t {
  none,     // nothing was proved: names are as given
  token,    // a user's token: names are the token's, whatever the request says
  api_key,  // a server of the operator's: names are as given
  admin,    // came by the admin listener: like a key
};

// What a token says beside names; shared by the request and the connection that it opens.
struct Grant;

struct Identity {
  std::string user{codec::kAnonymousUser};  // valid; "anonymous" when nobody is named
  std::string tenant;                       // valid; empty: the unnamed one
  Method method = Method::none;
  std::string key_name;                // of the API key
  std::shared_ptr<const Grant> grant;  // of the token, or of a key that rules limit

  bool anonymous() const { return codec::is_anonymous(user); }
  // May make the server calls.
  bool is_server() const { return method == Method::api_key || method == Method::admin; }
};

}  // namespace ringcast::access
