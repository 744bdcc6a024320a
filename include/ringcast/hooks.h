// SPDX-License-Identifier: Apache-2.0
// ringcast::Hooks: where the host program takes part. All are called on a reactor's thread: they must return at once
// (hand longer work to a thread of your own), must not throw, must not wait for the server (no publish, no future), and
// see one client at a time per core but several cores at the same time.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ringcast {

namespace embed {
class Question;
}

struct Client {
  std::string connection;  // its public id; empty where a message came by POST
  std::string user;        // "anonymous" without one
  std::string tenant;
  std::string transport;  // "websocket", "sse", "poll", "socketio", "http"
  std::string address;    // the client's own, also behind a trusted proxy; empty where it is not known
};

// A WebSocket, a stream or a poll wants to open. `user` and `tenant` are what the request names, or its token where the
// server checks tokens itself.
struct ConnectRequest {
  Client client;
  std::string target;                                        // path and query, as sent
  std::vector<std::pair<std::string, std::string>> headers;  // as sent; names compare without case (RFC 9110, 5.1)
};

struct ConnectGrant {
  std::string user;                // empty: as asked for
  std::string tenant;              // empty: as asked for
  std::vector<std::string> rooms;  // to join besides those asked for
};

struct PublishRequest {
  Client client;
  std::string room;   // "general", "@alice" for a user's inbox, "*" for everybody
  std::string event;  // empty: "message"
  enum class Kind : uint8_t { none, content, data, binary } kind = Kind::none;
  std::string payload;  // JSON: of `content` a string with its quotes; of `binary` the bytes
};

// What a client of Socket.IO has emitted, where `socketio_application` does not know the event.
struct EmitRequest {
  Client client;                         // `connection` is the socket id
  std::string nsp;                       // "/", or one of `socketio_namespaces`
  std::string event;                     // its name
  std::string arguments;                 // a JSON array; {"_placeholder":true,"num":0} stands for the first attachment
  std::vector<std::string> attachments;  // binary arguments, as bytes
  std::vector<std::string> rooms;        // that the client is in; at most `rooms_per_websocket_max` and its lobby
  bool acknowledge = false;              // the client waits for an acknowledgement
};

struct EmitReply {
  // A JSON array: the arguments of the acknowledgement, if the client asked for one. Empty: [{"status":"ok"}].
  std::string acknowledgement;
  // Before it, whatever the permissions say; rooms beyond `rooms_per_websocket_max` are not joined.
  std::vector<std::string> join;
  std::vector<std::string> leave;
};

// How a question is answered: once, by any thread, now or later; at most `decision_timeout` (30 s) later, when the
// client is asked to try again. Dropped without an answer it says just that at once. Answers that come too late, or
// after the server, are ignored. Only what is not called back from within a hook may wait: from another thread an
// answer waits while too much is under way.
class ConnectAnswer {
 public:
  explicit ConnectAnswer(std::shared_ptr<embed::Question> question) : question_(std::move(question)) {}
  void allow(ConnectGrant grant = {});
  // `code` in snake_case, for programs; `reason` for people. A WebSocket is opened and closed with 4003, others get
  // 403.
  void deny(std::string code, std::string reason);

 private:
  std::shared_ptr<embed::Question> question_;
};

class PublishAnswer {
 public:
  explicit PublishAnswer(std::shared_ptr<embed::Question> question) : question_(std::move(question)) {}
  void allow();
  void allow_content(std::string text);  // this text instead
  void allow_data(std::string json);     // this JSON value instead; what is no JSON is a denial
  void deny(std::string code, std::string reason);

 private:
  std::shared_ptr<embed::Question> question_;
};

class EmitAnswer {
 public:
  explicit EmitAnswer(std::shared_ptr<embed::Question> question) : question_(std::move(question)) {}
  // A reply that breaks a rule is a denial that says which.
  void accept(EmitReply reply = {});
  // The acknowledgement is {"status":"error","code":…,"message":…}.
  void deny(std::string code, std::string reason);

 private:
  std::shared_ptr<embed::Question> question_;
};

struct Event {
  enum class Kind : uint8_t {
    disconnected,
    joined,
    left,
    occupied,  // a room has got its first member
    vacated,   // and has had none for a while
  } kind = Kind::joined;
  Client client;       // empty for occupied and vacated
  std::string room;    // empty for disconnected
  std::string reason;  // of leaving and disconnecting
  std::chrono::system_clock::time_point time;
};

// Those that are not set cost nothing.
struct Hooks {
  // The authenticator, and what rooms the client is to be in.
  std::function<void(const ConnectRequest& request, ConnectAnswer answer)> on_connect;
  // What clients publish. Later messages of this connection to this room wait behind the answer.
  std::function<void(const PublishRequest& request, PublishAnswer answer)> on_publish;
  std::function<void(const Event& event)> on_event;
  // Events of Socket.IO clients that the server does not know. The client's next event waits behind the answer, so a
  // client's events come one at a time and in order.
  std::function<void(const EmitRequest& request, EmitAnswer answer)> on_emit;
  // A WebSocket's text message whose `action` is none of the server's own; `text` is the JSON as it came (at most
  // `message_size_max` bytes). True: taken; false: the client gets `unknown_action`.
  std::function<bool(const Client& client, std::string_view text)> on_action;
};

}  // namespace ringcast
