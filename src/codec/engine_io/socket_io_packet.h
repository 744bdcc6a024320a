// SPDX-License-Identifier: Apache-2.0
// Packets of Socket.IO 5, which travel in messages of Engine.IO: the text `<type>[<attachments>-][<namespace>,][<id>]
// [JSON]`, and behind one with attachments as many binary messages. Pure functions; any thread. What has been read
// belongs to the caller.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "codec/native/action.h"

namespace ringcast::codec {

// The digit that a packet begins with.
enum class SocketIoType : uint8_t { connect, disconnect, event, ack, connect_error, binary_event, binary_ack };

struct SocketIoPacket {
  SocketIoType type = SocketIoType::event;
  uint32_t attachments = 0;  // of binary_event and binary_ack
  std::string_view nsp = "/";
  std::optional<uint64_t> id;  // of the acknowledgement that is asked for, or given
  std::string_view json = {};  // not looked at yet
};

// Takes a packet apart. False: its head is none. The JSON is the rest, whatever it is.
bool parse_socket_io_packet(std::string_view text, SocketIoPacket& packet);

// The arguments of an event or an acknowledgement.
struct SocketIoArguments {
  std::string_view name;                 // of an event
  std::string_view name_json;            // the same as it is to be sent
  std::vector<std::string_view> values;  // each a JSON value on one line, without the event's name
  std::string text;                      // what the views lie in

  void clear() {
    name = name_json = {};
    values.clear();
    text.clear();
  }
};

// ["name", …]: the first element is a string that is not reserved, or a number. Codes: bad_json, too_deep, bad_event.
[[nodiscard]] Result<void> read_socket_io_event(std::string_view json, const JsonLimits& limits,
                                                SocketIoArguments& out);
// […]
[[nodiscard]] Result<void> read_socket_io_ack(std::string_view json, const JsonLimits& limits, SocketIoArguments& out);
// What comes with a connect: an object, "{}" where the packet has none. Appended to `out` on one line.
[[nodiscard]] Result<void> read_socket_io_auth(std::string_view json, const JsonLimits& limits, std::string& out);

// Which attachment stands in the place of this value (one line, as read above); none: it is an ordinary value.
std::optional<uint32_t> socket_io_placeholder(std::string_view json);
void append_socket_io_placeholder(std::string& out, uint32_t number);

// Everything before the JSON. `nsp` is "/" or a namespace.
struct SocketIoHead {
  SocketIoType type = SocketIoType::event;
  std::string_view nsp = "/";
  uint32_t attachments = 0;  // written for the binary types only
  std::optional<uint64_t> id = {};
};
void append_socket_io_head(std::string& out, const SocketIoHead& head);
// {"message":…}, of a connection that is refused.
void append_socket_io_connect_error(std::string& out, std::string_view nsp, std::string_view message);

}  // namespace ringcast::codec
