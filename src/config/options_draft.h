// SPDX-License-Identifier: Apache-2.0
// Options while they are being put together: the values so far and where each one came from.
// Lives on the main thread's stack for the length of load_options().
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/options_table.h"

namespace ringcast::config {

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

// Of a section that is in options.inlets, under the same number.
struct InletDraft {
  std::string place;
  std::vector<std::string> given;  // keys
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
  std::vector<InletDraft> inlets;
  std::string permissions_place;  // of the first `[[permissions]]`
  // What presets say: behind what the operator says, and only where that leaves it open.
  struct OfPresets {
    std::vector<RoomDraft> rooms;
    std::vector<RouteRule> routes;
    std::vector<PermissionRule> permissions;
  } of_presets;
  // [sse_broker]: settings of that preset under the names of the system; where it is written, empty: nowhere.
  session::RouteSettings broker;
  std::string broker_place;

  // What has been read until now is what presets say.
  void set_aside_presets();

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

[[nodiscard]] Result<void> read_file(const std::string& path, Draft& draft);
// What the presets of `names` say, into a draft that is new.
[[nodiscard]] Result<void> read_presets(const std::vector<std::string>& names, const std::string& place, Draft& draft);
// Adds the routes of presets that the operator has not replaced.
[[nodiscard]] Result<void> add_preset_routes(Draft& draft);
[[nodiscard]] Result<void> read_environment(const char* const* environment, Draft& draft);
// Turns `rooms` into options.rooms and refuses what cannot be together.
[[nodiscard]] Result<void> finish(Draft& draft);
// Its part about who may come in: hosts, origins, keys, tokens.
[[nodiscard]] Result<void> check_access(const Draft& draft);
// Its part about [[inlets]].
[[nodiscard]] Result<void> check_inlets(const Draft& draft);
// Its part about mirrors.
[[nodiscard]] Result<void> check_mirror(const Draft& draft);
// Its part about settings that can have no effect with what else is set.
[[nodiscard]] Result<void> check_use(const Draft& draft);

// Why a pattern matches no channel's name; empty: it can match some.
std::string pattern_mistake(std::string_view pattern);
// Whether `earlier` matches every name that `later` matches.
bool pattern_covers(std::string_view earlier, std::string_view later);

}  // namespace ringcast::config
