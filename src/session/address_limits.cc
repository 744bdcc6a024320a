#include "session/address_limits.h"

#include <cstring>

#include "base/assert.h"
#include "session/gate.h"

namespace ringcast::session {

using runtime::ConnectionId;
using runtime::Mail;

namespace {

// Beside the hub's kinds, which count from 0.
constexpr uint8_t kAsk = 0xF0;      // core → home: counts this connection, if it may be
constexpr uint8_t kVerdict = 0xF1;  // home → core; flags: 1 when it was counted
constexpr uint8_t kRelease = 0xF2;  // core → home

}  // namespace

size_t AddressLimits::Hash::operator()(const HostBytes& host) const {
  return hash({reinterpret_cast<const char*>(host.data()), host.size()});
}

uint16_t AddressLimits::home_of(const HostBytes& host) const {
  return static_cast<uint16_t>(
      hash_.home_core("address", {reinterpret_cast<const char*>(host.data()), host.size()}, cores_));
}

Mail AddressLimits::mail(uint8_t kind, const HostBytes& host) const {
  Mail mail;
  mail.kind = kind;
  std::memcpy(&mail.value, host.data(), 8);
  std::memcpy(&mail.extra, host.data() + 8, 8);
  return mail;
}

void AddressLimits::ask(ConnectionId id, const io::SocketAddress& address) {
  uint8_t bytes[16];
  address.host_bytes(bytes);
  Asked asked;
  std::memcpy(asked.host.data(), bytes, sizeof bytes);
  asked.generation = id.generation;
  asked_[id.slot] = asked;
  Mail question = mail(kAsk, asked.host);
  question.connection = id.slot;
  question.generation = id.generation;
  gate_.reactor().post(home_of(asked.host), question);
}

void AddressLimits::release(ConnectionId id) {
  const auto it = asked_.find(id.slot);
  if (it == asked_.end() || it->second.generation != id.generation) return;
  // A verdict that is still on its way finds nobody and is taken back then.
  if (it->second.verdict == Verdict::counted) take_back(it->second.host);
  asked_.erase(it);
}

void AddressLimits::take_back(const HostBytes& host) {
  gate_.reactor().post(home_of(host), mail(kRelease, host));
}

bool AddressLimits::on_mail(const Mail& received) {
  HostBytes host;
  std::memcpy(host.data(), &received.value, 8);
  std::memcpy(host.data() + 8, &received.extra, 8);
  switch (received.kind) {
    case kAsk: {
      const uint32_t limit = gate_.options().connections_per_address_max;
      uint32_t& count = counts_[host];
      Mail answer = mail(kVerdict, host);
      answer.connection = received.connection;
      answer.generation = received.generation;
      answer.flags = limit == 0 || count < limit ? 1 : 0;
      count += answer.flags;
      if (count == 0) counts_.erase(host);
      gate_.reactor().post(received.from, answer);
      return true;
    }
    case kVerdict: {
      const ConnectionId id{received.connection, received.generation};
      const bool counted = received.flags != 0;
      const auto it = asked_.find(id.slot);
      if (it == asked_.end() || it->second.generation != id.generation) {
        if (counted) take_back(host);
        return true;
      }
      it->second.verdict = counted ? Verdict::counted : Verdict::refused;
      gate_.admitted(id, counted);
      return true;
    }
    case kRelease: {
      const auto it = counts_.find(host);
      RINGCAST_ASSERT(it != counts_.end() && it->second > 0);
      if (--it->second == 0) counts_.erase(it);
      return true;
    }
    default: return false;
  }
}

}  // namespace ringcast::session
