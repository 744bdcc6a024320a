// SPDX-License-Identifier: Apache-2.0
// HTTP/1.x on one connection: reads requests one at a time, routes them, and answers in order; what a client pipelines
// waits. Stateless: works on the clients of its gate, whose thread is the only one. Upgrades and streams are handed to
// the session of their transport; polls come back afterwards (take_back).
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "auth/identity.h"
#include "auth/subject_table.h"
#include "base/error.h"
#include "base/ip_address.h"
#include "hub/types.h"
#include "runtime/connection.h"
#include "session/client.h"
#include "session/hooks.h"
#include "session/messages_api.h"
#include "session/origin.h"
#include "session/publish_progress.h"
#include "session/request_limits.h"
#include "session/rooms_api.h"
#include "session/routes.h"
#include "session/sign_in.h"
#include "session/statistics_api.h"
#include "session/transport.h"
#include "wire/http_message.h"
#include "wire/http_request_parser.h"
#include "wire/publish_request.h"
#include "wire/rest_json.h"
#include "wire/url.h"

namespace ringcast::session {

class Gate;
struct Request;
struct Judgement;
struct StaticFile;

struct HttpAnswer {
  uint16_t status = 200;
  std::string_view content_type;  // none when empty
  std::string_view body;
  std::span<const wire::HttpHeader> headers;
  bool cacheable = false;  // false: Cache-Control: no-store goes with it
};
inline constexpr std::string_view kJson = "application/json";
// RFC 6750 section 3: with the 401 of a token that is no good.
inline constexpr wire::HttpHeader kInvalidToken{"WWW-Authenticate", "Bearer error=\"invalid_token\""};
// Of event streams: a proxy that compresses one holds its events back.
inline constexpr std::string_view kStreamCacheControl = "no-cache, no-transform";

// What is kept while a request is read or its answer is outstanding.
struct HttpState final : Extra {
  std::unique_ptr<wire::HttpRequestParser> parser;  // from the session's pool; none while another session answers
  OriginVerdict origin = OriginVerdict::absent;
  std::string allow_origin;                // of a listed page: goes into the answer (CORS)
  std::chrono::nanoseconds body_since{0};  // when the head was complete and a body was to come
  std::string path;                        // where that of the request has escapes that mean nothing
  Routes::Match match;                     // views into the parser's head, or into `path`
  bool checked = false;                    // `match` and `identity` are set, and this client may call it
  auth::Identity identity;
  IpAddress address;                     // the client's, where limits or proxies need it
  bool judged = false;                   // the limits allow it
  uint64_t ticket = 0;                   // of the question that hooks have not answered yet; 0: none
  std::optional<HookDecision> decision;  // their answer
  std::optional<Error> denial;           // of a WebSocket's request: what is wrong with its token
  wire::Query query;
  Endpoint endpoint = Endpoint::file;  // whose answer is outstanding
  bool stream = false;                 // the answer is one of many: /stats/stream
  bool sees_rooms = false;             // the answer of /stats may name rooms
  std::string name;                    // what was asked about, for the answer
  std::string partial;                 // the first part of an answer that takes two questions
  uint64_t occupied_rooms = 0;         // and its count
  std::unique_ptr<PublishProgress> publish;
};

class HttpSession final : public Protocol {
 public:
  explicit HttpSession(Gate& gate);
  ~HttpSession() override;

  void begin(Client& client, runtime::Connection& connection);  // a fresh connection
  size_t on_bytes(Client& client, runtime::Connection& connection, std::span<uint8_t> bytes) override;
  void on_peer_gone(Client& client, runtime::Connection& connection) override;
  void on_drained(Client& client, runtime::Connection& connection) override;
  void on_slow(Client& client, runtime::Connection& connection, runtime::CloseCause cause) override;
  void on_timer(Client& client, runtime::Connection& connection) override;
  void on_answer(Client& client, runtime::Connection& connection, const hub::Answer& answer) override;
  void on_published(Client& client, Connection& connection, const hub::Published& published) override {
    messages_.on_published(client, connection, published);
  }
  void on_credit(Client& client, Connection& connection) override { messages_.go_on(client, connection); }
  void on_judged(Client& client, runtime::Connection& connection, const Judgement& judgement);
  // What hooks say to the connection, or to the message that is next, of the request in progress.
  void on_decided(Client& client, runtime::Connection& connection, uint64_t ticket, HookDecision decision);
  void drain(Client& client, runtime::Connection& connection) override;
  void on_closed(Client& client, runtime::CloseCause cause) override;
  // Before the flush: what the hub's calls asked for but may not be done within them.
  void on_tick() override;
  // After the flush: answers may be made again. Whether any wait for that.
  bool start_turns() {
    made_bytes_ = 0;
    return !in_line_.empty();
  }
  void trim();  // once a second: parsers that nobody has needed since the last time
  bool idle() const { return continuing_.empty(); }

