// SPDX-License-Identifier: Apache-2.0
#include "session/http_session.h"

#include <algorithm>

#include "session/admission.h"
#include "session/gate.h"
#include "session/origin.h"
#include "session/poll_session.h"
#include "session/request.h"
#include "session/sse_session.h"
#include "session/static_files.h"
#include "session/websocket_session.h"
#include "wire/http_response.h"
#include "wire/http_syntax.h"
#include "wire/names.h"

namespace ringcast::session {

using runtime::CloseCause;
using runtime::Connection;
using wire::HttpMethod;
using wire::HttpParseStatus;

namespace {

constexpr size_t kIdleParsersMax = 64;

wire::HttpLimits http_limits_of(const SessionOptions& options) {
  return {options.request_line_max, options.headers_bytes_max, options.headers_max, options.body_max};
}

}  // namespace

HttpSession::HttpSession(Gate& gate) : gate_(gate) {
  parsers_.reserve(kIdleParsersMax);
}
HttpSession::~HttpSession() = default;

void HttpSession::begin(Client& client, Connection& connection) {
  client.kind = Kind::http;
  // Answers are bounded by limits of their own, and finish() stops reading before many of them pile up.
  connection.unlimited_output = true;
  gate_.reactor().arm_timer(connection, gate_.options().request_timeout);
}

HttpState& HttpSession::state(Client& client) {
  if (client.extra == nullptr) {
    auto state = std::make_unique<HttpState>();
    if (parsers_.empty()) {
      state->parser = std::make_unique<wire::HttpRequestParser>(http_limits_of(gate_.options()));
    } else {
      state->parser = std::move(parsers_.back());
      parsers_.pop_back();
    }
    client.extra = std::move(state);
  }
  return client.extra_as<HttpState>();
}

void HttpSession::keep_parser(HttpState& state) {
  if (state.parser == nullptr) return;
  // A parser made under limits that a reload has changed is not used again.
  if (parsers_.size() < kIdleParsersMax && gate_.options_epoch() == parsers_epoch_) {
    state.parser->reset();
    parsers_.push_back(std::move(state.parser));
  }
  state.parser.reset();
  if (gate_.options_epoch() != parsers_epoch_) {
    parsers_.clear();
    parsers_epoch_ = gate_.options_epoch();
  }
}

void HttpSession::release(Client& client) {
  if (client.extra == nullptr) return;
  keep_parser(client.extra_as<HttpState>());
  client.extra.reset();
}

size_t HttpSession::on_bytes(Client& client, Connection& connection, std::span<uint8_t> bytes) {
  if (streams_stats(client)) return bytes.size();  // whatever is said behind the request is of no concern
  size_t used = 0;
  while (used < bytes.size()) {
    if (connection.closing || connection.dead) return bytes.size();
    if (client.extra == nullptr && client.between_requests) {
      // The time for a request runs from its first byte, so that trickling bytes gains nothing.
      client.between_requests = false;
      gate_.reactor().arm_timer(connection, gate_.options().request_timeout);
    }
    HttpState& current = state(client);
    wire::HttpRequestParser& parser = *current.parser;
    const wire::HttpParseResult result = parser.feed(bytes.subspan(used));
    used += result.consumed;
    switch (result.status) {
      case HttpParseStatus::need_more:
        if (parser.idle()) release(client);
        return bytes.size();
      case HttpParseStatus::headers_complete:
        read_flags(client, parser.request());
        if (!check_head(client, connection, parser.request())) return bytes.size();
        if (parser.request().expects_continue && !client.http10) {
          gate_.reactor().send_copy(connection, wire::kContinueResponse);
        }
        break;
      case HttpParseStatus::complete:
        gate_.reactor().cancel_timer(connection);
        dispatch(client, connection);
        if (client.kind != Kind::http || connection.pauses != 0 || client.waiting) return used;
        break;
      case HttpParseStatus::error: {
        const wire::HttpError error = parser.error();
        client.keep_alive = client.head_only = client.http10 = client.wants_stream = false;
        refuse(client, connection, error.status, error.code, error.message);
        return bytes.size();
      }
    }
  }
  return used;
}

void HttpSession::read_flags(Client& client, const wire::HttpRequest& http) {
  client.keep_alive = http.keep_alive && !gate_.ending(gate_.connection(client));
  client.head_only = http.method == HttpMethod::head;
  client.http10 = http.version_minor == 0;
  client.wants_stream = false;
}

// Who may not call, or calls what is not there, is told before the body has been sent.
bool HttpSession::check_head(Client& client, Connection& connection, const wire::HttpRequest& http) {
  HttpState& current = state(client);
  current.checked = true;
  if (const std::string_view origin = http.headers.find_or("Origin", ""); !origin.empty()) {
    current.origin = check_origin(origin, http.host, gate_.options().origins);
    // Before anything is refused: a listed page may read why.
    if (current.origin == OriginVerdict::listed) current.allow_origin = origin;
  }
  const Routes& routes = *gate_.shared().routes;
  const bool offers_protocol = http.headers.has_token("Sec-WebSocket-Protocol", kNativeProtocol);
  Routes::Match match = routes.match(http.method, http.path, http.query, offers_protocol);
  if (match.route == nullptr) {
    const bool reads = http.method == HttpMethod::get || http.method == HttpMethod::head;
    if (http.method == HttpMethod::options) {
      answer_options(client, connection, http, match.allow);
      return false;
    }
    if (!match.allow.empty()) {
      const wire::HttpHeader allow{"Allow", match.allow};
      client.keep_alive = client.keep_alive && http.content_length == 0 && !http.chunked;
      refuse(client, connection, 405, "method_not_allowed",
             std::string(to_string(http.method)) + " is not for this path; there is " + match.allow, {&allow, 1});
      return false;
    }
    if (!reads) {
      client.keep_alive = client.keep_alive && http.content_length == 0 && !http.chunked;
      refuse(client, connection, 404, "not_found", "there is nothing at this path");
      return false;
    }
    match.route = &routes.file_route();
  }
  if (!asks_for_this_host(client, connection, http, match.route->endpoint)) return false;
  current.match = std::move(match);
  client.route = current.match.route->index;
  const bool body_to_come = !client.head_only && (http.content_length != 0 || http.chunked);
  const bool keep_alive = client.keep_alive;
  if (body_to_come) client.keep_alive = false;  // where the next request begins would have to be read first
  if (!admit(client, connection, http, *current.match.route)) return false;
  client.keep_alive = keep_alive;
  return true;
}

// A page that has had another name resolve to this address asks for that name (DNS rebinding). Who looks after the
// server may ask for the address itself.
bool HttpSession::asks_for_this_host(Client& client, Connection& connection, const wire::HttpRequest& http,
                                     Endpoint endpoint) {
  const std::vector<std::string>& hosts = gate_.options().hosts;
  if (hosts.empty() || http.host.empty() || connection.listener == kAdminListener) return true;
  if (endpoint == Endpoint::health || endpoint == Endpoint::ready || is_listed_host(http.host, hosts)) return true;
  client.keep_alive = client.keep_alive && http.content_length == 0 && !http.chunked;
  refuse(client, connection, 421, "misdirected",
         "this server is not " + wire::quoted(http.host, 100) + "; see the setting hosts");
  return false;
}

bool HttpSession::admit(Client& client, Connection& connection, const wire::HttpRequest& http, const Route& route) {
  const SessionOptions& options = gate_.options();
  client.wants_stream = route.endpoint == Endpoint::events &&
                        http.headers.find_or("Accept", "").find("text/event-stream") != std::string_view::npos;
  const bool status_is_open = route.access == Access::status && options.status_open;
  const bool from_any_page = route.access == Access::open || status_is_open;
  if (!from_any_page && state(client).origin == OriginVerdict::forbidden) {
    refuse(client, connection, 403, "forbidden_origin",
           "pages of " + wire::quoted(http.headers.find_or("Origin", ""), 100) +
               " may not use this server; see the setting origins");
    return false;
  }
  if (!find_address(client, connection, http)) return false;
  if (client.over_address && !is_status_endpoint(route.endpoint)) {
    client.keep_alive = false;
    refuse_limit(client, connection, {.allowed = false});
    return false;
  }
  if (client.over_limit && !is_status_endpoint(route.endpoint)) {
    client.keep_alive = false;
    refuse(client, connection, 503, "full", "this server has as many connections as it may have");
    return false;
  }
  // Where the server calls have an address of their own, nothing here says that they exist.
  if (options.admin_apart && route.access == Access::key && connection.listener != kAdminListener) {
    refuse(client, connection, 404, "not_found", "there is nothing at this path");
    return false;
  }
  if (!authenticate(client, connection, http, route)) return false;
  if (gate_.draining() && (is_stream_endpoint(route.endpoint) || is_publish_endpoint(route.endpoint))) {
    client.keep_alive = false;
    refuse(client, connection, 503, "draining", "this server is about to stop");
    return false;
  }
  return true;
}

void HttpSession::dispatch(Client& client, Connection& connection) {
  HttpState& current = state(client);
  const wire::HttpRequest& http = current.parser->request();
  if (!current.checked) {
    read_flags(client, http);
    if (!check_head(client, connection, http)) return;
  }
  const Routes::Match match = std::move(current.match);
  Request request{http, *match.route};
  request.identity = std::move(current.identity);
  request.denial = std::move(current.denial);
  request.query = std::move(current.query);
  if (!read_names(client, connection, request, match)) return;
  const Endpoint endpoint = request.route.endpoint;
  const bool opens = is_stream_endpoint(endpoint);
  // What is published is known only when the body has been read: rest_messages.cc asks for it.
  const bool asked_later = is_publish_endpoint(endpoint);
  if (!current.judged && !asked_later && !is_status_endpoint(endpoint) && endpoint != Endpoint::file) {
    const auth::Question cost{.connects = opens ? 1u : 0u, .messages = opens ? 0u : 1u};
    if (ask_limits(client, request.identity, cost)) {
      current.match = match;
      current.identity = std::move(request.identity);
      current.denial = std::move(request.denial);
      current.query = std::move(request.query);
      return;
    }
  }
  if (gate_.hooks() != nullptr && opens && endpoint != Endpoint::echo && !request.denial) {
    const Entry entry = ask_to_connect(client, connection, request);
    if (entry == Entry::waiting) {
      current.match = match;
      current.identity = std::move(request.identity);
      current.query = std::move(request.query);
    }
    if (entry != Entry::open) return;
  }
  if (opens) return hand_over(client, connection, request);
  serve(client, connection, request, match.second);
}

bool HttpSession::read_names(Client& client, Connection& connection, Request& request, const Routes::Match& match) {
  request.accepts_stream = client.wants_stream;
  if (!wire::append_percent_decoded(request.path, request.http.path) ||
      !wire::append_percent_decoded(request.argument, match.first)) {
    refuse(client, connection, 400, "bad_path", "the path has a bad percent-escape or is not UTF-8");
    return false;
  }
  if (request.route.endpoint == Endpoint::file) return true;
  if (const auto named = name(request); !named) {
    const uint16_t status = named.error().code == "unauthorized" ? 401 : 400;
    return refuse(client, connection, status, named.error().code, named.error().message), false;
  }
  return true;
}

void HttpSession::hand_over(Client& client, Connection& connection, const Request& request) {
  if (!gate_.take_place(client)) {
    client.keep_alive = false;
    if (client.standing) gate_.admission().release_request(client.id);
    return refuse(client, connection, 503, "full", "this route has as many connections as it may have");
  }
  // The request is looked at while the new session already keeps its own state in client.extra.
  std::unique_ptr<Extra> held = std::move(client.extra);
  HttpState& current = static_cast<HttpState&>(*held);
  handing_over_ = &current;
  switch (request.route.endpoint) {
    case Endpoint::websocket:
    case Endpoint::echo: gate_.websocket().open(client, connection, request); break;
    case Endpoint::events: gate_.sse().open(client, connection, request); break;
    default: gate_.poll().open(client, connection, request); break;
  }
  handing_over_ = nullptr;
  if (client.kind == Kind::websocket) meter(client, request.identity, current.address);
  if (client.kind == Kind::http && client.standing) gate_.admission().release_request(client.id);
  if (client.kind == Kind::http) gate_.give_place(client);
  keep_parser(current);
  if (client.kind == Kind::poll && client.extra != nullptr) client.extra->below = std::move(held);
}

void HttpSession::take_back(Client& client) {
  client.kind = Kind::http;
  if (client.standing) gate_.admission().release_request(client.id);
  std::unique_ptr<Extra> below = client.extra == nullptr ? nullptr : std::move(client.extra->below);
  client.extra = std::move(below);
}

std::string_view HttpSession::allow_origin(const Client& client) const {
  if (handing_over_ != nullptr) return handing_over_->allow_origin;
  if (client.kind != Kind::http || client.extra == nullptr) return {};
  return static_cast<const HttpState&>(*client.extra).allow_origin;
}

void HttpSession::serve(Client& client, Connection& connection, Request& request, std::string_view second) {
  switch (request.route.endpoint) {
    case Endpoint::messages:
    case Endpoint::send: return begin_publish(client, connection, request);
    case Endpoint::online: return answer_online(client, connection);
    case Endpoint::stats:
    case Endpoint::broker_stats: return ask_stats(client, request.identity.tenant, request.route.endpoint);
    case Endpoint::stats_stream: return open_stats_stream(client, connection, request);
    case Endpoint::metrics: return answer_metrics(client, connection);
    case Endpoint::health:
    case Endpoint::ready: return answer_status(client, connection, request);
    case Endpoint::file: return serve_file(client, connection, request);
    case Endpoint::revoke_user:
    case Endpoint::revoke_token: return revoke(client, connection, request);
    default: return ask(client, connection, request, second);
  }
}

void HttpSession::on_answer(Client& client, Connection& connection, const hub::Answer& answer) {
  if (!client.waiting || client.extra == nullptr) return;
  HttpState& current = client.extra_as<HttpState>();
  if (current.publish != nullptr) return take_delivery(client, connection, answer);
  if (answer.correlation != client.correlation) return;
  if (current.endpoint == Endpoint::broker_stats) return answer_broker_stats(client, connection, answer);
  if (current.endpoint == Endpoint::stats) return answer_stats(client, connection, answer);
  gate_.proceed(client);
  answer_rooms(client, connection, answer);
}

void HttpSession::on_peer_gone(Client& client, Connection& connection, io::CloseReason reason) {
  // After a FIN the client may still be reading: what it asked for is answered first.
  if (reason != io::CloseReason::peer_closed || streams_stats(client)) {
    return gate_.close_now(client, connection.close_cause);
  }
  client.peer_done = true;
  const bool busy = client.waiting || client.stalled || client.has_stash;
  if (!busy) gate_.close_gently(client, CloseCause::peer_closed);
}

void HttpSession::on_tick() {
  for (size_t i = 0; i < continuing_.size(); ++i) {
    Client* client = gate_.find(continuing_[i]);
    if (client == nullptr || client->kind != Kind::http || client->extra == nullptr) continue;
    const HttpState& current = client->extra_as<HttpState>();
    if (current.publish != nullptr) {
      on_credit(*client, gate_.connection(*client));
    } else if (current.endpoint == Endpoint::stats && client->waiting) {
      ask_position(*client);
    }
  }
  continuing_.clear();
}

void HttpSession::on_drained(Client& client, Connection& connection) {
  gate_.reactor().resume_reading(connection, runtime::PauseReason::slow_output);
  gate_.read_on(client);
}

void HttpSession::on_timer(Client& client, Connection& connection) {
  if (streams_stats(client)) {
    if (!client.waiting) ask_stats(client, client.extra_as<HttpState>().name);
    return;
  }
  if (client.extra != nullptr && !client.waiting) {
    client.keep_alive = false;
    return refuse(client, connection, 408, "request_timeout", "the request was not complete in time");
  }
  gate_.close_gently(client, client.between_requests ? CloseCause::idle_timeout : CloseCause::request_timeout);
}

void HttpSession::drain(Client& client, Connection& connection) {
  if (streams_stats(client)) return end_stats_stream(client, connection);
  client.keep_alive = false;
  if (client.waiting && client.extra != nullptr && client.extra_as<HttpState>().ticket != 0) {
    forget_question(client);
    return refuse(client, connection, 503, "draining", "this server is about to stop");
  }
  const bool busy = client.waiting || client.stalled || client.extra != nullptr || client.has_stash;
  if (busy) return;
  if (client.between_requests) return gate_.close_gently(client, CloseCause::drained);
  // Its first request may be under way, and is worth an answer.
  const SessionOptions& options = gate_.options();
  gate_.reactor().arm_timer(connection, std::min(options.request_timeout, options.close_timeout));
}

void HttpSession::on_closed(Client& client) {
  release(client);
}

}  // namespace ringcast::session
