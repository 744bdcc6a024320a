// SPDX-License-Identifier: Apache-2.0
// What has been revoked on any node: tokens by their id, or a user's up to a moment. It is kept in a hash in Redis
// until all such tokens have expired by themselves, and published when it is added.
//
// A node subscribes first and then reads the hash, so that it misses nothing; before that has happened once, it knows
// no more than itself and takes no tokens. It reads again after each connection. What it knows and the hash does not
// have (Redis lost it, or is another one) it adds again; now and then it looks whether that is so.
//
// The bridge's; its thread only.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "cluster/protocol.h"
#include "codec/resp/resp_parser.h"

namespace ringcast::cluster {

struct RevocationOptions {
  int64_t kept_ms = 90ll * 24 * 3600 * 1000;
  // One that this node did not have, any thread; `name` is hub::revocation_of_id() or hub::revocation_of_user().
  // False: there are as many as there may be.
  std::function<bool(std::string_view name, uint64_t issued_until_s)> add;
  std::function<void()> complete;  // all that there were at the start have been added
};

class Revocations {
 public:
  class Host {
   public:
    virtual ~Host() = default;
    // Where so many words are to be appended, a command whose reply comes to Revocations::on_reply().
    virtual std::string& begin_revocations(uint32_t words) = 0;
    virtual std::string_view revoke_digest() const = 0;
    // All nodes have it, or will; false: so it is not known yet.
    virtual void revoked(uint16_t core, uint64_t gather, bool stored) = 0;
    virtual void revocations_complete() = 0;
    virtual void revocations_known(uint64_t number) = 0;
  };

  // `wait_ns`: a core's question is answered by then.
  Revocations(RevocationOptions options, const std::string& prefix, int64_t wait_ns, Host& host);

  const std::string& channel() const { return channel_; }

  // This node has revoked it.
  void revoke(uint16_t core, uint64_t gather, std::string_view name, uint64_t issued_until_s, uint64_t wall_ms,
              int64_t now_ns);
  // --- from Redis
  void on_subscribed();
  void on_push(std::string_view text, uint64_t wall_ms);
  // To the oldest command without one.
  void on_reply(codec::RespValue reply, uint64_t wall_ms);
  // A connection is lost, the one with the commands or the other.
  void on_lost(bool commands);
  // Once a tick while they are there.
  void write_some();
  void on_interval(uint64_t wall_ms, int64_t now_ns, bool up);

 private:
  struct Entry {
    uint64_t until_s = 0;  // of a user: tokens issued by then
    uint64_t ends_ms = 0;  // when it may be forgotten
    uint64_t round = 0;    // the reading that has found it
  };
  using Names = std::vector<std::pair<std::string, uint64_t>>;  // with until_s as it is written
  struct Call {
    enum class What : uint8_t { write, read, count } what;
    uint64_t round = 0;  // read
    Names names;         // write
  };
  struct Waiting {
    uint16_t core = 0;
    uint64_t gather = 0, until_s = 0;
    int64_t until_ns = 0;
  };

  void take(std::string_view name, uint64_t until_s, uint64_t ends_ms, uint64_t wall_ms);
  void read(std::string_view cursor);
  void on_page(codec::RespValue reply, uint64_t wall_ms);
  void written(const Call& call, bool stored);
  void sweep(uint64_t wall_ms);

  const RevocationOptions options_;
  const std::string hash_, ends_, channel_;
  const int64_t wait_ns_;
  Host& host_;
  std::unordered_map<std::string, Entry> known_;
  std::deque<std::string> to_write_;
  std::vector<std::string> later_;  // what was refused: with the next interval
  std::deque<Call> calls_;
  std::multimap<std::string, Waiting, std::less<>> waiting_;
  uint32_t writing_ = 0;  // calls
  uint64_t round_ = 0;    // of readings
  bool reading_ = false;
  bool read_again_ = false;              // with the next interval
  bool complete_ = false;                // one has come to its end
  bool full_ = false, refused_ = false;  // as the log has it
  // The buckets of known_ that have still to be looked at, after a reading.
  bool sweeping_ = false;
  size_t sweep_at_ = 0, sweep_buckets_ = 0;
  int64_t next_count_ns_ = 0;
};

}  // namespace ringcast::cluster
