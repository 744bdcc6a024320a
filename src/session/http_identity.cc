// HttpSession: who a request comes from. The one place where an Identity is made, for every kind of session.

#include "session/gate.h"
#include "session/http_session.h"
#include "session/request.h"
#include "wire/http_syntax.h"
#include "wire/names.h"

namespace ringcast::session {

using auth::Method;

namespace {

// X-API-Key, or the credentials of `Authorization: Bearer` (RFC 6750 section 2.1).
std::string_view given_key(const wire::HttpHeaders& headers) {
  constexpr std::string_view kBearer = "Bearer ";
  if (const std::string_view key = headers.find_or("X-API-Key", ""); !key.empty()) return key;
  const std::string_view field = headers.find_or("Authorization", "");
  if (field.size() <= kBearer.size() || !wire::equal_ignoring_case(field.substr(0, kBearer.size()), kBearer)) return {};
  return wire::trim_blanks(field.substr(kBearer.size()));
}

bool takes_user(Endpoint endpoint) {
  return endpoint == Endpoint::websocket || endpoint == Endpoint::echo || endpoint == Endpoint::events ||
         endpoint == Endpoint::poll;
}

}  // namespace

bool HttpSession::authenticate(Client& client, runtime::Connection& connection, const wire::HttpRequest& http,
                               const Route& route) {
  const SessionOptions& options = gate_.options();
  auth::Identity& identity = state(client).identity;
  identity = {};
  if (connection.listener == kAdminListener) {
    identity.method = Method::admin;
  } else if (const auth::ApiKey* key = options.api_keys.find(given_key(http.headers)); key != nullptr) {
    identity.method = Method::api_key;
    identity.key_name = key->name;
  }
  const bool key_needed = route.access == Access::key || (route.access == Access::status && !options.status_open);
  if (key_needed && !options.api_keys.empty() && !identity.is_server()) {
    static constexpr wire::HttpHeader kChallenge{"WWW-Authenticate", "Bearer"};
    refuse(client, connection, 401, "unauthorized",
           "this call needs an API key (Authorization: Bearer …, or X-API-Key)", {&kChallenge, 1});
    return false;
  }
  return true;
}

Result<void> HttpSession::name(Request& request) const {
  const SessionOptions& options = gate_.options();
  auth::Identity& identity = request.identity;
  if (options.tenants && (options.api_keys.empty() || identity.is_server())) {
    const std::string_view tenant = request.query.get_any({"tenant", "tenant_id"}).value_or("");
    if (auto checked = tenant.empty() ? Result<void>() : wire::check_tenant(tenant); !checked) return checked;
    identity.tenant = tenant;
  }
  const std::string_view user = request.query.get(table_of(request.route.dialect).user_parameter).value_or("");
  if (!takes_user(request.route.endpoint) || user.empty()) return {};
  if (auto checked = wire::check_user(user); !checked) return checked;
  identity.user = user;
  return {};
}

}  // namespace ringcast::session
