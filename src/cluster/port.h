// SPDX-License-Identifier: Apache-2.0
// A core's end of the bridge: what its hub gives to be ordered leaves as mail, and what has been ordered comes back as
// mail and goes to the hub. One per core; its reactor's thread only.
#pragma once

#include <tsl/robin_map.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/block.h"
#include "hub/broker.h"
#include "hub/hub.h"

namespace ringcast::cluster {

class Port final : public hub::Broker {
 public:
  // Which of this node's connections goes by this name; none: none of them.
  using AddressOf = std::function<std::optional<hub::Address>(std::string_view name)>;

  // `bridge`: its number in the mesh; `node`: BridgeOptions::node.
  Port(hub::Post& post, uint16_t bridge, uint64_t node, const hub::RoomPolicies& policies,
       const hub::BrokerStats& stats, AddressOf address_of)
      : post_(post),
        bridge_(bridge),
        node_(node),
        policies_(policies),
        stats_(stats),
        address_of_(std::move(address_of)) {}

  bool orders(std::string_view key) const override;
  void order(const hub::Unordered& publish) override;
  void announce(const hub::MessageView& event, const hub::Address& exclude) override;
  void open(std::string_view key) override;
  void close(std::string_view key) override;
  bool reachable() const override { return stats_.up.load(std::memory_order_relaxed); }
  void command(hub::QueryKind kind, std::string_view key, std::string_view user) override;
  void attends(std::string_view key, const hub::Attendee& attendee) override;
  void counts(std::string_view key, const hub::Counts& counts) override;
  void cleared(std::string_view key) override;
  void state(std::string_view inbox, hub::Status status) override;
  void ask(const hub::Query& query, uint64_t gather) override;
  void on_mail(hub::Hub& hub, const reactor::Mail& mail) override;

 private:
  void send(reactor::Mail mail);  // with scratch_

  hub::Post& post_;
  const uint16_t bridge_;
  const uint64_t node_;
  const hub::RoomPolicies& policies_;
  const hub::BrokerStats& stats_;
  const AddressOf address_of_;
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  // Channels that are open, by the number of the opening: mail for one that is over may still be on its way.
  tsl::robin_map<std::string, uint64_t, Hash, std::equal_to<>> openings_;
  uint64_t last_opening_ = 0;
  std::string scratch_, record_;
  BlockWriter payloads_{16384};
};

}  // namespace ringcast::cluster
