// SPDX-License-Identifier: Apache-2.0
#include "client/clients.h"

#include <algorithm>

#include "codec/http1/http_response.h"

namespace ringcast::session {

void Clients::limit_output(const Client& client, reactor::Connection& connection,
                           reactor::FrameLength frame_length) const {
  const RouteSettings& settings = route_of(client).settings;
  reactor_.set_output(connection,
                      {.frame_length = frame_length,
                       .bytes_max = either(settings.outbox_bytes_max, options_->outbox_bytes_max),
                       .messages_max = either(settings.outbox_messages_max, options_->outbox_messages_max)});
  connection.unlimited_output = false;
  // A stream has no socket of its own to be tuned.
  if (connection.socket.valid() && (settings.send_buffer_bytes != 0 || settings.write_timeout.count() != 0)) {
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
  // Golden-ratio steps: connections that come one after another are given times far apart, and evenly spread.
  const uint32_t mixed = (client.id.slot + 1) * 0x9E3779B1u + client.id.generation * 0x85EBCA6Bu;
  const int64_t span = base.count() * percent / 100;
  return milliseconds(base.count() - span + static_cast<int64_t>(static_cast<uint64_t>(2 * span + 1) * mixed >> 32));
}

std::string_view Clients::http_date() {
  const uint64_t second = reactor_.wall_us() / 1'000'000;
  if (second == date_second_ && !date_.empty()) return date_;
  date_second_ = second;
  date_ = codec::http_date_of(second);
  return date_;
}

}  // namespace ringcast::session
