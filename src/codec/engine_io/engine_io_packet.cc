// SPDX-License-Identifier: Apache-2.0
#include "codec/engine_io/engine_io_packet.h"

#include "codec/json/json_writer.h"
#include "codec/text/base64.h"

namespace ringcast::codec {

namespace {
constexpr char kBinaryPrefix = 'b';
}

bool parse_engine_io_text(std::string_view text, EngineIoPacket& packet) {
  if (text.empty() || text[0] < '0' || text[0] > '6') return false;
  packet.type = static_cast<EngineIoType>(text[0] - '0');
  packet.binary = false;
  packet.data = text.substr(1);
  return true;
}

EngineIoPayloadReader::Status EngineIoPayloadReader::next(EngineIoPacket& packet) {
  if (!more_) return Status::end;
  const size_t end = rest_.find(kEngineIoSeparator);
  const std::string_view text = rest_.substr(0, end);
  more_ = end != std::string_view::npos;
  if (more_) rest_.remove_prefix(end + 1);
  if (text.empty() || text[0] != kBinaryPrefix)
    return parse_engine_io_text(text, packet) ? Status::packet : Status::bad;
  binary_.clear();
  if (!base64_decode(text.substr(1), binary_)) return Status::bad;
  packet = {.type = EngineIoType::message, .binary = true, .data = binary_};
  return Status::packet;
}

void append_engine_io_text(std::string& out, EngineIoType type, std::string_view data) {
  out += static_cast<char>('0' + static_cast<char>(type));
  out += data;
}

void append_engine_io_binary(std::string& out, std::string_view bytes) {
  out += kBinaryPrefix;
  append_base64(out, std::span(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()));
}

void append_engine_io_opening(std::string& out, const EngineIoOpening& opening) {
  JsonWriter writer(out);
  writer.begin_object().string("sid", opening.sid).key("upgrades").begin_array();
  if (opening.websocket_upgrade) writer.string("websocket");
  writer.end_array().uint("pingInterval", opening.ping_interval_ms).uint("pingTimeout", opening.ping_timeout_ms);
  writer.uint("maxPayload", opening.payload_max).end_object();
}

}  // namespace ringcast::codec
