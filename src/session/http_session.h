// SPDX-License-Identifier: Apache-2.0
// HTTP/1.x on one connection: reads requests one at a time, routes them, and answers in order; what a client pipelines
// waits. Stateless: works on the clients of its gate, whose thread is the only one. Upgrades and streams are handed to
// the session of their transport; polls come back afterwards (take_back).
#pragma once

#include <cstdint>
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
#include "session/origin.h"
#include "session/rest_publish.h"
#include "session/routes.h"
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

// How many connections a query has reached or closed.
uint64_t affected(const hub::Answer& answer);

// What is kept while a request is read or its answer is outstanding.
struct HttpState final : Extra {
  std::unique_ptr<wire::HttpRequestParser> parser;  // from the session's pool; none while another session answers
  OriginVerdict origin = OriginVerdict::absent;
  std::string allow_origin;  // of a listed page: goes into the answer (CORS)
  Routes::Match match;       // views into the parser's head
  bool checked = false;      // `match` and `identity` are set, and this client may call it
  auth::Identity identity;
  IpAddress address;                     // whom the request comes from, where limits or proxies want to know
  bool judged = false;                   // the limits allow it
  uint64_t ticket = 0;                   // of the question that hooks have not answered yet; 0: none
  std::optional<HookDecision> decision;  // their answer
  std::optional<Error> denial;           // of a WebSocket's request: what is wrong with its token
  wire::Query query;
  Endpoint endpoint = Endpoint::file;  // whose answer is outstanding
  bool stream = false;                 // the answer is one of many: /stats/stream
  std::string name;                    // what was asked about, for the answer
  std::string partial;                 // the first part of an answer that takes two questions
  std::unique_ptr<PublishProgress> publish;
};

// "the limit of user “alice” is 10 messages a second"
std::string limit_text(const auth::RateLimits& limits, const Judgement& judgement, std::string_view whose);

class HttpSession {
 public:
  explicit HttpSession(Gate& gate);
  ~HttpSession();

  void begin(Client& client, runtime::Connection& connection);  // a fresh connection
  size_t on_bytes(Client& client, runtime::Connection& connection, std::span<uint8_t> bytes);
  void on_peer_gone(Client& client, runtime::Connection& connection, io::CloseReason reason);
  void on_drained(Client& client, runtime::Connection& connection);
  void on_timer(Client& client, runtime::Connection& connection);
  void on_answer(Client& client, runtime::Connection& connection, const hub::Answer& answer);
  void on_published(Client& client, runtime::Connection& connection, const hub::Published& published);
  void on_credit(Client& client, runtime::Connection& connection);
  void on_judged(Client& client, runtime::Connection& connection, const Judgement& judgement);
  // What hooks say to the connection, or to the message that is next, of the request in progress.
  void on_decided(Client& client, runtime::Connection& connection, uint64_t ticket, HookDecision decision);
  void drain(Client& client, runtime::Connection& connection);
  void on_closed(Client& client);
  // Before the flush: what the hub's calls asked for but may not be done within them.
  void on_tick();
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
  // A poll that is about to be answered: the client speaks HTTP again. Then respond().
  void take_back(Client& client);
  std::string_view allow_origin(const Client& client) const;

 private:
  HttpState& state(Client& client);
  void release(Client& client);
  void keep_parser(HttpState& state);
  void read_flags(Client& client, const wire::HttpRequest& http);
  bool check_head(Client& client, runtime::Connection& connection, const wire::HttpRequest& http);
  void dispatch(Client& client, runtime::Connection& connection);
  bool admit(Client& client, runtime::Connection& connection, const wire::HttpRequest& http, const Route& route);
  bool asks_for_this_host(Client& client, runtime::Connection& connection, const wire::HttpRequest& http,
                          Endpoint endpoint);
  bool read_names(Client& client, runtime::Connection& connection, Request& request, const Routes::Match& match);
  void serve(Client& client, runtime::Connection& connection, Request& request, std::string_view second);
  void serve_file(Client& client, runtime::Connection& connection, const Request& request);
  void hand_over(Client& client, runtime::Connection& connection, const Request& request);
  void answer_options(Client& client, runtime::Connection& connection, const wire::HttpRequest& http,
                      std::string_view allow);
  void send_and_finish(Client& client, runtime::Connection& connection, uint16_t status);
  // http_identity.cc: who the request comes from. The head says what is proved; once the request is routed, the names
  // that it gives are taken as far as that lets them be.
  bool authenticate(Client& client, runtime::Connection& connection, const wire::HttpRequest& http, const Route& route);
  Result<void> name(Request& request) const;
  std::string_view given_token(const wire::HttpRequest& http, const Route& route, HttpState& current) const;
  // 401: `error` is what is wrong with the credentials that were given; without any, `wanted` says which are.
  void challenge(Client& client, runtime::Connection& connection, const Error* error, std::string_view wanted);

