// SPDX-License-Identifier: Apache-2.0
// Acknowledgements that a server waits for: events which a client was sent with a number. Each ends once: the client
// has acknowledged, is gone, or its time is over. Part of the SocketIoTransport of a core; its reactor's thread only.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "client/clients.h"
#include "hub/types.h"

namespace ringcast::session {

class SocketIoAsks {
 public:
  explicit SocketIoAsks(Clients& clients) : clients_(clients) {}

  // The number that the event is sent with.
  uint64_t open(ConnectionId member, const hub::Asker& asker, std::chrono::milliseconds time);
  // `arguments` is a JSON array. A number that is none, or of another member, is ignored.
  void acknowledged(ConnectionId member, uint64_t number, std::string_view arguments,
                    std::span<const std::string> attachments);
  // Outside calls of the hub.
  void gone(ConnectionId member);
  void on_interval();

 private:
  using Due = std::multimap<std::chrono::nanoseconds, uint64_t>;
  using ByMember = std::multimap<uint64_t, uint64_t>;
  struct Ask {
    ConnectionId member;
    hub::Asker asker;
    ByMember::iterator of_member;
    Due::iterator due;
  };
  using Asks = std::map<uint64_t, Ask>;
  void end(Asks::iterator ask, const hub::Answer& answer);

  Clients& clients_;
  Asks asks_;  // by number; bounded by the questions that servers have under way
  ByMember by_member_;
  Due due_;
  uint64_t last_ = 0;
};

}  // namespace ringcast::session
