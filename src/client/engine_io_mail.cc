// SPDX-License-Identifier: Apache-2.0
#include "client/engine_io_mail.h"

#include <cstring>
#include <span>

#include "base/block.h"
#include "codec/text/base64.h"

namespace ringcast::session {

namespace {

constexpr size_t kSidBytes = 2 + 4 + 4 + 12;
constexpr size_t kSidSize = 30;  // of base64url without padding

template <class T>
void put(std::string& out, T value) {
  for (size_t i = sizeof value; i-- != 0;) out += static_cast<char>(value >> (8 * i));
}

template <class T>
T take(std::string_view& from) {
  T value = 0;
  for (size_t i = 0; i < sizeof value; ++i) value = static_cast<T>(value << 8 | static_cast<uint8_t>(from[i]));
  from.remove_prefix(sizeof value);
  return value;
}

}  // namespace

void append_engine_io_sid(std::string& out, const EngineIoSid& sid) {
  std::string bytes;
  put(bytes, sid.core);
  put(bytes, sid.index);
  put(bytes, sid.generation);
  bytes.append(reinterpret_cast<const char*>(sid.secret.data()), sid.secret.size());
  codec::append_base64url(out, std::span(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()));
}

std::optional<EngineIoSid> parse_engine_io_sid(std::string_view text, uint16_t cores) {
  std::string bytes;
  if (text.size() != kSidSize || !codec::base64url_decode(text, bytes) || bytes.size() != kSidBytes)
    return std::nullopt;
  std::string_view rest = bytes;
  EngineIoSid sid;
  sid.core = take<uint16_t>(rest);
  sid.index = take<uint32_t>(rest);
  sid.generation = take<uint32_t>(rest);
  std::memcpy(sid.secret.data(), rest.data(), sid.secret.size());
  if (sid.core >= cores) return std::nullopt;
  return sid;
}

std::string_view text_of(EngineIoRefusal refusal) {
  constexpr std::string_view kTexts[] = {"Transport unknown", "Session ID unknown", "Bad handshake method",
                                         "Bad request",       "Forbidden",          "Unsupported protocol version"};
  return kTexts[static_cast<size_t>(refusal)];
}

reactor::Mail engine_io_mail(std::unique_ptr<EngineIoMail> mail) {
  reactor::Mail out;
  out.kind = kEngineIoMail;
  out.value = reinterpret_cast<uint64_t>(mail.release());
  return out;
}

void discard_engine_io(const reactor::Mail& mail) {
  if (mail.kind == kEngineIoMail) {
    delete reinterpret_cast<EngineIoMail*>(mail.value);
  } else {
    mail.block->release();
  }
}

}  // namespace ringcast::session
