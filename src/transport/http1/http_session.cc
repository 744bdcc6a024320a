// SPDX-License-Identifier: Apache-2.0
#include "transport/http1/http_session.h"

#include <algorithm>

#include "access/origin.h"
#include "api/request.h"
#include "api/static_files.h"
#include "client/admission.h"
#include "client/client_address.h"
#include "client/connection_log.h"
#include "client/decisions.h"
#include "codec/http1/http_response.h"
#include "codec/http1/http_syntax.h"
#include "codec/native/names.h"
#include "transport/gate.h"
#include "transport/http2/http2_transport.h"
#include "transport/transport.h"

namespace ringcast::session {

using codec::HttpMethod;
using codec::HttpParseStatus;
using reactor::CloseCause;
using reactor::Connection;

namespace {

constexpr size_t kIdleParsersMax = 64;
// What a client that sends a body has to keep to on average, as Apache's mod_reqtimeout has it.
constexpr int64_t kBodyBytesPerSecondMin = 500;

codec::HttpLimits http_limits_of(const SessionOptions& options) {
  return {options.request_line_max, options.headers_bytes_max, options.headers_max, options.body_max};
}

// Answers are made for as long as a tick has made no more than this and few wait to be sent.
constexpr size_t kAnswerBytesPerTick = 128 << 10;
constexpr size_t kAnswersWaitingMax = 4 * reactor::kAnswersPerTick;
// What counts before it is known: the answer may have to come from other cores.
constexpr size_t kAnswerBytesExpected = 16 << 10;

// Whose answer may be large.
constexpr bool is_bulk_endpoint(Endpoint endpoint) {
  switch (endpoint) {
    case Endpoint::rooms:
    case Endpoint::members:
    case Endpoint::history:
    case Endpoint::users:
    case Endpoint::connections:
    case Endpoint::stats:
    case Endpoint::stats_history:
    case Endpoint::metrics:
    case Endpoint::file: return true;
    default: return false;
  }
}

// Of an endpoint that opens a transport.
Kind kind_of(Endpoint endpoint) {
  if (endpoint == Endpoint::events) return Kind::sse;
  if (is_engine_io(endpoint)) return Kind::engine_io;
  return endpoint == Endpoint::poll ? Kind::poll : Kind::websocket;
}

// Without its answer the request has no effect.
bool only_asks(HttpMethod method, Endpoint endpoint) {
  if (endpoint == Endpoint::poll) return true;
  const bool reads = method == HttpMethod::get || method == HttpMethod::head;
  return reads && !is_stream_endpoint(endpoint) && !is_publish_endpoint(endpoint);
}

}  // namespace

HttpSession::HttpSession(Gate& gate)
    : gate_(gate),
      sign_in_(gate, gate.guard(), *this),
      limits_(gate, gate, gate.addresses(), gate.admission(), gate.meters(), *this),
      rooms_(gate, gate, gate.guard(), *this),
      messages_(gate, gate, gate.guard(), gate.decisions(), gate.encoder(), limits_, *this),
      statistics_(gate, gate, gate.guard(), *this) {
  parsers_.reserve(kIdleParsersMax);
}
HttpSession::~HttpSession() = default;

void HttpSession::begin(Client& client, Connection& connection) {
  client.kind = Kind::http;
  // Answers are bounded by limits of their own, and finish() stops reading before many of them pile up.
  connection.unlimited_output = true;
  gate_.reactor().arm_timer(connection, gate_.options().request_timeout);
}

RequestState& HttpSession::state(Client& client) {
  if (client.extra == nullptr) {
    auto state = std::make_unique<RequestState>();
    if (parsers_.empty()) {
      state->parser = std::make_unique<codec::HttpRequestParser>(http_limits_of(gate_.options()));
    } else {
      state->parser = std::move(parsers_.back());
      parsers_.pop_back();
      parsers_unused_ = std::min(parsers_unused_, parsers_.size());
    }
    client.extra = std::move(state);
  }
  return client.extra_as<RequestState>();
}

void HttpSession::keep_parser(RequestState& state) {
  if (state.parser == nullptr) return;
  // A parser made under limits that a reload has changed is not used again.
  if (parsers_.size() < kIdleParsersMax && gate_.options_epoch() == parsers_epoch_) {
    state.parser->reset();
    parsers_.push_back(std::move(state.parser));
  }
  state.parser.reset();
  if (gate_.options_epoch() != parsers_epoch_) {
    parsers_.clear();
    parsers_unused_ = 0;
    parsers_epoch_ = gate_.options_epoch();
  }
}

void HttpSession::trim() {
  for (; parsers_unused_ != 0; --parsers_unused_) parsers_.pop_back();
  parsers_unused_ = parsers_.size();
}

void HttpSession::release(Client& client) {
  if (client.extra == nullptr) return;
  keep_parser(client.extra_as<RequestState>());
  client.extra.reset();
}

size_t HttpSession::on_bytes(Client& client, Connection& connection, std::span<uint8_t> bytes) {
  if (StatisticsApi::is_stream(client)) return bytes.size();  // whatever is said behind the request is of no concern
  size_t used = 0;
  if (client.extra == nullptr && !client.between_requests && !client.carried && gate_.http2() != nullptr) {
    if (const size_t taken = begins_http2(client, connection, bytes); taken != 0) return taken;
    if (client.kind != Kind::http) return 0;
  }
  while (used < bytes.size()) {
    if (connection.closing || connection.dead) return bytes.size();
    if (client.extra == nullptr && client.between_requests) {
      // The time for a request runs from its first byte, so that trickling bytes gains nothing.
      client.between_requests = false;
      gate_.reactor().arm_timer(connection, gate_.options().request_timeout);
    }
    RequestState& current = state(client);
    codec::HttpRequestParser& parser = *current.parser;
    const codec::HttpParseResult result = parser.feed(bytes.subspan(used));
    used += result.consumed;
    switch (result.status) {
      case HttpParseStatus::need_more:
        if (parser.idle()) release(client);
        return bytes.size();
      case HttpParseStatus::headers_complete: {
        read_flags(client, parser.request());
        // Refused now, its body would have to be read to find the next request: the connection closes instead.
        const bool keep_alive = client.keep_alive;
        client.keep_alive = false;
        if (!check_head(client, connection, parser.request())) return bytes.size();
        client.keep_alive = keep_alive;
        current.body_since = gate_.reactor().now();
        gate_.reactor().arm_timer(connection, gate_.options().request_timeout);
        if (parser.request().expects_continue && !client.http10) {
          gate_.reactor().send_copy(connection, codec::kContinueResponse);
        }
        break;
      }
      case HttpParseStatus::complete:
        gate_.reactor().cancel_timer(connection);
        take_request(client, connection, used != bytes.size());
        if (client.kind != Kind::http || connection.pauses != 0 || client.waiting) return used;
        break;
      case HttpParseStatus::error: {
        const codec::HttpError error = parser.error();
        client.keep_alive = client.http10 = client.wants_stream = false;
        client.head_only = parser.request().method == HttpMethod::head;
        refuse(client, connection, error.status, error.code, error.message);
        return bytes.size();
      }
    }
  }
  return used;
}

// How much of HTTP/2's preface was kept, where it is too little to be sure; 0 with another kind: it was that. 0: go on.
size_t HttpSession::begins_http2(Client& client, Connection& connection, std::span<const uint8_t> bytes) {
  const std::string_view sure = Http2Transport::kPreface.substr(0, Http2Transport::kPrefaceSure);
  const std::string_view begun = sure.substr(0, client.preface);
  const std::string_view more(reinterpret_cast<const char*>(bytes.data()),
                              std::min(bytes.size(), sure.size() - begun.size()));
  if (sure.substr(begun.size(), more.size()) == more) {
    client.preface = static_cast<uint8_t>((begun.size() + more.size()) % sure.size());
    if (begun.size() + more.size() < sure.size()) return more.size();
    gate_.http2()->take(client, connection, begun);
    return 0;
  }
  if (begun.empty()) return 0;
  client.preface = 0;  // it was something else after all
  (void)state(client).parser->feed({reinterpret_cast<const uint8_t*>(begun.data()), begun.size()});
  return 0;
}

void HttpSession::read_flags(Client& client, const codec::HttpRequest& http) {
  client.keep_alive = http.keep_alive && !gate_.ending(gate_.connection(client));
  client.head_only = http.method == HttpMethod::head;
  client.http10 = http.version_minor == 0;
  client.wants_stream = false;
  // The user of an earlier request is not that of this one: a connection of a proxy serves many.
  client.who = Who();
}

// Who may not call, or calls what is not there, is refused before the body has been sent.
bool HttpSession::check_head(Client& client, Connection& connection, const codec::HttpRequest& http) {
  RequestState& current = state(client);
  current.checked = true;
  gate_.log().request(client, codec::to_string(http.method), http.path);
  if (const std::string_view origin = http.headers.find_or("Origin", ""); !origin.empty()) {
    current.origin = access::check_origin(origin, http.host, gate_.options().origins);
    if (current.origin == access::OriginVerdict::forbidden && access::is_host_of_page(origin, http.host) &&
        gate_.options().trusted_proxies.contains(gate_.addresses().peer(client))) {
      current.origin = access::OriginVerdict::same_host;  // the proxy has left the port out
    }
    // Before anything is refused: a listed page may read why.
    if (current.origin == access::OriginVerdict::listed) current.allow_origin = origin;
  }
  const Routes& routes = *gate_.shared().routes;
  const Routes::Asks asks{.offers_protocol = http.headers.has_token("Sec-WebSocket-Protocol", kNativeProtocol),
                          .upgrades = http.headers.has_token("Upgrade", "websocket")};
  std::string_view path = http.path;
  if (path.find('%') != std::string_view::npos) {
    current.path.clear();
    codec::append_normalized_escapes(current.path, path);
    path = current.path;
  }
  Routes::Match match = routes.match(http.method, path, http.query, asks);
  if (match.route == nullptr) {
    const bool reads = http.method == HttpMethod::get || http.method == HttpMethod::head;
    if (http.method == HttpMethod::options) {
      answer_options(client, connection, match.allow);
      return false;
    }
    if (!match.allow.empty()) {
      const std::string methods = match.allow + ", OPTIONS";  // which every path answers
      const codec::HttpHeader allow{"Allow", methods};
      refuse(client, connection, 405, "method_not_allowed",
             std::string(to_string(http.method)) + " is not for this path; there is " + match.allow, {&allow, 1});
      return false;
    }
    if (!reads) {
      refuse(client, connection, 404, "not_found", "there is nothing at this path");
      return false;
    }
    match.route = &routes.file_route();
  }
  if (!asks_for_this_host(client, connection, http, match.route->endpoint)) return false;
  current.match = std::move(match);
  client.route = current.match.route->index;
  return admit(client, connection, http, *current.match.route);
}

// A page that has had another name resolve to this address asks for that name (DNS rebinding). Who looks after the
// server may ask for the address itself.
bool HttpSession::asks_for_this_host(Client& client, Connection& connection, const codec::HttpRequest& http,
                                     Endpoint endpoint) {
  const std::vector<std::string>& hosts = gate_.options().hosts;
  if (hosts.empty() || http.host.empty() || connection.listener == kAdminListener) return true;
  if (endpoint == Endpoint::health || endpoint == Endpoint::ready || access::is_listed_host(http.host, hosts))
    return true;
  refuse(client, connection, 421, "misdirected",
         "this server is not " + codec::quoted(http.host, 100) + "; see the setting hosts");
  return false;
}

bool HttpSession::admit(Client& client, Connection& connection, const codec::HttpRequest& http, const Route& route) {
  const SessionOptions& options = gate_.options();
  client.wants_stream = route.endpoint == Endpoint::events &&
                        http.headers.find_or("Accept", "").find("text/event-stream") != std::string_view::npos;
  const bool status_is_open = route.access == Access::status && options.status_open;
  const bool from_any_page = route.access == Access::open || status_is_open;
  if (!from_any_page && state(client).origin == access::OriginVerdict::forbidden) {
    refuse(client, connection, 403, "forbidden_origin",
           "pages of " + codec::quoted(http.headers.find_or("Origin", ""), 100) +
               " may not use this server, which was asked for as " + codec::quoted(http.host, 100) +
               "; see the setting origins, and a proxy must pass on the Host of the page, with its port");
    return false;
  }
  if (!limits_.find_address(client, connection, http)) return false;
  if (client.over_address && !is_status_endpoint(route.endpoint)) {
    client.keep_alive = false;
    limits_.refuse(client, connection, {.allowed = false});
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
  if (!sign_in_.authenticate(client, connection, http, route)) return false;
  if (gate_.draining() && (is_stream_endpoint(route.endpoint) || is_publish_endpoint(route.endpoint))) {
    client.keep_alive = false;
    refuse(client, connection, 503, "draining", "this server is about to stop");
    return false;
  }
  return true;
}

void HttpSession::take_request(Client& client, Connection& connection, bool pipelined) {
  RequestState& current = state(client);
  const codec::HttpRequest& http = current.parser->request();
  if (!current.checked) {
    read_flags(client, http);
    if (!check_head(client, connection, http)) return;
  }
  // What a client did before its connection failed counts; what it only asked for would be made for nobody.
  if (connection.peer_gone && !Gate::can_answer(connection) && only_asks(http.method, current.match.route->endpoint)) {
    release(client);
    client.between_requests = true;
    return gate_.reactor().arm_timer(connection, gate_.options().keep_alive_timeout);
  }
  const Endpoint endpoint = current.match.route->endpoint;
  // Who waits for a message has asked for nothing else behind it.
  if (is_bulk_endpoint(endpoint) || (endpoint == Endpoint::poll && pipelined)) {
    if (!in_line_.empty() || !may_answer()) {
      gate_.await(client);
      return in_line_.push_back(client.id);
    }
    made_bytes_ += kAnswerBytesExpected;
  }
  dispatch(client, connection);
}

bool HttpSession::may_answer() const {
  return made_bytes_ < kAnswerBytesPerTick && gate_.reactor().answers_waiting() < kAnswersWaitingMax;
}

void HttpSession::serve_line() {
  for (; !in_line_.empty() && may_answer(); in_line_.pop_front()) {
    Client* const client = gate_.find(in_line_.front());
    if (client == nullptr || client->kind != Kind::http || client->extra == nullptr || !client->waiting) continue;
    gate_.proceed(*client);
    made_bytes_ += kAnswerBytesExpected;
    dispatch(*client, gate_.connection(*client));
  }
}

void HttpSession::dispatch(Client& client, Connection& connection) {
  RequestState& current = state(client);
  const codec::HttpRequest& http = current.parser->request();
  const Routes::Match match = std::move(current.match);
  Request request{http, *match.route};
  request.identity = std::move(current.identity);
  request.denial = std::move(current.denial);
  request.query = std::move(current.query);
  if (!read_names(client, connection, request, match)) return;
  const Endpoint endpoint = request.route.endpoint;
  const bool opens = is_stream_endpoint(endpoint);
  // A session of Engine.IO has been let in with its handshake, and knows itself what is said in it.
  const bool goes_on = is_engine_io(endpoint) && request.query.get("sid").has_value();
  if (goes_on) return hand_over(client, connection, request);
  // What is published is known only when the body has been read: MessagesApi asks for it.
  const bool asked_later = is_publish_endpoint(endpoint);
  if (!current.judged && !asked_later && !is_status_endpoint(endpoint) && endpoint != Endpoint::file) {
    const access::Question cost{.connects = opens ? 1u : 0u, .messages = opens ? 0u : 1u};
    const bool apart = is_engine_io(endpoint) && request.query.get("transport") == "polling";
    if (limits_.ask(client, request.identity, cost, apart)) {
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
  if (!codec::append_percent_decoded(request.path, request.http.path) ||
      !codec::append_percent_decoded(request.argument, match.first)) {
    refuse(client, connection, 400, "bad_path", "the path has a bad percent-escape or is not UTF-8");
    return false;
  }
  if (request.route.endpoint == Endpoint::file) return true;
  if (const auto named = sign_in_.name(request); !named) {
    const uint16_t status = named.error().code == "unauthorized" ? 401 : 400;
    return refuse(client, connection, status, named.error().code, named.error().message), false;
  }
  return true;
}

// --- what others decide (hooks.h), and limits: the request stays in its parser until the answer has come ---

HttpSession::Entry HttpSession::ask_to_connect(Client& client, Connection& connection, Request& request) {
  RequestState& current = state(client);
  Hooks& hooks = *gate_.hooks();
  if (!current.decision) {
    if (!hooks.wants(HookEvent::connect, {})) return Entry::open;
    std::string name, address;
    gate_.append_name(name, client);
    if (const auto from = gate_.addresses().of_request(client, request.http.headers); from && from->is_set()) {
      address = from->to_string();
    }
    const Ticket ticket = gate_.decisions().open(Decisions::About::connect, client.id);
    const HookClient asked{.connection = name,
                           .user = request.identity.user,
                           .tenant = request.identity.tenant,
                           .transport = to_string(gate_.transport(kind_of(request.route.endpoint)).kind()),
                           .address = address};
    current.decision =
        hooks.decide_connect(asked, {request.http.target, request.http.headers}, gate_.reactor().wall_us(), ticket);
    if (!current.decision) {
      current.ticket = ticket.number;
      gate_.await(client);
      return Entry::waiting;
    }
    gate_.decisions().close(ticket);
  }
  HookDecision decision = *std::move(current.decision);
  current.decision.reset();
  if (gate_.draining()) {
    client.keep_alive = false;
    refuse(client, connection, 503, "draining", "this server is about to stop");
    return Entry::refused;
  }
  if (!decision.allow) {
    complete_refusal(decision, "this connection");
    // A browser learns nothing from a failed upgrade: it gets its WebSocket, and that says why.
    if (request.route.endpoint == Endpoint::websocket) {
      request.refusal = std::move(decision);
      return Entry::open;
    }
    refuse(client, connection, decision.passing ? 503 : 403, decision.code, decision.reason);
    return Entry::refused;
  }
  if (decision.user)
    request.identity.user = codec::is_anonymous(*decision.user) ? codec::kAnonymousUser : *decision.user;
  if (decision.tenant) request.identity.tenant = *std::move(decision.tenant);
  request.rooms = std::move(decision.rooms);
  return Entry::open;
}

void HttpSession::on_decided(Client& client, Connection& connection, uint64_t ticket, HookDecision decision) {
  if (client.extra == nullptr) return;
  RequestState& current = client.extra_as<RequestState>();
  if (current.publish != nullptr) {
    PublishProgress& progress = *current.publish;
    if (progress.ticket != ticket) return;
    progress.ticket = 0;
    progress.decision = std::move(decision);
    return messages_.go_on(client, connection);
  }
  if (current.ticket != ticket) return;
  current.ticket = 0;
  current.decision = std::move(decision);
  gate_.proceed(client);
  dispatch(client, connection);
}

void HttpSession::forget_question(Client& client) {
  RequestState& current = state(client);
  gate_.decisions().close({gate_.core(), current.ticket});
  current.ticket = 0;
  gate_.proceed(client);
}

void HttpSession::on_judged(Client& client, Connection& connection, const Judgement& judgement) {
  if (client.kind != Kind::http || !client.waiting) return;
  RequestState& current = state(client);
  if (!judgement.allowed) {
    current.publish.reset();
    gate_.proceed(client);
    return limits_.refuse(client, connection, judgement);
  }
  if (current.publish != nullptr) return messages_.go_on(client, connection);
  gate_.proceed(client);
  current.judged = true;
  const bool opens = is_stream_endpoint(current.match.route->endpoint);
  if (opens && gate_.draining()) {
    client.keep_alive = false;
    return refuse(client, connection, 503, "draining", "this server is about to stop");
  }
  dispatch(client, connection);
}

// --- transports ---

void HttpSession::hand_over(Client& client, Connection& connection, const Request& request) {
  if (!gate_.take_place(client)) {
    client.keep_alive = false;
    if (client.standing) gate_.admission().release_request(client.id);
    return refuse(client, connection, 503, "full", "this route has as many connections as it may have");
  }
  // The request is looked at while the new session already keeps its own state in client.extra.
  std::unique_ptr<Extra> held = std::move(client.extra);
  RequestState& current = static_cast<RequestState&>(*held);
  handing_over_ = &current;
  gate_.transport(kind_of(request.route.endpoint)).open(client, connection, request);
  handing_over_ = nullptr;
  if (client.kind == Kind::websocket) limits_.meter(client, request.identity, current.address);
  if (client.kind == Kind::http && client.standing) gate_.admission().release_request(client.id);
  if (client.kind == Kind::http) gate_.give_place(client);
  keep_parser(current);
  if (client.kind != Kind::http && client.extra != nullptr && gate_.transport(client.kind).goes_back(client)) {
    client.extra->below = std::move(held);
  }
}

void HttpSession::take_back(Client& client) {
  client.kind = Kind::http;
  if (client.standing) gate_.admission().release_request(client.id);
  std::unique_ptr<Extra> below = client.extra == nullptr ? nullptr : std::move(client.extra->below);
  client.extra = std::move(below);
}

IpAddress HttpSession::address_of(const Client& client) const {
  const Extra* const own = client.kind == Kind::http ? client.extra.get() : nullptr;
  const RequestState* const current = handing_over_ != nullptr ? handing_over_ : static_cast<const RequestState*>(own);
  return current != nullptr && current->address.is_set() ? current->address : gate_.addresses().peer(client);
}

std::string_view HttpSession::allow_origin(const Client& client) const {
  if (handing_over_ != nullptr) return handing_over_->allow_origin;
  if (client.kind != Kind::http || client.extra == nullptr) return {};
  return static_cast<const RequestState&>(*client.extra).allow_origin;
}

void HttpSession::serve(Client& client, Connection& connection, Request& request, std::string_view second) {
  switch (request.route.endpoint) {
    case Endpoint::messages:
    case Endpoint::send: return messages_.begin(client, connection, request);
    case Endpoint::online: return statistics_.answer_online(client, connection);
    case Endpoint::stats:
    case Endpoint::broker_stats: return statistics_.ask(client, request);
    case Endpoint::stats_stream: return statistics_.open_stream(client, connection, request);
    case Endpoint::stats_history: return statistics_.answer_history(client, connection);
    case Endpoint::metrics: return statistics_.answer_metrics(client, connection);
    case Endpoint::health:
    case Endpoint::ready: return statistics_.answer_status(client, connection, request);
    case Endpoint::file: return serve_file(client, connection, request);
    case Endpoint::revoke_user:
    case Endpoint::revoke_token: return rooms_.revoke(client, connection, request);
    default: return rooms_.ask(client, connection, request, second);
  }
}

void HttpSession::on_answer(Client& client, Connection& connection, const hub::Answer& answer) {
  if (!client.waiting || client.extra == nullptr) return;
  RequestState& current = client.extra_as<RequestState>();
  if (current.publish != nullptr) return messages_.on_answer(client, connection, answer);
  if (answer.correlation != client.correlation) return;
  if (statistics_.on_answer(client, connection, answer)) return;
  gate_.proceed(client);
  rooms_.on_answer(client, connection, answer);
}

void HttpSession::on_peer_gone(Client& client, Connection& connection) {
  if (!Gate::can_answer(connection)) return gate_.close_now(client, connection.close_cause);
  if (StatisticsApi::is_stream(client)) return statistics_.end_stream(client, connection, CloseCause::peer_closed);
  const RequestState* current = client.extra == nullptr ? nullptr : &client.extra_as<RequestState>();
  const bool begun = client.preface != 0 || (current != nullptr && current->parser->begun());
  if (!begun) return gate_.close_gently(client, CloseCause::peer_closed);
  client.keep_alive = client.wants_stream = false;
  client.head_only = current != nullptr && current->parser->request().method == HttpMethod::head;
  refuse(client, connection, 400, "incomplete_request", "the connection ended before the request did");
}

void HttpSession::on_tick() {
  for (size_t i = 0; i < continuing_.size(); ++i) {
    Client* client = gate_.find(continuing_[i]);
    if (client == nullptr || client->kind != Kind::http || client->extra == nullptr) continue;
    const RequestState& current = client->extra_as<RequestState>();
    if (current.publish != nullptr) {
      messages_.go_on(*client, gate_.connection(*client));
    } else if (current.endpoint == Endpoint::stats && client->waiting) {
      statistics_.go_on(*client);
    }
  }
  continuing_.clear();
  serve_line();
}

void HttpSession::on_drained(Client& client, Connection& connection) {
  gate_.reactor().resume_reading(connection, reactor::PauseReason::slow_output);
  gate_.read_on(client);
}

void HttpSession::on_timer(Client& client, Connection& connection) {
  if (StatisticsApi::is_stream(client)) return statistics_.on_timer(client);
  if (client.preface != 0 || (client.extra != nullptr && !client.waiting)) {
    const io::Nanoseconds left =
        client.extra != nullptr ? body_time_left(client.extra_as<RequestState>()) : io::Nanoseconds::zero();
    if (left > io::Nanoseconds::zero()) return gate_.reactor().arm_timer(connection, left);
    client.keep_alive = false;
    return refuse(client, connection, 408, "request_timeout", "the request was not complete in time");
  }
  // Idle is who has got the last answer and asks nothing more.
  if (client.between_requests && gate_.reactor().still_reading(connection, gate_.options().keep_alive_timeout)) {
    return gate_.reactor().arm_timer(connection, gate_.options().keep_alive_timeout);
  }
  gate_.close_gently(client, client.between_requests ? CloseCause::idle_timeout : CloseCause::request_timeout);
}

// A head has request_timeout in all, a body has it anew and more for what has come of it: a slow network takes its
// time, and a client that trickles does not.
io::Nanoseconds HttpSession::body_time_left(const RequestState& current) const {
  if (current.body_since.count() == 0 || current.parser == nullptr) return io::Nanoseconds::zero();
  const uint64_t received = current.parser->body_received() + current.held_bytes;
  const auto earned = std::chrono::nanoseconds(std::chrono::seconds(1)) * received / kBodyBytesPerSecondMin;
  return current.body_since + gate_.options().request_timeout + earned - gate_.reactor().now();
}

void HttpSession::drain(Client& client, Connection& connection) {
  if (StatisticsApi::is_stream(client)) return statistics_.end_stream(client, connection, CloseCause::drained);
  client.keep_alive = false;
  if (client.waiting && client.extra != nullptr && client.extra_as<RequestState>().ticket != 0) {
    forget_question(client);
    return refuse(client, connection, 503, "draining", "this server is about to stop");
  }
  const bool busy = client.waiting || client.stalled || client.extra != nullptr || client.has_buffered_input;
  if (busy) return;
  if (client.between_requests) return gate_.close_gently(client, CloseCause::drained);
  // Its first request may be under way, and is worth an answer.
  const SessionOptions& options = gate_.options();
  gate_.reactor().arm_timer(connection, std::min(options.request_timeout, options.close_timeout));
}

void HttpSession::on_slow(Client& client, Connection& connection, CloseCause cause) {
  gate_.log().slow(client, cause, connection.outbox.bytes());
  gate_.close_now(client, cause, io::CloseMode::reset);
}

void HttpSession::on_closed(Client& client, CloseCause) {
  release(client);
}

}  // namespace ringcast::session
