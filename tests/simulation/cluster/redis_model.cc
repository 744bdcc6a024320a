// SPDX-License-Identifier: Apache-2.0
#include "redis_model.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "base/assert.h"

namespace ringcast::simulation {

namespace {
constexpr int64_t kSkewUs = 5'000'000;
constexpr size_t kKeptAtBreak = 256;
constexpr uint32_t kMessageBytesBelow = 1024;  // so that the bytes kept at a break are never the limit

// "prefix:{17}:m:CHANNEL"
std::string channel_of(std::string_view key) {
  return std::string(key.substr(key.find("}:") + 4));
}
}  // namespace

uint32_t RedisModel::connect() {
  connections_[++last_] = std::make_unique<Connection>();
  return last_;
}

void RedisModel::close(uint32_t connection) {
  connections_.erase(connection);
}

void RedisModel::close_all() {
  connections_.clear();
}

// The replica's clock is behind, and what it has not got is lost.
void RedisModel::fail_over() {
  data_ = replica_;
  ++run_;
  skew_us_ = run_ % 2 == 0 ? -kSkewUs : 0;
  close_all();
}

void RedisModel::flush() {
  data_ = {};
}

void RedisModel::restart_empty() {
  data_ = {};
  ++run_;
  close_all();
}

uint64_t RedisModel::position(std::string_view channel) const {
  for (const auto& [key, meta] : data_.metas) {
    if (channel_of(key) == channel) return meta.position;
  }
  return 0;
}

std::string RedisModel::who(std::string_view channel) const {
  std::string out;
  for (const auto& [key, counts] : data_.counts) {
    if (channel_of(key) != channel) continue;
    for (const auto& [id, head] : counts) out += ' ' + id + '(' + head + ')';
  }
  out += "; leases:";
  for (const auto& [key, ends_us] : data_.leases) out += (ends_us > wall_us_ ? " +" : " -") + key;
  out += "; known:";
  for (const std::string& id : data_.incarnations) out += ' ' + id;
  return out;
}

void RedisModel::receive(uint32_t id, std::string_view bytes) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  Connection& connection = *found->second;
  connection.commands.append(bytes);
  for (;;) {
    const auto status = connection.commands.next();
    RINGCAST_ASSERT(status != codec::RespParser::Status::broken);
    if (status == codec::RespParser::Status::need_more) return;
    const codec::RespValue command = connection.commands.reply().root();
    std::vector<std::string> words;
    for (uint32_t at = 0; at < command.size(); ++at) words.emplace_back(command[at].text());
    execute(connection, words);
  }
}

void RedisModel::execute(Connection& connection, const std::vector<std::string>& words) {
  const std::string& name = words[0];
  std::string& out = connection.out;
  if (name == "CLIENT") {
    out += "+OK\r\n";
  } else if (name == "SCRIPT") {
    std::string_view is = "state";
    for (const auto& [part, script] :
         {std::pair("'purged', text", "purge"), std::pair("'ZREVRANGE'", "revoke"), std::pair("'SPOP'", "clean"),
          std::pair("'HKEYS'", "lease"), std::pair("'SADD'", "attend"), std::pair("'XRANGE'", "sync"),
          std::pair("'MAXLEN'", "publish")}) {
      if (words[2].find(part) != std::string::npos) is = script;
    }
    codec::append_resp_word(out, is);
  } else if (name == "INFO") {
    codec::append_resp_word(out, "# Server\r\nrun_id:" + std::to_string(run_) + "\r\nrole:master\r\nloading:0\r\n");
  } else if (name == "PUBLISH") {
    publish(words[1], words[2]);
    out += ":1\r\n";
  } else if (name == "SUBSCRIBE" || name == "UNSUBSCRIBE") {
    for (size_t at = 1; at < words.size(); ++at) {
      if (name == "SUBSCRIBE") {
        connection.channels.insert(words[at]);
      } else {
        connection.channels.erase(words[at]);
      }
      codec::append_resp_command(out, 3);
      codec::append_resp_word(out, name == "SUBSCRIBE" ? "subscribe" : "unsubscribe");
      codec::append_resp_word(out, words[at]);
      out += ":1\r\n";
    }
  } else if (name == "HSCAN") {
    scan(connection, words);
  } else if (name == "HLEN") {
    out += ':' + std::to_string(data_.revoked.size()) + "\r\n";
  } else if (words[1] == "revoke") {
    revoke(connection, words);
  } else if (words[1] == "publish") {
    order(connection, words);
  } else if (words[1] == "purge") {
    Meta& meta = settle(words, 5, words[3], words[4]);
    data_.streams[words[4]].clear();
    meta.purged = meta.position;
    publish(words[10], words[11]);
    out += "*0\r\n";
  } else if (words[1] == "attend") {
    attend(connection, words);
  } else if (words[1] == "lease") {
    lease(connection, words);
  } else if (words[1] == "clean") {
    clean(connection, words);
  } else if (words[1] == "state") {
    data_.metas[words[3]].state = words[6];
    publish(words[5], words[7]);
    out += ":1\r\n";
  } else {
    sync(connection, words);
  }
}

