// SPDX-License-Identifier: Apache-2.0
// All inlets of a server, each on a thread of its own, where it connects, reads, and hands what it has to the cores as
// the host program's threads do; what becomes of it comes back through rings. Made, started and stopped by the main
// thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "access/authority.h"
#include "access/token_bucket.h"
#include "base/error.h"
#include "client/shared.h"
#include "cluster/settings.h"
#include "inlets/mapping.h"
#include "inlets/options.h"
#include "inlets/source.h"
#include "reactor/mesh_producer.h"

namespace ringcast::inlets {

struct InletsPlan {
  std::vector<InletOptions> inlets;
  uint16_t cores = 1;
  MappingLimits limits;
  access::Rate messages, bytes;  // of each inlet, as of an API key
  const access::Authority* authority = nullptr;
  // With a broker: its Redis, where the leases are.
  std::optional<cluster::BrokerAddress> broker;
  std::string prefix;  // of its keys
  std::string node;    // nobody else's
  Time lease = std::chrono::seconds(10);
};

class Inlets final : public session::MoreMetrics {
 public:
  // Before the reactors start; wake_descriptors() must stay open in their tables. The error names the inlet.
  [[nodiscard]] static Result<std::unique_ptr<Inlets>> create(InletsPlan plan);
  ~Inlets() override;

  std::vector<int> wake_descriptors() const;
  // When the cores serve. `attach`: makes a way to them for each inlet.
  [[nodiscard]] Result<void> start(const std::function<Result<reactor::Producer>()>& attach);
  // Nothing more is taken; what is under way is published and acknowledged. drained() says when that is done.
  void drain();
  bool drained() const;
  // At once, when no mail is taken any more or after drained(). What was not acknowledged comes again.
  void stop();

  void append_metrics(std::string& out) const override;
  void append_statistics(codec::JsonWriter& json, bool names) const override;

 private:
  class Runner;
  Inlets();
  std::vector<std::unique_ptr<Runner>> runners_;
};

}  // namespace ringcast::inlets
