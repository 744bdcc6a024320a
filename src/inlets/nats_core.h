// SPDX-License-Identifier: Apache-2.0
// NATS without JetStream as a source: what is published while nobody is subscribed is lost there, and its messages have
// no ids. A thread of its own connects, which may take a while; the library's threads deliver. Of what is not taken,
// the library keeps some, and drops and counts the rest.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "inlets/handover.h"
#include "inlets/nats_connection.h"
#include "inlets/options.h"
#include "inlets/source.h"

namespace ringcast::inlets {

class NatsCore final : public Source {
 public:
  // `group`: of those who subscribe with the same one, each message reaches one; empty: each.
  NatsCore(const InletOptions& options, std::string group);
  ~NatsCore() override;

  void work(Host& host, Time now, bool reads) override;
  void settled(uint64_t) override {}
  void forget() override {}
  bool flushed() const override { return true; }
  void append_waits(std::vector<pollfd>& waits) const override;
  Time due() const override { return kNever; }

 private:
  // What the library's threads use, for as long as one of them may.
  struct Subscription {
    std::shared_ptr<Handover> handover;
    size_t from;
  };
  static void on_message(natsConnection* connection, natsSubscription* subscription, natsMsg* message, void* closure);
  static void on_complete(void* closure);

  void run();
  [[nodiscard]] Result<void> connect();
  [[nodiscard]] Result<void> subscribe(size_t from);
  void count_missed();
  void disconnect();

  const InletOptions options_;
  const Address address_;
  const std::string group_;
  const std::shared_ptr<Handover> handover_;
  std::vector<Field> fields_;
  std::vector<std::string_view> captured_;

  // The thread's.
  Nats<natsConnection> connection_;
  std::vector<Nats<natsSubscription>> subscriptions_;
  std::vector<int64_t> missed_;  // of each subscription, as it was seen
  bool up_ = false;
  std::thread thread_;
};

}  // namespace ringcast::inlets
