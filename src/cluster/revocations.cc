// SPDX-License-Identifier: Apache-2.0
#include "cluster/revocations.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/log.h"
#include "cluster/keys.h"

namespace ringcast::cluster {

using codec::append_resp_word;
using codec::RespType;
using codec::RespValue;

namespace {

constexpr uint32_t kNamesPerCall = 256;
constexpr uint32_t kWritesMax = 4;  // without a reply
constexpr uint64_t kPageFields = 512;
constexpr size_t kSweptPerInterval = 8192;
constexpr int64_t kCountEvery = 30'000'000'000;

// "SECONDS MILLISECONDS" and what follows a further blank.
struct Ends {
  uint64_t until_s = 0, ends_ms = 0;
  std::string_view rest;
};
std::optional<Ends> ends_of(std::string_view text) {
  Ends out;
  for (uint64_t* const number : {&out.until_s, &out.ends_ms}) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *number);
    if (error != std::errc{}) return std::nullopt;
    text.remove_prefix(static_cast<size_t>(end - text.data()));
    if (!text.empty() && text[0] != ' ') return std::nullopt;
    text.remove_prefix(std::min<size_t>(1, text.size()));
  }
  out.rest = text;
  return out;
}

}  // namespace

Revocations::Revocations(RevocationOptions options, const std::string& prefix, int64_t wait_ns, Host& host)
    : options_(std::move(options)),
      hash_(prefix + ":revoked"),
      ends_(prefix + ":revoked:ends"),
      channel_(prefix + ":revocations"),
      wait_ns_(wait_ns),
      host_(host) {}

void Revocations::revoke(uint16_t core, uint64_t gather, std::string_view name, uint64_t issued_until_s,
                         uint64_t wall_ms, int64_t now_ns) {
  Entry& entry = known_[std::string(name)];
  entry.until_s = std::max(entry.until_s, issued_until_s);
  entry.ends_ms = wall_ms + static_cast<uint64_t>(options_.kept_ms);
  entry.round = round_;
  to_write_.emplace_back(name);
  waiting_.emplace(name, Waiting{core, gather, issued_until_s, now_ns + wait_ns_});
  host_.revocations_known(known_.size());
}

// From Redis: it is there.
void Revocations::take(std::string_view name, uint64_t until_s, uint64_t ends_ms, uint64_t wall_ms) {
  if (ends_ms <= wall_ms) return;
  const auto [at, is_new] = known_.try_emplace(std::string(name));
  Entry& entry = at->second;
  entry.round = round_;
  entry.ends_ms = std::max(entry.ends_ms, ends_ms);
  if (!is_new && entry.until_s >= until_s) return;
  if (options_.add && !options_.add(name, until_s)) {
    if (!std::exchange(full_, true)) {
      log_error("revocations_full", {{"setting", "revocations_max"}, {"why", "other nodes have revoked more tokens"}});
    }
    if (is_new) known_.erase(at);
    return;
  }
  entry.until_s = until_s;
  host_.revocations_known(known_.size());
}

void Revocations::on_push(std::string_view text, uint64_t wall_ms) {
  if (const auto ends = ends_of(text)) take(ends->rest, ends->until_s, ends->ends_ms, wall_ms);
}

// --- reading

void Revocations::on_subscribed() {
#ifdef RINGCAST_BROKEN_REVOCATIONS
  // For the simulation's own test: what was revoked while there was no subscription is not asked for.
  if (complete_) return;
#endif
  ++round_;
  reading_ = true;
  read_again_ = sweeping_ = false;
  read("0");
}

void Revocations::read(std::string_view cursor) {
  std::string& out = host_.begin_revocations(5);
  append_resp_word(out, std::string_view("HSCAN"));
  append_resp_word(out, hash_);
  append_resp_word(out, cursor);
  append_resp_word(out, std::string_view("COUNT"));
  append_resp_word(out, kPageFields);
  calls_.push_back({Call::What::read, round_, {}});
}

void Revocations::on_page(RespValue reply, uint64_t wall_ms) {
  if (reply.size() != 2 || !reply[0].is_text()) {
    log_warning("broker_error", {{"error", reply.text()}});
    reading_ = false;
    read_again_ = true;
    return;
  }
  const RespValue fields = reply[1];
  RespValue next = fields.first();
  for (uint32_t left = fields.size() / 2; left != 0; --left) {
    const RespValue name = std::exchange(next, next.next());
    const RespValue value = std::exchange(next, next.next());
    if (const auto ends = ends_of(value.text())) take(name.text(), ends->until_s, ends->ends_ms, wall_ms);
  }
  if (reply[0].text() != "0") return read(reply[0].text());
  reading_ = false;
  sweeping_ = true;
  sweep_at_ = 0;
  sweep_buckets_ = known_.bucket_count();
  if (std::exchange(complete_, true)) return;
  if (options_.complete) options_.complete();
  host_.revocations_complete();
}

