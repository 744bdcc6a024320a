// SPDX-License-Identifier: Apache-2.0
#include "inlets/nats_core.h"

#include <algorithm>
#include <chrono>
#include <climits>
#include <utility>

#include "inlets/pattern.h"

namespace ringcast::inlets {

namespace {

constexpr size_t kQueueMax = 256;
constexpr int kPendingMax = 65536;
constexpr auto kLook = std::chrono::milliseconds(100);
constexpr auto kConnectPause = std::chrono::milliseconds(500);

}  // namespace

NatsCore::NatsCore(const InletOptions& options, std::string group)
    : options_(options),
      address_(*parse_address(options.type, options.url)),
      group_(std::move(group)),
      handover_(std::make_shared<Handover>(std::min<size_t>(kQueueMax, options.in_flight_max))) {}

NatsCore::~NatsCore() {
  handover_->close();
  if (thread_.joinable()) thread_.join();
}

void NatsCore::work(Host& host, Time, bool reads) {
  // Made by the inlet's thread, whose mask of signals it inherits.
  if (reads && !thread_.joinable()) thread_ = std::thread([this] { run(); });
  handover_->report(host);
  handover_->want(reads, UINT32_MAX, UINT64_MAX);
  Parcel parcel;
  while (host.room() != 0 && handover_->take(parcel)) {
    fields_.clear();
    for (const auto& [name, value] : parcel.fields) fields_.push_back({name, value});
    capture_nats(options_.from[parcel.from], parcel.channel, captured_);
    host.take({.channel = parcel.channel, .body = parcel.body, .fields = fields_, .captured = captured_});
  }
}

void NatsCore::append_waits(std::vector<pollfd>& waits) const {
  waits.push_back({handover_->descriptor(), POLLIN, 0});
}

void NatsCore::on_message(natsConnection*, natsSubscription*, natsMsg* message, void* closure) {
  const Nats<natsMsg> owned(message);
  const auto* subscription = static_cast<const Subscription*>(closure);
  Parcel parcel = parcel_of(message);
  parcel.from = subscription->from;
  static_cast<void>(subscription->handover->put(std::move(parcel)));
}

void NatsCore::on_complete(void* closure) {
  delete static_cast<Subscription*>(closure);
}

Result<void> NatsCore::subscribe(size_t from) {
  const char* subject = options_.from[from].c_str();
  auto closure = std::make_unique<Subscription>(Subscription{handover_, from});
  natsSubscription* made = nullptr;
  natsStatus status = group_.empty()
                          ? natsConnection_Subscribe(&made, connection_.get(), subject, &on_message, closure.get())
                          : natsConnection_QueueSubscribe(&made, connection_.get(), subject, group_.c_str(),
                                                          &on_message, closure.get());
  if (status != NATS_OK) return fail("nats", options_.from[from] + ": " + nats_error(status));
  subscriptions_.emplace_back(made);
  missed_.push_back(0);
  status = natsSubscription_SetOnCompleteCB(made, &on_complete, closure.get());
  static_cast<void>(closure.release());  // on_complete's, or, if it could not be set, for good
  const auto bytes = static_cast<int>(std::min<uint64_t>(options_.in_flight_size_max, INT_MAX));
  if (status == NATS_OK) status = natsSubscription_SetPendingLimits(made, kPendingMax, bytes);
  if (status != NATS_OK) return fail("nats", nats_error(status));
  return {};
}

Result<void> NatsCore::connect() {
  auto connection = connect_nats(options_, address_, true);
  if (!connection) return tl::unexpected<Error>(std::move(connection.error()));
  connection_ = *std::move(connection);
  for (size_t from = 0; from < options_.from.size(); ++from) {
    if (auto done = subscribe(from); !done) return done;
  }
  // The subscriptions are there when this has been answered.
  if (const natsStatus status = natsConnection_FlushTimeout(connection_.get(), 2000); status != NATS_OK)
    return fail("nats", nats_error(status));
  const char* refused = nullptr;
  if (natsConnection_GetLastError(connection_.get(), &refused) != NATS_OK && refused != nullptr && *refused != '\0')
    return fail("nats", refused);
  return {};
}

void NatsCore::count_missed() {
  uint64_t more = 0;
  for (size_t i = 0; i < subscriptions_.size(); ++i) {
    int64_t count = 0;
    if (natsSubscription_GetDropped(subscriptions_[i].get(), &count) != NATS_OK || count <= missed_[i]) continue;
    more += static_cast<uint64_t>(count - std::exchange(missed_[i], count));
  }
  if (more != 0) handover_->missed(more);
}

void NatsCore::disconnect() {
  count_missed();
  subscriptions_.clear();
  missed_.clear();
  connection_.reset();
  up_ = false;
}

void NatsCore::run() {
  for (;;) {
    const Handover::Order order = handover_->order();
    if (order.closed) break;
    if (!order.reads) {
      if (connection_ != nullptr) {
        disconnect();
        handover_->disconnected("nothing is read for now");
      }
      handover_->wait(std::chrono::seconds(1));
      continue;
    }
    if (connection_ == nullptr) {
      if (auto done = connect(); !done) {
        disconnect();
        handover_->disconnected(done.error().message);
        handover_->wait(kConnectPause);
        continue;
      }
    }
    count_missed();
    const natsConnStatus status = natsConnection_Status(connection_.get());
    if (status == NATS_CONN_STATUS_CLOSED) {  // it has given up
      disconnect();
      handover_->disconnected("the connection was closed");
      handover_->wait(kConnectPause);
      continue;
    }
    if (const bool up = status == NATS_CONN_STATUS_CONNECTED; up != up_) {
      up_ = up;
      if (up) {
        handover_->connected();
      } else {
        handover_->disconnected("the connection was lost");
      }
    }
    handover_->wait(kLook);
  }
  disconnect();
  nats_ReleaseThreadMemory();
}

}  // namespace ringcast::inlets
