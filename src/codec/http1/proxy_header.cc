// SPDX-License-Identifier: Apache-2.0
#include "codec/http1/proxy_header.h"

#include <algorithm>
#include <cstring>

#include "codec/http1/http_syntax.h"

namespace ringcast::codec {

namespace {

constexpr std::string_view kV1Prefix = "PROXY ";
constexpr uint8_t kV2Signature[12] = {0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A};

// Of a version 2 header.
constexpr size_t kVersionCommandAt = 12, kFamilyAt = 13, kLengthAt = 14;
constexpr uint8_t kLocal = 0x20, kProxy = 0x21;
constexpr uint8_t kFamilyInet = 1, kFamilyInet6 = 2, kFamilyUnix = 3, kTransportStream = 1, kTransportNone = 0;
constexpr uint32_t kUnixAddresses = 2 * 108;

// Takes the part before the next single space.
bool take_word(std::string_view& text, std::string_view& word) {
  if (text.data() == nullptr) return false;
  const size_t space = text.find(' ');
  word = text.substr(0, space);
  text = space == std::string_view::npos ? std::string_view() : text.substr(space + 1);
  return !word.empty();
}

bool is_port(std::string_view text) {
  if (text.empty() || text.size() > 5 || (text.size() > 1 && text.front() == '0')) return false;
  uint32_t value = 0;
  for (const char c : text) {
    if (!is_digit(c)) return false;
    value = value * 10 + static_cast<uint32_t>(c - '0');
  }
  return value <= 65535;
}

}  // namespace

ProxyHeaderParser::Outcome ProxyHeaderParser::feed(std::span<const uint8_t> input) {
  Outcome outcome;
  while (outcome.consumed < input.size()) {
    if (to_skip_ != 0 && size_ == wanted_) {
      const size_t skipped = std::min<size_t>(to_skip_, input.size() - outcome.consumed);
      outcome.consumed += skipped;
      to_skip_ -= static_cast<uint32_t>(skipped);
      if (to_skip_ == 0) outcome.status = ProxyHeaderStatus::complete;
    } else {
      outcome.status = take_byte(input[outcome.consumed++]);
    }
    if (outcome.status != ProxyHeaderStatus::need_more) return outcome;
  }
  return outcome;
}

ProxyHeaderStatus ProxyHeaderParser::fail(std::string_view why) {
  error_ = why;
  return ProxyHeaderStatus::error;
}

ProxyHeaderStatus ProxyHeaderParser::take_byte(uint8_t byte) {
  bytes_[size_++] = byte;
  if (bytes_[0] == kV1Prefix.front()) return take_v1(byte);
  if (size_ <= sizeof kV2Signature) {
    if (byte != kV2Signature[size_ - 1]) return fail("the connection does not begin with a PROXY header");
    return ProxyHeaderStatus::need_more;
  }
  return take_v2();
}

ProxyHeaderStatus ProxyHeaderParser::take_v1(uint8_t byte) {
  if (size_ <= kV1Prefix.size()) {
    if (byte != static_cast<uint8_t>(kV1Prefix[size_ - 1])) {
      return fail("the connection does not begin with a PROXY header");
    }
    return ProxyHeaderStatus::need_more;
  }
  if (byte == '\n') return finish_v1();
  if (size_ == kV1Max) return fail("the PROXY line is longer than 107 bytes");
  return ProxyHeaderStatus::need_more;
}

ProxyHeaderStatus ProxyHeaderParser::finish_v1() {
  std::string_view line(reinterpret_cast<const char*>(bytes_.data()), size_);
  if (!line.ends_with("\r\n")) return fail("the PROXY line does not end in CR LF");
  line.remove_suffix(2);
  line.remove_prefix(kV1Prefix.size());
  std::string_view protocol, source, destination, source_port, destination_port;
  if (!take_word(line, protocol)) return fail("the PROXY line names no protocol");
  if (protocol == "UNKNOWN") return ProxyHeaderStatus::complete;  // what follows is to be ignored
  const bool v4 = protocol == "TCP4";
  if (!v4 && protocol != "TCP6") return fail("the protocol of the PROXY line is not TCP4, TCP6 or UNKNOWN");
  if (!take_word(line, source) || !take_word(line, destination) || !take_word(line, source_port) ||
      !take_word(line, destination_port) || line.data() != nullptr) {
    return fail("the PROXY line is not two addresses and two ports");
  }
  const auto from = IpAddress::parse(source);
  const auto to = IpAddress::parse(destination);
  const auto fits = [v4](std::string_view text) { return (text.find(':') == std::string_view::npos) == v4; };
  if (!from || !to || !fits(source) || !fits(destination)) return fail("a bad address in the PROXY line");
  if (!is_port(source_port) || !is_port(destination_port)) return fail("a bad port in the PROXY line");
  has_source_ = from->is_set();
  source_ = *from;
  return ProxyHeaderStatus::complete;
}

ProxyHeaderStatus ProxyHeaderParser::take_v2() {
  if (size_ < kV2Fixed) return ProxyHeaderStatus::need_more;
  if (size_ > kV2Fixed) return size_ == wanted_ ? finish_v2() : ProxyHeaderStatus::need_more;

  const uint8_t command = bytes_[kVersionCommandAt];
  if (command != kLocal && command != kProxy) return fail("the version or command of the PROXY header is not known");
  const auto length = static_cast<uint32_t>(bytes_[kLengthAt] << 8 | bytes_[kLengthAt + 1]);
  uint32_t addresses = 0;
  if (command == kProxy) {
    const uint8_t family = bytes_[kFamilyAt] >> 4, transport = bytes_[kFamilyAt] & 0x0F;
    // A family that is not known is passed over with its addresses; a datagram cannot have brought this connection.
    if (family != 0 && transport != kTransportStream && transport != kTransportNone) {
      return fail("the PROXY header is not about a stream");
    }
    if (transport == kTransportStream) {
      if (family == kFamilyInet) addresses = 12;
      if (family == kFamilyInet6) addresses = 36;
    }
    const uint32_t least = family == kFamilyUnix ? kUnixAddresses : addresses;
    if (length < least) return fail("the PROXY header is too short for its addresses");
  }
  wanted_ = kV2Fixed + addresses;
  to_skip_ = length - addresses;
  return addresses + to_skip_ == 0 ? ProxyHeaderStatus::complete : ProxyHeaderStatus::need_more;
}

ProxyHeaderStatus ProxyHeaderParser::finish_v2() {
  const uint8_t family = bytes_[kFamilyAt] >> 4;
  if (family == kFamilyInet) {
    source_ = IpAddress::v4(std::span<const uint8_t, 4>(bytes_.data() + kV2Fixed, 4));
    has_source_ = true;
  } else if (family == kFamilyInet6) {
    IpAddress::Bytes sixteen;
    std::memcpy(sixteen.data(), bytes_.data() + kV2Fixed, sixteen.size());
    source_ = IpAddress(sixteen);
    has_source_ = source_.is_set();
  }
  return to_skip_ == 0 ? ProxyHeaderStatus::complete : ProxyHeaderStatus::need_more;
}

}  // namespace ringcast::codec