// --- what has been revoked; of a user nobody revokes twice here

void RedisModel::revoke(Connection& connection, const std::vector<std::string>& words) {
  for (size_t at = 6; at + 2 < words.size(); at += 3) {
    const std::string value = words[at + 1] + ' ' + words[at + 2];
    if (std::exchange(data_.revoked[words[at]], value) != value) publish(words[5], value + ' ' + words[at]);
  }
  connection.out += ':' + std::to_string(data_.revoked.size()) + "\r\n";
}

// A page has what hashes to it, so that what is there all the time is found whatever comes in between.
void RedisModel::scan(Connection& connection, const std::vector<std::string>& words) const {
  constexpr uint64_t kPages = 3;
  const uint64_t page = std::stoull(words[2]);
  std::vector<std::string> found;
  for (const auto& [revoked, value] : data_.revoked) {
    if (std::hash<std::string>()(revoked) % kPages != page) continue;
    found.push_back(revoked);
    found.push_back(value);
  }
  codec::append_resp_command(connection.out, 2);
  codec::append_resp_word(connection.out, (page + 1) % kPages);
  codec::append_resp_command(connection.out, static_cast<uint32_t>(found.size()));
  for (const std::string& word : found) codec::append_resp_word(connection.out, word);
}

// --- who is in a channel

void RedisModel::change(const std::string& meta, const std::string& channel, const std::string& id,
                        const std::string& what) {
  uint64_t& changes = data_.metas[meta].changes;
  if (changes == 0) changes = wall_us_;
  publish(channel, "p " + std::to_string(++changes) + ' ' + id + ' ' + what);
}

void RedisModel::attend(Connection& connection, const std::vector<std::string>& words) {
  if (!has_lease(words[6])) {
    connection.out += ":0\r\n";
    return;
  }
  const std::string& id = words[8];
  const auto said = [](const std::string& text) { return std::to_string(text.size()) + ':' + text; };
  auto& counts = data_.counts[words[4]];
  auto& users = data_.users[words[5]];
  std::string head = words[12];
  if (!head.empty() && head == (counts.contains(id) ? counts[id] : "-")) head.clear();
  bool changed = !head.empty();
  std::string what = said(head);
  for (size_t at = 13; at + 1 < words.size(); at += 2) {
    const std::string &user = words[at], &value = words[at + 1];
    if ((users.contains(user) ? users[user] : std::string()) == value) continue;
    changed = true;
    if (value.empty()) {
      users.erase(user);
    } else {
      users[user] = value;
    }
    what += said(user) + said(value);
  }
  if (head == "-") {
    counts.erase(id);
    users.clear();
    data_.index[words[7]].erase(words[11]);
    if (counts.empty()) data_.metas[words[3]].state.clear();
  } else if (!head.empty()) {
    counts[id] = head;
    data_.index[words[7]].insert(words[11]);
  }
  if (changed) change(words[3], words[10], id, what);
  connection.out += ":1\r\n";
}

void RedisModel::lease(Connection& connection, const std::vector<std::string>& words) {
  if (words[8] == "0" && !has_lease(words[3])) {
    connection.out += "*1\r\n:0\r\n";
    return;
  }
  data_.leases[words[3]] = wall_us_ + std::stoull(words[7]) * 1000;
  data_.incarnations.insert(words[5]);
  std::vector<std::string> ended;
  for (const std::string& id : data_.incarnations) {
    if (!has_lease(words[9] + id)) ended.push_back(id);
  }
  codec::append_resp_command(connection.out, static_cast<uint32_t>(2 + ended.size()));
  connection.out += ":1\r\n:" + std::to_string(data_.incarnations.size()) + "\r\n";
  for (const std::string& id : ended) codec::append_resp_word(connection.out, id);
}

void RedisModel::clean(Connection& connection, const std::vector<std::string>& words) {
  constexpr int kChannelsPerCall = 2;
  const std::string &id = words[6], &prefix = words[7];
  std::set<std::string>& index = data_.index[words[5]];
  for (int n = 0; n < kChannelsPerCall && !index.empty() && !has_lease(words[3]); ++n) {
    const std::string entry = *index.begin();
    index.erase(index.begin());
    const std::string key = entry.substr(entry.find(':') + 1);
    const std::string at = prefix + ":{" + entry.substr(0, entry.find(':')) + "}:";
    data_.counts[at + "p:" + key].erase(id);
    data_.users.erase(at + "u:" + id + ':' + key);
    change(at + "m:" + key, prefix + ":c:" + key, id, "1:-");
  }
  const size_t left = has_lease(words[3]) ? 0 : index.size();
  if (left == 0 && !has_lease(words[3])) data_.incarnations.erase(id);
  connection.out += ':' + std::to_string(left) + "\r\n";
}

void RedisModel::publish(const std::string& channel, std::string_view message) {
  for (const auto& [id, connection] : connections_) {
    if (!connection->channels.contains(channel)) continue;
    codec::append_resp_command(connection->out, 3);
    codec::append_resp_word(connection->out, "message");
    codec::append_resp_word(connection->out, channel);
    codec::append_resp_word(connection->out, message);
  }
}

