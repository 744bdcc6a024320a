// HttpSession: requests about which somebody else decides (hooks.h): whether a connection may open, as whom and in
// which rooms, and whether a message is published. The request stays in its parser until the answer has come.

#include "session/client_address.h"
#include "session/decisions.h"
#include "session/gate.h"
#include "session/http_session.h"
#include "session/request.h"

namespace ringcast::session {

using runtime::Connection;

namespace {

std::string_view transport_of(Endpoint endpoint) {
  switch (endpoint) {
    case Endpoint::websocket: return "websocket";
    case Endpoint::events: return "sse";
    case Endpoint::poll: return "poll";
    default: return "http";
  }
}

}  // namespace

HttpSession::Entry HttpSession::ask_to_connect(Client& client, Connection& connection, Request& request) {
  HttpState& current = state(client);
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
                           .transport = transport_of(request.route.endpoint),
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
  if (decision.user) request.identity.user = wire::is_anonymous(*decision.user) ? wire::kAnonymousUser : *decision.user;
  if (decision.tenant) request.identity.tenant = *std::move(decision.tenant);
  request.rooms = std::move(decision.rooms);
  return Entry::open;
}

void HttpSession::on_decided(Client& client, Connection& connection, uint64_t ticket, HookDecision decision) {
  if (client.extra == nullptr) return;
  HttpState& current = client.extra_as<HttpState>();
  if (current.publish != nullptr) {
    PublishProgress& progress = *current.publish;
    if (progress.ticket != ticket) return;
    progress.ticket = 0;
    progress.decision = std::move(decision);
    return on_credit(client, connection);  // goes on where it stopped
  }
  if (current.ticket != ticket) return;
  current.ticket = 0;
  current.decision = std::move(decision);
  gate_.proceed(client);
  // Who said that nothing more comes does not want a stream any more.
  if (client.peer_done) return gate_.close_gently(client, runtime::CloseCause::peer_closed);
  dispatch(client, connection);
}

void HttpSession::forget_question(Client& client) {
  HttpState& current = state(client);
  gate_.decisions().close({gate_.core(), current.ticket});
  current.ticket = 0;
  gate_.proceed(client);
}

HttpSession::Verdict HttpSession::ask_about(Client& client, hub::Publish& publish, PublishOutcome& outcome) {
  PublishProgress& progress = *state(client).publish;
  if (!progress.decision) {
    Hooks& hooks = *gate_.hooks();
    const HookMessage message{
        .room = hub::name_of(publish.key), .event = publish.event, .kind = publish.kind, .payload = publish.payload};
    if (!hooks.wants(HookEvent::publish, message.room)) return Verdict::publish;
    const Ticket ticket = gate_.decisions().open(Decisions::About::message_over_http, client.id);
    const HookClient asked{.connection = {},
                           .user = publish.user,
                           .tenant = hub::tenant_of(publish.key),
                           .transport = "http",
                           .address = {}};
    progress.decision = hooks.decide_publish(asked, message, gate_.reactor().wall_us(), ticket);
    if (!progress.decision) {
      progress.ticket = ticket.number;
      return Verdict::wait;
    }
    gate_.decisions().close(ticket);
  }
  HookDecision& decision = *progress.decision;
  if (!decision.allow) {
    complete_refusal(decision, "this message");
    outcome.refusal = std::make_unique<Error>(Error{decision.code, decision.reason});
    outcome.passing = decision.passing;
    progress.decision.reset();
    return Verdict::refused;
  }
  if (decision.event) publish.event = *decision.event;
  if (decision.payload) {
    publish.payload = *decision.payload;
    publish.kind = decision.kind;
  }
  return Verdict::publish;
}

}  // namespace ringcast::session
