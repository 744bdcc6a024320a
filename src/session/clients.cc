// SPDX-License-Identifier: Apache-2.0
#include "session/clients.h"

#include <algorithm>
#include <cstdio>
#include <ctime>

namespace ringcast::session {

Client& Clients::add(ConnectionId id) {
  while (chunks_.size() * kChunk <= id.slot) chunks_.push_back(std::make_unique<Client[]>(kChunk));
  slots_end_ = std::max(slots_end_, id.slot + 1);
  Client& client = at(id.slot);
  client.id = id;
  return client;
}

void Clients::limit_output(const Client& client, runtime::Connection& connection,
                           runtime::FrameLength frame_length) const {
  const RouteSettings& settings = route_of(client).settings;
  reactor_.set_output(connection,
                      {.frame_length = frame_length,
                       .bytes_max = either(settings.outbox_bytes_max, options_->outbox_bytes_max),
                       .messages_max = either(settings.outbox_messages_max, options_->outbox_messages_max)});
  connection.unlimited_output = false;
  if (settings.send_buffer_bytes != 0 || settings.write_timeout.count() != 0) {
    reactor_.backend().tune(connection.socket, {settings.send_buffer_bytes, settings.write_timeout});
  }
}

bool Clients::take_place(Client& client) {
  const uint32_t max = route_of(client).settings.connections_max;
  if (max == 0) return true;
  client.by_route = shared_.by_route[client.route].fetch_add(1, std::memory_order_relaxed) < max;
  if (client.by_route) return true;
  shared_.by_route[client.route].fetch_sub(1, std::memory_order_relaxed);
  stats_.over_limit.add();
  return false;
}

void Clients::give_place(Client& client) {
  if (client.by_route) shared_.by_route[client.route].fetch_sub(1, std::memory_order_relaxed);
  client.by_route = false;
}

bool Clients::take_place_of_all() {
  const uint32_t max = options_->connections_max;
  if (shared_.connections.fetch_add(1, std::memory_order_relaxed) < max || max == 0) return true;
  give_place_of_all();
  return false;
}

milliseconds Clients::jittered(const Client& client, milliseconds base, uint32_t percent) {
  // Golden-ratio steps: connections that come one after another are told times far apart, and evenly spread.
  const uint32_t mixed = (client.id.slot + 1) * 0x9E3779B1u + client.id.generation * 0x85EBCA6Bu;
  const int64_t span = base.count() * percent / 100;
  return milliseconds(base.count() - span + static_cast<int64_t>(static_cast<uint64_t>(2 * span + 1) * mixed >> 32));
}

std::string_view Clients::http_date() {
  const uint64_t second = reactor_.wall_us() / 1'000'000;
  if (second == date_second_ && !date_.empty()) return date_;
  date_second_ = second;
  // Names are fixed by RFC 9110 section 5.6.7, whatever the locale.
  static constexpr char kDays[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr char kMonths[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto time = static_cast<time_t>(second);
  tm parts{};
  gmtime_r(&time, &parts);
  char text[64];
  const int length =
      std::snprintf(text, sizeof text, "%s, %02d %s %04d %02d:%02d:%02d GMT", kDays[parts.tm_wday], parts.tm_mday,
                    kMonths[parts.tm_mon], parts.tm_year + 1900, parts.tm_hour, parts.tm_min, parts.tm_sec);
  date_.assign(text, static_cast<size_t>(length));
  return date_;
}

}  // namespace ringcast::session
