// SPDX-License-Identifier: Apache-2.0
// What a server's TLS is made of: certificates, the authority of its clients, keys of tickets. Read and checked by the
// main thread at start and at each reload; read-only then, and shared by all cores.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "tls/certificate.h"
#include "tls/ticket_keys.h"

namespace ringcast::tls {

struct MaterialFiles {
  std::vector<std::string> certificates, keys;  // of the same length, at least one
  std::string client_ca;                        // empty: no client is asked for a certificate
  std::string ticket_keys;                      // empty: the server's own, which rotate
};

struct Material {
  std::vector<std::shared_ptr<const Certificate>> certificates;  // the first where no name fits
  std::vector<X509Ptr> client_authorities;                       // empty: no client is asked for a certificate
  std::vector<TicketKey> ticket_keys;                            // empty: the server's own, which rotate
  std::vector<std::string> protocols;  // offered by ALPN (RFC 7301), the preferred one first; empty: none is
  int min_version = TLS1_2_VERSION;
};

// As of `now` (seconds since 1970). Tries them out: what a core would refuse is an error here.
[[nodiscard]] Result<std::shared_ptr<const Material>> load_material(const MaterialFiles& files, int min_version,
                                                                    std::vector<std::string> protocols, int64_t now);

}  // namespace ringcast::tls
