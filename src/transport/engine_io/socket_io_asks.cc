// SPDX-License-Identifier: Apache-2.0
#include "transport/engine_io/socket_io_asks.h"

#include <utility>

namespace ringcast::session {

namespace {

constexpr uint32_t kEndedPerInterval = 1024;

uint64_t key_of(ConnectionId id) {
  return uint64_t{id.slot} << 32 | id.generation;
}

hub::Answer sent_to_one() {
  hub::Answer answer{hub::QueryKind::send_to_connection};
  answer.found = true;
  answer.count = 1;
  return answer;
}

}  // namespace

uint64_t SocketIoAsks::open(ConnectionId member, const hub::Asker& asker, std::chrono::milliseconds time) {
  const uint64_t number = last_++;
  const auto of_member = by_member_.emplace(key_of(member), number);
  const auto due = due_.emplace(clients_.reactor().now() + time, number);
  asks_.emplace(number, Ask{member, asker, of_member, due});
  return number;
}

void SocketIoAsks::acknowledged(ConnectionId member, uint64_t number, std::string_view arguments,
                                std::span<const std::string> attachments) {
  const auto ask = asks_.find(number);
  if (ask == asks_.end() || ask->second.member != member) return;
  hub::Answer answer = sent_to_one();
  answer.rows.push_back({.name = {}, .text = std::string(arguments), .a = answer.count});
  for (const std::string& bytes : attachments) answer.rows.push_back({.name = {}, .text = bytes});
  end(ask, answer);
}

void SocketIoAsks::gone(ConnectionId member) {
  for (;;) {
    const auto of_member = by_member_.find(key_of(member));
    if (of_member == by_member_.end()) return;
    end(asks_.find(of_member->second), sent_to_one());
  }
}

void SocketIoAsks::on_interval() {
  for (uint32_t ended = 0; ended < kEndedPerInterval && !due_.empty(); ++ended) {
    const auto [at, number] = *due_.begin();
    if (at > clients_.reactor().now()) return;
    end(asks_.find(number), sent_to_one());
  }
}

void SocketIoAsks::end(Asks::iterator ask, const hub::Answer& answer) {
  by_member_.erase(ask->second.of_member);
  due_.erase(ask->second.due);
  const hub::Asker asker = ask->second.asker;
  asks_.erase(ask);
  clients_.hub().reply(asker, answer);
}

}  // namespace ringcast::session
