// SPDX-License-Identifier: Apache-2.0
// The `online_list` of a chat room: its members are sent the names of all members whenever one comes or goes. The
// room's owner core is asked once for all members that this core has. One per core, its reactor's thread only; bounded
// by the connections.
#pragma once

#include <tsl/robin_map.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "client/clients.h"
#include "hub/types.h"

namespace ringcast::session {

class OnlineLists {
 public:
  explicit OnlineLists(Clients& clients) : clients_(clients) {}

  void enter(ConnectionId connection, std::string_view room_key);
  void leave(ConnectionId connection);  // where it is, if anywhere
  // Presence says that somebody came or went.
  void changed(std::string_view room_key);
  // Asks for the rooms that have changed; not from within a call of the hub.
  void ask();
  // Gives each member of the room the list, as a JSON array of names.
  void take(const hub::Answer& answer, const std::function<void(ConnectionId, std::string_view)>& give);

 private:
  struct Room {
    std::vector<ConnectionId> members;
    ConnectionId asker;
    uint64_t correlation = 0;  // 0: nothing is outstanding
    bool changed = false;
  };
  void note(const std::string& key, Room& room);

  Clients& clients_;
  using Rooms = std::map<std::string, Room, std::less<>>;
  struct Place {
    Rooms::iterator room;
    uint32_t at;  // among its members
  };
  Rooms rooms_;
  tsl::robin_map<uint32_t, Place> entered_;          // by slot
  tsl::robin_map<uint64_t, Rooms::iterator> asked_;  // by correlation: those whose answer is outstanding
  std::vector<std::string> changed_;
  uint64_t last_correlation_ = 0;
  std::string list_;
};

}  // namespace ringcast::session
