// SPDX-License-Identifier: Apache-2.0
// HttpSession: how requests are answered, and what happens to the connection then.

#include <algorithm>
#include <cstring>

#include "access/origin.h"
#include "api/request.h"
#include "api/static_files.h"
#include "client/connection_log.h"
#include "codec/http1/http_response.h"
#include "transport/gate.h"
#include "transport/http1/http_session.h"
#include "transport/sse/sse_session.h"

namespace ringcast::session {

using codec::HttpHeader;
using reactor::CloseCause;
using reactor::Connection;

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
  const std::vector<std::string>& origins = gate_.options().origins;
  if (table_of(gate_.route_of(client).dialect).any_origin && !gate_.options().cors_credentials &&
      std::find(origins.begin(), origins.end(), "*") != origins.end()) {
    return headers.push_back({"Access-Control-Allow-Origin", "*"});
  }
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
  codec::HttpResponseHead head;
  head.status = answer.status;
  head.framing = answer.status == 204 || answer.status == 304 ? codec::BodyFraming::none : codec::BodyFraming::sized;
  head.keep_alive = client.keep_alive;
  head.version_minor = client.http10 ? 0 : 1;
  head.content_type = answer.content_type;
  head.date = gate_.http_date();
  head.headers = headers_;
  out_.clear();
  codec::append_response(out_, head, answer.body, client.head_only);
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
  codec::HttpResponseHead head;
  head.keep_alive = client.keep_alive;
  head.version_minor = client.http10 ? 0 : 1;
  head.date = gate_.http_date();
  head.headers = headers_;
  out_.clear();
  codec::append_error_response(out_, head, status, code, message, client.head_only);
  send_and_finish(client, connection, status);
}

void HttpSession::refuse_as(Client& client, Connection& connection, uint16_t status, const Error& why,
                            std::string_view body) {
  if (connection.dead || connection.closing) return;
  gate_.log().not_explained(client, status, why.code, why.message);
  gate_.stats().error(error_count_of(status)).add();
  respond(client, connection, {status, kJson, body});
}

void HttpSession::send_and_finish(Client& client, Connection& connection, uint16_t status) {
  reactor::Reactor& reactor = gate_.reactor();
  reactor.send_copy(connection, out_);
  made_bytes_ += out_.size();
  gate_.stats().requests[std::min<size_t>(status / 100, 5)].add();
  if (out_.capacity() > (1 << 20)) std::string().swap(out_);
  if (client.kind == Kind::http) release(client);
  if (!client.keep_alive) return gate_.close_gently(client, cause_of(status));
  client.between_requests = true;
  reactor.arm_timer(connection, gate_.options().keep_alive_timeout);
  if (connection.outbox.bytes() > kAnswersUnsentMax) {
    reactor.pause_reading(connection, reactor::PauseReason::slow_output);
    connection.want_drained = true;
  }
}

void HttpSession::answer_options(Client& client, Connection& connection, std::string_view allow) {
  // A preflight (Fetch standard, section 3.2.2) comes from a listed page; any other OPTIONS learns what there is.
  const std::string methods = (allow.empty() ? std::string("GET, HEAD") : std::string(allow)) + ", OPTIONS";
  std::vector<HttpHeader> headers{{"Allow", methods}};
  std::string max_age;
  if (state(client).origin == access::OriginVerdict::listed) {
    max_age = std::to_string(gate_.options().cors_max_age.count());
    headers.push_back({"Access-Control-Allow-Methods", methods});
    headers.push_back({"Access-Control-Allow-Headers", kPreflightHeaders});
    headers.push_back({"Access-Control-Max-Age", max_age});
  }
  respond(client, connection, {204, {}, {}, headers, true});
}

void HttpSession::serve_file(Client& client, Connection& connection, const Request& request) {
  using Kind = FoundFile::Kind;
  const StaticFiles* const files = gate_.shared().files;
  FoundFile found;
  if (files != nullptr) {
    const SessionOptions& options = gate_.options();
    if (files_ == nullptr) {
      files_ = std::make_unique<FileCache>(*files, options.file_cache_bytes, options.file_bytes_max);
    }
    found = files_->get(request.path);
  }
  switch (found.kind) {
    case Kind::missing: return refuse(client, connection, 404, "not_found", "there is nothing at this path");
    case Kind::too_large:
      return refuse(client, connection, 500, "file_too_large", "this file is larger than static_file_size_max");
    case Kind::unreadable:
      return refuse(client, connection, 500, "file_unreadable",
                    std::string("this file cannot be read: ") + std::strerror(found.error));
    case Kind::directory: {
      std::string location(request.http.path);
      location += '/';
      if (!request.http.query.empty()) location.append("?").append(request.http.query);
      const HttpHeader to{"Location", location};
      return respond(client, connection, {301, {}, {}, {&to, 1}});
    }
    case Kind::file: return send_file(client, connection, request, *found.file);
  }
}

void HttpSession::send_file(Client& client, Connection& connection, const Request& request, const StaticFile& file) {
  const SessionOptions& options = gate_.options();
  const codec::HttpHeaders& asked = request.http.headers;
  std::vector<HttpHeader> headers{
      {"ETag", file.etag}, {"Cache-Control", "no-cache"}, {"X-Content-Type-Options", "nosniff"}};
  if (file.built_in) {
    // The client is for pages of other hosts too, as a script and as a module.
    const bool client_file = request.path.starts_with("/client/");
    headers.push_back({"Content-Security-Policy", kContentSecurityPolicy});
    headers.push_back({"Referrer-Policy", "no-referrer"});
    headers.push_back({"Cross-Origin-Opener-Policy", "same-origin"});
    headers.push_back({"Cross-Origin-Resource-Policy", client_file ? "cross-origin" : "same-origin"});
    if (client_file && allow_origin(client).empty()) headers.push_back({"Access-Control-Allow-Origin", "*"});
  } else {
    headers.push_back({"Last-Modified", file.last_modified});
    headers.push_back({"Accept-Ranges", "bytes"});
    if (!options.content_security_policy.empty()) {
      headers.push_back({"Content-Security-Policy", options.content_security_policy});
    }
  }
  // RFC 9110 section 13.2.2: the tag decides where one is given.
  const std::string_view tags = asked.find_or("If-None-Match", ""), since = asked.find_or("If-Modified-Since", "");
  const bool dated = !file.last_modified.empty() && since == file.last_modified;
  if (tags.empty() ? dated : etag_matches(tags, file.etag)) {
    return respond(client, connection, {304, {}, {}, headers, true});
  }
  const std::string_view unless = asked.find_or("If-Range", "");
  const bool ranges = !file.built_in && request.http.method == codec::HttpMethod::get &&
                      (unless.empty() || unless == file.etag || unless == file.last_modified);
  const ByteRange range = ranges ? parse_range(asked.find_or("Range", ""), file.body.size()) : ByteRange{};
  if (range.kind == ByteRange::Kind::whole) {
    return respond(client, connection, {200, file.content_type, file.body, headers, true});
  }
  const bool part = range.kind == ByteRange::Kind::part;
  const std::string size = std::to_string(file.body.size());
  const std::string content_range =
      part ? "bytes " + std::to_string(range.first) + "-" + std::to_string(range.first + range.length - 1) + "/" + size
           : "bytes */" + size;
  headers.push_back({"Content-Range", content_range});
  if (!part) return respond(client, connection, {416, {}, {}, headers, true});
  const std::string_view body = std::string_view(file.body).substr(range.first, range.length);
  respond(client, connection, {206, file.content_type, body, headers, true});
}

}  // namespace ringcast::session
