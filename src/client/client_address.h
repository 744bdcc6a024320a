// SPDX-License-Identifier: Apache-2.0
// Where clients come from: the other end of the socket, or what a trusted proxy says about it, in a PROXY header at the
// start of the connection or in a field of the request. One per gate, its thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <unordered_map>

#include "base/error.h"
#include "base/ip_address.h"
#include "client/clients.h"
#include "codec/http1/http_message.h"
#include "codec/http1/proxy_header.h"
#include "reactor/connection.h"

namespace ringcast::session {

class ClientAddresses {
 public:
  explicit ClientAddresses(Clients& clients) : clients_(clients) {}

  // What the connection begins with is a PROXY header.
  void expect_header(Client& client);
  // Its bytes: how many were used, and whether it is complete by them, or is none.
  struct Taken {
    size_t bytes;
    codec::ProxyHeaderStatus status;
  };
  Taken take_header(Client& client, std::span<const uint8_t> bytes);
  // Of a stream that another connection carries.
  void set_peer(Client& client, const IpAddress& peer);
  void forget(Client& client);

  // Who is at the other end, a proxy that only passes bytes on left out. Unset: a unix socket, or already gone.
  IpAddress peer(const Client& client) const;
  // Whom a request comes from: walks from the peer outwards for as long as each hop is a trusted proxy. The error:
  // a trusted proxy has written what is not an address.
  [[nodiscard]] Result<IpAddress> of_request(const Client& client, const codec::HttpHeaders& headers) const;

 private:
  Clients& clients_;
  std::unordered_map<uint32_t, std::unique_ptr<codec::ProxyHeaderParser>> reading_;  // by slot
  std::unordered_map<uint32_t, IpAddress> said_;                                     // by proxies; by slot
};

}  // namespace ringcast::session
