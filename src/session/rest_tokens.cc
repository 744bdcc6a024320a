// HttpSession: servers that take tokens back. Connections that were opened with one end on every core within an
// interval.

#include "auth/authority.h"
#include "session/gate.h"
#include "session/guard.h"
#include "session/http_session.h"
#include "session/request.h"
#include "wire/json_writer.h"
#include "wire/names.h"

namespace ringcast::session {

void HttpSession::revoke(Client& client, runtime::Connection& connection, const Request& request) {
  if (!gate_.guard().tokens()) {
    return refuse(client, connection, 404, "not_found", "there are no tokens here: no keys are set for them");
  }
  auth::Authority& authority = *gate_.options().authority;
  const bool of_user = request.route.endpoint == Endpoint::revoke_user;
  const std::string& name = request.argument;
  if (of_user) {
    if (const auto checked = wire::check_user(name); !checked) {
      return refuse(client, connection, 400, checked.error().code, checked.error().message);
    }
  }
  const bool added = of_user
                         ? authority.revoke_user(request.identity.tenant, name, gate_.reactor().wall_us() / 1'000'000)
                         : authority.revoke_id(name);
  if (!added) {
    return refuse(client, connection, 503, "revocations_full",
                  "there are as many revocations as there may be; see the setting revocations_max");
  }
  gate_.guard().refresh();
  body_.clear();
  wire::JsonWriter json(body_);
  json.begin_object().string(of_user ? "user" : "token_id", name).string("status", "revoked").end_object();
  respond(client, connection, {200, kJson, body_});
}

}  // namespace ringcast::session
