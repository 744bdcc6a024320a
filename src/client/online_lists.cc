// SPDX-License-Identifier: Apache-2.0
#include "client/online_lists.h"

#include <utility>

#include "base/erase_at.h"
#include "codec/json/json_writer.h"
#include "codec/native/names.h"
#include "compat/dialect.h"

namespace ringcast::session {

void OnlineLists::note(const std::string& key, Room& room) {
  if (room.changed) return;
  room.changed = true;
  changed_.push_back(key);
}

void OnlineLists::enter(ConnectionId connection, std::string_view room_key) {
  const auto at = rooms_.try_emplace(std::string(room_key)).first;
  std::vector<ConnectionId>& members = at->second.members;
  entered_.insert_or_assign(connection.slot, Place{at, static_cast<uint32_t>(members.size())});
  members.push_back(connection);
  note(at->first, at->second);
}

void OnlineLists::leave(ConnectionId connection) {
  const auto entered = entered_.find(connection.slot);
  if (entered == entered_.end()) return;
  const auto [at, place] = entered->second;
  erase_at(entered_, entered);
  Room& room = at->second;
  // The last one takes the place.
  if (place + 1 != room.members.size()) {
    room.members[place] = room.members.back();
    entered_.at(room.members[place].slot).at = place;
  }
  room.members.pop_back();
  if (room.members.empty()) {
    erase_key(asked_, room.correlation);
    rooms_.erase(at);
    return;
  }
  // The answer goes nowhere when the one who asked has gone.
  if (room.correlation != 0 && room.asker == connection) {
    erase_key(asked_, std::exchange(room.correlation, 0));
    note(at->first, room);
  }
}

void OnlineLists::changed(std::string_view room_key) {
  const auto at = rooms_.find(room_key);
  if (at != rooms_.end()) note(at->first, at->second);
}

void OnlineLists::ask() {
  if (changed_.empty()) return;
  for (const std::string& key : std::exchange(changed_, {})) {
    const auto at = rooms_.find(key);
    if (at == rooms_.end()) continue;
    Room& room = at->second;
    if (room.correlation != 0) continue;  // asked again when that answer is here
    room.changed = false;
    room.asker = room.members.front();
    room.correlation = ++last_correlation_;
    asked_[room.correlation] = at;
    hub::Query query{hub::QueryKind::members};
    query.key = key;
    query.tenant = hub::tenant_of(key);
    query.limit = clients_.options().list_limit_max;
    query.from = room.asker;
    query.correlation = room.correlation;
    clients_.hub().query(query);
  }
}

void OnlineLists::take(const hub::Answer& answer, const std::function<void(ConnectionId, std::string_view)>& give) {
  const auto asked = asked_.find(answer.correlation);
  if (asked == asked_.end()) return;
  const Rooms::iterator at = asked->second;
  erase_at(asked_, asked);
  Room& room = at->second;
  room.correlation = 0;
  list_.clear();
  codec::JsonWriter writer(list_);
  writer.begin_array();
  for (const hub::Row& row : answer.rows) writer.string(codec::is_anonymous(row.name) ? kChatRoom.nobody : row.name);
  writer.end_array();
  for (const ConnectionId member : room.members) give(member, list_);
  if (room.changed) changed_.push_back(at->first);
}

}  // namespace ringcast::session
