// SPDX-License-Identifier: Apache-2.0
// A model of one Redis with a replica: what the scripts of src/cluster do, Pub/Sub, and what it may do wrong: it loses
// connections, is flushed, starts again empty, or is replaced by a replica that has not got everything. One thread.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "codec/resp/resp_parser.h"

namespace ringcast::simulation {

class RedisModel {
 public:
  struct Entry {
    uint64_t id, time;
    std::string record;
  };
  // `ordered(channel, id, record)`: a message has this id from now on.
  using Ordered = std::function<void(std::string_view channel, uint64_t id, std::string_view record)>;
  explicit RedisModel(Ordered ordered) : ordered_(std::move(ordered)) {}

  uint32_t connect();
  void close(uint32_t connection);
  bool is_open(uint32_t connection) const { return connections_.contains(connection); }
  // Executes the commands that are whole.
  void receive(uint32_t connection, std::string_view bytes);
  std::string& output(uint32_t connection) { return connections_.at(connection)->out; }

  void set_time(uint64_t wall_us) { wall_us_ = wall_us; }
  bool answers = true;  // false: it stands still, or is not there
  void replicate() { replica_ = data_; }
  void fail_over();
  void flush();
  void restart_empty();
  void close_all();
  uint64_t position(std::string_view channel) const;  // 0: none
  std::string who(std::string_view channel) const;    // incarnations with their counts, and leases, to be read

 private:
  struct Meta {
    std::string run;
    uint64_t base = 0, position = 0, ms = 0, purged = 0, changes = 0;
    std::string state;
  };
  struct Data {
    std::map<std::string, Meta> metas;
    std::map<std::string, std::deque<Entry>> streams;
    std::map<std::string, uint64_t> known;
    std::map<std::string, std::map<std::string, std::string>> counts, users;
    std::map<std::string, uint64_t> leases;  // when they end
    std::set<std::string> incarnations;
    std::map<std::string, std::set<std::string>> index;
    std::map<std::string, std::string> revoked;
  };
  struct Connection {
    codec::RespParser commands;
    std::string out;
    std::set<std::string> channels;
  };
  void execute(Connection& connection, const std::vector<std::string>& words);
  void publish(const std::string& channel, std::string_view message);
  Meta& settle(const std::vector<std::string>& words, size_t at, const std::string& meta, const std::string& stream);
  void order(Connection& connection, const std::vector<std::string>& words);
  void sync(Connection& connection, const std::vector<std::string>& words);
  void attend(Connection& connection, const std::vector<std::string>& words);
  void lease(Connection& connection, const std::vector<std::string>& words);
  void clean(Connection& connection, const std::vector<std::string>& words);
  void revoke(Connection& connection, const std::vector<std::string>& words);
  void scan(Connection& connection, const std::vector<std::string>& words) const;
  void change(const std::string& meta, const std::string& channel, const std::string& id, const std::string& what);
  bool has_lease(const std::string& key) const { return data_.leases.contains(key) && data_.leases.at(key) > wall_us_; }

  Ordered ordered_;
  Data data_, replica_;
  uint64_t wall_us_ = 0;
  int64_t skew_us_ = 0;
  uint32_t run_ = 1;
  uint32_t last_ = 0;
  std::map<uint32_t, std::unique_ptr<Connection>> connections_;
};

}  // namespace ringcast::simulation
