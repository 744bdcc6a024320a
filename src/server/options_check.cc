// SPDX-License-Identifier: Apache-2.0
// What no single row of the table can say: settings that cannot be together, and where the server may listen.
#include <algorithm>
#include <bit>
#include <filesystem>
#include <iterator>
#include <span>

#include "auth/address_set.h"
#include "base/glob.h"
#include "io/socket_address.h"
#include "server/options_draft.h"
#include "wire/names.h"

namespace ringcast::server {
namespace {

// "127.0.0.1" and "[::1]" get the port; what has one keeps it.
std::string with_port(const std::string& address, uint64_t port) {
  if (address.starts_with("unix:")) return address;
  const size_t colon = address.rfind(':');
  const size_t bracket = address.rfind(']');
  const bool has_port = colon != std::string::npos && (bracket == std::string::npos || colon > bracket);
  return has_port ? address : address + ":" + std::to_string(port);
}

tl::unexpected<Error> impossible(const std::string& message) {
  return fail("impossible_settings", message);
}

// `small` must not be larger than `large`.
template <class T>
Result<void> ordered(const Draft& draft, std::string_view small, const T& small_value, std::string_view large,
                     const T& large_value) {
  if (!(large_value < small_value)) return {};
  return impossible(draft.describe(small) + " must not be more than " + draft.describe(large));
}

Result<void> power_of_two(const Draft& draft, std::string_view key, uint64_t value) {
  if (std::has_single_bit(value)) return {};
  return impossible(draft.describe(key) + " must be a power of two, such as " + std::to_string(std::bit_ceil(value)));
}

Result<void> directory_exists(const Draft& draft, std::string_view key, const std::string& path) {
  std::error_code error;
  if (path.empty() || std::filesystem::is_directory(path, error)) return {};
  return impossible(draft.describe(key) + " is not a directory");
}

// All of IPv6, which takes IPv4 as well here (io/listener.h), or all of IPv4.
bool takes_all_of(const io::SocketAddress& any, const io::SocketAddress& other) {
  uint8_t host[16];
  any.host_bytes(host);
  const auto first = std::begin(host);
  if (any.family() == AF_INET6) return std::all_of(first, std::end(host), [](uint8_t byte) { return byte == 0; });
  return any.family() == AF_INET && std::all_of(first + 12, std::end(host), [](uint8_t byte) { return byte == 0; }) &&
         other.family() == AF_INET;
}

// Which of `others` cannot be listened on beside `address`: the same one, or one that takes its port everywhere.
const io::SocketAddress* overlapping(const io::SocketAddress& address, std::span<const io::SocketAddress> others) {
  const bool is_unix = address.family() == AF_UNIX;
  for (const io::SocketAddress& other : others) {
    if (is_unix != (other.family() == AF_UNIX)) continue;
    if (address == other && (is_unix || address.port() != 0)) return &other;
    if (is_unix || address.port() != other.port() || address.port() == 0) continue;
    if (takes_all_of(address, other) || takes_all_of(other, address)) return &other;
  }
  return nullptr;
}

std::string both(const io::SocketAddress& address, const io::SocketAddress& other) {
  if (address == other) return address.to_string() + " is there twice";
  return address.to_string() + " and " + other.to_string() + " are the same port; one of them is enough";
}

Result<void> check_sizes(const Draft& draft) {
  const Options& options = draft.options;
  if (auto r = ordered(draft, "message_size_max", options.message_size_max, "outbox_size_max", options.outbox_size_max);
      !r)
    return r;
  if (auto r = ordered(draft, "message_size_max", options.message_size_max, "body_size_max", options.body_size_max); !r)
    return r;
  if (auto r =
          ordered(draft, "inflated_size_max", options.inflated_size_max, "message_size_max", options.message_size_max);
      !r)
    return r;
  if (auto r = ordered(draft, "poll_timeout", options.poll_timeout, "poll_timeout_max", options.poll_timeout_max); !r)
    return r;
  if (auto r = ordered(draft, "list_limit", options.list_limit, "list_limit_max", options.list_limit_max); !r) return r;
  if (auto r = power_of_two(draft, "receive_buffers", options.receive_buffers); !r) return r;
  return power_of_two(draft, "mesh_ring_slots", options.mesh_ring_slots);
}

Result<void> check_proxies(const Draft& draft, const std::vector<io::SocketAddress>& others) {
  const Options& options = draft.options;
  if (const auto trusted = auth::AddressSet::parse(options.trusted_proxies); !trusted)
    return impossible(draft.describe("trusted_proxies") + ": " + trusted.error().message);
  if (options.proxy_listen.empty()) return {};
  const auto addresses = proxy_listen_addresses(options);
  if (!addresses) return impossible(draft.describe("proxy_listen") + ": " + addresses.error().message);
  if (options.trusted_proxies.empty())
    return impossible(draft.describe("proxy_listen") + " has no use without trusted_proxies, which may connect there");
  for (size_t i = 0; i < addresses->size(); ++i) {
    const io::SocketAddress& address = (*addresses)[i];
    if (const io::SocketAddress* other = overlapping(address, others); other != nullptr)
      return impossible(draft.describe("proxy_listen") +
                        " must differ from the addresses of listen: " + both(address, *other));
    if (const io::SocketAddress* other = overlapping(address, {addresses->data(), i}); other != nullptr)
      return impossible(draft.describe("proxy_listen") + ": " + both(address, *other));
    if (!address.is_loopback() && !options.has_authentication() && !options.insecure)
      return fail("insecure", draft.describe("proxy_listen") +
                                  ": without authentication only loopback addresses are allowed, not " +
                                  address.to_string() + "; set api_keys, or --insecure to let anybody in");
  }
  return {};
}

Result<void> check_listeners(const Draft& draft) {
  const Options& options = draft.options;
  const auto addresses = listen_addresses(options);
  if (!addresses) return impossible(draft.describe("listen") + ": " + addresses.error().message);
  const auto refuse_public = [&](const io::SocketAddress& address, std::string_view key) -> Result<void> {
    if (address.is_loopback() || options.has_authentication() || options.insecure) return {};
    return fail("insecure", draft.describe(key) + ": without authentication only loopback addresses are allowed, not " +
                                address.to_string() + "; set api_keys or jwt_keys, or --insecure to let anybody in");
  };
  for (size_t i = 0; i < addresses->size(); ++i) {
    if (auto allowed = refuse_public((*addresses)[i], "listen"); !allowed) return allowed;
    if (const auto* other = overlapping((*addresses)[i], {addresses->data(), i}); other != nullptr)
      return impossible(draft.describe("listen") + ": " + both((*addresses)[i], *other));
  }
  if (auto checked = check_proxies(draft, *addresses); !checked) return checked;
  if (options.admin_listen.empty()) return {};
  const auto admin = io::SocketAddress::parse(options.admin_listen);
  if (!admin) return impossible(draft.describe("admin_listen") + ": " + admin.error().message);
  if (const auto* other = overlapping(*admin, *addresses); other != nullptr)
    return impossible(draft.describe("admin_listen") +
                      " must differ from the addresses of listen: " + both(*admin, *other));
  const auto proxies = proxy_listen_addresses(options);
  if (const auto* other = overlapping(*admin, *proxies); other != nullptr)
    return impossible(draft.describe("admin_listen") +
                      " must differ from the addresses of proxy_listen: " + both(*admin, *other));
  return refuse_public(*admin, "admin_listen");
}

Result<void> check_room(const RoomOptions& room, const std::string& place) {
  if (room.last_value && room.history_messages == 0)
    return impossible(place + ": last_value needs history_messages of 1 or more");
  for (const std::string& item : room.final_when) {
    const size_t equals = item.find('=');
    if (equals == 0 || equals == std::string::npos || equals + 1 == item.size())
      return impossible(place + ": final_when: \"" + item + "\" is not of the form member=text");
  }
  return {};
}

Result<void> resolve_rooms(Draft& draft) {
  for (RoomDraft& room : draft.rooms) {
    for (const RoomRule& earlier : draft.options.rooms) {
      if (earlier.match == room.match)
        return impossible(room.place + ": match = \"" + room.match + "\" is there twice; the first match wins");
      if (pattern_covers(earlier.match, room.match))
        return impossible(room.place + ": match = \"" + room.match + "\" is never reached: \"" + earlier.match +
                          "\" before it takes all its rooms; the first match wins");
    }
    RoomRule rule{room.match, draft.options.room_defaults};
    for (RoomDraft::Entry& entry : room.entries) entry.setting->set(draft.options, rule.options, entry.value);
    if (auto checked = check_room(rule.options, room.place + ": [[rooms]] match = \"" + room.match + "\""); !checked)
      return checked;
    draft.options.rooms.push_back(std::move(rule));
  }
  return {};
}

}  // namespace

std::string pattern_mistake(std::string_view pattern) {
  if (pattern.find(',') != std::string_view::npos) return "names have no comma; each pattern needs a section";
  if (pattern == wire::kOwnInbox) return "an inbox is called by its user, as in \"@alice\", or \"@*\" for all";
  return {};
}

bool pattern_covers(std::string_view earlier, std::string_view later) {
  // Stars are in no name, so only a star of `earlier` matches one of `later`. What "**" stands for may have a slash.
  const auto with = [&](std::string_view run) {
    std::string out(later);
    for (size_t at = 0; (at = out.find("**", at)) != std::string::npos; at += run.size()) out.replace(at, 2, run);
    return out;
  };
  return glob_match(earlier, with("*")) && glob_match(earlier, with("*/*"));
}

void Draft::set(const Setting& setting, Value value, std::string place) {
  setting.set(options, options.room_defaults, std::move(value));
  places_[static_cast<size_t>(&setting - settings().data())] = std::move(place);
}

std::string Draft::place_of(std::string_view key) const {
  const std::string& place = places_[static_cast<size_t>(find_setting(key) - settings().data())];
  return place.empty() ? "default" : place;
}

std::string Draft::describe(std::string_view key) const {
  const Setting& setting = *find_setting(key);
  return std::string(key) + " = " + toml_value(setting, setting.get(options, options.room_defaults)) + " (" +
         place_of(key) + ")";
}

tl::unexpected<Error> unknown_setting(std::string_view place, std::string_view what, std::string_view given,
                                      const std::string& nearest) {
  std::string message = std::string(place) + ": unknown " + std::string(what) + " \"" + std::string(given) + "\"";
  if (!nearest.empty()) message += "; did you mean \"" + nearest + "\"?";
  return fail("unknown_setting", std::move(message));
}

std::string shown(const Setting& setting, std::string spelled) {
  return setting.key == "api_keys" ? "(not shown)" : std::move(spelled);
}

tl::unexpected<Error> bad_setting(std::string_view place, std::string_view key, std::string_view value,
                                  std::string_view why) {
  return fail("bad_setting",
              std::string(place) + ": " + std::string(key) + " = " + std::string(value) + ": " + std::string(why));
}

Result<void> finish(Draft& draft) {
  if (auto checked = check_room(draft.options.room_defaults, "the settings of all rooms"); !checked) return checked;
  if (auto resolved = resolve_rooms(draft); !resolved) return resolved;
  if (auto checked = check_sizes(draft); !checked) return checked;
  const Options& options = draft.options;
  if (auto checked = check_access(draft); !checked) return checked;
  if (!options.page && !options.web_root.empty())
    return impossible(draft.describe("web_root") + " has no use with " + draft.describe("page"));
  if (auto exists = directory_exists(draft, "web_root", options.web_root); !exists) return exists;
  if (auto exists = directory_exists(draft, "static_dir", options.static_dir); !exists) return exists;
  return check_listeners(draft);
}

Result<std::vector<io::SocketAddress>> listen_addresses(const Options& options) {
  std::vector<std::string> texts = options.listen;
  if (texts.empty() && options.has_authentication()) texts = {"*"};
  if (texts.empty()) texts = {"127.0.0.1", "[::1]"};
  std::vector<io::SocketAddress> addresses;
  for (const std::string& text : texts) {
    auto address = io::SocketAddress::parse(with_port(text, options.port));
    if (!address) return tl::unexpected(address.error());
    addresses.push_back(*address);
  }
  return addresses;
}

Result<std::vector<io::SocketAddress>> proxy_listen_addresses(const Options& options) {
  std::vector<io::SocketAddress> addresses;
  for (const std::string& text : options.proxy_listen) {
    auto address = io::SocketAddress::parse(with_port(text, options.port));
    if (!address) return tl::unexpected(address.error());
    addresses.push_back(*address);
  }
  return addresses;
}

}  // namespace ringcast::server
