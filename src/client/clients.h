// SPDX-License-Identifier: Apache-2.0
// The clients of one core, by slot, and what holds for each of them: its connection, its public name, the settings of
// its route. What decides about clients or counts them needs no more than this. One per core, its reactor's thread
// only.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/slot_array.h"
#include "client/client.h"
#include "client/connection_name.h"
#include "client/name_aliases.h"
#include "client/routes.h"
#include "client/session_options.h"
#include "client/session_stats.h"
#include "client/shared.h"
#include "reactor/reactor.h"

namespace ringcast::session {

class Clients {
 public:
  Clients(reactor::Reactor& reactor, const SessionOptions& options, Shared& shared)
      : reactor_(reactor),
        options_(&options),
        shared_(shared),
        names_(shared.name_key),
        cores_(static_cast<uint16_t>(shared.cores.size())),
        started_(reactor.now()) {}
  Clients(const Clients&) = delete;
  Clients& operator=(const Clients&) = delete;

  // The hub is made after its sink; before the first tick.
  void attach(hub::Hub& hub) { hub_ = &hub; }
  hub::Hub& hub() const { return *hub_; }
  reactor::Reactor& reactor() const { return reactor_; }
  uint16_t core() const { return reactor_.core(); }
  uint16_t cores() const { return cores_; }
  const Shared& shared() const { return shared_; }
  Hooks* hooks() const { return shared_.hooks; }  // null: nobody takes part
  const SessionOptions& options() const { return *options_; }
  // A reload; `options` outlives this or the next call.
  void set_options(const SessionOptions& options) {
    options_ = &options;
    ++options_epoch_;
  }
  uint32_t options_epoch() const { return options_epoch_; }
  SessionStats& stats() { return stats_; }
  const SessionStats& stats() const { return stats_; }

  // Null when the connection is gone or about to.
  Client* find(ConnectionId id) { return reactor_.find(id) == nullptr ? nullptr : &at(id.slot); }
  bool alive(const Client& client) const { return reactor_.find(client.id) != nullptr; }
  Client& at(uint32_t slot) { return clients_[slot]; }
  const Client& at(uint32_t slot) const { return clients_[slot]; }
  // Whether at() may be asked: there is a client, or one that says nothing.
  bool holds(uint32_t slot) const { return clients_.holds(slot); }
  reactor::Connection& connection(const Client& client) const { return reactor_.at(client.id.slot); }
  // No client is at or above.
  uint32_t slots_end() const { return clients_.end(); }
  // A connection has come.
  Client& add(ConnectionId id) {
    Client& client = clients_.add(id.slot);
    client.id = id;
    return client;
  }
  // It has gone.
  void remove(const Client& client) { clients_.remove(client.id.slot); }

  hub::Address address_of(const Client& client) const { return {core(), client.id}; }
  // Public names of connections; parse_name says nothing for names that this process did not give.
  void append_name(std::string& out, const Client& client) const { append_name(out, address_of(client)); }
  void append_name(std::string& out, const hub::Address& address) const {
    names_.append(out, aliases_.named_of(address));
  }
  std::optional<hub::Address> parse_name(std::string_view text) const {
    const auto address = names_.parse(text);
    return address ? std::optional(aliases_.now_of(*address)) : address;
  }
  // Whether another server may have given it.
  bool may_be_elsewhere(std::string_view name) const { return hub_->has_broker() && ConnectionNames::is_form(name); }
  NameAliases& aliases() { return aliases_; }

  // What is set for a connection: by its route, else for all.
  const Route& route_of(const Client& client) const { return (*shared_.routes)[client.route]; }
  milliseconds heartbeat_interval(const Client& client) const {
    return either(route_of(client).settings.heartbeat_interval, options_->heartbeat_interval);
  }
  milliseconds heartbeat_timeout(const Client& client) const {
    return either(route_of(client).settings.heartbeat_timeout, options_->heartbeat_timeout);
  }
  milliseconds retry(const Client& client) const { return either(route_of(client).settings.retry, options_->retry); }
  uint32_t message_max(const Client& client) const {
    return either(route_of(client).settings.message_max, options_->message_max);
  }
  // Limits and socket options of a connection that becomes a stream.
  void limit_output(const Client& client, reactor::Connection& connection, reactor::FrameLength frame_length) const;
  // Its place among the connections of its route; false when none is left.
  bool take_place(Client& client);
  void give_place(Client& client);
  // Among all connections of the process; false when none is left.
  bool take_place_of_all();
  void give_place_of_all() { shared_.connections.fetch_sub(1, std::memory_order_relaxed); }

  // Milliseconds in [base - percent %, base + percent %], the same for a connection each time, spread over all.
  static milliseconds jittered(const Client& client, milliseconds base, uint32_t percent);
  // "Sat, 21 Nov 2026 02:36:00 GMT", made once per second.
  std::string_view http_date();
  // Tenths of a second since the core began.
  uint32_t decisecond() const { return decisecond_; }
  void note_time() {
    decisecond_ = static_cast<uint32_t>((reactor_.now() - started_) / std::chrono::milliseconds(100));
  }

 private:
  template <class T>
  static T either(T of_route, T of_all) {
    return of_route != T{} ? of_route : of_all;
  }

  reactor::Reactor& reactor_;
  hub::Hub* hub_ = nullptr;
  const SessionOptions* options_;
  uint32_t options_epoch_ = 0;
  Shared& shared_;
  ConnectionNames names_;
  NameAliases aliases_;
  uint16_t cores_;
  SessionStats stats_;
  SlotArray<Client> clients_;  // by the connection's slot
  io::Nanoseconds started_;
  uint32_t decisecond_ = 0;
  uint64_t date_second_ = 0;
  std::string date_;
};

}  // namespace ringcast::session
