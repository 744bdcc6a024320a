// SPDX-License-Identifier: Apache-2.0
// HttpSession: how requests are answered, and what happens to the connection then.

#include <algorithm>

#include "session/connection_log.h"
#include "session/gate.h"
#include "session/http_session.h"
#include "session/origin.h"
#include "session/request.h"
#include "session/sse_session.h"
#include "session/static_files.h"
#include "wire/http_response.h"

namespace ringcast::session {

using runtime::CloseCause;
using runtime::Connection;
using wire::HttpHeader;

namespace {

// A client that pipelines without reading is not read from while more than this waits for it.
constexpr uint32_t kAnswersUnsentMax = 16 << 10;

// A page may load and talk to this host only; nothing inline, nobody may frame it.
constexpr std::string_view kContentSecurityPolicy =
    "default-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'";

// What pages send: credentials, bodies, cursors; what EventSource polyfills and libraries over fetch() add of their
// own; and what traces carry.
constexpr std::string_view kPreflightHeaders =
    "Accept, Authorization, Baggage, Cache-Control, Content-Type, Last-Event-ID, Pragma, Sentry-Trace, Traceparent, "
    "Tracestate, X-API-Key, X-Request-ID, X-Requested-With";

CloseCause cause_of(uint16_t status) {
  if (status == 408) return CloseCause::request_timeout;
  if (status == 503 || status == 429 || status == 401 || status == 403) return CloseCause::refused;
  return status >= 400 ? CloseCause::bad_request : CloseCause::done;
}

}  // namespace

void HttpSession::append_cors(std::vector<HttpHeader>& headers, const Client& client) const {
  // Also where nothing is allowed: a cache must not give one page's answer to another.
  if (!gate_.options().origins.empty()) headers.push_back({"Vary", "Origin"});
  const std::string_view allowed = allow_origin(client);
  if (allowed.empty()) return;
  headers.push_back({"Access-Control-Allow-Origin", allowed});
  if (gate_.options().cors_credentials) headers.push_back({"Access-Control-Allow-Credentials", "true"});
  headers.push_back({"Access-Control-Expose-Headers", "Retry-After"});
}

void HttpSession::respond(Client& client, Connection& connection, const HttpAnswer& answer) {
  if (connection.dead || connection.closing) return;
  headers_.assign(answer.headers.begin(), answer.headers.end());
  if (!answer.cacheable) headers_.push_back({"Cache-Control", "no-store"});
  append_cors(headers_, client);
  wire::HttpResponseHead head;
  head.status = answer.status;
  head.framing = answer.status == 204 || answer.status == 304 ? wire::BodyFraming::none : wire::BodyFraming::sized;
  head.keep_alive = client.keep_alive;
  head.version_minor = client.http10 ? 0 : 1;
  head.content_type = answer.content_type;
  head.date = gate_.http_date();
  head.headers = headers_;
  out_.clear();
  wire::append_response(out_, head, answer.body, client.head_only);
  send_and_finish(client, connection, answer.status);
}

void HttpSession::respond_raw(Client& client, Connection& connection, uint16_t status, std::string_view response) {
  if (connection.dead || connection.closing) return;
  out_ = response;
  send_and_finish(client, connection, status);
}

void HttpSession::refuse(Client& client, Connection& connection, uint16_t status, std::string_view code,
                         std::string_view message, std::span<const HttpHeader> headers, milliseconds after) {
  if (connection.dead || connection.closing) return;
  gate_.log().refused(client, status, code, message);
  const ErrorCount count = code == "draining" ? ErrorCount::draining : error_count_of(status);
  gate_.stats().error(count).add();
  const bool passing = status == 503 || status == 429;
  if (passing && client.wants_stream && !client.head_only) {
    gate_.stats().requests[2].add();
    return gate_.sse().refuse(client, connection, code, message, after);
  }
  headers_.assign(headers.begin(), headers.end());
  std::string seconds;
  if (passing) {
    after = std::max(after, gate_.jittered(client, gate_.options().retry_after, 50));
    seconds = std::to_string(std::max<int64_t>(1, (after.count() + 999) / 1000));
    headers_.push_back({"Retry-After", seconds});
  }
  headers_.push_back({"Cache-Control", "no-store"});
  append_cors(headers_, client);
  wire::HttpResponseHead head;
  head.keep_alive = client.keep_alive;
  head.version_minor = client.http10 ? 0 : 1;
  head.date = gate_.http_date();
  head.headers = headers_;
  out_.clear();
  wire::append_error_response(out_, head, status, code, message, client.head_only);
  send_and_finish(client, connection, status);
}

void HttpSession::send_and_finish(Client& client, Connection& connection, uint16_t status) {
  runtime::Reactor& reactor = gate_.reactor();
  reactor.send_copy(connection, out_);
  made_bytes_ += out_.size();
  gate_.stats().requests[std::min<size_t>(status / 100, 5)].add();
  if (out_.capacity() > (1 << 20)) std::string().swap(out_);
  if (client.kind == Kind::http) release(client);
  if (!client.keep_alive) return gate_.close_gently(client, cause_of(status));
  client.between_requests = true;
  reactor.arm_timer(connection, gate_.options().keep_alive_timeout);
  if (connection.outbox.bytes() > kAnswersUnsentMax) {
    reactor.pause_reading(connection, runtime::PauseReason::slow_output);
    connection.want_drained = true;
  }
}

void HttpSession::answer_options(Client& client, Connection& connection, std::string_view allow) {
  // A preflight (Fetch standard, section 3.2.2) comes from a listed page; any other OPTIONS learns what there is.
  const std::string methods = (allow.empty() ? std::string("GET, HEAD") : std::string(allow)) + ", OPTIONS";
  std::vector<HttpHeader> headers{{"Allow", methods}};
  std::string max_age;
  if (state(client).origin == OriginVerdict::listed) {
    max_age = std::to_string(gate_.options().cors_max_age.count());
    headers.push_back({"Access-Control-Allow-Methods", methods});
    headers.push_back({"Access-Control-Allow-Headers", kPreflightHeaders});
    headers.push_back({"Access-Control-Max-Age", max_age});
  }
  respond(client, connection, {204, {}, {}, headers, true});
}

void HttpSession::serve_file(Client& client, Connection& connection, const Request& request) {
  const StaticFiles* files = gate_.options().page ? gate_.shared().files : nullptr;
  const StaticFile* file = files == nullptr ? nullptr : files->find(request.path);
  if (file == nullptr) return refuse(client, connection, 404, "not_found", "there is nothing at this path");
  // The client is for pages of other hosts too, as a script and as a module.
  const bool client_file = request.path.starts_with("/client/");
  std::vector<HttpHeader> headers{
      {"ETag", file->etag},
      {"Cache-Control", "no-cache"},
      {"Content-Security-Policy", kContentSecurityPolicy},
      {"X-Content-Type-Options", "nosniff"},
      {"Referrer-Policy", "no-referrer"},
      {"Cross-Origin-Opener-Policy", "same-origin"},
      {"Cross-Origin-Resource-Policy", client_file ? "cross-origin" : "same-origin"},
  };
  if (client_file && allow_origin(client).empty()) headers.push_back({"Access-Control-Allow-Origin", "*"});
  if (etag_matches(request.http.headers.find_or("If-None-Match", ""), file->etag)) {
    return respond(client, connection, {304, {}, {}, headers, true});
  }
  respond(client, connection, {200, file->content_type, file->body, headers, true});
}

}  // namespace ringcast::session
