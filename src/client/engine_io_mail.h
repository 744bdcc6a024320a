// SPDX-License-Identifier: Apache-2.0
// What connections and sessions of Engine.IO say to each other: a request lands on any core, the session that it is
// about lives on one. Both sides use this also where the core is the same, so that there is one way for requests.
// Values; owned by the mail that carries them, then by the core that takes it.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "client/client.h"
#include "hub/types.h"
#include "reactor/connection.h"
#include "reactor/mail.h"

namespace ringcast::session {

// Names a session: its core, its place there, and what nobody can guess.
struct EngineIoSid {
  uint16_t core = 0;
  uint32_t index = 0;
  uint32_t generation = 0;
  std::array<uint8_t, 12> secret{};
  friend bool operator==(const EngineIoSid&, const EngineIoSid&) = default;
};
void append_engine_io_sid(std::string& out, const EngineIoSid& sid);
// Nothing where the text is none that could be one of ours.
std::optional<EngineIoSid> parse_engine_io_sid(std::string_view text, uint16_t cores);

// Why a request is refused: the protocol's number and text.
enum class EngineIoRefusal : uint8_t {
  transport_unknown,
  session_unknown,
  bad_handshake_method,
  bad_request,
  forbidden,
  unsupported_version,
};
std::string_view text_of(EngineIoRefusal refusal);

struct EngineIoMail {
  enum class Kind : uint8_t {
    // from a connection to the core of its session
    poll,    // waits for an answer
    post,    // `bytes` is the payload
    attach,  // a WebSocket that wants to carry the session
    frame,   // of that WebSocket; answered with `taken`
    gone,    // the connection is closed
    // from the session to a connection
    answer,    // of a poll: `bytes` is the payload
    accepted,  // a post has been taken
    refused,   // poll, post or attach
    attached,
    taken,  // the next frame may come
    close,  // the WebSocket ends
    // among the members of all cores
    ask_names,  // `connection` is the asking member
    names,      // `rows`
    // Of clients that come back (transport/engine_io/socket_io_returns.h).
    come_back,  // `state` is the question of the session `session`
    come_from,  // its answer: `state`, or nothing
    renamed,    // `session` names whose name it is, `connection` who has it now; `state`: which time that is
    forget,     // `session` names who does not come back
    late,       // `state` is an event for `connection`, which is away or has come back
  };
  Kind kind = Kind::poll;
  bool binary = false;
  EngineIoRefusal refusal = EngineIoRefusal::session_unknown;
  reactor::CloseCause cause = reactor::CloseCause::done;
  EngineIoSid session;
  hub::Address connection;
  std::string bytes;
  std::string tenant;                                     // ask_names, renamed
  std::vector<std::pair<std::string, std::string>> rows;  // names: socket id and name
  std::unique_ptr<Extra> state;
  uint64_t number = 0;
};

inline constexpr uint8_t kEngineIoMail = 0xE2;    // value: an EngineIoMail
inline constexpr uint8_t kEngineIoFrames = 0xE3;  // frames for a WebSocket: block, offset, length; connection and
                                                  // generation; value: how many
reactor::Mail engine_io_mail(std::unique_ptr<EngineIoMail> mail);
// For mail that nobody will read any more.
void discard_engine_io(const reactor::Mail& mail);

}  // namespace ringcast::session
