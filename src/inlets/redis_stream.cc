// SPDX-License-Identifier: Apache-2.0
#include "inlets/redis_stream.h"

#include <algorithm>
#include <utility>

namespace ringcast::inlets {

using codec::RespType;
using codec::RespValue;

namespace {

constexpr std::string_view kConsumer = "ringcast";
constexpr uint32_t kReadMax = 256;
constexpr size_t kAcknowledgeMax = 1000;
constexpr std::string_view kBlockMs = "1000";
constexpr Time kRefusedPause = std::chrono::seconds(1);

}  // namespace

RedisStream::RedisStream(const InletOptions& options, const RedisConnection::Options& connection)
    : options_(options), stream_(options.from.front()), commands_(connection), reads_(connection) {}

uint32_t RedisStream::count(const Host& host) const {
  if (host.room() == 0) return 0;
  if (one_by_one_) return 1;
  const uint64_t fit = std::max<uint64_t>(1, host.room_bytes() / entry_bytes_);
  return static_cast<uint32_t>(std::min<uint64_t>({host.room(), fit, kReadMax}));
}

void RedisStream::work(Host& host, Time now, bool reads) {
  wanted_ = reads;
  has_room_ = host.room() != 0;
  if (!reads) {
    // What a read would still bring stays pending, and is claimed by who reads next.
    reads_.close();
    reading_ = false;
    if (flushed()) {
      if (announced_) host.disconnected("nothing is read for now");
      return start_over();
    }
  }
  if (now < pause_until_) return;
  if (auto done = commands_.work(now, true); !done) return lost(host, done.error().message, commands_.lost_by_size());
  while (!expected_.empty()) {
    const auto reply = commands_.reply();
    if (!reply) break;
    const Expected expected = expected_.front();
    expected_.pop_front();
    if (on_reply(host, expected, *reply)) continue;
    pause_until_ = now + kRefusedPause;
    return lost(host, reply->text(), false);
  }
  if (!commands_.ready()) return;
  acknowledge(now);
  if (reads && !asked_) command_some(host, now);
  if (auto sent = commands_.work(now, false); !sent) return lost(host, sent.error().message, commands_.lost_by_size());
  if (reads && stage_ == Stage::reading) read_some(host, now);
}

void RedisStream::command_some(Host& host, Time now) {
  switch (stage_) {
    case Stage::making:
      commands_.send({"XGROUP", "CREATE", stream_, options_.group, options_.from_oldest ? "0" : "$", "MKSTREAM"});
      break;
    case Stage::claiming: {
      const uint32_t most = count(host);
      if (most == 0) return;
      commands_.send({"XAUTOCLAIM", stream_, options_.group, kConsumer, "0", cursor_, "COUNT", std::to_string(most)});
      break;
    }
    case Stage::finding:
      if (!has_room_) return;
      commands_.send({"XPENDING", stream_, options_.group, cursor_ == "0-0" ? "-" : cursor_, "+", "1"});
      break;
    case Stage::reading: return;
  }
  asked_ = true;
  expected_.push_back({stage_, 0});
  commands_.expect_reply(now);
}

void RedisStream::acknowledge(Time now) {
  while (sent_ < acknowledging_.size()) {
    const size_t more = std::min(acknowledging_.size() - sent_, kAcknowledgeMax);
    std::string& out = commands_.begin_command(static_cast<uint32_t>(3 + more));
    codec::append_resp_word(out, std::string_view("XACK"));
    codec::append_resp_word(out, stream_);
    codec::append_resp_word(out, options_.group);
    for (size_t i = 0; i < more; ++i) codec::append_resp_word(out, acknowledging_[sent_ + i]);
    sent_ += more;
    expected_.push_back({stage_, more});
    commands_.expect_reply(now);
  }
}

// False: Redis refuses it.
bool RedisStream::on_reply(Host& host, const Expected& expected, RespValue reply) {
  if (reply.is(RespType::error) && !(expected.stage == Stage::making && reply.text().starts_with("BUSYGROUP")))
    return false;
  if (expected.acknowledged != 0) {
    for (size_t i = 0; i < expected.acknowledged; ++i) {
      held_.erase(acknowledging_.front());
      acknowledging_.pop_front();
    }
    sent_ -= expected.acknowledged;
    return true;
  }
  asked_ = false;
  switch (expected.stage) {
    case Stage::making: stage_ = Stage::claiming; break;
    case Stage::claiming:
      if (reply.size() < 2) break;
      cursor_ = reply[0].text();
      take_entries(host, reply[1]);
      if (cursor_ != "0-0") break;
      stage_ = Stage::reading;
      one_by_one_ = false;
      break;
    case Stage::finding:
      stage_ = Stage::claiming;
      one_by_one_ = false;
      if (reply.size() == 0 || reply[0].size() == 0) break;
      drop(host, reply[0][0].text());
      cursor_ = "(" + std::string(reply[0][0].text());
      break;
    case Stage::reading: break;
  }
  return true;
}

// An entry that is too large to be read: nothing is known of it but its id.
void RedisStream::drop(Host& host, std::string_view id) {
  if (!held_.emplace(id).second) return;
  tokens_.emplace(++last_token_, id);
  host.take({.token = last_token_, .channel = stream_, .id = id, .too_large = true});
}

void RedisStream::read_some(Host& host, Time now) {
  if (auto done = reads_.work(now, true); !done) return lost(host, done.error().message, reads_.lost_by_size());
  if (!reads_.ready()) return;
  if (!std::exchange(announced_, true)) host.connected();
  if (reading_) {
    const auto reply = reads_.reply();
    if (!reply) return;
    reading_ = false;
    if (reply->is(RespType::error)) {  // the stream has been deleted, say: it is made again
      pause_until_ = now + kRefusedPause;
      return lost(host, reply->text(), false);
    }
    if (reply->size() != 0) take_entries(host, (*reply)[0][1]);
  }
  has_room_ = host.room() != 0;
  const uint32_t most = count(host);
  if (most == 0) return;
  reads_.send({"XREADGROUP", "GROUP", options_.group, kConsumer, "COUNT", std::to_string(most), "BLOCK", kBlockMs,
               "STREAMS", stream_, ">"});
  reading_ = true;
  reads_.expect_reply(now);
  if (auto sent = reads_.work(now, false); !sent) lost(host, sent.error().message, reads_.lost_by_size());
}

void RedisStream::take_entries(Host& host, RespValue entries) {
  if (entries.size() == 0) return;
  RespValue entry = entries.first();
  for (uint32_t i = 0; i < entries.size(); ++i, entry = i < entries.size() ? entry.next() : entry) {
    // Without fields: it has been deleted.
    if (entry.size() != 2 || !entry[0].is_text() || entry[1].size() == 0) continue;
    const std::string_view id = entry[0].text();
    if (!held_.emplace(id).second) continue;  // before the connection was lost
    Received received{.token = ++last_token_, .channel = stream_, .id = id};
    tokens_.emplace(last_token_, id);
    fields_.clear();
    uint64_t bytes = 0;
    RespValue name = entry[1].first();
    for (uint32_t at = 0; at + 1 < entry[1].size(); at += 2) {
      const RespValue value = name.next();
      const Field field{name.text(), value.text()};
      if (at + 3 < entry[1].size()) name = value.next();
      bytes += field.name.size() + field.value.size();
      if (field.name == options_.body) received.body = field.value;
      fields_.push_back(field);
    }
    received.fields = fields_;
    entry_bytes_ = std::max<uint64_t>(64, (7 * entry_bytes_ + bytes) / 8);
    host.take(received);
  }
}

void RedisStream::settled(uint64_t token) {
  const auto found = tokens_.find(token);
  if (found == tokens_.end()) return;
  acknowledging_.push_back(std::move(found->second));
  tokens_.erase(found);
}

void RedisStream::forget() {
  for (const auto& [token, id] : tokens_) held_.erase(id);
  tokens_.clear();
}

void RedisStream::lost(Host& host, std::string_view why, bool by_size) {
  host.disconnected(why);
  const std::string cursor = cursor_;
  const Stage stage = stage_;
  start_over();
  if (!by_size) return;
  // First one by one, and then past the one that is too large.
  if (one_by_one_ && stage == Stage::claiming) {
    stage_ = Stage::finding;
    cursor_ = cursor;
  }
  one_by_one_ = true;
}

void RedisStream::start_over() {
  commands_.close();
  reads_.close();
  expected_.clear();
  stage_ = Stage::making;
  cursor_ = "0-0";
  sent_ = 0;
  announced_ = asked_ = reading_ = false;
}

void RedisStream::append_waits(std::vector<pollfd>& waits) const {
  waits.push_back(commands_.wait(true));
  if (wanted_) waits.push_back(reads_.wait(true));
}

Time RedisStream::due() const {
  if (!wanted_ && flushed()) return kNever;
  Time due = commands_.due();
  if (wanted_ && stage_ == Stage::reading) due = std::min(due, reads_.due());
  return std::max(due, pause_until_);
}

}  // namespace ringcast::inlets
