// SPDX-License-Identifier: Apache-2.0
// WebSocketSession: what others decide (hooks.h): who may not open, and which messages are published. While the first
// of a connection to a channel is asked about, those behind it wait; other channels go on.

#include <utility>

#include "session/decisions.h"
#include "session/gate.h"
#include "session/websocket_session.h"

namespace ringcast::session {

bool WebSocketSession::hold(Client& client, Connection& connection, const hub::Publish& publish, AckNote* note) {
  if (publish.kind == hub::PayloadKind::none) return false;  // typing
  HeldLine* line = held_.find(client.id, publish.key);
  if (line == nullptr && !gate_.hooks()->wants(HookEvent::publish, hub::name_of(publish.key))) return false;
  if (held_.count(client.id) >= gate_.options().undecided_messages_max) {
    const std::string ref = note == nullptr ? std::string() : note->ref;
    send_error(connection, "too_many_undecided",
               "this connection has " + std::to_string(gate_.options().undecided_messages_max) +
                   " messages that are not decided about yet; nothing was published",
               ref);
    return true;
  }
  held_.note_added(client.id);
  if (line != nullptr) {
    line->messages.emplace_back(publish, note);
    return true;
  }
  line = &held_.add(client.id, publish.key, gate_.hub().home_of(publish.key));
  line->messages.emplace_back(publish, note);
  go_on(*line, false);
  return true;
}

void WebSocketSession::on_decided(ConnectionId id, uint64_t ticket, HookDecision decision) {
  HeldLine* const line = held_.find(id, ticket);
  if (line == nullptr) return;
  go_on(*line, take_decision(*line, decision));
}

// What was decided about the first message; true: it is to be published.
bool WebSocketSession::take_decision(HeldLine& line, HookDecision& decision) {
  if (decision.allow) {
    line.messages.front().change(decision);
    held_.set_state(line, HeldLine::State::allowed);
    return true;
  }
  complete_refusal(decision, "this message");
  tell_held(line, decision.code, decision.reason);
  drop_held(line);
  return false;
}

void WebSocketSession::tell_held(const HeldLine& line, std::string_view code, std::string_view message) {
  Client* const client = gate_.find(line.id);
  if (client == nullptr || client->phase == Phase::closing) return;
  const std::optional<AckNote>& note = line.messages.front().note;
  send_error(gate_.connection(*client), code, message, note ? std::string_view(note->ref) : std::string_view());
}

void WebSocketSession::drop_held(HeldLine& line) {
  line.messages.pop_front();
  held_.note_taken(line.id);
  if (Client* const client = gate_.find(line.id)) note_acked(*client, gate_.connection(*client));
}

// Publishes and asks for as long as nothing has to be waited for. `allowed`: the first message is to be published.
// False: there is no credit; it goes on with the next.
bool WebSocketSession::go_on(HeldLine& line, bool allowed) {
  while (!line.messages.empty()) {
    if (!allowed) {
      std::optional<HookDecision> decision = ask_about(line);
      if (!decision) return true;
      allowed = take_decision(line, *decision);
      continue;
    }
    if (!publish_held(line)) return false;
    allowed = false;
  }
  held_.remove(line);
  return true;
}

std::optional<HookDecision> WebSocketSession::ask_about(HeldLine& line) {
  held_.set_state(line, HeldLine::State::asking);
  const HeldMessage& message = line.messages.front();
  const Ticket ticket = gate_.decisions().open(Decisions::About::message_over_websocket, line.id);
  line.ticket = ticket.number;
  std::string name;
  gate_.names().append(name, {gate_.core(), line.id});
  const HookClient client{.connection = name,
                          .user = message.user,
                          .tenant = hub::tenant_of(line.key),
                          .transport = "websocket",
                          .address = {}};
  const HookMessage asked{
      .room = hub::name_of(line.key), .event = message.event, .kind = message.kind, .payload = message.payload};
  auto decision = gate_.hooks()->decide_publish(client, asked, gate_.reactor().wall_us(), ticket);
  if (decision) gate_.decisions().close(ticket);
  return decision;
}

// False: there is no credit.
bool WebSocketSession::publish_held(HeldLine& line) {
  if (gate_.draining()) {
    tell_held(line, "draining", "this server is about to stop; nothing was published");
    drop_held(line);
    return true;
  }
  HeldMessage& message = line.messages.front();
  Client* const client = gate_.find(line.id);
  hub::Publish publish = message.to_publish(line.key);
  publish.from = line.id;
  publish.acknowledge = message.note.has_value() && client != nullptr;
  publish.correlation = publish.acknowledge ? last_correlation_ + 1 : 0;
  if (gate_.hub().publish(publish) == hub::PublishResult::no_credit) return false;
  gate_.stats().messages_in.add();
  gate_.stats().message_bytes_in.add(message.payload.size());
  if (publish.acknowledge) {
    message.note->correlation = ++last_correlation_;
    asides_[client->id.slot].acks.push_back(std::move(*message.note));
    client->has_aside = true;
  }
  drop_held(line);
  return true;
}

void WebSocketSession::serve_held() {
  for (size_t home = 0; home < held_.homes_end(); ++home) {
    for (HeldLine* line; (line = held_.first_allowed(home)) != nullptr;) {
      if (!go_on(*line, true)) break;  // no more credit for this home
    }
  }
}

}  // namespace ringcast::session
