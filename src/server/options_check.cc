// SPDX-License-Identifier: Apache-2.0
// What no single row of the table can say: settings that cannot be together, and where the server may listen.
#include <algorithm>
#include <bit>
#include <filesystem>

#include "auth/address_set.h"
#include "auth/api_keys.h"
#include "io/socket_address.h"
#include "server/options_draft.h"
#include "server/token_policy.h"

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
  for (const io::SocketAddress& address : *addresses) {
    for (const io::SocketAddress& other : others) {
      if (address == other && address.port() != 0)
        return impossible(draft.describe("proxy_listen") + " must differ from the addresses of listen");
    }
    if (!address.is_loopback() && !options.has_authentication() && !options.insecure)
      return fail("insecure", draft.describe("proxy_listen") +
                                  ": without authentication only loopback addresses are allowed, not " +
                                  address.to_string() + "; set api_keys, or --insecure to let anybody in");
  }
  return {};
}

// Any page could act with its visitor's cookies.
Result<void> check_cors(const Draft& draft) {
  const std::vector<std::string>& origins = draft.options.origins;
  if (!draft.options.cors_credentials || std::find(origins.begin(), origins.end(), "*") == origins.end()) return {};
  return impossible(draft.describe("cors_credentials") + " must not be with \"*\" in " + draft.describe("origins"));
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
    for (size_t j = 0; j < i; ++j) {
      if ((*addresses)[i] == (*addresses)[j] && (*addresses)[i].port() != 0)
        return impossible(draft.describe("listen") + ": " + (*addresses)[i].to_string() + " is there twice");
    }
  }
  if (auto checked = check_proxies(draft, *addresses); !checked) return checked;
  if (options.admin_listen.empty()) return {};
  const auto admin = io::SocketAddress::parse(options.admin_listen);
  if (!admin) return impossible(draft.describe("admin_listen") + ": " + admin.error().message);
  for (const io::SocketAddress& address : *addresses) {
    if (address == *admin && admin->port() != 0)
      return impossible(draft.describe("admin_listen") + " must differ from the addresses of listen");
  }
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

void Draft::set(const Setting& setting, Value value, std::string place) {
  setting.set(options, options.room_defaults, std::move(value));
  places_[static_cast<size_t>(&setting - settings().data())] = std::move(place);
}

std::string Draft::describe(std::string_view key) const {
  const Setting& setting = *find_setting(key);
  const std::string& place = places_[static_cast<size_t>(&setting - settings().data())];
  return std::string(key) + " = " + toml_value(setting, setting.get(options, options.room_defaults)) + " (" +
         (place.empty() ? "default" : place) + ")";
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
  for (const std::string& item : options.jwt_keys) {
    if (auto parsed = parse_key_setting(item); !parsed)
      return impossible(draft.describe("jwt_keys") + ": " + parsed.error().message);
  }
  const auth::ApiKeys api_keys(options.api_keys);
  for (const PermissionRule& rule : options.permissions) {
    for (const std::string& name : rule.keys) {
      const bool known = std::any_of(api_keys.all().begin(), api_keys.all().end(),
                                     [&](const auth::ApiKey& key) { return key.name == name; });
      if (!known)
        return impossible(draft.permissions_place + ": [[permissions]]: there is no API key \"" + name + "\"");
    }
  }
  if (options.jwt_user_claim == options.jwt_tenant_claim)
    return impossible(draft.describe("jwt_user_claim") + " must differ from " + draft.describe("jwt_tenant_claim"));
  if (!options.page && !options.web_root.empty())
    return impossible(draft.describe("web_root") + " has no use with " + draft.describe("page"));
  if (auto exists = directory_exists(draft, "web_root", options.web_root); !exists) return exists;
  if (auto exists = directory_exists(draft, "static_dir", options.static_dir); !exists) return exists;
  if (auto checked = check_cors(draft); !checked) return checked;
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
