// SPDX-License-Identifier: Apache-2.0
#include "tally.h"

#include <algorithm>
#include <bit>

namespace ringcast::ringload {

void Tally::plan() {
  const Options& options = all_.options;
  checkers_per_member_ = options.publishes() ? options.publishers : load_.asks() ? 1 : 0;
  checkers_.resize(size_t{all_.members} * checkers_per_member_);
  if (options.roles.size() > 1) all_.measures.of_role.assign(options.roles.size(), Histogram(Measures::kHighestNs));
  if (options.in_flight == 0 || !options.publishes()) return;
  share_window_ = std::bit_ceil(options.in_flight);
  shares_.assign(size_t{share_window_} * all_.run.streams.size(), {UINT64_MAX, 0});
}

void Tally::deliver(Connection& connection, const Payload& payload) {
  // What still comes behind our close frame is nobody's.
  if (connection.publisher || connection.state == State::closing) return;
  const bool echo = all_.role_of(connection).kind == RoleKind::echo;
  if (echo ? payload.stream != connection.id
           : payload.stream >= all_.run.streams.size() || all_.run.room_of_stream(payload.stream) != connection.room) {
    return all_.note(ErrorKind::bad_answer, "a payload of another room or connection");
  }
  const uint32_t slot = echo ? 0 : payload.stream % all_.options.publishers;
  SequenceChecker& checker = checkers_of(connection)[slot];
  if (connection.slow) {
    if (checker.take(payload.sequence, all_.measures.slow) != SequenceChecker::Verdict::duplicate)
      all_.progress.slow_reads.add();
    return;
  }
  const auto verdict = checker.take(payload.sequence, all_.measures.sequence);
  all_.progress.deliveries.add();
  if (verdict == SequenceChecker::Verdict::duplicate) return all_.progress.duplicates.add();
  // What a cut connection missed waited for its return, not for the server.
  const bool replayed = connection.resuming && payload.intended_ns < connection.since_ns;
  if (!replayed) record_latency(connection, payload);
  if (share_window_ > 0) return count_member_share(connection, payload);
  if (!echo) return;
  connection.since_ns = all_.now;
  if (connection.under_way > 0) --connection.under_way;
  load_.answered(connection);
}

void Tally::answer(Connection& connection) {
  if (connection.under_way == 0) return;
  connection.under_way = 0;
  all_.progress.deliveries.add();
  record_latency(connection,
                 {.intended_ns = static_cast<int64_t>(connection.position), .sent_ns = connection.since_ns});
  connection.since_ns = all_.now;
  load_.answered(connection);
}

void Tally::expect_next(const Connection& connection) {
  for (uint32_t i = 0; i < checkers_per_member_; ++i) checkers_of(connection)[i].expect_from(connection.sent);
}

void Tally::write_off(const Connection& connection) {
  for (uint32_t i = 0; i < checkers_per_member_; ++i) {
    SequenceChecker& checker = checkers_of(connection)[i];
    all_.measures.sequence.lost += checker.missing();
    // An echo that is under way is not missing: the client that it would come back to is gone.
    if (all_.role_of(connection).kind == RoleKind::echo) {
      checker.expect_from(connection.sent);
    } else {
      checker.expect_any();
    }
  }
}

void Tally::record_latency(const Connection& connection, const Payload& payload) {
  const auto latency = static_cast<uint64_t>(std::max<int64_t>(0, all_.now - payload.intended_ns));
  all_.progress.latency.record(latency);
  if (payload.intended_ns < all_.measure_from) return;
  all_.measures.latency.record(latency);
  if (!all_.measures.of_role.empty()) all_.measures.of_role[connection.role].record(latency);
  // Where nothing is scheduled, both are the same.
  if (!all_.options.saturating())
    all_.measures.uncorrected.record(static_cast<uint64_t>(std::max<int64_t>(0, all_.now - payload.sent_ns)));
}

void Tally::count_member_share(const Connection& connection, const Payload& payload) {
  auto& [sequence, members] =
      shares_[size_t{payload.stream} * share_window_ + (payload.sequence & (share_window_ - 1))];
  if (sequence != payload.sequence) {
    if (sequence != UINT64_MAX && sequence > payload.sequence) return;
    sequence = payload.sequence;
    members = 0;
  }
  if (++members != all_.run.members_in_room(connection.room, all_.worker)) return;
  if (payload.intended_ns >= all_.measure_from)
    all_.measures.end_to_end.record(static_cast<uint64_t>(std::max<int64_t>(0, all_.now - payload.intended_ns)));
  all_.run.member_share_done(payload.stream, payload.sequence);
}

void Tally::finish() {
  for (uint32_t member = 0; member < all_.members && checkers_per_member_ > 0; ++member) {
    for (uint32_t i = 0; i < checkers_per_member_; ++i) {
      const Connection& connection = all_[member];
      const RoleKind kind = all_.role_of(connection).kind;
      const SequenceChecker& checker = checkers_[size_t{member} * checkers_per_member_ + i];
      if (kind == RoleKind::echo) {
        if (i == 0) checker.finish(connection.sent, all_.measures.sequence);
      } else if (all_.role_of(connection).in_room()) {
        const Stream& stream = all_.run.streams[size_t{connection.room} * all_.options.publishers + i];
        checker.finish(stream.published.load(), connection.slow ? all_.measures.slow : all_.measures.sequence);
      }
    }
  }
}

}  // namespace ringcast::ringload
