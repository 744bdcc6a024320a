// SPDX-License-Identifier: Apache-2.0
#include "api/rooms_api.h"

#include <charconv>

#include "access/authority.h"
#include "api/request.h"
#include "api/request_state.h"
#include "api/responder.h"
#include "client/flow.h"
#include "client/guard.h"
#include "client/hub_errors.h"
#include "codec/json/json_writer.h"
#include "codec/native/names.h"
#include "codec/native/rest_json.h"

namespace ringcast::session {

using hub::QueryKind;
using reactor::Connection;

namespace {

// An answer of history may hold this much; a client that wants more asks on with `after`.
constexpr size_t kHistoryBytesMax = 4 << 20;

std::string_view status_name(uint64_t status) {
  switch (static_cast<hub::Status>(status)) {
    case hub::Status::online: return "online";
    case hub::Status::away: return "away";
    case hub::Status::busy: return "busy";
  }
  return "online";
}

struct Asked {
  QueryKind kind = QueryKind::rooms;
  enum class About : uint8_t { none, room, user, connection } about = About::none;
};

Asked asked_by(Endpoint endpoint) {
  using About = Asked::About;
  switch (endpoint) {
    case Endpoint::members: return {QueryKind::members, About::room};
    case Endpoint::history: return {QueryKind::history, About::room};
    case Endpoint::purge: return {QueryKind::purge, About::room};
    case Endpoint::close_room: return {QueryKind::close_room, About::room};
    case Endpoint::remove_member: return {QueryKind::remove_member, About::room};
    case Endpoint::users: return {QueryKind::users, About::none};
    case Endpoint::user: return {QueryKind::user, About::user};
    case Endpoint::disconnect_user: return {QueryKind::disconnect_user, About::user};
    case Endpoint::connections: return {QueryKind::connections, About::none};
    case Endpoint::disconnect: return {QueryKind::disconnect, About::connection};
    default: return {QueryKind::rooms, About::none};
  }
}

}  // namespace

uint64_t affected(const hub::Answer& answer) {
  return answer.rows.empty() ? answer.count : answer.rows[0].a;
}

void RoomsApi::ask(Client& client, Connection& connection, const Request& request, std::string_view second) {
  const Endpoint endpoint = request.route.endpoint;
  const Asked asked = asked_by(endpoint);
  const auto refuse_with = [&](const Error& error) {
    responder_.refuse(client, connection, 400, error.code, error.message);
  };

  std::string_view name = request.argument;
  if (name.empty() && asked.about == Asked::About::room) {
    const auto room = codec::room_parameter(request.query);
    if (!room) return refuse_with(room.error());
    if (!*room) return responder_.refuse(client, connection, 400, "missing_field", "the query must say room=");
    name = **room;
  }
  // Who is asked about by a token may say "@me" here as elsewhere.
  std::string own;
  if (request.identity.method == access::Method::token && name == codec::kOwnInbox) {
    own = '@' + request.identity.user;
    name = own;
  }
  std::string member;
  switch (asked.about) {
    case Asked::About::room:
      if (const auto checked = codec::check_channel(name); !checked) return refuse_with(checked.error());
      break;
    case Asked::About::user:
      if (const auto checked = codec::check_user(name); !checked) return refuse_with(checked.error());
      break;
    default: break;
  }
  if (endpoint == Endpoint::remove_member) {
    if (!codec::append_percent_decoded(member, second)) {
      return responder_.refuse(client, connection, 400, "bad_path",
                               "the path has a bad percent-escape or is not UTF-8");
    }
    if (const auto checked = codec::check_user(member); !checked) return refuse_with(checked.error());
  }
  const access::Operation operation =
      endpoint == Endpoint::members ? access::Operation::presence : access::Operation::history;
  if (asked.about == Asked::About::room && !guard_.may(request.identity, operation, name)) {
    return responder_.refuse(client, connection, 403, "forbidden",
                             "no rule allows " + std::string(to_string(operation)) + " in " + codec::quoted(name));
  }
  const SessionOptions& options = clients_.options();
  const auto limit = request.query.get_uint("limit", options.list_limit_default, 1, options.list_limit_max);
  if (!limit) return refuse_with(limit.error());

  hub::Query query{asked.kind};
  key_.assign(request.identity.tenant);
  key_ += hub::kTenantEnd;
  if (asked.about == Asked::About::user) key_ += '@';
  key_ += name;
  if (endpoint == Endpoint::history) {
    const auto after = request.query.get_uint("after", 0, 0, codec::kMessageIdMax);
    if (!after) return refuse_with(after.error());
    query.after = *after;
  } else if (asked.about == Asked::About::none) {
    query.after_name = request.query.get("after").value_or("");
  }
  if (endpoint == Endpoint::connections) {
    const auto user = request.query.get("user");
    const auto given = codec::room_parameter(request.query);
    if (!given) return refuse_with(given.error());
    const std::optional<std::string_view> room = *given;
    if (user) {
      if (const auto checked = codec::check_user(*user); !checked) return refuse_with(checked.error());
      member = *user;
    }
    if (room) {
      if (const auto checked = codec::check_channel(*room); !checked) return refuse_with(checked.error());
      key_ += *room;
    } else if (user && !codec::is_anonymous(*user)) {
      key_ += '@';
      key_ += *user;
    } else {
      key_.clear();
    }
  }
  if (endpoint == Endpoint::disconnect) {
    const auto address = clients_.parse_name(name);
    if (address) {
      query.address = *address;
    } else if (clients_.may_be_elsewhere(name)) {
      query.connection = name;
    } else {
      return responder_.refuse(client, connection, 404, "not_found", "there is no such connection");
    }
  }
  query.key = key_;
  query.user = member;
  query.tenant = request.identity.tenant;
  query.limit = static_cast<uint32_t>(*limit);
  query.from = client.id;

  RequestState& current = responder_.state(client);
  current.endpoint = endpoint;
  current.name = name;
  current.partial = member;
  query.correlation = flow_.await(client);
  clients_.hub().query(query);
}

void RoomsApi::on_answer(Client& client, Connection& connection, const hub::Answer& answer) {
  const RequestState& current = responder_.state(client);
  const std::string_view name = current.name;
  const std::string_view next = answer.more && !answer.rows.empty() ? answer.rows.back().name : std::string_view();
  const auto missing = [&](std::string_view what) {
    responder_.refuse(client, connection, 404, "not_found", "there is no such " + std::string(what));
  };
  if (answer.kind == QueryKind::revoke) {
    if (!answer.unavailable) return answer_revoked(client, connection, current.endpoint == Endpoint::revoke_user, name);
    return responder_.refuse(client, connection, 503, unavailable_error().code,
                             "this node takes such tokens no more; the others do so when the broker can be reached");
  }
  if (answer.unavailable) {
    const Error& error = unavailable_error();
    return responder_.refuse(client, connection, 503, error.code, error.message);
  }
  body_.clear();
  codec::JsonWriter json(body_);
  switch (current.endpoint) {
    case Endpoint::rooms: {
      std::vector<codec::RoomRow> rows;
      rows.reserve(answer.rows.size());
      for (const hub::Row& row : answer.rows) rows.push_back({row.name, row.a, row.b, row.c});
      codec::append_rooms(body_, rows, next, answer.silent);
      break;
    }
    case Endpoint::members: {
      std::vector<codec::MemberRow> rows;
      rows.reserve(answer.rows.size());
      for (const hub::Row& row : answer.rows) rows.push_back({row.name, status_name(row.a), row.b});
      codec::append_members(body_, codec::Shape::answer, name, answer.count, rows);
      break;
    }
    case Endpoint::history: {
      std::vector<std::string_view> messages;
      messages.reserve(answer.rows.size());
      size_t bytes = 0;
      for (const hub::Row& row : answer.rows) {
        bytes += row.text.size();
        if (bytes > kHistoryBytesMax && !messages.empty()) break;
        messages.push_back(row.text);
      }
      const bool kept = answer.oldest != 0;
      codec::append_history(body_, codec::Shape::answer, name, messages,
                            kept ? std::optional(answer.oldest) : std::nullopt,
                            kept ? std::optional(answer.newest) : std::nullopt);
      break;
    }
    case Endpoint::users: {
      std::vector<codec::UserRow> rows;
      rows.reserve(answer.rows.size());
      for (const hub::Row& row : answer.rows) rows.push_back({row.name, true, status_name(row.a), row.b});
      codec::append_users(body_, rows, next, answer.silent);
      break;
    }
    case Endpoint::user: {
      const bool online = !answer.rows.empty();
      codec::append_user(
          body_, {name, online, online ? status_name(answer.rows[0].a) : "offline", online ? answer.rows[0].b : 0});
      break;
    }
    case Endpoint::connections: {
      json.begin_object().key("connections").begin_array();
      std::string id;
      for (const hub::Row& row : answer.rows) {
        id = row.id;
        if (id.empty()) {
          const ConnectionId connection{static_cast<uint32_t>(row.a), static_cast<uint32_t>(row.b)};
          clients_.append_name(id, hub::Address{static_cast<uint16_t>(row.c), connection});
        }
        json.begin_object().string("connection_id", id);
        if (!row.text.empty()) json.string("user", row.text);
        json.end_object();
      }
      json.end_array().key("next");
      next.empty() ? json.null() : json.string(next);
      if (answer.silent != 0) json.uint("silent_nodes", answer.silent);
      json.end_object();
      break;
    }
    case Endpoint::purge:
      if (!answer.found) return missing("room");
      json.begin_object().string("room", name).string("status", "purged").end_object();
      break;
    case Endpoint::close_room:
      if (!answer.found) return missing("room");
      json.begin_object().string("room", name).string("status", "closed").end_object();
      break;
    case Endpoint::disconnect_user:
      json.begin_object().string("user", name).uint("disconnected", affected(answer)).end_object();
      break;
    case Endpoint::disconnect:
      if (affected(answer) == 0 && answer.silent != 0) {
        return responder_.refuse(client, connection, 503, unavailable_error().code,
                                 "not all nodes have answered, so it is not known whether there is such a connection");
      }
      if (affected(answer) == 0) return missing("connection");
      json.begin_object().string("connection_id", name).uint("disconnected", affected(answer)).end_object();
      break;
    default:
      if (!answer.found) return missing("member");
      json.begin_object().string("room", name).string("user", current.partial);
      json.uint("removed", affected(answer)).end_object();
      break;
  }
  responder_.respond(client, connection, {200, kJson, body_});
}

void RoomsApi::revoke(Client& client, Connection& connection, const Request& request) {
  if (!guard_.tokens()) {
    return responder_.refuse(client, connection, 404, "not_found",
                             "there are no tokens here: no keys are set for them");
  }
  access::Authority& authority = *clients_.options().authority;
  const bool of_user = request.route.endpoint == Endpoint::revoke_user;
  const std::string& name = request.argument;
  if (of_user) {
    if (const auto checked = codec::check_user(name); !checked) {
      return responder_.refuse(client, connection, 400, checked.error().code, checked.error().message);
    }
  }
  const std::string& tenant = request.identity.tenant;
  const uint64_t now_s = clients_.reactor().wall_us() / 1'000'000;
  const bool added = of_user ? authority.revoke_user(tenant, name, now_s) : authority.revoke_id(name);
  if (!added) {
    return responder_.refuse(client, connection, 503, "revocations_full",
                             "there are as many revocations as there may be; see the setting revocations_max");
  }
  guard_.refresh();
  if (!clients_.hub().has_broker()) return answer_revoked(client, connection, of_user, name);
  hub::Query query{QueryKind::revoke};
  key_ = of_user ? hub::revocation_of_user(tenant, name) : hub::revocation_of_id(name);
  query.key = key_;
  query.after = of_user ? now_s : 0;  // of an id, whenever
  query.from = client.id;
  RequestState& current = responder_.state(client);
  current.endpoint = request.route.endpoint;
  current.name = name;
  query.correlation = flow_.await(client);
  clients_.hub().query(query);
}

void RoomsApi::answer_revoked(Client& client, Connection& connection, bool of_user, std::string_view name) {
  body_.clear();
  codec::JsonWriter json(body_);
  json.begin_object().string(of_user ? "user" : "token_id", name).string("status", "revoked").end_object();
  responder_.respond(client, connection, {200, kJson, body_});
}

}  // namespace ringcast::session
