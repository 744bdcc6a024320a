// SPDX-License-Identifier: Apache-2.0
#include "cluster/members.h"

#include <algorithm>
#include <charconv>

#include "base/log.h"
#include "cluster/keys.h"
#include "hub/context.h"

namespace ringcast::cluster {

using codec::append_resp_word;
using codec::RespType;
using codec::RespValue;

namespace {

constexpr size_t kCallsMax = 256;  // without a reply
constexpr size_t kUsersPerCall = 256;
constexpr size_t kChangesParkedMax = 256, kChangesParkedBytesMax = 1 << 20;
constexpr uint64_t kPresenceMs = 7 * 24 * 3600 * 1000ull;
constexpr std::string_view kGone = "-";

std::string own_part(uint64_t node) {
  return std::to_string(node) + '.';
}

bool take_word(std::string_view& bytes, std::string_view& word) {
  const size_t end = bytes.find(' ');
  if (end == std::string_view::npos) return false;
  word = bytes.substr(0, end);
  bytes.remove_prefix(end + 1);
  return true;
}

// "LENGTH:TEXT"
bool take_text(std::string_view& bytes, std::string_view& text) {
  const size_t colon = bytes.find(':');
  if (colon == std::string_view::npos) return false;
  const uint64_t length = number_of(bytes.substr(0, colon));
  if (length > bytes.size() - colon - 1) return false;
  text = bytes.substr(colon + 1, length);
  bytes.remove_prefix(colon + 1 + length);
  return true;
}

uint32_t take_number(std::string_view& bytes) {
  const auto number = static_cast<uint32_t>(number_of(bytes));
  const size_t end = bytes.find(' ');
  bytes.remove_prefix(end == std::string_view::npos ? bytes.size() : end + 1);
  return number;
}

hub::Status status_of(uint32_t number) {
  return number <= static_cast<uint32_t>(hub::Status::busy) ? static_cast<hub::Status>(number) : hub::Status::online;
}

reactor::Mail mail_of(Kind kind, bool present) {
  reactor::Mail mail;
  mail.kind = static_cast<uint8_t>(kind);
  mail.flags = present ? flag::kPresent : 0;
  return mail;
}

}  // namespace

Members::Members(MembersOptions options, Host& host, hub::BrokerStats& stats)
    : options_(std::move(options)), host_(host), stats_(stats), own_(own_part(options_.node)) {}

std::string Members::users_prefix(std::string_view key) const {
  return key_prefix(options_.prefix, 'u', key);
}

std::string Members::counts_key(std::string_view key) const {
  return key_of(options_.prefix, 'p', key);
}

bool Members::wants_snapshot(std::string_view key) const {
  const std::string_view name = hub::name_of(key);
  if (hub::is_broadcast(name)) return false;
  if (!hub::is_inbox(name) && !(*options_.policies)[options_.policies->match(name)].presence) {
    return false;
  }
  const auto found = rooms_.find(key);
  return found == rooms_.end() || !found->second.known;
}

Members::Room& Members::room(std::string_view key) {
  const auto found = rooms_.find(key);
  return found != rooms_.end() ? found->second : rooms_[std::string(key)];
}

void Members::drop_if_idle(std::string_view key) {
  const auto found = rooms_.find(key);
  if (found != rooms_.end() && found->second.idle()) rooms_.erase(found);
}

// --- from the cores

void Members::on_mail(const reactor::Mail& mail, std::string_view key, hub::RecordReader& record) {
  Room& at = room(key);
  switch (static_cast<Kind>(mail.kind)) {
    case Kind::attend: {
      const std::string_view name = record.text();
      User& user = at.here[std::string(name)];
      const bool shown = (mail.flags & flag::kPresent) != 0;
      at.shown += static_cast<uint32_t>(shown) - static_cast<uint32_t>(user.shown);
      user.shown = shown;
      user.connections = static_cast<uint32_t>(mail.id);
      user.status = static_cast<hub::Status>(mail.value);
      return touch(key, at, name, user);
    }
    case Kind::count:
      at.counts.live = static_cast<uint32_t>(mail.id >> 32);
      at.counts.anonymous = static_cast<uint32_t>(mail.id);
      at.counts.connections = static_cast<uint32_t>(mail.value);
      at.counts.present = (mail.flags & flag::kPresent) != 0;
      return queue(key, at);
    case Kind::cleared:
      for (auto& [name, user] : at.here) {
        user.shown = false;
        touch(key, at, name, user);
      }
      at.shown = 0;
      return;
    case Kind::state: {
      if (!up_) return;  // as if it had been lost on its way
      std::string& out = host_.begin_call(Script::state, 6);
      append_resp_word(out, uint64_t{1});
      append_resp_word(out, key_of(options_.prefix, 'm', key));
      append_resp_word(out, kPresenceMs);
      append_resp_word(out, channel_name(options_.prefix, key));
      append_resp_word(out, mail.value);
      append_resp_word(out, "x s " + std::to_string(options_.node) + ' ' + std::to_string(mail.value));
      calls_.push_back({Call::What::state, incarnation_, std::string(key), {}});
      ++stating_[std::string(key)];
      return drop_if_idle(key);
    }
    default: RINGCAST_ASSERT(false);  // a kind that no core sends
  }
}

void Members::forget(std::string_view key) {
  const auto found = rooms_.find(key);
  if (found == rooms_.end()) return;
  forget_others_news(found->second);
  found->second.there.clear();
  drop_if_idle(key);
}

void Members::forget_others_news(Room& room) {
  room.known = room.overran = false;
  room.parked.clear();
  room.parked_bytes = 0;
}

void Members::touch(std::string_view key, Room& room, std::string_view name, User& user) {
  if (!user.dirty) room.dirty.emplace_back(name);
  user.dirty = true;
  queue(key, room);
}

void Members::queue(std::string_view key, Room& room) {
  if (std::exchange(room.queued, true)) return;
  to_write_.emplace_back(key);
}

// --- into Redis

void Members::write_some() {
  while (up_ && !to_write_.empty() && calls_.size() < kCallsMax) {
    const std::string key = std::move(to_write_.front());
    to_write_.pop_front();
    const auto found = rooms_.find(key);
    if (found == rooms_.end()) continue;
    found->second.queued = false;
    if (write(key)) queue(key, found->second);
    drop_if_idle(key);
  }
}

// Whether there is more.
bool Members::write(const std::string& key) {
  Room& at = rooms_.find(key)->second;
  const hub::Counts& counts = at.counts;
  std::string head(kGone);
  if (counts.present || at.shown != 0) {
    head = std::to_string(counts.live) + ' ' + std::to_string(counts.anonymous) + ' ' +
           std::to_string(counts.connections) + (counts.present ? " 1" : " 0");
  }
  // Nothing was written that would have to be removed.
  if (at.head_written.empty() && head == kGone) {
    for (const std::string& name : at.dirty) at.here.erase(name);
    at.dirty.clear();
    return false;
  }
  if (head == at.head_written && at.dirty.empty()) return false;
  Call call{Call::What::write, incarnation_, key, {}};
  const size_t most = std::min(at.dirty.size(), kUsersPerCall);
  const bool more = most < at.dirty.size();
  call.users.assign(at.dirty.end() - static_cast<std::ptrdiff_t>(most), at.dirty.end());
  at.dirty.resize(at.dirty.size() - most);
  std::string& out = host_.begin_call(Script::attend, static_cast<uint32_t>(11 + 2 * most));
  append_resp_word(out, uint64_t{5});
  append_resp_word(out, key_of(options_.prefix, 'm', key));
  append_resp_word(out, counts_key(key));
  append_resp_word(out, users_prefix(key) + id() + ':' + key);
  append_resp_word(out, options_.prefix + ":lease:" + id());
  append_resp_word(out, options_.prefix + ":index:" + id());
  append_resp_word(out, id());
  append_resp_word(out, kPresenceMs);
  append_resp_word(out, channel_name(options_.prefix, key));
  append_resp_word(out, std::to_string(partition_of(key)) + ':' + key);
  // With the last part of its users the node leaves the channel.
  append_resp_word(out, more && head == kGone ? std::string_view() : std::string_view(head));
  for (const std::string& name : call.users) {
    User& user = at.here.find(name)->second;
    user.dirty = false;
    append_resp_word(out, name);
    append_resp_word(
        out, user.shown ? std::to_string(user.connections) + ' ' + std::to_string(static_cast<uint32_t>(user.status))
                        : std::string());
  }
  if (!more || head != kGone) at.head_written = head == kGone ? std::string() : std::move(head);
  calls_.push_back(std::move(call));
  ++at.flying;
  return more;
}

void Members::on_reply(RespValue reply, int64_t now_ns) {
  const Call call = std::move(calls_.front());
  calls_.pop_front();
  if (reply.is(RespType::error)) log_warning("broker_error", {{"error", reply.text()}});
  switch (call.what) {
    case Call::What::write: return written(call, reply);
    case Call::What::lease: return on_lease(reply, now_ns);
    case Call::What::clean:
      cleaning_ = false;
      if (reply.integer() != 0) clean(call.key);
      return;
    case Call::What::state: return;
  }
}

void Members::written(const Call& call, RespValue reply) {
  --rooms_.find(call.key)->second.flying;
  if (call.incarnation != incarnation_) return;  // all is written again
  if (!reply.is(RespType::integer)) return redo(call);
  if (reply.integer() == 0) return enter_again();
  const auto found = rooms_.find(call.key);
  for (const std::string& name : call.users) {
    const auto user = found->second.here.find(name);
    if (user != found->second.here.end() && !user->second.shown && !user->second.dirty) {
      found->second.here.erase(user);
    }
  }
  drop_if_idle(call.key);
}

// It was refused, or its outcome is not known.
void Members::redo(const Call& call) {
  Room& at = rooms_.find(call.key)->second;
  for (const std::string& name : call.users) {
    User& user = at.here[name];  // one who had gone may have been forgotten when an earlier write was answered
    if (user.dirty) continue;
    user.dirty = true;
    at.dirty.push_back(name);
  }
  at.head_written = "?";
  later_.push_back(call.key);
}

// --- the lease

void Members::renew(bool enters) {
  std::string& out = host_.begin_call(Script::lease, 8);
  append_resp_word(out, uint64_t{2});
  append_resp_word(out, options_.prefix + ":lease:" + id());
  append_resp_word(out, options_.prefix + ":nodes");
  append_resp_word(out, id());
  append_resp_word(out, options_.name);
  append_resp_word(out, static_cast<uint64_t>(options_.lease_ns / 1'000'000));
  append_resp_word(out, uint64_t{enters});
  append_resp_word(out, options_.prefix + ":lease:");
  calls_.push_back({Call::What::lease, incarnation_, {}, {}});
}

void Members::enter_again() {
  log_warning("broker_lease_lost", {{"incarnation", id()}});
  hub::add(stats_.leases_lost);
  ++incarnation_;
  renew(true);
  // Others may have done the same, and nothing reports the users that have left them since.
  for (const auto& [key, at] : rooms_) {
    if (!at.there.empty()) to_look_at_.emplace_front(0, key);
  }
#ifndef RINGCAST_BROKEN_FROZEN
  // Without this, for the simulation's own test, a node that was frozen is forgotten by the others.
  write_all_again();
#endif
}

void Members::write_all_again() {
  for (auto& [key, at] : rooms_) {
    for (auto& [name, user] : at.here) {
      if (!user.dirty) at.dirty.push_back(name);
      user.dirty = true;
    }
    at.head_written = "?";
    queue(key, at);
  }
}

void Members::on_lease(RespValue reply, int64_t now_ns) {
  if (reply.size() == 0) return;
  if (reply[0].integer() == 0) return enter_again();
  entered_ = true;
  if (reply.size() < 2) return;
  const uint32_t ended = reply.size() - 2;
  stats_.nodes.store(static_cast<uint64_t>(reply[1].integer()) - ended, std::memory_order_relaxed);
  if (ended == 0 || cleaning_ || up_since_ns_ + options_.lease_ns * 3 / 2 > now_ns) return;
  clean(reply[2].text());
}

void Members::clean(std::string_view incarnation) {
  if (!up_ || incarnation == id()) return;
  cleaning_ = true;
  const std::string name(incarnation);
  std::string& out = host_.begin_call(Script::clean, 7);
  append_resp_word(out, uint64_t{3});
  append_resp_word(out, options_.prefix + ":lease:" + name);
  append_resp_word(out, options_.prefix + ":nodes");
  append_resp_word(out, options_.prefix + ":index:" + name);
  append_resp_word(out, name);
  append_resp_word(out, options_.prefix);
  append_resp_word(out, kPresenceMs);
  calls_.push_back({Call::What::clean, incarnation_, name, {}});
}

void Members::on_lost(bool commands) {
  up_ = false;
  stating_.clear();
  if (!commands) {  // what happens meanwhile is not heard of
    for (auto& [key, at] : rooms_) forget_others_news(at);
    return;
  }
  cleaning_ = false;
  for (const Call& call : std::exchange(calls_, {})) {
    if (call.what != Call::What::write) continue;
    --rooms_.find(call.key)->second.flying;
    if (call.incarnation == incarnation_) redo(call);
  }
}

void Members::on_ready(std::string_view run, int64_t now_ns) {
  up_ = true;
  up_since_ns_ = now_ns;
  next_lease_ns_ = now_ns + options_.lease_ns * 3 / 10;
  // Another server may lack what was acknowledged, and may hold users who have left.
  if (run != run_ && !run_.empty()) {
    ++incarnation_;
    entered_ = false;
    write_all_again();
  }
  run_ = run;
  renew(!entered_);
}

void Members::on_interval(int64_t now_ns) {
  for (const std::string& key : std::exchange(later_, {})) {
    if (const auto found = rooms_.find(key); found != rooms_.end()) queue(key, found->second);
  }
  if (!up_) return;
  if (next_lease_ns_ <= now_ns) {
    next_lease_ns_ = now_ns + options_.lease_ns * 3 / 10;
    renew(false);
  }
  while (!to_look_at_.empty() && to_look_at_.front().first <= now_ns) {
    const std::string key = std::move(to_look_at_.front().second);
    to_look_at_.pop_front();
    const auto found = rooms_.find(key);
    if (found == rooms_.end() || !found->second.known) continue;
    found->second.known = false;
    host_.need_snapshot(key);
  }
}

// --- what others have

void Members::set_counts(Incarnation& at, std::string_view head) {
  at.counts.live = take_number(head);
  at.counts.anonymous = take_number(head);
  at.counts.connections = take_number(head);
  at.counts.present = take_number(head) != 0;
}

void Members::set_user(std::string_view key, Room& room, Incarnation& at, std::string_view name,
                       std::string_view value) {
  if (value.empty()) {
    if (at.users.erase(std::string(name)) == 0) return;
  } else {
    User& user = at.users[std::string(name)];
    user.connections = take_number(value);
    user.status = status_of(take_number(value));
  }
  report_user(key, room, name);
}

void Members::drop(std::string_view key, Room& room, std::string_view incarnation) {
  const auto found = room.there.find(incarnation);
  if (found == room.there.end()) return;
  const auto gone = std::move(found->second.users);
  room.there.erase(found);
  report_counts(key, room);
  for (const auto& [name, user] : gone) report_user(key, room, name);
}

void Members::on_change(std::string_view key, std::string_view bytes) {
  if (wants_snapshot(key)) return park(room(key), bytes);
  const auto found = rooms_.find(key);
  if (found == rooms_.end()) return;
  Room& at = found->second;
  const std::string_view whole = bytes;
  std::string_view number, incarnation, head, name, value;
  if (!take_word(bytes, number) || !take_word(bytes, incarnation) || !take_text(bytes, head)) {
    return hub::add(stats_.unreadable);
  }
  const uint64_t change = number_of(number);
  if (change <= at.change) return;  // the snapshot had it
  if (change != at.change + 1) {
    at.known = false;
    park(at, whole);
    return host_.need_snapshot(key);
  }
  at.change = change;
  if (is_ours(incarnation)) return;
  if (head == kGone) return drop(key, at, incarnation);
  Incarnation& other = at.there[std::string(incarnation)];
  if (!head.empty()) {
    set_counts(other, head);
    report_counts(key, at);
  }
  while (take_text(bytes, name) && take_text(bytes, value)) set_user(key, at, other, name, value);
}

void Members::park(Room& room, std::string_view bytes) {
  if (room.parked.size() == kChangesParkedMax || room.parked_bytes + bytes.size() > kChangesParkedBytesMax) {
    room.overran = true;
    return;
  }
  room.parked_bytes += bytes.size();
  room.parked.emplace_back(bytes);
}

void Members::on_snapshot(std::string_view key, RespValue snapshot, int64_t now_ns) {
  if (snapshot.size() != 3) return;
  hub::add(stats_.snapshots);
  Room& at = room(key);
  at.known = true;
  at.change = number_of(snapshot[0].text());
  report_state(key, snapshot[1].text());
  const RespValue there = snapshot[2];
  std::vector<std::string> seen;
  RespValue next = there.first();
  for (uint32_t left = there.size(); left != 0; --left) {
    const RespValue each = std::exchange(next, next.next());
    if (each.size() != 3 || is_ours(each[0].text())) continue;
    const std::string& id = seen.emplace_back(each[0].text());
    Incarnation& other = at.there[id];
    other.missing_since_ns = 0;
    set_counts(other, each[1].text());
    std::unordered_map<std::string, User> before = std::exchange(other.users, {});
    const RespValue users = each[2];
    RespValue user = users.first();
    for (uint32_t n = 0; n + 1 < users.size(); n += 2) {
      const std::string_view name = std::exchange(user, user.next()).text();
      const std::string_view value = std::exchange(user, user.next()).text();
      before.erase(std::string(name));
      set_user(key, at, other, name, value);
    }
    for (const auto& [name, gone] : before) report_user(key, at, name);
  }
  std::vector<std::string> over;
  bool missing = false;
  for (auto& [id, other] : at.there) {
    if (std::find(seen.begin(), seen.end(), id) != seen.end()) continue;
    if (other.missing_since_ns == 0) other.missing_since_ns = now_ns;
    if (std::max(other.missing_since_ns, up_since_ns_) + options_.lease_ns * 3 / 2 <= now_ns) {
      over.push_back(id);
    } else {
      missing = true;
    }
  }
  for (const std::string& id : over) drop(key, at, id);
  if (missing) to_look_at_.emplace_back(now_ns + options_.lease_ns * 3 / 2, key);
  report_counts(key, at);
  const bool overran = at.overran;
  const std::vector<std::string> parked = std::exchange(at.parked, {});
  forget_others_news(at);
  at.known = true;
  for (const std::string& bytes : parked) on_change(key, bytes);
  if (overran && at.known) {
    at.known = false;
    host_.need_snapshot(key);
  }
}

// Of several statuses that are on their way, the last one holds, and ours are known here already.
void Members::on_state(std::string_view key, uint64_t node, std::string_view status) {
  const auto ours = stating_.find(std::string(key));
  if (node == options_.node && ours != stating_.end() && --ours->second == 0) stating_.erase(ours);
  if (stating_.contains(std::string(key))) return;
  report_state(key, status);
}

// --- to the cores

void Members::report_user(std::string_view key, const Room& room, std::string_view name) {
  reactor::Mail mail = mail_of(Kind::attend, false);
  for (const auto& [id, other] : room.there) {
    const auto found = other.users.find(std::string(name));
    if (found == other.users.end()) continue;
    mail.flags = flag::kPresent;
    mail.id += found->second.connections;
    mail.value = static_cast<uint64_t>(found->second.status);
  }
  host_.send_to_core(key, mail, name);
}

void Members::report_counts(std::string_view key, const Room& room) {
  hub::Counts sum;
  for (const auto& [id, other] : room.there) {
    sum.live += other.counts.live;
    sum.anonymous += other.counts.anonymous;
    sum.connections += other.counts.connections;
    sum.present |= other.counts.present;
  }
  reactor::Mail mail = mail_of(Kind::count, sum.present);
  mail.id = static_cast<uint64_t>(sum.live) << 32 | sum.anonymous;
  mail.value = sum.connections;
  host_.send_to_core(key, mail, {});
}

void Members::report_state(std::string_view key, std::string_view status) {
  if (status.empty()) return;
  reactor::Mail mail = mail_of(Kind::state, true);
  mail.value = static_cast<uint64_t>(status_of(static_cast<uint32_t>(number_of(status))));
  host_.send_to_core(key, mail, {});
}

}  // namespace ringcast::cluster
