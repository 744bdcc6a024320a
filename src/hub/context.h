// SPDX-License-Identifier: Apache-2.0
// What the parts of one core's hub share: options, ways out, the tick's time, the buffer that mail payloads are laid
// in. One per hub; its reactor's thread only.
#pragma once

#include <atomic>
#include <string>

#include "base/keyed_hash.h"
#include "hub/hub.h"
#include "hub/protocol.h"

namespace ringcast::hub {

inline void add(std::atomic<uint64_t>& counter, uint64_t by = 1) {
  counter.store(counter.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);  // single writer
}
inline void subtract(std::atomic<uint64_t>& counter, uint64_t by = 1) {
  counter.store(counter.load(std::memory_order_relaxed) - by, std::memory_order_relaxed);
}

struct Context {
  const HubOptions options;
  Post& post;
  Encoder& encoder;
  Sink& sink;
  HubStats& stats;
  KeyedHash hash;
  bool draining = false;
  std::string scratch;  // of RecordWriter
  BlockWriter payloads{16384};

  uint64_t wall_us() const { return static_cast<uint64_t>(options.clock->wall_us()); }
  uint64_t wall_s() const { return wall_us() / 1'000'000; }
  uint16_t owner_of(uint64_t hash_value) const {
    return static_cast<uint16_t>((hash_value >> 32) * options.cores >> 32);
  }
  static Mail mail(Kind kind) {
    Mail mail;
    mail.kind = static_cast<uint8_t>(kind);
    return mail;
  }
  // Gives `mail` the scratch bytes as payload.
  void attach_scratch(Mail& mail) {
    const Slice slice = payloads.append(scratch);
    attach(mail, slice);
  }
  static void attach(Mail& mail, const Slice& slice) {
    mail.block = slice.hold->block();
    mail.block->add_references(1);  // raised before the mail can be read
    mail.offset = slice.offset;
    mail.length = slice.length;
  }
};

}  // namespace ringcast::hub
