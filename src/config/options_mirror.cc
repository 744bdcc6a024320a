// SPDX-License-Identifier: Apache-2.0
// `mirror` of rooms: what cannot be a channel, and what would come back as a message.
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cluster/settings.h"
#include "config/options_draft.h"
#include "hub/mirror.h"
#include "inlets/mirror.h"
#include "inlets/options.h"
#include "inlets/pattern.h"

namespace ringcast::config {
namespace {

using cluster::BrokerAddress;

tl::unexpected<Error> bad_mirror(const std::string& message) {
  return fail("impossible_settings", message);
}

bool same_host(const std::string& one, const std::string& other) {
  const auto is_this_machine = [](const std::string& host) {
    return host == "localhost" || host == "127.0.0.1" || host == "::1";
  };
  return one == other || (is_this_machine(one) && is_this_machine(other));
}

// Whether both may lead to the same Redis. Its databases share channels.
bool may_be_same(const BrokerAddress& one, const BrokerAddress& other) {
  // What Sentinels name, nobody knows now.
  if (!one.master.empty() && !other.master.empty()) return one.master == other.master;
  if (!one.master.empty() || !other.master.empty()) return true;
  return one.port == other.port && same_host(one.host, other.host);
}

// A mirror as it is set: for all rooms, or for those of a section.
struct Set {
  std::string place;    // as messages begin
  std::string to;       // the value
  std::string pattern;  // of its channels
};

std::vector<Set> all_set(const Draft& draft) {
  std::vector<Set> out;
  const Options& options = draft.options;
  const auto add = [&](std::string place, const std::string& to, std::string_view match) {
    if (!to.empty())
      out.push_back({std::move(place) + "mirror = \"" + to + "\"", to, inlets::mirror_pattern(to, match)});
  };
  add(draft.place_of("mirror") + ": ", options.room_defaults.mirror, "*");
  for (size_t i = 0; i < options.rooms.size(); ++i) {
    const RoomRule& rule = options.rooms[i];
    if (rule.match.starts_with('@') && rule.options.mirror == options.room_defaults.mirror) continue;
    std::string names = rule.match;
    for (size_t at = 0; (at = names.find("**", at)) != std::string::npos;) names.erase(at, 1);
    add(draft.rooms[i].place + ": [[rooms]] match = \"" + rule.match + "\": ", rule.options.mirror, names);
  }
  return out;
}

std::string what_is_wrong(const Set& set, const Draft& draft) {
  const Options& options = draft.options;
  if (const std::string why = inlets::mirror_mistake(set.to); !why.empty()) return why;
  const bool names_tenant = set.to.find(hub::kMirrorTenant) != std::string::npos;
  if (names_tenant && !options.tenants) return "{tenant} has no use without tenants = true";
  return {};
}

std::string loop(const Set& set, const BrokerAddress& redis, const Draft& draft) {
  const Options& options = draft.options;
  for (size_t i = 0; i < options.inlets.size(); ++i) {
    const inlets::InletOptions& inlet = options.inlets[i];
    if (inlet.type != inlets::Type::redis_pubsub) continue;
    if (!may_be_same(*cluster::parse_broker(inlet.url.empty() ? options.broker : inlet.url), redis)) continue;
    for (const std::string& from : inlet.from) {
      if (inlets::redis_patterns_meet(from, set.pattern))
        return "the inlet \"" + inlet.name + "\" (" + draft.inlets[i].place + ") reads from = \"" + from +
               "\" of the same Redis, so that each copy would come back as a message, without end; give one of them "
               "another channel, such as mirror = \"out:" +
               set.to + "\"";
    }
  }
  const bool shares = !options.broker.empty() && may_be_same(*cluster::parse_broker(options.broker), redis);
  if (shares && inlets::redis_patterns_meet(options.broker_prefix + ":*", set.pattern))
    return "may be one of the broker's own channels, which begin with \"" + options.broker_prefix +
           ":\"; begin it with something else, as in \"room:{}\"";
  return {};
}

}  // namespace

Result<void> check_mirror(const Draft& draft) {
  const Options& options = draft.options;
  const std::string url = "mirror_url (" + draft.place_of("mirror_url") + "): ";
  const auto address = cluster::parse_broker(options.mirror_url.empty() ? options.broker : options.mirror_url);
  if (!options.mirror_url.empty() && !address) return bad_mirror(url + address.error().message);
  if (!options.mirror_url.empty() && address->tls)
    return bad_mirror(url + "copies do not go over TLS (rediss://) yet; name an address that needs none");
  for (size_t i = 0; i < options.rooms.size(); ++i) {
    const RoomRule& rule = options.rooms[i];
    if (rule.match.starts_with('@') && !rule.options.mirror.empty() &&
        rule.options.mirror != options.room_defaults.mirror)
      return bad_mirror(draft.rooms[i].place + ": [[rooms]] match = \"" + rule.match +
                        "\": mirror has no use for inboxes: only messages of rooms are copied");
  }
  if (!options.has_mirror() && !options.mirror_url.empty())
    return bad_mirror("mirror_url (" + draft.place_of("mirror_url") +
                      ") has no use without mirror: no room has copies");
  for (const Set& set : all_set(draft)) {
    if (const std::string why = what_is_wrong(set, draft); !why.empty()) return bad_mirror(set.place + ": " + why);
    if (options.mirror_url.empty() && options.broker.empty())
      return bad_mirror(set.place + " needs mirror_url = \"redis://…\": there is no broker whose Redis could be meant");
    if (address->tls)
      return bad_mirror(set.place + " needs mirror_url = \"redis://…\": copies do not go over TLS as the broker does");
    if (const std::string why = loop(set, *address, draft); !why.empty()) return bad_mirror(set.place + ": " + why);
  }
  return {};
}

}  // namespace ringcast::config
