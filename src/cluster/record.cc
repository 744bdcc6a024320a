// SPDX-License-Identifier: Apache-2.0
#include "cluster/record.h"

#include <charconv>
#include <cstring>

namespace ringcast::cluster {

namespace {

constexpr uint8_t kVersion = 1;
constexpr uint8_t kFinal = 1;
constexpr uint8_t kExcludeName = 2;
constexpr size_t kNameBytes = 16;     // of a connection's name; two digits each
constexpr size_t kExcludeBytes = 18;  // of `node` and `exclude`

template <class T>
void put(std::string& out, T value) {
  for (size_t i = 0; i < sizeof value; ++i) out += static_cast<char>(value >> (8 * i) & 0xff);
}

void put_text(std::string& out, std::string_view text) {
  put(out, static_cast<uint32_t>(text.size()));
  out += text;
}

class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}
  template <class T>
  T number() {
    if (rest_.size() < sizeof(T)) {
      ok_ = false;
      return 0;
    }
    T value = 0;
    for (size_t i = 0; i < sizeof(T); ++i) value |= static_cast<T>(T{static_cast<uint8_t>(rest_[i])} << (8 * i));
    rest_.remove_prefix(sizeof(T));
    return value;
  }
  std::string_view bytes(size_t length) {
    if (rest_.size() < length) {
      ok_ = false;
      return {};
    }
    const std::string_view value = rest_.substr(0, length);
    rest_.remove_prefix(length);
    return value;
  }
  std::string_view text() {
    const auto length = number<uint32_t>();
    if (!ok_ || rest_.size() < length) {
      ok_ = false;
      return {};
    }
    const std::string_view value = rest_.substr(0, length);
    rest_.remove_prefix(length);
    return value;
  }
  bool done() const { return ok_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

// None: it is no name.
std::string bytes_of_name(std::string_view name) {
  std::string out;
  if (name.size() != 2 * kNameBytes) return out;
  for (size_t i = 0; i < name.size(); i += 2) {
    uint8_t byte = 0;
    const auto [end, error] = std::from_chars(name.data() + i, name.data() + i + 2, byte, 16);
    if (error != std::errc{} || end != name.data() + i + 2) return {};
    out += static_cast<char>(byte);
  }
  return out;
}

std::string name_of_bytes(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (const char byte : bytes) {
    out += kDigits[static_cast<uint8_t>(byte) >> 4];
    out += kDigits[static_cast<uint8_t>(byte) & 15];
  }
  return out;
}

bool take_number(std::string_view& bytes, uint64_t& out) {
  const auto [end, error] = std::from_chars(bytes.data(), bytes.data() + bytes.size(), out);
  const auto taken = static_cast<size_t>(end - bytes.data());
  if (error != std::errc{} || taken == bytes.size() || bytes[taken] != ' ') return false;
  bytes.remove_prefix(taken + 1);
  return true;
}

}  // namespace

Record record_of(const hub::MessageView& message, const hub::Address& exclude, bool final, uint64_t node,
                 std::string_view exclude_name) {
  Record record;
  record.final = final;
  record.node = node;
  record.exclude = exclude;
  record.exclude_name = exclude_name;
  record.kind = message.kind;
  record.user = message.user;
  record.connection = message.connection;
  record.event = message.event;
  record.payload = message.payload;
  return record;
}

void append_record(std::string& out, const Record& record) {
  const std::string name = bytes_of_name(record.exclude_name);
  put(out, kVersion);
  put(out, static_cast<uint8_t>((record.final ? kFinal : 0) | (name.empty() ? 0 : kExcludeName)));
  put(out, static_cast<uint8_t>(record.kind));
  if (name.empty()) {
    put(out, record.node);
    put(out, record.exclude.core);
    put(out, record.exclude.connection.slot);
    put(out, record.exclude.connection.generation);
  } else {
    out += name;
    out.append(kExcludeBytes - kNameBytes, '\0');
  }
  put_text(out, record.user);
  put_text(out, record.connection);
  put_text(out, record.event);
  put_text(out, record.payload);
}

bool read_record(std::string_view bytes, Record& out) {
  Reader reader(bytes);
  if (reader.number<uint8_t>() != kVersion) return false;
  const auto flags = reader.number<uint8_t>();
  out.final = (flags & kFinal) != 0;
  const auto kind = reader.number<uint8_t>();
  if (kind > static_cast<uint8_t>(hub::PayloadKind::none)) return false;
  out.kind = static_cast<hub::PayloadKind>(kind);
  out.node = 0;
  out.exclude = {};
  out.exclude_name.clear();
  if ((flags & kExcludeName) == 0) {
    out.node = reader.number<uint64_t>();
    out.exclude.core = reader.number<uint16_t>();
    out.exclude.connection.slot = reader.number<uint32_t>();
    out.exclude.connection.generation = reader.number<uint32_t>();
  } else {
    out.exclude_name = name_of_bytes(reader.bytes(kExcludeBytes).substr(0, kNameBytes));
  }
  out.user = reader.text();
  out.connection = reader.text();
  out.event = reader.text();
  out.payload = reader.text();
  return reader.done();
}

bool read_push(std::string_view bytes, PushHead& head, std::string_view& record) {
  head = {};
  if (bytes.size() < 2 || bytes[1] != ' ') return false;
  const char kind = bytes[0];
  bytes.remove_prefix(2);
  switch (kind) {
    case 'm':
      if (!take_number(bytes, head.base) || !take_number(bytes, head.id) || !take_number(bytes, head.time_us)) {
        return false;
      }
      break;
    case 'p': head.kind = PushHead::Kind::change; break;
    case 'e': head.kind = PushHead::Kind::event; break;
    case 'x':
      if (bytes.size() < 2 || bytes[1] != ' ') return false;
      head.kind = PushHead::Kind::command;
      head.command = bytes[0];
      bytes.remove_prefix(2);
      if (!take_number(bytes, head.node)) return false;
      break;
    default: return false;
  }
  record = bytes;
  return true;
}

std::string command_push(char command, uint64_t node, std::string_view user) {
  return std::string("x ") + command + ' ' + std::to_string(node) + ' ' + std::string(user);
}

}  // namespace ringcast::cluster
