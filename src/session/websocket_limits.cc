// SPDX-License-Identifier: Apache-2.0
// WebSocketSession: messages held against the rates that limit them. Who sends too fast is told with each message for
// how long to wait; who does not listen is closed.

#include <memory>
#include <utility>

#include "session/admission.h"
#include "session/connection_log.h"
#include "session/gate.h"
#include "session/http_session.h"
#include "session/meters.h"
#include "session/websocket_session.h"
#include "session/websocket_states.h"
#include "wire/event_json.h"

namespace ringcast::session {

Passage WebSocketSession::pass(Client& client, Connection& connection, bool text, std::span<const uint8_t> payload) {
  Judgement judgement;
  const Passage passage = gate_.meters().take(client, payload.size(), judgement);
  const std::string_view bytes(reinterpret_cast<const char*>(payload.data()), payload.size());
  switch (passage) {
    case Passage::passed: break;
    case Passage::waiting:
      client.extra = std::make_unique<WebSocketRefused>(text, bytes);
      gate_.await(client);
      break;
    case Passage::refused: refuse_message(client, connection, text, bytes, judgement); break;
  }
  return passage;
}

void WebSocketSession::refuse_message(Client& client, Connection& connection, bool text, std::string_view message,
                                      const Judgement& judgement) {
  const auth::RateLimits& limits = gate_.options().limits;
  gate_.stats().limited(judgement.scope, judgement.why).add();
  gate_.stats().error(ErrorCount::rate_limited).add();
  // Read for its ref alone, which may be in a message that is wrong otherwise.
  wire::Action action;
  if (text && !client.echo_endpoint) (void)read_action(client, message, action);
  const std::string_view whose = judgement.scope == auth::Scope::user ? client.user() : std::string_view();
  const auto wait = std::chrono::ceil<milliseconds>(judgement.wait);
  const std::string why = limit_text(limits, judgement, whose);
  gate_.log().refused(client, 0, "rate_limited", why);
  text_.clear();
  wire::append_rate_limited_event(text_, why, static_cast<uint64_t>(wait.count()), action.ref);
  send_text(connection, text_);
  if (gate_.meters().strikes(client) < limits.strikes_max) return;
  close(client, connection, 4029, "too many messages after being told to wait", runtime::CloseCause::rate_limited);
}

void WebSocketSession::on_allowance(Client& client, Connection& connection) {
  if (client.phase != Phase::open || client.extra == nullptr) return;
  const std::unique_ptr<Extra> held = std::move(client.extra);
  std::string& message = static_cast<WebSocketRefused&>(*held).payload;
  const bool text = static_cast<const WebSocketRefused&>(*held).text;
  const std::span<uint8_t> payload(reinterpret_cast<uint8_t*>(message.data()), message.size());
  gate_.proceed(client);
  if (pass(client, connection, text, payload) != Passage::passed) return;
  if (client.echo_endpoint) return take_echo(client, connection, text, payload, payload);
  take_message(client, connection, text, payload);
}

}  // namespace ringcast::session
