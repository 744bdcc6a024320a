// SPDX-License-Identifier: Apache-2.0
// Run: what the workers and the main thread share: the plan (who is whose), the phase, and how far streams have come.
// Made by the main thread before the workers start; afterwards only the atomics change, each with the writer it names.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "io/backend.h"
#include "measures.h"
#include "options.h"
#include "payload.h"

namespace ringcast::ringload {

enum class Phase : uint8_t { connecting, publishing, draining, stopping };

// CLOCK_MONOTONIC, on which both ends of every latency are read.
int64_t monotonic_ns();

// A publisher's messages to its room, numbered without holes.
struct Stream {
  std::atomic<uint64_t> published{0};  // by the publisher's worker
  std::atomic<uint64_t> completed{0};  // saturating: the last member has it; by any worker
};

class Run {
 public:
  explicit Run(const Options& run_options);

  const Options& options;
  const PayloadCodec codec;
  const int64_t epoch_ns;  // the zero of payload times
  int64_t now_ns() const { return monotonic_ns() - epoch_ns; }

  uint32_t workers() const { return options.threads; }
  // Connections are dealt out in turn, members and publishers each for themselves.
  uint32_t members_of(uint32_t worker) const { return share(options.connections, worker); }
  uint32_t publishers_of(uint32_t worker) const { return share(options.publishing_connections(), worker); }
  uint32_t global_of(uint32_t worker, uint32_t local) const { return local * workers() + worker; }
  const Role& role_of_member(uint32_t member) const { return options.roles[role_index_of_member(member)]; }
  uint32_t role_index_of_member(uint32_t member) const {
    return role_pattern_[member / options.rooms % role_pattern_.size()];
  }
  // Rooms behind options.rooms are not published to: who only is there, or talks to itself, is not disturbed.
  uint32_t room_of_member(uint32_t member) const {
    const uint32_t room = member % options.rooms;
    return options.publishes() && !role_of_member(member).in_room() ? options.rooms + room : room;
  }
  uint32_t room_of_stream(uint32_t stream) const { return stream / options.publishers; }
  uint32_t members_with_role(size_t role) const { return members_with_role_[role]; }
  uint32_t members_that_ask() const;  // echo, http
  // Slow readers are members too, but nothing is expected of them: they do not count in the next two.
  uint32_t members_in_room(uint32_t room) const {
    uint32_t members = 0;
    for (uint32_t worker = 0; worker < workers(); ++worker) members += members_in_room(room, worker);
    return members;
  }
  uint32_t slow_members_in_room(uint32_t room) const { return slow_members_[room]; }
  uint32_t members_in_room(uint32_t room, uint32_t worker) const { return members_[worker * options.rooms + room]; }

  // Wakes all workers, so that they look at the phase.
  void enter(Phase next);

  std::atomic<Phase> phase{Phase::connecting};
  std::atomic<int64_t> publish_from_ns{0};  // since the epoch; by the main thread before `publishing`
  std::atomic<int64_t> measure_from_ns{0};  // what is intended earlier warms up and is not counted
  std::atomic<bool> interrupted{false};     // nothing more is to be sent; by the main thread before `draining`
  std::vector<Stream> streams;
  std::vector<io::WakeTarget> wakes;  // of each worker
  std::unique_ptr<Progress[]> progress;

  // Saturating: a worker's last member has message `sequence` of the stream. Any worker.
  void member_share_done(uint32_t stream, uint64_t sequence);
  // Set before a worker is woken because streams of its publishers have completed messages.
  std::unique_ptr<std::atomic<bool>[]> completions;

 private:
  uint32_t share(uint32_t all, uint32_t worker) const { return all / workers() + (worker < all % workers() ? 1 : 0); }

  std::vector<uint8_t> role_pattern_;
  std::vector<uint32_t> members_with_role_;
  std::vector<uint32_t> members_;       // per worker and room
  std::vector<uint32_t> slow_members_;  // per room
  std::vector<uint32_t> room_workers_;  // workers with members, per room
  // Per stream, a window of messages under way: sequence in the upper 48 bits, workers that are done in the lower 16.
  std::unique_ptr<std::atomic<uint64_t>[]> shares_;
  uint32_t window_ = 0;
};

}  // namespace ringcast::ringload
