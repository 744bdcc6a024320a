// SPDX-License-Identifier: Apache-2.0
// The table of routes: method and path to endpoint, who may call it, which dialect is spoken there, and what is set for
// its connections. The rows of the configuration come first, then those of routes.cc. Made at start, read-only
// afterwards; any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "codec/http1/http_request_parser.h"
#include "compat/dialect.h"
#include "hub/policy.h"

namespace ringcast::session {

enum class Endpoint : uint8_t {
  websocket,
  echo,
  events,
  poll,
  engine_io,
  engine_io_echo,
  messages,
  rooms,
  members,
  history,
  purge,
  close_room,
  remove_member,
  users,
  user,
  disconnect_user,
  connections,
  disconnect,
  send,    // a message in the spelling of its dialect
  online,  // {"online_users":n}
  broker_stats,
  revoke_user,
  revoke_token,
  stats,
  stats_stream,
  stats_history,
  metrics,
  health,
  ready,
  file,
};

// Those that are handed over to the session of a transport.
constexpr bool is_stream_endpoint(Endpoint endpoint) {
  return endpoint <= Endpoint::engine_io_echo;
}
constexpr bool is_engine_io(Endpoint endpoint) {
  return endpoint == Endpoint::engine_io || endpoint == Endpoint::engine_io_echo;
}
// Those that look after the server: answered where limits refuse everything else.
constexpr bool is_status_endpoint(Endpoint endpoint) {
  return endpoint == Endpoint::health || endpoint == Endpoint::ready || endpoint == Endpoint::metrics;
}

constexpr bool is_publish_endpoint(Endpoint endpoint) {
  return endpoint == Endpoint::messages || endpoint == Endpoint::send;
}

enum class Access : uint8_t {
  open,    // everybody, from any page
  client,  // people's clients: pages of this host or listed ones
  status,  // like `open` unless configured otherwise, then like `key`
  user,    // with the API key, or with a user's token and its permissions; open like `key` while there is neither
  key,     // with the API key, once one is configured; else like `client`
};

// The subprotocol that our own clients offer.
inline constexpr std::string_view kNativeProtocol = "ringcast.v1";

// What a route sets for its connections; zero: as everywhere.
struct RouteSettings {
  std::chrono::milliseconds heartbeat_interval{0};
  std::chrono::milliseconds heartbeat_timeout{0};
  std::chrono::milliseconds write_timeout{0};  // a peer that takes nothing for so long is dead
  std::chrono::milliseconds retry{0};
  uint32_t message_max = 0;
  uint32_t outbox_bytes_max = 0;
  uint32_t outbox_messages_max = 0;
  uint32_t send_buffer_bytes = 0;
  uint32_t connections_max = 0;
  std::optional<hub::SlowPolicy> slow;  // none: as its rooms say
  bool single_room = false;             // a second join leaves the first
  bool topics = true;                   // of a broker: topics= is taken

  friend bool operator==(const RouteSettings&, const RouteSettings&) = default;
};

struct Route {
  codec::HttpMethod method;  // GET rows take HEAD too
  std::string pattern;       // "{}" stands for one or more characters
  Endpoint endpoint;
  Access access;
  Dialect dialect = Dialect::native;
  uint8_t index = 0;
  // The query must have these parameters, and none of those.
  std::vector<std::string> with = {};
  std::vector<std::string> without = {};
  bool without_protocol = false;       // not for clients that offer the subprotocol ringcast.v1
  bool upgrades_only = false;          // for what opens a WebSocket only
  std::vector<std::string> join = {};  // channels joined by themselves: "@me", "*", "order-status/{}"
  RouteSettings settings = {};
};

// A native connection has one of three transports, a dialect its own; what is posted is another request.
enum class NativeTransport : uint8_t { websocket, events, poll, post };
Endpoint endpoint_of(Dialect dialect, NativeTransport transport = NativeTransport::websocket);
// Whether clients of the dialect post messages.
bool is_posted(Dialect dialect);
inline constexpr size_t kConfiguredRoutesMax = 100;
inline constexpr size_t kRoutesMax = 256;

// Whether `path` fits; the views of what "{}" stood for go to `first` and `second`.
bool match_path(std::string_view pattern, std::string_view path, std::string_view& first, std::string_view& second);

class Routes {
 public:
  struct Options {
    bool echo = false;
    bool token_hub_any_path = false;  // a token hub takes every upgrade
    std::string socketio_path = {};   // empty: Socket.IO is not spoken
    bool engine_io_echo = false;
    std::vector<Route> configured = {};
  };
  explicit Routes(const Options& options);

  struct Match {
    const Route* route = nullptr;  // none: not found, or `allow` says which methods there are
    std::string_view first;        // percent-encoded as in the path
    std::string_view second;
    std::string allow;  // "GET, HEAD, POST": of a path that is known under other methods
  };
  // `path` is percent-encoded, with its escapes normalized: a name with an encoded '/' is one name. `query` is as it
  // came.
  struct Asks {
    bool offers_protocol = false;  // the subprotocol ringcast.v1
    bool upgrades = false;         // to a WebSocket
  };
  Match match(codec::HttpMethod method, std::string_view path, std::string_view query, Asks asks) const;
  Match match(codec::HttpMethod method, std::string_view path, std::string_view query = {}) const {
    return match(method, path, query, Asks());
  }
  const Route& operator[](uint8_t index) const { return routes_[index]; }
  // What is served where no row fits: a file of the page.
  const Route& file_route() const { return routes_.back(); }

 private:
  Route& add(codec::HttpMethod method, std::string_view pattern, Endpoint endpoint, Access access,
             Dialect dialect = Dialect::native);
  void add_dialects();
  void add_token_hub();
  void add_engine_io(std::string_view path, Endpoint endpoint);
  std::vector<Route> routes_;
};

}  // namespace ringcast::session
