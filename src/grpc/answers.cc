// SPDX-License-Identifier: Apache-2.0
#include "grpc/answers.h"

#include <push.pb.h>
#include <ringcast.pb.h>

#include <charconv>
#include <cstdint>

#include "codec/json/json_members.h"
#include "codec/text/base64.h"

namespace ringcast::grpc {
namespace {

using codec::JsonMembers;

uint64_t number_of(std::string_view json) {
  uint64_t value = 0;
  std::from_chars(json.data(), json.data() + json.size(), value);
  return value;
}

void set_text(std::string& to, std::string_view json) {
  to.clear();
  codec::append_unquoted(to, json);
}

// A member of the JSON and the field of the message that has it.
template <class Message>
struct Text {
  std::string_view name;
  std::string* (Message::*field)();
};
template <class Message>
struct Number {
  std::string_view name;
  void (Message::*field)(uint64_t);
};

template <class Message, size_t N>
bool take(Message& message, const Text<Message> (&fields)[N], std::string_view name, std::string_view value) {
  for (const Text<Message>& field : fields) {
    if (field.name != name) continue;
    if (value != "null") set_text(*(message.*field.field)(), value);
    return true;
  }
  return false;
}
template <class Message, size_t N>
bool take(Message& message, const Number<Message> (&fields)[N], std::string_view name, std::string_view value) {
  for (const Number<Message>& field : fields) {
    if (field.name != name) continue;
    (message.*field.field)(number_of(value));
    return true;
  }
  return false;
}

template <class F>
void each_member(std::string_view object, F f) {
  JsonMembers members(object);
  std::string_view name, value;
  while (members.next(name, value)) f(name, value);
}

template <class F>
void each_element(std::string_view array, F f) {
  codec::JsonElements elements(array);
  std::string_view value;
  while (elements.next(value)) f(value);
}

// {"a":1,…} with keys that are data.
template <class Map>
void read_counts(Map& to, std::string_view object) {
  std::string key;
  each_member(object, [&](std::string_view name, std::string_view value) {
    // `name` lies between its quotes.
    set_text(key, {name.data() - 1, name.size() + 2});
    to[key] = number_of(value);
  });
}

void read(v1::PublishResult& to, std::string_view json) {
  static constexpr Text<v1::PublishResult> kTexts[] = {{"status", &v1::PublishResult::mutable_status},
                                                       {"room", &v1::PublishResult::mutable_room},
                                                       {"user", &v1::PublishResult::mutable_user}};
  static constexpr Number<v1::PublishResult> kNumbers[] = {{"event_id", &v1::PublishResult::set_event_id},
                                                           {"receivers", &v1::PublishResult::set_receivers}};
  each_member(json, [&](std::string_view name, std::string_view value) {
    if (take(to, kTexts, name, value) || take(to, kNumbers, name, value)) return;
    if (name == "duplicate") {
      to.set_duplicate(value == "true");
    } else if (name == "error") {
      set_text(*to.mutable_error()->mutable_code(), codec::json_member(value, "code"));
      set_text(*to.mutable_error()->mutable_message(), codec::json_member(value, "message"));
    } else if (name == "results") {
      each_element(value, [&](std::string_view item) { read(*to.add_results(), item); });
    } else if (name == "ack" && value != "null") {
      to.set_ack(std::string(value));
    } else if (name == "attachments") {
      each_element(value, [&](std::string_view item) {
        if (item.size() >= 2) codec::base64_decode(item.substr(1, item.size() - 2), *to.add_attachments());
      });
    }
  });
}

void read(v1::UserState& to, std::string_view json) {
  static constexpr Text<v1::UserState> kTexts[] = {{"user", &v1::UserState::mutable_user},
                                                   {"status", &v1::UserState::mutable_status}};
  each_member(json, [&](std::string_view name, std::string_view value) {
    if (take(to, kTexts, name, value)) return;
    if (name == "online") to.set_online(value == "true");
    if (name == "connections") to.set_connections(number_of(value));
  });
}

void read(v1::Event& to, std::string_view json) {
  static constexpr Text<v1::Event> kTexts[] = {{"event_type", &v1::Event::mutable_event_type},
                                               {"room", &v1::Event::mutable_room},
                                               {"user", &v1::Event::mutable_user},
                                               {"content", &v1::Event::mutable_content},
                                               {"event", &v1::Event::mutable_event},
                                               {"connection", &v1::Event::mutable_connection}};
  each_member(json, [&](std::string_view name, std::string_view value) {
    if (take(to, kTexts, name, value)) return;
    if (name == "id") to.set_id(number_of(value));
    if (name == "data") to.set_data(std::string(value));
    if (name == "timestamp") to.set_timestamp_ms(static_cast<int64_t>(codec::timestamp_ms(value)));
  });
}

void read(v1::StatsResponse::Core& to, std::string_view json) {
  using Core = v1::StatsResponse::Core;
  static constexpr Number<Core> kNumbers[] = {{"clients", &Core::set_clients},
                                              {"memberships", &Core::set_memberships},
                                              {"channels", &Core::set_channels},
                                              {"published", &Core::set_published},
                                              {"delivered", &Core::set_delivered},
                                              {"cpu_us", &Core::set_cpu_us},
                                              {"ticks", &Core::set_ticks},
                                              {"history_bytes", &Core::set_history_bytes},
                                              {"queued_bytes", &Core::set_queued_bytes}};
  each_member(json, [&](std::string_view name, std::string_view value) {
    if (!take(to, kNumbers, name, value) && name == "core") to.set_core(static_cast<uint32_t>(number_of(value)));
  });
}

template <class Message>
void append(std::string& out, const Message& message) {
  message.AppendToString(&out);
}

// Answers of two texts, or of a text or two and a count.
template <class Message, size_t N>
void append_texts(std::string& out, std::string_view json, const Text<Message> (&fields)[N]) {
  Message message;
  each_member(json, [&](std::string_view name, std::string_view value) { take(message, fields, name, value); });
  append(out, message);
}
template <class Message, size_t N>
void append_texts(std::string& out, std::string_view json, const Text<Message> (&fields)[N],
                  const Number<Message>& count) {
  const Number<Message> counts[] = {count};
  Message message;
  each_member(json, [&](std::string_view name, std::string_view value) {
    if (!take(message, fields, name, value)) take(message, counts, name, value);
  });
  append(out, message);
}

}  // namespace

void answer_publish(std::string& out, std::string_view json) {
  v1::PublishResult message;
  read(message, json);
  append(out, message);
}

void answer_batch(std::string& out, std::string_view json) {
  v1::PublishBatchResponse message;
  each_element(json, [&](std::string_view item) { read(*message.add_results(), item); });
  append(out, message);
}

void answer_push(std::string& out, std::string_view) {
  v1::PushToUsersResponse message;
  message.set_code(200);
  message.set_msg("推送成功");
  append(out, message);
}

void answer_rooms(std::string& out, std::string_view json) {
  using Room = v1::RoomsResponse::Room;
  static constexpr Number<Room> kNumbers[] = {
      {"members", &Room::set_members}, {"id", &Room::set_id}, {"messages", &Room::set_messages}};
  v1::RoomsResponse message;
  each_member(json, [&](std::string_view name, std::string_view value) {
    if (name == "next") set_text(*message.mutable_next(), value);
    if (name != "rooms") return;
    each_element(value, [&](std::string_view item) {
      Room& room = *message.add_rooms();
      each_member(item, [&](std::string_view key, std::string_view given) {
        if (!take(room, kNumbers, key, given) && key == "room") set_text(*room.mutable_room(), given);
      });
    });
  });
  append(out, message);
}

void answer_members(std::string& out, std::string_view json) {
  using Member = v1::MembersResponse::Member;
  static constexpr Text<Member> kTexts[] = {{"user", &Member::mutable_user}, {"status", &Member::mutable_status}};
  v1::MembersResponse message;
  each_member(json, [&](std::string_view name, std::string_view value) {
    if (name == "room") set_text(*message.mutable_room(), value);
    if (name == "count") message.set_count(number_of(value));
    if (name != "members") return;
    each_element(value, [&](std::string_view item) {
      Member& member = *message.add_members();
      each_member(item, [&](std::string_view key, std::string_view given) {
        if (!take(member, kTexts, key, given) && key == "connections") member.set_connections(number_of(given));
      });
    });
  });
  append(out, message);
}

void answer_history(std::string& out, std::string_view json) {
  v1::HistoryResponse message;
  each_member(json, [&](std::string_view name, std::string_view value) {
    if (name == "room") set_text(*message.mutable_room(), value);
    if (name == "oldest" && value != "null") message.set_oldest(number_of(value));
    if (name == "newest" && value != "null") message.set_newest(number_of(value));
    if (name != "messages") return;
    each_element(value, [&](std::string_view item) { read(*message.add_messages(), item); });
  });
  append(out, message);
}

void answer_purge(std::string& out, std::string_view json) {
  using Answer = v1::PurgeResponse;
  append_texts<Answer>(out, json, {{"room", &Answer::mutable_room}, {"status", &Answer::mutable_status}});
}

void answer_close_room(std::string& out, std::string_view json) {
  using Answer = v1::CloseRoomResponse;
  append_texts<Answer>(out, json, {{"room", &Answer::mutable_room}, {"status", &Answer::mutable_status}});
}

void answer_remove_member(std::string& out, std::string_view json) {
  using Answer = v1::RemoveMemberResponse;
  append_texts<Answer>(out, json, {{"room", &Answer::mutable_room}, {"user", &Answer::mutable_user}},
                       {"removed", &Answer::set_removed});
}

void answer_users(std::string& out, std::string_view json) {
  v1::UsersResponse message;
  each_member(json, [&](std::string_view name, std::string_view value) {
    if (name == "next") set_text(*message.mutable_next(), value);
    if (name == "users") each_element(value, [&](std::string_view item) { read(*message.add_users(), item); });
  });
  append(out, message);
}

void answer_user(std::string& out, std::string_view json) {
  v1::UserState message;
  read(message, json);
  append(out, message);
}

void answer_disconnect_user(std::string& out, std::string_view json) {
  using Answer = v1::DisconnectUserResponse;
  append_texts<Answer>(out, json, {{"user", &Answer::mutable_user}}, {"disconnected", &Answer::set_disconnected});
}

void answer_connections(std::string& out, std::string_view json) {
  using Connection = v1::ConnectionsResponse::Connection;
  static constexpr Text<Connection> kTexts[] = {{"connection_id", &Connection::mutable_connection_id},
                                                {"user", &Connection::mutable_user}};
  v1::ConnectionsResponse message;
  each_member(json, [&](std::string_view name, std::string_view value) {
    if (name == "next") set_text(*message.mutable_next(), value);
    if (name != "connections") return;
    each_element(value, [&](std::string_view item) {
      Connection& connection = *message.add_connections();
      each_member(item, [&](std::string_view key, std::string_view given) { take(connection, kTexts, key, given); });
    });
  });
  append(out, message);
}

void answer_disconnect(std::string& out, std::string_view json) {
  using Answer = v1::DisconnectResponse;
  append_texts<Answer>(out, json, {{"connection_id", &Answer::mutable_connection_id}},
                       {"disconnected", &Answer::set_disconnected});
}

void answer_revoke_user(std::string& out, std::string_view json) {
  using Answer = v1::RevokeUserResponse;
  append_texts<Answer>(out, json, {{"user", &Answer::mutable_user}, {"status", &Answer::mutable_status}});
}

void answer_revoke_token(std::string& out, std::string_view json) {
  using Answer = v1::RevokeTokenResponse;
  append_texts<Answer>(out, json, {{"token_id", &Answer::mutable_token_id}, {"status", &Answer::mutable_status}});
}

void answer_stats(std::string& out, std::string_view json) {
  using Stats = v1::StatsResponse;
  static constexpr Number<Stats> kNumbers[] = {
      {"total_clients", &Stats::set_total_clients},
      {"online_users", &Stats::set_online_users},
      {"buffered_events", &Stats::set_buffered_events},
      {"next_event_id", &Stats::set_next_event_id},
      {"channels", &Stats::set_channels},
      {"occupied_rooms", &Stats::set_occupied_rooms},
      {"memberships", &Stats::set_memberships},
      {"resident_bytes", &Stats::set_resident_bytes},
      {"history_bytes", &Stats::set_history_bytes},
      {"connections", &Stats::set_connections},
      {"messages_total", &Stats::set_messages_total},
      {"deliveries_total", &Stats::set_deliveries_total},
      {"bytes_in_total", &Stats::set_bytes_in_total},
      {"bytes_out_total", &Stats::set_bytes_out_total},
      {"resumed_total", &Stats::set_resumed_total},
      {"gaps_total", &Stats::set_gaps_total},
      {"slow_closed_total", &Stats::set_slow_closed_total},
      {"timestamp_ms", &Stats::set_timestamp_ms},
      {"uptime_seconds", &Stats::set_uptime_seconds},
  };
  static constexpr Text<Stats> kTexts[] = {
      {"version", &Stats::mutable_version}, {"io", &Stats::mutable_io}, {"io_fallback", &Stats::mutable_io_fallback}};
  Stats message;
  each_member(json, [&](std::string_view name, std::string_view value) {
    if (take(message, kNumbers, name, value) || take(message, kTexts, name, value)) return;
    if (name == "rooms") read_counts(*message.mutable_rooms(), value);
    if (name == "transports") read_counts(*message.mutable_transports(), value);
    if (name == "draining") message.set_draining(value == "true");
    if (name == "cores") each_element(value, [&](std::string_view item) { read(*message.add_cores(), item); });
  });
  append(out, message);
}

}  // namespace ringcast::grpc