// What a reading has not found is added again, and what has ended is forgotten.
void Revocations::sweep(uint64_t wall_ms) {
  if (sweep_buckets_ != known_.bucket_count()) {  // everything has moved
    sweep_at_ = 0;
    sweep_buckets_ = known_.bucket_count();
  }
  std::vector<std::string> ended;
  const size_t until = std::min(sweep_buckets_, sweep_at_ + kSweptPerInterval);
  for (; sweep_at_ < until; ++sweep_at_) {
    for (auto at = known_.begin(sweep_at_); at != known_.end(sweep_at_); ++at) {
      if (at->second.ends_ms <= wall_ms) {
        ended.push_back(at->first);
      } else if (at->second.round != round_) {
        at->second.round = round_;
        to_write_.push_back(at->first);
      }
    }
  }
  for (const std::string& name : ended) known_.erase(name);
  if (!ended.empty()) host_.revocations_known(known_.size());
  if (sweep_at_ == sweep_buckets_) sweeping_ = false;
}

// --- writing

void Revocations::write_some() {
  while (!to_write_.empty() && writing_ < kWritesMax) {
    Call call{Call::What::write, 0, {}};
    std::vector<uint64_t> ends;
    while (!to_write_.empty() && call.names.size() < kNamesPerCall) {
      if (const auto found = known_.find(to_write_.front()); found != known_.end()) {
        call.names.emplace_back(found->first, found->second.until_s);
        ends.push_back(found->second.ends_ms);
      }
      to_write_.pop_front();
    }
    if (call.names.empty()) return;
    std::string& out = host_.begin_revocations(static_cast<uint32_t>(6 + 3 * call.names.size()));
    append_resp_word(out, std::string_view("EVALSHA"));
    append_resp_word(out, host_.revoke_digest());
    append_resp_word(out, uint64_t{2});
    append_resp_word(out, hash_);
    append_resp_word(out, ends_);
    append_resp_word(out, channel_);
    for (size_t i = 0; i < call.names.size(); ++i) {
      append_resp_word(out, call.names[i].first);
      append_resp_word(out, call.names[i].second);
      append_resp_word(out, ends[i]);
    }
    ++writing_;
    calls_.push_back(std::move(call));
  }
}

void Revocations::written(const Call& call, bool stored) {
  --writing_;
  for (const auto& [name, until_s] : call.names) {
    if (!stored) {
      later_.push_back(name);
      continue;
    }
    const auto [begin, end] = waiting_.equal_range(name);
    for (auto at = begin; at != end;) {
      const Waiting& waiting = at->second;
      if (waiting.until_s > until_s) {
        ++at;  // a later one
        continue;
      }
      host_.revoked(waiting.core, waiting.gather, true);
      at = waiting_.erase(at);
    }
  }
}

void Revocations::on_reply(RespValue reply, uint64_t wall_ms) {
  const Call call = std::move(calls_.front());
  calls_.pop_front();
  switch (call.what) {
    case Call::What::write: {
      const bool refused_before = std::exchange(refused_, !reply.is(RespType::integer));
      if (refused_ && !refused_before) log_warning("broker_error", {{"error", reply.text()}});  // once, however often
      return written(call, !refused_);
    }
    case Call::What::read:
      if (reading_ && call.round == round_) on_page(reply, wall_ms);
      return;
    case Call::What::count:
      if (static_cast<uint64_t>(std::max<int64_t>(0, reply.integer())) < known_.size()) read_again_ = true;
      return;
  }
}

void Revocations::on_lost(bool commands) {
  reading_ = read_again_ = false;
  if (!commands) return;
  for (const Call& call : calls_) {
    for (const auto& [name, until_s] : call.names) to_write_.push_back(name);
  }
  calls_.clear();
  writing_ = 0;
}

void Revocations::on_interval(uint64_t wall_ms, int64_t now_ns, bool up) {
  std::erase_if(waiting_, [&](const auto& entry) {
    const Waiting& waiting = entry.second;
    if (waiting.until_ns > now_ns) return false;
    host_.revoked(waiting.core, waiting.gather, false);
    return true;
  });
  if (sweeping_) sweep(wall_ms);
  if (!up) return;
  for (std::string& name : std::exchange(later_, {})) to_write_.push_back(std::move(name));
  if (read_again_ && !reading_) return on_subscribed();
  if (!complete_ || reading_ || now_ns < next_count_ns_) return;
  next_count_ns_ = now_ns + kCountEvery;
  std::string& out = host_.begin_revocations(2);
  append_resp_word(out, std::string_view("HLEN"));
  append_resp_word(out, hash_);
  calls_.push_back({Call::What::count, 0, {}});
}

}  // namespace ringcast::cluster
