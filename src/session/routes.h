// The table of routes: method and path to endpoint, who may call it, and which dialect is spoken there. Made at start,
// read-only afterwards; any thread. A further dialect is a row with its path, its Dialect and the channels it joins.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "session/form.h"
#include "wire/http_request_parser.h"

namespace ringcast::session {

enum class Endpoint : uint8_t {
  websocket,
  echo,
  events,
  poll,
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
  stats,
  metrics,
  health,
  ready,
  file,
};

enum class Access : uint8_t {
  open,    // everybody, from any page
  client,  // people's clients: pages of this host or listed ones
  status,  // like `open` unless configured otherwise, then like `key`
  key,     // with the API key, once one is configured; else like `client`
};

struct Route {
  wire::HttpMethod method;  // GET rows take HEAD too
  std::string pattern;      // "{}" stands for one or more characters
  Endpoint endpoint;
  Access access;
  Dialect dialect = Dialect::native;
  uint8_t index = 0;
};

// Whether `path` fits; the views of what "{}" stood for go to `first` and `second`.
bool match_path(std::string_view pattern, std::string_view path, std::string_view& first, std::string_view& second);

class Routes {
 public:
  struct Options {
    bool echo = false;
  };
  explicit Routes(const Options& options);

  struct Match {
    const Route* route = nullptr;  // none: not found, or `allow` says which methods there are
    std::string_view first;        // percent-encoded as in the path
    std::string_view second;
    std::string allow;  // "GET, HEAD, POST": of a path that is known under other methods
  };
  // `path` is as it came, percent-encoded: a name with an encoded '/' is one name.
  Match match(wire::HttpMethod method, std::string_view path) const;
  const Route& operator[](uint8_t index) const { return routes_[index]; }
  // What is served where no row fits: a file of the page.
  const Route& file_route() const { return routes_.back(); }

 private:
  void add(wire::HttpMethod method, std::string_view pattern, Endpoint endpoint, Access access);
  std::vector<Route> routes_;
};

}  // namespace ringcast::session
