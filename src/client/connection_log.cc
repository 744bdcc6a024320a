// SPDX-License-Identifier: Apache-2.0
#include "client/connection_log.h"

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
    {"broker_unavailable", "broker"},
    {"draining", ""},
    {"file_too_large", "static_file_size_max"},
    {"file_unreadable", "web_root, static_dir"},
    {"forbidden", "[[permissions]], clients_may_broadcast, clients_may_direct, api_keys"},
    {"forbidden_origin", "origins"},
    {"full", "connections_max"},
    {"kicked", ""},
    {"misdirected", "hosts"},
    {"rate_limited", "connection_, user_, address_ and key_messages_per_second, bytes_per_second, connects_per_minute"},
    {"refused", "[[webhooks]]"},
    {"topics_not_enabled", "sse_broker_topics, enable_topics"},
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
    return of(level, sampler, clients, clients.address_of(client));
  }
  static std::optional<Line> of(LogLevel level, LogSampler& sampler, const Clients& clients, const hub::Address& who) {
    if (!log_enabled(level)) return std::nullopt;
    const std::optional<uint64_t> held_back = sampler.pass(clients.reactor().now().count());
    if (!held_back) return std::nullopt;
    Line line;
    line.held_back = *held_back;
    clients.append_name(line.connection, who);
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
                         {"clients", open_clients()},
                         {"held_back", line->held_back}});
}

void ConnectionLog::ended(const Client& client, TransportKind transport, uint32_t deciseconds,
                          reactor::CloseCause cause) {
  if (transport == TransportKind::poll) return;
  const auto line = Line::of(LogLevel::info, ended_, clients_, client);
  if (!line) return;
  log_info("disconnected", {{"connection", line->connection},
                            {"transport", to_string(transport)},
                            {"reason", to_string(cause)},
                            {"seconds", deciseconds / 10.0},
                            {"user", client.user()},
                            {"tenant", client.tenant()},
                            {"clients", open_clients()},
                            {"held_back", line->held_back}});
}

// Of the process: what it serves beside this one.
uint64_t ConnectionLog::open_clients() const {
  uint64_t all = 0;
  for (const CoreView& core : clients_.shared().cores) {
    if (core.sessions == nullptr) continue;
    for (const auto& open : core.sessions->open) all += open.get();
  }
  return all;
}

void ConnectionLog::joined(const Client& client, std::string_view key, uint32_t members) {
  const std::string_view room = hub::name_of(key);
  if (hub::is_inbox(room) || hub::is_broadcast(room)) return;
  const auto line = Line::of(LogLevel::info, joined_, clients_, client);
  if (!line) return;
  log_info("joined", {{"connection", line->connection},
                      {"room", room},
                      {"members", members},
                      {"user", client.user()},
                      {"tenant", client.tenant()},
                      {"held_back", line->held_back}});
}

void ConnectionLog::published(const Client& client, std::string_view key, size_t bytes) {
  const auto line = Line::of(LogLevel::debug, published_, clients_, client);
  if (!line) return;
  log_debug("published", {{"connection", line->connection},
                          {"room", hub::name_of(key)},
                          {"bytes", bytes},
                          {"user", client.user()},
                          {"tenant", client.tenant()},
                          {"held_back", line->held_back}});
}

void ConnectionLog::dropped(const Client& client, uint64_t messages) {
  const auto line = Line::of(LogLevel::warning, dropped_, clients_, client);
  if (!line) return;
  log_warning("slow_client", {{"connection", line->connection},
                              {"address", address_of(client)},
                              {"user", client.user()},
                              {"dropped", messages},
                              {"settings", "slow_consumer, outbox_size_max, outbox_messages_max"},
                              {"held_back", line->held_back}});
}

void ConnectionLog::left(const hub::Address& who, std::string_view key, std::string_view user, std::string_view reason,
                         uint32_t members) {
  const std::string_view room = hub::name_of(key);
  if (hub::is_inbox(room) || hub::is_broadcast(room)) return;
  const auto line = Line::of(LogLevel::info, left_, clients_, who);
  if (!line) return;
  log_info("left", {{"connection", line->connection},
                    {"room", room},
                    {"reason", reason},
                    {"members", members},
                    {"user", user},
                    {"tenant", hub::tenant_of(key)},
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

void ConnectionLog::not_explained(const Client& client, uint16_t status, std::string_view code, std::string_view why) {
  const auto line = Line::of(LogLevel::info, not_explained_, clients_, client);
  if (!line) return;
  log_info("refused", {{"connection", line->connection},
                       {"address", address_of(client)},
                       {"user", client.user()},
                       {"status", unsigned{status}},
                       {"code", code},
                       {"why", why},
                       {"held_back", line->held_back}});
}

void ConnectionLog::slow(const Client& client, reactor::CloseCause cause, uint64_t unsent_bytes) {
  const auto line = Line::of(LogLevel::warning, slow_, clients_, client);
  if (!line) return;
  const bool in_all = cause == reactor::CloseCause::unread_total;
  log_warning("slow_client", {{"connection", line->connection},
                              {"address", address_of(client)},
                              {"user", client.user()},
                              {"unsent_bytes", unsent_bytes},
                              {"settings", in_all ? "slow_readers_size_max" : "outbox_size_max, outbox_messages_max"},
                              {"held_back", line->held_back}});
}

}  // namespace ringcast::session
