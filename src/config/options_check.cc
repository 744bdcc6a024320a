// SPDX-License-Identifier: Apache-2.0
// What no single row of the table can say: settings that cannot be together, and where the server may listen.
#include <algorithm>
#include <bit>
#include <filesystem>
#include <iterator>
#include <span>
#include <utility>

#include "access/address_set.h"
#include "base/glob.h"
#include "cluster/settings.h"
#include "codec/native/names.h"
#include "config/options_draft.h"
#include "io/socket_address.h"

namespace ringcast::config {
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
  if (const auto trusted = access::AddressSet::parse(options.trusted_proxies); !trusted)
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

Result<void> refuse_public(const Draft& draft, const io::SocketAddress& address, std::string_view key) {
  const Options& options = draft.options;
  if (address.is_loopback() || options.has_authentication() || options.insecure) return {};
  return fail("insecure", draft.describe(key) + ": without authentication only loopback addresses are allowed, not " +
                              address.to_string() + "; set api_keys or jwt_keys, or --insecure to let anybody in");
}

Result<void> check_tls_addresses(const Draft& draft, const std::vector<io::SocketAddress>& plain) {
  const auto addresses = tls_listen_addresses(draft.options);
  if (!addresses) return impossible(draft.describe("tls_listen") + ": " + addresses.error().message);
  const auto proxies = proxy_listen_addresses(draft.options);
  for (size_t i = 0; i < addresses->size(); ++i) {
    const io::SocketAddress& address = (*addresses)[i];
    if (auto allowed = refuse_public(draft, address, "tls_listen"); !allowed) return allowed;
    if (const auto* other = overlapping(address, {addresses->data(), i}); other != nullptr)
      return impossible(draft.describe("tls_listen") + ": " + both(address, *other));
    if (const auto* other = overlapping(address, plain); other != nullptr)
      return impossible(draft.describe("tls_listen") +
                        " must differ from the addresses of listen: " + both(address, *other));
    if (const auto* other = overlapping(address, *proxies); other != nullptr)
      return impossible(draft.describe("tls_listen") +
                        " must differ from the addresses of proxy_listen: " + both(address, *other));
  }
  return {};
}

// What does not work over several nodes is refused rather than half done.
Result<void> check_shared(const RoomOptions& room, const std::string& place) {
  if (!room.shared) return {};
  if (room.first_id != 0)
    return impossible(place +
                      ": first_id has no use in shared rooms, whose ids come from the broker; leave it out, or "
                      "set shared = false");
  return {};
}

Result<void> check_cluster(const Draft& draft) {
  const Options& options = draft.options;
  if (options.broker.empty()) {
    for (const auto& [key, given] : {std::pair("node_name", options.node_name != Options().node_name),
                                     std::pair("broker_ca_file", !options.broker_ca_file.empty()),
                                     std::pair("broker_prefix", options.broker_prefix != Options().broker_prefix)}) {
      if (given) return impossible(draft.describe(key) + " has no use without broker");
    }
    return {};
  }
  if (auto address = cluster::parse_broker(options.broker); !address)
    return impossible("broker (" + draft.place_of("broker") + "): " + address.error().message);
  if (!options.broker_ca_file.empty() && !cluster::parse_broker(options.broker)->tls)
    return impossible(draft.describe("broker_ca_file") + " has no use without broker = \"rediss://…\"");
  for (const char* key : {"node_name", "broker_prefix"}) {
    for (const char c : key == std::string_view("node_name") ? options.node_name : options.broker_prefix) {
      if (c <= ' ' || c > '~' || c == '{' || c == '}')
        return impossible(draft.describe(key) + ": must be ASCII letters, digits and signs, without blanks and braces");
    }
  }
  if (auto checked = check_shared(options.room_defaults, "the settings of all rooms"); !checked) return checked;
  for (const RoomRule& rule : options.rooms) {
    if (auto checked = check_shared(rule.options, "[[rooms]] match = \"" + rule.match + "\""); !checked) return checked;
  }
  for (const hooks::EndpointOptions& endpoint : options.webhooks) {
    if ((endpoint.events &
         (static_cast<hooks::Events>(hooks::Event::occupied) | static_cast<hooks::Events>(hooks::Event::vacated))) != 0)
      return impossible("[[webhooks]] " + endpoint.url +
                        ": occupied and vacated do not work with a broker yet, each node would send its own; leave "
                        "these events out");
  }
  return {};
}

// What is in the files is looked at when the server starts: src/tls/material.h.
Result<void> check_tls(const Draft& draft) {
  const Options& options = draft.options;
  if (options.admin_tls && options.admin_listen.empty())
    return impossible(draft.describe("admin_tls") + " has no use without admin_listen");
  if (!options.has_tls()) {
    for (const std::string_view key : {"tls_certificate", "tls_key", "tls_client_ca", "tls_ticket_key_file"}) {
      const Setting& setting = *find_setting(key);
      const Value value = setting.get(options, options.room_defaults);
      const auto* list = std::get_if<std::vector<std::string>>(&value);
      if (list != nullptr ? list->empty() : std::get<std::string>(value).empty()) continue;
      return impossible(draft.describe(key) + " has no use without tls_listen or admin_tls");
    }
    return {};
  }
  const std::string_view by = options.tls_listen.empty() ? "admin_tls" : "tls_listen";
  if (options.tls_certificate.empty() || options.tls_key.empty())
    return impossible(draft.describe(by) +
                      " needs tls_certificate and tls_key, the files of a certificate and its key");
  if (options.tls_certificate.size() != options.tls_key.size())
    return impossible(draft.describe("tls_certificate") + " and " + draft.describe("tls_key") +
                      " must have as many files: each certificate has its key");
  const bool all = options.tls_client_auth == TlsClientAuth::all;
  if (all && options.tls_client_ca.empty())
    return impossible(draft.describe("tls_client_auth") + " has no use without tls_client_ca");
  if (!all && !options.tls_client_ca.empty() && !options.admin_tls)
    return impossible(draft.describe("tls_client_ca") +
                      " asks nobody for a certificate: set admin_tls = true, or tls_client_auth = \"all\"");
  return {};
}

Result<void> check_listeners(const Draft& draft) {
  const Options& options = draft.options;
  const auto addresses = listen_addresses(options);
  if (!addresses) return impossible(draft.describe("listen") + ": " + addresses.error().message);
  for (size_t i = 0; i < addresses->size(); ++i) {
    if (auto allowed = refuse_public(draft, (*addresses)[i], "listen"); !allowed) return allowed;
    if (const auto* other = overlapping((*addresses)[i], {addresses->data(), i}); other != nullptr)
      return impossible(draft.describe("listen") + ": " + both((*addresses)[i], *other));
  }
  if (auto checked = check_proxies(draft, *addresses); !checked) return checked;
  if (auto checked = check_tls_addresses(draft, *addresses); !checked) return checked;
  if (options.admin_listen.empty()) return {};
  const auto admin = io::SocketAddress::parse(options.admin_listen);
  if (!admin) return impossible(draft.describe("admin_listen") + ": " + admin.error().message);
  if (const auto* other = overlapping(*admin, *addresses); other != nullptr)
    return impossible(draft.describe("admin_listen") +
                      " must differ from the addresses of listen: " + both(*admin, *other));
  const auto tls = tls_listen_addresses(options);
  if (const auto* other = overlapping(*admin, *tls); other != nullptr)
    return impossible(draft.describe("admin_listen") +
                      " must differ from the addresses of tls_listen: " + both(*admin, *other));
  const auto proxies = proxy_listen_addresses(options);
  if (const auto* other = overlapping(*admin, *proxies); other != nullptr)
    return impossible(draft.describe("admin_listen") +
                      " must differ from the addresses of proxy_listen: " + both(*admin, *other));
  return refuse_public(draft, *admin, "admin_listen");
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

// Rules of presets come last: a room that the operator has a rule for is not theirs.
void add_preset_rooms(Draft& draft) {
  for (RoomDraft& room : draft.of_presets.rooms) {
    const bool known = std::any_of(draft.rooms.begin(), draft.rooms.end(),
                                   [&](const RoomDraft& earlier) { return pattern_covers(earlier.match, room.match); });
    if (!known) draft.rooms.push_back(std::move(room));
  }
  draft.of_presets.rooms.clear();
}

Result<void> check_presets(Draft& draft) {
  Options& options = draft.options;
  add_preset_rooms(draft);
  if (auto added = add_preset_routes(draft); !added) return added;
  if (!options.has_tokens() && draft.place_of("token_cookie").starts_with("preset ")) options.token_cookie.clear();
  // Without tokens clients may do as they like already.
  if (options.permissions.empty() && options.has_tokens()) options.permissions = draft.of_presets.permissions;
  if (options.static_prefix != "/static/" && options.static_prefix != "/")
    return impossible(draft.describe("static_prefix") + " must be \"/static/\" or \"/\"");
  return {};
}

Result<void> check_socketio(const Draft& draft) {
  const Options& options = draft.options;
  const std::string& path = options.socketio_path;
  if (!path.empty() && (path[0] != '/' || path.find_first_of("{}?# ") != std::string::npos))
    return impossible(draft.describe("socketio_path") + ": a path begins with \"/\", as in \"/socket.io/\"");
  if (!path.empty()) {
    // With or without the '/' at its end it is a path of its own.
    const session::Routes others({.echo = true});
    const std::string_view bare = std::string_view(path).substr(0, path.size() - (path.ends_with('/') ? 1 : 0));
    for (const std::string_view taken : {std::string_view(path), bare}) {
      const auto match = others.match(codec::HttpMethod::get, taken);
      if (match.route != nullptr || !match.allow.empty() || bare.empty())
        return impossible(draft.describe("socketio_path") +
                          ": this path is taken; another one is like \"/socket.io/\"");
    }
    if (path.find("//") != std::string::npos || (path + "/").find("/./") != std::string::npos ||
        (path + "/").find("/../") != std::string::npos)
      return impossible(draft.describe("socketio_path") + ": a path has no empty parts, \".\" or \"..\"");
  }
  const uint64_t payload = options.socketio_payload_size_max;
  if (payload > options.body_size_max && payload != Options().socketio_payload_size_max)
    return impossible(draft.describe("socketio_payload_size_max") + " must not be more than body_size_max (" +
                      format_size(options.body_size_max) + ")");
  if (path.empty() && options.socketio_echo)
    return impossible("socketio_echo (" + draft.place_of("socketio_echo") + ") has no use with " +
                      draft.describe("socketio_path"));
  if (auto room = codec::check_room(options.socketio_room); !room)
    return impossible(draft.describe("socketio_room") + ": " + room.error().message);
  for (const std::string& name : options.socketio_namespaces) {
    if (name == "/") continue;
    const bool rooted = name.size() > 1 && name[0] == '/';
    if (!rooted || !codec::check_room(name.substr(1)))
      return impossible(draft.describe("socketio_namespaces") + ": \"" + name +
                        "\" is no namespace; one begins with \"/\", as in \"/admin\"");
    if (std::count(options.socketio_namespaces.begin(), options.socketio_namespaces.end(), name) > 1)
      return impossible(draft.describe("socketio_namespaces") + ": \"" + name + "\" is there twice");
  }
  if (options.socketio_namespaces.size() > kSocketIoNamespacesMax)
    return impossible(draft.describe("socketio_namespaces") + ": there may be " +
                      std::to_string(kSocketIoNamespacesMax) + " namespaces");
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
  if (pattern == codec::kOwnInbox) return "an inbox is called by its user, as in \"@alice\", or \"@*\" for all";
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

void Draft::set_aside_presets() {
  of_presets.rooms = std::exchange(rooms, {});
  of_presets.routes = std::exchange(options.routes, {});
  of_presets.permissions = std::exchange(options.permissions, {});
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
  const bool secret = setting.key == "api_keys" || setting.key == "broker" || setting.key == "mirror_url";
  return secret ? "(not shown)" : std::move(spelled);
}

tl::unexpected<Error> bad_setting(std::string_view place, std::string_view key, std::string_view value,
                                  std::string_view why) {
  return fail("bad_setting",
              std::string(place) + ": " + std::string(key) + " = " + std::string(value) + ": " + std::string(why));
}

Result<void> finish(Draft& draft) {
  if (auto checked = check_room(draft.options.room_defaults, "the settings of all rooms"); !checked) return checked;
  if (auto checked = check_presets(draft); !checked) return checked;
  if (auto resolved = resolve_rooms(draft); !resolved) return resolved;
  if (auto checked = check_sizes(draft); !checked) return checked;
  const Options& options = draft.options;
  if (auto checked = check_access(draft); !checked) return checked;
  if (auto checked = check_tls(draft); !checked) return checked;
  if (!options.page && !options.web_root.empty())
    return impossible(draft.describe("web_root") + " has no use with " + draft.describe("page"));
  if (auto exists = directory_exists(draft, "web_root", options.web_root); !exists) return exists;
  if (auto exists = directory_exists(draft, "static_dir", options.static_dir); !exists) return exists;
  if (auto exists = directory_exists(draft, "socketio_client_dir", options.socketio_client_dir); !exists) return exists;
  if (auto checked = check_socketio(draft); !checked) return checked;
  if (auto checked = check_cluster(draft); !checked) return checked;
  if (auto checked = check_inlets(draft); !checked) return checked;
  if (auto checked = check_mirror(draft); !checked) return checked;
  if (auto checked = check_use(draft); !checked) return checked;
  return check_listeners(draft);
}

Result<std::vector<io::SocketAddress>> listen_addresses(const Options& options) {
  std::vector<std::string> texts = options.listen;
  if (texts.empty() && options.has_authentication() && options.tls_listen.empty()) texts = {"*"};
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

Result<std::vector<io::SocketAddress>> tls_listen_addresses(const Options& options) {
  std::vector<io::SocketAddress> addresses;
  for (const std::string& text : options.tls_listen) {
    auto address = io::SocketAddress::parse(text);
    if (!address) return tl::unexpected(address.error());
    addresses.push_back(*address);
  }
  return addresses;
}

}  // namespace ringcast::config
