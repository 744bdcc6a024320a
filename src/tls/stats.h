// SPDX-License-Identifier: Apache-2.0
// What a core counts of its TLS connections. Single writer, its reactor; relaxed readers: metrics.
#pragma once

#include <atomic>
#include <cstdint>

namespace ringcast::tls {

inline constexpr int kVersions = 2;  // 1.2, 1.3

struct TlsStats {
  std::atomic<uint64_t> full[kVersions]{}, resumed[kVersions]{};  // handshakes done
  std::atomic<uint64_t> failed{0};                                // the protocol's errors, and refused certificates
  std::atomic<uint64_t> timed_out{0};
  std::atomic<uint64_t> aborted{0};     // the peer went away during its handshake
  std::atomic<uint64_t> plain_http{0};  // requests without TLS, answered with 400
  std::atomic<uint64_t> broken{0};      // connections that failed after their handshake
  std::atomic<uint64_t> delayed{0};     // handshakes that had to wait for their turn
  // Now.
  std::atomic<uint64_t> open{0};           // connections past their handshake
  std::atomic<uint64_t> in_flight{0};      // handshakes begun
  std::atomic<uint64_t> waiting{0};        // handshakes that wait for their turn
  std::atomic<uint64_t> waiting_bytes{0};  // encrypted, not taken by their sockets yet
};

// By its writer. `by` may be what takes away, modulo 2^64.
inline void add(std::atomic<uint64_t>& counter, uint64_t by = 1) {
  counter.store(counter.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
}

}  // namespace ringcast::tls
