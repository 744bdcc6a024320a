// SPDX-License-Identifier: Apache-2.0
// Settings that depend on another one: a setting that is given and can have no effect is refused, because its author
// expects an effect.
#include <algorithm>
#include <iterator>

#include "config/options_draft.h"

namespace ringcast::config {
namespace {

tl::unexpected<Error> no_use(const std::string& message) {
  return fail("impossible_settings", message);
}

bool is_unix(const std::vector<std::string>& addresses) {
  return std::any_of(addresses.begin(), addresses.end(), [](const auto& each) { return each.starts_with("unix:"); });
}

bool listens_on_unix(const Options& o) {
  return is_unix(o.listen) || is_unix(o.proxy_listen) || is_unix(o.tls_listen) || is_unix({o.admin_listen});
}

bool has_files(const Options& o) {
  return !o.static_dir.empty() || !o.web_root.empty() || !o.socketio_client_dir.empty();
}

template <size_t kSize>
bool any_set(const Options& options, const std::string_view (&keys)[kSize]) {
  return std::any_of(std::begin(keys), std::end(keys), [&](std::string_view key) {
    return std::get<uint64_t>(find_setting(key)->get(options, options.room_defaults)) != 0;
  });
}

bool limits_addresses(const Options& o) {
  return any_set(o, {"connections_per_address_max", "address_connects_per_minute", "address_messages_per_second",
                     "address_bytes_per_second"});
}

bool limits_subjects(const Options& o) {
  return any_set(o, {"user_connects_per_minute", "address_connects_per_minute", "key_connects_per_minute",
                     "user_messages_per_second", "address_messages_per_second", "key_messages_per_second",
                     "user_bytes_per_second", "address_bytes_per_second", "key_bytes_per_second"});
}

bool has_rates(const Options& o) {
  return limits_subjects(o) || any_set(o, {"connection_messages_per_second", "connection_bytes_per_second"});
}

bool has_origins(const Options& o) {
  return !o.origins.empty();
}

bool has_tokens(const Options& o) {
  return o.has_tokens();
}

bool has_tls(const Options& o) {
  return o.has_tls();
}

bool has_broker(const Options& o) {
  return !o.broker.empty();
}

bool has_mirror(const Options& o) {
  return o.has_mirror();
}

bool has_deflate(const Options& o) {
  return o.deflate;
}

bool has_socketio(const Options& o) {
  return !o.socketio_path.empty();
}

constexpr std::string_view kWithoutTokens = "jwt_keys or jwks: no token is verified";
constexpr std::string_view kWithoutFiles = "static_dir or web_root: there are no files";
constexpr std::string_view kWithoutRates = "one of the ..._per_second and ..._per_minute settings: there is no rate";
constexpr std::string_view kWithoutTls = "tls_listen or admin_tls";
bool recovers_socketio(const Options& o) {
  return o.socketio_recovery.count() != 0;
}

constexpr std::string_view kWithoutSocketIo = "socketio_path";
constexpr std::string_view kWithoutRecovery = "socketio_recovery";

struct Need {
  std::string_view key;
  std::string_view without;  // what is missing
  bool (*met)(const Options& options);
};
constexpr Need kNeeds[] = {
    {"unix_socket_mode", "an address that begins with unix:", listens_on_unix},
    {"forwarded_header", "trusted_proxies, whose field it names",
     [](const Options& o) { return !o.trusted_proxies.empty(); }},
    {"tls_min_version", kWithoutTls, has_tls},
    {"tls_handshake_timeout", kWithoutTls, has_tls},
    {"tls_handshakes_max", kWithoutTls, has_tls},
    {"tls_handshakes_per_second", kWithoutTls, has_tls},
    {"status_open", "api_keys, jwt_keys or jwks: everything is open to all",
     [](const Options& o) { return o.has_authentication(); }},
    {"cors_max_age", "origins: pages of other hosts are refused", has_origins},
    {"jwks_refresh", "jwks with a URL", [](const Options& o) { return o.jwks.find("://") != std::string::npos; }},
    {"jwt_leeway", kWithoutTokens, has_tokens},
    {"jwt_expiry_required", kWithoutTokens, has_tokens},
    {"jwt_user_claim", kWithoutTokens, has_tokens},
    {"jwt_tenant_claim", kWithoutTokens, has_tokens},
    {"jwt_name_claim", kWithoutTokens, has_tokens},
    {"token_notice", kWithoutTokens, has_tokens},
    {"revocations_max", kWithoutTokens, has_tokens},
    {"static_prefix", "static_dir: there are no files", [](const Options& o) { return !o.static_dir.empty(); }},
    {"static_file_size_max", kWithoutFiles, has_files},
    {"static_cache_size", kWithoutFiles, has_files},
    {"content_security_policy", kWithoutFiles, has_files},
    {"socketio_application", kWithoutSocketIo, has_socketio},
    {"socketio_transports", kWithoutSocketIo, has_socketio},
    {"socketio_namespaces", kWithoutSocketIo, has_socketio},
    {"socketio_room", kWithoutSocketIo, has_socketio},
    {"socketio_client_dir", kWithoutSocketIo, has_socketio},
    {"socketio_ping_interval", kWithoutSocketIo, has_socketio},
    {"socketio_ping_timeout", kWithoutSocketIo, has_socketio},
    {"socketio_connect_timeout", kWithoutSocketIo, has_socketio},
    {"socketio_payload_size_max", kWithoutSocketIo, has_socketio},
    {"socketio_attachments_max", kWithoutSocketIo, has_socketio},
    {"socketio_sessions_max", kWithoutSocketIo, has_socketio},
    {"socketio_unconnected_max", kWithoutSocketIo, has_socketio},
    {"socketio_recovery", kWithoutSocketIo, has_socketio},
    {"socketio_recovery_messages_max", kWithoutRecovery, recovers_socketio},
    {"socketio_recovery_size_max", kWithoutRecovery, recovers_socketio},
    {"socketio_recovery_memory_max", kWithoutRecovery, recovers_socketio},
    {"rate_burst", kWithoutRates, has_rates},
    {"rate_strikes_max", kWithoutRates, has_rates},
    {"rate_subjects_max", "a rate of users, addresses or keys", limits_subjects},
    {"address_prefix_bits", "a limit per address", limits_addresses},
    {"inflated_size_max", "deflate", has_deflate},
    {"deflate_size_min", "deflate", has_deflate},
    {"broker_timeout", "broker", has_broker},
    {"broker_queue_size_max", "broker", has_broker},
    {"broker_revocations_ttl", "broker", has_broker},
    {"mirror_queue_size_max", "mirror: no room has copies", has_mirror},
};

// Of rooms: what one of them has can be of use for others.
struct RoomNeed {
  std::string_view key;
  std::string_view with;
  bool (*met)(const RoomOptions& room);
};
constexpr RoomNeed kRoomNeeds[] = {
    {"presence_members_max", "presence = false", [](const RoomOptions& room) { return room.presence; }},
    {"presence_interval", "presence = false", [](const RoomOptions& room) { return room.presence; }},
    {"presence_leave_grace", "presence = false", [](const RoomOptions& room) { return room.presence; }},
    {"presence_poll_grace", "presence = false", [](const RoomOptions& room) { return room.presence; }},
    {"history_ttl", "history_messages = 0", [](const RoomOptions& room) { return room.history_messages != 0; }},
};

}  // namespace

Result<void> check_use(const Draft& draft) {
  const Options& options = draft.options;
  // Settings of presets are exempt: they take effect when the rest is set.
  Draft unsaid;
  if (!options.presets.empty()) {
    if (auto read = read_presets(options.presets, draft.place_of("presets"), unsaid); !read) return read;
  }
  const auto given = [&](const Setting& setting) {
    return setting.get(options, options.room_defaults) != setting.get(unsaid.options, unsaid.options.room_defaults);
  };
  for (const Need& need : kNeeds) {
    if (given(*find_setting(need.key)) && !need.met(options))
      return no_use(draft.describe(need.key) + " has no use without " + std::string(need.without));
  }
  for (const RoomNeed& need : kRoomNeeds) {
    const Setting& setting = *find_setting(need.key);
    const auto& rules = options.rooms;
    const bool anywhere =
        need.met(options.room_defaults) ||
        std::any_of(rules.begin(), rules.end(), [&](const auto& rule) { return need.met(rule.options); });
    if (given(setting) && !anywhere)
      return no_use(draft.describe(need.key) + " has no use with " + std::string(need.with));
    for (const RoomRule& rule : rules) {
      if (need.met(rule.options) || setting.get(options, rule.options) == setting.get(options, options.room_defaults))
        continue;
      return no_use("[[rooms]] match = \"" + rule.match + "\": " + std::string(need.key) + " has no use with " +
                    std::string(need.with));
    }
  }
  return {};
}

}  // namespace ringcast::config
