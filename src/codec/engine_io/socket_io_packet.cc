// SPDX-License-Identifier: Apache-2.0
#include "codec/engine_io/socket_io_packet.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "codec/json/compact_json.h"
#include "codec/json/json_members.h"
#include "codec/json/json_reader.h"
#include "codec/json/json_writer.h"

namespace ringcast::codec {
namespace {

using simdjson::ondemand::json_type;

// Events of the library itself, which no peer may send.
constexpr std::array<std::string_view, 6> kReservedEvents{"connect",       "connect_error", "disconnect",
                                                          "disconnecting", "newListener",   "removeListener"};
// Numbers that stay exact in JavaScript.
constexpr uint64_t kAckIdMax = (uint64_t{1} << 53) - 1;

// Digits at the front of `rest`, taken off. False: there are none, or too many.
bool take_number(std::string_view& rest, uint64_t max, uint64_t& number) {
  const char* const begin = rest.data();
  const auto [end, error] = std::from_chars(begin, begin + rest.size(), number);
  if (error != std::errc{} || number > max) return false;
  rest.remove_prefix(static_cast<size_t>(end - begin));
  return true;
}

struct Piece {
  size_t begin, end;
};

// Reads an array of values onto one line each. `take_name` sees the first element, where there is one to be.
Result<void> read_array(std::string_view json, const JsonLimits& limits, bool has_name, SocketIoArguments& out) {
  out.clear();
  JsonScratch& scratch = JsonScratch::of_this_thread();
  const auto failed = [&](simdjson::error_code code) {
    return tl::unexpected<Error>(json_error(code, limits.depth_max));
  };
  simdjson::ondemand::document document;
  if (const auto code = scratch.open(json, document)) return failed(code);
  simdjson::ondemand::array array;
  if (const auto code = document.get_array().get(array)) {
    if (code == simdjson::INCORRECT_TYPE)
      return tl::unexpected<Error>(wrong_root("the arguments must be a JSON array"));
    return failed(code);
  }
  thread_local std::vector<Piece> pieces;
  pieces.clear();
  size_t name_end = 0;  // of the name's text, which lies before everything else
  bool named = false;
  for (auto element : array) {
    simdjson::ondemand::value value;
    if (const auto code = std::move(element).get(value)) return failed(code);
    if (has_name && !named) {
      named = true;
      json_type type;
      if (const auto code = value.type().get(type)) return failed(code);
      if (type != json_type::string && type != json_type::number) {
        return fail("bad_event", "an event begins with its name");
      }
    }
    const size_t begin = out.text.size();
    if (const auto code = append_value(out.text, value, limits.depth_max)) return failed(code);
    pieces.push_back({begin, out.text.size()});
  }
  if (const auto code = expect_end(document)) return failed(code);
  if (has_name && !named) return fail("bad_event", "an event begins with its name");
  if (has_name) {
    // Behind the rest: the views are made when nothing moves any more.
    const Piece& first = pieces.front();
    const std::string literal = out.text.substr(first.begin, first.end - first.begin);
    name_end = out.text.size();
    if (literal.front() != '"') {
      out.text += literal;
    } else if (!append_unquoted(out.text, literal)) {
      return fail("bad_event", "an event begins with its name");
    }
  }
  const std::string_view text = out.text;
  for (const Piece& piece : pieces) out.values.push_back(text.substr(piece.begin, piece.end - piece.begin));
  if (!has_name) return {};
  out.name = text.substr(name_end);
  out.name_json = out.values.front();
  out.values.erase(out.values.begin());
  if (std::find(kReservedEvents.begin(), kReservedEvents.end(), out.name) != kReservedEvents.end()) {
    return fail("bad_event", "this event is reserved");
  }
  return {};
}

}  // namespace

bool parse_socket_io_packet(std::string_view text, SocketIoPacket& packet) {
  if (text.empty() || text[0] < '0' || text[0] > '6') return false;
  packet = SocketIoPacket();
  packet.type = static_cast<SocketIoType>(text[0] - '0');
  text.remove_prefix(1);
  uint64_t number = 0;
  if (packet.type == SocketIoType::binary_event || packet.type == SocketIoType::binary_ack) {
    if (!take_number(text, UINT32_MAX, number) || !text.starts_with('-')) return false;
    packet.attachments = static_cast<uint32_t>(number);
    text.remove_prefix(1);
  }
  if (text.starts_with('/')) {
    const size_t end = text.find(',');
    packet.nsp = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  if (!text.empty() && text[0] >= '0' && text[0] <= '9') {
    if (!take_number(text, kAckIdMax, number)) return false;
    packet.id = number;
  }
  packet.json = text;
  return true;
}

Result<void> read_socket_io_event(std::string_view json, const JsonLimits& limits, SocketIoArguments& out) {
  return read_array(json, limits, true, out);
}

Result<void> read_socket_io_ack(std::string_view json, const JsonLimits& limits, SocketIoArguments& out) {
  return read_array(json, limits, false, out);
}

Result<void> read_socket_io_auth(std::string_view json, const JsonLimits& limits, std::string& out) {
  if (json.empty()) {
    out += "{}";
    return {};
  }
  const size_t begin = out.size();
  if (auto read = append_compact_json(out, json, limits); !read) {
    out.resize(begin);
    return read;
  }
  if (out[begin] == '{') return {};
  out.resize(begin);
  return fail("bad_json", "what comes with a connect is a JSON object");
}

std::optional<uint32_t> socket_io_placeholder(std::string_view json) {
  if (!json.starts_with("{\"") || json_member(json, "_placeholder") != "true") return std::nullopt;
  std::string_view number = json_member(json, "num");
  uint64_t value = 0;
  if (!take_number(number, UINT32_MAX, value) || !number.empty()) return std::nullopt;
  return static_cast<uint32_t>(value);
}

void append_socket_io_placeholder(std::string& out, uint32_t number) {
  out += "{\"_placeholder\":true,\"num\":";
  append_uint(out, number);
  out += '}';
}

void append_socket_io_head(std::string& out, const SocketIoHead& head) {
  out += static_cast<char>('0' + static_cast<char>(head.type));
  if (head.type == SocketIoType::binary_event || head.type == SocketIoType::binary_ack) {
    append_uint(out, head.attachments);
    out += '-';
  }
  if (head.nsp != "/") {
    out += head.nsp;
    out += ',';
  }
  if (head.id) append_uint(out, *head.id);
}

void append_socket_io_connect_error(std::string& out, std::string_view nsp, std::string_view message) {
  append_socket_io_head(out, {.type = SocketIoType::connect_error, .nsp = nsp});
  JsonWriter(out).begin_object().string("message", message).end_object();
}

}  // namespace ringcast::codec
