// SPDX-License-Identifier: Apache-2.0
#include "templates.h"

#include <array>

namespace ringcast::ringload {
namespace {

constexpr std::string_view kPresets = "ringcast, raw, socketio, centrifugo, nchan";

tl::unexpected<Error> has_not(std::string_view name, Transport transport) {
  return fail("bad_preset",
              "the preset " + std::string(name) + " has no transport " + std::string(to_string(transport)));
}

Result<Dialect> ringcast_dialect(Transport transport, Purpose purpose) {
  Dialect dialect;
  dialect.publisher_target = "/ws?user={user}";
  dialect.publish = R"({"action":"message","room":"{room}","content":"{payload}"})";
  dialect.cursor_after = R"({"id":)";
  dialect.gap = R"("event_type":"gap")";
  dialect.error = R"("event_type":"error")";
  if (purpose == Purpose::request) {
    dialect.target = "/health";
    return dialect;
  }
  switch (transport) {
    case Transport::websocket:
      if (purpose == Purpose::echo) {
        dialect.target = "/echo";
        dialect.publish = "{payload}";
        return dialect;
      }
      dialect.target = "/ws?rooms={room}&user={user}";
      dialect.resume_target = "/ws?rooms={room}&user={user}&since={room}%3D{cursor}";
      dialect.joined = R"("event_type":"joined")";
      break;
    case Transport::sse:
      dialect.target = "/events?rooms={room}&user={user}";
      dialect.resume_target = "/events?rooms={room}&user={user}&last_event_id={cursor}";
      dialect.joined = R"("connection_id")";
      dialect.error = R"("event_type":"problem")";
      break;
    case Transport::poll:
      dialect.target = "/poll?rooms={room}&user={user}";
      dialect.resume_target = "/poll?rooms={room}&user={user}&since={cursor}";
      dialect.cursor_after = R"("cursor":")";
      dialect.gap = R"("gaps":[{)";
      break;
    case Transport::http:
    case Transport::grpc: break;  // for requests alone
  }
  return dialect;
}

Result<Dialect> socketio_dialect(Transport transport, Purpose purpose) {
  Dialect dialect;
  dialect.target = dialect.publisher_target = "/socket.io/?EIO=4&transport=websocket";
  if (transport == Transport::poll) {
    dialect.target = "/socket.io/?EIO=4&transport=polling";
    dialect.resume_target = dialect.send_target = dialect.target + "&sid={cursor}";
    dialect.cursor_after = R"("sid":")";
    dialect.separator = "\x1e";
  }
  dialect.hello = "40";  // Engine.IO's handshake needs no answer; this one is Socket.IO's
  dialect.hello_answer = "40{";
  // Rooms are the application's; this is how most have it.
  if (purpose == Purpose::echo) {
    dialect.publish = R"(42["echo","{payload}"])";
  } else {
    dialect.join = R"(42["join","{room}"])";
    dialect.publish = R"(42["message",{"room":"{room}","content":"{payload}"}])";
  }
  dialect.ping = "2";
  dialect.pong = "3";
  dialect.error = "44{";
  return dialect;
}

Result<Dialect> centrifugo_dialect() {
  Dialect dialect;
  dialect.target = dialect.publisher_target = "/connection/websocket";
  dialect.hello = R"({"connect":{},"id":1})";
  dialect.hello_answer = R"("connect":)";
  dialect.join = dialect.publisher_join = R"({"subscribe":{"channel":"{room}"},"id":2})";
  dialect.joined = R"("subscribe":)";
  dialect.publish = R"({"publish":{"channel":"{room}","data":{"content":"{payload}"}},"id":3})";
  dialect.ping = "{}";
  dialect.pong = "{}";
  dialect.separator = "\n";
  dialect.error = R"("error":{)";
  return dialect;
}

Result<Dialect> nchan_dialect(Transport transport) {
  Dialect dialect;
  dialect.target = "/sub/{room}";
  dialect.post_target = "/pub/{room}";
  dialect.post_body = "{payload}";
  dialect.post_type = "text/plain";
  if (transport != Transport::websocket && transport != Transport::sse) return has_not("nchan", transport);
  return dialect;
}

}  // namespace

std::string_view to_string(Transport transport) {
  switch (transport) {
    case Transport::websocket: return "websocket";
    case Transport::sse: return "sse";
    case Transport::poll: return "poll";
    case Transport::http: return "http";
    case Transport::grpc: return "grpc";
  }
  return "unknown";
}

void append_filled(std::string& out, std::string_view text, const Placeholders& values) {
  const std::array<std::pair<std::string_view, std::string_view>, 4> known{
      {{"{room}", values.room}, {"{user}", values.user}, {"{payload}", values.payload}, {"{cursor}", values.cursor}}};
  while (!text.empty()) {
    const size_t brace = text.find('{');
    out += text.substr(0, brace);
    if (brace == std::string_view::npos) return;
    text.remove_prefix(brace);
    size_t taken = 0;
    for (const auto& [name, value] : known) {
      if (!text.starts_with(name)) continue;
      out += value;
      taken = name.size();
    }
    if (taken == 0) out += text[taken++];
    text.remove_prefix(taken);
  }
}

Result<Dialect> preset(std::string_view name, Transport transport, Purpose purpose) {
  if (name == "ringcast") return ringcast_dialect(transport, purpose);
  if (name == "nchan") return nchan_dialect(transport);
  if (name == "raw" && transport == Transport::grpc) return has_not(name, transport);
  if (name == "raw") {
    Dialect dialect;
    dialect.target = dialect.publisher_target = "/";
    dialect.publish = "{payload}";
    return dialect;
  }
  if (name == "socketio" || name == "centrifugo") {
    const bool socketio = name == "socketio";
    if (transport != Transport::websocket && !(socketio && transport == Transport::poll)) {
      return has_not(name, transport);
    }
    return socketio ? socketio_dialect(transport, purpose) : centrifugo_dialect();
  }
  return fail("bad_preset", "no preset " + std::string(name) + "; there are " + std::string(kPresets));
}

}  // namespace ringcast::ringload
