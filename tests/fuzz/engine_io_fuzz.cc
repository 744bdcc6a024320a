// SPDX-License-Identifier: Apache-2.0
// The bytes are the body of a polling request. Its packets must come out again as they went in, and those of Socket.IO
// within them likewise.
#include <string>
#include <string_view>
#include <vector>

#include "codec/engine_io/engine_io_packet.h"
#include "codec/engine_io/socket_io_packet.h"
#include "cuts.h"

namespace {

using namespace ringcast::codec;
using ringcast::fuzz::require;

constexpr JsonLimits kLimits{.depth_max = 16};

void check_arguments(const SocketIoArguments& read, bool is_event) {
  std::string json = "[";
  if (is_event) json += read.name_json;
  for (const std::string_view value : read.values) {
    if (json.size() > 1) json += ',';
    json += value;
    if (const auto number = socket_io_placeholder(value)) {
      std::string again;
      append_socket_io_placeholder(again, *number);
      require(socket_io_placeholder(again) == number);
    }
  }
  json += ']';
  SocketIoArguments again;
  require(is_event ? read_socket_io_event(json, kLimits, again).has_value()
                   : read_socket_io_ack(json, kLimits, again).has_value());
  require(again.name == read.name && again.values == read.values);
}

void check_socket_io(std::string_view text) {
  SocketIoPacket packet;
  if (!parse_socket_io_packet(text, packet)) return;
  std::string written;
  append_socket_io_head(written,
                        {.type = packet.type, .nsp = packet.nsp, .attachments = packet.attachments, .id = packet.id});
  SocketIoPacket again;
  written += packet.json;
  require(parse_socket_io_packet(written, again));
  require(again.type == packet.type && again.attachments == packet.attachments);
  // The main namespace is not written, and what is no JSON may look like another.
  if (!packet.json.starts_with('/')) require(again.nsp == packet.nsp);
  // Digits at the front of what is no JSON anyway would be taken for an id.
  if (packet.id) require(again.id == packet.id && again.json == packet.json);
  SocketIoArguments arguments;
  if (read_socket_io_event(packet.json, kLimits, arguments)) check_arguments(arguments, true);
  if (read_socket_io_ack(packet.json, kLimits, arguments)) check_arguments(arguments, false);
  std::string auth, auth_again;
  if (!read_socket_io_auth(packet.json, kLimits, auth)) return;
  require(read_socket_io_auth(auth, kLimits, auth_again) && auth == auth_again);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view payload(reinterpret_cast<const char*>(data), size);
  EngineIoPayloadReader reader(payload);
  EngineIoPacket packet;
  std::string written;
  auto status = reader.next(packet);
  for (; status == EngineIoPayloadReader::Status::packet; status = reader.next(packet)) {
    if (!written.empty()) written += kEngineIoSeparator;
    if (packet.binary) {
      append_engine_io_binary(written, packet.data);
      continue;
    }
    append_engine_io_text(written, packet.type, packet.data);
    if (packet.type == EngineIoType::message) check_socket_io(packet.data);
  }
  if (status == EngineIoPayloadReader::Status::end) require(written == payload);
  return 0;
}
