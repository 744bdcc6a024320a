// SPDX-License-Identifier: Apache-2.0
// What the server does with events of Socket.IO clients: the chat of docs/socketio.md, one of the two small
// applications, or nothing but to ask a webhook or the host program. One per core, part of its SocketIoTransport.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "codec/engine_io/socket_io_packet.h"
#include "hub/types.h"
#include "transport/engine_io/engine_io_sessions.h"
#include "transport/engine_io/socket_io_journal.h"
#include "transport/engine_io/socket_io_member.h"
#include "transport/engine_io/socket_io_spelling.h"

namespace ringcast::session {

class Gate;

class SocketIoEvents {
 public:
  struct Event {
    std::string_view name;
    std::string_view name_json;
    std::span<const std::string_view> values;
    std::span<const std::string> attachments;
    std::optional<uint64_t> ack;
  };

  // What others are notified of when a client is gone.
  struct Farewell {
    std::string key, user, connection;
  };

  SocketIoEvents(Gate& gate, EngineIoSessions& sessions, SocketIoJournal& journal)
      : gate_(gate), sessions_(sessions), journal_(journal) {}

  // False: it waits for credit, a lease, a decision or an answer, and is to be given again.
  bool take(Client& client, SocketIoMember& member, const Event& event);
  void on_opened(Client& client, SocketIoMember& member);
  void on_published(Client& client, SocketIoMember& member, const hub::Published& published);
  void on_answer(const Client& client, SocketIoMember& member, const hub::Answer& answer);
  std::optional<Farewell> farewell_of(const Client& client, const SocketIoMember& member) const;
  void say(Farewell farewell) { farewells_.push_back(std::move(farewell)); }
  // The member has this name, for those who ask who is there.
  void note_name(const Client& client, const SocketIoMember& member);
  void forget_name(std::string_view tenant, uint8_t nsp, ConnectionId id);
  void take_names(EngineIoMail& mail);
  void on_tick();
  // A new tick may do its share; whether something waits for it.
  bool start_turn();

  // The channel that everybody of a namespace is in.
  std::string everyone(const Client& client, uint8_t nsp) const;
  std::string channel(const Client& client, uint8_t nsp, std::string_view room) const;
  // Whether it is that one, or that of all.
  bool is_everyone(std::string_view key, uint8_t nsp) const;
  std::string_view namespace_of(uint8_t nsp) const;
  static std::string arguments_json(std::span<const std::string_view> values);
  // A message for one connection, as a member of that namespace gets it; nothing: it is not shown.
  std::optional<SocketIoEvent> event_of(std::string_view tenant, uint8_t nsp, std::string_view canonical) const;
  bool spell(std::string_view tenant, uint8_t nsp, std::string_view canonical, SocketIoSpelled& out) const;

 private:
  struct Notice {
    std::string_view event;
    std::string_view payload;
    hub::PayloadKind kind = hub::PayloadKind::data;
    bool ephemeral = true;
  };
  enum class Step : uint8_t { done, wait, refused };

  bool meter(Client& client, SocketIoMember& member, const Event& event, bool& refused);
  bool take_chat(Client& client, SocketIoMember& member, const Event& event);
  bool join(Client& client, SocketIoMember& member, const Event& event);
  bool message(Client& client, SocketIoMember& member, const Event& event, const std::string& key,
               std::string_view content);
  bool direct(Client& client, SocketIoMember& member, const Event& event);
  bool join_room(Client& client, SocketIoMember& member, const Event& event);
  bool leave_room(Client& client, SocketIoMember& member, const Event& event);
  bool room_message(Client& client, SocketIoMember& member, const Event& event);
  void echo(SocketIoMember& member, const Event& event);
  void respond(SocketIoMember& member, const Event& event);
  bool offer(Client& client, SocketIoMember& member, const Event& event);
  void follow(Client& client, SocketIoMember& member, const HookDecision& decision);

  Step publish(Client& client, SocketIoMember& member, const Event& event, const std::string& key, const Notice& notice,
               bool acknowledged);
  Step decide(Client& client, SocketIoMember& member, const std::string& key, hub::Publish& publish,
              HookDecision& decision);
  void ask_names(Client& client, SocketIoMember& member);
  size_t answer_names(const EngineIoMail& question);
  bool room_of(const Client& client, const SocketIoMember& member, const Event& event, std::string_view room_json,
               std::string& key);
  void acknowledge(SocketIoMember& member, std::optional<uint64_t> ack, uint64_t id);
  bool reject(const Client& client, SocketIoMember& member, const Event& event, std::string_view code,
              std::string_view message);
  void emit(SocketIoMember& member, std::string_view json, std::span<const std::string> attachments = {});
  void send(SocketIoMember& member, codec::SocketIoType type, std::optional<uint64_t> id, std::string_view json,
            std::span<const std::string> attachments);
  std::string_view author(const Client& client, const SocketIoMember& member) const;
  std::string name_of(const Client& client) const;

  Gate& gate_;
  EngineIoSessions& sessions_;
  SocketIoJournal& journal_;
  // Members of this core that have a name, those that are away included: by tenant and namespace, slot and generation.
  using Names = std::map<std::pair<uint32_t, uint32_t>, std::string>;
  static std::string names_key(std::string_view tenant, uint8_t nsp);
  std::map<std::string, Names> named_;
  std::deque<std::unique_ptr<EngineIoMail>> name_questions_;
  // Of this tick.
  size_t names_budget_ = 0;
  size_t farewells_budget_ = 0;
  bool no_credit_ = false;
  std::deque<Farewell> farewells_;     // wait for credit
  std::vector<EngineIoSid> answered_;  // go on outside calls of the hub
  uint64_t last_correlation_ = 0;
  std::string text_, json_, key_;
};

}  // namespace ringcast::session
