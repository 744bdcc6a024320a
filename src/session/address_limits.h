// How many connections each address has, exactly, over all cores: the count of an address lives at the core that the
// address hashes to, and a connection is not read from before that core has answered. Nothing is asked while there is
// no limit. One per gate, its thread only.
#pragma once

#include <array>
#include <cstdint>
#include <unordered_map>

#include "base/keyed_hash.h"
#include "io/socket_address.h"
#include "runtime/connection.h"
#include "runtime/mail.h"

namespace ringcast::session {

class Gate;

class AddressLimits {
 public:
  AddressLimits(Gate& gate, const HashKey& key, uint16_t cores) : gate_(gate), hash_(key), cores_(cores) {}

  // The answer comes as Gate::admitted, in a later step.
  void ask(runtime::ConnectionId id, const io::SocketAddress& address);
  // The connection is gone: it no longer counts.
  void release(runtime::ConnectionId id);
  // False when the mail is somebody else's.
  bool on_mail(const runtime::Mail& mail);

 private:
  using HostBytes = std::array<uint8_t, 16>;
  struct Hash {
    KeyedHash hash;
    size_t operator()(const HostBytes& host) const;
  };
  enum class Verdict : uint8_t { pending, counted, refused };
  struct Asked {
    HostBytes host;
    uint32_t generation = 0;
    Verdict verdict = Verdict::pending;
  };

  runtime::Mail mail(uint8_t kind, const HostBytes& host) const;
  uint16_t home_of(const HostBytes& host) const;
  void take_back(const HostBytes& host);

  Gate& gate_;
  KeyedHash hash_;
  uint16_t cores_;
  std::unordered_map<HostBytes, uint32_t, Hash> counts_{16, Hash{hash_}};  // of the addresses whose home this core is
  std::unordered_map<uint32_t, Asked> asked_;                              // of this core's connections, by slot
};

}  // namespace ringcast::session