RedisModel::Meta& RedisModel::settle(const std::vector<std::string>& words, size_t at, const std::string& key,
                                     const std::string& stream) {
  const uint64_t seen = std::stoull(words[at + 1]), floor = std::stoull(words[at + 2]);
  Meta& meta = data_.metas[key];
  if (meta.run == words[at] && meta.base != 0 && meta.position >= seen) return meta;
  std::deque<Entry>& entries = data_.streams[stream];
  while (entries.size() > kKeptAtBreak) entries.pop_front();
  const auto now = static_cast<uint64_t>(static_cast<int64_t>(wall_us_) + skew_us_);
  meta.base = std::max({now, meta.position, seen, floor}) + entries.size();
  meta.position = meta.base;
  meta.run = words[at];
  for (size_t i = 0; i < entries.size(); ++i) {
    entries[i].id = meta.base - entries.size() + 1 + i;
    ordered_(channel_of(key), entries[i].id, entries[i].record);
  }
  return meta;
}

void RedisModel::order(Connection& connection, const std::vector<std::string>& words) {
  const std::string &key = words[3], &stream = words[4], &known = words[5];
  const std::string& record = words[10];
  RINGCAST_ASSERT(words.size() == 16 && record.size() < kMessageBytesBelow);
  codec::append_resp_command(connection.out, 3);
  if (words[13] != "0" && data_.known.contains(known)) {
    codec::append_resp_word(connection.out, data_.known[known]);
    connection.out += ":1\r\n";
    codec::append_resp_word(connection.out, "0");
    return;
  }
  Meta& meta = settle(words, 6, key, stream);
  ++meta.position;
  uint64_t time = static_cast<uint64_t>(static_cast<int64_t>(wall_us_) + skew_us_);
  if (words[14] == "1") {
    meta.ms = std::max(time / 1000, meta.ms + 1);
    time = std::max(time, meta.ms * 1000);
  }
  const size_t kept = std::stoull(words[11]);
  std::deque<Entry>& entries = data_.streams[stream];
  if (kept != 0) entries.push_back({meta.position, time, record});
  while (entries.size() > kept) entries.pop_front();
  if (words[13] != "0") data_.known[known] = meta.position;
  ordered_(channel_of(key), meta.position, record);
  publish(words[15], "m " + std::to_string(meta.base) + ' ' + std::to_string(meta.position) + ' ' +
                         std::to_string(time) + ' ' + record);
  codec::append_resp_word(connection.out, meta.position);
  connection.out += ":0\r\n";
  codec::append_resp_word(connection.out, time);
}

void RedisModel::sync(Connection& connection, const std::vector<std::string>& words) {
  RINGCAST_ASSERT(words.size() == 16);
  const Meta& meta = settle(words, 6, words[3], words[4]);
  const bool same = std::stoull(words[11]) == meta.base;
  const uint64_t after = same ? std::stoull(words[12]) : 0;
  const size_t most = std::min<size_t>(std::stoull(words[13]), 7);  // short pages, so that there are several
  std::vector<const Entry*> page;
  for (const Entry& entry : data_.streams[words[4]]) {
    if (entry.id > after && page.size() < most) page.push_back(&entry);
  }
  std::string& out = connection.out;
  const std::string& users_prefix = words[14];
  codec::append_resp_command(out, users_prefix.empty() ? 4 : 5);
  codec::append_resp_word(out, meta.base);
  codec::append_resp_word(out, meta.position);
  codec::append_resp_word(out, meta.purged);
  codec::append_resp_command(out, static_cast<uint32_t>(page.size()));
  for (const Entry* entry : page) {
    codec::append_resp_command(out, 2);
    codec::append_resp_word(out, std::to_string(entry->id) + "-0");
    codec::append_resp_command(out, 4);
    codec::append_resp_word(out, "t");
    codec::append_resp_word(out, entry->time);
    codec::append_resp_word(out, "r");
    codec::append_resp_word(out, entry->record);
  }
  if (users_prefix.empty()) return;
  codec::append_resp_command(out, 3);
  if (data_.metas[words[3]].changes == 0) data_.metas[words[3]].changes = wall_us_;
  codec::append_resp_word(out, meta.changes);
  codec::append_resp_word(out, meta.state);
  const auto& counts = data_.counts[words[5]];
  codec::append_resp_command(out, static_cast<uint32_t>(counts.size()));
  for (const auto& [id, head] : counts) {
    const auto& users = data_.users[users_prefix + id + ':' + words[15]];
    codec::append_resp_command(out, 3);
    codec::append_resp_word(out, id);
    codec::append_resp_word(out, head);
    codec::append_resp_command(out, static_cast<uint32_t>(2 * users.size()));
    for (const auto& [user, value] : users) {
      codec::append_resp_word(out, user);
      codec::append_resp_word(out, value);
    }
  }
}

}  // namespace ringcast::simulation
