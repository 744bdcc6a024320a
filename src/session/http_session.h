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
#include "session/request_limits.h"
#include "session/request_state.h"
#include "session/responder.h"
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

class HttpSession final : public Protocol, public Responder {
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

  void respond(Client& client, runtime::Connection& connection, const HttpAnswer& answer) override;
  void respond_raw(Client& client, runtime::Connection& connection, uint16_t status,
                   std::string_view response) override;
  void refuse(Client& client, runtime::Connection& connection, uint16_t status, std::string_view code,
              std::string_view message, std::span<const wire::HttpHeader> headers = {},
              std::chrono::milliseconds after = std::chrono::milliseconds(0)) override;
  void append_cors(std::vector<wire::HttpHeader>& headers, const Client& client) const override;
  RequestState& state(Client& client) override;
  void continue_later(const Client& client) override { continuing_.push_back(client.id); }
  // A poll that is about to be answered: the client speaks HTTP again. Then respond().
  void take_back(Client& client);
  std::string_view allow_origin(const Client& client) const;
  IpAddress address_of(const Client& client) const override;

 private:
  void release(Client& client);
  void keep_parser(RequestState& state);
  io::Nanoseconds body_time_left(const RequestState& current) const;
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
  RequestState* handing_over_ = nullptr;  // during open() of another session
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
