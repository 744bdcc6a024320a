// SPDX-License-Identifier: Apache-2.0
// Options while they are being put together: the values so far and where each one came from.
// Lives on the main thread's stack for the length of load_options().
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/options_table.h"

namespace ringcast::server {

struct RoomDraft {
  std::string match;
  std::string place;  // "ringcast.toml:12"
  struct Entry {
    const Setting* setting;
    Value value;
    std::string place;
  };
  std::vector<Entry> entries;
};

class Draft {
 public:
  Draft() : places_(settings().size()) {}

  void set(const Setting& setting, Value value, std::string place);
  // "poll_timeout = 90s (ringcast.toml:4)", for messages about two settings at once.
  std::string describe(std::string_view key) const;
  std::string place_of(std::string_view key) const;  // "default" when nothing set it

  Options options;
  std::vector<RoomDraft> rooms;
  std::string permissions_place;  // of the first `[[permissions]]`

 private:
  std::vector<std::string> places_;  // as settings()
};

// "PLACE: unknown setting "heartbeat_intervall"; did you mean "heartbeat_interval"?", with the key as `spell` spells
// it.
tl::unexpected<Error> unknown_setting(std::string_view place, std::string_view what, std::string_view given,
                                      const std::string& nearest);
// "PLACE: key = value: must be …"
// What a message may show of a value as it was written: nothing of a secret.
std::string shown(const Setting& setting, std::string spelled);
tl::unexpected<Error> bad_setting(std::string_view place, std::string_view key, std::string_view value,
                                  std::string_view why);

Result<void> read_file(const std::string& path, Draft& draft);
Result<void> read_environment(const char* const* environment, Draft& draft);
// Turns `rooms` into options.rooms and refuses what cannot be together.
Result<void> finish(Draft& draft);
// Its part about who may come in: hosts, origins, keys, tokens.
Result<void> check_access(const Draft& draft);

// Why a pattern matches no channel's name; empty: it can match some.
std::string pattern_mistake(std::string_view pattern);
// Whether `earlier` matches every name that `later` matches.
bool pattern_covers(std::string_view earlier, std::string_view later);

}  // namespace ringcast::server
