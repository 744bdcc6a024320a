// SPDX-License-Identifier: Apache-2.0
// What one connection may be sent, by channel: the next id that is due, gaps announced, holes of messages that it asked
// not to hear itself. Every event of a connection goes through here. Part of a simulated client; one thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ledger.h"

namespace ringcast::simulation {

// Fields of the server's one-line JSON, whose texts carry no escapes here.
std::string_view json_text(std::string_view json, std::string_view name);
std::optional<uint64_t> json_number(std::string_view json, std::string_view name);
bool json_flag(std::string_view json, std::string_view name);
// Each {…} of a list of objects that hold no objects.
template <class F>
void for_each_object(std::string_view list, F&& f) {
  for (size_t begin = list.find('{', 1); begin != std::string_view::npos; begin = list.find('{', begin)) {
    const size_t end = list.find('}', begin);
    f(list.substr(begin, end - begin + 1));
    begin = end;
  }
}

// Neither an inbox nor the broadcast.
inline bool is_room(std::string_view name) {
  return name != "*" && name[0] != '@';
}

class Receiver {
 public:
  Receiver(Ledger& ledger, std::string tenant) : ledger_(ledger), tenant_(std::move(tenant)) {}

  std::string key(std::string_view room) const { return tenant_ + ':' + std::string(room); }
  // Messages after `position` are to come; with `cursor` given, they must be those after it or a gap must be reported.
  void begin(std::string_view room, uint64_t position, std::optional<uint64_t> cursor);
  void end(std::string_view room);
  bool has(std::string_view room) const { return channels_.find(room) != channels_.end(); }
  // The cursor to resume with.
  std::optional<uint64_t> position(std::string_view room) const;
  std::vector<std::string> rooms() const;

  void message(std::string_view room, uint64_t id, std::string_view token);
  void message_of_bytes(std::string_view room, uint64_t id, std::string_view base64);
  void gap(std::string_view json);
  void lagged(std::string_view json);
  void ephemeral(std::string_view room);
  // A message that this connection must not get live was published, and has this id.
  void excluded_published(std::string_view room) { ++channels_excluded_[std::string(room)].unanswered; }
  void excluded_answered(std::string_view room, std::optional<uint64_t> id);

  // At rest: everything known has come.
  void check_caught_up() const;

 private:
  struct Channel {
    uint64_t next = 0;
    bool gap_due = false;
    std::set<uint64_t> holes;  // not received; own ones whose ids are not known yet
  };
  struct Excluded {
    uint32_t unanswered = 0;
    std::set<uint64_t> ids;
  };
  Channel& at(std::string_view room, std::string_view why);
  void check_holes(std::string_view room, const Channel& channel);

  Ledger& ledger_;
  std::string tenant_;
  std::map<std::string, Channel, std::less<>> channels_;
  std::map<std::string, Excluded, std::less<>> channels_excluded_;
};

}  // namespace ringcast::simulation