  // Answers the request in progress; the connection goes on to the next one or closes.
  void respond(Client& client, runtime::Connection& connection, const HttpAnswer& answer);
  // The same with a response that is already written, head and all.
  void respond_raw(Client& client, runtime::Connection& connection, uint16_t status, std::string_view response);
  // {"error":{…}}. With 429 and 503 goes Retry-After (at least `after`), and a stream's client gets 200, `retry:`,
  // `problem` and the end instead, because EventSource would give up for good.
  void refuse(Client& client, runtime::Connection& connection, uint16_t status, std::string_view code,
              std::string_view message, std::span<const wire::HttpHeader> headers = {},
              std::chrono::milliseconds after = std::chrono::milliseconds(0));
  // Streams write their own head: the fields that let a listed page read it.
  void append_cors(std::vector<wire::HttpHeader>& headers, std::string_view allow_origin) const;
  // Of the request in progress; made when there is none.
  HttpState& state(Client& client);
  // Before the flush of this tick the call that it is about goes on: from within a call of the hub nothing may be
  // asked.
  void continue_later(const Client& client) { continuing_.push_back(client.id); }
  RequestLimits& limits() { return limits_; }
  // A poll that is about to be answered: the client speaks HTTP again. Then respond().
  void take_back(Client& client);
  std::string_view allow_origin(const Client& client) const;
  // The client's address for the request in progress, once a trusted proxy's fields are read; else the peer's.
  IpAddress address_of(const Client& client) const;

 private:
  void release(Client& client);
  void keep_parser(HttpState& state);
  io::Nanoseconds body_time_left(const HttpState& current) const;
  void read_flags(Client& client, const wire::HttpRequest& http);
  bool check_head(Client& client, runtime::Connection& connection, const wire::HttpRequest& http);
  // A request that has come as a whole; `pipelined`: with more behind it.
  void take_request(Client& client, runtime::Connection& connection, bool pipelined);
  bool may_answer() const;
  void serve_line();
  void dispatch(Client& client, runtime::Connection& connection);
  bool admit(Client& client, runtime::Connection& connection, const wire::HttpRequest& http, const Route& route);
  bool asks_for_this_host(Client& client, runtime::Connection& connection, const wire::HttpRequest& http,
                          Endpoint endpoint);
  bool read_names(Client& client, runtime::Connection& connection, Request& request, const Routes::Match& match);
  void serve(Client& client, runtime::Connection& connection, Request& request, std::string_view second);
  void serve_file(Client& client, runtime::Connection& connection, const Request& request);
  void hand_over(Client& client, runtime::Connection& connection, const Request& request);
  void answer_options(Client& client, runtime::Connection& connection, std::string_view allow);
  void send_and_finish(Client& client, runtime::Connection& connection, uint16_t status);
  // What others decide.
  enum class Entry : uint8_t {
    open,     // the request goes on
    waiting,  // for the answer
    refused,  // it has been told
  };
  Entry ask_to_connect(Client& client, runtime::Connection& connection, Request& request);
  void forget_question(Client& client);

  Gate& gate_;
  HttpState* handing_over_ = nullptr;  // during open() of another session
  uint32_t parsers_epoch_ = 0;
  std::vector<std::unique_ptr<wire::HttpRequestParser>> parsers_;  // idle ones
  size_t parsers_unused_ = 0;                                      // the fewest of them since the last trim()
  std::vector<wire::HttpHeader> headers_;
  std::string out_;  // of the response being written
  std::vector<ConnectionId> continuing_;
  std::deque<ConnectionId> in_line_;  // their requests have come, and ask for something large
  size_t made_bytes_ = 0;             // of answers, in this tick
  SignIn sign_in_;
  RequestLimits limits_;
  RoomsApi rooms_;
  MessagesApi messages_;
  StatisticsApi statistics_;
};

}  // namespace ringcast::session