  // http_limits.cc. True: it has been asked, on_judged goes on.
  bool ask_limits(Client& client, const auth::Identity& identity, const auth::Question& cost);
  bool find_address(Client& client, runtime::Connection& connection, const wire::HttpRequest& http);
  // Those whose limits hold for what this caller does; the second: its connection is counted already.
  using Subjects = std::function<void(const auth::LimitSubject&, bool)>;
  void subjects_of(const Client& client, const auth::Identity& identity, const IpAddress& address, const Subjects& add);
  // A WebSocket has opened: what it sends is counted from here on.
  void meter(Client& client, const auth::Identity& identity, const IpAddress& address);
  void refuse_limit(Client& client, runtime::Connection& connection, const Judgement& judgement);

  // http_hooks.cc: what others decide.
  enum class Entry : uint8_t {
    open,     // the request goes on
    waiting,  // for the answer
    refused,  // it has been told
  };
  Entry ask_to_connect(Client& client, runtime::Connection& connection, Request& request);
  void forget_question(Client& client);
  // Whether the message may be published now, as it was changed; else the answer is waited for, or it was refused (and
  // the unit is over).
  enum class Verdict : uint8_t { publish, wait, refused };
  Verdict ask_about(Client& client, hub::Publish& publish, PublishOutcome& outcome);

  // rest_rooms.cc: questions to the hub and their answers.
  void ask(Client& client, runtime::Connection& connection, const Request& request, std::string_view second);
  void answer_rooms(Client& client, runtime::Connection& connection, const hub::Answer& answer);
  void revoke(Client& client, runtime::Connection& connection, const Request& request);
  // rest_stats.cc
  void ask_stats(Client& client, std::string tenant, Endpoint endpoint = Endpoint::stats);
  void ask_position(Client& client);
  void answer_stats(Client& client, runtime::Connection& connection, const hub::Answer& answer);
  void answer_broker_stats(Client& client, runtime::Connection& connection, const hub::Answer& answer);
  void answer_online(Client& client, runtime::Connection& connection);
  void answer_metrics(Client& client, runtime::Connection& connection);
  void answer_status(Client& client, runtime::Connection& connection, const Request& request);
  // stats_stream.cc
  static bool streams_stats(const Client& client);
  void open_stats_stream(Client& client, runtime::Connection& connection, const Request& request);
  void send_stats(Client& client, runtime::Connection& connection);
  void end_stats_stream(Client& client, runtime::Connection& connection);
  // rest_messages.cc
  void begin_publish(Client& client, runtime::Connection& connection, const Request& request);
  // Whether who has only a token may publish all of it; refuses it else.
  bool may_publish(Client& client, runtime::Connection& connection, const auth::Identity& identity,
                   const wire::PublishBody& body);
  void go_on_publishing(Client& client, runtime::Connection& connection, const wire::PublishBody& body);
  void send_to_connection(Client& client, const wire::PublishRequest& item, std::string_view name,
                          std::string_view tenant, uint64_t correlation);
  void take_delivery(Client& client, runtime::Connection& connection, const hub::Answer& answer);
  void finish_publish(Client& client, runtime::Connection& connection);

  Gate& gate_;
  HttpState* handing_over_ = nullptr;  // during open() of another session
  uint32_t parsers_epoch_ = 0;
  std::vector<std::unique_ptr<wire::HttpRequestParser>> parsers_;  // idle ones
  std::vector<wire::HttpHeader> headers_;
  std::string out_;  // of the response being written
  std::string body_;
  std::string key_;
  std::vector<wire::PublishResult> results_;
  std::vector<ConnectionId> continuing_;
  std::vector<auth::Question> questions_;
};

}  // namespace ringcast::session
