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

#include "access/identity.h"
#include "access/origin.h"
#include "access/subject_table.h"
#include "api/messages_api.h"
#include "api/request_limits.h"
#include "api/request_state.h"
#include "api/responder.h"
#include "api/rooms_api.h"
#include "api/sign_in.h"
#include "api/statistics_api.h"
#include "base/error.h"
#include "base/ip_address.h"
#include "client/client.h"
#include "client/hooks.h"
#include "client/routes.h"
#include "codec/http1/http_message.h"
#include "codec/http1/http_request_parser.h"
#include "codec/http1/url.h"
#include "codec/native/publish_request.h"
#include "codec/native/rest_json.h"
#include "hub/types.h"
#include "reactor/connection.h"
#include "transport/transport.h"

namespace ringcast::session {

class Gate;
struct Request;
struct Judgement;
struct StaticFile;
class FileCache;

class HttpSession final : public Protocol, public Responder {
 public:
  explicit HttpSession(Gate& gate);
  ~HttpSession() override;

  void begin(Client& client, reactor::Connection& connection);  // a fresh connection
  size_t on_bytes(Client& client, reactor::Connection& connection, std::span<uint8_t> bytes) override;
  void on_peer_gone(Client& client, reactor::Connection& connection) override;
  void on_drained(Client& client, reactor::Connection& connection) override;
  void on_slow(Client& client, reactor::Connection& connection, reactor::CloseCause cause) override;
  void on_timer(Client& client, reactor::Connection& connection) override;
  void on_answer(Client& client, reactor::Connection& connection, const hub::Answer& answer) override;
  void on_published(Client& client, Connection& connection, const hub::Published& published) override {
    messages_.on_published(client, connection, published);
  }
  void on_credit(Client& client, Connection& connection) override { messages_.go_on(client, connection); }
  void on_judged(Client& client, reactor::Connection& connection, const Judgement& judgement);
  // What hooks say to the connection, or to the message that is next, of the request in progress.
  void on_decided(Client& client, reactor::Connection& connection, uint64_t ticket, HookDecision decision);
  void drain(Client& client, reactor::Connection& connection) override;
  void on_closed(Client& client, reactor::CloseCause cause) override;
  // Before the flush: what the hub's calls asked for but may not be done within them.
  void on_tick() override;
  // After the flush: answers may be made again. Whether any wait for that.
  bool start_turns() {
    made_bytes_ = 0;
    return !in_line_.empty();
  }
  void trim();  // once a second: parsers that nobody has needed since the last time
  bool idle() const { return continuing_.empty(); }

  void respond(Client& client, reactor::Connection& connection, const HttpAnswer& answer) override;
  void refuse_as(Client& client, reactor::Connection& connection, uint16_t status, const Error& why,
                 std::string_view body) override;
  void respond_raw(Client& client, reactor::Connection& connection, uint16_t status,
                   std::string_view response) override;
  void refuse(Client& client, reactor::Connection& connection, uint16_t status, std::string_view code,
              std::string_view message, std::span<const codec::HttpHeader> headers = {},
              std::chrono::milliseconds after = std::chrono::milliseconds(0)) override;
  void append_cors(std::vector<codec::HttpHeader>& headers, const Client& client) const override;
  RequestState& state(Client& client) override;
  void continue_later(const Client& client) override { continuing_.push_back(client.id); }
  // A poll that is about to be answered: the client speaks HTTP again. Then respond().
  void take_back(Client& client);
  // A client that is no WebSocket, but sends like one.
  void meter(Client& client, const access::Identity& identity, const IpAddress& address) {
    limits_.meter(client, identity, address);
  }
  std::string_view allow_origin(const Client& client) const;
  IpAddress address_of(const Client& client) const override;

 private:
  size_t begins_http2(Client& client, reactor::Connection& connection, std::span<const uint8_t> bytes);
  void release(Client& client);
  void keep_parser(RequestState& state);
  io::Nanoseconds body_time_left(const RequestState& current) const;
  void read_flags(Client& client, const codec::HttpRequest& http);
  bool check_head(Client& client, reactor::Connection& connection, const codec::HttpRequest& http);
  // A request that has come as a whole; `pipelined`: with more behind it.
  void take_request(Client& client, reactor::Connection& connection, bool pipelined);
  bool may_answer() const;
  void serve_line();
  void dispatch(Client& client, reactor::Connection& connection);
  bool admit(Client& client, reactor::Connection& connection, const codec::HttpRequest& http, const Route& route);
  bool asks_for_this_host(Client& client, reactor::Connection& connection, const codec::HttpRequest& http,
                          Endpoint endpoint);
  bool read_names(Client& client, reactor::Connection& connection, Request& request, const Routes::Match& match);
  void serve(Client& client, reactor::Connection& connection, Request& request, std::string_view second);
  void serve_file(Client& client, reactor::Connection& connection, const Request& request);
  void send_file(Client& client, reactor::Connection& connection, const Request& request, const StaticFile& file);
  void hand_over(Client& client, reactor::Connection& connection, const Request& request);
  void answer_options(Client& client, reactor::Connection& connection, std::string_view allow);
  void send_and_finish(Client& client, reactor::Connection& connection, uint16_t status);
  // What others decide.
  enum class Entry : uint8_t {
    open,     // the request goes on
    waiting,  // for the answer
    refused,  // it has the answer
  };
  Entry ask_to_connect(Client& client, reactor::Connection& connection, Request& request);
  void forget_question(Client& client);

  Gate& gate_;
  RequestState* handing_over_ = nullptr;  // during open() of another session
  uint32_t parsers_epoch_ = 0;
  std::vector<std::unique_ptr<codec::HttpRequestParser>> parsers_;  // idle ones
  size_t parsers_unused_ = 0;                                       // the fewest of them since the last trim()
  std::vector<codec::HttpHeader> headers_;
  std::string out_;  // of the response being written
  std::vector<ConnectionId> continuing_;
  std::deque<ConnectionId> in_line_;  // their requests have come, and ask for something large
  size_t made_bytes_ = 0;             // of answers, in this tick
  std::unique_ptr<FileCache> files_;  // made when the first file is asked for
  SignIn sign_in_;
  RequestLimits limits_;
  RoomsApi rooms_;
  MessagesApi messages_;
  StatisticsApi statistics_;
};

}  // namespace ringcast::session
