// SPDX-License-Identifier: Apache-2.0
#include "client/client_address.h"

#include "codec/http1/forwarded.h"

namespace ringcast::session {

using codec::ForwardedNode;
using codec::ProxyHeaderStatus;

void ClientAddresses::expect_header(Client& client) {
  client.proxy_header = true;
  reading_[client.id.slot] = std::make_unique<codec::ProxyHeaderParser>();
}

ClientAddresses::Taken ClientAddresses::take_header(Client& client, std::span<const uint8_t> bytes) {
  const auto at = reading_.find(client.id.slot);
  RINGCAST_ASSERT(at != reading_.end());
  codec::ProxyHeaderParser& parser = *at->second;
  const auto outcome = parser.feed(bytes);
  if (outcome.status == ProxyHeaderStatus::complete) {
    if (parser.has_source()) {
      said_[client.id.slot] = parser.source();
      client.proxied = true;
    }
    reading_.erase(at);
    client.proxy_header = false;
  }
  return {outcome.consumed, outcome.status};
}

void ClientAddresses::set_peer(Client& client, const IpAddress& peer) {
  said_[client.id.slot] = peer;
  client.proxied = true;
}

void ClientAddresses::forget(Client& client) {
  if (client.proxy_header) reading_.erase(client.id.slot);
  if (client.proxied) said_.erase(client.id.slot);
}

IpAddress ClientAddresses::peer(const Client& client) const {
  if (client.proxied) return said_.at(client.id.slot);
  if (!clients_.reactor().at(client.id.slot).socket.valid()) return {};  // no connection of a peer
  const io::SocketAddress address =
      clients_.reactor().backend().peer_address(clients_.reactor().at(client.id.slot).socket);
  IpAddress::Bytes bytes;
  uint8_t host[16];
  address.host_bytes(host);
  std::copy(std::begin(host), std::end(host), bytes.begin());
  return IpAddress(bytes);
}

Result<IpAddress> ClientAddresses::of_request(const Client& client, const codec::HttpHeaders& headers) const {
  const SessionOptions& options = clients_.options();
  IpAddress at = peer(client);
  if (options.trusted_proxies.empty() || !options.trusted_proxies.contains(at)) return at;
  codec::ForwardedChain chain(headers, options.forwarded_field);
  ForwardedNode node;
  while (chain.next(node)) {
    // Who hides behind a trusted proxy counts as that proxy.
    if (node.kind == ForwardedNode::Kind::hidden) return at;
    if (node.kind == ForwardedNode::Kind::malformed) {
      return fail("bad_forwarded", "the proxy " + at.to_string() + " has sent a " +
                                       std::string(to_string(options.forwarded_field)) +
                                       " field that does not say whom it speaks for");
    }
    at = node.address;
    if (!options.trusted_proxies.contains(at)) break;
  }
  return at;
}

}  // namespace ringcast::session
