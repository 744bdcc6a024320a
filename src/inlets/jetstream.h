// SPDX-License-Identifier: Apache-2.0
// A stream of NATS JetStream as a source, read by a durable pull consumer. What was delivered and not acknowledged
// comes again from there after the consumer's time for it; before this is read on, it is waited for, so that the order
// holds. Who reads has to be the only one (a lease). A thread of its own makes the calls of the library, which wait.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include "inlets/handover.h"
#include "inlets/nats_connection.h"
#include "inlets/options.h"
#include "inlets/source.h"

namespace ringcast::inlets {

class JetStream final : public Source {
 public:
  explicit JetStream(const InletOptions& options);
  ~JetStream() override;

  void work(Host& host, Time now, bool reads) override;
  void settled(uint64_t token) override { handover_.settle(token); }
  void forget() override { handover_.forget(); }
  bool flushed() const override { return handover_.flushed(); }
  void append_waits(std::vector<pollfd>& waits) const override;
  Time due() const override { return kNever; }

 private:
  void run();
  [[nodiscard]] Result<void> go_on(const Handover::Order& order);
  [[nodiscard]] Result<void> connect();
  [[nodiscard]] Result<void> find_consumer();
  [[nodiscard]] Result<void> make_consumer();
  [[nodiscard]] Result<void> settle_before();
  [[nodiscard]] Result<void> fetch(const Handover::Order& order);
  [[nodiscard]] Result<void> pass_on_collected(const Handover::Order& order);
  void pass_on(natsMsg* message, uint64_t epoch);
  bool hand_over(Parcel parcel, std::string reply);
  [[nodiscard]] Result<void> check_silence();
  [[nodiscard]] Result<Nats<jsConsumerInfo>> consumer_info();
  [[nodiscard]] Result<void> acknowledge();
  void disconnect();

  const InletOptions options_;
  const Address address_;
  Handover handover_;
  std::vector<Field> fields_;
  std::vector<std::string_view> captured_;

  // The thread's.
  Nats<natsConnection> connection_;
  Nats<jsCtx> context_;
  Nats<natsSubscription> subscription_;
  std::chrono::steady_clock::time_point connected_at_;
  std::chrono::nanoseconds redelivered_after_{0};
  bool ready_ = false;                              // nothing that was delivered before waits to come again
  std::unordered_map<uint64_t, std::string> held_;  // by sequence: to whom it is acknowledged
  // What was delivered before is collected until it is all here, with what is new and comes in between.
  struct Collected {
    Parcel parcel;
    std::string reply;
  };
  bool collects_ = false;
  std::map<uint64_t, Collected> collected_;  // by sequence
  uint64_t collected_bytes_ = 0;
  uint32_t silent_ = 0;  // fetches in a row that brought nothing
  std::vector<uint64_t> acknowledging_;
  uint64_t epoch_ = 0, newest_ = 0;
  uint64_t message_bytes_ = 1024;  // about as large as messages are
  std::thread thread_;
};

}  // namespace ringcast::inlets
