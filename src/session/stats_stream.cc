// HttpSession: /stats/stream, the figures of /stats as Server-Sent Events, one a second. A reader that has not taken
// the last one gets none until it has, so nothing piles up.

#include "session/gate.h"
#include "session/http_session.h"
#include "session/request.h"
#include "wire/http_response.h"
#include "wire/sse.h"

namespace ringcast::session {

using runtime::CloseCause;
using runtime::Connection;

namespace {

constexpr std::chrono::seconds kPeriod{1};

wire::SseFraming framing_of(const Client& client) {
  return client.http10 ? wire::SseFraming::bare : wire::SseFraming::chunked;
}

}  // namespace

bool HttpSession::streams_stats(const Client& client) {
  return client.extra != nullptr && static_cast<const HttpState&>(*client.extra).stream;
}

void HttpSession::open_stats_stream(Client& client, Connection& connection, const Request& request) {
  std::vector<wire::HttpHeader> headers{{"Cache-Control", "no-cache"}, {"X-Accel-Buffering", "no"}};
  append_cors(headers, allow_origin(client));
  body_.clear();
  wire::append_response_head(body_,
                             {.framing = client.http10 ? wire::BodyFraming::until_close : wire::BodyFraming::chunked,
                              .keep_alive = client.head_only && client.keep_alive,
                              .version_minor = static_cast<uint8_t>(client.http10 ? 0 : 1),
                              .content_type = "text/event-stream",
                              .date = gate_.http_date(),
                              .headers = headers});
  if (client.head_only) return respond_raw(client, connection, 200, body_);
  gate_.stats().requests[2].add();
  gate_.reactor().send_copy(connection, body_);
  state(client).stream = true;
  ask_stats(client, request.identity.tenant);
}

// body_ has the figures.
void HttpSession::send_stats(Client& client, Connection& connection) {
  if (connection.dead || connection.closing) return;
  if (connection.outbox.empty()) {
    out_.clear();
    wire::append_sse_event(out_, framing_of(client), std::string_view(), "stats", body_);
    gate_.reactor().send_copy(connection, out_);
  }
  gate_.reactor().arm_timer(connection, kPeriod);
}

void HttpSession::end_stats_stream(Client& client, Connection& connection) {
  out_.clear();
  wire::append_sse_end(out_, framing_of(client));
  gate_.reactor().send_copy(connection, out_);
  gate_.close_gently(client, CloseCause::drained);
}

}  // namespace ringcast::session
