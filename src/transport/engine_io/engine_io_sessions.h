// SPDX-License-Identifier: Apache-2.0
// The sessions of Engine.IO that began on this core: handshake, packets, heartbeat, upgrade, end. Connections of any
// core carry them (engine_io_mail.h). One per core, its reactor's thread only.
//
// A call that sends or closes may be made from within hub calls; what has to be done for a request is done in
// on_tick(). A session that is closed stays until then.
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/slab.h"
#include "client/admission.h"
#include "client/clients.h"
#include "codec/engine_io/engine_io_packet.h"
#include "transport/engine_io/engine_io_session.h"

namespace ringcast::session {

// What speaks over sessions.
class EngineIoListener {
 public:
  virtual ~EngineIoListener() = default;
  // A message. False: it is not done, and nothing more is given until resume(), which begins with the same again.
  virtual bool on_message(EngineIoSession& session, bool binary, std::string_view data) = 0;
  virtual void on_closed(EngineIoSession& session, reactor::CloseCause cause) = 0;
};

// A message that goes to many sessions, written once for those on WebSockets and once for those that poll.
struct EngineIoShared {
  OwnedSlice frames;
  std::string payload;
  uint32_t packets = 0;
};

// As the limits of users know an identity.
inline std::string user_key(const access::Identity& identity) {
  return identity.tenant + hub::kTenantEnd + identity.user;
}

class EngineIoSessions {
 public:
  EngineIoSessions(Clients& clients, Admission& admission, EngineIoListener& listener);

  // Null when there are as many as there may be. The caller says what it knows of the client.
  EngineIoSession* create();
  // Null when it is gone.
  EngineIoSession* find(const EngineIoSid& sid);
  std::string_view opening(const EngineIoSession& session, bool over_websocket);  // an open packet; until the next call
  // Its handshake was over this WebSocket.
  void begin_on(EngineIoSession& session, const hub::Address& socket);

  // A message, with what is attached to it.
  void send(EngineIoSession& session, std::string_view text, std::span<const std::string_view> attachments = {});
  void send_shared(EngineIoSession& session, const EngineIoShared& shared);
  void close(EngineIoSession& session, reactor::CloseCause cause);
  // What was not done may be now.
  void resume(EngineIoSession& session);
  void note_connected(EngineIoSession& session);
  // By which Admission knows the session.
  static ConnectionId id_of(const EngineIoSession& session) {
    return {kSessionSlots | session.sid.index, session.sid.generation};
  }
  EngineIoSession* find(ConnectionId id) { return find(id.slot & ~kSessionSlots, id.generation); }

  // A frame of a WebSocket on this core; false: the next one has to wait for EngineIoMail::taken.
  bool take_frame(const EngineIoSid& sid, const hub::Address& from, bool binary, std::string_view data);
  // Of the kinds that go to sessions.
  void take(EngineIoMail& mail);

  void on_interval() { serve_due(); }
  void on_tick();
  // A new tick may do its share; whether something waits for it.
  bool start_turn();
  uint32_t size() const { return sessions_.size(); }

 private:
  using Socket = EngineIoSession::Socket;
  enum class Ended : uint8_t { here, by_peer };
  struct Due {
    std::chrono::nanoseconds at;
    uint32_t index;
    uint32_t generation;
    uint32_t heartbeat;
  };

  EngineIoSession* find(uint32_t index, uint32_t generation);
  void take_poll(EngineIoSession& session, const hub::Address& from);
  void take_post(EngineIoSession& session, const hub::Address& from, std::string_view payload);
  void attach(EngineIoSession& session, const hub::Address& from);
  void take_gone(EngineIoSession& session, const hub::Address& from, reactor::CloseCause cause);
  // False: the connection that it came by is at an end.
  bool take_packet(EngineIoSession& session, const codec::EngineIoPacket& packet);
  void give_message(EngineIoSession& session, bool binary, std::string_view data);
  void probe(EngineIoSession& session, const hub::Address& from, bool binary, std::string_view data);
  void upgrade(EngineIoSession& session);
  void finish_input(EngineIoSession& session);
  void send_packet(EngineIoSession& session, codec::EngineIoType type, std::string_view data = {});
  void queue(EngineIoSession& session, std::string_view payload, uint32_t packets);
  void send_frames(const hub::Address& to, const Slice& frames, uint32_t count);
  void send_frame(const hub::Address& to, std::string_view text);
  void flush(EngineIoSession& session);
  void close(EngineIoSession& session, reactor::CloseCause cause, Ended ended);
  void answer(hub::Address& to, EngineIoMail::Kind kind, std::string bytes = {});
  void refuse(const hub::Address& to, EngineIoRefusal refusal);
  void close_socket(const hub::Address& to, reactor::CloseCause cause);
  void post_mail(const hub::Address& to, std::unique_ptr<EngineIoMail> mail);
  Due due_in(const EngineIoSession& session, milliseconds time) const;
  template <class Fn>
  void take_due(std::deque<Due>& queue, Fn&& fn);
  void serve_due();

  Clients& clients_;
  Admission& admission_;
  EngineIoListener& listener_;
  Slab<EngineIoSession> sessions_;
  uint32_t unconnected_ = 0;  // sessions without a namespace yet
  // In the order of their times, since each kind has the same time to go.
  std::deque<Due> pings_, pongs_, connects_;
  bool due_left_ = false;    // for later ticks
  uint32_t due_budget_ = 0;  // of this tick
  std::vector<Due> to_flush_, closed_;
  std::string frame_, text_;
};

}  // namespace ringcast::session
