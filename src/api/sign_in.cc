// SPDX-License-Identifier: Apache-2.0
#include "api/sign_in.h"

#include <algorithm>

#include "api/request.h"
#include "api/request_state.h"
#include "api/responder.h"
#include "client/clients.h"
#include "client/guard.h"
#include "codec/http1/http_syntax.h"
#include "codec/native/names.h"

namespace ringcast::session {

using access::Method;

namespace {

// The credentials of `Authorization: Bearer` (RFC 6750 section 2.1).
std::string_view bearer_of(const codec::HttpHeaders& headers) {
  constexpr std::string_view kBearer = "Bearer ";
  const std::string_view field = headers.find_or("Authorization", "");
  if (field.size() <= kBearer.size() || !codec::equal_ignoring_case(field.substr(0, kBearer.size()), kBearer))
    return {};
  return codec::trim_blanks(field.substr(kBearer.size()));
}

// A browser cannot give a WebSocket other fields than this: Sec-WebSocket-Protocol: ringcast.v1, bearer.<token>
std::string_view token_of_protocols(const codec::HttpHeaders& headers) {
  constexpr std::string_view kPrefix = "bearer.";
  for (const codec::HttpHeader& field : headers.all()) {
    if (!codec::equal_ignoring_case(field.name, "Sec-WebSocket-Protocol")) continue;
    std::string_view list = field.value, protocol;
    while (codec::next_list_element(list, protocol)) {
      if (protocol.starts_with(kPrefix)) return protocol.substr(kPrefix.size());
    }
  }
  return {};
}

// RFC 6265 section 4.2: pairs, each with one '='.
std::string_view cookie_of(const codec::HttpHeaders& headers, std::string_view name) {
  for (const codec::HttpHeader& field : headers.all()) {
    if (!codec::equal_ignoring_case(field.name, "Cookie")) continue;
    std::string_view rest = field.value;
    while (!rest.empty()) {
      std::string_view pair = rest.substr(0, rest.find(';'));
      rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
      pair = codec::trim_blanks(pair);
      if (!pair.starts_with(name) || pair.size() <= name.size() || pair[name.size()] != '=') continue;
      std::string_view value = pair.substr(name.size() + 1);
      if (value.size() >= 2 && value.front() == '"' && value.back() == '"') value = value.substr(1, value.size() - 2);
      return value;
    }
  }
  return {};
}

bool is_websocket(Endpoint endpoint) {
  return endpoint == Endpoint::websocket || endpoint == Endpoint::echo;
}

// A client that is refused learns why from what it speaks: over a WebSocket, or with its namespace.
bool refuses_itself(Endpoint endpoint) {
  return is_websocket(endpoint) || is_engine_io(endpoint);
}

bool takes_user(Endpoint endpoint) {
  return refuses_itself(endpoint) || endpoint == Endpoint::events || endpoint == Endpoint::poll ||
         endpoint == Endpoint::send;
}

}  // namespace

std::string_view SignIn::token_of(const codec::HttpRequest& http, const Route& route,
                                  const RequestState& current) const {
  if (const std::string_view bearer = bearer_of(http.headers); !bearer.empty()) return bearer;
  if (is_websocket(route.endpoint)) {
    if (const std::string_view token = token_of_protocols(http.headers); !token.empty()) return token;
  }
  if (const std::string_view token = current.query.get("token").value_or(""); !token.empty()) return token;
  // A browser sends cookies with requests of any page. Those of pages that are welcome only because all are do not
  // count.
  const std::vector<std::string>& origins = clients_.options().origins;
  const bool from_any = current.origin == access::OriginVerdict::listed &&
                        std::find(origins.begin(), origins.end(), "*") != origins.end();
  if (from_any) return {};
  const std::string& cookie = clients_.options().token_cookie;
  return cookie.empty() ? std::string_view() : cookie_of(http.headers, cookie);
}

// RFC 6750 section 3: without credentials only the scheme is named.
void SignIn::challenge(Client& client, reactor::Connection& connection, const Error* error, std::string_view wanted) {
  static constexpr codec::HttpHeader kAsk{"WWW-Authenticate", "Bearer"};
  const std::string_view denied = table_of(clients_.route_of(client).dialect).denied;
  const std::string_view why = error == nullptr ? wanted : error->message;
  responder_.refuse(client, connection, 401, "unauthorized", denied.empty() ? why : denied,
                    {error == nullptr ? &kAsk : &kInvalidToken, 1});
}

bool SignIn::authenticate(Client& client, reactor::Connection& connection, const codec::HttpRequest& http,
                          const Route& route) {
  const SessionOptions& options = clients_.options();
  guard_.refresh();
  RequestState& current = responder_.state(client);
  access::Identity& identity = current.identity;
  identity = {};
  current.denial.reset();
  current.query = {};
  if (route.endpoint != Endpoint::file) {
    auto query = codec::Query::parse(http.query);
    if (!query) return responder_.refuse(client, connection, 400, query.error().code, query.error().message), false;
    current.query = *std::move(query);
    // Which of the two would count is not for the server to guess. The clients of other systems are taken as they are.
    if (const auto key = current.query.contradiction(); key && route.dialect == Dialect::native) {
      responder_.refuse(client, connection, 400, "bad_query", "the query gives " + codec::quoted(*key) + " two values");
      return false;
    }
  }
  // Whose session it is has been proved with its handshake; its name cannot be guessed.
  if (is_engine_io(route.endpoint) && current.query.get("sid")) return true;
  const bool for_people = route.access == Access::client || route.access == Access::user;
  const bool for_servers = route.access == Access::user || route.access == Access::key ||
                           (route.access == Access::status && !options.status_open);
  // Everybody may read the counters of /stats: a key that is given makes them more, and is not asked for.
  const bool counters = route.endpoint == Endpoint::stats && !for_servers;
  if (!for_people && !for_servers && !counters) return true;

  std::string_view key = http.headers.find_or("X-API-Key", "");
  if (key.empty()) key = bearer_of(http.headers);
  bool asked = false;
  if (connection.listener == kAdminListener) {
    identity.method = Method::admin;
  } else if (const access::ApiKey* found = options.api_keys.find(key); found != nullptr) {
    identity.method = Method::api_key;
    identity.key_name = found->name;
    identity.grant = guard_.policy().grant_of_key(found->name);
  } else if (guard_.tokens() && !counters) {
    if (const std::string_view token = token_of(http, route, current); !token.empty()) {
      asked = true;
      auto proved = guard_.verify(token);
      if (proved) {
        identity = *std::move(proved);
      } else if (proved.error().code == "try_again") {
        if (!refuses_itself(route.endpoint)) {
          responder_.refuse(client, connection, 503, "try_again", proved.error().message);
          return false;
        }
        current.denial = std::move(proved.error());
      } else {
        clients_.stats().auth_failure(auth_failure_of(proved.error().code)).add();
        current.denial = std::move(proved.error());
      }
    }
  }
  if (identity.is_server()) {
    if (identity.grant == nullptr || route.access != Access::key) return true;
    clients_.stats().auth_failure(AuthFailure::needs_key).add();
    responder_.refuse(
        client, connection, 403, "forbidden",
        "the API key " + codec::quoted(identity.key_name) + " may do what its [[permissions]] allow, and nothing else");
    return false;
  }

  if (counters) return true;
  if (route.access == Access::client) {
    const bool missing = table_of(route.dialect).needs_token && token_of(http, route, current).empty();
    if ((guard_.tokens() && !asked && options.token_required) || missing) {
      clients_.stats().auth_failure(key.empty() ? AuthFailure::no_credentials : AuthFailure::bad_key).add();
      current.denial = Error{"unauthorized",
                             "this needs a token: Authorization: Bearer …, token=, or bearer.… beside "
                             "the subprotocol of a WebSocket"};
    }
    // A browser learns nothing from a failed upgrade: it gets its WebSocket, and that says why.
    if (!current.denial || refuses_itself(route.endpoint)) return true;
    return challenge(client, connection, asked ? &*current.denial : nullptr, current.denial->message), false;
  }
  if (route.access == Access::user && identity.method == Method::token) return true;
  // Where the server calls have an address of their own, nothing here says that they exist.
  if (options.admin_apart && route.access == Access::user) {
    responder_.refuse(client, connection, 404, "not_found", "there is nothing at this path");
    return false;
  }
  if (options.api_keys.empty() && !guard_.tokens()) return true;
  if (identity.method == Method::token) {
    clients_.stats().auth_failure(AuthFailure::needs_key).add();
    responder_.refuse(client, connection, 403, "forbidden",
                      "this call is for servers: it needs an API key, not a user's token");
    return false;
  }
  if (!asked) clients_.stats().auth_failure(key.empty() ? AuthFailure::no_credentials : AuthFailure::bad_key).add();
  challenge(client, connection, current.denial ? &*current.denial : nullptr,
            route.access == Access::user && guard_.tokens()
                ? "this call needs a user's token or an API key (Authorization: Bearer …, or X-API-Key)"
                : "this call needs an API key (Authorization: Bearer …, or X-API-Key)");
  return false;
}

Result<void> SignIn::name(Request& request) const {
  const SessionOptions& options = clients_.options();
  access::Identity& identity = request.identity;
  const DialectTable& dialect = table_of(request.route.dialect);
  // The token has said it all; who may come without one is nobody in particular.
  const bool tokens = guard_.tokens();
  const bool proved = identity.method == Method::token;
  if (!proved && options.tenants && (identity.is_server() || (options.api_keys.empty() && !tokens))) {
    const std::string_view tenant = request.query.get_any({"tenant", "tenant_id"}).value_or("");
    if (auto checked = tenant.empty() ? Result<void>() : codec::check_tenant(tenant); !checked) return checked;
    identity.tenant = tenant;
  }
  if (!takes_user(request.route.endpoint)) return {};
  if (!proved && (!tokens || identity.is_server())) {
    const std::string_view user = request.query.get(dialect.user_parameter).value_or("");
    if (auto checked = user.empty() ? Result<void>() : codec::check_user(user); !checked) return checked;
    if (!user.empty()) identity.user = user;
  }
  if (request.route.endpoint == Endpoint::send || dialect.check_user == nullptr) return {};
  return dialect.check_user(identity.anonymous() ? std::string_view() : std::string_view(identity.user));
}

}  // namespace ringcast::session
