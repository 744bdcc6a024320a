// SPDX-License-Identifier: Apache-2.0
#include "session/connection_log.h"

#include <algorithm>
#include <iterator>
#include <optional>

#include "hub/types.h"

namespace ringcast::session {

namespace {

// Which settings decide that a client is refused with a code.
struct Decider {
  std::string_view code;
  std::string_view settings;  // empty: none does
};
constexpr Decider kDeciders[] = {
    {"channels_full", "channels_max"},
    {"draining", ""},
    {"forbidden", "[[permissions]], clients_may_broadcast, clients_may_direct, api_keys"},
    {"forbidden_origin", "origins"},
    {"full", "connections_max"},
    {"kicked", ""},
    {"misdirected", "hosts"},
    {"rate_limited", "connection_, user_, address_ and key_messages_per_second, bytes_per_second, connects_per_minute"},
    {"refused", "[[webhooks]]"},
    {"too_many_connections", "connections_per_address_max, connections_per_user_max"},
    {"too_many_rooms", "rooms_per_websocket_max, rooms_per_stream_max"},
    {"try_again", "jwks"},
    {"unauthorized", "jwt_keys, jwks, api_keys"},
    {"undecided", "[[webhooks]], decision_timeout"},
};

const Decider* decider_of(std::string_view code) {
  const auto has_code = [&](const Decider& decider) { return decider.code == code; };
  const auto* const at = std::find_if(std::begin(kDeciders), std::end(kDeciders), has_code);
  return at == std::end(kDeciders) ? nullptr : at;
}

}  // namespace

// What all lines have.
struct ConnectionLog::Line {
  // Nothing when the level is not logged, or this second has had its lines.
  static std::optional<Line> of(LogLevel level, LogSampler& sampler, const Clients& clients, const Client& client) {
    if (!log_enabled(level)) return std::nullopt;
    const std::optional<uint64_t> held_back = sampler.pass(clients.reactor().now().count());
    if (!held_back) return std::nullopt;
    Line line;
    line.held_back = *held_back;
    clients.append_name(line.connection, client);
    return line;
  }

  std::string connection;
  uint64_t held_back = 0;
};

// Empty: a unix socket. A system call, so only for lines that are written.
std::string ConnectionLog::address_of(const Client& client) const {
  const IpAddress address = find_address_(client);
  return address.is_set() ? address.to_string() : std::string();
}

void ConnectionLog::opened(const Client& client, TransportKind transport) {
  if (transport == TransportKind::poll) return;
  const auto line = Line::of(LogLevel::info, opened_, clients_, client);
  if (!line) return;
  log_info("connected", {{"connection", line->connection},
                         {"transport", to_string(transport)},
                         {"address", address_of(client)},
                         {"user", client.user()},
                         {"tenant", client.tenant()},
                         {"held_back", line->held_back}});
}

void ConnectionLog::ended(const Client& client, TransportKind transport, uint32_t deciseconds,
                          runtime::CloseCause cause) {
  if (transport == TransportKind::poll) return;
  const auto line = Line::of(LogLevel::info, ended_, clients_, client);
  if (!line) return;
  log_info("disconnected", {{"connection", line->connection},
                            {"transport", to_string(transport)},
                            {"reason", to_string(cause)},
                            {"seconds", deciseconds / 10.0},
                            {"user", client.user()},
                            {"tenant", client.tenant()},
                            {"held_back", line->held_back}});
}

void ConnectionLog::joined(const Client& client, std::string_view key) {
  const auto line = Line::of(LogLevel::debug, joined_, clients_, client);
  if (!line) return;
  log_debug("joined", {{"connection", line->connection},
                       {"room", hub::name_of(key)},
                       {"user", client.user()},
                       {"tenant", client.tenant()},
                       {"held_back", line->held_back}});
}

void ConnectionLog::left(const Client& client, std::string_view key, std::string_view reason) {
  const auto line = Line::of(LogLevel::debug, left_, clients_, client);
  if (!line) return;
  log_debug("left", {{"connection", line->connection},
                     {"room", hub::name_of(key)},
                     {"reason", reason},
                     {"user", client.user()},
                     {"tenant", client.tenant()},
                     {"held_back", line->held_back}});
}

void ConnectionLog::request(const Client& client, std::string_view method, std::string_view path) {
  const auto line = Line::of(LogLevel::debug, requests_, clients_, client);
  if (!line) return;
  log_debug("request", {{"connection", line->connection},
                        {"address", address_of(client)},
                        {"method", method},
                        {"path", path},
                        {"held_back", line->held_back}});
}

void ConnectionLog::refused(const Client& client, uint16_t status, std::string_view code, std::string_view why) {
  const Decider* const decider = decider_of(code);
  // Hooks have codes of their own.
  const bool barred = decider != nullptr || status == 401 || status == 403 || status == 4001 || status == 4003;
  const LogLevel level = barred ? LogLevel::info : LogLevel::debug;
  const auto line = Line::of(level, barred ? refused_ : mistakes_, clients_, client);
  if (!line) return;
  log_event(level, "refused",
            {{"connection", line->connection},
             {"address", address_of(client)},
             {"user", client.user()},
             {"status", unsigned{status}},
             {"code", code},
             {"why", why},
             {"settings", decider != nullptr ? decider->settings : std::string_view()},
             {"held_back", line->held_back}});
}

void ConnectionLog::slow(const Client& client, runtime::CloseCause cause, uint64_t unsent_bytes) {
  const auto line = Line::of(LogLevel::warning, slow_, clients_, client);
  if (!line) return;
  const bool in_all = cause == runtime::CloseCause::unread_total;
  log_warning("slow_client", {{"connection", line->connection},
                              {"address", address_of(client)},
                              {"user", client.user()},
                              {"unsent_bytes", unsent_bytes},
                              {"settings", in_all ? "slow_readers_size_max" : "outbox_size_max, outbox_messages_max"},
                              {"held_back", line->held_back}});
}

}  // namespace ringcast::session
