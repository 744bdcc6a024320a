// SPDX-License-Identifier: Apache-2.0
// Dialect: how to speak to one kind of server, as texts with placeholders, and presets of it.
// A value, fixed before the workers start; read by all of them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"

namespace ringcast::ringload {

// grpc: calls of Publish (proto/ringcast/v1/ringcast.proto), on streams of HTTP/2.
enum class Transport : uint8_t { websocket, sse, poll, http, grpc };
std::string_view to_string(Transport transport);

// What stands for {room}, {user}, {payload} and {cursor}. Other braces are left alone: the texts are JSON.
struct Placeholders {
  std::string_view room;
  std::string_view user;
  std::string_view payload;
  std::string_view cursor;
};
void append_filled(std::string& out, std::string_view text, const Placeholders& values);

struct Dialect {
  std::string target;            // of a member's connection: path and query
  std::string publisher_target;  // of a publisher's WebSocket
  std::vector<std::pair<std::string, std::string>> headers;
  std::string hello;           // sent after the upgrade
  std::string hello_answer;    // what the server says before the join may be sent; empty: nothing
  std::string join;            // sent then by a member
  std::string publisher_join;  // … and by a publisher, where only members may publish
  std::string joined;          // what the server says to a member that will receive from now on; empty: nothing
  std::string publish;         // a publisher's message
  std::string post_target;     // set: publishers POST instead, over HTTP
  std::string post_body;
  std::string post_type = "application/json";
  std::string ping;  // a text that wants `pong` as the answer: heartbeats inside the messages
  std::string pong;
  std::string separator;      // between messages that may come in one text; empty: each text is one
  std::string error;          // what an error of the server looks like
  std::string gap;            // … and history that no longer reaches back far enough
  std::string resume_target;  // `target` of a member that was cut, with {cursor}
  std::string send_target;    // polls: where a member POSTs what it says; {cursor} is then its session, given at first
  std::string cursor_after;   // what stands before the position in a message: the decimal digits behind it
};

enum class Purpose : uint8_t { member, echo, request };

// Presets: ringcast, raw, socketio, centrifugo, nchan. Fails for an unknown name, or a transport that it has not.
[[nodiscard]] Result<Dialect> preset(std::string_view name, Transport transport, Purpose purpose);

}  // namespace ringcast::ringload
